//! SHA-256 itself, the tree's hashes, and digests as text.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, ParseDigestError, Sha256, empty_root, hash_leaf, hash_leaf_parts, hash_node, sha256,
};
use common::sha;

/// FIPS 180-4's example messages (NIST, "Examples with Intermediate Values"), and the empty one.
const KNOWN: [(&str, &str); 4] = [
    (
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    (
        "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
];

#[test]
fn known_answers() {
    for (message, expected) in KNOWN {
        assert_eq!(sha256(&[message.as_bytes()]).to_string(), expected);
    }
    let million_a = sha256(&[&[b'a'; 1_000_000]]);
    assert_eq!(
        million_a.to_string(),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    );
    assert_eq!(empty_root().to_string(), KNOWN[0].1);
}

#[test]
fn every_length_and_every_way_to_give_it_is_the_same_hash() {
    let message: Vec<u8> = (0..400u32).map(|i| (i * 31 % 251) as u8).collect();
    for len in 0..=message.len() {
        let message = &message[..len];
        let expected = sha(message);
        assert_eq!(sha256(&[message]), expected, "{len} bytes");
        let leaf = sha(&[&[0], message].concat());
        assert_eq!(hash_leaf(message), leaf, "leaf of {len} bytes");
        for cut in [0, len / 3, len / 2, len] {
            let (a, b) = message.split_at(cut);
            assert_eq!(sha256(&[a, b, &[]]), expected, "{cut} of {len} bytes");
            assert_eq!(hash_leaf_parts(&[a, &[], b]), leaf, "{cut} of {len} bytes");
            let mut hasher = Sha256::new();
            hasher.update(a);
            hasher.update(b);
            assert_eq!(hasher.finish(), expected, "{cut} of {len} bytes");
        }
    }
}

#[test]
fn a_node_is_neither_its_childrens_leaf_nor_their_swap() {
    let (left, right) = (sha(b"left"), sha(b"right"));
    assert_eq!(hash_node(&left, &right), common::node(left, right));
    assert_ne!(hash_node(&left, &right), hash_node(&right, &left));
    assert_ne!(
        hash_node(&left, &right),
        hash_leaf(&[left.0, right.0].concat())
    );
}

#[test]
fn a_digest_reads_what_it_writes() {
    let digest = sha(b"digest");
    let text = digest.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse(), Ok(digest));
    assert_eq!(text.to_uppercase().parse(), Ok(digest));
    assert_eq!(format!("{digest:?}"), text);
    assert_eq!(Digest::try_from(digest.as_ref()), Ok(digest));
    assert_eq!(Digest::from(<[u8; 32]>::from(digest)), digest);
}

#[test]
fn what_is_not_a_digest_is_refused() {
    let text = sha(b"digest").to_string();
    let parse = |text: &str| text.parse::<Digest>();
    assert_eq!(parse(""), Err(ParseDigestError::TextLength { found: 0 }));
    assert_eq!(
        parse(&text[..63]),
        Err(ParseDigestError::TextLength { found: 63 })
    );
    assert_eq!(
        parse(&format!("{text} ")),
        Err(ParseDigestError::TextLength { found: 65 })
    );
    for bad in ["g", " ", "+", "-", "\0"] {
        let text = format!("{}{bad}{}", &text[..20], &text[21..]);
        assert_eq!(
            parse(&text),
            Err(ParseDigestError::NotHex { at: 20 }),
            "{bad:?}"
        );
    }
    // 64 bytes, but not 64 characters.
    assert_eq!(
        parse(&format!("é{}", &text[2..])),
        Err(ParseDigestError::NotHex { at: 0 })
    );
    for len in [0, 31, 33] {
        assert_eq!(
            Digest::try_from(&[0; 64][..len]),
            Err(ParseDigestError::Length { found: len })
        );
    }
}
