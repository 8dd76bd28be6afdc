//! Other implementations (pycose and scitt-cose, in Python) accept what we sign and refuse what was changed.
//!
//! They run under the Python that AVOUCH_PYTHON names, which needs both packages. Without it the test
//! is skipped, unless AVOUCH_REQUIRE_TOOLS=1. pycose 1.1.0 needs cbor2 below 6, whose arrays it cannot read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};

use avouch_cose::{Receipt, Statement};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, inclusion_proof, root, sha256};
use common::{ALGORITHMS, key};
use serde_json::{Value as Json, json};

/// Reads one JSON object and prints another: what each of the two packages says of it.
const SCRIPT: &str = r#"
import json, sys
from pycose.headers import KID, ContentType
from pycose.keys import CoseKey
from pycose.messages import CoseMessage
import scitt_cose

given = json.load(sys.stdin)
statement, receipt = bytes.fromhex(given["statement"]), bytes.fromhex(given["receipt"])
key = CoseKey.decode(bytes.fromhex(given["cose_key"]))

message = CoseMessage.decode(statement)
message.key = key
detached = CoseMessage.decode(receipt)
detached.key = key
parsed = scitt_cose.parse_signed_statement(statement, public_key_pem=given["pem"])
shown = scitt_cose.verify_receipt(receipt, leaf_entry_hex=given["entry"], log_public_key_pem=given["pem"])
json.dump({
    "pycose": message.verify_signature(),
    "pycose_receipt": detached.verify_signature(detached_payload=bytes.fromhex(given["root"])),
    "payload": message.payload.hex(),
    "kid": message.phdr[KID].hex(),
    "content_type": message.phdr[ContentType],
    "scitt": parsed["signature_verified"],
    "issuer": parsed["issuer"],
    "subject": parsed["subject"],
    "scitt_receipt": shown.ok,
    "root": shown.root,
}, sys.stdout)
"#;

/// The Python to ask, or `None` with a message when there is none.
fn python() -> Option<String> {
    match std::env::var("AVOUCH_PYTHON") {
        Ok(python) if !python.is_empty() => Some(python),
        _ => {
            assert!(
                !common::tools_required(),
                "AVOUCH_REQUIRE_TOOLS=1, but AVOUCH_PYTHON names no Python with pycose and scitt-cose"
            );
            eprintln!("skipped: AVOUCH_PYTHON names no Python with pycose and scitt-cose");
            None
        }
    }
}

fn ask(python: &str, question: &Json) -> Json {
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(question.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pycose_and_scitt_cose_verify_our_statements_and_receipts() {
    let Some(python) = python() else { return };
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 31);
        let payload = b"a manifest";
        let statement = Statement::sign(
            &key,
            "urn:example:issuer",
            "urn:avouch:run:31",
            1_800_000_000,
            "text/plain",
            payload,
        )
        .unwrap();
        let mut leaves: Vec<Digest> = (0..8).map(|n| hash_leaf(&[n])).collect();
        leaves[5] = hash_leaf(statement.entry().as_bytes());
        let path = inclusion_proof(&leaves, LeafIndex(5)).unwrap();
        let root = root(leaves.iter().copied());
        let receipt =
            Receipt::sign_inclusion(&key, TreeSize(8), LeafIndex(5), &path, &root).unwrap();

        let question = |statement: &[u8], receipt: &[u8]| {
            json!({
                "statement": hex::encode(statement),
                "receipt": hex::encode(receipt),
                "cose_key": hex::encode(key.verifying_key().to_cose_key()),
                "pem": key.verifying_key().to_pem(),
                "entry": sha256(&[statement]).to_string(),
                "root": root.to_string(),
            })
        };
        let answer = ask(&python, &question(statement.as_bytes(), receipt.as_bytes()));
        assert_eq!(
            answer,
            json!({
                "pycose": true,
                "pycose_receipt": true,
                "payload": hex::encode(payload),
                "kid": key.id().to_string(),
                "content_type": "text/plain",
                "scitt": true,
                "issuer": "urn:example:issuer",
                "subject": "urn:avouch:run:31",
                "scitt_receipt": true,
                "root": root.to_string(),
            })
        );

        // The same script says no where it should: a payload and a signature changed by one bit.
        let mut changed = statement.as_bytes().to_vec();
        let at = changed
            .windows(payload.len())
            .position(|bytes| bytes == payload)
            .unwrap();
        changed[at] ^= 1;
        let mut forged = receipt.as_bytes().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let answer = ask(&python, &question(&changed, &forged));
        for verdict in ["pycose", "pycose_receipt", "scitt", "scitt_receipt"] {
            assert_eq!(answer[verdict], json!(false), "{verdict}");
        }
    }
}
