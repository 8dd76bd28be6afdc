//! A ledger is made once, and only a ledger is opened.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ledger::{Error, Identity, Ledger};
use common::*;

#[test]
fn an_existing_file_is_never_overwritten() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let before = std::fs::read(&path).unwrap();
    let error = Ledger::create(&path, &identity()).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _, ledger) = new_ledger();
    closed_run(&ledger, 1, "run", "agent", 2);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn an_identity_that_could_not_sign_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let p256 = avouch_cose::SigningKey::generate(avouch_cose::Algorithm::P256, &[3; 32]).unwrap();
    let bad = [
        Identity {
            issuer: String::new(),
            ..identity()
        },
        Identity {
            log_origin: "has spaces".into(),
            ..identity()
        },
        Identity {
            log_key: p256.verifying_key(),
            ..identity()
        },
    ];
    for identity in bad {
        let error = Ledger::create(&path, &identity).unwrap_err();
        assert!(matches!(error, Error::Identity { .. }));
        assert!(!path.exists());
    }
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    assert!(matches!(Ledger::open(&path), Err(Error::Io { .. })));
    assert!(!path.exists(), "opening must not create");
    let why = |path| match Ledger::open(path).unwrap_err() {
        Error::NotALedger { why, .. } => why,
        other => panic!("{other}"),
    };
    std::fs::write(&path, "").unwrap();
    assert!(why(&path).contains("interrupted"));
    std::fs::write(&path, "not a database at all, just some text".repeat(100)).unwrap();
    assert!(why(&path).contains("not an avouch ledger"));
    std::fs::remove_file(&path).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    assert!(why(&path).contains("interrupted"));
    raw.execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(why(&path).contains("not an avouch ledger"));
    drop(raw);

    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(why(&path).contains("version 99"));
}

#[test]
fn a_ledger_that_was_opened_for_reading_cannot_write() {
    let (_folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 2);
    let reader = Ledger::open_read_only(&path).unwrap();
    let refused = reader.batch().unwrap().new_run(&info(2, "other", "agent"));
    assert!(matches!(refused, Err(Error::Sqlite(_))));
    assert!(matches!(seal(&reader, &[run]), Err(Error::Sqlite(_))));
    assert_eq!(reader.runs().unwrap(), ledger.runs().unwrap());
    assert_eq!(reader.fsck(&mut |_| ()).unwrap().finding, None);
}

#[test]
fn opening_restores_the_write_ahead_log() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let mode = |sql| {
        let raw = rusqlite::Connection::open(&path).unwrap();
        raw.query_row(sql, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert_eq!(mode("PRAGMA journal_mode = DELETE"), "delete");
    Ledger::open(&path).unwrap();
    assert_eq!(mode("PRAGMA journal_mode"), "wal");
}
