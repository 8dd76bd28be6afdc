//! Traces for tests, and the naive evaluator that the real one is compared with.
#![allow(dead_code, unreachable_pub)]

pub mod naive;
pub mod random;

use avouch_claims::{Claim, Claims, Filter, Matching, Reason, State, Verdict};
use avouch_trace::{Decision, Flags, Header, Kind, NameId};

/// An event about which nothing is remarkable: it costs nothing, and it answers nothing.
pub fn plain(kind: Kind, seq: u64) -> Header {
    Header {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        round: 0,
        seq,
        time: 1_000 + seq,
        cost: Some(0),
        budget: Some(1_000),
        score: None,
        parent: None,
        actor: NameId::NONE,
        subject: NameId::NONE,
    }
}

/// A trace that is being written: its run-start is there already, its run-end comes by itself.
#[derive(Clone)]
pub struct Trace(Vec<Header>);

impl Trace {
    pub fn new() -> Self {
        Self(vec![plain(Kind::RunStart, 0)])
    }

    /// Changes the event that was added last.
    pub fn with(mut self, change: impl FnOnce(&mut Header)) -> Self {
        change(self.0.last_mut().unwrap());
        self
    }

    /// The seq of the event that comes next.
    pub fn next(&self) -> u32 {
        self.0.len() as u32
    }

    pub fn add(mut self, kind: Kind, change: impl FnOnce(&mut Header)) -> Self {
        self.0.push(plain(kind, self.0.len() as u64));
        self.with(change)
    }

    pub fn notes(self, count: usize) -> Self {
        (0..count).fold(self, |trace, _| trace.add(Kind::Note, |_| {}))
    }

    /// The events, with a run-end that continues the last one's time and budget.
    pub fn end(&self) -> Vec<Header> {
        let last = self.0.last().unwrap();
        let mut end = plain(Kind::RunEnd, self.0.len() as u64);
        (end.time, end.budget) = (last.time, last.budget);
        [&self.0[..], &[end]].concat()
    }
}

pub fn name(text: &str) -> NameId {
    NameId::of(text)
}

pub fn kinds(kinds: &[Kind]) -> Filter {
    Filter::of_kinds(kinds).unwrap()
}

pub fn every(kind: Kind) -> Matching {
    kinds(&[kind]).into()
}

pub fn judge(claims: &Claims, trace: &[Header]) -> Verdict {
    let mut state = State::new(claims);
    for header in trace {
        state.step(header).unwrap();
    }
    state.finish().unwrap()
}

/// Why and where the claim is false; `None` when it holds.
pub fn failure(claim: Claim, trace: &Trace) -> Option<(Option<u64>, Reason)> {
    failure_in(claim, &trace.end())
}

pub fn failure_in(claim: Claim, trace: &[Header]) -> Option<(Option<u64>, Reason)> {
    let claims = Claims::new([claim]).unwrap();
    let verdict = judge(&claims, trace);
    let failure = verdict.failure(0)?;
    assert!(!verdict.holds());
    Some((failure.event, failure.reason))
}
