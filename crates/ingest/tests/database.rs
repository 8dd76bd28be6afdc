//! Databases: what is read, from which moment, and that nothing is touched.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(feature = "sqlite")]

mod common;

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use avouch_ingest::{Error, Format, Options, Outcome, ingest, ingest_file};
use common::{Memory, Stored, file, raws, shared_path, text, try_file, try_with};
use proptest::prelude::*;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

const SCHEMA: &str = "CREATE TABLE kv_store (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
    CREATE TABLE audit_logs (id TEXT PRIMARY KEY NOT NULL);";

/// A database that is recognised, in a folder of its own.
fn database() -> (tempfile::TempDir, std::path::PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("PRAGMA synchronous = off").unwrap();
    db.execute_batch(SCHEMA).unwrap();
    (folder, path, db)
}

fn put(db: &Connection, key: &str) {
    db.execute("INSERT INTO kv_store VALUES (?1, '{}')", [key])
        .unwrap();
}

/// The rows of the one run, as text.
fn rows(run: &Stored) -> Vec<String> {
    raws(run)
        .into_iter()
        .map(|raw| String::from_utf8(raw.to_vec()).unwrap())
        .collect()
}

fn keys(run: &Stored) -> Vec<String> {
    let events = run.events.iter();
    events
        .filter_map(|event| text(event, "key"))
        .map(str::to_owned)
        .collect()
}

/// Names, bytes and times of all files in a folder.
fn listing(folder: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
                modified,
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_value_is_written_exactly() {
    let (_folder, path, db) = database();
    db.execute_batch(
        "CREATE TABLE v (i, r REAL, t TEXT, b BLOB);
         INSERT INTO v VALUES (9223372036854775807, 1, 'ü\u{1}\"', x'00ff');
         INSERT INTO v VALUES (-1, 1e-7, CAST(x'ff41' AS TEXT), NULL);
         INSERT INTO v VALUES (0.1, 9e999, '', x'');
         INSERT INTO v VALUES ('1', -9e999, NULL, 2.5);",
    )
    .unwrap();
    put(&db, "agent:tenant:t:a");
    let [run] = &file(&path)[..] else {
        panic!("one run")
    };
    assert_eq!(
        rows(run),
        [
            r#"{"table":"v","row":{"i":9223372036854775807,"r":1.0,"t":"ü\u0001\"","b":{"blob":"00ff"}}}"#,
            r#"{"table":"v","row":{"i":-1,"r":1e-7,"t":{"text":"ff41"},"b":null}}"#,
            r#"{"table":"v","row":{"i":0.1,"r":{"real":"inf"},"t":"","b":{"blob":""}}}"#,
            r#"{"table":"v","row":{"i":"1","r":{"real":"-inf"},"t":null,"b":2.5}}"#,
            r#"{"table":"kv_store","group":"t","row":{"key":"agent:tenant:t:a","value":"{}"}}"#,
        ]
    );
}

#[test]
fn tables_come_by_name_rows_as_they_were_inserted_and_no_index_or_view() {
    let (_folder, path, db) = database();
    db.execute_batch(
        "CREATE TABLE \"z \"\"odd\"\"\" (\"select\" INTEGER);
         INSERT INTO \"z \"\"odd\"\"\" VALUES (2), (1);
         CREATE TABLE keyed (a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
         INSERT INTO keyed VALUES ('x', 2), ('y', 1);
         CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT);
         INSERT INTO counted DEFAULT VALUES; INSERT INTO counted DEFAULT VALUES; DELETE FROM counted;
         CREATE VIEW seen AS SELECT * FROM keyed;
         CREATE VIRTUAL TABLE words USING fts5(word);
         INSERT INTO words VALUES ('hello');",
    )
    .unwrap();
    put(&db, "agent:tenant:t:a");
    let [run] = &file(&path)[..] else {
        panic!("one run")
    };
    assert_eq!(
        rows(run)[..5],
        [
            r#"{"table":"keyed","row":{"a":"y","b":1}}"#,
            r#"{"table":"keyed","row":{"a":"x","b":2}}"#,
            r#"{"table":"sqlite_sequence","row":{"name":"counted","seq":2}}"#,
            r#"{"table":"z \"odd\"","row":{"select":2}}"#,
            r#"{"table":"z \"odd\"","row":{"select":1}}"#,
        ]
    );
    assert_eq!(rows(run).len(), 6);
}

#[test]
fn the_same_rows_are_the_same_input() {
    let (_folder, path, db) = database();
    let mut store = Memory::default();
    for key in ["agent:tenant:t:b", "agent:tenant:t:a"] {
        put(&db, key);
    }
    let mut again = || ingest_file(&path, &Options::default(), &mut store).unwrap();
    assert!(matches!(again()[..], [Outcome::Ingested { .. }]));
    let before = fs::read(&path).unwrap();
    db.execute_batch("PRAGMA journal_mode = wal; VACUUM; ANALYZE;")
        .unwrap();
    assert_eq!(again(), [Outcome::AlreadyKnown("t".to_owned())]);
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);")
        .unwrap();
    assert_eq!(again(), [Outcome::AlreadyKnown("t".to_owned())]);
    assert_ne!(before, fs::read(&path).unwrap(), "the file did change");
    put(&db, "agent:tenant:t:c");
    assert!(matches!(again()[..], [Outcome::Ingested { .. }]));
}

