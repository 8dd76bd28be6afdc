//! The circuit beside the evaluator, and against a prover that lies.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_claims::{Claim, Claims, DecisionSet, Filter, Ids, KindSet, Matching, State};
use avouch_merkle::{Digest, hash_leaf};
use avouch_trace::{Decision, Event, Flags, Header, Kind, NameId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::checking::{run, run_with};
use super::{ARITY, BATCH, Step, start};
use crate::engine::{Scalar, halves};
use crate::native::Native;
use crate::terms::Terms;

const CHAIN: Digest = Digest([7; 32]);

struct Random(ChaCha8Rng);

impl Random {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::from(self.0.next_u64())
    }

    fn name(&mut self) -> NameId {
        NameId([self.below(4) as u8; 16])
    }

    /// A run of so many events, at least 2, that mostly keeps the usual rules.
    fn run(&mut self, size: u64) -> Vec<Event> {
        const KINDS: [Kind; 8] = [
            Kind::ToolCall,
            Kind::ModelCall,
            Kind::PolicyDecision,
            Kind::ApprovalGiven,
            Kind::BudgetChange,
            Kind::Note,
            Kind::Error,
            Kind::Halt,
        ];
        let mut budget = 1000;
        let (mut time, mut halted) = (1000, false);
        let events = (0..size).map(|seq| {
            let kind = match seq {
                0 => Kind::RunStart,
                _ if seq + 1 == size => Kind::RunEnd,
                _ if halted && !self.one_in(8) => Kind::Error,
                _ => self.of(&KINDS),
            };
            let cost = self.below(20);
            if seq > 0 {
                budget -= cost.min(budget);
            }
            if kind == Kind::BudgetChange {
                budget += self.below(50);
            } else if self.one_in(30) {
                budget += 1;
            }
            time += self.below(5);
            if self.one_in(60) {
                time -= 20;
            }
            let mut flags = 0;
            for flag in 0..4 {
                if self.one_in(8) {
                    flags |= 1 << flag;
                }
            }
            halted |= flags & 1 == 1 || kind == Kind::Halt;
            let header = Header {
                kind,
                decision: self.of(&[
                    Decision::None,
                    Decision::Allow,
                    Decision::Allow,
                    Decision::HumanAllowed,
                    Decision::Deny,
                    Decision::AskHuman,
                ]),
                flags: Flags::from_u8(flags).unwrap(),
                round: self.below(3) as u32,
                seq,
                time,
                cost: (!self.one_in(60)).then_some(cost),
                budget: (!self.one_in(80)).then_some(budget),
                score: (!self.one_in(40)).then_some(self.below(1_000_001) as u32),
                parent: (seq > 0 && self.one_in(2)).then(|| self.below(seq) as u32),
                actor: self.name(),
                subject: self.name(),
            };
            Event::new(&header, hash_leaf(&self.0.next_u64().to_be_bytes()))
        });
        events.collect()
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::default();
        if !self.one_in(3) {
            let kinds = [Kind::ToolCall, Kind::ModelCall, Kind::Note];
            filter.kinds = Some(KindSet::new(&kinds[..1 + self.below(3) as usize]).unwrap());
        }
        if self.one_in(4) {
            filter.decisions = Some(DecisionSet::new(&[Decision::Allow, Decision::Deny]).unwrap());
        }
        if self.one_in(4) {
            filter.flags = Flags::from_u8(1 + self.below(15) as u8);
        }
        let ids = |random: &mut Self, most: u64| {
            let count = 1 + random.below(most) as u8;
            Ids::new((0..count).map(|id| NameId([id; 16]))).ok()
        };
        if self.one_in(4) {
            filter.actors = ids(self, 2);
        }
        if self.one_in(4) {
            filter.subjects = ids(self, 4);
        }
        filter
    }

    fn matching(&mut self) -> Matching {
        Matching {
            filter: self.filter(),
            min_matches: self.below(3),
        }
    }

    fn claim(&mut self) -> Claim {
        match self.below(8) {
            0 => {
                let min = self.below(3);
                Claim::Count {
                    filter: self.filter(),
                    min,
                    max: min + self.of(&[0, 2, 20, 1000]),
                }
            }
            1 => Claim::Window {
                not_before: self.of(&[0, 1000, 1001]),
                not_after: self.of(&[1020, 5000]),
            },
            2 => Claim::Spend {
                max: self.of(&[50, 100, 5000]),
            },
            3 => Claim::Budget {
                max_start: self.of(&[999, 1000, 5000]),
                max_raise: self.of(&[0, 30, 1000]),
            },
            4 => Claim::Halt,
            5 => Claim::Allowed {
                matching: self.matching(),
            },
            6 => Claim::Only {
                matching: self.matching(),
                set: Ids::new((1..=self.of(&[1, 3])).map(|id| NameId([id; 16]))).unwrap(),
            },
            _ => Claim::Threshold {
                matching: self.matching(),
                min: self.of(&[0, 100_000]),
                max: self.of(&[900_000, 1_000_000]),
            },
        }
    }

    fn claims(&mut self) -> Claims {
        loop {
            let count = 1 + self.below(3);
            let claims: Vec<Claim> = (0..count).map(|_| self.claim()).collect();
            if let Ok(claims) = Claims::new(claims) {
                return claims;
            }
        }
    }
}

