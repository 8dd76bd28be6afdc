//! Bodies and manifests: what opens, what does not, and why.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use avouch_cbor::Value;
use avouch_merkle::{Digest, LeafIndex, hash_leaf, sha256};
use avouch_trace::{
    BlobRef, Body, Error, Event, Field, Header, Kind, Manifest, Mode, Parent, Relation, RunId,
    Salt, Source, agent_chain_start, count_field, journal_start,
};
use proptest::prelude::*;

fn field(salt: u8, name: &str, value: &str) -> Field {
    Field::from_value(Salt([salt; 16]), name, &Value::from(value)).unwrap()
}

fn body() -> Body {
    let fields = (0..6)
        .map(|n| field(n, &format!("name{n}"), &format!("value{n}")))
        .collect();
    Body::new(Salt([0xaa; 16]), fields).unwrap()
}

/// Opens the fields at `indices`.
fn open(body: &Body, indices: &[u64]) -> (Vec<(u64, Field)>, Vec<Digest>) {
    let opened = indices
        .iter()
        .map(|i| (*i, body.fields()[*i as usize].clone()))
        .collect();
    let indices: Vec<LeafIndex> = indices.iter().map(|i| LeafIndex(*i)).collect();
    (opened, body.proof(&indices).unwrap())
}

#[test]
fn a_field_is_salt_name_value() {
    let field = field(0x11, "tool", "ls");
    assert_eq!(
        hex::encode(field.bytes()),
        format!("8350{}64746f6f6c626c73", "11".repeat(16))
    );
    assert_eq!((field.name(), field.salt()), ("tool", Salt([0x11; 16])));
    assert_eq!(field.value().unwrap().as_text(), Some("ls"));
    assert_eq!(field.leaf(), hash_leaf(field.bytes()));
    assert_eq!(Field::decode(field.bytes()).unwrap(), field);
    assert_eq!(
        format!("{:?}", field.salt()),
        "Salt(..)",
        "salts must not reach a log"
    );
}

