//! The file format: what is written reads back to the same bytes, and nothing else is read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_bundle::{
    Anchor, Blobs, Bundle, Disclosures, Error, KeyEvidence, KeyLink, MAX_CHECKPOINT_LEN,
    MAX_RECEIPT_LEN, MAX_RECEIPTS, MAX_STATEMENT_LEN, Openings, Proof, Shown,
};
use avouch_cbor::{Encoder, Item, Value};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{BlobRef, Event, Field, HEADER_LEN, Salt};
use proptest::prelude::*;

const BLOB: &[u8] = b"a blob";

fn field(name: &str, value: Value) -> Field {
    Field::from_value(Salt([3; 16]), name, &value).unwrap()
}

fn reference(bytes: &[u8]) -> Value {
    let media_type = "text/plain".into();
    BlobRef {
        size: bytes.len() as u64,
        media_type,
        digest: sha256(&[bytes]),
    }
    .to_value()
}

fn event(seq: u64, fields: Vec<(u64, Field)>) -> Shown {
    let event = Event {
        header: [seq as u8; HEADER_LEN],
        body: Digest([2; 32]),
    };
    let openings = Openings {
        fields,
        proof: vec![Digest([4; 32])],
        ..Openings::default()
    };
    Shown {
        seq,
        event,
        openings: (!openings.fields.is_empty()).then_some(openings),
    }
}

fn proof(system: &str) -> Proof {
    Proof {
        system: system.into(),
        preset: "a preset".into(),
        claims: vec![0x81, 0x81, 0x05],
        proof: vec![1; 300],
    }
}

fn anchor(hashes: usize) -> Anchor {
    Anchor {
        receipt: vec![9; 40],
        index: 1 << 40,
        path: vec![Digest([5; 32]); hashes],
    }
}

/// A bundle with something in every section.
fn full() -> Bundle {
    let fields = vec![
        (0, field("", Value::Uint(5))),
        (2, field("content", reference(BLOB))),
        (5, field("number", Value::Float(1.5))),
    ];
    Bundle {
        statement: vec![1, 2, 3],
        receipts: vec![vec![4], vec![5, 6]],
        checkpoint: Some("a note\n".into()),
        anchors: vec![anchor(3), anchor(0)],
        disclosures: Some(Disclosures {
            events: vec![event(1, fields), event(300, Vec::new())],
            proof: vec![Digest([7; 32]), Digest([8; 32])],
            blobs: Blobs::from_iter([BLOB.to_vec()]),
            ..Disclosures::default()
        }),
        proofs: vec![proof("stark"), proof("another")],
        keys: Some(KeyEvidence {
            chain: vec![
                KeyLink {
                    statement: vec![10],
                    logged: None,
                },
                KeyLink {
                    statement: vec![11],
                    logged: Some((vec![12], "another note\n".into())),
                },
            ],
            others: vec![vec![13, 14]],
        }),
    }
}

/// A file around these sections' bytes, with the right digest.
fn file(sections: &[u8]) -> Vec<u8> {
    let head = [b"\x84\x66avouch\x01", sections, &[0x58, 32]].concat();
    let digest = sha256(&[&head]);
    [head, digest.0.to_vec()].concat()
}

