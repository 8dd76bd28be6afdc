//! What a proof is about, and how all of it gets into the challenges.

use alloc::vec::Vec;

use avouch_claims::Claims;
use avouch_merkle::Digest;

use crate::events::Segment;
use crate::preset::Preset;

/// What everybody knows: the verifier builds it from the verified statement and its policy, never
/// from the proof.
#[derive(Clone, Debug)]
pub struct Public {
    /// The id of the signed statement that names this root.
    pub statement_id: [u8; 32],
    /// The RFC 9162 root over the run's events.
    pub root: Digest,
    /// How many events the run has.
    pub size: u64,
    /// The agent's chain value before the run's first event. It counts in proofs about the chain.
    pub chain_start: Digest,
    /// The chain value after its last.
    pub chain_head: Digest,
    /// The claims that hold.
    pub claims: Claims,
}

/// One segment's part of the public inputs.
pub(crate) struct Part<'a> {
    pub(crate) index: u32,
    pub(crate) segments: u32,
    pub(crate) segment: Segment,
    /// The digests of the nodes that it shows.
    pub(crate) exports: &'a [Digest],
    /// The commitments at its two sides, where they are no end of the run.
    pub(crate) boundaries: [Option<Digest>; 2],
    /// Whether the chain is proven too.
    pub(crate) chain: bool,
}

/// The bytes that begin a segment's transcript. All lengths follow from what stands before, so no
/// two statements have the same bytes.
pub(crate) fn transcript(public: &Public, preset: Preset, part: &Part<'_>) -> Vec<u8> {
    let mut bytes = b"avouch/v1/stark".to_vec();
    bytes.push(preset.id());
    bytes.extend(public.statement_id);
    bytes.extend(public.root.as_bytes());
    bytes.extend(public.size.to_be_bytes());
    bytes.extend(public.claims.digest().as_bytes());
    bytes.push(u8::from(part.chain));
    if part.chain {
        bytes.extend(public.chain_start.as_bytes());
        bytes.extend(public.chain_head.as_bytes());
    }
    bytes.extend(part.segments.to_be_bytes());
    bytes.extend(part.index.to_be_bytes());
    bytes.extend(part.segment.first.to_be_bytes());
    bytes.extend(part.segment.count.to_be_bytes());
    for digest in part.exports {
        bytes.extend(digest.as_bytes());
    }
    for boundary in part.boundaries {
        bytes.push(u8::from(boundary.is_some()));
        bytes.extend(boundary.iter().flat_map(|digest| digest.as_bytes()));
    }
    bytes
}
