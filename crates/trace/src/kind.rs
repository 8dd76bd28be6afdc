//! The vocabulary of a header: kinds, decisions and flags.

use core::fmt;
use core::str::FromStr;

/// Declares an enum whose numbers and names are the format's, in one place.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $type { $($(#[$doc])* $variant = $number),* }

        impl $type {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The value with this number in a header; `None` where the format has none.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name used in text formats and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.name()) }
        }

        impl FromStr for $type {
            type Err = crate::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.name() == text)
                    .ok_or(crate::Error::UnknownWord { what: stringify!($type) })
            }
        }
    };
}

vocabulary! {
    /// What happened.
    Kind {
        /// The run began; always event 0.
        RunStart = 1, "run-start";
        /// The run ended; always the last event. The error flag says that recording was interrupted.
        RunEnd = 2, "run-end";
        /// A message that the agent received.
        MessageIn = 3, "message-in";
        /// A message that the agent sent.
        MessageOut = 4, "message-out";
        /// Reasoning that the agent recorded.
        Reasoning = 5, "reasoning";
        /// A call of a model.
        ModelCall = 6, "model-call";
        /// A call of a tool.
        ToolCall = 7, "tool-call";
        /// What a tool returned.
        ToolResult = 8, "tool-result";
        /// A policy's decision.
        PolicyDecision = 9, "policy-decision";
        /// A human was asked to approve.
        ApprovalAsked = 10, "approval-asked";
        /// An approval was given or refused.
        ApprovalGiven = 11, "approval-given";
        /// The run was halted.
        Halt = 12, "halt";
        /// The budget was changed.
        BudgetChange = 13, "budget-change";
        /// A debate was opened.
        DebateOpened = 14, "debate-opened";
        /// A claim made in a debate.
        Claim = 15, "claim";
        /// A challenge to a claim.
        Challenge = 16, "challenge";
        /// An answer to a challenge.
        Rebuttal = 17, "rebuttal";
        /// A vote: allow agrees, deny disagrees; the score is the confidence.
        Vote = 18, "vote";
        /// A consensus was reached.
        Consensus = 19, "consensus";
        /// A debate was closed.
        DebateClosed = 20, "debate-closed";
        /// The agent reflected on what it did.
        Reflection = 21, "reflection";
        /// The agent's own parameters changed.
        GenomeChange = 22, "genome-change";
        /// Data left the system.
        Egress = 23, "egress";
        /// Something lasting was made.
        Artifact = 24, "artifact";
        /// Work was handed to another agent.
        Delegation = 25, "delegation";
        /// Something went wrong, with the run or with its record.
        Error = 26, "error";
        /// Anything else worth keeping.
        Note = 27, "note";
    }
}

vocabulary! {
    /// What was decided, as recorded.
    Decision {
        /// No decision, or an abstention.
        None = 0, "none";
        /// Allowed.
        Allow = 1, "allow";
        /// Denied.
        Deny = 2, "deny";
        /// A human has to be asked.
        AskHuman = 3, "ask-human";
        /// A human allowed it.
        HumanAllowed = 4, "human-allowed";
        /// A human denied it.
        HumanDenied = 5, "human-denied";
    }
}

/// The header's flag bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The run is halted.
    pub const HALTED: Self = Self(1);
    /// Something failed.
    pub const ERROR: Self = Self(1 << 1);
    /// The actor is a human.
    pub const HUMAN: Self = Self(1 << 2);
    /// Something was redacted before it reached the trace.
    pub const REDACTED: Self = Self(1 << 3);

    const ALL: u8 = 0b1111;
    /// The text names of the single flags.
    pub const NAMES: [(Self, &'static str); 4] = [
        (Self::HALTED, "halted"),
        (Self::ERROR, "error"),
        (Self::HUMAN, "human"),
        (Self::REDACTED, "redacted"),
    ];

    /// The flags of this byte; `None` when a bit is set that version 1 does not use.
    pub const fn from_u8(bits: u8) -> Option<Self> {
        if bits & !Self::ALL == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The byte in the header.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other`'s flags are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of the flags that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}