#[track_caller]
fn refused(bytes: &[u8], words: &str) {
    let error = Bundle::decode(bytes).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn what_is_written_reads_back_to_the_same_bytes() {
    let minimal = Bundle {
        statement: vec![1],
        ..Bundle::default()
    };
    let mut without_blobs = full();
    let shown = without_blobs.disclosures.as_mut().unwrap();
    shown.blobs = Blobs::new();
    for bundle in [full(), minimal, without_blobs] {
        let bytes = bundle.encode().unwrap();
        let read = Bundle::decode(&bytes).unwrap();
        assert_eq!(read, bundle);
        assert_eq!(read.encode().unwrap(), bytes);
    }
}

#[test]
fn the_smallest_file_is_the_documented_bytes() {
    let bytes = Bundle {
        statement: vec![0xab],
        ..Bundle::default()
    }
    .encode()
    .unwrap();
    assert_eq!(bytes, file(&[0xa1, 0x01, 0x41, 0xab]));
}

#[test]
fn what_is_shown_is_found_again() {
    let bundle = Bundle::decode(&full().encode().unwrap()).unwrap();
    let shown = bundle.event(1).unwrap();
    assert_eq!(
        shown.field("number").unwrap().value().unwrap().as_f64(),
        Some(1.5)
    );
    assert!(shown.field("absent").is_none());
    assert!(bundle.event(2).is_none());
    let blobs = &bundle.disclosures.as_ref().unwrap().blobs;
    let reference = shown.field("content").unwrap().blob().unwrap();
    assert_eq!(blobs.get(&reference.digest), Some(BLOB));
    assert_eq!(bundle.disclosures.as_ref().unwrap().fields().count(), 3);
}

#[test]
fn other_files_and_other_versions_are_told_apart() {
    for bytes in [
        &b""[..],
        b"{}",
        b"PK\x03\x04",
        &[0x84, 0x66, b'a', b'v', b'x'],
    ] {
        assert_eq!(Bundle::decode(bytes), Err(Error::NotABundle));
    }
    let mut later = full().encode().unwrap();
    later[8] = 2;
    assert_eq!(Bundle::decode(&later), Err(Error::Version(2)));
    refused(&later, "use a newer avouch");
}

#[test]
fn a_file_that_was_cut_short_is_told_from_one_that_was_altered() {
    let bytes = full().encode().unwrap();
    for len in 1..bytes.len() {
        assert_eq!(Bundle::decode(&bytes[..len]), Err(Error::CutShort { len }));
    }
    let mut altered = bytes.clone();
    let at = altered.len() - 40;
    altered[at] ^= 1;
    assert_eq!(Bundle::decode(&altered), Err(Error::Damaged));
    assert_eq!(
        Bundle::decode(&[bytes, vec![0]].concat()),
        Err(Error::Damaged)
    );
}

#[test]
fn unknown_sections_are_refused_by_number() {
    for number in [0, 8, 1000] {
        let mut sections = Encoder::new();
        let known: &[u8] = &[0x01, 0x41, 0xab];
        let mut unknown = Encoder::new();
        unknown.uint(number).bool(true);
        sections.map(2);
        if number == 0 {
            sections.raw(unknown.as_slice()).raw(known);
        } else {
            sections.raw(known).raw(unknown.as_slice());
        }
        refused(
            &file(sections.as_slice()),
            &format!("section {number} is not known"),
        );
    }
}

#[test]
fn shapes_that_the_format_does_not_have_are_refused_with_their_byte() {
    let cases: &[(&[u8], &str)] = &[
        (&[0xa0], "byte 9: expected a statement under section 1"),
        (&[0x80], "byte 9: expected a map of sections"),
        (
            &[0xa1, 0x01, 0x01],
            "byte 11: expected the statement's bytes",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x06, 0x80],
            "byte 13: expected at least one proof",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x06, 0x81, 0x83, 0x61, 0x61, 0x60, 0x40],
            "byte 14: expected [system, preset, claims, proof]",
        ),
        (
            &[
                0xa2, 0x01, 0x40, 0x06, 0x81, 0x84, 0x61, 0x61, 0x60, 0x40, 0x40,
            ],
            "the name of a preset is empty",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x02, 0x80],
            "byte 13: expected at least one receipt",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x02, 0x81, 0x01],
            "byte 14: expected a receipt's bytes",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x03, 0x40],
            "byte 13: expected the checkpoint's text",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x05, 0xa0],
            "byte 13: expected a map of events",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x05, 0xa2, 0x01, 0x80, 0x02, 0x80],
            "expected at least one event",
        ),
        (
            &[0xa2, 0x01, 0x40, 0x05, 0xa2, 0x01, 0x81, 0x80, 0x02, 0x80],
            "expected [seq, event]",
        ),
        (
            &[0xa1, 0x61, 0x61, 0x00],
            "byte 10: expected a section's number",
        ),
        (&[0xa2, 0x01, 0x40, 0x01, 0x40], "same key twice"),
        (&[0xa1, 0x18, 0x01, 0x40], "not in its shortest form"),
    ];
    for (sections, words) in cases {
        refused(&file(sections), words);
    }
    let array_of_3 = [b"\x83\x66avouch\x01", &[0xa0][..]].concat();
    assert_eq!(Bundle::decode(&array_of_3), Err(Error::NotABundle));
}

