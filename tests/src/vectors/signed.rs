//! Manifests, statements, receipts and checkpoints.

use avouch_cbor::Value as Cbor;
use avouch_cose::{Algorithm, Checkpoint, NoteKey, Receipt, SigningKey, Statement};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, inclusion_proof, root};
use avouch_trace::{MANIFEST_CONTENT_TYPE, Manifest};
use serde_json::{Value, json};

use super::run::{ISSUER, Run, digests};

pub(super) const LOG_ORIGIN: &str = "vectors.invalid/log";
const ISSUED_AT: u64 = 1_767_300_000;

/// Keys that everybody knows: never use them for anything else.
pub(super) fn key(algorithm: Algorithm, number: u8) -> SigningKey {
    SigningKey::generate(algorithm, &[number; 32]).unwrap()
}

pub(super) fn issuer_key() -> SigningKey {
    key(Algorithm::Ed25519, 1)
}

pub(super) fn log_key() -> SigningKey {
    key(Algorithm::Ed25519, 2)
}

pub(super) fn sign(manifest: &Manifest, key: &SigningKey) -> Statement {
    let payload = manifest.encode();
    Statement::sign(
        key,
        ISSUER,
        &manifest.subject(),
        ISSUED_AT,
        MANIFEST_CONTENT_TYPE,
        &payload,
    )
    .unwrap()
}

pub(super) fn statement(manifest: &Manifest) -> Statement {
    sign(manifest, &issuer_key())
}

/// The log: the two runs' statements.
pub(super) fn leaves(runs: &[Run]) -> Vec<Digest> {
    runs.iter()
        .map(|run| hash_leaf(&statement(&run.manifest).entry().0))
        .collect()
}

pub(super) fn checkpoint(runs: &[Run]) -> String {
    let leaves = leaves(runs);
    let size = TreeSize(leaves.len() as u64);
    let root = root(leaves);
    let text = Checkpoint {
        origin: LOG_ORIGIN.into(),
        size,
        root,
        extensions: Vec::new(),
    };
    text.sign(&log_key()).unwrap().to_string()
}

pub(super) fn receipt(runs: &[Run], index: u64, key: &SigningKey) -> Receipt {
    let leaves = leaves(runs);
    let path = inclusion_proof(&leaves, LeafIndex(index)).unwrap();
    let size = TreeSize(leaves.len() as u64);
    Receipt::sign_inclusion(key, size, LeafIndex(index), &path, &root(leaves)).unwrap()
}

/// A CBOR map's members.
type Pairs = Vec<(Cbor, Cbor)>;

/// Manifests, and encodings that are none.
pub(super) fn manifests(runs: &[Run]) -> Value {
    let good = runs.iter().map(|run| {
        json!({ "run": run.manifest.run.to_string(), "manifest": hex::encode(run.manifest.encode()) })
    });
    let Cbor::Map(pairs) = Cbor::decode(&runs[1].manifest.encode()).unwrap() else {
        unreachable!()
    };
    let bad = |what: &str, change: &dyn Fn(&mut Pairs)| {
        let mut pairs = pairs.clone();
        change(&mut pairs);
        let bytes = Cbor::Map(pairs).to_vec().unwrap();
        let reason = Manifest::decode(&bytes).unwrap_err().to_string();
        json!({ "what": what, "manifest": hex::encode(bytes), "refused": reason })
    };
    let bad = [
        bad("version 2", &|pairs| pairs[0].1 = Cbor::Uint(2)),
        bad("no root", &|pairs| drop(pairs.remove(5))),
        bad("an unknown key", &|pairs| {
            pairs.push((Cbor::Uint(16), Cbor::Null))
        }),
        bad("mode 3", &|pairs| pairs[3].1 = Cbor::Uint(3)),
        bad("no event", &|pairs| pairs[4].1 = Cbor::Uint(0)),
        bad("an empty list of parents", &|pairs| {
            pairs.push((Cbor::Uint(13), Cbor::Array(Vec::new())))
        }),
    ];
    json!({ "good": good.collect::<Vec<_>>(), "bad": bad })
}