/// All steps over these runs, each in its own steps as a prover takes them. What comes out is the last
/// state if every constraint held.
fn fold(
    random: &mut Random,
    claims: Option<&Claims>,
    runs: &[Vec<Event>],
) -> Option<[Scalar; ARITY]> {
    let mut native = Native::new(CHAIN, claims).unwrap();
    let mut state = start(&CHAIN, &Terms::new(claims).unwrap());
    for events in runs.iter().flat_map(|run| run.chunks(BATCH)) {
        let step = native.step(events, random.scalar()).unwrap();
        let (cs, next) = run(&step, &state);
        if !cs.broken.is_empty() {
            return None;
        }
        state = next;
    }
    Some(state)
}

fn holds(claims: &Claims, runs: &[Vec<Event>]) -> bool {
    let mut state = State::over_lifetime(claims).unwrap();
    for event in runs.iter().flatten() {
        state.step(&event.header().unwrap()).unwrap();
    }
    state.finish().unwrap().holds()
}

#[test]
fn every_step_has_the_same_shape_and_fits() {
    let shape = run(&Step::shape().unwrap(), &[Scalar::from(0); ARITY]).0;
    let mut random = Random::new(1);
    let events = random.run(2);
    let claims = random.claims();
    let mut native = Native::new(CHAIN, Some(&claims)).unwrap();
    let step = native.step(&events, Scalar::from(5)).unwrap();
    let (cs, _) = run(&step, &start(&CHAIN, &Terms::new(Some(&claims)).unwrap()));
    assert_eq!(cs.constraints, shape.constraints);
    eprintln!("{} constraints, batch {BATCH}", cs.constraints);
    // Nova's own verifier circuit has about ten thousand more.
    assert!(cs.constraints < (1 << 18) - 12_000, "{}", cs.constraints);
}

#[test]
fn a_life_is_counted_and_chained() {
    let mut random = Random::new(2);
    let runs: Vec<_> = [2, 3, 4, 8].map(|size| random.run(size)).into();
    let state = fold(&mut random, None, &runs).expect("nothing is claimed");
    let head = runs
        .iter()
        .flatten()
        .fold(CHAIN, |value, event| event.chain(&value));
    let [high, low] = halves(&head);
    assert_eq!(state[..4], [high, low, Scalar::from(17), Scalar::from(4)]);
    assert_eq!(state[4], Terms::new(None).unwrap().digest());
    assert_eq!(state[6], Scalar::from(1));
}

#[test]
fn the_circuit_agrees_with_the_evaluator() {
    let mut agreed = [0; 2];
    for seed in 0..40 {
        let mut random = Random::new(100 + seed);
        let runs: Vec<_> = (0..1 + random.below(2))
            .map(|_| 2 + random.below(8))
            .collect();
        let runs: Vec<_> = runs.into_iter().map(|size| random.run(size)).collect();
        let claims = random.claims();
        let expected = holds(&claims, &runs);
        let state = fold(&mut random, Some(&claims), &runs);
        let found = state.is_some_and(|state| state[6] == Scalar::from(1));
        assert_eq!(found, expected, "seed {seed}: {claims:?}");
        agreed[usize::from(found)] += 1;
    }
    assert!(agreed[0] > 5 && agreed[1] > 5, "{agreed:?}");
}

/// A full step in the middle of a life, and the state before it.
fn middle() -> (Step, [Scalar; ARITY]) {
    let mut random = Random::new(3);
    let claims = Claims::new([
        Claim::Spend { max: 100_000 },
        Claim::Count {
            filter: Filter::default(),
            min: 0,
            max: 1000,
        },
    ])
    .unwrap();
    // Leaked, so that the step can be had from a function.
    let claims = Box::leak(Box::new(claims));
    let mut events = random.run(2 * BATCH as u64);
    for event in &mut events {
        let mut header = event.header().unwrap();
        header.cost = Some(3);
        *event = Event::new(&header, event.body);
    }
    let mut native = Native::new(CHAIN, Some(claims)).unwrap();
    let state = start(&CHAIN, &Terms::new(Some(claims)).unwrap());
    let step = native.step(&events[..BATCH], random.scalar()).unwrap();
    let (cs, state) = run(&step, &state);
    assert!(cs.broken.is_empty());
    (
        native.step(&events[BATCH..], random.scalar()).unwrap(),
        state,
    )
}