#[test]
fn order_is_part_of_the_format() {
    let encoded = |change: &dyn Fn(&mut Disclosures)| {
        let mut bundle = full();
        change(bundle.disclosures.as_mut().unwrap());
        bundle.encode()
    };
    assert_eq!(
        encoded(&|shown| shown.events.reverse()),
        Err(Error::EventOrder { seq: 1 })
    );
    assert_eq!(
        encoded(&|shown| shown.events[1].seq = 1),
        Err(Error::EventOrder { seq: 1 })
    );
    let swap =
        |shown: &mut Disclosures| shown.events[0].openings.as_mut().unwrap().fields.swap(1, 2);
    assert_eq!(encoded(&swap), Err(Error::FieldOrder { seq: 1, index: 2 }));
    let none = |shown: &mut Disclosures| shown.events[0].openings.as_mut().unwrap().fields.clear();
    assert_eq!(encoded(&none), Err(Error::NothingOpened { seq: 1 }));
    assert_eq!(
        encoded(&|shown| shown.events.clear()),
        Err(Error::NothingShown)
    );
}

/// The bytes of a bundle with two blobs, before and after which part of it is changed.
fn with_two_blobs(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let mut blobs = vec![b"one".to_vec(), b"two".to_vec()];
    blobs.sort_by_key(|blob| sha256(&[blob]));
    let fields = (0..)
        .zip(&blobs)
        .map(|(n, blob)| (n, field(&n.to_string(), reference(blob))))
        .collect();
    let shown = event(1, fields);
    change(&mut blobs);
    let mut out = Encoder::new();
    out.map(2)
        .uint(1)
        .bytes(&[0xab])
        .uint(5)
        .map(3)
        .uint(1)
        .array(1)
        .array(3);
    out.uint(1).raw(&shown.event.to_cbor()).array(2);
    let Openings { fields, proof, .. } = shown.openings.unwrap();
    out.array(fields.len());
    for (index, field) in fields {
        out.array(2).uint(index).bytes(field.bytes());
    }
    out.array(1)
        .bytes(&proof[0].0)
        .uint(2)
        .array(0)
        .uint(3)
        .array(blobs.len());
    for blob in blobs {
        out.bytes(&blob);
    }
    file(out.as_slice())
}

#[test]
fn blobs_are_sorted_and_unique_and_referred_to() {
    let good = with_two_blobs(|_| {});
    assert_eq!(Bundle::decode(&good).unwrap().encode().unwrap(), good);
    refused(&with_two_blobs(|blobs| blobs.reverse()), "out of order");
    refused(
        &with_two_blobs(|blobs| blobs[1] = blobs[0].clone()),
        "out of order",
    );
    let stray = with_two_blobs(|blobs| {
        blobs[1] = b"else".to_vec();
        blobs.sort_by_key(|blob| sha256(&[blob]));
    });
    refused(&stray, "is referred to by no field that is shown");
    refused(&with_two_blobs(Vec::clear), "at least one blob");
    // A reference that gives another size does not count.
    let mut bundle = full();
    let shown = bundle.disclosures.as_mut().unwrap();
    let wrong = BlobRef {
        size: 7,
        media_type: "x".into(),
        digest: sha256(&[BLOB]),
    }
    .to_value();
    shown.events[0].openings.as_mut().unwrap().fields[1].1 = field("content", wrong);
    assert!(matches!(
        bundle.encode(),
        Err(Error::StrayBlob { len: 6, .. })
    ));
}

#[test]
fn every_length_and_count_has_a_limit() {
    let too_much = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = full();
        change(&mut bundle);
        match bundle.encode() {
            Err(Error::Limit { found, max, .. }) => assert_eq!(found, max + 1),
            other => panic!("{other:?}"),
        }
    };
    too_much(&|bundle| bundle.statement = vec![0; MAX_STATEMENT_LEN + 1]);
    too_much(&|bundle| bundle.receipts = vec![vec![0]; MAX_RECEIPTS + 1]);
    too_much(&|bundle| bundle.receipts[0] = vec![0; MAX_RECEIPT_LEN + 1]);
    too_much(&|bundle| bundle.checkpoint = Some("x".repeat(MAX_CHECKPOINT_LEN + 1)));
    too_much(&|bundle| bundle.disclosures.as_mut().unwrap().proof = vec![Digest([0; 32]); 65]);
    too_much(&|bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        shown.events[0].openings.as_mut().unwrap().proof = vec![Digest([0; 32]); 97];
    });
    // What is read has the same limits.
    let mut sections = Encoder::new();
    sections
        .map(1)
        .uint(1)
        .bytes(&vec![0; MAX_STATEMENT_LEN + 1]);
    refused(&file(sections.as_slice()), "more than the 1048576");
}

