//! The evaluator agrees with the table read literally, however the trace is cut.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::cell::RefCell;

use avouch_claims::{Claims, Reason, State};
use avouch_trace::Header;
use common::naive;
use common::random::{self, Draw, Wish};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    vec(any::<Draw>(), 0..24)
}

/// What the evaluator says of one claim: the first event that broke it.
fn answer(claims: &Claims, trace: &[Header]) -> Result<(), Option<usize>> {
    match common::judge(claims, trace).failure(0) {
        None => Ok(()),
        Some(failure) => Err(failure.event.map(|event| event as usize)),
    }
}

#[test]
fn every_claim_means_what_the_table_says() {
    const CASES: u32 = 1_500;
    for number in 0..random::TYPES {
        // How often the claim held, broke at an event, and failed only at the end.
        let seen = RefCell::new([0_u32; 3]);
        let type_name = RefCell::new("");
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        });
        runner
            .run(&(draws(), any::<Wish>()), |(draws, wish)| {
                let trace = random::trace(&draws);
                let claim = random::claim(number, &wish, &trace);
                *type_name.borrow_mut() = claim.name();
                let expected = naive::answer(&claim, &[&trace]);
                let claims = Claims::new([claim]).unwrap();
                prop_assert_eq!(
                    answer(&claims, &trace),
                    expected,
                    "{}",
                    claims.as_slice()[0]
                );
                seen.borrow_mut()[match expected {
                    Ok(()) => 0,
                    Err(Some(_)) => 1,
                    Err(None) => 2,
                }] += 1;
                Ok(())
            })
            .unwrap();
        let [held, broken, short] = seen.into_inner();
        eprintln!(
            "{:<10} held {held}, broken by an event {broken}, by the end {short}",
            type_name.into_inner()
        );
        assert!(
            held >= CASES / 12 && broken + short >= CASES / 12,
            "both verdicts must be seen often"
        );
    }
}

/// Judges the trace in two halves, of which the second knows only the first's bytes.
fn cut_at(claims: &Claims, trace: &[Header], at: usize) -> avouch_claims::Verdict {
    let mut first = State::new(claims);
    trace[..at]
        .iter()
        .for_each(|header| first.step(header).unwrap());
    let bytes = first.encode();
    assert_eq!(bytes.len(), State::encoded_len(claims));
    let mut second = State::decode(claims, &bytes).unwrap();
    assert_eq!(second, first);
    trace[at..]
        .iter()
        .for_each(|header| second.step(header).unwrap());
    second.finish().unwrap()
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

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn cutting_a_trace_anywhere_changes_nothing(
        draws in draws(), wishes in vec(any::<(u8, Wish)>(), 1..12), cuts in vec(any::<u16>(), 1..8),
    ) {
        let trace = random::trace(&draws);
        let claims = conjunction(&wishes, &trace);
        let whole = common::judge(&claims, &trace);
        for cut in cuts.into_iter().map(usize::from).chain([0, trace.len()]) {
            prop_assert_eq!(&cut_at(&claims, &trace, cut % (trace.len() + 1)), &whole);
        }
    }

    #[test]
    fn a_conjunction_holds_when_each_claim_does(
        draws in draws(), wishes in vec(any::<(u8, Wish)>(), 1..12),
    ) {
        let trace = random::trace(&draws);
        let claims = conjunction(&wishes, &trace);
        let together = common::judge(&claims, &trace);
        for (index, claim) in claims.as_slice().iter().enumerate() {
            let alone = common::judge(&Claims::new([claim.clone()]).unwrap(), &trace);
            let reason = |verdict: &avouch_claims::Verdict, at| verdict.failure(at).map(|f| (f.event, f.reason));
            prop_assert_eq!(reason(&together, index), reason(&alone, 0));
        }
        prop_assert_eq!(together.holds(), together.failures().count() == 0);
    }

    /// Over a lifetime too: what the naive evaluator says of several runs, cut between and inside them.
    #[test]
    fn a_lifetime_means_what_the_table_says(
        lives in vec(draws(), 1..4), number in 0..random::TYPES, wish in any::<Wish>(), cut in any::<u16>(),
    ) {
        let runs: Vec<Vec<Header>> = lives.iter().map(|draws| random::trace(draws)).collect();
        let all = runs.concat();
        let claims = Claims::new([random::claim(number, &wish, &all)]).unwrap();
        let claim = &claims.as_slice()[0];
        let Ok(mut state) = State::over_lifetime(&claims) else {
            prop_assert!(!claim.spans_runs());
            return Ok(());
        };
        let cut = usize::from(cut) % (all.len() + 1);
        all[..cut].iter().for_each(|header| state.step(header).unwrap());
        let mut state = State::decode(&claims, &state.encode()).unwrap();
        all[cut..].iter().for_each(|header| state.step(header).unwrap());
        let verdict = state.finish().unwrap();
        prop_assert_eq!((verdict.events(), verdict.runs()), (all.len() as u64, runs.len() as u64));
        let slices: Vec<&[Header]> = runs.iter().map(Vec::as_slice).collect();
        let found = match verdict.failure(0) {
            None => Ok(()),
            Some(failure) => Err(failure.event.map(|event| event as usize)),
        };
        prop_assert_eq!(found, naive::answer(claim, &slices), "{}", claim);
    }

    #[test]
    fn any_reason_has_one_number(number: u8) {
        if let Some(reason) = Reason::from_number(number) {
            prop_assert_eq!(reason.number(), Some(number));
        }
    }
}
