//! What can be wrong.

use alloc::string::String;

/// Why nothing was proven, or a proof was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The proof's bytes are no proof.
    #[error("the proof is malformed at byte {at}: {what}")]
    Malformed {
        /// Where.
        at: usize,
        /// What was expected.
        what: &'static str,
    },
    /// The proof names a preset that this verifier does not know.
    #[error("the proof was made with preset number {0}, which this verifier does not know")]
    UnknownPreset(u8),
    /// The run is too long, or empty.
    #[error("a run of {0} events cannot be proven: 1 to {max} can", max = crate::MAX_EVENTS)]
    Size(u64),
    /// The segments' nodes make another root.
    #[error("the proof is about another root or size")]
    OtherRoot,
    /// The proof system refuses.
    #[error("segment {segment} of the proof does not hold for this statement: {why}")]
    Refused {
        /// Which segment.
        segment: u32,
        /// The library's reason.
        why: String,
    },
    /// The claims do not hold, so there is nothing to prove.
    #[error("the claims do not hold: {0}")]
    False(String),
    /// The events are no well-formed trace.
    #[error("the events are no well-formed trace: {0}")]
    Trace(String),
    /// The events do not have the root that the statement names.
    #[error("the events are not those that the statement's root commits to")]
    NotTheRoot,
    /// The events do not lead from the statement's chain start to its head.
    #[error("the events do not lead from the statement's chain start to its chain head")]
    NotTheChain,
    /// The options make no sense.
    #[error("segments of {0} events: {min} to {max} are possible", min = crate::MIN_SEGMENT, max = crate::MAX_SEGMENT)]
    SegmentSize(u64),
    /// No state can join the segments.
    #[error(transparent)]
    Segment(#[from] crate::events::SegmentError),
    /// The prover failed, which is a bug.
    #[error("the prover failed: {0}")]
    Prover(String),
}
