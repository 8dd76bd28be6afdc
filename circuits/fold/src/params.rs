//! The parameters, which follow from the circuit: nothing about them is secret or chosen.

use ff::PrimeField;
use nova_snark::nova::{CompressedSNARK, ProverKey, PublicParams};
use nova_snark::traits::snark::default_ck_hint;

use crate::Error;
use crate::circuit::Step;
use crate::engine::{E1, E2, S1, S2};
use crate::verify::Verifier;

/// Commitment keys, hashed from labels to the curves, and the circuit's constraints.
pub(crate) struct Params(pub(crate) PublicParams<E1, E2, Step>);

pub(crate) type CompressKey = ProverKey<E1, E2, Step, S1, S2>;

impl Params {
    pub(crate) fn derive() -> Result<Self, Error> {
        let shape = Step::shape()?;
        PublicParams::setup(&shape, &*default_ck_hint(), &*default_ck_hint())
            .map(Self)
            .map_err(Error::library)
    }

    /// What makes publishable proofs, and what verifies them.
    pub(crate) fn keys(&self) -> Result<(CompressKey, Verifier), Error> {
        let (prover, verifier) =
            CompressedSNARK::<_, _, _, S1, S2>::setup(&self.0).map_err(Error::library)?;
        Ok((prover, Verifier::new(verifier, self.digest())))
    }

    /// Of all of them, little-endian as the field's own form is.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.0.digest().to_repr().into()
    }
}
