//! A sealed run's stored nodes prove its events as the events themselves would.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ledger::{Ledger, Run};
use avouch_merkle::{Digest, LeafIndex, multi_proof};
use common::tamper::without_triggers;
use common::*;
use rusqlite::Connection;

fn leaves(ledger: &Ledger, run: &Run) -> Vec<Digest> {
    ledger
        .events(run)
        .map(|event| event.unwrap().leaf())
        .collect()
}

#[test]
fn every_proof_is_the_one_that_the_leaves_give() {
    let (_folder, path, ledger) = new_ledger();
    for (number, size) in (1..).zip([2, 255, 256, 257, 512, 1000, 1281]) {
        let run = closed_run(&ledger, number, "run", "agent", size);
        seal(&ledger, &[run]).unwrap();
        let run = ledger.run(run).unwrap();
        let leaves = leaves(&ledger, &run);
        let manifest = ledger.statement(run.index).unwrap().unwrap().manifest;
        assert_eq!(ledger.run_root(&run).unwrap(), manifest.root, "{size}");
        let all: Vec<u64> = (0..size).collect();
        let some: [&[u64]; 6] = [
            &[0],
            &[size - 1],
            &[size / 2],
            &[0, size - 1],
            &[size / 3, size / 3 + 1],
            &all,
        ];
        for seqs in some {
            let mut seqs: Vec<LeafIndex> = seqs.iter().copied().map(LeafIndex).collect();
            seqs.dedup();
            let expected = multi_proof(&leaves, &seqs).unwrap();
            assert_eq!(
                ledger.prove_events(&run, &seqs).unwrap(),
                expected,
                "{size}"
            );
        }
        let beyond = ledger.prove_events(&run, &[LeafIndex(size)]);
        assert!(beyond.is_err(), "{size}");
    }
    drop(ledger);
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    // 1 for each 256 events, and what they complete together.
    assert_eq!(report.counts.run_nodes, 1 + 1 + 3 + 4 + 8);
}

#[test]
fn a_stored_node_is_checked_and_never_changes() {
    let (_folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 600);
    seal(&ledger, &[run]).unwrap();
    closed_run(&ledger, 2, "other", "agent", 300);
    drop(ledger);
    let raw = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE run_nodes SET hash = hash",
        "DELETE FROM run_nodes",
        "INSERT INTO run_nodes VALUES (1, 8, 2, zeroblob(32))",
        "INSERT OR REPLACE INTO run_nodes VALUES (1, 8, 0, zeroblob(32))",
        "INSERT INTO run_nodes VALUES (2, 8, 1, zeroblob(32))",
    ] {
        let error = raw.execute_batch(sql).expect_err(sql).to_string();
        assert!(error.contains("run_nodes"), "{sql}: {error}");
    }
    for (change, place) in [
        (
            "UPDATE run_nodes SET hash = zeroblob(32) WHERE idx = 1",
            "level 8, index 1",
        ),
        ("DELETE FROM run_nodes WHERE level = 9", "level 9, index 0"),
        (
            "INSERT INTO run_nodes VALUES (1, 8, 2, zeroblob(32))",
            "level 8, index 2",
        ),
        // Of a run that is not sealed.
        (
            "INSERT INTO run_nodes VALUES (2, 8, 0, zeroblob(32))",
            "run 2 (other), level 8, index 0",
        ),
    ] {
        raw.execute_batch("SAVEPOINT before").unwrap();
        without_triggers(&raw, |raw| raw.execute_batch(change).unwrap());
        raw.execute_batch("RELEASE before").unwrap();
        let finding = fsck(&path).finding.expect(change).to_string();
        assert!(
            finding.contains("table run_nodes") && finding.contains(place),
            "{finding}"
        );
        without_triggers(&raw, |raw| {
            raw.execute_batch("DELETE FROM run_nodes").unwrap();
        });
        drop(Ledger::open(&path).unwrap());
        restore(&path);
    }
    assert_eq!(fsck(&path).finding, None);
}

/// Writes the nodes of the first run again, as sealing did.
fn restore(path: &std::path::Path) {
    let ledger = Ledger::open(path).unwrap();
    let run = ledger.resolve("run").unwrap();
    let leaves = leaves(&ledger, &run);
    let raw = Connection::open(path).unwrap();
    without_triggers(&raw, |raw| {
        let mut frontier = avouch_merkle::Frontier::new();
        for leaf in leaves {
            frontier.push_with(leaf, |node| {
                if node.level >= 8 {
                    raw.execute(
                        "INSERT INTO run_nodes VALUES (1, ?1, ?2, ?3)",
                        (node.level, node.index as i64, node.digest.0),
                    )
                    .unwrap();
                }
            });
        }
    });
}

#[test]
fn a_recovered_ledger_has_the_nodes_again() {
    let (folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 600);
    seal(&ledger, &[run]).unwrap();
    drop(ledger);
    let raw = Connection::open(&path).unwrap();
    without_triggers(&raw, |raw| {
        raw.execute_batch("DELETE FROM run_nodes").unwrap();
    });
    drop(raw);
    let new = folder.path().join("new.db");
    Ledger::open(&path)
        .unwrap()
        .recover(&new, None, &mut |_| ())
        .unwrap();
    let report = fsck(&new);
    assert_eq!((report.finding, report.counts.run_nodes), (None, 3));
}
