//! Whichever row is changed behind the ledger's back, `fsck` finds and names it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ledger::node_row;
use common::tamper::{SIZES, assert_found, event_id, event_place, sample, tamper};
use rusqlite::Connection;
use rusqlite::types::Value;

/// A row by the condition that selects it, and where `fsck` must say that it is.
struct Row {
    table: &'static str,
    condition: String,
    place: String,
}

/// Every row of the sample.
fn all_rows() -> Vec<Row> {
    let row = |table, condition: String, place: String| Row {
        table,
        condition,
        place,
    };
    let mut rows = vec![row("store", "one = 1".into(), "table store".into())];
    for (run, size) in (1..).zip(SIZES) {
        rows.push(row(
            "runs",
            format!("idx = {run}"),
            format!("table runs, row {run}"),
        ));
        for seq in 0..size {
            let condition = format!("id = {}", event_id(run, seq));
            rows.push(row("events", condition, event_place(run, seq)));
        }
    }
    for blob in 1..=2 {
        rows.push(row(
            "blobs",
            format!("id = {blob}"),
            format!("table blobs, row {blob} ("),
        ));
    }
    for index in 0..4 {
        let place = format!("table statements, log index {index}");
        rows.push(row("statements", format!("log_index = {index}"), place));
    }
    for (level, index) in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0)] {
        let condition = format!("id = {}", node_row(level, index));
        let place = format!("table nodes, level {level}, index {index}");
        rows.push(row("nodes", condition, place));
    }
    for size in 2..=4 {
        let place = format!("table checkpoints, size {size}");
        rows.push(row("checkpoints", format!("size = {size}"), place));
    }
    rows
}

fn columns(raw: &Connection, table: &str) -> Vec<String> {
    let mut query = raw
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
        .unwrap();
    let names = query.query_map([], |row| row.get(0)).unwrap();
    names.map(Result::unwrap).collect()
}

/// Flips the lowest bit of one byte of a BLOB or TEXT column. False if there is no such byte.
fn flip(raw: &Connection, row: &Row, column: &str, at: usize) -> bool {
    let Row {
        table, condition, ..
    } = row;
    let sql = format!("SELECT {column} FROM {table} WHERE {condition}");
    let value: Value = raw.query_row(&sql, [], |row| row.get(0)).unwrap();
    let flipped = match value {
        Value::Blob(mut bytes) if at < bytes.len() => {
            bytes[at] ^= 1;
            Value::Blob(bytes)
        }
        // Only ASCII is flipped, so that it stays text.
        Value::Text(text)
            if at < text.len() && text.is_char_boundary(at) && text.as_bytes()[at] < 128 =>
        {
            let mut bytes = text.into_bytes();
            bytes[at] ^= 1;
            Value::Text(String::from_utf8(bytes).unwrap())
        }
        _ => return false,
    };
    let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {condition}");
    assert_eq!(raw.execute(&sql, [flipped]).unwrap(), 1);
    true
}

#[test]
fn a_flipped_bit_in_any_column_of_any_row_names_that_row() {
    let sample = sample();
    let raw = Connection::open(sample.path().join("ledger.db")).unwrap();
    let mut flips = 0;
    for row in all_rows() {
        for column in columns(&raw, row.table) {
            // Every byte of a row would take minutes; another test does that for an event.
            for at in [0, 1, 2, 17, 31, 60, 90, 111, 200] {
                let mut changed = false;
                let (_folder, finding) =
                    tamper(sample.path(), |raw| changed = flip(raw, &row, &column, at));
                let what = format!("{} where {}: {column}[{at}]", row.table, row.condition);
                if changed {
                    flips += 1;
                    assert_found(finding, &row.place, &what);
                } else {
                    assert_eq!(finding, None, "{what}");
                    break;
                }
            }
        }
    }
    assert!(flips > 400, "only {flips}");
}

#[test]
fn a_flipped_bit_in_any_byte_of_an_event_names_that_event() {
    let sample = sample();
    let row = Row {
        table: "events",
        condition: format!("id = {}", event_id(1, 2)),
        place: event_place(1, 2),
    };
    for column in ["event", "digest", "fields"] {
        for at in 0.. {
            let mut changed = false;
            let (_folder, finding) =
                tamper(sample.path(), |raw| changed = flip(raw, &row, column, at));
            if !changed {
                assert!(at >= 32);
                break;
            }
            assert_found(finding, &row.place, &format!("{column}[{at}]"));
        }
    }
}

#[test]
fn a_deleted_row_is_missed() {
    let sample = sample();
    for row in all_rows() {
        let place = match (row.table, row.condition.as_str()) {
            // What unsealed runs end with is bound by nothing yet.
            ("events", id) if id == format!("id = {}", event_id(5, 4)) => continue,
            ("events", id) if id == format!("id = {}", event_id(6, 1)) => continue,
            // A row that only its neighbours can miss.
            ("runs", "idx = 6") => "table events, run 6 (no such run), event 0".into(),
            ("blobs", "id = 1") => "table blobs, row 2".into(),
            ("blobs", "id = 2") => event_place(5, 2),
            ("checkpoints", "size = 2") => "table checkpoints, size 3".into(),
            ("checkpoints", "size = 3") => "table checkpoints, size 4".into(),
            _ => row.place.clone(),
        };
        let sql = format!("DELETE FROM {} WHERE {}", row.table, row.condition);
        let (_folder, finding) = tamper(sample.path(), |raw| {
            assert_eq!(raw.execute(&sql, []).unwrap(), 1);
        });
        assert_found(finding, &place, &sql);
    }
}

