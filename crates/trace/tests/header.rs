//! Headers: fixed offsets, one encoding, and every refusal.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use avouch_trace::{
    Checker, Decision, Error, Event, Flags, Header, HeaderError, Kind, MAX_SCORE, NameId, Rule,
};
use proptest::prelude::*;

fn header(kind: Kind, seq: u64) -> Header {
    Header {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        round: 0,
        seq,
        time: 1_767_225_600_000,
        cost: None,
        budget: None,
        score: None,
        parent: None,
        actor: NameId::NONE,
        subject: NameId::NONE,
    }
}

fn event(header: &Header) -> Event {
    Event::new(header, avouch_merkle::hash_leaf(b"body"))
}

#[test]
fn every_member_lies_where_the_design_says() {
    let full = Header {
        kind: Kind::Vote,
        decision: Decision::HumanAllowed,
        flags: Flags::HUMAN.with(Flags::ERROR),
        round: 0x0102_0304,
        seq: 0x0506_0708_090a_0b0c,
        time: 0x1112_1314_1516_1718,
        cost: Some(0x2122_2324_2526_2728),
        budget: Some(0x3132_3334_3536_3738),
        score: Some(0x000f_4240),
        parent: Some(0x5152_5354),
        actor: NameId([0x61; 16]),
        subject: NameId([0x71; 16]),
    };
    let expected = "01120406\
                    01020304\
                    05060708090a0b0c\
                    1112131415161718\
                    2122232425262728\
                    3132333435363738\
                    000f4240\
                    51525354\
                    61616161616161616161616161616161\
                    71717171717171717171717171717171";
    assert_eq!(hex::encode(full.encode()), expected);
    assert_eq!(Header::decode(&full.encode()).unwrap(), full);
    assert_eq!(
        hex::encode(&header(Kind::Note, 0).encode()[24..48]),
        "ff".repeat(24)
    );
}

#[test]
fn what_version_1_does_not_have_is_refused_by_name() {
    let good = header(Kind::Note, 0).encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = good;
        bytes[at] = byte;
        Header::decode(&bytes).unwrap_err()
    };
    assert_eq!(with(0, 2), HeaderError::Version(2));
    assert_eq!(with(1, 0), HeaderError::Kind(0));
    assert_eq!(with(1, 28), HeaderError::Kind(28));
    assert_eq!(with(2, 6), HeaderError::Decision(6));
    assert_eq!(with(3, 0x10), HeaderError::Flags(0x10));
    let mut bytes = good;
    bytes[40..44].copy_from_slice(&(MAX_SCORE + 1).to_be_bytes());
    assert_eq!(
        Header::decode(&bytes).unwrap_err(),
        HeaderError::Score(MAX_SCORE + 1)
    );
}

#[test]
fn kinds_and_decisions_have_the_designs_numbers_and_names() {
    assert_eq!(Kind::ALL.len(), 27);
    for (number, kind) in (1u8..).zip(Kind::ALL) {
        assert_eq!(*kind as u8, number);
        assert_eq!(Kind::from_u8(number), Some(*kind));
        assert_eq!(kind.name().parse::<Kind>().unwrap(), *kind);
    }
    assert_eq!(Kind::Egress as u8, 23);
    assert_eq!(Decision::ALL.len(), 6);
    assert!("tool_call".parse::<Kind>().is_err());
}

#[test]
fn name_ids_are_nfc_and_case_sensitive() {
    // python3 -c "import hashlib;print(hashlib.sha256(b'avouch/v1/nametool:server/read_file').hexdigest()[:32])"
    assert_eq!(
        NameId::of("tool:server/read_file").to_string(),
        "7db7d4a7acfc2017aafbd1797a03edd3"
    );
    assert_eq!(
        NameId::of("agent:caf\u{e9}"),
        NameId::of("agent:cafe\u{301}")
    );
    assert_ne!(NameId::of("tool:Bash"), NameId::of("tool:bash"));
    assert!(NameId::of("").is_none());
}

#[test]
fn a_well_formed_trace_is_counted() {
    let mut checker = Checker::new();
    for (seq, kind) in [Kind::RunStart, Kind::Note, Kind::RunEnd]
        .into_iter()
        .enumerate()
    {
        checker.event(&event(&header(kind, seq as u64))).unwrap();
    }
    assert_eq!(checker.finish().unwrap(), 3);
}

