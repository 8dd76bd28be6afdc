//! What a backend's proof is worth to somebody.

use crate::{Anchored, Receipt, State};

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existed {
    /// The checkpoint existed by then, in seconds since the Unix epoch: the latest time that the proof
    /// allows, its accuracy included.
    pub by: u64,
    /// Who or what says so, in a few words for people: a time-stamping authority's name, a block.
    pub source: String,
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Doubt {
    /// It is only a promise so far.
    #[error("it is pending: {0}")]
    Pending(String),
    /// It comes from somebody, or rests on something, that the trust policy does not know.
    #[error("{0}")]
    Unknown(String),
    /// It is malformed, or not what it says that it is.
    #[error("{0}")]
    Refused(String),
}

/// One of the trust policy's anchors: how proofs of its kind are checked, and against what.
pub trait Verifier {
    /// The kind of receipts that it judges.
    fn kind(&self) -> &'static str;

    /// Judges a proof that claims to be complete. Offline: all that is trusted is in `self`.
    fn verify(&self, anchored: &Anchored, proof: &[u8]) -> Result<Existed, Doubt>;
}

impl Receipt {
    /// Judges the receipt by one of the policy's anchors. What calls itself pending proves nothing, whatever it
    /// holds.
    pub fn verify(&self, by: &dyn Verifier) -> Result<Existed, Doubt> {
        if self.kind != by.kind() {
            let (kind, other) = (&self.kind, by.kind());
            return Err(Doubt::Unknown(format!(
                "it is of kind {kind:?}, and the anchor of kind {other:?}"
            )));
        }
        match self.state {
            State::Pending => Err(Doubt::Pending(
                "its backend has only promised a proof".into(),
            )),
            State::Complete => by.verify(&self.anchored, &self.proof),
        }
    }
}
