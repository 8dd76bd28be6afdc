//! halt, allowed, gated, oversight, only and threshold.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, Ids, Matching, Reason};
use avouch_trace::{Decision, Flags, Header, Kind, NameId};
use common::{Trace, every, failure, name};

#[test]
fn after_a_halt_only_what_ends_the_run_or_a_human_does() {
    let human = |e: &mut Header| e.flags = Flags::HUMAN;
    let halted = Trace::new().add(Kind::Halt, |_| {});
    let fine = halted
        .clone()
        .add(Kind::Halt, |_| {})
        .add(Kind::Error, |_| {});
    let fine = fine.add(Kind::Note, human).add(Kind::ApprovalGiven, human);
    assert_eq!(failure(Claim::Halt, &fine), None);
    for kind in Kind::ALL
        .iter()
        .copied()
        .filter(|kind| !matches!(kind, Kind::RunStart | Kind::RunEnd))
    {
        let follower = |flags| failure(Claim::Halt, &halted.clone().add(kind, |e| e.flags = flags));
        let free = matches!(kind, Kind::Halt | Kind::Error);
        let by_human = matches!(kind, Kind::Note | Kind::ApprovalGiven);
        let refused = Some((Some(2), Reason::AfterHalt));
        assert_eq!(
            follower(Flags::NONE),
            if free { None } else { refused },
            "{kind}"
        );
        assert_eq!(
            follower(Flags::HUMAN),
            if free || by_human { None } else { refused },
            "{kind} by a human"
        );
    }
}

#[test]
fn the_halted_flag_halts_what_comes_after_it() {
    let flagged = Trace::new().add(Kind::ToolCall, |e| e.flags = Flags::HALTED);
    assert_eq!(
        failure(Claim::Halt, &flagged),
        None,
        "the event with the flag is not after it"
    );
    let went_on = flagged.add(Kind::ToolCall, |_| {});
    assert_eq!(
        failure(Claim::Halt, &went_on),
        Some((Some(2), Reason::AfterHalt))
    );
    assert_eq!(
        failure(Claim::Halt, &Trace::new().notes(3)),
        None,
        "a run that never halts keeps the rule"
    );
    let at_once = Trace::new().with(|e| e.flags = Flags::HALTED).notes(1);
    assert_eq!(
        failure(Claim::Halt, &at_once),
        Some((Some(1), Reason::AfterHalt))
    );
}

#[test]
fn allowed_asks_for_the_event_s_own_decision() {
    let call = |decision| Trace::new().add(Kind::ToolCall, |e| e.decision = decision);
    let claim = || Claim::Allowed {
        matching: every(Kind::ToolCall),
    };
    for decision in Decision::ALL.iter().copied() {
        let fine = matches!(decision, Decision::Allow | Decision::HumanAllowed);
        let expected = (!fine).then_some((Some(1), Reason::NotAllowed));
        assert_eq!(failure(claim(), &call(decision)), expected, "{decision}");
    }
}

#[test]
fn absence_does_not_pass_as_obedience() {
    let matching = || every(Kind::ToolCall);
    let set = Ids::of_names(&["tool:a"]).unwrap();
    let claims = |matching: &dyn Fn() -> Matching| {
        [
            Claim::Allowed {
                matching: matching(),
            },
            Claim::Gated {
                matching: matching(),
            },
            Claim::Oversight {
                matching: matching(),
                score: 0,
            },
            Claim::Only {
                matching: matching(),
                set: set.clone(),
            },
            Claim::Threshold {
                matching: matching(),
                min: 0,
                max: 1,
            },
        ]
    };
    let none = Trace::new().notes(2);
    for claim in claims(&matching) {
        let short = Reason::TooFew {
            found: 0,
            needed: 1,
        };
        assert_eq!(
            failure(claim.clone(), &none),
            Some((None, short)),
            "{claim}"
        );
    }
    for claim in claims(&|| Matching {
        min_matches: 0,
        ..matching()
    }) {
        assert_eq!(failure(claim.clone(), &none), None, "{claim}");
    }
}

/// Adds a policy's decision for `tool:a` that allowed.
fn policy(trace: Trace) -> Trace {
    trace.add(Kind::PolicyDecision, |e| {
        (e.decision, e.subject) = (Decision::Allow, name("tool:a"))
    })
}

/// Adds a human's approval of `tool:a`.
fn approval(trace: Trace) -> Trace {
    trace.add(Kind::ApprovalGiven, |e| {
        (e.decision, e.flags, e.subject) = (Decision::HumanAllowed, Flags::HUMAN, name("tool:a"));
    })
}

