//! Which curves, fields and hash the proofs stand on.

use std::sync::OnceLock;

use avouch_merkle::Digest;
use ff::PrimeField;
use nova_snark::provider::poseidon::{PoseidonConstantsCircuit, PoseidonRO};
use nova_snark::provider::{PallasEngine, VestaEngine, ipa_pc::EvaluationEngine};
use nova_snark::spartan::snark::RelaxedR1CSSNARK;
use nova_snark::traits::{Engine, ROTrait};

pub(crate) type E1 = PallasEngine;
pub(crate) type E2 = VestaEngine;
pub(crate) type S1 = RelaxedR1CSSNARK<E1, EvaluationEngine<E1>>;
pub(crate) type S2 = RelaxedR1CSSNARK<E2, EvaluationEngine<E2>>;
/// What the step circuit counts in: Pallas' scalar field, 255 bits.
pub(crate) type Scalar = <E1 as Engine>::Scalar;

/// Poseidon's constants, made once.
pub(crate) fn poseidon() -> &'static PoseidonConstantsCircuit<Scalar> {
    static CONSTANTS: OnceLock<PoseidonConstantsCircuit<Scalar>> = OnceLock::new();
    CONSTANTS.get_or_init(PoseidonConstantsCircuit::default)
}

/// Poseidon over a fixed number of elements; the number is part of the sponge's tag.
pub(crate) fn hash(elements: &[Scalar]) -> Scalar {
    let mut sponge = PoseidonRO::new(poseidon().clone());
    elements.iter().for_each(|element| sponge.absorb(*element));
    sponge.squeeze(Scalar::NUM_BITS as usize, false)
}

/// 16 bytes as a number, big-endian.
pub(crate) fn number(bytes: [u8; 16]) -> Scalar {
    Scalar::from_u128(u128::from_be_bytes(bytes))
}

/// A digest as two numbers of 128 bits, the first half first.
pub(crate) fn halves(digest: &Digest) -> [Scalar; 2] {
    let half = |at: usize| number(core::array::from_fn(|byte| digest.0[at + byte]));
    [half(0), half(16)]
}
