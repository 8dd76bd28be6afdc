//! Rows that lie: in one cell, for laxer claims, and about what a well-formed trace is.

use avouch_claims::{Claim, Claims, Filter, Ids, Matching, VotingRule};
use avouch_stark::Val;
use avouch_stark::blind::WIDTH;
use avouch_stark::bus::MIN_ROWS;
use avouch_stark::events::{EventsAir, Segment, SegmentError};
use avouch_trace::{Decision, Flags, Header, Kind, NameId};
use p3_air::BaseAir;
use p3_field::{PrimeCharacteristicRing, PrimeField32};

use super::common::{Trace, every, kinds, name, plain};
use super::probe::{Others, around, faults};
use super::{NO_BLINDING, encoded, judged, whole};

/// A run in which every claim has something to say.
pub fn busy_run() -> Vec<Header> {
    let mut trace = Trace::new().with(|e| e.budget = Some(1_000));
    for (tool, human) in [("tool:a", false), ("tool:b", true), ("tool:a", true)] {
        let gate = trace.next();
        trace = trace
            .add(Kind::ApprovalGiven, |e| {
                e.subject = name(tool);
                e.decision = Decision::HumanAllowed;
                if human {
                    e.flags = Flags::HUMAN;
                }
            })
            .add(Kind::ToolCall, |e| {
                e.subject = name(tool);
                e.parent = Some(gate);
                e.decision = Decision::Allow;
                e.score = Some(if human { 900_000 } else { 100_000 });
                e.cost = Some(70_000);
                e.budget = Some(1_000);
            });
    }
    for (voter, decision) in [
        (1, Decision::Allow),
        (2, Decision::Allow),
        (3, Decision::Deny),
    ] {
        trace = trace.add(Kind::Vote, |e| {
            e.round = 1;
            e.actor = name(&format!("agent:{voter}"));
            e.decision = decision;
            e.score = Some(if voter == 3 { 100_000 } else { 800_000 });
        });
    }
    let mut events = trace.add(Kind::Halt, |_| {}).end();
    // A budget that is spent and raised.
    let mut left = 300_000_u64;
    for event in &mut events[1..] {
        left -= event.cost.unwrap();
        if event.kind == Kind::ApprovalGiven {
            left -= 5;
        }
        event.budget = Some(left);
    }
    events[0].budget = Some(300_000);
    let change = Header {
        budget: Some(left + 70_000),
        cost: Some(1),
        ..plain(Kind::BudgetChange, 10)
    };
    events.insert(10, change);
    // No event of the round that differs from it in the low half only.
    events[2].round = 0x1_0000;
    for (seq, event) in (0..).zip(&mut events) {
        event.seq = seq;
        event.time = 1_000_000 + seq * 70_000;
        if seq > 10 {
            event.budget = Some(left + 70_000);
        }
    }
    events
}

/// All eleven claims, in two strictnesses that take the same columns.
pub fn all_claims(lax: bool) -> Vec<Claim> {
    let pick = |strict: u64, laxer: u64| if lax { laxer } else { strict };
    let flagged = Filter {
        actors: Some(Ids::of_names(&["agent:1", "agent:2"]).unwrap()),
        decisions: kinds_of_decisions(),
        ..kinds(&[Kind::Vote])
    };
    let about = Matching {
        filter: Filter {
            subjects: Some(Ids::new([name("tool:b"), NameId::NONE]).unwrap()),
            flags: Some(Flags::HUMAN.with(Flags::ERROR)),
            ..Filter::default()
        },
        min_matches: 1,
    };
    let electorate = ["agent:1", "agent:2", "agent:3"];
    vec![
        Claim::Count {
            filter: flagged,
            min: pick(2, 1),
            max: pick(3, 4),
        },
        Claim::Window {
            not_before: pick(1_000_000, 900_000),
            not_after: pick(2_300_000, 9_000_000),
        },
        Claim::Spend {
            max: pick(210_001, 210_010),
        },
        Claim::Budget {
            max_start: pick(300_000, 300_001),
            max_raise: pick(70_001, 70_009),
        },
        Claim::Halt,
        Claim::Allowed { matching: about },
        Claim::Gated {
            matching: every(Kind::ToolCall),
        },
        Claim::Oversight {
            matching: every(Kind::ToolCall),
            score: pick(900_000, 900_001) as u32,
        },
        Claim::Only {
            matching: every(Kind::ToolCall),
            set: Ids::of_names(&["tool:a", "tool:b"]).unwrap(),
        },
        Claim::Threshold {
            matching: every(Kind::ToolCall),
            min: pick(100_000, 99_999) as u32,
            max: pick(900_000, 900_001) as u32,
        },
        Claim::Consensus {
            round: 1,
            electorate: Ids::of_names(&electorate).unwrap(),
            quorum: pick(3, 2),
            rule: VotingRule::Weighted,
        },
    ]
}

