//! count, window, spend and budget: every bound, on both of its sides.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, Filter, Reason};
use avouch_trace::{Decision, Flags, Kind, NameId};
use common::{Trace, failure, failure_in, kinds, name};

fn count(filter: Filter, min: u64, max: u64) -> Claim {
    Claim::Count { filter, min, max }
}

#[test]
fn count_holds_at_both_ends() {
    let trace = Trace::new().notes(3);
    let notes = || kinds(&[Kind::Note]);
    assert_eq!(failure(count(notes(), 3, 3), &trace), None);
    assert_eq!(failure(count(notes(), 0, u64::MAX), &trace), None);
    assert_eq!(
        failure(count(notes(), 0, 2), &trace),
        Some((Some(3), Reason::TooMany)),
        "the third note is one too many"
    );
    let short = Reason::TooFew {
        found: 3,
        needed: 4,
    };
    assert_eq!(failure(count(notes(), 4, 9), &trace), Some((None, short)));
}

#[test]
fn a_maximum_of_0_says_that_it_never_happened() {
    let never = count(kinds(&[Kind::Halt]), 0, 0);
    let trace = Trace::new().notes(1);
    assert_eq!(failure(never.clone(), &trace), None);
    let halted = trace.add(Kind::Halt, |_| {}).add(Kind::Halt, |_| {});
    assert_eq!(failure(never, &halted), Some((Some(2), Reason::TooMany)));
}

#[test]
fn a_filter_is_or_inside_a_key_and_and_across_keys() {
    let trace = Trace::new()
        .add(Kind::ToolCall, |e| {
            e.actor = name("agent:a");
            e.subject = name("tool:x");
            e.decision = Decision::Allow;
            e.flags = Flags::ERROR.with(Flags::REDACTED);
        })
        .add(Kind::ToolCall, |e| e.actor = name("agent:b"))
        .add(Kind::Note, |e| e.actor = name("agent:a"));
    let ids = |names: &[&str]| Some(avouch_claims::Ids::of_names(names).unwrap());
    let number =
        |filter: Filter| (0..9).find(|n| failure(count(filter.clone(), *n, *n), &trace).is_none());
    let calls = || kinds(&[Kind::ToolCall]);
    assert_eq!(
        number(Filter::default()),
        Some(5),
        "an absent key matches all"
    );
    assert_eq!(number(kinds(&[Kind::ToolCall, Kind::Note])), Some(3));
    assert_eq!(
        number(Filter {
            actors: ids(&["agent:a"]),
            ..Filter::default()
        }),
        Some(2)
    );
    assert_eq!(
        number(Filter {
            actors: ids(&["agent:a", "agent:b"]),
            ..calls()
        }),
        Some(2)
    );
    assert_eq!(
        number(Filter {
            actors: ids(&["agent:a"]),
            ..calls()
        }),
        Some(1)
    );
    let none = avouch_claims::Ids::new([NameId::NONE]).unwrap();
    assert_eq!(
        number(Filter {
            subjects: Some(none),
            ..calls()
        }),
        Some(1),
        "the zero id selects who names nothing"
    );
    let decisions = |all: &[Decision]| Some(avouch_claims::DecisionSet::new(all).unwrap());
    let undecided = Filter {
        decisions: decisions(&[Decision::None, Decision::Deny]),
        ..calls()
    };
    assert_eq!(number(undecided), Some(1));
    let flags = |flags| Filter {
        flags: Some(flags),
        ..Filter::default()
    };
    assert_eq!(
        number(flags(Flags::ERROR.with(Flags::HUMAN))),
        Some(1),
        "one of the flags is enough"
    );
    assert_eq!(number(flags(Flags::HUMAN)), Some(0));
}

#[test]
fn a_window_includes_its_ends() {
    // The run-start is at 1000, the note at 1001, the run-end at 1001.
    let trace = Trace::new().notes(1);
    let window = |not_before, not_after| Claim::Window {
        not_before,
        not_after,
    };
    assert_eq!(failure(window(1_000, 1_001), &trace), None);
    assert_eq!(
        failure(window(1_001, 1_001), &trace),
        Some((Some(0), Reason::TooEarly))
    );
    assert_eq!(
        failure(window(1_000, 1_000), &trace),
        Some((Some(1), Reason::TooLate))
    );
    assert_eq!(failure(window(0, u64::MAX), &trace), None);
}

#[test]
fn time_may_stand_still_but_not_run_backwards() {
    let any = || Claim::Window {
        not_before: 0,
        not_after: u64::MAX,
    };
    let still = Trace::new().notes(2).with(|e| e.time = 1_001);
    assert_eq!(failure(any(), &still), None);
    let back = Trace::new().notes(2).with(|e| e.time = 1_000);
    assert_eq!(
        failure(any(), &back),
        Some((Some(2), Reason::TimeBackwards))
    );
    let most = Trace::new().notes(1).with(|e| e.time = u64::MAX);
    assert_eq!(failure(any(), &most), None);
}

#[test]
fn spend_is_the_sum_of_all_costs() {
    let spend = |max| Claim::Spend { max };
    let trace = Trace::new()
        .notes(1)
        .with(|e| e.cost = Some(40))
        .notes(1)
        .with(|e| e.cost = Some(2));
    assert_eq!(failure(spend(42), &trace), None);
    assert_eq!(
        failure(spend(41), &trace),
        Some((Some(2), Reason::Overspent))
    );
    assert_eq!(failure(spend(0), &Trace::new()), None);
}

