//! Other people's vectors: RFC 8949 appendix A, and the `deterministic` ones. They are not part
//! of this repository; without them these tests say so and pass.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf};

use avouch_cbor::{Value, validate};
use serde_json::Value as Json;

fn vectors() -> Option<PathBuf> {
    let data = match std::env::var_os("AVOUCH_SHARED_DATA") {
        Some(data) => PathBuf::from(data),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let folder = data.join("vectors/cbor");
    if !folder.is_dir() {
        eprintln!("skipped: no {}; set AVOUCH_SHARED_DATA", folder.display());
        return None;
    }
    Some(folder)
}

fn assert_accepted(bytes: &[u8], context: &str) {
    let value =
        Value::decode(bytes).unwrap_or_else(|e| panic!("{context} {}: {e}", hex::encode(bytes)));
    assert_eq!(value.to_vec().unwrap(), bytes, "{context}");
}

fn assert_refused(bytes: &[u8], context: &str) {
    assert!(
        validate(bytes).is_err(),
        "{context} {} was accepted",
        hex::encode(bytes)
    );
}

#[test]
fn appendix_a_round_trips_where_it_is_deterministic_and_is_refused_elsewhere() {
    let Some(folder) = vectors() else { return };
    let file = fs::read(folder.join("appendix_a.json")).unwrap();
    let examples: Vec<Json> = serde_json::from_slice(&file).unwrap();
    assert_eq!(examples.len(), 82);
    let mut accepted = 0;
    for example in &examples {
        let text = example["hex"].as_str().unwrap();
        let bytes = hex::decode(text).unwrap();
        // The file follows RFC 7049; RFC 8949 section 3.3 has since made simple(24) malformed.
        if example["roundtrip"] == true && text != "f818" {
            assert_accepted(&bytes, "appendix A");
            accepted += 1;
            if let Some(expected) = example.get("decoded") {
                let value = Value::decode(&bytes).unwrap();
                // Through text, as the expected floats came: this parser is not exact.
                let ours: Json = serde_json::from_str(&to_json(&value).to_string()).unwrap();
                assert_eq!(ours, *expected, "{text}");
            }
        } else {
            assert_refused(&bytes, "appendix A");
        }
    }
    assert_eq!(accepted, 64);
}

/// The value as the file's `decoded` has it.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Uint(n) => (*n).into(),
        Value::Nint(n) => match i64::try_from(-1 - i128::from(*n)) {
            Ok(n) => n.into(),
            Err(_) => (-1.0 - *n as f64).into(),
        },
        Value::Text(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(pairs) => {
            let pair = |(key, value): &(Value, Value)| match key {
                Value::Text(key) => (key.clone(), to_json(value)),
                other => panic!("key {other:?} in a JSON object"),
            };
            Json::Object(pairs.iter().map(pair).collect())
        }
        Value::Bool(value) => (*value).into(),
        Value::Null => Json::Null,
        Value::Float(value) => (*value).into(),
        Value::Tag(tag @ (2 | 3), content) => {
            let Value::Bytes(bytes) = &**content else {
                panic!("not a bignum")
            };
            let magnitude = bytes
                .iter()
                .fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
            if *tag == 2 {
                magnitude.into()
            } else {
                (-1.0 - magnitude).into()
            }
        }
        other => panic!("{other:?} has no JSON form"),
    }
}

#[test]
fn of_the_deterministic_vectors_only_the_deterministic_serialization_is_accepted() {
    let Some(folder) = vectors() else { return };
    let (mut files, mut refused) = (0, 0);
    for entry in fs::read_dir(folder.join("deterministic")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let deterministic = serializations(&text, "deterministic-serialization");
        let general = serializations(&text, "general-serializations");
        assert!(!general.is_empty(), "{name}");
        assert!(
            deterministic.len() == 1 || name == "float_nan_payload.edn",
            "{name}"
        );
        for bytes in &deterministic {
            assert_accepted(bytes, &name);
        }
        for bytes in general
            .iter()
            .filter(|bytes| !deterministic.contains(bytes))
        {
            assert_refused(bytes, &name);
            refused += 1;
        }
        files += 1;
    }
    assert_eq!((files, refused), (25, 65));
}

/// The `h'...'` strings in the list under `label`.
fn serializations(edn: &str, label: &str) -> Vec<Vec<u8>> {
    let start = edn.find(&format!("\"{label}\"")).unwrap();
    let list = edn[start..]
        .split_once('[')
        .unwrap()
        .1
        .split_once(']')
        .unwrap()
        .0;
    list.split("h'")
        .skip(1)
        .map(|item| hex::decode(item.split_once('\'').unwrap().0).unwrap())
        .collect()
}
