//! The 80 provable bytes of an event.

use crate::{Decision, Flags, HeaderError, Kind, NameId};

/// A header's length in bytes.
pub const HEADER_LEN: usize = 80;
/// The cost of an event whose cost nobody recorded.
pub const UNKNOWN_COST: u64 = u64::MAX;
/// The budget of a run that keeps none.
pub const NO_BUDGET: u64 = u64::MAX;
/// The score of an event that has none.
pub const UNKNOWN_SCORE: u32 = u32::MAX;
/// The greatest score: one, in parts per million.
pub const MAX_SCORE: u32 = 1_000_000;
/// The parent of an event that answers none.
pub const NO_PARENT: u32 = u32::MAX;

/// The only version so far.
const VERSION: u8 = 1;

/// Where each member lies, so that circuits, native code and tests read the same constants.
pub mod offset {
    use core::ops::Range;
    /// Format version, 1.
    pub const VERSION: usize = 0;
    /// Kind of event.
    pub const KIND: usize = 1;
    /// Decision.
    pub const DECISION: usize = 2;
    /// Flags.
    pub const FLAGS: usize = 3;
    /// Debate round or agent step.
    pub const ROUND: Range<usize> = 4..8;
    /// Index in the run.
    pub const SEQ: Range<usize> = 8..16;
    /// Milliseconds since the Unix epoch.
    pub const TIME: Range<usize> = 16..24;
    /// Cost in micro-units.
    pub const COST: Range<usize> = 24..32;
    /// Budget left in micro-units.
    pub const BUDGET: Range<usize> = 32..40;
    /// Score in parts per million.
    pub const SCORE: Range<usize> = 40..44;
    /// Parent's seq.
    pub const PARENT: Range<usize> = 44..48;
    /// Actor's name id.
    pub const ACTOR: Range<usize> = 48..64;
    /// Subject's name id.
    pub const SUBJECT: Range<usize> = 64..80;
}

/// An event's header, parsed. Every value of this type with `score` in range has exactly one
/// encoding; see [`Header::encode`] and [`Header::decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What happened.
    pub kind: Kind,
    /// What was decided.
    pub decision: Decision,
    /// Flags.
    pub flags: Flags,
    /// Debate round or agent step.
    pub round: u32,
    /// Index in the run, from 0.
    pub seq: u64,
    /// Milliseconds since the Unix epoch: the operator's word.
    pub time: u64,
    /// Micro-units of the run's currency that this event spent; `None` = unknown.
    pub cost: Option<u64>,
    /// Micro-units left after this event; `None` = no budget is kept.
    pub budget: Option<u64>,
    /// Parts per million, at most [`MAX_SCORE`]; `None` = unknown.
    pub score: Option<u32>,
    /// Seq of the event that this one answers or was allowed by; `None` = none.
    pub parent: Option<u32>,
    /// Who acted.
    pub actor: NameId,
    /// What was acted on.
    pub subject: NameId,
}

impl Header {
    /// The 80 bytes, big-endian at fixed offsets.
    ///
    /// A number that equals its own "unknown" mark becomes that mark; [`Header::decode`] refuses a
    /// score above [`MAX_SCORE`].
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[offset::VERSION] = VERSION;
        out[offset::KIND] = self.kind as u8;
        out[offset::DECISION] = self.decision as u8;
        out[offset::FLAGS] = self.flags.bits();
        out[offset::ROUND].copy_from_slice(&self.round.to_be_bytes());
        out[offset::SEQ].copy_from_slice(&self.seq.to_be_bytes());
        out[offset::TIME].copy_from_slice(&self.time.to_be_bytes());
        out[offset::COST].copy_from_slice(&self.cost.unwrap_or(UNKNOWN_COST).to_be_bytes());
        out[offset::BUDGET].copy_from_slice(&self.budget.unwrap_or(NO_BUDGET).to_be_bytes());
        out[offset::SCORE].copy_from_slice(&self.score.unwrap_or(UNKNOWN_SCORE).to_be_bytes());
        out[offset::PARENT].copy_from_slice(&self.parent.unwrap_or(NO_PARENT).to_be_bytes());
        out[offset::ACTOR].copy_from_slice(&self.actor.0);
        out[offset::SUBJECT].copy_from_slice(&self.subject.0);
        out
    }

    /// Reads a header. Refuses another version, an unknown kind or decision, an unused flag and a
    /// score out of range; what depends on the other events is [`crate::Checker`]'s to judge.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        if bytes[offset::VERSION] != VERSION {
            return Err(HeaderError::Version(bytes[offset::VERSION]));
        }
        let score = u32_at(bytes, offset::SCORE);
        if score > MAX_SCORE && score != UNKNOWN_SCORE {
            return Err(HeaderError::Score(score));
        }
        Ok(Self {
            kind: Kind::from_u8(bytes[offset::KIND])
                .ok_or(HeaderError::Kind(bytes[offset::KIND]))?,
            decision: Decision::from_u8(bytes[offset::DECISION])
                .ok_or(HeaderError::Decision(bytes[offset::DECISION]))?,
            flags: Flags::from_u8(bytes[offset::FLAGS])
                .ok_or(HeaderError::Flags(bytes[offset::FLAGS]))?,
            round: u32_at(bytes, offset::ROUND),
            seq: u64_at(bytes, offset::SEQ),
            time: u64_at(bytes, offset::TIME),
            cost: known(u64_at(bytes, offset::COST), UNKNOWN_COST),
            budget: known(u64_at(bytes, offset::BUDGET), NO_BUDGET),
            score: known(score, UNKNOWN_SCORE),
            parent: known(u32_at(bytes, offset::PARENT), NO_PARENT),
            actor: id_at(bytes, offset::ACTOR),
            subject: id_at(bytes, offset::SUBJECT),
        })
    }
}

fn known<T: PartialEq>(value: T, unknown: T) -> Option<T> {
    (value != unknown).then_some(value)
}

fn u32_at(bytes: &[u8; HEADER_LEN], at: core::ops::Range<usize>) -> u32 {
    bytes[at]
        .iter()
        .fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn u64_at(bytes: &[u8; HEADER_LEN], at: core::ops::Range<usize>) -> u64 {
    bytes[at]
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn id_at(bytes: &[u8; HEADER_LEN], at: core::ops::Range<usize>) -> NameId {
    let mut id = NameId::NONE;
    id.0.copy_from_slice(&bytes[at]);
    id
}
