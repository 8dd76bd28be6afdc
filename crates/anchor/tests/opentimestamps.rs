//! OpenTimestamps proofs: what leads to a block that the policy gives is good, and nothing else is. The files are made
//! here byte by byte; `tests/tests/anchors.rs` checks them with the OpenTimestamps library, both ways.
#![cfg(feature = "opentimestamps")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use avouch_anchor::opentimestamps::{Blocks, Header, KIND, rewritten};
use avouch_anchor::{Doubt, Receipt, State, Verifier};
use avouch_merkle::sha256;
use common::anchored;
use proptest::prelude::*;

const MAGIC: &[u8] = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94";
const BITCOIN: &[u8] = &[0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
const PENDING: &[u8] = &[0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e];
const TIME: u32 = 1_790_000_000;

/// A header with this Merkle root, mined at the easiest target that there is.
fn mined(root: &[u8; 32]) -> Vec<u8> {
    let fixed = [&[4, 0, 0, 0], [0; 32].as_slice(), root].concat();
    let rest = [TIME.to_le_bytes(), 0x207f_ffff_u32.to_le_bytes()].concat();
    (0_u32..)
        .map(|nonce| [&fixed, rest.as_slice(), &nonce.to_le_bytes()].concat())
        .find(|header| Header::new(header).is_ok())
        .unwrap()
}

fn blocks(height: u64, root: &[u8; 32]) -> Blocks {
    Blocks::new(BTreeMap::from([(
        height,
        Header::new(&mined(root)).unwrap(),
    )]))
    .unwrap()
}

/// A file about these 32 bytes.
fn file(digest: &[u8; 32], stamp: &[u8]) -> Vec<u8> {
    [MAGIC, &[1, 0x08], digest, stamp].concat()
}

fn attestation(tag: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[0], tag, &[payload.len() as u8], payload].concat()
}

fn pending(uri: &str) -> Vec<u8> {
    attestation(PENDING, &[&[uri.len() as u8], uri.as_bytes()].concat())
}

/// Append `x`, SHA-256, and then this.
fn hashed(end: &[u8]) -> Vec<u8> {
    [&[0xf0, 1, b'x', 0x08], end].concat()
}

/// What that makes of a digest.
fn root_of(digest: &[u8; 32]) -> [u8; 32] {
    sha256(&[digest, b"x"]).0
}

/// Block 100, in LEB128.
fn in_block() -> Vec<u8> {
    attestation(BITCOIN, &[100])
}