#[test]
fn an_ill_formed_trace_is_refused_with_event_and_rule() {
    let refusal = |headers: &[Header]| {
        let mut checker = Checker::new();
        headers
            .iter()
            .find_map(|header| checker.event(&event(header)).err())
            .or_else(|| checker.finish().err())
            .expect("refused")
    };
    let rule = |index, rule| Error::Rule { index, rule };
    let start = header(Kind::RunStart, 0);
    let end = |seq| header(Kind::RunEnd, seq);
    assert_eq!(refusal(&[]), rule(0, Rule::NotEmpty));
    assert_eq!(
        refusal(&[header(Kind::Note, 0)]),
        rule(0, Rule::StartsWithRunStart)
    );
    assert_eq!(
        refusal(&[start, header(Kind::RunStart, 1)]),
        rule(1, Rule::OneRunStart)
    );
    assert_eq!(
        refusal(&[start, header(Kind::Note, 2)]),
        rule(1, Rule::SeqIsIndex)
    );
    assert_eq!(
        refusal(&[start, header(Kind::Note, 1)]),
        rule(1, Rule::EndsWithRunEnd)
    );
    assert_eq!(
        refusal(&[start, end(1), end(2)]),
        rule(2, Rule::NothingAfterRunEnd)
    );
    let mut own_parent = header(Kind::Note, 1);
    own_parent.parent = Some(1);
    assert_eq!(
        refusal(&[start, own_parent]),
        rule(1, Rule::ParentIsEarlier)
    );
    let mut bad = event(&header(Kind::Note, 1));
    bad.header[1] = 99;
    let mut checker = Checker::new();
    checker.event(&event(&start)).unwrap();
    let message = checker.event(&bad).unwrap_err().to_string();
    assert_eq!(
        message,
        "event 1: kind 99 is not known; version 1 has 1 to 27"
    );
    let message = bad.header_at(7).unwrap_err().to_string();
    assert!(message.starts_with("event 7: kind 99"), "{message}");
}

#[test]
fn a_resumed_checker_goes_on_where_it_stopped() {
    let mut checker = Checker::resume(1);
    assert!(checker.header(&header(Kind::RunStart, 0)).is_err());
    checker.header(&header(Kind::RunEnd, 1)).unwrap();
    assert_eq!(checker.finish().unwrap(), 2);
}

#[test]
fn a_run_of_the_greatest_size_takes_no_more() {
    let mut checker = Checker::resume(avouch_trace::MAX_EVENTS);
    let refused = checker
        .header(&header(Kind::Note, avouch_trace::MAX_EVENTS))
        .unwrap_err();
    assert_eq!(
        refused,
        Error::Rule {
            index: avouch_trace::MAX_EVENTS,
            rule: Rule::Size
        }
    );
}

prop_compose! {
    fn any_header()(
        kind in 1u8..=27, decision in 0u8..=5, flags in 0u8..=15, round: u32, seq: u64, time: u64,
        cost in proptest::option::of(0..u64::MAX), budget in proptest::option::of(0..u64::MAX),
        score in proptest::option::of(0..=MAX_SCORE), parent in proptest::option::of(0..u32::MAX),
        actor: [u8; 16], subject: [u8; 16],
    ) -> Header {
        Header {
            kind: Kind::from_u8(kind).unwrap(), decision: Decision::from_u8(decision).unwrap(),
            flags: Flags::from_u8(flags).unwrap(), round, seq, time, cost, budget, score, parent,
            actor: NameId(actor), subject: NameId(subject),
        }
    }
}

proptest! {
    #[test]
    fn a_header_survives_its_encoding(header in any_header()) {
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    #[test]
    fn accepted_bytes_are_the_only_encoding(bytes: [u8; 32], good in any_header(), at in 0usize..48) {
        let mut encoded = good.encode();
        for (byte, noise) in encoded[at..].iter_mut().zip(bytes) { *byte = noise; }
        if let Ok(header) = Header::decode(&encoded) {
            prop_assert_eq!(header.encode(), encoded);
        }
    }

    #[test]
    fn an_event_has_two_forms_and_both_come_back(header in any_header(), body: [u8; 32]) {
        let event = Event::new(&header, avouch_merkle::Digest(body));
        prop_assert_eq!(Event::from_cbor(&event.to_cbor()).unwrap(), event);
        prop_assert_eq!(Event::from_packed(&event.to_packed()).unwrap(), event);
        avouch_cbor::validate(&event.to_cbor()).unwrap();
    }
}
