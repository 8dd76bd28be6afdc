//! Erasing leaves a leaf hash and a signed statement, and nothing else: not in the rows, not in the file, not
//! beside it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use avouch_cbor::Value;
use avouch_ledger::{Erased, Error, FieldPlace, Ledger, Run, RunIndex, Sealer, Words};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{BlobRef, Kind, REDACTION_CONTENT_TYPE, Redaction};
use common::tamper::without_triggers;
use common::*;
use rusqlite::Connection;
use tempfile::TempDir;

const NONE: Vec<String> = Vec::new();
const SECRET: &str = "the passphrase is correct horse battery staple";
const WORDS: Words<'static> = Words {
    by: "dpo@acme.example",
    reason: "article 17",
};

fn long_secret() -> String {
    format!("{SECRET} {}", "x".repeat(6000))
}

/// A run whose event 1 holds the secret in a field and a longer one in a blob.
fn run_with_secrets(ledger: &Ledger, number: u64, name: &str) -> RunIndex {
    let mut batch = ledger.batch().unwrap();
    let run = batch.new_run(&info(number, name, "agent")).unwrap();
    let kinds = [Kind::RunStart, Kind::Note, Kind::Note, Kind::RunEnd];
    for (seq, kind) in (0..).zip(kinds) {
        let mut fields = vec![("seq", Value::from(seq))];
        if seq == 1 {
            let long = long_secret();
            let reference = BlobRef {
                size: long.len() as u64,
                media_type: "text/plain".into(),
                digest: batch.put_blob(long.as_bytes()).unwrap(),
            };
            fields.push(("secret", SECRET.into()));
            fields.push(("long", reference.to_value()));
        }
        let body = body_with(number << 32 | seq, &fields);
        batch.append(run, &header(seq, kind), &body).unwrap();
    }
    batch.commit().unwrap();
    run
}

fn place(ledger: &Ledger, run: &Run, seq: u64, name: &str) -> FieldPlace {
    let entry = ledger.event(run, seq).unwrap();
    let (index, _) = entry.body.get(name).unwrap();
    FieldPlace {
        seq,
        index: index as u64,
    }
}

fn erase(ledger: &Ledger, run: &Run, fields: &[FieldPlace]) -> Result<Erased, Error> {
    let (issuer_key, log_key) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1_800_000_000,
    };
    ledger.erase(run, fields, &WORDS, &sealer)
}