#[test]
fn a_write_ahead_log_is_read_and_nothing_is_changed_or_created() {
    for journal in ["wal", "delete", "truncate", "persist"] {
        let (folder, path, db) = database();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        db.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        put(&db, "agent:tenant:t:in_the_log");
        let before = listing(folder.path());
        assert_eq!(
            before.len(),
            match journal {
                "wal" => 3,
                "delete" => 1,
                _ => 2,
            },
            "{journal}"
        );
        let [run] = &file(&path)[..] else {
            panic!("one run")
        };
        assert_eq!(keys(run), ["agent:tenant:t:in_the_log"], "{journal}");
        assert!(
            before == listing(folder.path()),
            "{journal}: the source was touched"
        );
        // The same again without the files beside it, as after a copy of the file alone.
        let alone = tempfile::tempdir().unwrap();
        fs::copy(&path, alone.path().join("source.db")).unwrap();
        let before = listing(alone.path());
        let (_, result) = try_file(&alone.path().join("source.db"), &Options::default());
        assert_eq!(
            result.is_err(),
            journal == "wal",
            "all of it was in the log"
        );
        assert!(before == listing(alone.path()), "{journal}");
    }
}

#[test]
fn an_open_transaction_is_not_seen() {
    for journal in ["wal", "delete"] {
        let (folder, path, db) = database();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        put(&db, "agent:tenant:t:before");
        // So small a cache that pages of the open transaction go to the disk.
        db.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;")
            .unwrap();
        for number in 0..2000 {
            put(&db, &format!("agent:tenant:t:{number:0100}"));
        }
        let before = listing(folder.path());
        assert!(
            before
                .iter()
                .map(|(_, bytes, _)| bytes.len())
                .sum::<usize>()
                > 200_000,
            "{journal}: nothing spilled"
        );
        let [run] = &file(&path)[..] else {
            panic!("one run")
        };
        assert_eq!(keys(run), ["agent:tenant:t:before"], "{journal}");
        assert!(before == listing(folder.path()), "{journal}");
        db.execute_batch("COMMIT").unwrap();
        assert_eq!(keys(&file(&path)[0]).len(), 2001, "{journal}");
    }
}

