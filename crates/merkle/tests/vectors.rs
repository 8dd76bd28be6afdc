//! Other people's vectors: transparency-dev's known good and bad proofs. They are not kept here; see
//! `shared_data` for where they are looked for.
//!
//! The two `subtree` folders are about Merkle Tree Certificates: an inclusion proof in the subtree
//! [start, end), and the proof that such a subtree is a part of a whole tree.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_merkle::{
    Digest, LeafIndex, Subtree, TreeSize, sha256, verify_consistency, verify_inclusion,
    verify_subtree_consistency, verify_subtree_inclusion,
};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use std::path::{Path, PathBuf};

type Refusal = Box<dyn std::error::Error>;

fn shared_data() -> Option<PathBuf> {
    let data = match std::env::var_os("AVOUCH_SHARED_DATA") {
        Some(data) => PathBuf::from(data),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let vectors = data.join("vectors/merkle/testdata");
    if vectors.is_dir() {
        return Some(vectors);
    }
    eprintln!("skipped: no Merkle vectors at {}", vectors.display());
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

/// Checks every vector in a folder; says nothing only if there are no vectors at all.
fn check(folder: &str, verify: impl Fn(&Value) -> Result<(), Refusal>) {
    let Some(vectors) = shared_data() else { return };
    let mut found = Vec::new();
    files(&vectors.join(folder), &mut found);
    let (mut good, mut bad) = (0, 0);
    for file in found {
        let vector: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let result = verify(&vector);
        if vector["wantErr"].as_bool().unwrap() {
            bad += 1;
            assert!(result.is_err(), "accepted: {}", file.display());
        } else {
            good += 1;
            assert!(
                result.is_ok(),
                "refused: {}: {}",
                file.display(),
                result.unwrap_err()
            );
        }
    }
    println!("{folder}: {good} good accepted, {bad} bad refused");
    assert!(
        good > 0 && bad > 0,
        "{folder}: {good} good and {bad} bad vectors"
    );
}

fn number(vector: &Value, key: &str) -> u64 {
    vector[key].as_u64().unwrap()
}

/// A hash in base64; one that has not 32 bytes is refused as the outermost parser would. A root may
/// also be a remark ("don't care 1"), which stands for any hash that equals only itself.
fn digest(value: &Value) -> Result<Digest, Refusal> {
    let bytes = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    match bytes.starts_with(b"don't care") {
        true => Ok(sha256(&[&bytes])),
        false => Ok(Digest::try_from(&bytes[..])?),
    }
}

fn proof(vector: &Value) -> Result<Vec<Digest>, Refusal> {
    let Value::Array(hashes) = &vector["proof"] else {
        return Ok(Vec::new());
    };
    hashes.iter().map(digest).collect()
}

fn subtree(vector: &Value) -> Result<Subtree, Refusal> {
    let (start, end) = (number(vector, "start"), number(vector, "end"));
    Ok(Subtree::new(LeafIndex(start), TreeSize(end))?)
}

#[test]
fn inclusion() {
    check("inclusion", |vector| {
        let index = LeafIndex(number(vector, "leafIdx"));
        let size = TreeSize(number(vector, "treeSize"));
        let (leaf, root) = (digest(&vector["leafHash"])?, digest(&vector["root"])?);
        Ok(verify_inclusion(leaf, index, size, &proof(vector)?, &root)?)
    });
}

#[test]
fn consistency() {
    check("consistency", |vector| {
        let (first, second) = (
            number(vector, "size1").into(),
            number(vector, "size2").into(),
        );
        let (first_root, second_root) = (digest(&vector["root1"])?, digest(&vector["root2"])?);
        Ok(verify_consistency(
            first,
            &first_root,
            second,
            &second_root,
            &proof(vector)?,
        )?)
    });
}

#[test]
fn subtree_inclusion() {
    check("subtreeinclusion", |vector| {
        let index = LeafIndex(number(vector, "leafIdx"));
        let (leaf, root) = (digest(&vector["leafHash"])?, digest(&vector["root"])?);
        Ok(verify_subtree_inclusion(
            leaf,
            index,
            subtree(vector)?,
            &proof(vector)?,
            &root,
        )?)
    });
}

#[test]
fn subtree_consistency() {
    check("subtreeconsistency", |vector| {
        let size = TreeSize(number(vector, "size"));
        let (subtree_root, root) = (digest(&vector["root1"])?, digest(&vector["root2"])?);
        let (subtree, proof) = (subtree(vector)?, proof(vector)?);
        Ok(verify_subtree_consistency(
            subtree,
            &subtree_root,
            size,
            &root,
            &proof,
        )?)
    });
}
