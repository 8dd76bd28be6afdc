//! The eleven claims.

use core::fmt;

use avouch_trace::{MAX_SCORE, NameId};

use crate::{Error, Filter, Ids, MAX_ELECTORATE};

/// The events that a universal claim is about, and how many there must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Matching {
    /// Which events.
    pub filter: Filter,
    /// How many events must match at least, so that absence does not pass as obedience.
    pub min_matches: u64,
}

impl From<Filter> for Matching {
    /// At least one matching event.
    fn from(filter: Filter) -> Self {
        Self {
            filter,
            min_matches: 1,
        }
    }
}

/// When a vote carries. `n` is the size of the electorate, not of those who voted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VotingRule {
    /// 2 allow > n.
    Majority = 1,
    /// 3 allow >= 2 n.
    Supermajority = 2,
    /// allow = n.
    Unanimous = 3,
    /// 10 times the scores of those who allow >= 7 times the scores of all votes cast, not zero.
    Weighted = 4,
}

impl VotingRule {
    /// Every rule.
    pub const ALL: [Self; 4] = [
        Self::Majority,
        Self::Supermajority,
        Self::Unanimous,
        Self::Weighted,
    ];

    /// The name in text forms.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::Supermajority => "supermajority",
            Self::Unanimous => "unanimous",
            Self::Weighted => "weighted",
        }
    }
}

/// A predicate over a trace's headers. Its parameters are judged by [`crate::Claims::new`].
///
/// Exhaustive on purpose: a claim that some proof system does not know yet must not compile there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// So many events match.
    Count {
        /// Which events.
        filter: Filter,
        /// At least so many.
        min: u64,
        /// At most so many; 0 says that it never happened.
        max: u64,
    },
    /// Every time lies inside, ends included, and time never runs backwards.
    Window {
        /// Milliseconds since the Unix epoch.
        not_before: u64,
        /// Milliseconds since the Unix epoch.
        not_after: u64,
    },
    /// Every event's cost is known, and their sum is at most this.
    Spend {
        /// Micro-units.
        max: u64,
    },
    /// A budget is kept from event 0 and never overdrawn.
    Budget {
        /// The most that may be left after event 0, in micro-units.
        max_start: u64,
        /// The most that all budget-changes together may add, in micro-units.
        max_raise: u64,
    },
    /// After a halt nothing is done but what a human does, and what ends the run.
    Halt,
    /// Every matching event is itself recorded as allowed.
    Allowed {
        /// Which events.
        matching: Matching,
    },
    /// Every matching event answers an approval of its own, for the same subject.
    Gated {
        /// Which events.
        matching: Matching,
    },
    /// Every matching event with a score at or above the bar answers a human's approval of its own.
    Oversight {
        /// Which events.
        matching: Matching,
        /// The bar, in parts per million.
        score: u32,
    },
    /// Every matching event's subject is in the set.
    Only {
        /// Which events.
        matching: Matching,
        /// The subjects, none of them the zero id.
        set: Ids,
    },
    /// Every matching event's score is known and lies inside, ends included.
    Threshold {
        /// Which events.
        matching: Matching,
        /// Parts per million.
        min: u32,
        /// Parts per million.
        max: u32,
    },
    /// The electorate voted in this round, and the vote carried.
    Consensus {
        /// The round whose votes count.
        round: u32,
        /// Who may vote: at most [`MAX_ELECTORATE`], none of them the zero id.
        electorate: Ids,
        /// How many must vote, abstentions included.
        quorum: u64,
        /// When the vote carries.
        rule: VotingRule,
    },
}

