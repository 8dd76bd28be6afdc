//! OpenTimestamps: calendars that commit to digests in Bitcoin blocks.
//!
//! A proof is a whole `.ots` file about the checkpoint's text, as `ots verify` reads it. It is believed when its
//! operations lead from the checkpoint's SHA-256 to the Merkle root of a block whose header the trust policy
//! gives. SHA-1, RIPEMD-160 and Keccak-256 are read and written but not carried out: no calendar uses them.

mod attestation;
mod bitcoin;
#[cfg(feature = "submit")]
mod client;
mod operation;
mod proof;

use std::collections::BTreeMap;

use crate::{Anchored, Doubt, Existed, Verifier};
use attestation::Attestation;
use proof::Proof;

pub use bitcoin::{HEADER_LEN, Header};
#[cfg(feature = "submit")]
pub use client::Client;

/// The kind of its receipts.
pub const KIND: &str = "opentimestamps";

/// How far a block's time may be behind the true one, in seconds: a miner chooses it within such bounds.
const BLOCK_SLACK: u64 = 2 * 60 * 60;

/// Blocks that the policy trusts to be in the chain.
#[derive(Clone, Debug)]
pub struct Blocks(BTreeMap<u64, Header>);

impl Blocks {
    /// The headers by height.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(headers: BTreeMap<u64, Header>) -> Result<Self, String> {
        match headers.is_empty() {
            true => Err("no block header is given".into()),
            false => Ok(Self(headers)),
        }
    }

    /// Judges an `.ots` file about 32 bytes of SHA-256.
    pub fn verify_file(&self, digest: &[u8; 32], file: &[u8]) -> Result<Existed, Doubt> {
        let proof = Proof::decode(file).map_err(|error| Doubt::Refused(error.to_string()))?;
        if proof.digest != *digest {
            return Err(Doubt::Refused(
                "the proof is about something else: its digest is not the checkpoint's SHA-256"
                    .into(),
            ));
        }
        let mut found: Option<(u64, u64)> = None;
        let mut wrong = None;
        let mut unknown = Vec::new();
        let mut calendars = Vec::new();
        let skipped = proof.stamp.visit(digest, &mut |message, attestation| {
            let height = match attestation {
                Attestation::Bitcoin(height) => *height,
                Attestation::Pending(uri) => return calendars.push(uri.clone()),
                Attestation::Other(..) => return,
            };
            match self.0.get(&height) {
                None => unknown.push(height),
                Some(header) if header.merkle_root() == message => {
                    let this = (header.time(), height);
                    found = Some(found.map_or(this, |other| other.min(this)));
                }
                Some(_) => wrong = Some(height),
            }
        });
        if let Some(height) = wrong {
            return Err(Doubt::Refused(format!(
                "it does not lead to the Merkle root of Bitcoin block {height}"
            )));
        }
        if let Some((time, height)) = found {
            return Ok(Existed {
                by: time.saturating_add(BLOCK_SLACK),
                source: format!("Bitcoin block {height}"),
            });
        }
        if let Some(height) = unknown.first() {
            return Err(Doubt::Unknown(format!(
                "it leads to Bitcoin block {height}, whose header the policy does not give"
            )));
        }
        match calendars.as_slice() {
            [] if skipped => Err(Doubt::Unknown(
                "it goes through a hash function that is not carried out here".into(),
            )),
            [] => Err(Doubt::Refused(
                "it attests nothing that is known here".into(),
            )),
            calendars => Err(Doubt::Pending(format!(
                "{} promised to have it in a block",
                calendars.join(", ")
            ))),
        }
    }
}

impl Verifier for Blocks {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn verify(&self, anchored: &Anchored, proof: &[u8]) -> Result<Existed, Doubt> {
        self.verify_file(&anchored.digest().0, proof)
    }
}

/// Reads an `.ots` file and writes it again: `Some` of the same bytes for everything that is accepted.
pub fn rewritten(file: &[u8]) -> Option<Vec<u8>> {
    Some(Proof::decode(file).ok()?.encode())
}
