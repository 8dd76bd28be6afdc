//! An encrypted ledger gives its values only to those it is encrypted to, and everything else to anyone.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use avouch_cbor::Value;
use avouch_ledger::{Error, FieldPlace, Keys, Ledger, RunIndex, RunKey, Sealer, Words};
use avouch_merkle::sha256;
use avouch_trace::{BlobRef, Kind};
use common::*;
use rusqlite::Connection;
use tempfile::TempDir;

const SECRET: &str = "the passphrase is correct horse battery staple";

/// Wraps a key by combining it with its recipient's name: enough to tell who can open what.
struct Toy {
    name: Option<&'static str>,
}

fn mask(recipient: &str) -> [u8; 32] {
    sha256(&[b"toy", recipient.as_bytes()]).0
}

fn xor(left: &[u8; 32], right: &[u8; 32]) -> Vec<u8> {
    left.iter()
        .zip(right)
        .map(|(left, right)| left ^ right)
        .collect()
}

impl Keys for Toy {
    fn new_key(&self, recipients: &[String]) -> Result<(RunKey, Vec<Vec<u8>>), String> {
        let mut bytes = [0; 32];
        let fresh = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        bytes.copy_from_slice(&sha256(&[fresh.path().to_string_lossy().as_bytes()]).0);
        let key = RunKey::new(bytes);
        let wrapped = recipients.iter().map(|name| self.wrap(&key, name));
        let wrapped = wrapped.collect::<Result<_, _>>()?;
        Ok((key, wrapped))
    }

    fn unwrap(&self, wrapped: &[u8]) -> Option<RunKey> {
        let (name, masked) = (self.name?, wrapped.strip_prefix(self.name?.as_bytes())?);
        let key = xor(masked.try_into().ok()?, &mask(name));
        Some(RunKey::new(key.try_into().ok()?))
    }

    fn wrap(&self, key: &RunKey, recipient: &str) -> Result<Vec<u8>, String> {
        Ok([recipient.as_bytes(), &xor(key.as_bytes(), &mask(recipient))].concat())
    }
}

fn open(path: &Path, name: Option<&'static str>) -> Ledger {
    let ledger = Ledger::open(path).unwrap();
    ledger.set_keys(Box::new(Toy { name }));
    ledger
}

fn add(ledger: &Ledger, number: u64, name: &str) -> RunIndex {
    let mut batch = ledger.batch().unwrap();
    let run = batch.new_run(&info(number, name, "agent")).unwrap();
    let long = format!("{SECRET} {}", "x".repeat(6000));
    let reference = BlobRef {
        size: long.len() as u64,
        media_type: "text/plain".into(),
        digest: batch.put_run_blob(run, long.as_bytes()).unwrap(),
    };
    for (seq, kind) in (0..).zip([Kind::RunStart, Kind::Note, Kind::RunEnd]) {
        let mut fields = vec![("seq", Value::from(seq))];
        if seq == 1 {
            fields.push(("secret", SECRET.into()));
            fields.push(("long", reference.to_value()));
        }
        let body = body_with(number << 8 | seq, &fields);
        batch.append(run, &header(seq, kind), &body).unwrap();
    }
    batch.commit().unwrap();
    run
}

/// An encrypted ledger with two sealed runs, recorded by who cannot read them.
fn sample() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let recipients = ["owner".to_owned()];
    let ledger = Ledger::create_encrypted(&path, &identity(), &recipients).unwrap();
    ledger.set_keys(Box::new(Toy { name: None }));
    let runs = [add(&ledger, 1, "one"), add(&ledger, 2, "two")];
    seal(&ledger, &runs).unwrap();
    (folder, path)
}