/// Adds a call of `tool:a` that answers event `parent`.
fn call(trace: Trace, parent: u32) -> Trace {
    trace.add(Kind::ToolCall, |e| {
        (e.subject, e.parent, e.score) = (name("tool:a"), Some(parent), Some(500_000));
    })
}

fn gated() -> Claim {
    Claim::Gated {
        matching: every(Kind::ToolCall),
    }
}

fn oversight(score: u32) -> Claim {
    Claim::Oversight {
        matching: every(Kind::ToolCall),
        score,
    }
}

#[test]
fn gated_by_a_policy_or_an_approval_that_allowed() {
    for gate in [policy, approval] {
        assert_eq!(failure(gated(), &call(gate(Trace::new()), 1)), None);
        for decision in Decision::ALL.iter().copied() {
            let trace = call(gate(Trace::new()).with(|e| e.decision = decision), 1);
            let fine = matches!(decision, Decision::Allow | Decision::HumanAllowed);
            let expected = (!fine).then_some((Some(2), Reason::NotAGate));
            assert_eq!(failure(gated(), &trace), expected, "{decision}");
        }
    }
    let unflagged = call(approval(Trace::new()).with(|e| e.flags = Flags::NONE), 1);
    assert_eq!(
        failure(gated(), &unflagged),
        None,
        "gated does not ask for a human"
    );
}

#[test]
fn nothing_else_is_a_gate() {
    for kind in Kind::ALL.iter().copied() {
        if matches!(
            kind,
            Kind::RunStart | Kind::RunEnd | Kind::PolicyDecision | Kind::ApprovalGiven
        ) {
            continue;
        }
        // A tool call in the gate's place would be judged itself.
        let trace = policy(Trace::new()).with(|e| e.kind = kind);
        let matching = Matching {
            filter: avouch_claims::Filter {
                actors: Some(Ids::of_names(&["agent:x"]).unwrap()),
                ..Default::default()
            },
            min_matches: 1,
        };
        let trace = call(trace, 1).with(|e| e.actor = name("agent:x"));
        assert_eq!(
            failure(Claim::Gated { matching }, &trace),
            Some((Some(2), Reason::NotAGate)),
            "{kind}"
        );
    }
}

#[test]
fn a_gate_is_for_its_own_subject() {
    let other = call(policy(Trace::new()), 1).with(|e| e.subject = name("tool:b"));
    assert_eq!(
        failure(gated(), &other),
        Some((Some(2), Reason::OtherSubject))
    );
    let nobody = policy(Trace::new()).with(|e| e.subject = NameId::NONE);
    let blanket = call(nobody.clone(), 1);
    assert_eq!(
        failure(gated(), &blanket),
        Some((Some(2), Reason::NotAGate)),
        "no blanket approvals"
    );
    let nothing = call(nobody, 1).with(|e| e.subject = NameId::NONE);
    assert_eq!(
        failure(gated(), &nothing),
        Some((Some(2), Reason::NoSubject)),
        "none is not the same as none"
    );
}

#[test]
fn a_gated_event_needs_a_parent() {
    let orphan = call(policy(Trace::new()), 1).with(|e| e.parent = None);
    assert_eq!(failure(gated(), &orphan), Some((Some(2), Reason::NoParent)));
}

#[test]
fn a_gate_reaches_255_events() {
    let far = |notes| call(policy(Trace::new()).notes(notes), 1);
    assert_eq!(failure(gated(), &far(254)), None, "255 events back");
    assert_eq!(
        failure(gated(), &far(255)),
        Some((Some(257), Reason::TooFarBack)),
        "256 events back"
    );
    assert_eq!(
        failure(gated(), &far(256)),
        Some((Some(258), Reason::TooFarBack)),
        "257 events back, where another slot begins"
    );
    assert_eq!(
        failure(gated(), &far(510)),
        Some((Some(512), Reason::TooFarBack))
    );
}

#[test]
fn an_approval_is_used_once() {
    let twice = call(call(policy(Trace::new()), 1), 1);
    assert_eq!(failure(gated(), &twice), Some((Some(3), Reason::GateUsed)));
    let two = call(call(policy(policy(Trace::new())), 1), 2);
    assert_eq!(failure(gated(), &two), None);
    // The slot of a used gate is free again for the event 256 later.
    let later = call(policy(call(policy(Trace::new()), 1).notes(254)), 257);
    assert_eq!(later.next(), 259);
    assert_eq!(failure(gated(), &later), None);
}

