//! What witnesses signed is kept with the checkpoints, once, and checked.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{Algorithm, CosignerKey, Note, SigningKey};
use avouch_ledger::{Error, Ledger};
use avouch_merkle::{LeafIndex, TreeSize};
use common::*;
use rusqlite::Connection;

fn witness_key(number: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[number; 32]).unwrap()
}

fn witness(number: u8) -> CosignerKey {
    CosignerKey::new(&format!("w{number}"), witness_key(number).verifying_key()).unwrap()
}

/// The checkpoint of this size with a cosignature of each of these, at this time.
fn cosigned(ledger: &Ledger, size: u64, by: &[u8], time: u64) -> Note {
    let signed = ledger.checkpoint_at(TreeSize(size)).unwrap().unwrap();
    let mut note = Note::new(Note::parse(&signed.note).unwrap().text()).unwrap();
    note.sign(&identity().log_origin, &log_key()).unwrap();
    for number in by {
        note.cosign(&format!("w{number}"), &witness_key(*number), time)
            .unwrap();
    }
    note
}

/// A log of three statements with a checkpoint after each.
fn three() -> (tempfile::TempDir, std::path::PathBuf, Ledger) {
    let (folder, path, ledger) = new_ledger();
    for number in 0..3 {
        let run = closed_run(&ledger, number, &format!("run {number}"), "agent", 3);
        seal(&ledger, &[run]).unwrap();
    }
    (folder, path, ledger)
}

#[test]
fn a_checkpoint_comes_with_the_cosignatures_that_it_has() {
    let (_folder, path, ledger) = three();
    let known = [witness(1), witness(2)];
    let note = cosigned(&ledger, 2, &[1, 2, 3], 7);
    assert_eq!(ledger.add_cosignatures(&note, &known).unwrap(), 2);
    let stored = ledger.checkpoint_at(TreeSize(2)).unwrap().unwrap();
    let stored = Note::parse(&stored.note).unwrap();
    // A stranger's is not kept.
    assert_eq!(stored.signatures().len(), 3);
    assert_eq!(stored.quorum(&known, 2).unwrap().len(), 2);
    let last = ledger.checkpoint().unwrap().unwrap();
    assert_eq!(Note::parse(&last.note).unwrap().signatures().len(), 1);
    let report = fsck(&path);
    assert_eq!((report.finding, report.counts.cosignatures), (None, 2));
}

#[test]
fn the_first_cosignature_of_a_witness_stays() {
    let (_folder, _, ledger) = three();
    let known = [witness(1)];
    let first = cosigned(&ledger, 2, &[1], 7);
    assert_eq!(ledger.add_cosignatures(&first, &known).unwrap(), 1);
    let later = cosigned(&ledger, 2, &[1], 9);
    assert_eq!(ledger.add_cosignatures(&later, &known).unwrap(), 0);
    let stored = ledger.checkpoint_at(TreeSize(2)).unwrap().unwrap();
    let stored = Note::parse(&stored.note).unwrap();
    assert_eq!(stored.verify_cosignature(&known[0]).unwrap(), 7);
}

#[test]
fn a_statement_is_shown_under_the_earliest_of_the_best_witnessed_checkpoints() {
    let (_folder, _, ledger) = three();
    let size_for = |index| {
        let found = ledger.checkpoint_for(LeafIndex(index)).unwrap();
        found.map(|found| found.checkpoint.size.0)
    };
    assert_eq!(
        [0, 1, 2, 3].map(size_for),
        [Some(3), Some(3), Some(3), None]
    );
    let known = [witness(1), witness(2)];
    for (size, by) in [(1, &[1][..]), (2, &[1, 2]), (3, &[1, 2])] {
        let note = cosigned(&ledger, size, by, 7);
        ledger.add_cosignatures(&note, &known).unwrap();
    }
    assert_eq!([0, 1, 2].map(size_for), [Some(2), Some(2), Some(3)]);
    let checkpoint = ledger.checkpoint_for(LeafIndex(0)).unwrap().unwrap();
    let under = |index| {
        let index = LeafIndex(index);
        ledger
            .receipt_under(&checkpoint, index, &log_key())
            .unwrap()
    };
    assert_eq!(under(1).unwrap().size(), TreeSize(2));
    assert!(under(2).is_none());
}

#[test]
fn what_is_not_ours_or_not_good_is_refused() {
    let (_folder, path, ledger) = three();
    let known = [witness(1)];
    let (_other, _, stranger) = new_ledger();
    let run = closed_run(&stranger, 77, "another", "agent", 2);
    seal(&stranger, &[run]).unwrap();
    let note = cosigned(&stranger, 1, &[1], 7);
    let refused = ledger.add_cosignatures(&note, &known);
    assert!(
        matches!(refused, Err(Error::NotOurs { size: 1 })),
        "{refused:?}"
    );

    // Signed over another checkpoint: the line is well formed, the signature does not hold.
    let line = cosigned(&ledger, 1, &[1], 7)
        .signatures()
        .last()
        .unwrap()
        .clone();
    let mut bad = cosigned(&ledger, 2, &[], 7);
    bad.add(line).unwrap();
    let refused = ledger.add_cosignatures(&bad, &known);
    assert!(matches!(refused, Err(Error::Cose(_))), "{refused:?}");
    assert_eq!(fsck(&path).counts.cosignatures, 0);
}

#[test]
fn rows_are_only_added_and_fsck_names_a_bad_one() {
    let (_folder, path, ledger) = three();
    for size in [1, 2] {
        let note = cosigned(&ledger, size, &[1], 7);
        ledger.add_cosignatures(&note, &[witness(1)]).unwrap();
    }
    let raw = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE cosignatures SET line = line",
        "DELETE FROM cosignatures",
        "INSERT OR REPLACE INTO cosignatures SELECT * FROM cosignatures WHERE id = 1",
        "INSERT INTO cosignatures SELECT 9, 3, witness, line FROM cosignatures WHERE id = 1",
    ] {
        raw.execute_batch(sql).expect_err(sql);
    }
    // Past the triggers, as a flipped bit would.
    let tampers = [
        "UPDATE cosignatures SET size = 3 WHERE id = 2",
        "UPDATE cosignatures SET line = 'x' WHERE id = 2",
        "DELETE FROM cosignatures WHERE id = 1",
    ];
    for sql in tampers {
        let copy = path.with_extension("copy");
        raw.execute_batch(&format!("VACUUM INTO '{}'", copy.display()))
            .unwrap();
        let tampered = Connection::open(&copy).unwrap();
        let triggers: Vec<(String, String)> = tampered
            .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'cosignatures'")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (name, _) in &triggers {
            tampered
                .execute_batch(&format!("DROP TRIGGER {name}"))
                .unwrap();
        }
        tampered.execute_batch(sql).unwrap();
        for (_, trigger) in &triggers {
            tampered.execute_batch(trigger).unwrap();
        }
        drop(tampered);
        let finding = fsck(&copy).finding.expect(sql).to_string();
        assert!(
            finding.starts_with("table cosignatures, size "),
            "{sql}: {finding}"
        );
        std::fs::remove_file(&copy).unwrap();
    }
}
