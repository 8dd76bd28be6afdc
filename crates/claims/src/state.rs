//! Judging a trace header by header.

use alloc::boxed::Box;
use alloc::vec::Vec;

use avouch_trace::{Checker, Error as TraceError, Header, Rule};

use crate::{Claims, Error, Failure, Gates, Register, Verdict, gates};

/// What a state judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scope {
    /// One run.
    Run = 1,
    /// Runs one after another, as an agent's chain has them.
    Lifetime = 2,
}

/// Claims in the middle of being judged: what has to be remembered of the headers so far, and
/// nothing else. Its size depends on the claims alone.
///
/// Headers come in order; anything that is not well-formed is an error and changes nothing. A
/// claim that became false stays so, and the others are still judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'c> {
    pub(crate) claims: &'c Claims,
    pub(crate) scope: Scope,
    /// Whether the last event was a run-end.
    pub(crate) ended: bool,
    /// How many events the current run has so far.
    pub(crate) seq: u64,
    /// How many events all runs have so far.
    pub(crate) events: u64,
    /// How many runs have begun.
    pub(crate) runs: u64,
    /// There when a claim needs it.
    pub(crate) gates: Option<Box<Gates>>,
    pub(crate) registers: Vec<Register>,
}

impl<'c> State<'c> {
    /// Before the first event of a run.
    pub fn new(claims: &'c Claims) -> Self {
        let list = claims.as_slice();
        Self {
            claims,
            scope: Scope::Run,
            ended: false,
            seq: 0,
            events: 0,
            runs: 0,
            gates: list
                .iter()
                .any(crate::Claim::needs_gates)
                .then(|| Box::new(Gates::EMPTY)),
            registers: list.iter().map(Register::new).collect(),
        }
    }

    /// Before the first event of an agent's first run. Counts and sums go over all runs; what
    /// compares an event with an earlier one (time's order, budget, halt) starts anew with each.
    ///
    /// # Errors
    /// [`Error::NotOverLifetime`] when one of the claims is about a single run.
    pub fn over_lifetime(claims: &'c Claims) -> Result<Self, Error> {
        match claims.as_slice().iter().find(|claim| !claim.spans_runs()) {
            Some(claim) => Err(Error::NotOverLifetime {
                claim: claim.name(),
            }),
            None => Ok(Self {
                scope: Scope::Lifetime,
                ..Self::new(claims)
            }),
        }
    }

    /// Judges the next header.
    ///
    /// # Errors
    /// [`Error::Trace`] when the headers up to this one are not a well-formed trace.
    pub fn step(&mut self, header: &Header) -> Result<(), Error> {
        if self.ended && self.scope == Scope::Run {
            return Err(Error::Trace(TraceError::Rule {
                index: self.seq,
                rule: Rule::NothingAfterRunEnd,
            }));
        }
        let mut checker = Checker::resume(if self.ended { 0 } else { self.seq });
        checker.header(header)?;
        // No claim asks for the gates of a state that keeps none.
        static NO_GATES: Gates = Gates::EMPTY;
        let gates = self.gates.as_deref().unwrap_or(&NO_GATES);
        for (claim, register) in self.claims.as_slice().iter().zip(&mut self.registers) {
            if matches!(register, Register::Failed { .. }) {
                continue;
            }
            if let Err(reason) = register.step(claim, header, gates) {
                *register = Register::Failed {
                    event: self.events,
                    reason,
                };
            }
        }
        self.seq = checker.count();
        self.ended = checker.ended();
        // 2^64 are out of reach, but a forged state may say that they were not.
        self.events = self.events.saturating_add(1);
        self.runs = self.runs.saturating_add(u64::from(header.seq == 0));
        if let Some(gates) = &mut self.gates {
            gates.push(header);
            let next = gates::slot(self.seq);
            for register in &mut self.registers {
                if let Register::Gated { used, .. } = register {
                    used.remove(next);
                }
            }
        }
        Ok(())
    }

    /// The answer, once the last run has ended.
    ///
    /// # Errors
    /// [`Error::Trace`] when the last event was no run-end.
    pub fn finish(&self) -> Result<Verdict, Error> {
        if !self.ended {
            // Says which rule: no event at all, or no end.
            Checker::resume(self.seq).finish()?;
        }
        let judged = self.claims.as_slice().iter().zip(&self.registers);
        let failures = judged.enumerate().filter_map(|(claim, (terms, register))| {
            let reason = register.finish(terms).err()?;
            let event = match register {
                Register::Failed { event, .. } => Some(*event),
                _ => None,
            };
            Some(Failure {
                claim,
                event,
                reason,
            })
        });
        Ok(Verdict {
            failures: failures.collect(),
            events: self.events,
            runs: self.runs,
        })
    }

    /// The claims.
    pub fn claims(&self) -> &'c Claims {
        self.claims
    }

    /// What is judged.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the last event was a run-end.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// How many events the current, or last, run has so far.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How many events all runs have so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many runs have begun.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// What each claim remembers, in the order of the claims.
    pub fn registers(&self) -> &[Register] {
        &self.registers
    }

    /// The last 255 events' gates, if a claim needs them.
    pub fn gates(&self) -> Option<&Gates> {
        self.gates.as_deref()
    }
}
