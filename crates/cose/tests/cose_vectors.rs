//! Other people's COSE messages, through the general checker: the examples of cose-wg and scitt-cose.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;

use avouch_cbor::Value;
use avouch_cose::{Algorithm, Error, Sign, Sign1, VerifyingKey, foreign};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, root_from_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

/// What each example comes to: verified, or why not. Whoever adds an example decides it here.
const EXPECTED: [(&str, &str); 21] = [
    ("ecdsa-examples/ecdsa-01", "verified"),
    ("ecdsa-examples/ecdsa-02", "key: P-384"),
    ("ecdsa-examples/ecdsa-03", "key: P-521"),
    ("ecdsa-examples/ecdsa-04", "message: ES512"),
    ("ecdsa-examples/ecdsa-sig-01", "verified"),
    ("ecdsa-examples/ecdsa-sig-02", "key: P-384"),
    ("ecdsa-examples/ecdsa-sig-03", "key: P-521"),
    ("ecdsa-examples/ecdsa-sig-04", "message: ES512"),
    ("eddsa-examples/eddsa-01", "verified"),
    ("eddsa-examples/eddsa-02", "key: Ed448"),
    ("eddsa-examples/eddsa-sig-01", "verified"),
    ("eddsa-examples/eddsa-sig-02", "key: Ed448"),
    ("sign1-tests/sign-fail-01", "malformed"),
    ("sign1-tests/sign-fail-02", "bad signature"),
    ("sign1-tests/sign-fail-03", "message: COSE algorithm -999"),
    (
        "sign1-tests/sign-fail-04",
        "message: COSE algorithm \"unknown\"",
    ),
    ("sign1-tests/sign-fail-06", "bad signature"),
    ("sign1-tests/sign-fail-07", "bad signature"),
    ("sign1-tests/sign-pass-01", "verified"),
    ("sign1-tests/sign-pass-02", "verified"),
    ("sign1-tests/sign-pass-03", "verified"),
];

#[test]
fn the_cose_wg_examples_come_to_what_they_should() {
    let Some(folder) = common::shared("vectors/cose") else {
        return;
    };
    let mut found = BTreeMap::new();
    for group in ["ecdsa-examples", "eddsa-examples", "sign1-tests"] {
        for file in fs::read_dir(folder.join(group)).unwrap() {
            let path = file.unwrap().path();
            let example: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let name = format!("{group}/{}", path.file_stem().unwrap().to_str().unwrap());
            found.insert(name, outcome(&example));
        }
    }
    let expected: BTreeMap<_, _> = EXPECTED
        .map(|(name, outcome)| (name.to_owned(), outcome.to_owned()))
        .into();
    assert_eq!(found, expected);
}

/// Checks one example: its key, then its message, with the payload it says it holds.
fn outcome(example: &Json) -> String {
    let message = hex::decode(example["output"]["cbor"].as_str().unwrap()).unwrap();
    let input = &example["input"];
    let plaintext = input["plaintext"].as_str().unwrap().as_bytes();
    let single = input.get("sign0");
    let signer = single.unwrap_or(&input["sign"]["signers"][0]);
    let external = signer
        .get("external")
        .map_or_else(Vec::new, |aad| hex::decode(aad.as_str().unwrap()).unwrap());

    let key = match VerifyingKey::from_cose_key(&cose_key(&signer["key"])) {
        Ok(key) => key,
        Err(Error::Unsupported(name)) => {
            // A key of ours does not help: the message is refused by its algorithm's own name, or, where
            // EdDSA leaves the curve open, by its signature.
            let ours = common::key(Algorithm::Ed25519, 1).verifying_key();
            let refused = check(&message, single.is_some(), &ours, &external).unwrap_err();
            assert!(
                matches!(refused, Error::Unsupported(_) | Error::BadSignature),
                "{refused}"
            );
            return format!("key: {name}");
        }
        Err(error) => panic!("{error}"),
    };
    match check(&message, single.is_some(), &key, &external) {
        Ok(payload) => {
            assert_eq!(payload, plaintext);
            if !external.is_empty() {
                let without = check(&message, single.is_some(), &key, &[]);
                assert!(
                    matches!(without, Err(Error::BadSignature)),
                    "the external data is signed"
                );
            }
            "verified".into()
        }
        Err(Error::Unsupported(name)) => format!("message: {name}"),
        Err(Error::BadSignature) => "bad signature".into(),
        Err(Error::Cose { .. }) => "malformed".into(),
        Err(error) => panic!("{error}"),
    }
}