#[test]
fn malformed_fields_are_refused() {
    for (bytes, expected) in [
        ("80", "three elements"),
        (
            "8350111111111111111111111111111111116161",
            "not canonical CBOR",
        ),
        ("834f111111111111111111111111111111616100", "16 bytes"),
        ("83501111111111111111111111111111111141610a", "name in text"),
        ("a0", "an array"),
    ] {
        let message = Field::decode(&hex::decode(bytes).unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{bytes}: {message}");
    }
}

#[test]
fn leaf_0_counts_and_the_rest_are_sorted_by_hash() {
    let body = body();
    assert_eq!(body.fields()[0], count_field(Salt([0xaa; 16]), 6));
    assert!(
        body.fields()[1..]
            .windows(2)
            .all(|pair| pair[0].leaf() < pair[1].leaf())
    );
    let mut reversed: Vec<Field> = body.fields()[1..].to_vec();
    reversed.reverse();
    assert_eq!(
        Body::new(Salt([0xaa; 16]), reversed).unwrap().root(),
        body.root()
    );
    assert_eq!(Body::from_stored(body.fields().to_vec()).unwrap(), body);
}

#[test]
fn a_body_without_fields_still_has_leaf_0() {
    let empty = Body::new(Salt([1; 16]), Vec::new()).unwrap();
    assert_eq!(empty.root(), count_field(Salt([1; 16]), 0).leaf());
    let (opened, proof) = open(&empty, &[0]);
    assert_eq!(Body::verify(&empty.root(), &opened, &proof).unwrap(), 0);
}

#[test]
fn any_choice_of_fields_opens_with_leaf_0() {
    let body = body();
    for choice in 0u32..64 {
        let indices: Vec<u64> = core::iter::once(0)
            .chain((1..=6).filter(|i| choice >> (i - 1) & 1 == 1))
            .collect();
        let (opened, proof) = open(&body, &indices);
        assert_eq!(Body::verify(&body.root(), &opened, &proof).unwrap(), 6);
    }
}

#[test]
fn openings_that_lie_are_refused() {
    let body = body();
    let root = body.root();
    let (good, proof) = open(&body, &[0, 2, 5]);
    let refuse = |opened: &[(u64, Field)], proof: &[Digest]| {
        Body::verify(&root, opened, proof).unwrap_err().to_string()
    };
    assert!(
        refuse(&good[1..], &proof).contains("leaf 0"),
        "leaf 0 must be opened"
    );
    assert!(refuse(&good, &proof[1..]).contains("shape"));
    let mut changed = good.clone();
    changed[1].1 = field(9, "name9", "forged");
    // A forged leaf sits in the wrong order or leads to another root; both are refusals.
    refuse(&changed, &proof);
    let mut dropped = good.clone();
    dropped[0].1 = count_field(Salt([0xaa; 16]), 5);
    assert!(
        Body::verify(&root, &dropped, &proof).is_err(),
        "a short body passes as whole"
    );
    let mut swapped = good.clone();
    swapped.swap(1, 2);
    assert!(refuse(&swapped, &proof).contains("ascending"));
    let mut moved = good;
    moved[2].0 = 4;
    refuse(&moved, &proof);
    assert!(refuse(&[], &[]).contains("leaf 0"));
}

#[test]
fn a_huge_count_in_leaf_0_is_refused_without_harm() {
    let leaf = count_field(Salt([0; 16]), usize::MAX);
    let message = Body::verify(&leaf.leaf(), &[(0, leaf)], &[])
        .unwrap_err()
        .to_string();
    assert!(message.contains("too large"), "{message}");
}

#[test]
fn names_are_unique_and_not_empty() {
    let twice = vec![field(1, "a", "x"), field(2, "a", "y")];
    assert_eq!(
        Body::new(Salt([0; 16]), twice),
        Err(Error::DuplicateField("a".into()))
    );
    let empty = vec![field(1, "", "x")];
    assert_eq!(Body::new(Salt([0; 16]), empty), Err(Error::EmptyFieldName));
}

#[test]
fn two_openings_of_one_name_are_refused_even_under_the_true_root() {
    // A dishonest writer can hash such a body; no verifier may accept it.
    let mut fields = [field(1, "a", "x"), field(2, "a", "y")];
    fields.sort_by_key(Field::leaf);
    let count = count_field(Salt([0; 16]), 2);
    let [x, y] = fields;
    let root = avouch_merkle::root([count.leaf(), x.leaf(), y.leaf()]);
    let refused = Body::verify(&root, &[(0, count), (1, x), (2, y)], &[]).unwrap_err();
    assert_eq!(refused, Error::DuplicateField("a".into()));
}

#[test]
fn a_value_of_a_references_shape_is_a_reference() {
    let blob = BlobRef {
        size: 5000,
        media_type: "text/plain".into(),
        digest: Digest([7; 32]),
    };
    let held = Field::from_value(Salt([0; 16]), "text", &blob.to_value()).unwrap();
    assert_eq!(held.blob(), Some(blob));
    assert_eq!(field(0, "text", "inline").blob(), None);
}

#[test]
fn chains_and_leaves_are_hashed_as_designed() {
    let header = Header {
        kind: Kind::RunStart,
        decision: avouch_trace::Decision::None,
        flags: avouch_trace::Flags::NONE,
        round: 0,
        seq: 0,
        time: 1,
        cost: None,
        budget: None,
        score: None,
        parent: None,
        actor: avouch_trace::NameId::NONE,
        subject: avouch_trace::NameId::NONE,
    };
    let event = Event::new(&header, Digest([3; 32]));
    let cbor = event.to_cbor();
    assert_eq!(event.leaf(), sha256(&[&[0], &cbor]));
    assert_eq!(
        event.chain(&Digest([4; 32])),
        sha256(&[&[2], &[4; 32], &cbor])
    );
    let pair = [b"\x82\x64acme".as_slice(), b"\x66worker"].concat();
    assert_eq!(
        agent_chain_start("acme", "worker"),
        sha256(&[b"avouch/v1/chain", &pair])
    );
    assert_eq!(
        journal_start(&RunId([5; 16])),
        sha256(&[b"avouch/v1/journal", &[5; 16]])
    );
}

fn manifest() -> Manifest {
    Manifest {
        run: RunId([1; 16]),
        agent: "worker".into(),
        mode: Mode::Execution,
        size: 3,
        root: Digest([2; 32]),
        chain_start: Digest([3; 32]),
        chain_head: Digest([4; 32]),
        first_time: 5,
        last_time: 6,
        currency: "USD".into(),
        source: Source {
            format: "avouch".into(),
            integrity: None,
        },
        parents: vec![Parent {
            run: RunId([7; 16]),
            seq: 8,
            relation: Relation::A2a,
        }],
        previous: Some(Digest([9; 32])),
        supersedes: Some(Digest([10; 32])),
    }
}

#[test]
fn manifests_come_back_with_and_without_their_options() {
    let full = manifest();
    assert_eq!(Manifest::decode(&full.encode()).unwrap(), full);
    let bare = Manifest {
        parents: vec![],
        previous: None,
        supersedes: None,
        mode: Mode::Debate,
        source: Source {
            format: "vex".into(),
            integrity: Some(false),
        },
        ..full
    };
    assert_eq!(Manifest::decode(&bare.encode()).unwrap(), bare);
    assert_eq!(
        bare.subject(),
        format!("urn:avouch:run:{}", "01".repeat(16))
    );
}

#[test]
fn manifests_with_anything_missing_added_or_bent_are_refused() {
    let Value::Map(pairs) = Value::decode(&manifest().encode()).unwrap() else {
        panic!("a map")
    };
    let refused =
        |pairs: Vec<(Value, Value)>| Manifest::decode(&Value::Map(pairs).to_vec().unwrap());
    for at in 0..12 {
        let mut fewer = pairs.clone();
        fewer.remove(at);
        assert!(refused(fewer).is_err(), "key {} is required", at + 1);
    }
    for at in 0..pairs.len() {
        let mut bent = pairs.clone();
        bent[at].1 = Value::Float(0.5);
        let message = refused(bent).unwrap_err().to_string();
        assert!(message.contains("manifest"), "{message}");
    }
    let mut extra = pairs.clone();
    extra.push((Value::Uint(16), Value::Null));
    assert!(
        refused(extra)
            .unwrap_err()
            .to_string()
            .contains("keys 1 to 15")
    );
    let mut named = pairs.clone();
    named.push((Value::from("x"), Value::Null));
    assert!(refused(named).is_err());
    let with = |key: usize, value: Value| {
        let mut pairs = pairs.clone();
        pairs[key - 1].1 = value;
        refused(pairs)
    };
    assert!(with(1, Value::Uint(2)).is_err(), "another version");
    assert!(with(4, Value::Uint(3)).is_err(), "another mode");
    assert!(with(5, Value::Uint(0)).is_err(), "an empty run");
    assert!(
        with(5, Value::Uint(u64::from(u32::MAX))).is_err(),
        "a run too large"
    );
    assert!(
        with(13, Value::Array(vec![])).is_err(),
        "an empty list says nothing"
    );
    assert!(with(2, Value::Bytes(vec![0; 15])).is_err());
}

#[test]
fn run_ids_have_one_text_form() {
    let id = RunId([0xab; 16]);
    assert_eq!(id.to_string().parse::<RunId>().unwrap(), id);
    for bad in [
        "",
        "ab",
        &"AB".repeat(16),
        &"ab".repeat(17),
        &"zz".repeat(16),
    ] {
        assert!(bad.parse::<RunId>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Field::decode(&bytes);
        let _ = Manifest::decode(&bytes);
        let _ = Event::from_cbor(&bytes);
    }

    #[test]
    fn a_changed_byte_of_a_manifest_is_another_manifest_or_none(at in 0usize..300, bit in 0u8..8) {
        let good = manifest().encode();
        let mut bytes = good.clone();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Manifest::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
            prop_assert_ne!(other, manifest());
        }
    }

    #[test]
    fn a_changed_field_never_opens(at in 0usize..64, bit in 0u8..8, which in 0usize..3) {
        let body = body();
        let (mut opened, proof) = open(&body, &[0, 2, 5]);
        let mut bytes = opened[which].1.bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(field) = Field::decode(&bytes) {
            opened[which].1 = field;
            prop_assert!(Body::verify(&body.root(), &opened, &proof).is_err());
        }
    }
}
