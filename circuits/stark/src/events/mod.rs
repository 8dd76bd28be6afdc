//! The events table: one row for each event, with its header, the rules of a well-formed trace and
//! the registers of every claim.

use avouch_claims::Claims;

/// Which events of a run a proof (or one segment of it) is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The index in the run of the first event here.
    pub first: u64,
    /// How many events are here, at least 1.
    pub count: u64,
    /// How many events the run has.
    pub size: u64,
}

impl Segment {
    /// Whether the run begins here, so that the incoming state is the fixed first one.
    pub const fn is_first(&self) -> bool {
        self.first == 0
    }

    /// Whether the run ends here, so that the outgoing state is final and decides.
    pub const fn is_last(&self) -> bool {
        self.first + self.count == self.size
    }
}

/// The constraints of the events table for these claims and this segment.
#[derive(Clone, Debug)]
pub struct EventsAir {
    /// The claims, which become constants of the constraints.
    pub claims: Claims,
    /// The events here.
    pub segment: Segment,
}
