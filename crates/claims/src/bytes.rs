//! A state as bytes of a fixed length, so that it can be committed to. The layout is in
//! `docs/claims.md`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use avouch_trace::{MAX_EVENTS, MAX_SCORE, NameId};

use crate::gates::{GateKind, slot};
use crate::{
    Claim, Claims, Error, Gate, Gates, MAX_ELECTORATE, Reason, Register, Scope, State, Used,
    VotingRule, WINDOW_SLOTS,
};

/// The only version so far.
const VERSION: u8 = 1;
/// Version, scope, ended, seq, events, runs, the claims' digest.
const HEAD_LEN: usize = 3 + 3 * 8 + 32;
/// Kind and subject.
const GATE_LEN: usize = 1 + 16;
/// A register's reason, 0 while the claim can still hold, and its event.
const STATUS_LEN: usize = 1 + 8;

impl State<'_> {
    /// How many bytes a state of these claims takes.
    pub fn encoded_len(claims: &Claims) -> usize {
        let list = claims.as_slice();
        let registers: usize = list.iter().map(|claim| STATUS_LEN + body_len(claim)).sum();
        let window = match list.iter().any(Claim::needs_gates) {
            true => WINDOW_SLOTS * GATE_LEN,
            false => 0,
        };
        HEAD_LEN + registers + window
    }

    /// The state as [`State::encoded_len`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::encoded_len(self.claims));
        out.extend([VERSION, self.scope as u8, u8::from(self.ended)]);
        for number in [self.seq, self.events, self.runs] {
            out.extend(number.to_be_bytes());
        }
        out.extend(self.claims.digest().0);
        for (claim, register) in self.claims.as_slice().iter().zip(&self.registers) {
            write_register(&mut out, claim, register);
        }
        for gate in self.gates.iter().flat_map(|gates| gates.slots()) {
            out.push(gate.kind as u8);
            out.extend(gate.subject.0);
        }
        out
    }
}

impl<'c> State<'c> {
    /// Reads a state of these claims. Refuses every encoding that no state has, as far as the
    /// bytes alone can show; whether some trace leads to this state is for a proof to say.
    pub fn decode(claims: &'c Claims, bytes: &[u8]) -> Result<Self, Error> {
        let mut input = Input { bytes, at: 0 };
        input.expect(&[VERSION], "version 1")?;
        let mut state = match input.array()? {
            [1] => Self::new(claims),
            [2] => Self::over_lifetime(claims)?,
            [_] => return Err(input.refuse(1, "scope 1 (run) or 2 (lifetime)")),
        };
        state.ended = input.flag()?;
        state.seq = input.uint()?;
        state.events = input.uint()?;
        state.runs = input.uint()?;
        if !state.counts_fit() {
            return Err(input.refuse(3 * 8, "counts of events and runs that fit together"));
        }
        input.expect(&claims.digest().0, "these claims' digest")?;
        for (claim, register) in claims.as_slice().iter().zip(&mut state.registers) {
            *register = input.register(claim, state.events)?;
        }
        if state.gates.is_some() {
            let gates = input.gates(state.seq)?;
            if !state.uses_fit(&gates) {
                return Err(input.refuse(0, "used gates that are open gates of the window"));
            }
            state.gates = Some(Box::new(gates));
        }
        match input.at == bytes.len() {
            true => Ok(state),
            false => Err(input.refuse(0, "the end")),
        }
    }

    fn counts_fit(&self) -> bool {
        let Self {
            seq, events, runs, ..
        } = *self;
        if seq == 0 {
            return events == 0 && runs == 0 && !self.ended;
        }
        // A run-start cannot be a run-end.
        let run = seq <= MAX_EVENTS && (!self.ended || seq > 1);
        let others = match self.scope {
            Scope::Run => runs == 1 && events == seq,
            // Each earlier run has at least a start and an end.
            Scope::Lifetime => match (runs.checked_sub(1), events.checked_sub(seq)) {
                (Some(runs), Some(events)) => {
                    runs <= events / 2 && events <= runs.saturating_mul(MAX_EVENTS)
                }
                _ => false,
            },
        };
        run && others
    }

