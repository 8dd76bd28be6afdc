//! What each claim does with the next event, and with the end.

use avouch_trace::{Decision, Flags, Header, Kind};

use crate::gates::allows;
use crate::{Claim, Gates, Ids, Reason, Used, VotingRule};

/// What one claim remembers of the events so far. Each has the numbers that its claim needs and no
/// other, and takes the same number of bytes in a state whatever happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// count, allowed, only, threshold: how many events matched.
    Matches {
        /// How many.
        matches: u64,
    },
    /// window: when the last event was; 0 before the first.
    Window {
        /// Its time.
        last: u64,
    },
    /// spend: the costs so far.
    Spend {
        /// Their sum.
        sum: u64,
    },
    /// budget: 0 and 0 before the first event.
    Budget {
        /// What the last event left.
        left: u64,
        /// What the raises sum to.
        raised: u64,
    },
    /// halt.
    Halt {
        /// Whether a halt was there.
        halted: bool,
    },
    /// gated, oversight.
    Gated {
        /// How many events matched.
        matches: u64,
        /// Which gates of the window this claim has seen used.
        used: Used,
    },
    /// consensus.
    Ballot {
        /// Who voted: bit `i` for the electorate's `i`th id.
        voted: u64,
        /// How many allowed.
        allow: u8,
        /// The sum of their scores; always 0 unless the rule is weighted.
        allow_weight: u32,
        /// The sum of all scores; always 0 unless the rule is weighted.
        weight: u32,
    },
    /// The claim does not hold, whatever follows.
    Failed {
        /// The first event that made it false.
        event: u64,
        /// Why; never one of the reasons that only the end shows.
        reason: Reason,
    },
}

impl Register {
    /// Before the first event.
    pub(crate) fn new(claim: &Claim) -> Self {
        match claim {
            Claim::Window { .. } => Self::Window { last: 0 },
            Claim::Spend { .. } => Self::Spend { sum: 0 },
            Claim::Budget { .. } => Self::Budget { left: 0, raised: 0 },
            Claim::Halt => Self::Halt { halted: false },
            Claim::Gated { .. } | Claim::Oversight { .. } => Self::Gated {
                matches: 0,
                used: Used::default(),
            },
            Claim::Consensus { .. } => Self::Ballot {
                voted: 0,
                allow: 0,
                allow_weight: 0,
                weight: 0,
            },
            Claim::Count { .. }
            | Claim::Allowed { .. }
            | Claim::Only { .. }
            | Claim::Threshold { .. } => Self::Matches { matches: 0 },
        }
    }