#[test]
fn swapped_rows_are_named() {
    let sample = sample();
    let (first, second) = (event_id(1, 1), event_id(1, 2));
    let cases: &[(&str, &str, [String; 2], &str, String)] = &[
        (
            "events",
            "event, digest, fields",
            [first, second].map(|id| format!("id = {id}")),
            "id",
            event_place(1, 1),
        ),
        (
            "events",
            "fields",
            [first, second].map(|id| format!("id = {id}")),
            "id",
            event_place(1, 1),
        ),
        (
            "events",
            "event",
            [event_id(2, 1), event_id(5, 1)].map(|id| format!("id = {id}")),
            "id",
            event_place(2, 1),
        ),
        (
            "blobs",
            "bytes",
            [1, 2].map(|id| format!("id = {id}")),
            "id",
            "table blobs, row 1".into(),
        ),
        (
            "nodes",
            "hash",
            [0, 1].map(|index| format!("id = {}", node_row(0, index))),
            "id",
            "table nodes, level 0, index 0".into(),
        ),
        (
            "checkpoints",
            "note",
            [2, 3].map(|size| format!("size = {size}")),
            "size",
            "table checkpoints, size 2".into(),
        ),
        (
            "runs",
            "agent",
            [1, 2].map(|idx| format!("idx = {idx}")),
            "idx",
            "table runs, row 1".into(),
        ),
    ];
    for (table, columns, [a, b], key, place) in cases {
        let (_folder, finding) = tamper(sample.path(), |raw| {
            raw.execute_batch(&format!(
                "CREATE TEMP TABLE copy AS SELECT * FROM {table} WHERE {a} OR {b};
                 UPDATE {table} SET ({columns}) = (SELECT {columns} FROM copy WHERE {b}) WHERE {a};
                 UPDATE {table} SET ({columns}) = (SELECT {columns} FROM copy WHERE {a}) WHERE {b};"
            ))
            .unwrap();
        });
        assert_found(finding, place, &format!("{table}.{columns} by {key}"));
    }
    // Whole rows with unique columns: by way of a free key.
    for (table, key, a, b, place) in [
        ("runs", "idx", 1, 2, "table runs, row 1"),
        // Two agents' first statements: each is fine in itself, but the log has them otherwise.
        (
            "statements",
            "log_index",
            0,
            1,
            "table statements, log index 0",
        ),
        // One agent's second and third.
        (
            "statements",
            "log_index",
            2,
            3,
            "table statements, log index 2",
        ),
        ("statements", "run", 1, 2, "table statements, log index 1"),
    ] {
        let (_folder, finding) = tamper(sample.path(), |raw| {
            raw.execute_batch(&format!(
                "UPDATE {table} SET {key} = 99 WHERE {key} = {a};
                 UPDATE {table} SET {key} = {a} WHERE {key} = {b};
                 UPDATE {table} SET {key} = {b} WHERE {key} = 99;"
            ))
            .unwrap();
        });
        assert_found(finding, place, &format!("{table}.{key}"));
    }
}

#[test]
fn an_appended_row_is_named() {
    let sample = sample();
    for (sql, place) in [
        // After a run-end, with whatever digest.
        (
            format!("INSERT INTO events SELECT {}, event, digest, fields FROM events WHERE id = {}", event_id(5, 5), event_id(5, 3)),
            event_place(5, 5),
        ),
        // At the end of an open run.
        (
            format!("INSERT INTO events SELECT {}, event, digest, fields FROM events WHERE id = {}", event_id(6, 2), event_id(5, 2)),
            event_place(6, 2),
        ),
        // In no run: before the first, and after the last.
        (
            format!("INSERT INTO events SELECT 5, event, digest, fields FROM events WHERE id = {}", event_id(1, 0)),
            "table events, run 0 (no such run), event 5".into(),
        ),
        (
            format!("INSERT INTO events SELECT {}, event, digest, fields FROM events WHERE id = {}", event_id(9, 0), event_id(1, 0)),
            "table events, run 9 (no such run), event 0".into(),
        ),
        (
            "INSERT INTO runs SELECT 7, randomblob(16), 'new', agent, mode, currency, format, integrity, parents, NULL, NULL, digest
             FROM runs WHERE idx = 6".into(),
            "table runs, row 7".into(),
        ),
        (
            "INSERT INTO blobs SELECT 3, randomblob(32), x'00'".into(),
            "table blobs, row 3".into(),
        ),
        (
            "INSERT INTO statements SELECT 4, randomblob(32), 5, agent, stored, 0 FROM statements WHERE log_index = 3".into(),
            "table statements, log index 4".into(),
        ),
        (
            "INSERT INTO nodes VALUES (7, randomblob(32))".into(),
            "table nodes, level 0, index 4".into(),
        ),
        (
            "INSERT INTO nodes VALUES (254, randomblob(32))".into(),
            "table nodes, level 7, index 0".into(),
        ),
        (
            "INSERT INTO checkpoints SELECT 4, 5, note FROM checkpoints WHERE id = 3".into(),
            "table checkpoints, size 5".into(),
        ),
        (
            "INSERT INTO checkpoints SELECT 0, 1, note FROM checkpoints WHERE id = 1".into(),
            "table checkpoints, size 1".into(),
        ),
        (
            "INSERT INTO store SELECT 2, issuer, issuer_key, log_origin, log_key, digest FROM store".into(),
            "table store".into(),
        ),
    ] {
        let (_folder, finding) = tamper(sample.path(), |raw| {
            assert_eq!(raw.execute(&sql, []).unwrap(), 1);
        });
        assert_found(finding, &place, &sql);
    }
}
