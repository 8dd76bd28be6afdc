//! Inclusion receipts: made, read back, and everything but the stored form refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::{Encoder, Value};
use avouch_cose::{Algorithm, Error, InclusionReceipt, Receipt, SigningKey};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, inclusion_proof, root};
use common::{ALGORITHMS, key};

fn leaves(count: u8) -> Vec<Digest> {
    (0..count).map(|n| hash_leaf(&[n; 32])).collect()
}

#[test]
fn a_receipt_shows_every_leaf_of_every_small_tree() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        for count in 1..=9 {
            let leaves = leaves(count);
            let root = root(leaves.iter().copied());
            let (index, size) = (LeafIndex(u64::from(count / 2)), TreeSize(u64::from(count)));
            let path = inclusion_proof(&leaves, index).unwrap();
            let signed = Receipt::sign_inclusion(&key, size, index, &path, &root).unwrap();
            let read = Receipt::parse(signed.as_bytes()).unwrap();
            assert_eq!(read, signed);
            assert_eq!(
                (read.size(), read.index(), read.key_id()),
                (size, index, key.id())
            );
            let leaf = leaves[index.get() as usize];
            let shown = read.verify(leaf, &key.verifying_key()).unwrap();
            assert_eq!(shown, InclusionReceipt { size, index, root });
        }
    }
}

fn receipt(key: &SigningKey) -> (Receipt, Vec<Digest>) {
    let leaves = leaves(8);
    let path = inclusion_proof(&leaves, LeafIndex(3)).unwrap();
    let root = root(leaves.iter().copied());
    (
        Receipt::sign_inclusion(key, TreeSize(8), LeafIndex(3), &path, &root).unwrap(),
        leaves,
    )
}

#[test]
fn a_receipt_is_for_its_own_leaf_and_log_alone() {
    let key = key(Algorithm::Ed25519, 1);
    let (receipt, leaves) = receipt(&key);
    receipt.verify(leaves[3], &key.verifying_key()).unwrap();
    assert!(matches!(
        receipt.verify(leaves[2], &key.verifying_key()),
        Err(Error::BadSignature)
    ));
    let other = common::key(Algorithm::Ed25519, 2).verifying_key();
    assert!(matches!(
        receipt.verify(leaves[3], &other),
        Err(Error::KeyIdMismatch { .. })
    ));
    let other = common::key(Algorithm::P256, 1).verifying_key();
    assert!(matches!(
        receipt.verify(leaves[3], &other),
        Err(Error::AlgorithmMismatch { .. })
    ));
}

/// Why size and index count only beside a checkpoint: the path of leaf 3 of 8 fits other sizes, and
/// only the root is signed (RFC 9942 section 5.2).
#[test]
fn the_signature_does_not_cover_size_and_index() {
    let key = key(Algorithm::Ed25519, 1);
    let (receipt, leaves) = receipt(&key);
    let mut claims_seven = receipt.as_bytes().to_vec();
    let at = claims_seven
        .windows(3)
        .position(|bytes| bytes == [0x83, 8, 3])
        .unwrap();
    claims_seven[at + 1] = 7;
    let shown = Receipt::parse(&claims_seven)
        .unwrap()
        .verify(leaves[3], &key.verifying_key())
        .unwrap();
    assert_eq!(shown.size, TreeSize(7));
    assert_eq!(
        shown.root,
        root(leaves.iter().copied()),
        "but the root is of 8 leaves"
    );
}

#[test]
fn receipts_that_make_no_sense_are_not_signed() {
    let key = key(Algorithm::Ed25519, 1);
    let root = hash_leaf(b"root");
    let sign = |size, index, path: &[Digest]| {
        Receipt::sign_inclusion(&key, TreeSize(size), LeafIndex(index), path, &root)
    };
    assert!(matches!(
        sign(3, 3, &[]),
        Err(Error::Form {
            what: "inclusion proof",
            ..
        })
    ));
    assert!(matches!(
        sign(0, 0, &[]),
        Err(Error::Form {
            what: "inclusion proof",
            ..
        })
    ));
    assert!(matches!(
        sign(9, 3, &[root; 65]),
        Err(Error::Form {
            what: "inclusion proof",
            ..
        })
    ));
}

