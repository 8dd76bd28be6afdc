//! A state's bytes, and the bytes that are no state.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, Claims, Error, Ids, Matching, Reason, Register, State, VotingRule};
use avouch_trace::{Decision, Flags, Kind, NameId};
use common::random::{self, Draw, Wish};
use common::{Trace, every, kinds};
use proptest::collection::vec;
use proptest::prelude::*;

fn claims(list: impl IntoIterator<Item = Claim>) -> Claims {
    Claims::new(list).unwrap()
}

/// One claim of each register.
fn one_of_each() -> Claims {
    claims([
        Claim::Count {
            filter: kinds(&[Kind::Note]),
            min: 0,
            max: 99,
        },
        Claim::Window {
            not_before: 0,
            not_after: u64::MAX,
        },
        Claim::Spend { max: 500 },
        Claim::Budget {
            max_start: 1_000,
            max_raise: 0,
        },
        Claim::Halt,
        Claim::Gated {
            matching: every(Kind::ToolCall),
        },
        Claim::Consensus {
            round: 1,
            electorate: Ids::of_names(&["agent:a", "agent:b"]).unwrap(),
            quorum: 1,
            rule: VotingRule::Weighted,
        },
    ])
}

/// The layout of `docs/claims.md`, byte by byte.
#[test]
fn the_bytes_are_those_of_the_document() {
    let claims = one_of_each();
    let names: Vec<_> = claims.as_slice().iter().map(Claim::name).collect();
    assert_eq!(
        names,
        [
            "halt",
            "spend",
            "window",
            "budget",
            "gated",
            "count",
            "consensus"
        ]
    );
    let mut state = State::new(&claims);
    let trace = Trace::new()
        .add(Kind::PolicyDecision, |e| {
            (e.decision, e.subject) = (Decision::Allow, NameId([7; 16]))
        })
        .add(Kind::ToolCall, |e| {
            (e.parent, e.subject, e.cost, e.budget) =
                (Some(1), NameId([7; 16]), Some(300), Some(700))
        })
        .add(Kind::Vote, |e| {
            (e.round, e.actor, e.decision, e.score, e.budget) = (
                1,
                NameId::of("agent:b"),
                Decision::Allow,
                Some(9),
                Some(700),
            )
        })
        .add(Kind::Note, |e| {
            (e.cost, e.budget, e.time) = (Some(201), Some(400), 5_000)
        })
        .end();
    trace[..5]
        .iter()
        .for_each(|header| state.step(header).unwrap());
    let bytes = state.encode();
    let b = Ids::of_names(&["agent:a", "agent:b"])
        .unwrap()
        .position(&NameId::of("agent:b"))
        .unwrap();
    let expected = [
        "01 01 00",
        "0000000000000005",
        "0000000000000005",
        "0000000000000001",
        &claims.digest().to_string(),
        "00 0000000000000000",
        "00",
        "07 0000000000000004",
        "0000000000000000",
        "00 0000000000000000",
        "0000000000001388",
        "00 0000000000000000",
        "0000000000000190",
        "0000000000000000",
        "00 0000000000000000",
        "0000000000000001",
        "02",
        &"00".repeat(31),
        "00 0000000000000000",
        "0000000000000001",
        "00 0000000000000000",
        &format!("{:016x}", 1_u64 << b),
        "01",
        "00000009",
        "00000009",
        &"00".repeat(17),
        "01",
        &"07".repeat(16),
        &"00".repeat(17 * 254),
    ];
    assert_eq!(hex::encode(&bytes), expected.concat().replace(' ', ""));
    assert_eq!(bytes.len(), State::encoded_len(&claims));
    assert!(matches!(
        state.registers()[1],
        Register::Failed {
            event: 4,
            reason: Reason::Overspent
        }
    ));
    assert_eq!(State::decode(&claims, &bytes).unwrap(), state);
}

#[test]
fn the_length_depends_on_the_claims_alone() {
    let claims = one_of_each();
    let mut state = State::new(&claims);
    let length = State::encoded_len(&claims);
    let trace = Trace::new().add(Kind::Halt, |_| {}).notes(600).end();
    for header in &trace {
        assert_eq!(state.encode().len(), length);
        state.step(header).unwrap();
    }
    assert_eq!(state.encode().len(), length);
}

#[test]
fn only_the_last_255_events_are_remembered() {
    let claims = claims([Claim::Gated {
        matching: Matching {
            min_matches: 0,
            ..every(Kind::ToolCall)
        },
    }]);
    let bytes = |gates: usize, notes: usize| {
        let gate = |trace: Trace, _| {
            trace.add(Kind::PolicyDecision, |e| {
                (e.decision, e.subject) = (Decision::Allow, NameId([7; 16]))
            })
        };
        let trace = (0..gates)
            .fold(Trace::new(), gate)
            .notes(3 - gates)
            .notes(notes);
        let mut state = State::new(&claims);
        let header_count = trace.next() as usize;
        trace.end()[..header_count]
            .iter()
            .for_each(|header| state.step(header).unwrap());
        state.encode()
    };
    assert_ne!(
        bytes(3, 254),
        bytes(0, 254),
        "event 3 is 255 events before the next"
    );
    assert_eq!(bytes(3, 255), bytes(0, 255), "and then it is forgotten");
}

