//! Filters: which events a claim is about.

use core::fmt;

use avouch_trace::{Decision, Flags, Header, Kind};

use crate::{Error, Ids};

/// Declares a non-empty set over a vocabulary: bit `n` stands for the value with number `n`.
macro_rules! set {
    ($(#[$meta:meta])* $type:ident of $of:ident in $bits:ty) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $type($bits);

        impl $type {
            /// The set of these values, in any order. Refuses none.
            pub fn new(values: &[$of]) -> Result<Self, Error> {
                let bits = values.iter().fold(0, |bits, value| bits | Self::bit(*value));
                Self::from_bits(bits).ok_or(Error::EmptyList)
            }

            /// The set with these bits; `None` when there are none, or one that stands for nothing.
            pub fn from_bits(bits: $bits) -> Option<Self> {
                let all = $of::ALL.iter().fold(0, |bits, value| bits | Self::bit(*value));
                (bits != 0 && bits & !all == 0).then_some(Self(bits))
            }

            /// One bit for each value.
            pub const fn bits(self) -> $bits {
                self.0
            }

            /// Whether the value is in the set.
            pub const fn contains(self, value: $of) -> bool {
                self.0 & Self::bit(value) != 0
            }

            const fn bit(value: $of) -> $bits {
                1 << value as u8
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let members = $of::ALL.iter().filter(|value| self.contains(**value));
                words(f, members.map(|value| value.name()))
            }
        }
    };
}

set! {
    /// Kinds of events, at least one.
    KindSet of Kind in u32
}

set! {
    /// Decisions, at least one.
    DecisionSet of Decision in u8
}

/// Which events a claim is about: those that match every member that is there. The default
/// matches every event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The event's kind is one of these.
    pub kinds: Option<KindSet>,
    /// The event's decision is one of these.
    pub decisions: Option<DecisionSet>,
    /// The event has at least one of these flags. [`Flags::NONE`] is refused as an empty list.
    pub flags: Option<Flags>,
    /// The event's actor is one of these; the zero id selects events without one.
    pub actors: Option<Ids>,
    /// The event's subject is one of these; the zero id selects events without one.
    pub subjects: Option<Ids>,
}

impl Filter {
    /// Events of these kinds. Refuses none.
    pub fn of_kinds(kinds: &[Kind]) -> Result<Self, Error> {
        Ok(Self {
            kinds: Some(KindSet::new(kinds)?),
            ..Self::default()
        })
    }

    /// Whether the event is one of those that the claim is about.
    pub fn matches(&self, header: &Header) -> bool {
        fn absent_or<T>(wanted: &Option<T>, test: impl FnOnce(&T) -> bool) -> bool {
            wanted.as_ref().is_none_or(test)
        }
        absent_or(&self.kinds, |kinds| kinds.contains(header.kind))
            && absent_or(&self.decisions, |set| set.contains(header.decision))
            && absent_or(&self.flags, |any| any.bits() & header.flags.bits() != 0)
            && absent_or(&self.actors, |ids| ids.contains(&header.actor))
            && absent_or(&self.subjects, |ids| ids.contains(&header.subject))
    }

    /// The rule that its types do not enforce already.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.flags {
            Some(Flags::NONE) => Err(Error::EmptyList),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut member = |key: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                write!(f, "{separator}{key}={value}")?;
                separator = " ";
            }
            Ok(())
        };
        fn shown<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
            value.as_ref().map(|value| value as &dyn fmt::Display)
        }
        let flags = self.flags.map(FlagNames);
        member("kind", shown(&self.kinds))?;
        member("decision", shown(&self.decisions))?;
        member("flags", shown(&flags))?;
        member("actor", shown(&self.actors))?;
        member("subject", shown(&self.subjects))?;
        if separator.is_empty() {
            f.write_str("every event")?;
        }
        Ok(())
    }
}

struct FlagNames(Flags);

impl fmt::Display for FlagNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(f, self.0.names())
    }
}

fn words(f: &mut fmt::Formatter<'_>, words: impl Iterator<Item = &'static str>) -> fmt::Result {
    for (index, word) in words.enumerate() {
        f.write_str(if index == 0 { "" } else { "|" })?;
        f.write_str(word)?;
    }
    Ok(())
}
