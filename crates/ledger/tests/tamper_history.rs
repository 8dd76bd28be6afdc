//! History rewritten to fit, a changed schema, a damaged file: found, and never built upon.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ledger::{Error, Ledger, Place, State};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{Event, RunId, journal_start};
use common::tamper::{SIZES, assert_found, event_id, event_place, finding, sample, tamper};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// Takes run `index`, drops its event `gone`, and makes all digests and sequence numbers fit again.
fn rewrite_without(raw: &Connection, index: i64, gone: u64) {
    let id = raw.query_row("SELECT run_id FROM runs WHERE idx = ?1", [index], |row| {
        row.get(0)
    });
    let mut digest = journal_start(&RunId(id.unwrap()));
    let delete = "DELETE FROM events WHERE id = ?1";
    raw.execute(delete, [event_id(index, gone)]).unwrap();
    for seq in 0..SIZES[index as usize - 1] - 1 {
        let from = seq + u64::from(seq >= gone);
        let event: Vec<u8> = raw
            .query_row(
                "SELECT event FROM events WHERE id = ?1",
                [event_id(index, from)],
                |row| row.get(0),
            )
            .unwrap();
        let event = Event::from_packed(&event).unwrap();
        let mut header = event.header().unwrap();
        header.seq = seq;
        header.parent = None;
        let event = Event::new(&header, event.body);
        digest = event.chain(&digest);
        raw.execute(
            "UPDATE events SET id = ?1, event = ?2, digest = ?3 WHERE id = ?4",
            params![
                event_id(index, seq),
                event.to_packed(),
                digest.0,
                event_id(index, from)
            ],
        )
        .unwrap();
    }
}