fn state_error(claims: &Claims, bytes: &[u8]) -> (usize, &'static str) {
    match State::decode(claims, bytes) {
        Err(Error::State { at, expected }) => (at, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_that_are_no_state_of_these_claims_are_refused() {
    let (mine, other) = (
        claims([Claim::Spend { max: 10 }]),
        claims([Claim::Spend { max: 11 }]),
    );
    let state = State::new(&mine);
    let bytes = state.encode();
    assert_eq!(state_error(&other, &bytes).1, "these claims' digest");
    for length in 0..bytes.len() {
        assert!(State::decode(&mine, &bytes[..length]).is_err(), "{length}");
    }
    assert_eq!(
        state_error(&mine, &[&bytes[..], &[0]].concat()),
        (bytes.len(), "the end")
    );
    let changed = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        state_error(&mine, &bytes)
    };
    assert_eq!(changed(0, 2), (0, "version 1"));
    assert_eq!(changed(1, 3).0, 1);
    assert_eq!(changed(2, 2), (2, "0 or 1"));
    assert_eq!(
        changed(10, 1).1,
        "counts of events and runs that fit together"
    );
    assert_eq!(
        changed(59, 1).1,
        "the number of a reason that this claim has",
        "reason 1 is count's"
    );
    assert_eq!(
        changed(59, 99).1,
        "the number of a reason that this claim has"
    );
    assert_eq!(changed(67, 1).1, "no event, as the claim has not failed");
    assert_eq!(
        changed(75, 11).1,
        "what this claim can remember while it can still hold",
        "11 of at most 10"
    );
    let one_run = claims([Claim::Gated {
        matching: every(Kind::ToolCall),
    }]);
    let mut lifetime = State::new(&one_run).encode();
    lifetime[1] = 2;
    assert_eq!(
        State::decode(&one_run, &lifetime),
        Err(Error::NotOverLifetime { claim: "gated" })
    );
}

#[test]
fn a_used_gate_must_be_there() {
    let claims = claims([Claim::Gated {
        matching: every(Kind::ToolCall),
    }]);
    let mut state = State::new(&claims);
    Trace::new()
        .add(Kind::PolicyDecision, |e| {
            (e.decision, e.subject, e.flags) = (Decision::Allow, NameId([7; 16]), Flags::NONE)
        })
        .add(Kind::ToolCall, |e| {
            (e.subject, e.parent) = (NameId([7; 16]), Some(1))
        })
        .end()[..3]
        .iter()
        .for_each(|header| state.step(header).unwrap());
    let bytes = state.encode();
    let used = 59 + 9 + 8;
    assert_eq!(bytes[used], 0b10);
    let refuse = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        state_error(&claims, &bytes).1
    };
    assert_eq!(
        refuse(used, 0b01),
        "used gates that are open gates of the window"
    );
    assert_eq!(
        refuse(used, 0b11),
        "what this claim can remember while it can still hold",
        "two uses by one match"
    );
    let window = used + 32;
    assert_eq!(refuse(window + 17, 4), "the number of a gate, 0 to 3");
    assert_eq!(
        refuse(window + 17, 0),
        "an open gate of an event, or 17 zeros",
        "a closed gate with a subject"
    );
    assert_eq!(
        refuse(window + 3 * 17, 1),
        "an open gate of an event, or 17 zeros",
        "the next event's slot is empty"
    );
    let mut beyond = bytes.clone();
    beyond[window + 9 * 17..][..17].copy_from_slice(&bytes[window + 17..][..17]);
    assert_eq!(
        state_error(&claims, &beyond).1,
        "an open gate of an event, or 17 zeros",
        "event 9 has not happened"
    );
}

proptest! {
    #[test]
    fn changed_bytes_are_refused_or_are_another_state(
        draws in vec(any::<Draw>(), 0..12), number in 0..random::TYPES, wish in any::<Wish>(),
        at in any::<usize>(), byte in any::<u8>(), cut in any::<u8>(),
    ) {
        let trace = random::trace(&draws);
        let claims = claims([random::claim(number, &wish, &trace), Claim::Spend { max: 77 }]);
        let mut state = State::new(&claims);
        let cut = usize::from(cut) % (trace.len() + 1);
        trace[..cut].iter().for_each(|header| state.step(header).unwrap());
        let mut bytes = state.encode();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(read) = State::decode(&claims, &bytes) {
            prop_assert_eq!(read.encode(), bytes);
            // Whatever it is, it goes on without a panic.
            let mut read = read;
            for header in &trace[cut..] {
                let _ = read.step(header);
            }
            let _ = read.finish();
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = State::decode(&one_of_each(), &bytes);
    }
}