/// Tells a thread to stop, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every transaction writes two rows, so an odd number of them is half a transaction.
#[test]
fn while_its_owner_writes_whole_transactions_are_seen() {
    for journal in ["wal", "delete"] {
        let (_folder, path, db) = database();
        db.pragma_update(None, "journal_mode", journal).unwrap();
        db.pragma_update(None, "wal_autocheckpoint", 20).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let stop = &stop;
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    db.execute_batch(&format!(
                        "BEGIN; INSERT INTO kv_store VALUES ('agent:tenant:t:{number:06}a', '{{}}');
                         INSERT INTO kv_store VALUES ('agent:tenant:t:{number:06}b', '{{}}'); COMMIT;"
                    ))
                    .unwrap();
                    number += 1;
                    std::thread::sleep(std::time::Duration::from_millis(15));
                }
            });
            let _stop = Stop(stop);
            let mut seen = 0;
            for _ in 0..10 {
                let (memory, result) = try_file(&path, &Options::default());
                match result {
                    Ok(_) => {
                        let keys = keys(&memory.runs[0]);
                        assert_eq!(keys.len() % 2, 0, "{journal}: half a transaction");
                        assert!(keys.len() >= seen);
                        seen = keys.len();
                    }
                    Err(Error::Changed { .. } | Error::Empty { .. }) => {}
                    Err(error) => panic!("{journal}: {error}"),
                }
            }
            assert!(seen > 0, "{journal}: never at rest");
        });
    }
}

#[test]
fn databases_that_cannot_be_read_are_refused() {
    let (_folder, path, db) = database();
    let unknown = path.with_file_name("unknown.db");
    Connection::open(&unknown)
        .unwrap()
        .execute_batch("CREATE TABLE a (b)")
        .unwrap();
    let message = |path: &Path, format| {
        let options = Options {
            format,
            ..Options::default()
        };
        let (memory, result) = try_file(path, &options);
        assert!(memory.runs.is_empty());
        result.unwrap_err().to_string()
    };
    assert!(
        message(&unknown, None)
            .contains("is an SQLite database; those that can be read: vex-sqlite")
    );
    assert!(message(&unknown, Some(Format::VexSqlite)).contains("it has no table kv_store"));
    assert!(message(&path, Some(Format::Codex)).contains("is an SQLite database"));
    assert!(message(&path, None).contains("holds no record"));
    db.execute_batch("DROP TABLE kv_store; CREATE TABLE kv_store (k)")
        .unwrap();
    assert!(message(&path, None).contains("cannot read this SQLite database: no such column: key"));
    let bytes = fs::read(&path).unwrap();
    let cut = path.with_file_name("cut.db");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(message(&cut, None).contains("malformed"));
    fs::write(&cut, "SQLite format 3\0").unwrap();
    assert!(message(&cut, None).contains("cannot read this SQLite database"));
    let (_, result) = try_with(
        b"{\"key\":1}",
        &Options {
            format: Some(Format::VexSqlite),
            ..Options::default()
        },
    );
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("is no SQLite database, as the format vex-sqlite")
    );
}

#[test]
fn bytes_of_a_database_make_the_same_run_as_its_file() {
    let (_folder, path, db) = database();
    put(&db, "agent:tenant:t:a");
    let mut store = Memory::default();
    ingest_file(&path, &Options::default(), &mut store).unwrap();
    let bytes = fs::read(&path).unwrap();
    let outcomes = ingest("stdin", Cursor::new(bytes), &Options::default(), &mut store).unwrap();
    assert_eq!(outcomes, [Outcome::AlreadyKnown("t".to_owned())]);
}

#[test]
fn the_seed_databases_are_left_as_they_are() {
    for name in ["vex-audit.db", "arw-journal.db", "harombe-audit.db"] {
        let Some(path) = shared_path(&format!("seed-systems/{name}")) else {
            return;
        };
        // In a folder that can be written to, nothing but the rights kept anything from happening.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(name);
        fs::write(&copy, fs::read(&path).unwrap()).unwrap();
        let before = listing(folder.path());
        let digest = Sha256::digest(fs::read(&path).unwrap());
        let (memory, result) = try_file(&copy, &Options::default());
        result.unwrap();
        assert!(!memory.runs.is_empty());
        file(&path);
        assert!(before == listing(folder.path()), "{name}");
        assert_eq!(Sha256::digest(fs::read(&path).unwrap()), digest, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_damaged_database_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (_folder, path, db) = database();
        for number in 0..50 {
            put(&db, &format!("agent:tenant:t:{number}"));
        }
        drop(db);
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fs::write(&path, bytes).unwrap();
        let _ = try_file(&path, &Options { skip_bad: true, ..Options::default() });
    }
}