fn kinds_of_decisions() -> Option<avouch_claims::DecisionSet> {
    avouch_claims::DecisionSet::new(&[Decision::Allow, Decision::Deny]).ok()
}

#[test]
fn the_busy_run_is_satisfied() {
    let claims = Claims::new(all_claims(false)).unwrap();
    let verdict = super::common::judge(&claims, &busy_run());
    let failures: Vec<_> = verdict.failures().map(ToString::to_string).collect();
    assert_eq!(failures, Vec::<String>::new());
    assert_eq!(judged(&claims, &busy_run()), 0);
}

/// No column can be changed everywhere, and few cells can be changed at all: inverses where nothing
/// has to have one.
#[test]
fn a_lie_in_any_column_is_noticed() {
    let trace = busy_run();
    let claims = Claims::new(all_claims(false)).unwrap();
    let air = whole(&claims, trace.len());
    let mut rows = air
        .witness(&trace, &air.start(), &NO_BLINDING)
        .unwrap()
        .trace;
    let width = BaseAir::<Val>::width(&air);
    let (mut tried, mut free) = (0, 0);
    let changes = [1, Val::ORDER_U32 - 1, 1 << 16, 0x1234_5678].map(Val::from_u32);
    // The blinding at the end is free: see `blind`.
    for column in 0..width - WIDTH {
        let mut noticed = 0;
        for row in (0..trace.len() + 2).chain([MIN_ROWS - 1]) {
            let honest = around(&air, &rows, row);
            for change in changes {
                rows.values[row * width + column] += change;
                tried += 1;
                let lie = around(&air, &rows, row);
                rows.values[row * width + column] -= change;
                match lie == honest {
                    true => free += 1,
                    false => noticed += 1,
                }
            }
        }
        assert!(noticed > 0, "column {column} says nothing");
    }
    eprintln!("{width} columns, {tried} lies tried, {free} of them in free cells");
    assert!(free * 20 < tried);
}

#[test]
fn rows_made_for_laxer_claims_are_refused() {
    let trace = busy_run();
    let headers = encoded(&trace);
    let others = Others {
        headers: &headers,
        incoming: None,
        outgoing: None,
    };
    // Each one is false of the run, and made true by what the rows say it was.
    let strict: [(Claim, Claim); 6] = [
        (Claim::Spend { max: 209_999 }, Claim::Spend { max: 210_000 }),
        (
            Claim::Budget {
                max_start: 299_999,
                max_raise: 70_001,
            },
            Claim::Budget {
                max_start: 300_000,
                max_raise: 70_001,
            },
        ),
        (
            Claim::Window {
                not_before: 1_000_001,
                not_after: 9_000_000,
            },
            Claim::Window {
                not_before: 1_000_000,
                not_after: 9_000_000,
            },
        ),
        (
            Claim::Count {
                filter: kinds(&[Kind::ToolCall]),
                min: 2,
                max: 2,
            },
            Claim::Count {
                filter: kinds(&[Kind::Halt]),
                min: 2,
                max: 2,
            },
        ),
        (
            Claim::Allowed {
                matching: named("agent:3"),
            },
            Claim::Allowed {
                matching: named("agent:4"),
            },
        ),
        (
            Claim::Threshold {
                matching: every(Kind::ToolCall),
                min: 100_001,
                max: 900_000,
            },
            Claim::Threshold {
                matching: every(Kind::ToolCall),
                min: 100_000,
                max: 900_000,
            },
        ),
    ];
    for (wanted, told) in strict {
        let [wanted, told] = [wanted, told].map(|claim| Claims::new([claim]).unwrap());
        assert!(!super::common::judge(&wanted, &trace).holds());
        let (asked, lied) = (whole(&wanted, trace.len()), whole(&told, trace.len()));
        assert_eq!(BaseAir::<Val>::width(&asked), BaseAir::<Val>::width(&lied));
        let witness = lied.witness(&trace, &lied.start(), &NO_BLINDING).unwrap();
        assert_ne!(faults(&asked, &witness.trace, &others), 0, "{wanted:?}");
    }
}

