//! The section of key statements has one form.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_bundle::{Bundle, Error, KeyEvidence, KeyLink, MAX_LINKS, MAX_OTHERS};
use avouch_merkle::sha256;

fn link(logged: bool) -> KeyLink {
    KeyLink {
        statement: vec![10],
        logged: logged.then(|| (vec![12], "note\n".into())),
    }
}

fn with(keys: KeyEvidence) -> Bundle {
    Bundle {
        statement: vec![0xab],
        keys: Some(keys),
        ..Bundle::default()
    }
}

/// A file whose section 7 has these bytes.
fn file(section: &[u8]) -> Vec<u8> {
    let head = [
        b"\x84\x66avouch\x01\xa2\x01\x41\xab\x07",
        section,
        &[0x58, 32],
    ]
    .concat();
    let digest = sha256(&[&head]);
    [head, digest.0.to_vec()].concat()
}

#[test]
fn key_statements_read_back_as_they_were_written() {
    for keys in [
        KeyEvidence {
            chain: vec![link(false), link(true)],
            others: vec![vec![1], vec![2, 3]],
        },
        KeyEvidence {
            chain: vec![link(true)],
            others: Vec::new(),
        },
        KeyEvidence {
            chain: Vec::new(),
            others: vec![vec![1]],
        },
    ] {
        let bundle = with(keys);
        let bytes = bundle.encode().unwrap();
        assert_eq!(Bundle::decode(&bytes).unwrap(), bundle);
    }
    let written = with(KeyEvidence {
        chain: vec![link(false)],
        others: vec![vec![9]],
    });
    assert_eq!(
        written.encode().unwrap(),
        file(b"\xa2\x01\x81\x81\x41\x0a\x02\x81\x41\x09")
    );
}

#[test]
fn other_shapes_are_refused() {
    for section in [
        &b"\xa0"[..],                                // nothing
        b"\x80",                                     // no map
        b"\xa1\x01\x80",                             // an empty chain
        b"\xa1\x02\x80",                             // no revocation
        b"\xa1\x01\x81\x80",                         // an empty link
        b"\xa1\x01\x81\x82\x41\x0a\x41\x0c",         // a receipt without a checkpoint
        b"\xa1\x01\x81\x84\x41\x0a\x41\x0c\x60\x60", // one too many
        b"\xa1\x01\x81\x81\x0a",                     // a number for a statement
        b"\xa1\x01\x81\x83\x41\x0a\x41\x0c\x41\x0d", // bytes for a checkpoint
        b"\xa1\x02\x81\x0a",                         // a number for a revocation
        b"\xa1\x03\x81\x41\x0a",                     // an unknown member
        b"\xf6",                                     // null
    ] {
        let refused = Bundle::decode(&file(section));
        assert!(
            matches!(refused, Err(Error::Shape { .. })),
            "{section:?}: {refused:?}"
        );
    }
}

#[test]
fn what_is_empty_or_too_much_is_not_written() {
    let refused = with(KeyEvidence::default()).encode();
    assert!(matches!(refused, Err(Error::NoKeyStatements)));
    for keys in [
        KeyEvidence {
            chain: vec![link(false); MAX_LINKS + 1],
            others: Vec::new(),
        },
        KeyEvidence {
            chain: Vec::new(),
            others: vec![vec![1]; MAX_OTHERS + 1],
        },
    ] {
        assert!(matches!(with(keys).encode(), Err(Error::Limit { .. })));
    }
}
