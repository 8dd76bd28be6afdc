//! A ledger with something of everything, and a way around its triggers.

use std::path::Path;

use avouch_ledger::{Error, Finding, Ledger};
use avouch_merkle::sha256;
use avouch_trace::{BlobRef, Kind};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{add_run, body_with, closed_run, header, info, input, new_ledger, seal};

/// Agents and sizes of the runs 1 to 6. The first four are sealed, in three steps; the fifth has two
/// blobs; the sixth is open.
pub const SIZES: [u64; 6] = [4, 3, 3, 2, 5, 2];

/// Such a ledger, closed, in a folder of its own.
pub fn sample() -> TempDir {
    let (folder, _, ledger) = new_ledger();
    let first = closed_run(&ledger, 1, "a1", "agent-a", SIZES[0]);
    let second = closed_run(&ledger, 2, "b1", "agent-b", SIZES[1]);
    seal(&ledger, &[first, second]).unwrap();
    let third = {
        let mut batch = ledger.batch().unwrap();
        let mut info = info(3, "a2", "agent-a");
        info.input = Some(input(3, 0));
        let run = add_run(&mut batch, &info, SIZES[2], true);
        batch.commit().unwrap();
        run
    };
    seal(&ledger, &[third]).unwrap();
    let fourth = closed_run(&ledger, 4, "a4", "agent-a", SIZES[3]);
    seal(&ledger, &[fourth]).unwrap();

    let mut batch = ledger.batch().unwrap();
    let run = batch.new_run(&info(5, "long", "agent-c")).unwrap();
    for seq in 0..SIZES[4] {
        let kinds = [
            Kind::RunStart,
            Kind::Note,
            Kind::Note,
            Kind::Note,
            Kind::RunEnd,
        ];
        let mut fields = vec![("seq", seq.into())];
        if let 1..=2 = seq {
            let bytes = vec![seq as u8; 5000 + seq as usize];
            let digest = batch.put_blob(&bytes).unwrap();
            assert_eq!(digest, sha256(&[&bytes]));
            let reference = BlobRef {
                size: bytes.len() as u64,
                media_type: "text/plain".into(),
                digest,
            };
            fields.push(("long", reference.to_value()));
        }
        let header = header(seq, kinds[seq as usize]);
        batch
            .append(run, &header, &body_with(seq, &fields))
            .unwrap();
    }
    add_run(&mut batch, &info(6, "open", "agent-c"), SIZES[5], false);
    batch.commit().unwrap();
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
    // The last connection to close empties the WAL into the file.
    drop(ledger);
    folder
}

/// Changes a copy of the sample behind its triggers' backs, which are in place again afterwards.
pub fn tamper(sample: &Path, change: impl FnOnce(&Connection)) -> (TempDir, Option<Finding>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    std::fs::copy(sample.join("ledger.db"), &path).unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch(
        "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;",
    )
    .unwrap();
    without_triggers(&raw, change);
    drop(raw);
    let finding = finding(&path);
    (folder, finding)
}

pub fn without_triggers(raw: &Connection, change: impl FnOnce(&Connection)) {
    let mut query = raw
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap();
    let triggers: Vec<(String, String)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (name, _) in &triggers {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    change(raw);
    for (_, sql) in &triggers {
        raw.execute_batch(sql).unwrap();
    }
}

/// What opening and `fsck` find.
pub fn finding(path: &Path) -> Option<Finding> {
    match Ledger::open(path) {
        Ok(ledger) => ledger.fsck(&mut |_| ()).unwrap().finding,
        Err(Error::Corrupt(finding)) => Some(*finding),
        Err(other) => panic!("{other}"),
    }
}

/// The key of an event's row.
pub fn event_id(run: i64, seq: u64) -> i64 {
    run << 32 | seq as i64
}

pub fn event_place(run: i64, seq: u64) -> String {
    let name = ["a1", "b1", "a2", "a4", "long", "open"][run as usize - 1];
    format!("table events, run {run} ({name}), event {seq}")
}

pub fn assert_found(finding: Option<Finding>, place: &str, what: &str) {
    match finding {
        Some(finding) if finding.to_string().starts_with(place) => {}
        other => panic!("{what}: expected {place}, found {other:?}"),
    }
}
