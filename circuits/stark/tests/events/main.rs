//! The events table agrees with the evaluator, both ways, and a lie in any of its columns breaks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    unreachable_pub
)]

#[path = "../../../../crates/claims/tests/common/mod.rs"]
mod common;
mod lies;
mod probe;
mod proofs;

use std::cell::RefCell;

use avouch_claims::{Claim, Claims, Register, State};
use avouch_stark::Val;
use avouch_stark::blind::WIDTH;
use avouch_stark::events::{EventsAir, Memory, Segment};
use avouch_trace::{Decision, Flags, Header, Kind, MAX_SCORE, NameId};
use common::Trace;
use common::random::{self, Draw, Wish};
use p3_field::PrimeCharacteristicRing;
use probe::{Others, faults};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

const NO_BLINDING: [Val; WIDTH] = [Val::ZERO; WIDTH];

/// A random trace whose headers are headers: the evaluator itself does not ask for that.
fn well_formed(draws: &[Draw]) -> Vec<Header> {
    let mut trace = random::trace(draws);
    for header in &mut trace {
        header.score = header.score.map(|score| score.min(MAX_SCORE));
    }
    trace
}

fn encoded(trace: &[Header]) -> Vec<[u8; 80]> {
    trace.iter().map(Header::encode).collect()
}

fn whole(claims: &Claims, size: usize) -> EventsAir {
    let segment = Segment {
        first: 0,
        count: size as u64,
        size: size as u64,
    };
    EventsAir::new(claims, segment).unwrap()
}

/// The faults of the honest rows of a whole run.
fn judged(claims: &Claims, trace: &[Header]) -> usize {
    let (air, headers) = (whole(claims, trace.len()), encoded(trace));
    let witness = air.witness(trace, &air.start(), &NO_BLINDING).unwrap();
    let others = Others {
        headers: &headers,
        incoming: None,
        outgoing: None,
    };
    faults(&air, &witness.trace, &others)
}

/// The same of a run that is cut before these events, each segment beginning with what the one
/// before it left; that is what the evaluator remembers there.
fn judged_in_segments(claims: &Claims, trace: &[Header], cuts: &[usize]) -> usize {
    let mut faults_of_all = 0;
    let mut memory: Option<Memory> = None;
    let mut state = State::new(claims);
    let ends = cuts.iter().copied().chain([trace.len()]);
    let mut first = 0;
    for end in ends {
        let segment = Segment {
            first: first as u64,
            count: (end - first) as u64,
            size: trace.len() as u64,
        };
        let air = EventsAir::new(claims, segment).unwrap();
        let here = &trace[first..end];
        let headers = encoded(here);
        let before = memory.take().unwrap_or_else(|| air.start());
        let witness = air.witness(here, &before, &NO_BLINDING).unwrap();
        let others = Others {
            headers: &headers,
            incoming: (!segment.is_first()).then(|| air.slots(&before)),
            outgoing: (!segment.is_last()).then(|| air.slots(&witness.after)),
        };
        assert_eq!(air.slots(&before).len(), air.boundary_len());
        faults_of_all += faults(&air, &witness.trace, &others);
        here.iter().for_each(|header| state.step(header).unwrap());
        if faults_of_all == 0 {
            let ours = air.remembered(&witness.after);
            for (ours, evaluator) in ours.into_iter().zip(remembered(&state)) {
                let both = ours.zip(evaluator);
                assert!(both.is_none_or(|(ours, evaluator)| ours == evaluator));
            }
        }
        memory = Some(witness.after);
        first = end;
    }
    faults_of_all
}

/// The same cases in every run, so that a change fails for its own faults alone. For other ones each
/// time, and N times as many, set `AVOUCH_RANDOM_TESTS=N`.
fn config(cases: u32) -> Config {
    let default = Config::default();
    let times = std::env::var("AVOUCH_RANDOM_TESTS").ok();
    let times: Option<u32> = times.map(|times| times.parse().expect("a number of times"));
    Config {
        cases: cases * times.unwrap_or(1),
        failure_persistence: None,
        rng_seed: match default.rng_seed {
            RngSeed::Random if times.is_none() => RngSeed::Fixed(1),
            // Random, or what PROPTEST_RNG_SEED asks for.
            asked => asked,
        },
        ..default
    }
}

fn conjunction(wishes: &[(u8, Wish)], trace: &[Header]) -> Claims {
    let mut list: Vec<_> = Vec::new();
    for (number, wish) in wishes {
        let claim = random::claim(number % random::TYPES, wish, trace);
        if !list.contains(&claim) {
            list.push(claim);
        }
    }
    Claims::new(list).unwrap()
}