#[test]
fn history_that_was_rewritten_without_a_trace_is_found_once_it_is_sealed() {
    let sample = sample();
    let (_folder, finding) = tamper(sample.path(), |raw| rewrite_without(raw, 1, 1));
    assert_found(
        finding,
        "table events, run 1 (a1), event 3",
        "an event less",
    );
    // As many events, but others.
    let (_folder, finding) = tamper(sample.path(), |raw| {
        let last = event_id(4, 1);
        let (event, digest): (Vec<u8>, [u8; 32]) = raw
            .query_row(
                "SELECT event, (SELECT digest FROM events WHERE id = ?2) FROM events WHERE id = ?1",
                [last, last - 1],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        let event = Event::from_packed(&event).unwrap();
        let mut header = event.header().unwrap();
        header.cost = Some(12345);
        let event = Event::new(&header, event.body);
        let digest = event.chain(&Digest(digest));
        let sql = "UPDATE events SET event = ?1, digest = ?2 WHERE id = ?3";
        raw.execute(sql, params![event.to_packed(), digest.0, last])
            .unwrap();
    });
    assert_found(
        finding,
        "table runs, row 4: the run's events are not what statement 3 signs",
        "another cost",
    );
}

#[test]
fn a_changed_schema_is_found() {
    let sample = sample();
    for (sql, place) in [
        (
            "DROP TRIGGER events_no_update",
            "schema, trigger events_no_update: is missing",
        ),
        (
            "CREATE TABLE notes (a)",
            "schema, table notes: is not part of a ledger",
        ),
        (
            "DROP INDEX statements_by_agent",
            "schema, index statements_by_agent: is missing",
        ),
        (
            "DROP TRIGGER runs_no_delete; CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT 1; END",
            "schema, trigger runs_no_delete: differs from this version's",
        ),
        (
            "ALTER TABLE blobs ADD COLUMN more",
            "schema, table blobs: differs",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::copy(sample.path().join("ledger.db"), &path).unwrap();
        let raw = Connection::open(&path).unwrap();
        // STRICT tables want a type; the rest of the statement is what matters.
        raw.execute_batch(&sql.replace("COLUMN more", "COLUMN more TEXT"))
            .unwrap();
        drop(raw);
        assert_found(finding(&path), place, sql);
    }
}

#[test]
fn damage_to_the_file_is_never_taken_for_content() {
    let sample = sample();
    let good = std::fs::read(sample.path().join("ledger.db")).unwrap();
    let expected = dump(&sample.path().join("ledger.db")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let (mut found, mut refused, mut unused) = (0, 0, 0);
    // A stride that is prime to the page size reaches every part of a page.
    for at in (0..good.len()).step_by((good.len() / 500) | 1) {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        std::fs::write(&path, &bad).unwrap();
        match Ledger::open(&path).and_then(|ledger| ledger.fsck(&mut |_| ())) {
            Ok(report) if report.finding.is_none() => {
                assert_eq!(dump(&path).as_ref(), Ok(&expected), "byte {at}");
                unused += 1;
            }
            Ok(_) => found += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(
        found > 50,
        "{found} found, {refused} refused, {unused} unused"
    );
}

/// All rows of all tables, as text.
fn dump(path: &std::path::Path) -> rusqlite::Result<Vec<String>> {
    let raw = Connection::open(path)?;
    let mut out = Vec::new();
    for table in [
        "store",
        "runs",
        "events",
        "blobs",
        "statements",
        "nodes",
        "checkpoints",
    ] {
        let mut query = raw.prepare(&format!("SELECT * FROM {table}"))?;
        let width = query.column_count();
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let values: rusqlite::Result<Vec<Value>> = (0..width).map(|at| row.get(at)).collect();
            out.push(format!("{table} {:?}", values?));
        }
    }
    Ok(out)
}

#[test]
fn nothing_is_signed_on_top_of_what_was_tampered_with() {
    let sample = sample();
    for (sql, place) in [
        (
            "UPDATE events SET digest = randomblob(32) WHERE id = (5 << 32) + 1",
            event_place(5, 1),
        ),
        (
            "DELETE FROM nodes WHERE id = 6",
            "table nodes, level 2, index 0".into(),
        ),
        (
            "UPDATE nodes SET hash = randomblob(32) WHERE id = 6",
            "table checkpoints, size 4".into(),
        ),
        (
            "DELETE FROM checkpoints WHERE size = 4",
            "table checkpoints, size 3".into(),
        ),
        (
            "DELETE FROM statements WHERE log_index = 3",
            "table checkpoints, size 4".into(),
        ),
    ] {
        let (folder, _) = tamper(sample.path(), |raw| {
            assert_eq!(raw.execute(sql, []).unwrap(), 1)
        });
        let ledger = Ledger::open(folder.path().join("ledger.db")).unwrap();
        let run = ledger.resolve("long").unwrap().index;
        match common::seal(&ledger, &[run]) {
            Err(Error::Corrupt(finding)) => assert_found(Some(*finding), &place, sql),
            other => panic!("{sql}: {other:?}"),
        }
        assert!(!matches!(
            ledger.run(run).unwrap().state,
            State::Sealed { .. }
        ));
    }
}

#[test]
fn reading_what_was_tampered_with_is_an_error() {
    let sample = sample();
    let (folder, _) = tamper(sample.path(), |raw| {
        let sql = "UPDATE events SET fields = (SELECT fields FROM events WHERE id = (1 << 32) + 2) WHERE id = (1 << 32) + 1";
        raw.execute(sql, []).unwrap();
        raw.execute("DELETE FROM events WHERE id = (2 << 32) + 1", [])
            .unwrap();
        raw.execute("UPDATE blobs SET bytes = x'00'", []).unwrap();
    });
    let ledger = Ledger::open(folder.path().join("ledger.db")).unwrap();
    let corrupt = |error: Error| match error {
        Error::Corrupt(finding) => finding.place,
        other => panic!("{other}"),
    };
    let run = ledger.resolve("a1").unwrap();
    assert!(matches!(
        corrupt(ledger.event(&run, 1).unwrap_err()),
        Place::Event { seq: 1, .. }
    ));
    let results: Vec<_> = ledger.entries(&run).collect();
    assert!(
        matches!(results.as_slice(), [Err(_)]),
        "one page, one error, and an end"
    );
    let run = ledger.resolve("b1").unwrap();
    let mut events = ledger.events(&run);
    let error = events.find_map(Result::err).unwrap();
    assert!(matches!(corrupt(error), Place::Event { seq: 1, .. }));
    let digest = sha256(&[&vec![1; 5001]]);
    assert!(matches!(
        corrupt(ledger.blob(&digest).unwrap_err()),
        Place::Blob { index: 1, .. }
    ));
}