    /// Judges the next event of a trace that is well-formed so far.
    pub(crate) fn step(
        &mut self,
        claim: &Claim,
        header: &Header,
        gates: &Gates,
    ) -> Result<(), Reason> {
        // What compares an event with an earlier one starts anew with every run.
        let first = header.seq == 0;
        match (claim, self) {
            (
                Claim::Window {
                    not_before,
                    not_after,
                },
                Self::Window { last },
            ) => {
                let previous = if first { 0 } else { *last };
                *last = header.time;
                inside_window(header.time, previous, *not_before, *not_after)
            }
            (Claim::Spend { max }, Self::Spend { sum }) => {
                let cost = header.cost.ok_or(Reason::UnknownCost)?;
                *sum = sum.checked_add(cost).ok_or(Reason::CostOverflow)?;
                require(*sum <= *max, Reason::Overspent)
            }
            (
                Claim::Budget {
                    max_start,
                    max_raise,
                },
                Self::Budget { left, raised },
            ) => {
                let now = header.budget.ok_or(Reason::NoBudget)?;
                if first {
                    require(now <= *max_start, Reason::StartTooHigh)?;
                } else {
                    let raise = raise(header, *left, now)?;
                    *raised = raised.checked_add(raise).ok_or(Reason::RaisedTooMuch)?;
                    require(*raised <= *max_raise, Reason::RaisedTooMuch)?;
                }
                *left = now;
                Ok(())
            }
            (Claim::Halt, Self::Halt { halted }) => {
                let was_halted = *halted && !first;
                *halted =
                    was_halted || header.kind == Kind::Halt || header.flags.contains(Flags::HALTED);
                require(!was_halted || may_follow_halt(header), Reason::AfterHalt)
            }
            (
                Claim::Consensus {
                    round,
                    electorate,
                    rule,
                    ..
                },
                Self::Ballot {
                    voted,
                    allow,
                    allow_weight,
                    weight,
                },
            ) => {
                if header.kind != Kind::Vote || header.round != *round {
                    return Ok(());
                }
                let bit = voter(electorate, header)?;
                require(*voted & bit == 0, Reason::VotedTwice)?;
                let agrees = agrees(header.decision)?;
                let score = match rule {
                    VotingRule::Weighted => header.score.ok_or(Reason::UnknownScore)?,
                    _ => 0,
                };
                *voted |= bit;
                // At most 64 votes of at most 10^6 each: neither sum can overflow.
                *weight = weight.saturating_add(score);
                if agrees {
                    *allow = allow.saturating_add(1);
                    *allow_weight = allow_weight.saturating_add(score);
                }
                Ok(())
            }
            (claim, register) => {
                if claim.filter().is_some_and(|filter| filter.matches(header)) {
                    register.step_matching(claim, header, gates)?;
                }
                Ok(())
            }
        }
    }

    /// Judges an event that matches the claim's filter.
    fn step_matching(
        &mut self,
        claim: &Claim,
        header: &Header,
        gates: &Gates,
    ) -> Result<(), Reason> {
        match (claim, &mut *self) {
            (Claim::Count { max, .. }, Self::Matches { matches }) => {
                require(*matches < *max, Reason::TooMany)?;
            }
            (Claim::Allowed { .. }, _) => require(allows(header.decision), Reason::NotAllowed)?,
            (Claim::Only { set, .. }, _) => {
                require(set.contains(&header.subject), Reason::NotInSet)?;
            }
            (Claim::Threshold { min, max, .. }, _) => {
                let score = header.score.ok_or(Reason::UnknownScore)?;
                require((*min..=*max).contains(&score), Reason::OutOfRange)?;
            }
            (Claim::Gated { .. }, Self::Gated { used, .. }) => {
                used.insert(gates.open(header, used, false)?);
            }
            (Claim::Oversight { score, .. }, Self::Gated { used, .. }) => {
                let found = header.score.ok_or(Reason::UnknownScore)?;
                if found >= *score {
                    used.insert(gates.open(header, used, true)?);
                }
            }
            _ => {}
        }
        if let Self::Matches { matches } | Self::Gated { matches, .. } = self {
            // Fewer than 2^32 events a run: 2^64 are out of reach.
            *matches = matches.saturating_add(1);
        }
        Ok(())
    }