/// A receipt whose parts can be written wrongly, correctly signed over the root 0x11...
fn build(protected: &[(i64, Value)], unprotected: Value, payload: Value) -> Result<Receipt, Error> {
    let key = key(Algorithm::P256, 4);
    let map = |pairs: &[(i64, Value)]| {
        Value::Map(
            pairs
                .iter()
                .map(|(k, v)| (Value::from(*k), v.clone()))
                .collect(),
        )
    };
    let protected = map(protected).to_vec().unwrap();
    let mut signed = Encoder::new();
    signed
        .array(4)
        .text("Signature1")
        .bytes(&protected)
        .bytes(&[])
        .bytes(&[0x11; 32]);
    let mut out = Encoder::new();
    out.tag(18)
        .array(4)
        .bytes(&protected)
        .raw(&unprotected.to_vec().unwrap())
        .raw(&payload.to_vec().unwrap());
    out.bytes(&key.sign(signed.as_slice()));
    let receipt = Receipt::parse(out.as_slice())?;
    receipt.verify(Digest([0x11; 32]), &key.verifying_key())?;
    Ok(receipt)
}

fn nested(labels: &[i64], content: Value) -> Value {
    labels.iter().rev().fold(content, |value, label| {
        Value::Map(vec![(Value::from(*label), value)])
    })
}

fn proof(size: u64, index: u64, path: Vec<Value>) -> Value {
    let proof = Value::Array(vec![
        Value::from(size),
        Value::from(index),
        Value::Array(path),
    ]);
    Value::from(proof.to_vec().unwrap())
}

#[test]
fn every_other_form_is_refused() {
    let kid = (4, Value::from(key(Algorithm::P256, 4).id().0.to_vec()));
    let alg = (1, Value::from(-7_i64));
    let vds = (395, Value::from(1_u64));
    let good = [alg.clone(), kid.clone(), vds.clone()];
    let proofs = |proofs: Vec<Value>| nested(&[396, -1], Value::Array(proofs));
    let one = || proofs(vec![proof(1, 0, vec![])]);
    build(&good, one(), Value::Null).expect("the good one is good");

    let vds2 = [alg.clone(), kid.clone(), (395, Value::from(2_u64))];
    assert!(matches!(
        build(&vds2, one(), Value::Null),
        Err(Error::UnsupportedVds(2))
    ));
    for protected in [
        &good[..2],
        &good[1..],
        &[alg, kid, vds, (396, Value::from(1_u64))],
    ] {
        assert!(matches!(
            build(protected, one(), Value::Null),
            Err(Error::Form {
                what: "protected header",
                ..
            })
        ));
    }
    let attached = build(&good, one(), Value::from(vec![0x11_u8; 32]));
    assert!(matches!(
        attached,
        Err(Error::Form {
            what: "payload",
            ..
        })
    ));

    let unprotected = [
        Value::Map(vec![]),
        proofs(vec![]),
        proofs(vec![proof(1, 0, vec![]), proof(1, 0, vec![])]),
        nested(&[396, -2], Value::Array(vec![proof(1, 0, vec![])])),
        nested(&[396, -1], proof(1, 0, vec![])),
        Value::Map(vec![
            (Value::from(4_u64), Value::from(vec![1_u8])),
            (
                Value::from(396_u64),
                nested(&[-1], Value::Array(vec![proof(1, 0, vec![])])),
            ),
        ]),
    ];
    for unprotected in unprotected {
        assert!(matches!(
            build(&good, unprotected, Value::Null),
            Err(Error::Form {
                what: "unprotected header",
                ..
            })
        ));
    }
    let not_proofs = [
        Value::Array(vec![Value::from(1_u64), Value::from(0_u64)]),
        Value::Array(vec![
            Value::from(1_u64),
            Value::from(-1_i64),
            Value::Array(vec![]),
        ]),
        Value::Array(vec![
            Value::from(2_u64),
            Value::from(0_u64),
            Value::Array(vec![Value::from(vec![0_u8; 31])]),
        ]),
        Value::Array(vec![
            Value::from(1_u64),
            Value::from(1_u64),
            Value::Array(vec![]),
        ]),
    ];
    for not_proof in not_proofs {
        let unprotected = proofs(vec![Value::from(not_proof.to_vec().unwrap())]);
        assert!(matches!(
            build(&good, unprotected, Value::Null),
            Err(Error::Form {
                what: "inclusion proof",
                ..
            })
        ));
    }
    let long = proofs(vec![Value::from(vec![0x83, 0x18, 0x01, 0x00, 0x80])]);
    assert!(matches!(
        build(&good, long, Value::Null),
        Err(Error::NotDeterministic(_))
    ));
    let too_long = proofs(vec![proof(1, 0, vec![Value::from(vec![0_u8; 32])])]);
    assert!(matches!(
        build(&good, too_long, Value::Null),
        Err(Error::Path(_))
    ));
}