#[test]
fn an_event_that_the_claim_is_not_about_uses_no_approval() {
    let trace = policy(Trace::new()).add(Kind::Note, |e| {
        (e.subject, e.parent) = (name("tool:a"), Some(1))
    });
    assert_eq!(failure(gated(), &call(trace, 1)), None);
}

#[test]
fn oversight_wants_a_human_s_approval_from_the_bar_on() {
    assert_eq!(
        failure(oversight(500_000), &call(approval(Trace::new()), 1)),
        None
    );
    let by_policy = call(policy(Trace::new()), 1);
    assert_eq!(
        failure(oversight(500_000), &by_policy),
        Some((Some(2), Reason::NotByHuman)),
        "the bar itself counts"
    );
    assert_eq!(
        failure(oversight(500_001), &by_policy),
        None,
        "below the bar nobody asks"
    );
    let machine = call(approval(Trace::new()).with(|e| e.flags = Flags::NONE), 1);
    assert_eq!(
        failure(oversight(0), &machine),
        Some((Some(2), Reason::NotByHuman))
    );
    let denied = call(
        approval(Trace::new()).with(|e| e.decision = Decision::HumanDenied),
        1,
    );
    assert_eq!(
        failure(oversight(0), &denied),
        Some((Some(2), Reason::NotAGate))
    );
    let twice = call(call(approval(Trace::new()), 1), 1);
    assert_eq!(
        failure(oversight(0), &twice),
        Some((Some(3), Reason::GateUsed))
    );
    let far = call(approval(Trace::new()).notes(255), 1);
    assert_eq!(
        failure(oversight(0), &far),
        Some((Some(257), Reason::TooFarBack))
    );
    let other = call(approval(Trace::new()), 1).with(|e| e.subject = name("tool:b"));
    assert_eq!(
        failure(oversight(0), &other),
        Some((Some(2), Reason::OtherSubject))
    );
}

#[test]
fn an_event_below_the_bar_uses_no_approval_and_still_counts_as_a_match() {
    let low_then_high = call(approval(Trace::new()), 1).with(|e| e.score = Some(1));
    assert_eq!(failure(oversight(500_000), &low_then_high), None);
    assert_eq!(failure(oversight(500_000), &call(low_then_high, 1)), None);
}

#[test]
fn an_unknown_score_makes_oversight_false() {
    let unknown = call(approval(Trace::new()), 1).with(|e| e.score = None);
    for bar in [0, 1_000_000] {
        assert_eq!(
            failure(oversight(bar), &unknown),
            Some((Some(2), Reason::UnknownScore))
        );
    }
}

#[test]
fn only_the_set_and_never_nobody() {
    let only = |names: &[&str]| Claim::Only {
        matching: every(Kind::ToolCall),
        set: Ids::of_names(names).unwrap(),
    };
    let calls = |names: &[&str]| {
        names.iter().fold(Trace::new(), |trace, subject| {
            trace.add(Kind::ToolCall, |e| e.subject = name(subject))
        })
    };
    assert_eq!(
        failure(
            only(&["tool:a", "tool:b"]),
            &calls(&["tool:b", "tool:a", "tool:a"])
        ),
        None
    );
    assert_eq!(
        failure(only(&["tool:a"]), &calls(&["tool:a", "tool:b"])),
        Some((Some(2), Reason::NotInSet))
    );
    assert_eq!(
        failure(only(&["tool:a"]), &calls(&[""])),
        Some((Some(1), Reason::NotInSet)),
        "the zero id"
    );
}

#[test]
fn a_threshold_includes_its_ends() {
    let score = |score| Trace::new().add(Kind::Claim, |e| e.score = score);
    let claim = |min, max| Claim::Threshold {
        matching: every(Kind::Claim),
        min,
        max,
    };
    assert_eq!(
        failure(claim(400_000, 400_000), &score(Some(400_000))),
        None
    );
    let outside = Some((Some(1), Reason::OutOfRange));
    assert_eq!(
        failure(claim(400_001, 1_000_000), &score(Some(400_000))),
        outside
    );
    assert_eq!(failure(claim(0, 399_999), &score(Some(400_000))), outside);
    let unknown = Some((Some(1), Reason::UnknownScore));
    assert_eq!(failure(claim(0, 1_000_000), &score(None)), unknown);
}
