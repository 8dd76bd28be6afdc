//! Each way in which what is shown of a run can be wrong, with the check that says so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::{Bundle, Disclosures, Openings};
use avouch_cbor::Value;
use avouch_trace::{Body, Event, Field, Kind, NameId, Salt, count_field};
use avouch_verify::{CheckName, Digest, Outcome, Unreadable, verify};
use common::*;

/// A bundle that shows everything, with what it shows changed.
fn shown(change: impl FnOnce(&mut Disclosures)) -> Bundle {
    let mut bundle = run().seal().show_all();
    change(bundle.disclosures.as_mut().unwrap());
    bundle
}

/// The openings of event 3, which has the most fields, changed.
fn openings(change: impl FnOnce(&mut Openings)) -> Bundle {
    shown(|shown| change(shown.events[3].openings.as_mut().unwrap()))
}

/// What the check of this name says, however many others fail with it.
#[track_caller]
fn assert_says(bundle: &Bundle, name: CheckName, words: &str) {
    let report = judge(bundle, &policy(""));
    let check = report.check(name).unwrap();
    assert_eq!(check.outcome, Outcome::Fail, "{report}");
    assert!(check.reason.contains(words), "{}", check.reason);
}

#[test]
fn an_event_that_was_removed_is_missed() {
    let bundle = shown(|shown| drop(shown.events.remove(5)));
    assert_says(&bundle, CheckName::Events, "not those under the root");
}

#[test]
fn events_that_changed_places_are_refused() {
    let bundle = shown(|shown| {
        let [a, b] = [shown.events[1].event, shown.events[2].event];
        [shown.events[1].event, shown.events[2].event] = [b, a];
    });
    assert_says(
        &bundle,
        CheckName::Events,
        "event 1 says in its header that it is event 2",
    );
    // With headers that fit their new places it is the root that tells.
    let bundle = shown(|shown| {
        let [a, b] = [shown.events[1].clone(), shown.events[2].clone()];
        (shown.events[1].event.body, shown.events[1].openings) = (b.event.body, b.openings);
        (shown.events[2].event.body, shown.events[2].openings) = (a.event.body, a.openings);
    });
    assert_says(&bundle, CheckName::Events, "not those under the root");
}

#[test]
fn an_event_that_was_changed_is_refused() {
    let bundle = shown(|shown| {
        let event = &mut shown.events[3].event;
        let mut header = event.header().unwrap();
        header.subject = NameId::of("tool:fs/write");
        *event = Event::new(&header, event.body);
    });
    assert_says(&bundle, CheckName::Events, "not those under the root");
    assert_says(&bundle, CheckName::Trace, "chain");
}

#[test]
fn a_header_that_breaks_the_format_is_named() {
    let bundle = shown(|shown| shown.events[2].event.header[3] = 0x80);
    assert_says(&bundle, CheckName::Events, "event 2: flags 0x80");
}

#[test]
fn an_event_beyond_the_run_is_refused() {
    let bundle = shown(|shown| shown.events[6].seq = 7);
    assert_says(&bundle, CheckName::Events, "the run has only 7 events");
}

#[test]
fn a_changed_event_proof_is_refused() {
    let mut bundle = run().seal().show(|seq| (seq == 3).then(Vec::new));
    bundle.disclosures.as_mut().unwrap().proof[0] = Digest([1; 32]);
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Events,
        "not those under the root",
    );
    bundle.disclosures.as_mut().unwrap().proof.pop();
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Events,
        "not those under the root",
    );
    let mut bundle = run().seal().show_all();
    bundle
        .disclosures
        .as_mut()
        .unwrap()
        .proof
        .push(Digest([1; 32]));
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Events,
        "not those under the root",
    );
}

#[test]
fn a_field_dropped_from_a_body_is_missed() {
    let bundle = openings(|openings| drop(openings.fields.remove(2)));
    assert_fails(&bundle, &policy(""), CheckName::Fields, "event 3");
}

#[test]
fn a_body_that_passes_for_a_shorter_one_is_refused() {
    // The last field is dropped and the count made to fit: only leaf 0's own hash is in the way.
    let bundle = openings(|openings| {
        openings.fields.pop();
        openings.fields[0].1 = count_field(Salt([0; 16]), openings.fields.len() - 1);
    });
    assert_fails(&bundle, &policy(""), CheckName::Fields, "event 3");
}

