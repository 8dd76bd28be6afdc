//! Which curves, fields and hash the proofs stand on.

use std::sync::OnceLock;

use avouch_merkle::Digest;
use ff::{Field, PrimeField};
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

/// A digest as two numbers of 128 bits, the first half first.
pub(crate) fn halves(digest: &Digest) -> [Scalar; 2] {
    let half = |bytes: &[u8]| {
        bytes.iter().fold(Scalar::ZERO, |sum, byte| {
            sum * Scalar::from(256) + Scalar::from(u64::from(*byte))
        })
    };
    [half(&digest.0[..16]), half(&digest.0[16..])]
}
