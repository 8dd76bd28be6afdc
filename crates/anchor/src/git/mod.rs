//! Git: a signed commit that holds the checkpoint.
//!
//! The commit's tree has one file, the checkpoint's text, and its message names that text's SHA-256; an SSH key signs
//! it (SSHSIG, as `git commit -S` does). All but the commit itself follows from the checkpoint, so that is the whole proof.
//! It shows that whoever holds the key had the checkpoint, and the time is that signer's word (`docs/git.md`).

mod commit;
mod object;
mod proof;
#[cfg(feature = "submit")]
mod repository;
mod sshsig;
#[cfg(test)]
mod tests;

use avouch_cose::VerifyingKey;

use crate::{Anchored, Doubt, Existed, Verifier};

pub use object::ObjectFormat;
pub use proof::Proof;
#[cfg(feature = "submit")]
pub use repository::{Repository, Settings};
pub use sshsig::{read_public_key, write_public_key};

/// The kind of its receipts.
pub const KIND: &str = "git";

/// Why a key cannot be one that signs commits here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("commits are signed with Ed25519 keys here")]
pub struct NotEd25519;

/// Whose commits a trust policy believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signers(Vec<VerifyingKey>);

impl Signers {
    /// The holders of these keys, each of whom suffices.
    pub fn new(keys: Vec<VerifyingKey>) -> Result<Self, NotEd25519> {
        match keys.iter().all(|key| key.as_ed25519().is_some()) {
            true => Ok(Self(keys)),
            false => Err(NotEd25519),
        }
    }

    /// Their keys.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.0
    }
}

impl Verifier for Signers {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn verify(&self, anchored: &Anchored, proof: &[u8]) -> Result<Existed, Doubt> {
        let refused = |why: String| Doubt::Refused(why);
        let proof = Proof::decode(proof).map_err(|why| refused(format!("the proof: {why}")))?;
        let signed = proof
            .read(anchored)
            .map_err(|why| refused(format!("the commit: {why}")))?;
        let id = hex::encode(proof.format.id("commit", &proof.commit));
        let signer = write_public_key(&signed.signature.key);
        if !self.0.contains(&signed.signature.key) {
            return Err(Doubt::Unknown(format!(
                "commit {id} is signed by {signer}, which is not among the keys that the policy trusts"
            )));
        }
        signed
            .signature
            .verify(&signed.payload)
            .map_err(|why| refused(format!("the signature of commit {id}: {why}")))?;
        Ok(Existed {
            by: signed.time,
            source: format!("git commit {id}, by the word of {signer}"),
        })
    }
}