#[test]
fn fields_without_leaf_0_are_refused() {
    let bundle = openings(|openings| drop(openings.fields.remove(0)));
    assert_fails(&bundle, &policy(""), CheckName::Fields, "leaf 0");
}

#[test]
fn a_changed_field_is_refused_and_its_event_named() {
    let bundle = openings(|openings| {
        let (_, field) = &mut openings.fields[1];
        *field = Field::from_value(field.salt(), field.name(), &Value::Bool(true)).unwrap();
    });
    let report = judge(&bundle, &policy(""));
    let check = report.check(CheckName::Fields).unwrap();
    assert_eq!(check.outcome, Outcome::Fail, "{report}");
    assert!(check.reason.starts_with("event 3: "), "{}", check.reason);
}

#[test]
fn fields_of_another_event_do_not_fit() {
    let bundle = shown(|shown| shown.events[1].openings = shown.events[2].openings.clone());
    assert_fails(&bundle, &policy(""), CheckName::Fields, "event 1");
}

/// The kit's run with other fields in event 3, which its writer should not have put there.
fn with_fields(fields: Vec<Field>) -> Bundle {
    let sealed = run().seal();
    let (mut events, mut bodies) = (sealed.events.clone(), sealed.bodies.clone());
    bodies[3] = Body::new(Salt([1; 16]), fields).unwrap();
    events[3].body = bodies[3].root();
    run().seal_as(events, bodies).show_all()
}

fn field(name: &str, value: Value) -> Field {
    Field::from_value(Salt([2; 16]), name, &value).unwrap()
}

#[test]
fn a_name_or_cost_that_differs_from_the_header_fails() {
    let text = |text: &str| Value::Text(text.into());
    for (name, value) in [
        ("actor", text("agent:other")),
        ("actor", Value::Null),
        ("subject", text("tool:fs/write")),
        ("subject", Value::Bytes(b"tool:fs/read".to_vec())),
        ("cost", Value::Uint(1501)),
        ("cost", Value::Null),
        ("cost", Value::Float(1500.0)),
    ] {
        let words = format!("event 3: the field {name:?}");
        let bundle = with_fields(vec![field(name, value)]);
        assert_fails(&bundle, &policy(""), CheckName::HeaderFields, &words);
    }
    for (name, value) in [
        ("actor", text("agent:support")),
        ("subject", text("tool:fs/read")),
        ("cost", Value::Uint(1500)),
        ("costs", Value::Uint(1)),
    ] {
        assert_verified(&with_fields(vec![field(name, value)]), &policy(""));
    }
}

#[test]
fn one_name_twice_in_an_event_is_proof_of_fraud() {
    // `Body::new` refuses to make such a body, so its tree is made by hand.
    let mut fields = [field("note", Value::Uint(1)), field("note", Value::Uint(2))].to_vec();
    fields.sort_by_key(Field::leaf);
    fields.insert(0, count_field(Salt([1; 16]), 2));
    let sealed = run().seal();
    let mut events = sealed.events.clone();
    events[3].body = avouch_merkle::root(fields.iter().map(Field::leaf));
    let mut bundle = run().seal_as(events, sealed.bodies.clone()).show_all();
    let openings = Openings {
        fields: (0..).zip(fields).collect(),
        ..Openings::default()
    };
    bundle.disclosures.as_mut().unwrap().events[3].openings = Some(openings);
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Fields,
        "two fields are named \"note\"",
    );
}

#[test]
fn a_body_that_claims_more_fields_than_fit_a_number_is_only_counted() {
    // Whoever signs may claim any count, and make up the hashes of what is not shown.
    let opened = [
        count_field(Salt([1; 16]), usize::MAX - 1),
        field("note", Value::Null),
    ];
    let pair = avouch_merkle::hash_node(&opened[0].leaf(), &opened[1].leaf());
    let path = [Digest([9; 32]); 63];
    let body = path
        .iter()
        .fold(pair, |node, right| avouch_merkle::hash_node(&node, right));
    let sealed = run().seal();
    let mut events = sealed.events.clone();
    for event in &mut events[3..5] {
        event.body = body;
    }
    let mut bundle = run().seal_as(events, sealed.bodies.clone()).show_headers();
    for shown in &mut bundle.disclosures.as_mut().unwrap().events[3..5] {
        let fields = (0..).zip(opened.clone()).collect();
        shown.openings = Some(Openings {
            fields,
            proof: path.to_vec(),
            ..Openings::default()
        });
    }
    let report = judge(&bundle, &policy(""));
    assert_eq!(report.about.unwrap().shown.withheld_fields, u64::MAX);
}

