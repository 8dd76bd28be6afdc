//! Statements that are about something other than a run share the log with those that are.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{Algorithm, SigningKey, Statement};
use avouch_ledger::Error;
use avouch_merkle::{LeafIndex, TreeSize};
use common::*;

const CONTENT_TYPE: &str = "application/vnd.example.other+cbor";

fn statement(key: &SigningKey, content_type: &str, payload: &[u8]) -> Statement {
    Statement::sign(key, "urn:other", "urn:about", 1, content_type, payload).unwrap()
}

#[test]
fn a_statement_of_another_kind_is_logged_under_a_checkpoint_of_its_own() {
    let (_folder, path, ledger) = new_ledger();
    let first = closed_run(&ledger, 1, "a", "agent", 3);
    seal(&ledger, &[first]).unwrap();
    let entered = statement(&issuer_key(), CONTENT_TYPE, b"\xa0");
    assert_eq!(ledger.enter(&entered, &log_key()).unwrap(), LeafIndex(1));
    let checkpoint = ledger.checkpoint().unwrap().unwrap().checkpoint;
    assert_eq!(checkpoint.size, TreeSize(2));
    let entry = ledger.statement_at(LeafIndex(1)).unwrap().unwrap();
    assert_eq!((entry.statement, entry.manifest), (entered, None));
    // The agent's chain goes on as if it were not there.
    let second = closed_run(&ledger, 2, "b", "agent", 3);
    seal(&ledger, &[second]).unwrap();
    let logged = ledger.statement(second).unwrap().unwrap();
    let before = ledger.statement(first).unwrap().unwrap();
    assert_eq!(
        logged.manifest.previous,
        Some(before.statement.statement_id())
    );
    assert!(ledger.receipt(LeafIndex(1), &log_key()).unwrap().is_some());
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn entering_twice_is_entering_once() {
    let (_folder, _, ledger) = new_ledger();
    let entered = statement(&issuer_key(), CONTENT_TYPE, b"\xa0");
    for _ in 0..2 {
        assert_eq!(ledger.enter(&entered, &log_key()).unwrap(), LeafIndex(0));
    }
    assert_eq!(ledger.log_size().unwrap(), TreeSize(1));
}

#[test]
fn another_keys_statement_is_logged_as_it_is() {
    let (_folder, path, ledger) = new_ledger();
    let other = SigningKey::generate(Algorithm::Ed25519, &[9; 32]).unwrap();
    ledger
        .enter(&statement(&other, CONTENT_TYPE, b"\xa0"), &log_key())
        .unwrap();
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_run_enters_only_by_sealing_and_only_the_logs_key_signs_the_log() {
    let (_folder, _, ledger) = new_ledger();
    let about_run = statement(&issuer_key(), avouch_trace::MANIFEST_CONTENT_TYPE, b"\xa0");
    let refused = ledger.enter(&about_run, &log_key());
    assert!(matches!(refused, Err(Error::RunStatement)), "{refused:?}");
    let other = statement(&issuer_key(), CONTENT_TYPE, b"\xa0");
    let refused = ledger.enter(&other, &issuer_key());
    assert!(
        matches!(refused, Err(Error::WrongKey { .. })),
        "{refused:?}"
    );
    assert_eq!(ledger.log_size().unwrap(), TreeSize(0));
}

#[test]
fn a_bad_signature_in_the_issuers_name_is_refused() {
    let (_folder, _, ledger) = new_ledger();
    let mut bytes = statement(&issuer_key(), CONTENT_TYPE, b"\xa0")
        .as_bytes()
        .to_vec();
    // The signature is what the stored form ends in; s keeps its range.
    let r = bytes.len() - 40;
    bytes[r] ^= 1;
    let forged = Statement::parse(&bytes).unwrap();
    let refused = ledger.enter(&forged, &log_key());
    assert!(matches!(refused, Err(Error::Cose(_))), "{refused:?}");
}
