//! Judging and chaining without proofs: what is false never reaches the circuit.

use avouch_claims::{Claims, Reason, State};
use avouch_merkle::Digest;
use avouch_trace::{Checker, Event};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::circuit::{ARITY, BATCH, Step};
use crate::engine::{self, Scalar};
use crate::registers::Registers;
use crate::terms::Terms;

/// What is known of the events so far.
#[derive(Clone)]
pub(crate) struct Native<'c> {
    terms: Terms,
    state: Option<State<'c>>,
    checker: Checker,
    /// How many events the current, or last, run has so far.
    seq: u64,
    pub(crate) chain: Digest,
    pub(crate) events: u64,
    pub(crate) runs: u64,
    /// What blinds the commitment after the last step.
    pub(crate) blinding: Scalar,
}

impl<'c> Native<'c> {
    /// Before the first event, at this value of the chain.
    pub(crate) fn new(chain: Digest, claims: Option<&'c Claims>) -> Result<Self, Error> {
        Ok(Self {
            terms: Terms::new(claims)?,
            state: claims.map(State::over_lifetime).transpose()?,
            checker: Checker::new(),
            seq: 0,
            chain,
            events: 0,
            runs: 0,
            // The first state is known to everybody.
            blinding: Scalar::from(0),
        })
    }

    /// Between two runs, where a proof so far has left off.
    pub(crate) fn resume(&mut self, saved: &Saved) -> Result<(), Error> {
        if let Some(state) = &mut self.state {
            *state = State::decode(state.claims(), &saved.state)?;
        }
        self.seq = saved.seq;
        self.chain = Digest(saved.chain);
        self.events = saved.events;
        self.runs = saved.runs;
        self.blinding = saved.blinding;
        Ok(())
    }

    /// What [`Native::resume`] takes; there is one between two runs only.
    pub(crate) fn save(&self) -> Saved {
        let state = self.state.as_ref();
        Saved {
            state: state.map(State::encode).unwrap_or_default(),
            seq: self.seq,
            chain: self.chain.0,
            events: self.events,
            runs: self.runs,
            blinding: self.blinding,
        }
    }

    /// What the proof so far must end in.
    pub(crate) fn state(&self) -> Result<[Scalar; ARITY], Error> {
        let [high, low] = engine::halves(&self.chain);
        let [events, runs] = [self.events, self.runs].map(Scalar::from);
        let commitment = self.registers().commit(self.blinding);
        let holds = match self.holds() {
            Ok(()) => 1,
            Err(Error::False(_)) => 0,
            Err(error) => return Err(error),
        };
        let digest = self.terms.digest();
        Ok([
            high,
            low,
            events,
            runs,
            digest,
            commitment,
            Scalar::from(holds),
        ])
    }

    fn registers(&self) -> Registers {
        let open = self.checker.count() != 0;
        Registers::of(open, self.seq, self.state.as_ref())
    }

    /// The step that takes these events, at most [`BATCH`], to which `next_blinding` then belongs.
    /// Judges them for well-formedness only; [`Native::judge`] says whether the claims can still hold.
    pub(crate) fn step(&mut self, events: &[Event], next_blinding: Scalar) -> Result<Step, Error> {
        debug_assert!(events.len() <= BATCH);
        let mut padded = [None; BATCH];
        for (place, event) in padded.iter_mut().zip(events) {
            *place = Some(*event);
        }
        let step = Step {
            terms: self.terms.clone(),
            chain: self.chain,
            before: self.registers(),
            blinding: self.blinding,
            next_blinding,
            events: padded,
        };
        for event in events {
            self.event(event)?;
        }
        self.blinding = next_blinding;
        Ok(step)
    }

    fn event(&mut self, event: &Event) -> Result<(), Error> {
        let header = self.checker.event(event).map_err(Error::trace)?;
        if let Some(state) = &mut self.state {
            state.step(&header).map_err(Error::trace)?;
        }
        self.chain = event.chain(&self.chain);
        self.events += 1;
        self.runs += u64::from(header.seq == 0);
        self.seq = self.checker.count();
        if self.checker.ended() {
            self.checker = Checker::new();
        }
        Ok(())
    }

    /// Whether the last run has ended and no claim is lost. What is missing yet may still come.
    pub(crate) fn judge(&self) -> Result<(), Error> {
        self.failures(|reason| !matches!(reason, Reason::TooFew { .. }))
    }

    /// Whether the last run has ended and the claims hold.
    pub(crate) fn holds(&self) -> Result<(), Error> {
        self.failures(|_| true)
    }

    fn failures(&self, counts: impl Fn(&Reason) -> bool) -> Result<(), Error> {
        if self.events == 0 {
            return Err(Error::Empty);
        }
        // Says that the run has not ended.
        if self.checker.count() != 0 {
            let unfinished = self.checker.finish().map(|_| ());
            unfinished.map_err(Error::trace)?;
        }
        let Some(state) = &self.state else {
            return Ok(());
        };
        let verdict = state.finish().map_err(Error::trace)?;
        match verdict.failures().find(|failure| counts(&failure.reason)) {
            Some(failure) => Err(Error::False(failure.to_string())),
            None => Ok(()),
        }
    }
}

/// Where a proof has left off, between two runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    state: Vec<u8>,
    seq: u64,
    chain: [u8; 32],
    events: u64,
    runs: u64,
    blinding: Scalar,
}