#[test]
fn a_blob_that_was_altered_is_no_longer_referred_to() {
    let bytes = run().seal().show_all().encode().unwrap();
    let at = bytes
        .windows(BLOB.len())
        .position(|window| window == BLOB)
        .unwrap();
    let mut altered = bytes;
    altered[at] ^= 1;
    repair(&mut altered);
    let error = verify(&altered, &policy(""), &Default::default()).unwrap_err();
    let Unreadable::Bundle(error) = error else {
        panic!("{error}")
    };
    assert!(
        error
            .to_string()
            .contains("was altered, or does not belong here"),
        "{error}"
    );
}

#[test]
fn a_reference_with_the_wrong_size_fails() {
    let reference = |size| {
        avouch_trace::BlobRef {
            size,
            media_type: "text/plain".into(),
            digest: avouch_merkle::sha256(&[BLOB]),
        }
        .to_value()
    };
    // Event 4 refers to the blob rightly, so it belongs here.
    let bundle = with_fields(vec![field("content", reference(BLOB.len() as u64 + 1))]);
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Blobs,
        "is said to be 35 bytes long",
    );
    assert_verified(
        &with_fields(vec![field("content", reference(34))]),
        &policy(""),
    );
}

#[test]
fn a_trace_that_is_not_well_formed_fails_though_it_was_signed() {
    let sealed = run().seal();
    let mut changed = Vec::new();
    let mut with_header = |at: usize, kind: Kind, parent: Option<u32>, words: &'static str| {
        let mut events = sealed.events.clone();
        let mut header = events[at].header().unwrap();
        (header.kind, header.parent) = (kind, parent);
        events[at] = Event::new(&header, events[at].body);
        changed.push((run().seal_as(events, sealed.bodies.clone()), words));
    };
    with_header(0, Kind::Note, None, "event 0 is a note");
    with_header(6, Kind::Note, None, "event 6 is a note");
    with_header(2, Kind::RunStart, None, "event 2 is a run-start");
    with_header(2, Kind::RunEnd, None, "event 2 is a run-end");
    with_header(2, Kind::Note, Some(2), "not an earlier event");
    for (sealed, words) in changed {
        assert_says(&sealed.show_headers(), CheckName::Events, words);
    }
}

#[test]
fn a_manifest_that_differs_from_the_events_fails() {
    let sealed = run().seal();
    let times = sealed.with_manifest(|manifest| manifest.first_time += 1);
    assert_says(&times.show_all(), CheckName::Events, "event 0 has time");
    let times = sealed.with_manifest(|manifest| manifest.last_time += 1);
    assert_says(&times.show_all(), CheckName::Events, "event 6 has time");
    let root = sealed.with_manifest(|manifest| manifest.root = Digest([1; 32]));
    assert_says(
        &root.show_all(),
        CheckName::Events,
        "not those under the root",
    );
    let chain = sealed.with_manifest(|manifest| manifest.chain_head = Digest([1; 32]));
    assert_fails(
        &chain.show_all(),
        &policy(""),
        CheckName::Trace,
        "the chain over the events",
    );
    let size = sealed.with_manifest(|manifest| manifest.size = 8);
    assert_says(
        &size.show_all(),
        CheckName::Events,
        "event 7 is the run-end",
    );
    // What is not shown cannot be held against the chain.
    let report = assert_verified(&chain.show(|seq| (seq == 1).then(Vec::new)), &policy(""));
    assert!(!report.about.unwrap().root_and_chain_agree);
}

/// Puts the right digest at the end again.
fn repair(bytes: &mut [u8]) {
    let at = bytes.len() - 32;
    let digest = avouch_merkle::sha256(&[&bytes[..at]]);
    bytes[at..].copy_from_slice(&digest.0);
}