impl Claim {
    /// The name of the claim's type.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Count { .. } => "count",
            Self::Window { .. } => "window",
            Self::Spend { .. } => "spend",
            Self::Budget { .. } => "budget",
            Self::Halt => "halt",
            Self::Allowed { .. } => "allowed",
            Self::Gated { .. } => "gated",
            Self::Oversight { .. } => "oversight",
            Self::Only { .. } => "only",
            Self::Threshold { .. } => "threshold",
            Self::Consensus { .. } => "consensus",
        }
    }

    /// Which events the claim is about; `None` for the claims about every event, and for a vote.
    pub const fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Count { filter, .. } => Some(filter),
            _ => match self.matching() {
                Some(matching) => Some(&matching.filter),
                None => None,
            },
        }
    }

    /// A universal claim's events.
    pub(crate) const fn matching(&self) -> Option<&Matching> {
        match self {
            Self::Allowed { matching }
            | Self::Gated { matching }
            | Self::Oversight { matching, .. }
            | Self::Only { matching, .. }
            | Self::Threshold { matching, .. } => Some(matching),
            _ => None,
        }
    }

    /// Whether judging the claim needs the window of gates.
    pub(crate) const fn needs_gates(&self) -> bool {
        matches!(self, Self::Gated { .. } | Self::Oversight { .. })
    }

    /// Whether the claim has a meaning over several runs of an agent.
    pub const fn spans_runs(&self) -> bool {
        !self.needs_gates() && !matches!(self, Self::Consensus { .. })
    }

    /// Refuses parameters for which the claim is a mistake: it could never hold, or never fail.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(filter) = self.filter() {
            filter.check()?;
        }
        let rule = match self {
            Self::Count { min, max, .. } if min > max => Some("min is above max"),
            Self::Window {
                not_before,
                not_after,
            } if not_before > not_after => Some("not_before is after not_after"),
            Self::Oversight { score, .. } if *score > MAX_SCORE => Some(ABOVE_ONE),
            Self::Threshold { max, .. } if *max > MAX_SCORE => Some(ABOVE_ONE),
            Self::Threshold { min, max, .. } if min > max => Some("min is above max"),
            Self::Only { set, .. } if set.contains(&NameId::NONE) => Some(NOBODY),
            Self::Consensus {
                electorate, quorum, ..
            } => electorate_rule(electorate, *quorum),
            _ => None,
        };
        match rule {
            Some(rule) => Err(Error::Parameter {
                claim: self.name(),
                rule,
            }),
            None => Ok(()),
        }
    }
}

const ABOVE_ONE: &str = "a score is above 1000000 parts per million";
const NOBODY: &str = "the list has the zero id, which names nobody";

fn electorate_rule(electorate: &Ids, quorum: u64) -> Option<&'static str> {
    let size = electorate.as_slice().len();
    if size > MAX_ELECTORATE {
        Some("the electorate has more than 64 members")
    } else if electorate.contains(&NameId::NONE) {
        Some(NOBODY)
    } else if quorum == 0 {
        Some("the quorum is 0: at least one vote must be cast")
    } else if quorum > size as u64 {
        Some("the quorum is greater than the electorate")
    } else {
        None
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match self {
            Self::Count { filter, min, max } => write!(f, "({filter}; {min} to {max})"),
            Self::Window {
                not_before,
                not_after,
            } => write!(f, "({not_before} to {not_after} ms)"),
            Self::Spend { max } => write!(f, "(at most {max})"),
            Self::Budget {
                max_start,
                max_raise,
            } => write!(f, "(at most {max_start}, raised by at most {max_raise})"),
            Self::Halt => Ok(()),
            Self::Allowed { matching } | Self::Gated { matching } => write!(f, "({matching})"),
            Self::Oversight { matching, score } => write!(f, "({matching}; score from {score})"),
            Self::Only { matching, set } => write!(f, "({matching}; {set})"),
            Self::Threshold { matching, min, max } => {
                write!(f, "({matching}; score {min} to {max})")
            }
            Self::Consensus {
                round,
                electorate,
                quorum,
                rule,
            } => write!(
                f,
                "(round {round}; {} of {} must vote; {})",
                quorum,
                electorate.as_slice().len(),
                rule.name()
            ),
        }
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; at least {}", self.filter, self.min_matches)
    }
}
