//! Well-formedness of a whole trace, one event at a time.

use core::fmt;

use crate::{Error, Event, Flags, Header, Kind, MAX_EVENTS};

/// The rules that need more than one header to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A trace has at least a start and an end.
    NotEmpty,
    /// `seq` is the index in the run.
    SeqIsIndex,
    /// Event 0 is a run-start.
    StartsWithRunStart,
    /// No other event is a run-start.
    OneRunStart,
    /// The last event is a run-end.
    EndsWithRunEnd,
    /// Nothing follows a run-end.
    NothingAfterRunEnd,
    /// `parent` is an earlier event.
    ParentIsEarlier,
    /// The size stays below 2^32 - 1.
    Size,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEmpty => "a trace needs at least one event",
            Self::SeqIsIndex => "seq must be the event's index in the run",
            Self::StartsWithRunStart => "event 0 must be a run-start",
            Self::OneRunStart => "only event 0 may be a run-start",
            Self::EndsWithRunEnd => "the last event must be a run-end",
            Self::NothingAfterRunEnd => "nothing may follow a run-end",
            Self::ParentIsEarlier => "parent must be the seq of an earlier event, or none",
            Self::Size => "a run has fewer than 2^32 - 1 events",
        })
    }
}

/// Judges a trace as its events pass by, in order, in constant memory.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    count: u64,
    ended: bool,
}

impl Checker {
    /// Before the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// A checker that has already judged `count` events, none of them a run-end: for appending to
    /// an open run.
    pub fn resume(count: u64) -> Self {
        Self {
            count,
            ended: false,
        }
    }

    /// How many events have passed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether a run-end has passed.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Judges the next event and returns its header.
    pub fn event(&mut self, event: &Event) -> Result<Header, Error> {
        let header = event.header_at(self.count)?;
        self.header(&header)?;
        Ok(header)
    }

    /// Judges the next header.
    pub fn header(&mut self, header: &Header) -> Result<(), Error> {
        let index = self.count;
        let broken = if self.ended {
            Some(Rule::NothingAfterRunEnd)
        } else if index >= MAX_EVENTS {
            Some(Rule::Size)
        } else if header.seq != index {
            Some(Rule::SeqIsIndex)
        } else if index == 0 && header.kind != Kind::RunStart {
            Some(Rule::StartsWithRunStart)
        } else if index != 0 && header.kind == Kind::RunStart {
            Some(Rule::OneRunStart)
        } else if header
            .parent
            .is_some_and(|parent| u64::from(parent) >= index)
        {
            Some(Rule::ParentIsEarlier)
        } else {
            None
        };
        match broken {
            Some(rule) => Err(Error::Rule { index, rule }),
            None => {
                self.count += 1;
                self.ended = header.kind == Kind::RunEnd;
                Ok(())
            }
        }
    }

    /// After the last event: a trace must have ended. Returns its size.
    pub fn finish(&self) -> Result<u64, Error> {
        match (self.count, self.ended) {
            (0, _) => Err(Error::Rule {
                index: 0,
                rule: Rule::NotEmpty,
            }),
            (count, false) => Err(Error::Rule {
                index: count - 1,
                rule: Rule::EndsWithRunEnd,
            }),
            (count, true) => Ok(count),
        }
    }
}

impl Header {
    /// Whether this run-end says that recording was interrupted.
    pub fn is_interrupted_end(&self) -> bool {
        self.kind == Kind::RunEnd && self.flags.contains(Flags::ERROR)
    }
}