fn holding(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

#[test]
fn neither_values_nor_names_nor_salts_nor_blob_digests_are_in_the_file() {
    let (folder, path) = sample();
    let ledger = open(&path, Some("owner"));
    let run = run_named(&ledger, "one");
    let entry = ledger.event(&run, 1).unwrap();
    let (_, secret) = entry.body.get("secret").unwrap();
    assert_eq!(secret.value().unwrap().as_text(), Some(SECRET));
    let blob = entry.body.get("long").unwrap().1.blob().unwrap();
    let bytes = ledger.run_blob(run.index, &blob.digest).unwrap().unwrap();
    assert!(bytes.starts_with(SECRET.as_bytes()));
    for needle in [
        SECRET.as_bytes(),
        b"secret",
        &secret.salt().0,
        &blob.digest.0,
        b"xxxxxxxx",
    ] {
        assert!(!holding(folder.path(), needle));
    }
    // The same value in two runs does not show as the same.
    let raw = Connection::open(&path).unwrap();
    let distinct: i64 = raw
        .query_row("SELECT COUNT(DISTINCT digest) FROM blobs", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(distinct, 2);
    let other = run_named(&ledger, "two");
    let again = ledger.run_blob(other.index, &blob.digest).unwrap().unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn who_cannot_read_can_still_record_seal_and_check_all_but_the_values() {
    let (_folder, path) = sample();
    for name in [None, Some("stranger")] {
        let ledger = open(&path, name);
        let run = run_named(&ledger, "one");
        let locked = ledger.event(&run, 1);
        assert!(
            matches!(&locked, Err(Error::Locked { run }) if run == "one"),
            "{locked:?}"
        );
        assert_eq!(ledger.events(&run).count(), 3, "headers are in the clear");
        let report = ledger.fsck(&mut |_| ()).unwrap();
        assert_eq!((report.finding, report.counts.locked), (None, 6));
    }
    let ledger = open(&path, Some("owner"));
    let report = ledger.fsck(&mut |_| ()).unwrap();
    assert_eq!((report.finding, report.counts.locked), (None, 0));
    let without_keys = Ledger::open(&path).unwrap();
    let mut batch = without_keys.batch().unwrap();
    let refused = batch.new_run(&info(9, "nine", "agent"));
    assert!(matches!(refused, Err(Error::NoKeys)), "{refused:?}");
}

#[test]
fn a_reader_who_is_added_reads_that_run_and_no_other() {
    let (_folder, path) = sample();
    let ledger = open(&path, Some("owner"));
    let run = run_named(&ledger, "one");
    let before = fs::metadata(&path).unwrap().len();
    for _ in 0..2 {
        ledger.add_recipient(run.index, "auditor").unwrap();
    }
    assert_eq!(
        ledger.recipients_of(run.index).unwrap(),
        ["owner", "auditor"]
    );
    drop(ledger);
    assert!(
        fs::metadata(&path).unwrap().len() <= before + 8192,
        "only the key is wrapped again"
    );
    let ledger = open(&path, Some("auditor"));
    assert!(ledger.event(&run_named(&ledger, "one"), 1).is_ok());
    let other = ledger.event(&run_named(&ledger, "two"), 1);
    assert!(
        matches!(&other, Err(Error::Locked { run }) if run == "two"),
        "{other:?}"
    );
    // Nor can they let others read what they cannot read themselves.
    let refused = ledger.add_recipient(run_named(&ledger, "two").index, "friend");
    assert!(matches!(refused, Err(Error::Locked { .. })), "{refused:?}");
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
}

#[test]
fn a_recording_that_was_left_open_goes_on_only_with_a_key() {
    let (_folder, path) = sample();
    let ledger = open(&path, None);
    let mut batch = ledger.batch().unwrap();
    let run = add_run(&mut batch, &info(3, "open", "agent"), 2, false);
    batch.commit().unwrap();
    // The one who began it has its key.
    let mut batch = ledger.batch().unwrap();
    batch.append(run, &header(2, Kind::Note), &body(2)).unwrap();
    batch.commit().unwrap();
    let append = |ledger: &Ledger| {
        let mut batch = ledger.batch().unwrap();
        let done = batch.append(run, &header(3, Kind::RunEnd), &body(3));
        done.map(|_| batch.commit().unwrap())
    };
    let other = open(&path, None);
    assert!(matches!(append(&other), Err(Error::Locked { run }) if run == "open"));
    append(&open(&path, Some("owner"))).unwrap();
    assert_eq!(
        open(&path, Some("owner"))
            .fsck(&mut |_| ())
            .unwrap()
            .finding,
        None
    );
}

#[test]
fn a_batch_that_was_dropped_leaves_no_key_behind() {
    let (_folder, path) = sample();
    let ledger = open(&path, None);
    let mut batch = ledger.batch().unwrap();
    batch.new_run(&info(3, "dropped", "agent")).unwrap();
    drop(batch);
    let run = add(&open(&path, None), 4, "kept");
    // The same place, another key.
    let read = ledger.event(&ledger.run(run).unwrap(), 1);
    assert!(matches!(read, Err(Error::Locked { .. })), "{read:?}");
}

#[test]
fn ciphertext_that_was_changed_or_moved_is_found() {
    let (folder, path) = sample();
    for change in [
        "UPDATE events SET fields = (SELECT fields FROM events WHERE id = (1 << 32) + 2) WHERE id = (1 << 32) + 1",
        "UPDATE events SET fields = (SELECT fields FROM events WHERE id = (2 << 32) + 1) WHERE id = (1 << 32) + 1",
        "UPDATE events SET fields = x'8140' WHERE id = (1 << 32) + 1",
        "UPDATE blobs SET bytes = (SELECT bytes FROM blobs WHERE id = 2) WHERE id = 1",
        "UPDATE blobs SET bytes = zeroblob(100) WHERE id = 1",
        "UPDATE run_blobs SET run = 2 WHERE blob = 1",
        "DELETE FROM run_blobs WHERE blob = 1",
        "DELETE FROM run_keys WHERE run = 2",
        "UPDATE recipients SET recipient = 'thief'",
        "INSERT INTO recipients VALUES (2, 'thief')",
        "DELETE FROM recipients",
    ] {
        let copy = folder.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        let raw = Connection::open(&copy).unwrap();
        raw.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        common::tamper::without_triggers(&raw, |raw| raw.execute_batch(change).unwrap());
        drop(raw);
        let found = match Ledger::open(&copy) {
            Err(Error::Corrupt(finding)) => Some(*finding),
            Err(other) => panic!("{other}"),
            Ok(ledger) => {
                ledger.set_keys(Box::new(Toy {
                    name: Some("owner"),
                }));
                ledger.fsck(&mut |_| ()).unwrap().finding
            }
        };
        assert!(found.is_some(), "{change}");
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("copy.db{suffix}")));
        }
    }
}