#[track_caller]
fn refused(blocks: &Blocks, file: &[u8], words: &str) {
    match blocks.verify(&anchored(5), file) {
        Err(Doubt::Refused(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_proof_that_leads_to_a_given_block_is_good() {
    let digest = anchored(5).digest().0;
    let proof = file(&digest, &hashed(&in_block()));
    let existed = blocks(100, &root_of(&digest))
        .verify(&anchored(5), &proof)
        .unwrap();
    assert_eq!(existed.source, "Bitcoin block 100");
    // A block's time may be two hours behind.
    assert_eq!(existed.by, u64::from(TIME) + 7200);
    assert_eq!(rewritten(&proof), Some(proof));
}

#[test]
fn the_lie_is_refused() {
    let digest = anchored(5).digest().0;
    let given = blocks(100, &root_of(&digest));
    // It repeats the digest, names the block, and proves nothing on the way.
    refused(
        &given,
        &file(&digest, &in_block()),
        "does not lead to the Merkle root",
    );
    // The header's root stands in the proof, but nothing leads there.
    let root = root_of(&digest);
    let claimed = [&[0xf1, 32], root.as_slice(), &in_block()].concat();
    refused(
        &given,
        &file(&digest, &claimed),
        "does not lead to the Merkle root",
    );
    // It is about something that is in the block, but not about the checkpoint.
    let other = anchored(6).digest().0;
    let elsewhere = file(&other, &hashed(&in_block()));
    assert!(
        blocks(100, &root_of(&other))
            .verify(&anchored(6), &elsewhere)
            .is_ok()
    );
    refused(
        &blocks(100, &root_of(&other)),
        &elsewhere,
        "about something else",
    );
    // One attestation that holds does not carry one that does not.
    let both = [&[0xff], in_block().as_slice(), &hashed(&in_block())].concat();
    refused(
        &given,
        &file(&digest, &both),
        "does not lead to the Merkle root",
    );
    for lie in [digest.to_vec(), MAGIC.to_vec(), Vec::new()] {
        refused(&given, &lie, "not an OpenTimestamps proof");
    }
}

#[test]
fn a_promise_is_pending_and_never_verified() {
    let digest = anchored(5).digest().0;
    let given = blocks(100, &root_of(&digest));
    let promise = file(&digest, &hashed(&pending("https://a.example")));
    let judged = given.verify(&anchored(5), &promise);
    assert!(matches!(&judged, Err(Doubt::Pending(why)) if why.contains("https://a.example")));
    // What calls itself complete is still a promise, and what calls itself a promise is one.
    let mut receipt = Receipt {
        kind: KIND.into(),
        anchored: anchored(5),
        state: State::Complete,
        proof: promise,
    };
    assert!(matches!(receipt.verify(&given), Err(Doubt::Pending(_))));
    receipt.proof = file(&digest, &hashed(&in_block()));
    assert!(receipt.verify(&given).is_ok());
    receipt.state = State::Pending;
    assert!(matches!(receipt.verify(&given), Err(Doubt::Pending(_))));
}

#[test]
fn a_block_that_the_policy_does_not_give_is_not_known() {
    let digest = anchored(5).digest().0;
    let proof = file(&digest, &hashed(&in_block()));
    let judged = blocks(101, &root_of(&digest)).verify(&anchored(5), &proof);
    assert!(matches!(judged, Err(Doubt::Unknown(why)) if why.contains("block 100")));
    // A step that is not carried out here leads nowhere.
    let by_sha1 = file(&digest, &[&[0x02], in_block().as_slice()].concat());
    let judged = blocks(100, &root_of(&digest)).verify(&anchored(5), &by_sha1);
    assert!(matches!(judged, Err(Doubt::Unknown(why)) if why.contains("hash function")));
    assert!(Blocks::new(BTreeMap::new()).is_err());
}

#[test]
fn the_reader_is_strict() {
    let digest = anchored(5).digest().0;
    let given = blocks(100, &root_of(&digest));
    let end = in_block();
    let (one, two) = (pending("https://a.example"), pending("https://b.example"));
    let fork = |branches: &[&[u8]]| {
        let last = branches.len() - 1;
        let marked = branches
            .iter()
            .enumerate()
            .map(|(at, branch)| match at == last {
                true => branch.to_vec(),
                false => [&[0xff], *branch].concat(),
            });
        marked.collect::<Vec<_>>().concat()
    };
    let deep = [vec![0x08; 257], end.clone()].concat();
    let wide: Vec<Vec<u8>> = (0..2050_u16)
        .map(|n| [&[0xf0, 2], n.to_be_bytes().as_slice(), &end].concat())
        .collect();
    let wide: Vec<&[u8]> = wide.iter().map(Vec::as_slice).collect();
    let long_argument = [&[0xf0, 0x81, 0x20], [7; 4097].as_slice(), &end].concat();
    for (stamp, words) in [
        (Vec::new(), "ends too early"),
        (vec![0x08], "ends too early"),
        (vec![0xff], "ends too early"),
        ([end.as_slice(), &[0]].concat(), "follows its end"),
        (vec![0x77], "unknown operation"),
        (fork(&[&two, &one]), "out of order"),
        (fork(&[&one, &one]), "out of order"),
        (fork(&[&hashed(&end), &one]), "out of order"),
        (fork(&[&hashed(&end), &hashed(&end)]), "out of order"),
        ([&[0xf0, 0], end.as_slice()].concat(), "no good length"),
        (
            [&[0xf0, 0x81, 0x00, b'x'], end.as_slice()].concat(),
            "no good length",
        ),
        (long_argument, "no good length"),
        (attestation(BITCOIN, &[0xe4, 0x00]), "no number"),
        (
            attestation(BITCOIN, &[100, 0]),
            "follows an attestation's payload",
        ),
        (pending("https://a.example?x"), "other characters"),
        (deep, "nested too deep"),
        (fork(&wide), "too many operations"),
    ] {
        refused(&given, &file(&digest, &stamp), words);
    }
    let of_sha1 = [MAGIC, &[1, 0x02], &digest, &end].concat();
    refused(&given, &of_sha1, "not about a SHA-256");
    let version_2 = [MAGIC, &[2, 0x08], &digest, &end].concat();
    refused(&given, &version_2, "not of version 1");
}

#[test]
fn a_flipped_bit_or_a_missing_end_is_never_verified() {
    let digest = anchored(5).digest().0;
    let given = blocks(100, &root_of(&digest));
    let proof = file(&digest, &hashed(&in_block()));
    for bit in 0..proof.len() * 8 {
        let mut flipped = proof.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(given.verify(&anchored(5), &flipped).is_err(), "bit {bit}");
    }
    for end in 0..proof.len() {
        refused(&given, &proof[..end], "not an OpenTimestamps proof");
    }
}

proptest! {
    #[test]
    fn what_is_accepted_has_one_form(stamp in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = file(&[1; 32], &stamp);
        if let Some(again) = rewritten(&bytes) {
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn changed_files_that_are_accepted_have_one_form(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let end = [&[0xff], pending("https://a.example").as_slice(), &in_block()].concat();
        let mut bytes = file(&[1; 32], &hashed(&end));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(again) = rewritten(&bytes) {
            prop_assert_eq!(again, bytes);
        }
    }
}
