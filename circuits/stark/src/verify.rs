//! Verifying: nothing here trusts a byte of the proof.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use p3_batch_stark::{BatchProof, ProverData, verify_batch};

use crate::config::{Config, config};
use crate::error::Error;
use crate::preset::Preset;
use crate::proof::Proof;
use crate::security;
use crate::segment::{Layout, segments};
use crate::statement::{Part, Public, transcript};
use crate::tree::{exported, join};
use crate::wire;

/// What a proof that was accepted shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The preset that it was made with.
    pub preset: Preset,
    /// The security level, for any run and claims.
    pub security: crate::Security,
    /// How many segments it has.
    pub segments: u32,
    /// Whether it shows that root and chain are over the same events.
    pub chain: bool,
}

/// Whether `proof` shows that the root commits to `size` well-formed headers for which the claims
/// hold. [`Verified::chain`] says whether it also shows that those events lead from the chain's start to
/// its head.
pub fn verify(public: &Public, proof: &[u8]) -> Result<Verified, Error> {
    let proof = Proof::decode(public, proof)?;
    let mut nodes = BTreeMap::new();
    for (segment, part) in segments(public.size, proof.length).zip(&proof.segments) {
        nodes.extend(
            exported(&segment)
                .into_iter()
                .zip(part.exports.iter().copied()),
        );
    }
    if join(public.size, &nodes) != Some(public.root) {
        return Err(Error::OtherRoot);
    }
    let number = proof.segments.len() as u32;
    let mut incoming = None;
    for (index, (segment, part)) in segments(public.size, proof.length)
        .zip(&proof.segments)
        .enumerate()
    {
        let about = Part {
            index: index as u32,
            segments: number,
            segment,
            exports: &part.exports,
            boundaries: [incoming, part.outgoing],
            chain: proof.chain,
        };
        let transcript = transcript(public, proof.preset, &about);
        let layout = Layout::new(public, &about)?;
        let refused = |why: String| Error::Refused {
            segment: index as u32,
            why,
        };
        guarded(|| verify_segment(proof.preset, transcript, &layout, &part.batch))
            .map_err(refused)?;
        // What this segment proved its last state to be in is what the next must start from.
        incoming = part.outgoing;
    }
    Ok(Verified {
        preset: proof.preset,
        security: proof.preset.security(),
        segments: number,
        chain: proof.chain,
    })
}

pub(crate) fn verify_segment(
    preset: Preset,
    transcript: Vec<u8>,
    layout: &Layout,
    batch: &[u8],
) -> Result<(), String> {
    let batch: BatchProof<Config> = wire::from_bytes(batch).map_err(|error| format!("{error}"))?;
    let degree_bits = layout.degree_bits();
    if batch.degree_bits != degree_bits {
        return Err("its tables have other heights".into());
    }
    let config = config(preset, transcript, [0; 32]);
    let data = ProverData::from_airs_and_degrees(&config, &layout.airs, &degree_bits)
        .map_err(|error| format!("{error:?}"))?;
    security::within_limits(&layout.airs, &layout.heights, &data.common.lookups)?;
    let public_values = alloc::vec![Vec::new(); layout.airs.len()];
    verify_batch(&config, &layout.airs, &batch, &public_values, &data.common)
        .map_err(|error| format!("{error}"))
}

/// Runs the library, whose verifier may panic on shapes that it did not expect.
#[cfg(feature = "std")]
fn guarded(verify: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(verify))
        .unwrap_or_else(|_| Err("it has a shape that no proof has".into()))
}

#[cfg(not(feature = "std"))]
fn guarded(verify: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    verify()
}