#[test]
fn through_sql_readers_and_keys_are_only_added() {
    let (_folder, path) = sample();
    let raw = Connection::open(&path).unwrap();
    for (sql, table) in [
        ("INSERT INTO recipients VALUES (2, 'thief')", "recipients"),
        ("UPDATE recipients SET recipient = 'x'", "recipients"),
        ("DELETE FROM recipients", "recipients"),
        ("UPDATE run_keys SET wrapped = x''", "run_keys"),
        ("DELETE FROM run_keys", "run_keys"),
        (
            "REPLACE INTO run_keys VALUES (1, 1, 'owner', x'')",
            "run_keys",
        ),
        ("UPDATE run_blobs SET run = 2", "run_blobs"),
        ("DELETE FROM run_blobs", "run_blobs"),
        ("REPLACE INTO run_blobs VALUES (1, 2)", "run_blobs"),
    ] {
        let error = raw.execute_batch(sql).expect_err(sql).to_string();
        assert!(error.contains(table), "{sql}: {error}");
    }
}

#[test]
fn erasing_and_recovering_work_on_what_is_encrypted() {
    let (folder, path) = sample();
    let ledger = open(&path, Some("owner"));
    let run = run_named(&ledger, "one");
    let body = ledger.event(&run, 1).unwrap().body;
    let places = ["secret", "long"].map(|name| FieldPlace {
        seq: 1,
        index: body.get(name).unwrap().0 as u64,
    });
    let column: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT fields FROM events WHERE id = (1 << 32) + 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let (issuer_key, log_key) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1,
    };
    let words = Words {
        by: "dpo",
        reason: "asked for",
    };
    let stranger = open(&path, Some("stranger"));
    assert!(matches!(
        stranger.erase(&run, &places, &words, &sealer),
        Err(Error::Locked { .. })
    ));
    drop(stranger);
    let erased = ledger.erase(&run, &places, &words, &sealer).unwrap();
    assert_eq!((erased.tombstones.len(), erased.blobs), (2, 1));
    assert!(
        !holding(folder.path(), &column[8..40]),
        "not even the ciphertext is left"
    );
    let after = ledger.event(&run, 1).unwrap();
    assert!(after.body.get("secret").is_none() && after.body.get("seq").is_some());
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
    let new = folder.path().join("new.db");
    ledger.recover(&new, None, &mut |_| ()).unwrap();
    let recovered = open(&new, Some("owner"));
    let report = recovered.fsck(&mut |_| ()).unwrap();
    assert_eq!(
        (report.finding, report.counts.locked, report.counts.erased),
        (None, 0, 2)
    );
    assert!(recovered.event(&run_named(&recovered, "two"), 1).is_ok());
}

#[test]
fn a_ledger_in_the_clear_has_no_readers_to_add() {
    let (_folder, _, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 2);
    ledger.set_keys(Box::new(Toy { name: None }));
    assert!(!ledger.is_encrypted());
    let refused = ledger.add_recipient(run, "auditor");
    assert!(matches!(refused, Err(Error::NotEncrypted)), "{refused:?}");
    assert!(ledger.recipients_of(run).unwrap().is_empty());
}