#[test]
fn no_variable_is_free_and_none_can_be_changed() {
    let (step, state) = middle();
    let (cs, _) = run(&step, &state);
    assert!(cs.broken.is_empty(), "{:?}", cs.broken);
    // The verdict so far, which every step gives anew.
    assert_eq!(cs.free(), 1);
    let mut random = Random::new(4);
    // Those of the claims, registers and header come first; most of the others are the hash's.
    let early = (0..40).map(|at| 7 * at);
    let late: Vec<_> = (0..30)
        .map(|_| random.below(cs.len() as u64) as usize)
        .collect();
    for at in early.chain(late).chain([cs.len() - 1]) {
        let (lied, _) = run_with(&step, &state, Some(at));
        assert!(!lied.broken.is_empty(), "variable {at} of {}", cs.len());
    }
}

#[test]
fn a_prover_that_lies_is_refused() {
    type Lie = fn(&mut Step);
    let lies: [(&str, Lie); 11] = [
        ("another chain before", |step| step.chain.0[31] ^= 1),
        ("less spent before", |step| step.before.sum -= 1),
        ("fewer matches before", |step| step.before.matches[0] -= 1),
        ("another seq before", |step| step.before.seq -= 1),
        ("no run under way", |step| step.before.open = false),
        ("another blinding", |step| step.blinding += Scalar::from(1)),
        ("other claims", |step| step.terms.spend = Some(u64::MAX)),
        ("no claims", |step| step.terms = Terms::new(None).unwrap()),
        ("padding before an event", |step| step.events[1] = None),
        ("padding first", |step| step.events[0] = None),
        ("two events have changed places", |step| {
            step.events.swap(0, 1)
        }),
    ];
    let (honest, state) = middle();
    for (name, lie) in lies {
        let mut step = honest.clone();
        lie(&mut step);
        assert!(!run(&step, &state).0.broken.is_empty(), "accepted: {name}");
    }
    // What an event may not be: its step fails, or hashes something else in its place.
    type Spoil = fn(&mut [u8; avouch_trace::HEADER_LEN]);
    let headers: [(&str, Spoil); 10] = [
        ("another version", |header| header[0] = 2),
        ("kind 0", |header| header[1] = 0),
        ("kind 28", |header| header[1] = 28),
        ("decision 6", |header| header[2] = 6),
        ("an unused flag", |header| header[3] |= 16),
        ("another seq", |header| header[15] += 1),
        ("a second start", |header| header[1] = Kind::RunStart as u8),
        ("a score above one", |header| {
            header[40..44].copy_from_slice(&1_000_001_u32.to_be_bytes());
        }),
        ("a parent that is itself", |header| {
            header[44..48].copy_from_slice(&3_u32.to_be_bytes());
        }),
        ("an unknown cost", |header| header[24..32].fill(u8::MAX)),
    ];
    for (name, spoil) in headers {
        let mut step = honest.clone();
        let event = step.events[0].as_mut().unwrap();
        spoil(&mut event.header);
        let (cs, next) = run(&step, &state);
        let events = step.events.iter().flatten();
        let head = events.fold(step.chain, |value, event| event.chain(&value));
        let accepted = cs.broken.is_empty() && next[..2] == halves(&head);
        assert!(!accepted, "accepted: {name}");
    }
}

#[test]
fn padding_changes_nothing_and_an_open_run_is_no_verdict() {
    let (mut step, state) = middle();
    step.events = [None; BATCH];
    let (cs, next) = run(&step, &state);
    assert!(cs.broken.is_empty());
    assert_eq!(next[..5], state[..5]);
    assert_ne!(next[5], state[5], "it is blinded anew");
    assert_eq!(next[6], Scalar::from(0), "the run has not ended");
    // An event more than there is cannot be counted, nor one less.
    let (mut step, state) = middle();
    step.events[BATCH - 1] = None;
    let (cs, next) = run(&step, &state);
    assert!(cs.broken.is_empty());
    assert_eq!(next[2], state[2] + Scalar::from(BATCH as u64 - 1));
    assert_eq!(next[6], Scalar::from(0));
}
