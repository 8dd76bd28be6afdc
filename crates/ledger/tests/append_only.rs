//! Through SQL, too, rows can only be added, and only where the next one goes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::tamper::{finding, sample};
use rusqlite::Connection;

/// Runs a statement on the sample as any SQLite program would, and returns SQLite's refusal.
fn refusal(raw: &Connection, sql: &str) -> String {
    let before = raw.total_changes();
    let error = raw.execute_batch(sql).expect_err(sql).to_string();
    assert_eq!(raw.total_changes(), before, "{sql}");
    error
}

const TABLES: [(&str, &str); 7] = [
    ("store", "issuer"),
    ("runs", "agent"),
    ("events", "fields"),
    ("blobs", "bytes"),
    ("statements", "stored"),
    ("nodes", "hash"),
    ("checkpoints", "note"),
];

#[test]
fn no_row_can_be_changed_or_deleted() {
    let sample = sample();
    let path = sample.path().join("ledger.db");
    let raw = Connection::open(&path).unwrap();
    // As lenient as a connection can be made.
    raw.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
        .unwrap();
    for (table, column) in TABLES {
        for sql in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("UPDATE OR IGNORE {table} SET {column} = {column}"),
            format!("UPDATE OR REPLACE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("DELETE FROM {table} WHERE rowid = 1 OR 1"),
        ] {
            let error = refusal(&raw, &sql);
            assert!(
                error.contains(&format!("{table} is append-only")),
                "{sql}: {error}"
            );
        }
    }
    drop(raw);
    assert_eq!(finding(&path), None);
}

#[test]
fn no_row_can_be_replaced_whichever_key_it_shares() {
    let sample = sample();
    let path = sample.path().join("ledger.db");
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
        .unwrap();
    // Replacing does not fire delete triggers unless asked to; it must not depend on that.
    for recursive in ["OFF", "ON"] {
        raw.execute_batch(&format!("PRAGMA recursive_triggers = {recursive}"))
            .unwrap();
        for (table, _) in TABLES {
            for verb in ["INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT", "REPLACE"] {
                let sql = format!("{verb} INTO {table} SELECT * FROM {table} LIMIT 1");
                let error = refusal(&raw, &sql);
                assert!(error.contains(table), "{sql}: {error}");
            }
        }
        // By each unique column but the key, at the place where the next row would go.
        for sql in [
            "REPLACE INTO runs SELECT 7, run_id, 'x', agent, mode, currency, format, integrity, parents, NULL, NULL, digest FROM runs WHERE idx = 1",
            "REPLACE INTO runs SELECT 7, randomblob(16), name, agent, mode, currency, format, integrity, parents, NULL, NULL, digest FROM runs WHERE idx = 1",
            "REPLACE INTO runs SELECT 7, randomblob(16), 'x', agent, mode, currency, format, integrity, parents, input, ordinal, digest FROM runs WHERE idx = 3",
            "REPLACE INTO blobs SELECT 3, digest, x'00' FROM blobs WHERE id = 1",
            "REPLACE INTO statements SELECT 4, statement_id, 5, agent, stored FROM statements WHERE log_index = 1",
            "REPLACE INTO statements SELECT 4, randomblob(32), run, agent, stored FROM statements WHERE log_index = 1",
            "REPLACE INTO checkpoints SELECT 4, size, note FROM checkpoints WHERE id = 3",
            "INSERT INTO events SELECT * FROM events WHERE id = 4294967296 ON CONFLICT DO UPDATE SET fields = x'80'",
            "INSERT INTO nodes VALUES (0, zeroblob(32)) ON CONFLICT DO UPDATE SET hash = zeroblob(32)",
        ] {
            refusal(&raw, sql);
        }
    }
    drop(raw);
    assert_eq!(finding(&path), None);
}

#[test]
fn no_row_can_be_added_but_the_next() {
    let sample = sample();
    let path = sample.path().join("ledger.db");
    let raw = Connection::open(&path).unwrap();
    let event =
        |id: &str| format!("INSERT INTO events VALUES ({id}, zeroblob(112), zeroblob(32), x'80')");
    for sql in [
        "INSERT INTO store SELECT 2, issuer, issuer_key, log_origin, log_key, digest FROM store".into(),
        "INSERT INTO runs SELECT 9, randomblob(16), 'x', agent, mode, currency, format, integrity, parents, NULL, NULL, digest FROM runs WHERE idx = 1".into(),
        "INSERT INTO runs SELECT NULL, randomblob(16), 'x', agent, mode, currency, format, integrity, parents, NULL, NULL, digest FROM runs WHERE idx = 1".into(),
        event("NULL"),
        event("-1"),
        event("0"),
        // After a run-end, with a gap in an open run, and in no run.
        event("(5 << 32) + 5"),
        event("(6 << 32) + 3"),
        event("(7 << 32)"),
        "INSERT INTO blobs VALUES (NULL, randomblob(32), x'00')".into(),
        "INSERT INTO blobs VALUES (4, randomblob(32), x'00')".into(),
        "INSERT INTO statements SELECT NULL, randomblob(32), 5, agent, stored FROM statements WHERE log_index = 1".into(),
        "INSERT INTO statements SELECT 5, randomblob(32), 5, agent, stored FROM statements WHERE log_index = 1".into(),
        "INSERT INTO statements SELECT 4, randomblob(32), 77, agent, stored FROM statements WHERE log_index = 1".into(),
        "INSERT INTO nodes VALUES (NULL, zeroblob(32))".into(),
        "INSERT INTO nodes VALUES (8, zeroblob(32))".into(),
        "INSERT INTO nodes VALUES (1 << 59 | 1, zeroblob(32))".into(),
        "INSERT INTO nodes VALUES (-1 << 59, zeroblob(32))".into(),
        "INSERT INTO checkpoints VALUES (4, 3, '')".into(),
        "INSERT INTO checkpoints VALUES (4, 5, '')".into(),
        "INSERT INTO checkpoints VALUES (NULL, 5, '')".into(),
    ] {
        refusal(&raw, &sql);
    }
    // The same statements pass where the next row goes: it is the place that is refused.
    raw.execute_batch(&event("(6 << 32) + 2")).unwrap();
    raw.execute_batch("INSERT INTO nodes VALUES (7, zeroblob(32))")
        .unwrap();
    raw.execute_batch("INSERT INTO blobs VALUES (3, randomblob(32), x'00')")
        .unwrap();
}