#[test]
fn a_field_may_be_nested_as_deep_in_a_bundle_as_alone() {
    // The field is an array itself, and so the first of the levels that its value may have.
    let levels = avouch_cbor::MAX_DEPTH - 1;
    let value = (0..levels).fold(Value::Null, |value, _| Value::Array(vec![value]));
    let mut bundle = full();
    let shown = bundle.disclosures.as_mut().unwrap();
    shown.events[0].openings.as_mut().unwrap().fields[2].1 = field("deep", value);
    let bytes = bundle.encode().unwrap();
    assert_eq!(Bundle::decode(&bytes).unwrap(), bundle);
    // One level more is fine for a value alone, but such a field could not be read back.
    let value = (0..levels + 1).fold(Value::Null, |value, _| Value::Array(vec![value]));
    let value = value.to_vec().unwrap();
    let deeper = Field::new(Salt([3; 16]), "deeper", Item::parse(&value).unwrap());
    let shown = bundle.disclosures.as_mut().unwrap();
    shown.events[0].openings.as_mut().unwrap().fields[2].1 = deeper;
    let error = bundle.encode().unwrap_err().to_string();
    assert!(error.starts_with("event 1, field 5: "), "{error}");
}

#[test]
fn a_field_that_is_not_one_is_refused_with_its_byte() {
    let bytes = full().encode().unwrap();
    // The first field's head: an array of three, then 16 bytes of salt.
    let at = bytes
        .windows(2)
        .position(|two| two == [0x83, 0x50])
        .unwrap();
    for (offset, byte, words) in [
        (0, 0x82, "a field"),
        (1, 0x4f, "a field"),
        (0, 0x93, "field"),
    ] {
        let mut changed = bytes.clone();
        changed[at + offset] = byte;
        let end = changed.len() - 34;
        let changed = file(&changed[9..end]);
        refused(&changed, words);
        refused(&changed, &format!("byte {}: ", at - 1));
    }
}

fn any_bundle() -> impl Strategy<Value = Bundle> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let fields = prop::collection::btree_map(any::<u64>(), (".{0,8}", any::<i64>()), 0..4);
    let fields = fields.prop_map(|fields| {
        let fields = fields.into_iter();
        fields
            .map(|(n, (name, value))| (n, field(&name, Value::from(value))))
            .collect::<Vec<_>>()
    });
    let events = prop::collection::btree_map(any::<u64>(), fields, 0..5);
    (
        bytes(),
        prop::collection::vec(bytes(), 0..4),
        any::<Option<String>>(),
        events,
        prop::collection::vec("[a-z]{1,64}", 0..4),
        prop::collection::vec(0..20_usize, 0..4),
    )
        .prop_map(
            |(statement, receipts, checkpoint, events, systems, paths)| {
                let events: Vec<_> = events.into_iter().map(|(seq, f)| event(seq, f)).collect();
                let disclosures = Disclosures {
                    events,
                    ..Disclosures::default()
                };
                let disclosures = (!disclosures.events.is_empty()).then_some(disclosures);
                Bundle {
                    statement,
                    receipts,
                    checkpoint,
                    anchors: paths.into_iter().map(anchor).collect(),
                    disclosures,
                    proofs: systems.iter().map(|system| proof(system)).collect(),
                    keys: None,
                }
            },
        )
}

proptest! {
    #[test]
    fn any_bundle_reads_back_as_it_was(bundle in any_bundle()) {
        let bytes = bundle.encode().unwrap();
        prop_assert_eq!(Bundle::decode(&bytes), Ok(bundle));
    }

    #[test]
    fn what_is_read_is_written_again_the_same(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        // A change with the digest made right again: refused, or another bundle's only encoding.
        let mut bytes = full().encode().unwrap();
        let end = bytes.len() - 32;
        bytes[at.index(end)] = byte;
        let digest = sha256(&[&bytes[..end]]);
        bytes[end..].copy_from_slice(&digest.0);
        if let Ok(bundle) = Bundle::decode(&bytes) {
            prop_assert_eq!(bundle.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn arbitrary_sections_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = file(&bytes);
        if let Ok(bundle) = Bundle::decode(&bytes) {
            prop_assert_eq!(bundle.encode().unwrap(), bytes);
        }
    }
}
