//! What a state judges and what it refuses to, over one run and over a lifetime.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, Claims, Error, Filter, Ids, Matching, Reason, State, VotingRule};
use avouch_trace::{Error as TraceError, Kind, Rule};
use common::{Trace, every, judge, kinds, plain};

fn claims(list: impl IntoIterator<Item = Claim>) -> Claims {
    Claims::new(list).unwrap()
}

fn rule(error: Error) -> Rule {
    match error {
        Error::Trace(TraceError::Rule { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_a_well_formed_trace_is_judged_and_a_refused_header_changes_nothing() {
    let claims = claims([
        Claim::Halt,
        Claim::Gated {
            matching: every(Kind::ToolCall),
        },
    ]);
    let mut state = State::new(&claims);
    assert_eq!(rule(state.finish().unwrap_err()), Rule::NotEmpty);
    let refuse = |state: &mut State<'_>, header, expected| {
        let before = state.clone();
        assert_eq!(rule(state.step(&header).unwrap_err()), expected);
        assert_eq!(*state, before);
    };
    refuse(&mut state, plain(Kind::Note, 0), Rule::StartsWithRunStart);
    refuse(&mut state, plain(Kind::RunStart, 1), Rule::SeqIsIndex);
    state.step(&plain(Kind::RunStart, 0)).unwrap();
    refuse(&mut state, plain(Kind::RunStart, 1), Rule::OneRunStart);
    let mut early = plain(Kind::Note, 1);
    early.parent = Some(1);
    refuse(&mut state, early, Rule::ParentIsEarlier);
    assert_eq!(rule(state.finish().unwrap_err()), Rule::EndsWithRunEnd);
    state.step(&plain(Kind::RunEnd, 1)).unwrap();
    refuse(&mut state, plain(Kind::Note, 2), Rule::NothingAfterRunEnd);
    refuse(
        &mut state,
        plain(Kind::RunStart, 0),
        Rule::NothingAfterRunEnd,
    );
    assert_eq!(state.finish().unwrap().events(), 2);
}

#[test]
fn a_claim_that_failed_stays_so_and_the_others_are_judged_on() {
    let claims = claims([Claim::Halt, Claim::Spend { max: 0 }]);
    let trace = Trace::new()
        .notes(1)
        .with(|e| e.cost = Some(1))
        .add(Kind::Halt, |_| {})
        .notes(1);
    let verdict = judge(&claims, &trace.end());
    let found: Vec<_> = verdict
        .failures()
        .map(|f| (claims.as_slice()[f.claim].name(), f.event, f.reason))
        .collect();
    assert_eq!(
        found,
        [
            ("halt", Some(3), Reason::AfterHalt),
            ("spend", Some(1), Reason::Overspent)
        ]
    );
}

#[test]
fn a_lifetime_sums_over_runs_and_starts_orders_anew() {
    let run = |cost| {
        Trace::new()
            .notes(1)
            .with(|e| e.cost = Some(cost))
            .add(Kind::Halt, |e| e.budget = Some(0))
            .end()
    };
    let answer = |claim| {
        let claims = claims([claim]);
        let mut state = State::over_lifetime(&claims).unwrap();
        [run(40), run(2)]
            .concat()
            .iter()
            .for_each(|header| state.step(header).unwrap());
        let verdict = state.finish().unwrap();
        assert_eq!((verdict.runs(), verdict.events()), (2, 8));
        verdict
            .failure(0)
            .map(|failure| (failure.event, failure.reason))
    };
    assert_eq!(answer(Claim::Spend { max: 42 }), None);
    assert_eq!(
        answer(Claim::Spend { max: 41 }),
        Some((Some(5), Reason::Overspent)),
        "counted from the first run on"
    );
    assert_eq!(answer(Claim::Halt), None, "a new run is a new beginning");
    assert_eq!(
        answer(Claim::Window {
            not_before: 0,
            not_after: 2_000
        }),
        None,
        "runs may overlap in time"
    );
    assert_eq!(
        answer(Claim::Count {
            filter: kinds(&[Kind::Halt]),
            min: 2,
            max: 2
        }),
        None
    );
    let many = Matching {
        min_matches: 3,
        ..every(Kind::Halt)
    };
    let short = Reason::TooFew {
        found: 2,
        needed: 3,
    };
    assert_eq!(
        answer(Claim::Threshold {
            matching: many.clone(),
            min: 0,
            max: 1
        }),
        Some((Some(2), Reason::UnknownScore))
    );
    assert_eq!(
        answer(Claim::Count {
            filter: many.filter,
            min: 3,
            max: 9
        }),
        Some((None, short))
    );
}

#[test]
fn claims_about_one_run_have_no_lifetime() {
    for (claim, name) in [
        (
            Claim::Gated {
                matching: every(Kind::ToolCall),
            },
            "gated",
        ),
        (
            Claim::Oversight {
                matching: every(Kind::ToolCall),
                score: 0,
            },
            "oversight",
        ),
        (
            Claim::Consensus {
                round: 1,
                electorate: Ids::of_names(&["a"]).unwrap(),
                quorum: 1,
                rule: VotingRule::Majority,
            },
            "consensus",
        ),
    ] {
        let claims = claims([claim, Claim::Halt]);
        assert_eq!(
            State::over_lifetime(&claims),
            Err(Error::NotOverLifetime { claim: name })
        );
    }
}

#[test]
fn a_forged_lifetime_of_2_to_the_64_events_goes_on_without_a_panic() {
    let claims = claims([Claim::Count {
        filter: Filter::default(),
        min: 0,
        max: u64::MAX,
    }]);
    let mut state = State::over_lifetime(&claims).unwrap();
    [plain(Kind::RunStart, 0), plain(Kind::RunEnd, 1)]
        .iter()
        .for_each(|header| state.step(header).unwrap());
    let mut bytes = state.encode();
    // events, runs, and the count itself.
    bytes[11..19].fill(0xff);
    bytes[19..27].copy_from_slice(&(u64::MAX / 2).to_be_bytes());
    bytes[59 + 9..].fill(0xff);
    let mut forged = State::decode(&claims, &bytes).unwrap();
    [plain(Kind::RunStart, 0), plain(Kind::RunEnd, 1)]
        .iter()
        .for_each(|header| forged.step(header).unwrap());
    assert_eq!(
        forged.finish().unwrap().failure(0).unwrap().reason,
        Reason::TooMany
    );
}