    /// Judges the whole, once it is over.
    pub(crate) fn finish(&self, claim: &Claim) -> Result<(), Reason> {
        match (claim, *self) {
            (_, Self::Failed { reason, .. }) => Err(reason),
            (_, Self::Matches { matches } | Self::Gated { matches, .. }) => {
                let needed = match claim {
                    Claim::Count { min, .. } => *min,
                    _ => claim.matching().map_or(0, |matching| matching.min_matches),
                };
                let found = matches;
                require(found >= needed, Reason::TooFew { found, needed })
            }
            (
                Claim::Consensus {
                    electorate,
                    quorum,
                    rule,
                    ..
                },
                Self::Ballot {
                    voted,
                    allow,
                    allow_weight,
                    weight,
                },
            ) => {
                let cast = u64::from(voted.count_ones());
                let quorum = *quorum;
                require(cast >= quorum, Reason::NoQuorum { cast, quorum })?;
                let (allow, n) = (u64::from(allow), electorate.as_slice().len() as u64);
                let (for_it, all) = (u64::from(allow_weight), u64::from(weight));
                let not_carried = Reason::NotCarried {
                    allow,
                    electorate: n,
                };
                match rule {
                    VotingRule::Majority => require(2 * allow > n, not_carried),
                    VotingRule::Supermajority => require(3 * allow >= 2 * n, not_carried),
                    VotingRule::Unanimous => require(allow == n, not_carried),
                    VotingRule::Weighted => require(
                        all > 0 && 10 * for_it >= 7 * all,
                        Reason::NotCarriedByWeight { allow: for_it, all },
                    ),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Claim {
    /// Whether an event can make this claim false for this reason.
    pub(crate) fn can_fail_by(&self, reason: Reason) -> bool {
        use Reason::*;
        match self {
            Self::Count { .. } => matches!(reason, TooMany),
            Self::Window { .. } => matches!(reason, TooEarly | TooLate | TimeBackwards),
            Self::Spend { .. } => matches!(reason, UnknownCost | CostOverflow | Overspent),
            Self::Budget { .. } => matches!(
                reason,
                NoBudget | StartTooHigh | UnknownCost | Overdrawn | BudgetRose | RaisedTooMuch
            ),
            Self::Halt => matches!(reason, AfterHalt),
            Self::Allowed { .. } => matches!(reason, NotAllowed),
            Self::Gated { .. } => gate_refuses(reason),
            Self::Oversight { .. } => {
                gate_refuses(reason) || matches!(reason, NotByHuman | UnknownScore)
            }
            Self::Only { .. } => matches!(reason, NotInSet),
            Self::Threshold { .. } => matches!(reason, UnknownScore | OutOfRange),
            Self::Consensus { rule, .. } => match reason {
                UnknownScore => *rule == VotingRule::Weighted,
                _ => matches!(reason, Outsider | VotedTwice | NotAVote),
            },
        }
    }
}

fn gate_refuses(reason: Reason) -> bool {
    use Reason::*;
    matches!(
        reason,
        NoSubject | NoParent | TooFarBack | NotAGate | OtherSubject | GateUsed
    )
}

fn require(holds: bool, reason: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(reason) }
}

fn inside_window(time: u64, previous: u64, from: u64, to: u64) -> Result<(), Reason> {
    require(time >= from, Reason::TooEarly)?;
    require(time <= to, Reason::TooLate)?;
    require(time >= previous, Reason::TimeBackwards)
}

/// How much a budget-change adds to what its cost leaves. Any event may leave less.
fn raise(header: &Header, left: u64, now: u64) -> Result<u64, Reason> {
    let cost = header.cost.ok_or(Reason::UnknownCost)?;
    let after = left.checked_sub(cost).ok_or(Reason::Overdrawn)?;
    let raise = now.saturating_sub(after);
    require(
        raise == 0 || header.kind == Kind::BudgetChange,
        Reason::BudgetRose,
    )?;
    Ok(raise)
}

fn may_follow_halt(header: &Header) -> bool {
    match header.kind {
        Kind::Halt | Kind::Error | Kind::RunEnd => true,
        Kind::ApprovalGiven | Kind::Note => header.flags.contains(Flags::HUMAN),
        _ => false,
    }
}

/// The voter's bit.
fn voter(electorate: &Ids, header: &Header) -> Result<u64, Reason> {
    let index = electorate.position(&header.actor).ok_or(Reason::Outsider)?;
    // `Claims` holds no electorate of more than 64.
    1_u64.checked_shl(index as u32).ok_or(Reason::Outsider)
}

/// Whether a vote agrees.
fn agrees(decision: Decision) -> Result<bool, Reason> {
    match decision {
        Decision::Allow => Ok(true),
        Decision::Deny | Decision::None => Ok(false),
        _ => Err(Reason::NotAVote),
    }
}
