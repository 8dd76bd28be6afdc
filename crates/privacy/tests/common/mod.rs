//! A sealed run in a ledger, made from chosen fields.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::PathBuf;

use avouch_bundle::Bundle;
use avouch_cbor::Value;
use avouch_cose::{Algorithm, SigningKey};
use avouch_ledger::{Identity, Ledger, Run, RunIndex, RunInfo, Sealer};
use avouch_merkle::{Digest, sha256};
use avouch_privacy::{Selection, disclose};
use avouch_trace::{
    BlobRef, Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source,
};
use tempfile::TempDir;

pub fn issuer_key() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[1; 32]).unwrap()
}

pub fn log_key() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[2; 32]).unwrap()
}

pub fn new_ledger() -> (TempDir, PathBuf, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let identity = Identity {
        issuer: "https://issuer.example".into(),
        issuer_key: issuer_key().verifying_key(),
        log_origin: "log.example".into(),
        log_key: log_key().verifying_key(),
    };
    let ledger = Ledger::create(&path, &identity).unwrap();
    (folder, path, ledger)
}

pub fn salt(event: u64, field: u64, seed: u64) -> Salt {
    let numbers = [event, field, seed].map(u64::to_be_bytes).concat();
    Salt(sha256(&[b"salt", &numbers]).0[..16].try_into().unwrap())
}

/// The fields of one event, by name.
pub type Fields = Vec<(&'static str, Value)>;

/// A closed run whose events have these fields; long texts go to blobs, as recording puts them there.
pub fn add_run(ledger: &Ledger, name: &str, events: &[Fields], seed: u64) -> RunIndex {
    let mut batch = ledger.batch().unwrap();
    let run = batch
        .new_run(&RunInfo {
            id: RunId(sha256(&[name.as_bytes()]).0[..16].try_into().unwrap()),
            name: name.into(),
            agent: "agent".into(),
            mode: Mode::Execution,
            currency: "tokens".into(),
            source: Source {
                format: "avouch".into(),
                integrity: None,
            },
            parents: Vec::new(),
            input: None,
        })
        .unwrap();
    for (seq, fields) in (0..).zip(events) {
        let mut made = Vec::new();
        for (at, (name, value)) in (0..).zip(fields) {
            let value = match value {
                Value::Text(text) if text.len() > 4096 => BlobRef {
                    size: text.len() as u64,
                    media_type: "text/plain;charset=utf-8".into(),
                    digest: batch.put_blob(text.as_bytes()).unwrap(),
                }
                .to_value(),
                other => other.clone(),
            };
            made.push(Field::from_value(salt(seq, at, seed), name, &value).unwrap());
        }
        let body = Body::new(salt(seq, 99, seed), made).unwrap();
        let kind = match seq {
            0 => Kind::RunStart,
            _ if seq as usize == events.len() - 1 => Kind::RunEnd,
            _ => Kind::Note,
        };
        let header = Header {
            kind,
            decision: Decision::None,
            flags: Flags::NONE,
            round: 0,
            seq,
            time: 1_700_000_000_000,
            cost: None,
            budget: None,
            score: None,
            parent: None,
            actor: NameId::NONE,
            subject: NameId::NONE,
        };
        batch.append(run, &header, &body).unwrap();
    }
    batch.commit().unwrap();
    run
}

pub fn seal(ledger: &Ledger, run: RunIndex) -> Run {
    let (issuer_key, log_key) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1_700_000_000,
    };
    ledger.seal(&[run], &sealer, &mut |_| ()).unwrap();
    ledger.run(run).unwrap()
}

/// The evidence file of a sealed run, without the log's part.
pub fn bundle(ledger: &Ledger, run: &Run, selection: &str) -> Bundle {
    let selection: Selection = selection.parse().unwrap();
    Bundle {
        statement: ledger
            .statement(run.index)
            .unwrap()
            .unwrap()
            .statement
            .as_bytes()
            .to_vec(),
        disclosures: disclose(ledger, run, &selection).unwrap(),
        ..Bundle::default()
    }
}

pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

pub fn digests(bytes: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    bytes
        .windows(32)
        .map(|window| Digest(window.try_into().unwrap()))
}
