//! What is asked of outside services is kept before it is sent, once, and what they answer is checked.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_anchor::{Anchored, Receipt, State};
use avouch_ledger::{Error, Ledger};
use avouch_merkle::{LeafIndex, TreeSize};
use common::*;
use rusqlite::Connection;

const PROMISE: State = State::Pending;
const PROOF: State = State::Complete;

fn log_of(entries: u64) -> (tempfile::TempDir, std::path::PathBuf, Ledger) {
    let (folder, path, ledger) = new_ledger();
    for number in 0..entries {
        let run = closed_run(&ledger, number, &format!("run {number}"), "agent", 3);
        seal(&ledger, &[run]).unwrap();
    }
    (folder, path, ledger)
}

fn receipt(ledger: &Ledger, size: u64, kind: &str, state: State, proof: &[u8]) -> Receipt {
    let signed = ledger.checkpoint_at(TreeSize(size)).unwrap().unwrap();
    Receipt {
        kind: kind.into(),
        anchored: Anchored::parse(&signed.note).unwrap(),
        state,
        proof: proof.to_vec(),
    }
}

#[test]
fn a_request_is_made_once_and_stays_as_it_was_prepared() {
    let (_folder, path, ledger) = log_of(2);
    let first = ledger
        .request_anchor(TreeSize(2), "tsa", "rfc3161", b"one")
        .unwrap();
    let again = ledger
        .request_anchor(TreeSize(2), "tsa", "rfc3161", b"two")
        .unwrap();
    assert_eq!((&first, first.prepared.as_slice()), (&again, &b"one"[..]));
    // Another process sees the same.
    let other = Ledger::open(&path).unwrap();
    assert_eq!(
        other.anchor_requests().unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(other.anchor_request(1).unwrap(), Some(first.clone()));
    assert_eq!(other.anchor_request(2).unwrap(), None);
    assert_eq!(other.open_anchor_requests().unwrap(), [first]);
    let refused = ledger.request_anchor(TreeSize(9), "tsa", "rfc3161", b"");
    assert!(matches!(refused, Err(Error::NotOurs { size: 9 })));
}

#[test]
fn a_request_is_renewed_once_by_whoever_saw_its_last_form() {
    let (_folder, path, ledger) = log_of(1);
    let first = ledger
        .request_anchor(TreeSize(1), "chain", "evm", b"one")
        .unwrap();
    let second = ledger.renew_anchor_request(&first, b"two").unwrap();
    // Who saw the first form only comes too late, and is told what is sent now.
    assert_eq!(
        ledger.renew_anchor_request(&first, b"three").unwrap(),
        second
    );
    assert_eq!(
        (second.prepared.as_slice(), second.renewals),
        (&b"two"[..], 1)
    );
    let found = ledger.anchor_request_for(TreeSize(1), "chain").unwrap();
    assert_eq!(found, Some(second));
    let none = ledger.anchor_request_for(TreeSize(1), "other").unwrap();
    assert_eq!(none, None);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_receipt_is_kept_once_whoever_comes_first() {
    let (_folder, path, ledger) = log_of(1);
    let seen = ledger
        .request_anchor(TreeSize(1), "ots", "opentimestamps", b"")
        .unwrap();
    let promise = receipt(&ledger, 1, "opentimestamps", PROMISE, b"p");
    let proof = receipt(&ledger, 1, "opentimestamps", PROOF, b"q");
    assert!(ledger.add_anchor_receipt(&seen, &promise).unwrap());
    // Who read the request before that comes too late.
    assert!(!ledger.add_anchor_receipt(&seen, &promise).unwrap());
    let now = ledger.anchor_requests().unwrap().remove(0);
    assert!(now.receipt.as_ref().unwrap().pending);
    assert!(ledger.add_anchor_receipt(&now, &proof).unwrap());
    assert!(!ledger.add_anchor_receipt(&now, &proof).unwrap());
    let done = ledger.anchor_requests().unwrap().remove(0);
    assert_eq!(ledger.open_anchor_requests().unwrap(), []);
    assert_eq!(
        done.receipt.as_ref().unwrap().bytes,
        proof.encode().unwrap()
    );
    // After a complete receipt there is none.
    assert!(ledger.add_anchor_receipt(&done, &proof).is_err());
    let report = fsck(&path);
    assert_eq!((report.finding, report.counts.anchors), (None, 2));
}

#[test]
fn a_receipt_for_something_else_is_refused() {
    let (_folder, _path, ledger) = log_of(2);
    let request = ledger
        .request_anchor(TreeSize(2), "tsa", "rfc3161", b"")
        .unwrap();
    for other in [
        receipt(&ledger, 1, "rfc3161", PROOF, b""),
        receipt(&ledger, 2, "opentimestamps", PROOF, b""),
    ] {
        let refused = ledger.add_anchor_receipt(&request, &other);
        assert!(matches!(refused, Err(Error::AnotherAnchor { size: 2, .. })));
    }
}

#[test]
fn a_statement_is_shown_with_the_earliest_proof_of_each_service() {
    let (_folder, _path, ledger) = log_of(4);
    let add = |size: u64, backend: &str, state: State| {
        let request = ledger
            .request_anchor(TreeSize(size), backend, "kind", b"")
            .unwrap();
        let receipt = receipt(&ledger, size, "kind", state, backend.as_bytes());
        assert!(ledger.add_anchor_receipt(&request, &receipt).unwrap());
    };
    add(1, "a", PROOF);
    add(2, "a", PROMISE);
    add(3, "a", PROOF);
    add(4, "a", PROOF);
    add(4, "b", PROMISE);
    ledger
        .request_anchor(TreeSize(4), "c", "kind", b"")
        .unwrap();
    let sizes = |index: u64| -> Vec<u64> {
        let found = ledger.anchors_for(LeafIndex(index)).unwrap();
        found.into_iter().map(|(size, _)| size.0).collect()
    };
    assert_eq!(sizes(0), [1, 4]);
    assert_eq!(sizes(1), [3, 4]);
    assert_eq!(sizes(3), [4, 4]);
    assert_eq!(sizes(4), [0; 0]);
}

#[test]
fn rows_are_only_added_and_a_changed_one_is_found() {
    let (_folder, path, ledger) = log_of(1);
    let request = ledger
        .request_anchor(TreeSize(1), "tsa", "rfc3161", b"x")
        .unwrap();
    let proof = receipt(&ledger, 1, "rfc3161", PROOF, b"q");
    ledger.add_anchor_receipt(&request, &proof).unwrap();
    drop(ledger);
    let conn = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE anchor_requests SET prepared = x'00'",
        "DELETE FROM anchor_requests",
        "UPDATE anchor_receipts SET pending = 1",
        "DELETE FROM anchor_receipts",
        "INSERT INTO anchor_receipts SELECT 2, request, 0, receipt FROM anchor_receipts",
        "INSERT INTO anchor_requests SELECT 3, size, 'other', kind, prepared FROM anchor_requests",
    ] {
        assert!(conn.execute(sql, []).is_err(), "{sql}");
    }
    conn.execute_batch("DROP TRIGGER anchor_receipts_no_update")
        .unwrap();
    conn.execute("UPDATE anchor_receipts SET pending = 1", [])
        .unwrap();
    conn.execute_batch(
        "CREATE TRIGGER anchor_receipts_no_update BEFORE UPDATE ON anchor_receipts
BEGIN SELECT RAISE(ABORT, 'anchor_receipts is append-only'); END",
    )
    .unwrap();
    drop(conn);
    let found = fsck(&path).finding.unwrap().to_string();
    assert!(found.contains("anchor_receipts, row 1"), "{found}");
}

#[test]
fn recovering_keeps_what_was_asked_and_answered() {
    let (folder, _path, ledger) = log_of(2);
    let request = ledger
        .request_anchor(TreeSize(1), "tsa", "rfc3161", b"x")
        .unwrap();
    ledger
        .request_anchor(TreeSize(2), "tsa", "rfc3161", b"y")
        .unwrap();
    let proof = receipt(&ledger, 1, "rfc3161", PROOF, b"q");
    ledger.add_anchor_receipt(&request, &proof).unwrap();
    let before = ledger.anchor_requests().unwrap();
    let to = folder.path().join("recovered.db");
    ledger.recover(&to, None, &mut |_| {}).unwrap();
    assert_eq!(
        Ledger::open(&to).unwrap().anchor_requests().unwrap(),
        before
    );
    assert_eq!(fsck(&to).finding, None);
}
