//! What the tests share: keys, runs and events made from small numbers, so that they repeat.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

pub mod tamper;

use std::path::{Path, PathBuf};

use avouch_cbor::Value;
use avouch_cose::{Algorithm, SigningKey};
use avouch_ledger::{
    Batch, Error, Identity, InputId, Ledger, Report, Run, RunIndex, RunInfo, Sealed, Sealer,
};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source};
use tempfile::TempDir;

pub fn issuer_key() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[1; 32]).unwrap()
}

pub fn log_key() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[2; 32]).unwrap()
}

pub fn identity() -> Identity {
    Identity {
        issuer: "https://issuer.example".into(),
        issuer_key: issuer_key().verifying_key(),
        log_origin: "log.example/avouch".into(),
        log_key: log_key().verifying_key(),
    }
}

/// A new ledger in a folder of its own.
pub fn new_ledger() -> (TempDir, PathBuf, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::create(&path, &identity()).unwrap();
    (folder, path, ledger)
}

pub fn info(number: u64, name: &str, agent: &str) -> RunInfo {
    let digest = sha256(&[b"run", &number.to_be_bytes()]);
    RunInfo {
        id: RunId(digest.0[..16].try_into().unwrap()),
        name: name.into(),
        agent: agent.into(),
        mode: Mode::Execution,
        currency: "tokens".into(),
        source: Source {
            format: "avouch".into(),
            integrity: None,
        },
        parents: Vec::new(),
        input: None,
    }
}

pub fn input(number: u64, ordinal: u32) -> InputId {
    InputId {
        digest: sha256(&[b"input", &number.to_be_bytes()]),
        ordinal,
    }
}

pub fn header(seq: u64, kind: Kind) -> Header {
    Header {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        round: 0,
        seq,
        time: 1_700_000_000_000 + seq,
        cost: Some(seq),
        budget: None,
        score: None,
        parent: seq.checked_sub(1).map(|parent| parent as u32),
        actor: NameId::of("agent:tester"),
        subject: NameId::NONE,
    }
}

pub fn salt(number: u64) -> Salt {
    Salt(
        sha256(&[b"salt", &number.to_be_bytes()]).0[..16]
            .try_into()
            .unwrap(),
    )
}

/// A body of two fields that depend on `number`.
pub fn body(number: u64) -> Body {
    body_with(
        number,
        &[
            ("text", format!("event {number}").into()),
            ("number", number.into()),
        ],
    )
}

pub fn body_with(number: u64, fields: &[(&str, Value)]) -> Body {
    let fields = fields
        .iter()
        .enumerate()
        .map(|(at, (name, value))| {
            Field::from_value(salt(number << 8 | at as u64), name, value).unwrap()
        })
        .collect();
    Body::new(salt(number << 8 | 0xff), fields).unwrap()
}

/// Adds a run of `size` events; the last is a run-end if it is to be `closed`.
pub fn add_run(batch: &mut Batch<'_>, info: &RunInfo, size: u64, closed: bool) -> RunIndex {
    let run = batch.new_run(info).unwrap();
    for seq in 0..size {
        let kind = match seq {
            0 => Kind::RunStart,
            _ if closed && seq == size - 1 => Kind::RunEnd,
            _ => Kind::Note,
        };
        batch.append(run, &header(seq, kind), &body(seq)).unwrap();
    }
    run
}

/// A closed run of its own batch.
pub fn closed_run(ledger: &Ledger, number: u64, name: &str, agent: &str, size: u64) -> RunIndex {
    let mut batch = ledger.batch().unwrap();
    let run = add_run(&mut batch, &info(number, name, agent), size, true);
    batch.commit().unwrap();
    run
}

pub fn seal(ledger: &Ledger, runs: &[RunIndex]) -> Result<Vec<Sealed>, Error> {
    let (issuer_key, log_key) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1_700_000_000,
    };
    ledger.seal(runs, &sealer, &mut |_| ())
}

pub fn fsck(path: &Path) -> Report {
    let ledger = Ledger::open(path).unwrap();
    ledger.fsck(&mut |_| ()).unwrap()
}

pub fn run_named(ledger: &Ledger, name: &str) -> Run {
    ledger.resolve(name).unwrap()
}

pub fn digest(byte: u8) -> Digest {
    Digest([byte; 32])
}