fn named(actor: &str) -> Matching {
    Matching {
        filter: Filter {
            actors: Some(Ids::of_names(&[actor]).unwrap()),
            ..kinds(&[Kind::Vote])
        },
        min_matches: 0,
    }
}

#[test]
fn a_trace_that_is_not_well_formed_is_refused() {
    let claims = Claims::new([Claim::Halt]).unwrap();
    let good = busy_run();
    assert_eq!(judged(&claims, &good), 0);
    type Spoil = fn(&mut Vec<Header>);
    let spoils: [(&str, Spoil); 9] = [
        ("begins with something else", |t| t[0].kind = Kind::Note),
        ("starts twice", |t| t[3].kind = Kind::RunStart),
        ("ends with something else", |t| {
            t.last_mut().unwrap().kind = Kind::Note
        }),
        ("ends twice", |t| t[11].kind = Kind::RunEnd),
        ("skips a seq", |t| t[4].seq = 5),
        ("a seq beyond 32 bits", |t| t[4].seq = 4 + (1 << 32)),
        ("its own parent", |t| t[4].parent = Some(4)),
        ("a later parent", |t| t[4].parent = Some(9)),
        ("a parent that wraps to an earlier one", |t| {
            t[4].parent = Some(2_013_265_921 + 1);
        }),
    ];
    for (what, spoil) in spoils {
        let mut trace = good.clone();
        spoil(&mut trace);
        assert_ne!(judged(&claims, &trace), 0, "{what}");
    }
}

/// Byte for byte, what `Header::decode` refuses.
#[test]
fn a_header_that_is_none_is_refused() {
    let trace = busy_run();
    let claims = Claims::new([Claim::Halt]).unwrap();
    let (air, good) = (whole(&claims, trace.len()), encoded(&trace));
    let witness = air.witness(&trace, &air.start(), &NO_BLINDING).unwrap();
    let width = BaseAir::<Val>::width(&air);
    // Real, last, then the header's limbs: see `HeaderColumns`.
    const FIRST_LIMB: usize = 2;
    // The version, kinds 0 and 28, decision 6, an unused flag, and a score above one.
    let bad = [(0, 2), (1, 0), (1, 28), (2, 6), (3, 16), (41, 16), (40, 1)];
    for (at, value) in bad {
        let mut headers = good.clone();
        headers[4][at] = value;
        let decoded = Header::decode(&headers[4]);
        assert!(decoded.is_err(), "byte {at}");
        let mut lie = witness.trace.clone();
        let limb = u16::from_be_bytes([headers[4][at & !1], headers[4][at | 1]]);
        lie.values[4 * width + FIRST_LIMB + at / 2] = Val::from_u16(limb);
        let others = Others {
            headers: &headers,
            incoming: None,
            outgoing: None,
        };
        assert_ne!(faults(&air, &lie, &others), 0, "byte {at}");
    }
}

#[test]
fn segments_that_no_state_can_join_are_refused() {
    let claims = Claims::new([Claim::Halt]).unwrap();
    let air =
        |first, count, size| EventsAir::new(&claims, Segment { first, count, size }).map(|_| ());
    assert_eq!(air(0, 0, 5), Err(SegmentError::Outside));
    assert_eq!(air(0, 6, 5), Err(SegmentError::Outside));
    assert_eq!(air(u64::MAX, 2, 5), Err(SegmentError::Outside));
    assert_eq!(air(0, 254, 600), Err(SegmentError::TooShort));
    assert_eq!(air(254, 346, 600), Err(SegmentError::TooShort));
    assert_eq!(air(0, 255, 600), Ok(()));
    assert_eq!(
        air(0, 1 << 24, 1 << 24),
        Err(SegmentError::TooManyEvents(1 << 24))
    );
}