/// Statements under both algorithms, and forms that are refused.
pub(super) fn statements(runs: &[Run]) -> Value {
    let keys = [key(Algorithm::Ed25519, 1), key(Algorithm::P256, 1)];
    let good = runs.iter().flat_map(|run| keys.iter().map(move |key| (run, key))).map(|(run, key)| {
        let statement = sign(&run.manifest, key);
        json!({
            "private_key": *key.to_pem().unwrap(), "public_key": key.verifying_key().to_pem(),
            "key_id": key.id().to_string(), "statement": hex::encode(statement.as_bytes()),
            "statement_id": statement.statement_id().to_string(), "entry": statement.entry().to_string(),
            "log_leaf": hash_leaf(&statement.entry().0).to_string(),
        })
    });
    let bad = bad_statements(&runs[0].manifest).into_iter().map(|(what, bytes)| {
        let refused = Statement::parse(&bytes).and_then(|statement| {
            let key = key(statement.algorithm(), 1);
            statement.verify(&key.verifying_key())
        });
        json!({ "what": what, "statement": hex::encode(&bytes), "refused": refused.unwrap_err().to_string() })
    });
    json!({ "good": good.collect::<Vec<_>>(), "bad": bad.collect::<Vec<_>>() })
}

/// Encodings that are not the stored form of a statement, or are not signed by key 1.
pub(super) fn bad_statements(manifest: &Manifest) -> Vec<(&'static str, Vec<u8>)> {
    let good = statement(manifest).as_bytes().to_vec();
    let Cbor::Tag(18, parts) = Cbor::decode(&good).unwrap() else {
        unreachable!()
    };
    let Cbor::Array(parts) = *parts else {
        unreachable!()
    };
    let rebuilt = |tag: Option<u64>, at: usize, value: Cbor| {
        let mut parts = parts.clone();
        parts[at] = value;
        let array = Cbor::Array(parts);
        tag.map_or(array.clone(), |tag| Cbor::Tag(tag, Box::new(array)))
            .to_vec()
            .unwrap()
    };
    let Cbor::Bytes(signature) = &parts[3] else {
        unreachable!()
    };
    let mut flipped = signature.clone();
    flipped[5] ^= 1;
    let unprotected = Cbor::Map(vec![(Cbor::Uint(4), Cbor::Bytes(vec![1]))]);
    let mut long_head = good.clone();
    // 18 as a two-byte tag head: d8 12.
    long_head.splice(0..1, [0xd8, 0x12]);
    let mut trailing = good.clone();
    trailing.push(0);
    vec![
        (
            "a flipped bit in the signature",
            rebuilt(Some(18), 3, Cbor::Bytes(flipped)),
        ),
        (
            "a non-empty unprotected header",
            rebuilt(Some(18), 1, unprotected),
        ),
        ("a detached payload", rebuilt(Some(18), 2, Cbor::Null)),
        ("no tag", rebuilt(None, 3, parts[3].clone())),
        ("another tag", rebuilt(Some(98), 3, parts[3].clone())),
        ("a tag head that is not the shortest", long_head),
        ("a byte after the end", trailing),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("a high-s signature", high_s(manifest)),
        (
            "signed by another key",
            sign(manifest, &key(Algorithm::Ed25519, 9))
                .as_bytes()
                .to_vec(),
        ),
    ]
}

/// The P-256 statement with s replaced by n - s: a valid ECDSA signature, and a second form of one statement.
pub(super) fn high_s(manifest: &Manifest) -> Vec<u8> {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let mut bytes = sign(manifest, &key(Algorithm::P256, 1)).as_bytes().to_vec();
    let order = hex::decode(ORDER).unwrap();
    let at = bytes.len() - 32;
    let mut borrow = 0;
    for (s, n) in bytes[at..].iter_mut().zip(&order).rev() {
        let difference = i16::from(*n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = difference.rem_euclid(256) as u8;
    }
    bytes
}

/// Receipts for both statements, and the checkpoint beside which they count.
pub(super) fn receipts(runs: &[Run]) -> Value {
    let leaves = leaves(runs);
    let receipts = (0..runs.len() as u64).map(|index| {
        let path = inclusion_proof(&leaves, LeafIndex(index)).unwrap();
        json!({
            "index": index, "size": leaves.len(), "leaf": leaves[index as usize].to_string(),
            "path": digests(&path), "root": root(leaves.clone()).to_string(),
            "receipt": hex::encode(receipt(runs, index, &log_key()).as_bytes()),
        })
    });
    let note_key = NoteKey::new(LOG_ORIGIN, log_key().verifying_key()).unwrap();
    json!({
        "log_key": note_key.to_string(), "checkpoint": checkpoint(runs), "receipts": receipts.collect::<Vec<_>>(),
    })
}
