//! The window of gates: what the last 255 events allowed.

use avouch_trace::{Decision, Flags, Header, Kind, NameId};

use crate::Reason;

/// How many events back a gate may lie.
pub const GATE_REACH: u64 = 255;
/// How many slots the window has: event `seq` has slot `seq mod 256`, the last byte of its seq. The
/// slot of the event that comes next is always empty, so the window holds the last 255 events.
pub const WINDOW_SLOTS: usize = 256;

/// What an event can allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum GateKind {
    /// Nothing: it is no policy-decision or approval-given, it did not allow, or it has no subject.
    #[default]
    Closed = 0,
    /// A policy-decision that allowed.
    Policy = 1,
    /// An approval-given that allowed, without the human flag.
    Approval = 2,
    /// An approval-given that allowed, with the human flag.
    HumanApproval = 3,
}

impl GateKind {
    /// The value with this number.
    pub(crate) const fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Closed),
            1 => Some(Self::Policy),
            2 => Some(Self::Approval),
            3 => Some(Self::HumanApproval),
            _ => None,
        }
    }
}

/// What one event allowed, and for whom. A closed gate has the zero subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// What it can allow.
    pub kind: GateKind,
    /// What it allowed it for.
    pub subject: NameId,
}

impl Gate {
    /// A gate that allows nothing.
    pub const CLOSED: Self = Self {
        kind: GateKind::Closed,
        subject: NameId::NONE,
    };

    /// What this event allows.
    pub fn of(header: &Header) -> Self {
        let human = header.flags.contains(Flags::HUMAN);
        let kind = match header.kind {
            Kind::PolicyDecision => GateKind::Policy,
            Kind::ApprovalGiven if human => GateKind::HumanApproval,
            Kind::ApprovalGiven => GateKind::Approval,
            _ => return Self::CLOSED,
        };
        if !allows(header.decision) || header.subject.is_none() {
            return Self::CLOSED;
        }
        Self {
            kind,
            subject: header.subject,
        }
    }
}

/// Whether a decision is "allowed".
pub(crate) const fn allows(decision: Decision) -> bool {
    matches!(decision, Decision::Allow | Decision::HumanAllowed)
}

/// The gates of the last 255 events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates([Gate; WINDOW_SLOTS]);

impl Gates {
    /// The window before the first event.
    pub(crate) const EMPTY: Self = Self([Gate::CLOSED; WINDOW_SLOTS]);

    pub(crate) fn from_slots(slots: [Gate; WINDOW_SLOTS]) -> Self {
        Self(slots)
    }

    /// The slots, by `seq mod 256`.
    pub fn slots(&self) -> &[Gate; WINDOW_SLOTS] {
        &self.0
    }

    /// Takes in the event that was just judged, and empties the slot of the next.
    pub(crate) fn push(&mut self, header: &Header) {
        self.0[slot(header.seq)] = Gate::of(header);
        self.0[slot(header.seq.wrapping_add(1))] = Gate::CLOSED;
    }

    /// The slot of the gate that this event answers, if that gate lets it through.
    pub(crate) fn open(
        &self,
        header: &Header,
        used: &Used,
        by_human: bool,
    ) -> Result<usize, Reason> {
        if header.subject.is_none() {
            return Err(Reason::NoSubject);
        }
        let parent = u64::from(header.parent.ok_or(Reason::NoParent)?);
        // A well-formed trace's parent is earlier, so the distance is at least 1.
        if header.seq.saturating_sub(parent) > GATE_REACH {
            return Err(Reason::TooFarBack);
        }
        let slot = slot(parent);
        let gate = &self.0[slot];
        match gate.kind {
            GateKind::Closed => Err(Reason::NotAGate),
            GateKind::Policy | GateKind::Approval if by_human => Err(Reason::NotByHuman),
            _ if gate.subject != header.subject => Err(Reason::OtherSubject),
            _ if used.contains(slot) => Err(Reason::GateUsed),
            _ => Ok(slot),
        }
    }
}

/// The slot of the event with this seq.
pub(crate) const fn slot(seq: u64) -> usize {
    (seq % WINDOW_SLOTS as u64) as usize
}

/// Which of the window's gates a claim has seen used: bit `slot mod 8` of byte `slot / 8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used(pub [u8; WINDOW_SLOTS / 8]);

impl Used {
    /// Whether the gate in this slot is used.
    pub const fn contains(&self, slot: usize) -> bool {
        self.0[slot / 8 % 32] & Self::bit(slot) != 0
    }

    pub(crate) fn insert(&mut self, slot: usize) {
        self.0[slot / 8 % 32] |= Self::bit(slot);
    }

    pub(crate) fn remove(&mut self, slot: usize) {
        self.0[slot / 8 % 32] &= !Self::bit(slot);
    }

    const fn bit(slot: usize) -> u8 {
        1 << (slot % 8)
    }
}