#[test]
fn each_claim_is_satisfied_exactly_when_it_holds() {
    const CASES: u32 = 60;
    for number in 0..random::TYPES {
        let seen = RefCell::new([0_u32; 2]);
        let draws = vec(any::<Draw>(), 0..24);
        TestRunner::new(config(CASES))
            .run(&(draws, any::<Wish>()), |(draws, wish)| {
                let trace = well_formed(&draws);
                let claims = Claims::new([random::claim(number, &wish, &trace)]).unwrap();
                let holds = common::judge(&claims, &trace).holds();
                let faults = judged(&claims, &trace);
                prop_assert_eq!(
                    holds,
                    faults == 0,
                    "{} faults: {}",
                    faults,
                    claims.as_slice()[0]
                );
                seen.borrow_mut()[usize::from(holds)] += 1;
                Ok(())
            })
            .unwrap();
        let [false_ones, true_ones] = seen.into_inner();
        eprintln!("type {number}: {true_ones} held, {false_ones} did not");
        assert!(false_ones > CASES / 20 && true_ones > CASES / 20);
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn a_conjunction_is_satisfied_exactly_when_it_holds(
        draws in vec(any::<Draw>(), 0..24), wishes in vec(any::<(u8, Wish)>(), 1..12),
    ) {
        let trace = well_formed(&draws);
        let claims = conjunction(&wishes, &trace);
        prop_assert_eq!(common::judge(&claims, &trace).holds(), judged(&claims, &trace) == 0);
    }

    #[test]
    fn segments_are_satisfied_exactly_when_the_whole_holds(
        draws in vec(any::<Draw>(), 24..48), wishes in vec(any::<(u8, Wish)>(), 1..6),
        cuts in any::<[u8; 2]>(),
    ) {
        // Every few events a long pause, so that approvals lie on both sides of the cuts.
        let draws: Vec<_> = draws.into_iter().enumerate().map(|(at, mut draw)| {
            if at % 12 == 11 { draw[7] = 248 }
            draw
        }).collect();
        let trace = well_formed(&draws);
        prop_assume!(trace.len() >= 2 * 255 + 2);
        let claims = conjunction(&wishes, &trace);
        let first_cut = 255 + usize::from(cuts[0]) % (trace.len() - 2 * 255 - 1);
        let second_cut = first_cut + 255 + usize::from(cuts[1]) % (trace.len() - first_cut - 255);
        let faults = judged_in_segments(&claims, &trace, &[first_cut, second_cut]);
        prop_assert_eq!(common::judge(&claims, &trace).holds(), faults == 0);
    }
}

/// Nothing can be taken from it, so that a claim which holds does not depend on it, and one which
/// does not hold is not saved by it.
#[test]
fn a_gate_without_a_subject_crosses_a_boundary_and_allows_nothing() {
    let claims = [
        Claim::Gated {
            matching: common::every(Kind::ToolCall),
        },
        Claim::Oversight {
            matching: common::every(Kind::ToolCall),
            score: 1,
        },
    ];
    let claims = Claims::new(claims).unwrap();
    let approval = |subject: NameId| {
        move |event: &mut Header| {
            event.subject = subject;
            event.decision = Decision::HumanAllowed;
            event.flags = Flags::HUMAN;
        }
    };
    let tool = common::name("tool:a");
    let before = Trace::new().notes(300);
    let (for_nobody, for_tool) = (before.next(), before.next() + 1);
    let before = before
        .add(Kind::ApprovalGiven, approval(NameId::NONE))
        .add(Kind::ApprovalGiven, approval(tool))
        .notes(10);
    for (subject, parent, holds) in [
        (tool, for_tool, true),
        (tool, for_nobody, false),
        (NameId::NONE, for_nobody, false),
    ] {
        let run = before.clone().notes(10).add(Kind::ToolCall, |event| {
            event.subject = subject;
            event.parent = Some(parent);
            event.score = Some(900_000);
        });
        let run = run.end();
        let cut = before.next() as usize;
        assert_eq!(common::judge(&claims, &run).holds(), holds);
        assert_eq!(judged_in_segments(&claims, &run, &[cut]) == 0, holds);
    }
}

/// What the evaluator remembers, as numbers; `None` of a claim that is false already, of which the
/// constraints may say so at the run's end only.
fn remembered(state: &State<'_>) -> Vec<Option<Vec<u64>>> {
    let registers = state.registers().iter().map(|register| {
        Some(match *register {
            Register::Matches { matches } | Register::Gated { matches, .. } => vec![matches],
            Register::Window { last } => vec![last],
            Register::Spend { sum } => vec![sum],
            Register::Budget { left, raised } => vec![left, raised],
            Register::Halt { halted } => vec![u64::from(halted)],
            Register::Ballot {
                voted,
                allow,
                allow_weight,
                weight,
            } => vec![
                voted,
                u64::from(allow),
                u64::from(allow_weight),
                u64::from(weight),
            ],
            Register::Failed { .. } => return None,
        })
    });
    registers.collect()
}