    fn uses_fit(&self, gates: &Gates) -> bool {
        self.registers.iter().all(|register| match register {
            Register::Gated { used, .. } => (0..WINDOW_SLOTS)
                .all(|slot| !used.contains(slot) || gates.slots()[slot].kind != GateKind::Closed),
            _ => true,
        })
    }
}

/// How many bytes a claim's register takes beside its status.
fn body_len(claim: &Claim) -> usize {
    match Register::new(claim) {
        Register::Matches { .. } | Register::Window { .. } | Register::Spend { .. } => 8,
        Register::Budget { .. } => 16,
        Register::Halt { .. } => 1,
        Register::Gated { .. } => 8 + WINDOW_SLOTS / 8,
        Register::Ballot { .. } => 8 + 1 + 4 + 4,
        Register::Failed { .. } => 0,
    }
}

fn write_register(out: &mut Vec<u8>, claim: &Claim, register: &Register) {
    let end = out.len() + STATUS_LEN + body_len(claim);
    let (status, event) = match register {
        Register::Failed { event, reason } => (reason.number().unwrap_or(0), *event),
        _ => (0, 0),
    };
    out.push(status);
    out.extend(event.to_be_bytes());
    match register {
        Register::Matches { matches: number }
        | Register::Window { last: number }
        | Register::Spend { sum: number } => out.extend(number.to_be_bytes()),
        Register::Budget { left, raised } => {
            out.extend(left.to_be_bytes());
            out.extend(raised.to_be_bytes());
        }
        Register::Halt { halted } => out.push(u8::from(*halted)),
        Register::Gated { matches, used } => {
            out.extend(matches.to_be_bytes());
            out.extend(used.0);
        }
        Register::Ballot {
            voted,
            allow,
            allow_weight,
            weight,
        } => {
            out.extend(voted.to_be_bytes());
            out.push(*allow);
            out.extend(allow_weight.to_be_bytes());
            out.extend(weight.to_be_bytes());
        }
        // What a failed claim had counted no longer matters.
        Register::Failed { .. } => out.resize(end, 0),
    }
}