#[test]
fn an_unknown_cost_makes_spend_false() {
    let trace = Trace::new().notes(1).with(|e| e.cost = None);
    assert_eq!(
        failure(Claim::Spend { max: u64::MAX }, &trace),
        Some((Some(1), Reason::UnknownCost))
    );
}

#[test]
fn a_sum_beyond_64_bits_makes_spend_false() {
    let costs = |second| {
        let trace = Trace::new().notes(1).with(|e| e.cost = Some(u64::MAX - 1));
        trace.notes(1).with(|e| e.cost = Some(second))
    };
    let most = Claim::Spend { max: u64::MAX };
    assert_eq!(
        failure(most.clone(), &costs(1)),
        None,
        "2^64 - 1 still fits"
    );
    assert_eq!(
        failure(most, &costs(2)),
        Some((Some(2), Reason::CostOverflow))
    );
}

fn budget(max_start: u64, max_raise: u64) -> Claim {
    Claim::Budget {
        max_start,
        max_raise,
    }
}

/// A trace that starts with 1000 and goes on with these (kind, cost, budget).
fn budgets(events: &[(Kind, u64, u64)]) -> Trace {
    events
        .iter()
        .fold(Trace::new(), |trace, (kind, cost, left)| {
            trace.add(*kind, |e| (e.cost, e.budget) = (Some(*cost), Some(*left)))
        })
}

#[test]
fn a_budget_starts_at_most_at_its_maximum() {
    let trace = budgets(&[]);
    assert_eq!(failure(budget(1_000, 0), &trace), None);
    assert_eq!(
        failure(budget(999, 0), &trace),
        Some((Some(0), Reason::StartTooHigh))
    );
}

#[test]
fn a_budget_is_kept_at_every_event() {
    let none = Some((Some(0), Reason::NoBudget));
    assert_eq!(
        failure(budget(u64::MAX, 0), &Trace::new().with(|e| e.budget = None)),
        none
    );
    let later = Trace::new().notes(1).with(|e| e.budget = None);
    assert_eq!(
        failure(budget(1_000, 0), &later),
        Some((Some(1), Reason::NoBudget))
    );
}

#[test]
fn a_budget_falls_by_at_least_each_cost() {
    let note = Kind::Note;
    assert_eq!(
        failure(
            budget(1_000, 0),
            &budgets(&[(note, 10, 990), (note, 990, 0)])
        ),
        None
    );
    assert_eq!(
        failure(budget(1_000, 0), &budgets(&[(note, 10, 900)])),
        None,
        "it may fall further"
    );
    let rose = Some((Some(1), Reason::BudgetRose));
    assert_eq!(
        failure(budget(1_000, 9), &budgets(&[(note, 10, 991)])),
        rose
    );
    let overdrawn = Some((Some(1), Reason::Overdrawn));
    assert_eq!(
        failure(budget(1_000, 9), &budgets(&[(note, 1_001, 0)])),
        overdrawn
    );
    let unknown = Trace::new().notes(1).with(|e| e.cost = None);
    assert_eq!(
        failure(budget(1_000, 9), &unknown),
        Some((Some(1), Reason::UnknownCost))
    );
}

#[test]
fn the_first_event_s_own_cost_is_not_the_budget_s_business() {
    let trace = Trace::new().with(|e| e.cost = None);
    assert_eq!(failure(budget(1_000, 0), &trace), None);
    let dear = Trace::new().with(|e| e.cost = Some(5_000));
    assert_eq!(failure(budget(1_000, 0), &dear), None);
}

#[test]
fn only_a_budget_change_raises_and_the_raises_are_summed() {
    let change = Kind::BudgetChange;
    // 1000 - 10 + 110 = 1100, then - 0 + 40 = 1140.
    let trace = budgets(&[
        (change, 10, 1_100),
        (Kind::Note, 0, 1_100),
        (change, 0, 1_140),
    ]);
    assert_eq!(failure(budget(1_000, 150), &trace), None);
    assert_eq!(
        failure(budget(1_000, 149), &trace),
        Some((Some(3), Reason::RaisedTooMuch))
    );
    assert_eq!(
        failure(budget(1_000, 109), &trace),
        Some((Some(1), Reason::RaisedTooMuch))
    );
    let lowered = budgets(&[(change, 0, 400), (change, 0, 500)]);
    assert_eq!(
        failure(budget(1_000, 100), &lowered),
        None,
        "a cut is no negative raise"
    );
    assert_eq!(
        failure(budget(1_000, 99), &lowered),
        Some((Some(2), Reason::RaisedTooMuch))
    );
    let overdrawn = budgets(&[(change, 1_001, 5)]);
    let reason = Some((Some(1), Reason::Overdrawn));
    assert_eq!(
        failure(budget(1_000, u64::MAX), &overdrawn),
        reason,
        "a raise does not pay for its own event"
    );
}

#[test]
fn raises_beyond_64_bits_make_the_budget_false() {
    let change = Kind::BudgetChange;
    let most = u64::MAX - 1;
    let trace = budgets(&[
        (change, 0, most),
        (Kind::Note, most, 0),
        (change, 0, most),
        (Kind::Note, 0, 0),
    ]);
    assert_eq!(
        failure_in(budget(u64::MAX, u64::MAX), &trace.end()),
        Some((Some(3), Reason::RaisedTooMuch))
    );
}