/// Where `needle` is found in the files of the folder.
fn found_in(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

fn sealed_with_secrets() -> (TempDir, std::path::PathBuf, Ledger, Run) {
    let (folder, path, ledger) = new_ledger();
    let run = run_with_secrets(&ledger, 1, "run");
    seal(&ledger, &[run]).unwrap();
    let run = ledger.run(run).unwrap();
    (folder, path, ledger, run)
}

#[test]
fn nothing_of_what_was_erased_is_in_any_file_and_everything_still_holds() {
    let (folder, path, ledger, run) = sealed_with_secrets();
    let before = ledger.event(&run, 1).unwrap();
    let salts: Vec<[u8; 16]> = ["secret", "long"]
        .map(|name| before.body.get(name).unwrap().1.salt().0)
        .to_vec();
    let blob = sha256(&[long_secret().as_bytes()]);
    // While the ledger is open, as another program would find it.
    assert!(!found_in(folder.path(), SECRET.as_bytes()).is_empty());
    let fields = ["secret", "long"].map(|name| place(&ledger, &run, 1, name));
    let erased = erase(&ledger, &run, &fields).unwrap();
    assert_eq!((erased.tombstones.len(), erased.blobs), (2, 1));
    assert!(erased.shared.is_empty() && !ledger.needs_scrub());
    for needle in [
        SECRET.as_bytes(),
        &salts[0],
        &salts[1],
        &blob.0,
        b"xxxxxxxx",
    ] {
        assert_eq!(found_in(folder.path(), needle), Vec::<String>::new());
    }
    let after = ledger.event(&run, 1).unwrap();
    assert_eq!(after.event, before.event);
    assert_eq!(after.body.root(), before.body.root());
    assert!(after.body.get("secret").is_none() && after.body.get("seq").is_some());
    assert_eq!((after.body.count(), after.body.erased().count()), (3, 2));
    // Who, when and why are public; what is not.
    let entry = ledger.statement_at(erased.log_index).unwrap().unwrap();
    assert_eq!(entry.statement.content_type(), REDACTION_CONTENT_TYPE);
    let redaction = Redaction::decode(entry.statement.payload()).unwrap();
    assert_eq!(
        (redaction.by.as_str(), redaction.reason.as_str()),
        (WORDS.by, WORDS.reason)
    );
    assert_eq!((redaction.run, redaction.count), (run.info.id, 2));
    assert_eq!(entry.statement.issued_at(), 1_800_000_000);
    let listed = ledger.redactions(&run).unwrap();
    assert_eq!(listed, vec![(entry, erased.tombstones)]);
    drop(ledger);
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    assert_eq!((report.counts.erased, report.counts.redactions), (2, 1));
    for needle in [SECRET.as_bytes(), &salts[0], &salts[1], &blob.0] {
        assert_eq!(found_in(folder.path(), needle), Vec::<String>::new());
    }
}

#[test]
fn a_run_can_be_sealed_after_something_of_it_was_erased() {
    let (_folder, path, ledger) = new_ledger();
    let index = run_with_secrets(&ledger, 1, "run");
    let run = ledger.run(index).unwrap();
    let field = place(&ledger, &run, 1, "secret");
    erase(&ledger, &run, &[field]).unwrap();
    seal(&ledger, &[index]).unwrap();
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_blob_that_another_run_holds_stays_and_is_named() {
    let (_folder, path, ledger, run) = sealed_with_secrets();
    run_with_secrets(&ledger, 2, "other");
    let field = place(&ledger, &run, 1, "long");
    let erased = erase(&ledger, &run, &[field]).unwrap();
    assert_eq!(erased.blobs, 0);
    let [shared] = &erased.shared[..] else {
        panic!("{erased:?}")
    };
    let named = (shared.run.as_str(), shared.seq, shared.field.as_str());
    assert_eq!(named, ("other", 1, "long"));
    assert!(ledger.blob(&shared.digest).unwrap().is_some());
    // With the last field that holds it, it goes.
    let other = run_named(&ledger, "other");
    let field = place(&ledger, &other, 1, "long");
    assert_eq!(erase(&ledger, &other, &[field]).unwrap().blobs, 1);
    assert_eq!(ledger.blob(&shared.digest).unwrap(), None);
    // What comes next is put where it always was.
    let mut batch = ledger.batch().unwrap();
    batch.put_blob(&[7; 5000]).unwrap();
    batch.commit().unwrap();
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn what_cannot_be_erased_is_refused_and_nothing_is_done() {
    let (_folder, path, ledger, run) = sealed_with_secrets();
    let secret = place(&ledger, &run, 1, "secret");
    let at = |seq, index| FieldPlace { seq, index };
    for bad in [at(1, 0), at(1, 9), at(9, 1), at(u64::MAX, 1)] {
        assert!(erase(&ledger, &run, &[secret, bad]).is_err(), "{bad:?}");
        assert!(!ledger.needs_scrub());
    }
    let nothing = erase(&ledger, &run, &[]);
    assert!(matches!(nothing, Err(Error::NothingToErase { .. })));
    let issuer = issuer_key();
    let sealer = Sealer {
        issuer_key: &issuer,
        log_key: &issuer,
        iat: 1,
    };
    let wrong_key = ledger.erase(&run, &[secret], &WORDS, &sealer);
    assert!(matches!(wrong_key, Err(Error::WrongKey { .. })));
    let words = Words {
        by: "",
        reason: "x",
    };
    let (issuer, log) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer,
        log_key: &log,
        iat: 1,
    };
    assert!(ledger.erase(&run, &[secret], &words, &sealer).is_err());
    assert!(ledger.event(&run, 1).unwrap().body.get("secret").is_some());
    assert_eq!(ledger.log_size().unwrap().0, 1);
    erase(&ledger, &run, &[secret]).unwrap();
    assert!(matches!(
        erase(&ledger, &run, &[secret]),
        Err(Error::NotErasable { .. })
    ));
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_redaction_enters_the_log_only_by_erasing() {
    let (_folder, _, ledger, run) = sealed_with_secrets();
    let field = place(&ledger, &run, 1, "secret");
    let erased = erase(&ledger, &run, &[field]).unwrap();
    let entry = ledger.statement_at(erased.log_index).unwrap().unwrap();
    let (_other, _, elsewhere) = new_ledger();
    let refused = elsewhere.enter(&entry.statement, &log_key());
    assert!(
        matches!(refused, Err(Error::RedactionStatement)),
        "{refused:?}"
    );
}

#[test]
fn through_sql_only_what_a_pending_tombstone_leaves_can_be_written() {
    let (_folder, path, ledger, run) = sealed_with_secrets();
    let field = place(&ledger, &run, 1, "secret");
    let other = place(&ledger, &run, 1, "long");
    erase(&ledger, &run, &[field]).unwrap();
    drop(ledger);
    let raw = Connection::open(&path).unwrap();
    let id = (1_i64 << 32) + 1;
    let refused = |sql: &str, words: &str| {
        let error = raw.execute_batch(sql).expect_err(sql).to_string();
        assert!(error.contains(words), "{sql}: {error}");
        let _ = raw.execute_batch("ROLLBACK");
    };
    // The statement is in the log: its tombstones permit nothing any more.
    for sql in [
        format!("UPDATE events SET fields = fields WHERE id = {id}"),
        "UPDATE events SET fields = x'80'".into(),
        "UPDATE events SET id = id + 100".into(),
    ] {
        refused(&sql, "events is append-only");
    }
    refused("UPDATE blobs SET bytes = x''", "blobs is append-only");
    for sql in [
        "UPDATE tombstones SET leaf = leaf",
        "DELETE FROM tombstones",
    ] {
        refused(sql, "tombstones is append-only");
    }
    // A tombstone comes only where the next statement goes.
    for log_index in [0, 1, 3] {
        refused(
            &format!(
                "INSERT INTO tombstones VALUES ({id}, {}, zeroblob(32), {log_index})",
                other.index
            ),
            "before their statement",
        );
        refused(
            &format!("INSERT INTO erased_blobs VALUES (1, zeroblob(32), {log_index})"),
            "before their statement",
        );
    }
    refused(
        &format!(
            "REPLACE INTO tombstones VALUES ({id}, {}, zeroblob(32), 2)",
            field.index
        ),
        "before their statement",
    );
    // With one, the fields must hold its leaf hash, and nothing else of the row may change.
    let pending = format!(
        "BEGIN; INSERT INTO tombstones VALUES ({id}, {}, randomblob(32), 2);",
        other.index
    );
    for change in [
        "fields = fields".to_owned(),
        "fields = x'80'".into(),
        "fields = CAST(fields || (SELECT group_concat(leaf, '') FROM tombstones) AS BLOB), event = zeroblob(112)"
            .into(),
        "fields = CAST(fields || (SELECT group_concat(leaf, '') FROM tombstones) AS BLOB), digest = zeroblob(32)"
            .into(),
    ] {
        refused(
            &format!("{pending} UPDATE events SET {change} WHERE id = {id}"),
            "events is append-only",
        );
    }
    // Of another event nothing may change at all.
    refused(
        &format!(
            "{pending} UPDATE events SET fields = x'80' WHERE id = {}",
            id + 1
        ),
        "events is append-only",
    );
    // A blob may only be emptied, under the digest that its tombstone gives.
    let pending = "BEGIN; INSERT INTO erased_blobs VALUES (1, zeroblob(32), 2);";
    for change in [
        "bytes = x'00', digest = zeroblob(32)",
        "bytes = x''",
        "bytes = x'', digest = zeroblob(32), id = 2",
    ] {
        refused(
            &format!("{pending} UPDATE blobs SET {change}"),
            "blobs is append-only",
        );
    }
    drop(raw);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn whatever_is_made_of_an_erasure_afterwards_is_found() {
    let (folder, path, ledger, run) = sealed_with_secrets();
    let fields = ["secret", "long"].map(|name| place(&ledger, &run, 1, name));
    erase(&ledger, &run, &fields).unwrap();
    drop(ledger);
    let id = (1_i64 << 32) + 1;
    for (change, expected) in [
        (
            "DELETE FROM tombstones WHERE field = (SELECT MIN(field) FROM tombstones)".to_owned(),
            "event 1",
        ),
        (
            "UPDATE tombstones SET leaf = zeroblob(32)".into(),
            "tombstones",
        ),
        ("UPDATE tombstones SET log_index = 0".into(), "tombstones"),
        (
            "UPDATE tombstones SET field = field + 100".into(),
            "tombstones",
        ),
        (
            format!("INSERT INTO tombstones VALUES ({id} + 1, 1, zeroblob(32), 1)"),
            "tombstones",
        ),
        (
            "UPDATE erased_blobs SET digest = zeroblob(32)".into(),
            "erased_blobs",
        ),
        ("UPDATE blobs SET bytes = x'00'".into(), "blobs"),
        ("DELETE FROM erased_blobs".into(), "blobs"),
        (
            "INSERT INTO erased_blobs VALUES (7, zeroblob(32), 1)".into(),
            "erased_blobs",
        ),
    ] {
        let copy = folder.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        let raw = Connection::open(&copy).unwrap();
        raw.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        without_triggers(&raw, |raw| raw.execute_batch(&change).unwrap());
        drop(raw);
        let finding = fsck(&copy).finding.expect(&change).to_string();
        assert!(finding.contains(expected), "{change}: {finding}");
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("copy.db{suffix}")));
        }
    }
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_field_that_was_taken_out_without_a_statement_is_found() {
    let (_folder, path, ledger, run) = sealed_with_secrets();
    let mut body = ledger.event(&run, 1).unwrap().body;
    let index = body.get("secret").unwrap().0 as u64;
    body.erase(index).unwrap();
    let mut fields = avouch_cbor::Encoder::new();
    fields.array(4);
    let leaves: Vec<(u64, Digest)> = body.erased().collect();
    for at in 0..4 {
        match body.indexed_fields().find(|(i, _)| *i == at) {
            Some((_, field)) => fields.bytes(field.bytes()),
            None => fields.array(1).bytes(&leaves[0].1.0),
        };
    }
    drop(ledger);
    let raw = Connection::open(&path).unwrap();
    without_triggers(&raw, |raw| {
        raw.execute(
            "UPDATE events SET fields = ?1 WHERE id = ?2",
            rusqlite::params![fields.as_slice(), (1_i64 << 32) + 1],
        )
        .unwrap();
    });
    drop(raw);
    let finding = fsck(&path).finding.unwrap().to_string();
    assert!(finding.contains("has no row in tombstones"), "{finding}");
}

#[test]
fn a_recovered_ledger_knows_what_was_erased() {
    let (folder, path, ledger, run) = sealed_with_secrets();
    let fields = ["secret", "long"].map(|name| place(&ledger, &run, 1, name));
    erase(&ledger, &run, &fields).unwrap();
    let new = folder.path().join("new.db");
    ledger.recover(&new, None, &mut |_| ()).unwrap();
    drop(ledger);
    let _ = path;
    let report = fsck(&new);
    assert_eq!(report.finding, None);
    assert_eq!((report.counts.erased, report.counts.redactions), (2, 1));
}

/// Tells the child which ledger to erase in.
const TASK: &str = "AVOUCH_ERASE_TEST_CHILD";

/// Not a test: what the child runs.
#[test]
#[ignore = "the other test runs it as a child process"]
fn child() {
    let path = std::env::var(TASK).expect("run by the other test only");
    let ledger = Ledger::open(path).unwrap();
    let run = run_named(&ledger, "run");
    let fields = ["secret", "long"].map(|name| place(&ledger, &run, 1, name));
    erase(&ledger, &run, &fields).unwrap();
}

#[test]
#[cfg(unix)]
fn a_kill_in_the_middle_leaves_nothing_done_or_what_can_be_finished() {
    let (folder, path, ledger, run) = sealed_with_secrets();
    // Something to build anew, so that it takes a while.
    closed_run(&ledger, 9, "filler", "agent", 3000);
    let salt = ledger
        .event(&run, 1)
        .unwrap()
        .body
        .get("secret")
        .unwrap()
        .1
        .salt();
    drop(ledger);
    let whole = fs::read(&path).unwrap();
    let (mut undone, mut unfinished) = (0, 0);
    for step in 0..24_u64 {
        let place = folder.path().join(format!("try-{step}"));
        fs::create_dir(&place).unwrap();
        let copy = place.join("ledger.db");
        fs::write(&copy, &whole).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored"])
            .env(TASK, &copy)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // From before the child has begun to when it has ended.
        if step < 12 {
            std::thread::sleep(std::time::Duration::from_millis(step * 4));
        } else {
            // Right after the transaction, while it scrubs: as soon as the mark is there, and a little later.
            let marker = place.join("ledger.db-erasing");
            let begun = std::time::Instant::now();
            while !marker.exists() && begun.elapsed().as_secs() < 20 {
                std::hint::spin_loop();
            }
            std::thread::sleep(std::time::Duration::from_micros((step - 12) * 1500));
        }
        let _ = child.kill();
        child.wait().unwrap();
        let ledger = Ledger::open(&copy).unwrap();
        if ledger.needs_scrub() {
            unfinished += 1;
            ledger.scrub().unwrap();
        }
        let run = run_named(&ledger, "run");
        let erased = ledger.event(&run, 1).unwrap().body.get("secret").is_none();
        assert_eq!(ledger.redactions(&run).unwrap().len(), usize::from(erased));
        drop(ledger);
        assert_eq!(fsck(&copy).finding, None, "step {step}");
        if erased {
            assert_eq!(found_in(&place, SECRET.as_bytes()), NONE, "step {step}");
            assert_eq!(found_in(&place, &salt.0), NONE, "step {step}");
        } else {
            undone += 1;
            let ledger = Ledger::open(&copy).unwrap();
            let fields = ["secret", "long"].map(|name| self::place(&ledger, &run, 1, name));
            erase(&ledger, &run, &fields).unwrap();
            drop(ledger);
            assert_eq!(found_in(&place, SECRET.as_bytes()), NONE, "step {step}");
        }
    }
    assert!(undone > 0, "no kill came early enough");
    assert!(unfinished > 0, "no kill came in the middle");
}