fn check(
    message: &[u8],
    single: bool,
    key: &VerifyingKey,
    external: &[u8],
) -> Result<Vec<u8>, Error> {
    if single {
        assert!(
            Sign::parse(message).is_err(),
            "a COSE_Sign1 is no COSE_Sign"
        );
        Sign1::parse(message)?.verify(key, external).map(Vec::from)
    } else {
        assert!(
            Sign1::parse(message).is_err(),
            "a COSE_Sign is no COSE_Sign1"
        );
        let message = Sign::parse(message)?;
        assert_eq!(message.signers().len(), 1);
        message.verify(0, key, external).map(Vec::from)
    }
}

/// The examples' keys are almost JWKs.
fn cose_key(jwk: &Json) -> Vec<u8> {
    let coordinate = |name: &str| {
        let bytes = match jwk.get(format!("{name}_hex")) {
            Some(hex) => hex::decode(hex.as_str().unwrap()).unwrap(),
            None => URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).unwrap(),
        };
        Some(Value::from(bytes))
    };
    let crv: i64 = match jwk["crv"].as_str().unwrap() {
        "P-256" => 1,
        "P-384" => 2,
        "P-521" => 3,
        "Ed25519" => 6,
        "Ed448" => 7,
        other => panic!("{other}"),
    };
    let kty: i64 = if jwk["kty"] == "EC" { 2 } else { 1 };
    let mut members = vec![(1_i64, Value::from(kty)), (-1, Value::from(crv))];
    members.extend(
        [(-2, "x"), (-3, "y")]
            .into_iter()
            .filter(|(_, name)| *name == "x" || kty == 2)
            .map(|(label, name)| (label, coordinate(name).unwrap())),
    );
    Value::Map(
        members
            .into_iter()
            .map(|(label, value)| (Value::from(label), value))
            .collect(),
    )
    .to_vec()
    .unwrap()
}

/// Statements and receipts by another implementation: none is deterministic, all go through here.
#[test]
fn scitt_cose_statements_and_receipts_come_to_what_they_should() {
    let Some(folder) = common::shared("vectors/scitt/test-vectors/v1") else {
        return;
    };
    let mut receipts = 0;
    for case in fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let Ok(expected) = fs::read_to_string(case.join("expected.json")) else {
            continue;
        };
        let expected: Json = serde_json::from_str(&expected).unwrap();
        let read = |name: &str| fs::read(case.join(name)).unwrap();
        let pem =
            |name: &str| VerifyingKey::from_pem(&fs::read_to_string(case.join(name)).unwrap());

        let statement = read("statement.cose");
        let verified = Sign1::parse(&statement).unwrap();
        match verified.verify(&pem("issuer-key.pub").unwrap(), &[]) {
            Ok(payload) => assert_eq!(payload, read("payload.bin")),
            Err(error) => assert!(matches!(error, Error::BadSignature), "{error}"),
        }
        let holds = verified
            .verify(&pem("issuer-key.pub").unwrap(), &[])
            .is_ok();
        assert_eq!(holds, expected["statement_signature_valid"], "{case:?}");

        let receipt = Sign1::parse(&read("receipt.cose")).unwrap();
        if receipt.headers().protected(395) != Some(&Value::Uint(1)) {
            continue;
        }
        // The leaf rule is ours too: the entry is SHA-256 of the statement's bytes.
        let entry: Digest = expected["leaf_entry"].as_str().unwrap().parse().unwrap();
        assert_eq!(avouch_merkle::sha256(&[&statement]), entry);
        let path: Vec<Digest> = expected["inclusion_path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| hash.as_str().unwrap().parse().unwrap())
            .collect();
        let (index, size) = (
            expected["leaf_index"].as_u64().unwrap(),
            expected["tree_size"].as_u64().unwrap(),
        );
        let root = root_from_inclusion(
            hash_leaf(entry.as_bytes()),
            LeafIndex(index),
            TreeSize(size),
            &path,
        )
        .unwrap();
        let holds = receipt
            .verify_detached(&pem("log-key.pub").unwrap(), &[], root.as_bytes())
            .is_ok();
        assert_eq!(holds, expected["receipt_valid"], "{case:?}");
        // The same in one call.
        let leaf = hash_leaf(entry.as_bytes());
        let log = pem("log-key.pub").unwrap();
        match foreign::verify_receipt(&read("receipt.cose"), leaf, &log) {
            Ok(shown) => {
                assert!(holds);
                assert_eq!((shown.size.0, shown.index.0), (size, index));
                assert_eq!(
                    shown.root.to_string(),
                    expected["reconstructed_root"].as_str().unwrap()
                );
            }
            Err(error) => assert!(!holds && matches!(error, Error::BadSignature), "{error}"),
        }
        receipts += 1;
    }
    assert_eq!(receipts, 4, "receipts over RFC9162_SHA256");
}
