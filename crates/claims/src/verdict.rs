//! What the evaluator answers.

use alloc::vec::Vec;
use core::fmt;

/// Declares the reasons that an event can give, each with its number in a state's bytes.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal;)*) => {
        /// Why a claim does not hold. The reasons that an event gives have a number, which stands
        /// in a state's bytes; the last ones show only when the trace is over.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
            /// Fewer events match than the claim asks for.
            TooFew {
                /// How many match.
                found: u64,
                /// How many are needed.
                needed: u64,
            },
            /// Fewer votes were cast than the quorum.
            NoQuorum {
                /// How many were cast.
                cast: u64,
                /// How many are needed.
                quorum: u64,
            },
            /// The vote did not carry.
            NotCarried {
                /// How many allowed.
                allow: u64,
                /// The size of the electorate.
                electorate: u64,
            },
            /// The vote did not carry, by weight.
            NotCarriedByWeight {
                /// The sum of the scores of those who allowed.
                allow: u64,
                /// The sum of all scores.
                all: u64,
            },
        }

        impl Reason {
            /// The number in a state's bytes, from 1; `None` for what shows only at the end.
            pub const fn number(self) -> Option<u8> {
                match self { $(Self::$variant => Some($number),)* _ => None }
            }

            /// The reason with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for Reason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::TooFew { found, needed } => {
                        write!(f, "{found} events match, but at least {needed} must")
                    }
                    Self::NoQuorum { cast, quorum } => {
                        write!(f, "{cast} votes were cast, but the quorum is {quorum}")
                    }
                    Self::NotCarried { allow, electorate } => {
                        write!(f, "{allow} of an electorate of {electorate} allowed, too few to carry")
                    }
                    Self::NotCarriedByWeight { allow, all } => {
                        write!(f, "those who allowed weigh {allow} ppm of {all} ppm, too little to carry")
                    }
                }
            }
        }
    };
}

reasons! {
    /// count: one event too many matches.
    TooMany = 1, "it is one matching event more than the maximum";
    /// window: before its start.
    TooEarly = 2, "its time is before the window";
    /// window: after its end.
    TooLate = 3, "its time is after the window";
    /// window: earlier than the event before it.
    TimeBackwards = 4, "its time is earlier than that of the event before it";
    /// spend, budget: a cost is unknown.
    UnknownCost = 5, "its cost is unknown";
    /// spend: the sum is more than a u64 holds.
    CostOverflow = 6, "with its cost the sum is more than 64 bits hold";
    /// spend: the sum is above the maximum.
    Overspent = 7, "with its cost the sum is above the maximum";
    /// budget: none is kept.
    NoBudget = 8, "it has no budget";
    /// budget: too much at the start.
    StartTooHigh = 9, "the budget at the start is above the maximum";
    /// budget: more was spent than was left.
    Overdrawn = 10, "its cost is more than the budget that was left";
    /// budget: more is left than can be.
    BudgetRose = 11, "more budget is left than its cost leaves, and it is no budget-change";
    /// budget: the raises sum to more than the maximum.
    RaisedTooMuch = 12, "with its raise the raises sum to more than the maximum";
    /// halt: something else was done.
    AfterHalt = 13, "it follows a halt, and only a human's approval or note, a halt, an error or the run's end may";
    /// allowed: it is not recorded as allowed.
    NotAllowed = 14, "its own decision is neither allow nor human-allowed";
    /// gated, oversight: it has no subject.
    NoSubject = 15, "it has no subject, so nothing can have been allowed for it";
    /// gated, oversight: it answers no event.
    NoParent = 16, "it answers no event that could have allowed it";
    /// gated, oversight: its parent lies outside the window.
    TooFarBack = 17, "the event it answers lies more than 255 events back";
    /// gated, oversight: its parent allowed nothing.
    NotAGate = 18, "the event it answers is no policy-decision or approval-given that allowed something";
    /// gated, oversight: its parent allowed something else.
    OtherSubject = 19, "the event it answers allowed another subject";
    /// gated, oversight: its parent was used before.
    GateUsed = 20, "an earlier event has used the approval that it answers";
    /// oversight: its parent is no human's approval.
    NotByHuman = 21, "the event it answers is no approval-given with the human flag";
    /// oversight, threshold, weighted consensus: a score is unknown.
    UnknownScore = 22, "its score is unknown";
    /// threshold: the score lies outside.
    OutOfRange = 23, "its score lies outside the range";
    /// only: the subject is not in the set.
    NotInSet = 24, "its subject is not in the set";
    /// consensus: a vote from outside the electorate.
    Outsider = 25, "who votes is not in the electorate";
    /// consensus: a second vote.
    VotedTwice = 26, "who votes has voted in this round before";
    /// consensus: no vote's decision.
    NotAVote = 27, "a vote's decision is allow, deny or none";
}

/// Why, and at which event, a claim does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The claim's place in [`crate::Claims::as_slice`].
    pub claim: usize,
    /// The first event that makes the claim false: its seq; over a lifetime, its index among all
    /// events judged. `None` when only the whole shows it.
    pub event: Option<u64>,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "event {event}: {}", self.reason),
            None => self.reason.fmt(f),
        }
    }
}

/// The answer about a whole trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub(crate) failures: Vec<Failure>,
    pub(crate) events: u64,
    pub(crate) runs: u64,
}

impl Verdict {
    /// Whether every claim holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Why which claims do not hold, in the order of the claims; at most one failure each.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter()
    }

    /// Why this claim does not hold; `None` when it does.
    pub fn failure(&self, claim: usize) -> Option<&Failure> {
        self.failures.iter().find(|failure| failure.claim == claim)
    }

    /// How many events were judged.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many runs were judged.
    pub fn runs(&self) -> u64 {
        self.runs
    }
}