/// Bytes that are read from the front.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let taken = self.bytes.get(self.at..self.at.saturating_add(N));
        let array = taken.and_then(|bytes| bytes.try_into().ok());
        let array = array.ok_or_else(|| self.refuse(0, "more bytes"))?;
        self.at += N;
        Ok(array)
    }

    fn uint(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_be_bytes)
    }

    fn uint32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_be_bytes)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [_] => Err(self.refuse(1, "0 or 1")),
        }
    }

    fn expect(&mut self, bytes: &[u8], expected: &'static str) -> Result<(), Error> {
        if !self.bytes[self.at..].starts_with(bytes) {
            return Err(self.refuse(0, expected));
        }
        self.at += bytes.len();
        Ok(())
    }

    /// The error about what began `back` bytes before.
    fn refuse(&self, back: usize, expected: &'static str) -> Error {
        Error::State {
            at: self.at.saturating_sub(back),
            expected,
        }
    }

    fn register(&mut self, claim: &Claim, events: u64) -> Result<Register, Error> {
        let [status] = self.array()?;
        let event = self.uint()?;
        if status == 0 {
            if event != 0 {
                return Err(self.refuse(8, "no event, as the claim has not failed"));
            }
            return self.open_register(claim, events);
        }
        let reason = Reason::from_number(status)
            .filter(|reason| claim.can_fail_by(*reason))
            .ok_or_else(|| self.refuse(STATUS_LEN, "the number of a reason that this claim has"))?;
        if event >= events {
            return Err(self.refuse(8, "an event that was judged"));
        }
        for _ in 0..body_len(claim) {
            if self.array()? != [0] {
                return Err(self.refuse(1, "zeros, as the claim has failed"));
            }
        }
        Ok(Register::Failed { event, reason })
    }

    fn open_register(&mut self, claim: &Claim, events: u64) -> Result<Register, Error> {
        let start = self.at;
        let (register, fits) = match Register::new(claim) {
            Register::Matches { .. } => {
                let matches = self.uint()?;
                let most = match claim {
                    Claim::Count { max, .. } => events.min(*max),
                    _ => events,
                };
                (Register::Matches { matches }, matches <= most)
            }
            Register::Window { .. } => {
                let last = self.uint()?;
                let fits = match claim {
                    Claim::Window {
                        not_before,
                        not_after,
                    } if events > 0 => (*not_before..=*not_after).contains(&last),
                    _ => last == 0,
                };
                (Register::Window { last }, fits)
            }
            Register::Spend { .. } => {
                let sum = self.uint()?;
                let fits = matches!(claim, Claim::Spend { max } if sum <= *max);
                (Register::Spend { sum }, fits && (events > 0 || sum == 0))
            }
            Register::Budget { .. } => {
                let (left, raised) = (self.uint()?, self.uint()?);
                let fits = matches!(claim, Claim::Budget { max_start, max_raise }
                    if raised <= *max_raise && left != u64::MAX
                        && left <= max_start.saturating_add(raised));
                let fits = fits && (events > 0 || (left, raised) == (0, 0));
                (Register::Budget { left, raised }, fits)
            }
            Register::Halt { .. } => {
                let halted = self.flag()?;
                (Register::Halt { halted }, events > 0 || !halted)
            }
            Register::Gated { .. } => {
                let (matches, used) = (self.uint()?, Used(self.array()?));
                let uses: u32 = used.0.iter().map(|byte| byte.count_ones()).sum();
                let fits = matches <= events && u64::from(uses) <= matches;
                (Register::Gated { matches, used }, fits)
            }
            Register::Ballot { .. } => self.ballot(claim, events)?,
            failed @ Register::Failed { .. } => (failed, false),
        };
        match fits {
            true => Ok(register),
            false => Err(Error::State {
                at: start,
                expected: "what this claim can remember while it can still hold",
            }),
        }
    }

    fn ballot(&mut self, claim: &Claim, events: u64) -> Result<(Register, bool), Error> {
        let voted = self.uint()?;
        let [allow] = self.array()?;
        let (allow_weight, weight) = (self.uint32()?, self.uint32()?);
        let fits = match claim {
            Claim::Consensus {
                electorate, rule, ..
            } => {
                let (cast, size) = (voted.count_ones(), electorate.as_slice().len());
                let voters = size >= MAX_ELECTORATE || voted >> size == 0;
                let weights = match rule {
                    VotingRule::Weighted => {
                        allow_weight <= weight
                            && allow_weight <= u32::from(allow) * MAX_SCORE
                            && weight - allow_weight.min(weight)
                                <= cast.saturating_sub(allow.into()) * MAX_SCORE
                    }
                    _ => (allow_weight, weight) == (0, 0),
                };
                voters && u32::from(allow) <= cast && u64::from(cast) <= events && weights
            }
            _ => false,
        };
        let register = Register::Ballot {
            voted,
            allow,
            allow_weight,
            weight,
        };
        Ok((register, fits))
    }

    fn gates(&mut self, seq: u64) -> Result<Gates, Error> {
        let mut slots = [Gate::default(); WINDOW_SLOTS];
        for (index, gate) in slots.iter_mut().enumerate() {
            let [kind] = self.array()?;
            let kind = GateKind::from_u8(kind)
                .ok_or_else(|| self.refuse(1, "the number of a gate, 0 to 3"))?;
            let subject = NameId(self.array()?);
            // Beyond the trace's end there is nothing, and the next event's slot is empty.
            let reached = seq >= WINDOW_SLOTS as u64 || (index as u64) < seq;
            let may_be_open = reached && index != slot(seq);
            let closed = kind == GateKind::Closed;
            if closed != subject.is_none() || !(closed || may_be_open) {
                return Err(self.refuse(GATE_LEN, "an open gate of an event, or 17 zeros"));
            }
            *gate = Gate { kind, subject };
        }
        Ok(Gates::from_slots(slots))
    }
}
