//! Consistency proofs as text and as receipts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{
    Checkpoint, ConsistencyProof, ConsistencyReceipt, Error, NoteKey, Receipt, Sign1,
};
use avouch_merkle::{Digest, LeafIndex, TreeSize, consistency_proof, hash_leaf, root};
use common::{ALGORITHMS, key};

const ORIGIN: &str = "log.example/one";

fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|n| hash_leaf(&n.to_be_bytes())).collect()
}

fn root_of(size: u64) -> Digest {
    root(leaves(size))
}

fn proof(before: u64, after: u64) -> ConsistencyProof {
    let log = key(ALGORITHMS[0], 1);
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(after),
        root: root_of(after),
        extensions: Vec::new(),
    };
    ConsistencyProof {
        before: TreeSize(before),
        path: match before {
            0 => Vec::new(),
            _ => consistency_proof(&leaves(after), TreeSize(before)).unwrap(),
        },
        checkpoint: checkpoint.sign(&log).unwrap(),
    }
}

fn log_key() -> NoteKey {
    NoteKey::new(ORIGIN, key(ALGORITHMS[0], 1).verifying_key()).unwrap()
}

#[test]
fn a_proof_is_read_back_and_verified() {
    for after in 1..20 {
        for before in 0..=after {
            let proof = proof(before, after);
            let read: ConsistencyProof = proof.to_string().parse().unwrap();
            assert_eq!(read, proof);
            let seen = read.verify(&root_of(before), &log_key()).unwrap();
            assert_eq!(seen.size, TreeSize(after));
            if before > 0 {
                assert!(read.verify(&Digest([9; 32]), &log_key()).is_err());
            }
        }
    }
    let stranger = NoteKey::new(ORIGIN, key(ALGORITHMS[0], 2).verifying_key()).unwrap();
    assert!(proof(3, 7).verify(&root_of(3), &stranger).is_err());
}

#[test]
fn a_malformed_proof_is_refused_by_its_line() {
    let good = proof(3, 7).to_string();
    let refused = |text: &str, line: usize| match ConsistencyProof::parse(text) {
        Err(Error::ConsistencyProof { line: found, .. }) => assert_eq!(found, line, "{text}"),
        other => panic!("{other:?}\n{text}"),
    };
    refused("", 1);
    refused(&good.replace("old 3", "old 03"), 1);
    refused(&good.replace("old 3", "new 3"), 1);
    let first = good.lines().nth(1).unwrap();
    refused(&good.replace(first, "AAAA"), 2);
    refused(&good.replace(first, &format!("{first}\n").repeat(64)), 65);
    for end in (0..good.len()).filter(|end| good.is_char_boundary(*end)) {
        assert!(
            ConsistencyProof::parse(&good[..end]).is_err(),
            "cut at {end}"
        );
    }
    // A first checkpoint has no proof to carry.
    let mut padded = proof(0, 7);
    padded.path.push(Digest([1; 32]));
    assert!(padded.verify(&root_of(0), &log_key()).is_err());
}

#[test]
fn a_receipt_verifies_from_the_earlier_root_alone() {
    for algorithm in ALGORITHMS {
        let log = key(algorithm, 1);
        for after in 1..20 {
            for before in 1..=after {
                let path = consistency_proof(&leaves(after), TreeSize(before)).unwrap();
                let receipt = ConsistencyReceipt::sign(
                    &log,
                    TreeSize(before),
                    TreeSize(after),
                    &path,
                    &root_of(after),
                )
                .unwrap();
                let read = ConsistencyReceipt::parse(receipt.as_bytes()).unwrap();
                assert_eq!((read.before().0, read.after().0), (before, after));
                assert_eq!(
                    read.verify(&root_of(before), &log.verifying_key()).unwrap(),
                    root_of(after)
                );
                assert!(read.verify(&Digest([9; 32]), &log.verifying_key()).is_err());
                assert!(
                    read.verify(&root_of(before), &key(algorithm, 2).verifying_key())
                        .is_err()
                );
                // It is a COSE message to others, and no inclusion receipt.
                Sign1::parse(read.as_bytes())
                    .unwrap()
                    .verify_detached(&log.verifying_key(), &[], root_of(after).as_bytes())
                    .unwrap();
                assert!(matches!(
                    Receipt::parse(read.as_bytes()),
                    Err(Error::Form { .. })
                ));
            }
        }
    }
}

#[test]
fn a_receipt_with_impossible_sizes_is_refused() {
    let log = key(ALGORITHMS[0], 1);
    let sign = |before, after, path: &[Digest]| {
        ConsistencyReceipt::sign(&log, TreeSize(before), TreeSize(after), path, &root_of(7))
    };
    assert!(matches!(sign(0, 7, &[]), Err(Error::Form { .. })));
    assert!(matches!(sign(8, 7, &[]), Err(Error::Form { .. })));
    assert!(matches!(
        sign(3, 7, &[Digest([0; 32]); 64]),
        Err(Error::Form { .. })
    ));
    let inclusion =
        Receipt::sign_inclusion(&log, TreeSize(1), LeafIndex(0), &[], &root_of(1)).unwrap();
    assert!(matches!(
        ConsistencyReceipt::parse(inclusion.as_bytes()),
        Err(Error::Form { .. })
    ));
}

#[test]
fn every_changed_byte_of_a_receipt_is_refused() {
    let log = key(ALGORITHMS[0], 1);
    let path = consistency_proof(&leaves(7), TreeSize(3)).unwrap();
    let receipt =
        ConsistencyReceipt::sign(&log, TreeSize(3), TreeSize(7), &path, &root_of(7)).unwrap();
    let good = receipt.as_bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.to_vec();
            bytes[at] ^= 1 << bit;
            let Ok(read) = ConsistencyReceipt::parse(&bytes) else {
                continue;
            };
            // A receipt signs only the root: sizes of the same shape lead to it too (RFC 9942).
            match read.verify(&root_of(3), &log.verifying_key()) {
                Err(_) => {}
                Ok(root) => assert!(root == root_of(7) && read.after() != TreeSize(7)),
            }
        }
        assert!(ConsistencyReceipt::parse(&good[..at]).is_err());
    }
}

/// Someone else's receipts over other structures are refused by name.
#[test]
fn a_receipt_over_another_structure_is_refused_by_its_number() {
    let Some(folder) = common::shared("vectors/scitt/test-vectors/v1") else {
        return;
    };
    for case in ["fail-unsupported-vds", "valid-ccf-vds2"] {
        let bytes = std::fs::read(folder.join(case).join("receipt.cose")).unwrap();
        let message = avouch_cose::foreign::verify_receipt(
            &bytes,
            hash_leaf(&[0; 32]),
            &key(ALGORITHMS[0], 1).verifying_key(),
        )
        .unwrap_err();
        assert!(matches!(message, Error::UnsupportedVds(2)), "{message}");
        assert!(message.to_string().contains("2 (CCF_LEDGER_SHA256)"));
    }
}
