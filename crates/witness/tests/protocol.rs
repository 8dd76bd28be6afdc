//! What a witness cosigns, what it refuses, and with which status.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::Note;
use avouch_merkle::{Digest, TreeSize};
use avouch_witness::Request;
use common::*;
use proptest::prelude::*;

#[test]
fn a_log_that_only_grows_is_cosigned_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(300);
    let mut witness = witness(9, folder.path(), &log);
    for (old, new) in [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 3),
        (3, 255),
        (255, 256),
        (256, 300),
    ] {
        let reply = witness.add_checkpoint(log.body(old, new).as_bytes(), NOW + new);
        assert_eq!((reply.status, reply.content_type), (200, "text/plain"));
        let note = log.checkpoint(new);
        assert_eq!(cosigned_at(&note, &reply.body, 9), NOW + new);
        let held = witness.state().held(ORIGIN).unwrap().unwrap();
        assert_eq!(held.size, TreeSize(new));
        assert_eq!(held.note, note.to_string());
    }
}

#[test]
fn each_refusal_has_the_specifications_status_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(20);
    let mut witness = witness(9, folder.path(), &log);
    assert_eq!(
        witness
            .add_checkpoint(log.body(0, 8).as_bytes(), NOW)
            .status,
        200
    );
    let stranger = Log {
        key: key(66),
        ..Log::new(20)
    };
    let unknown = Log {
        origin: "log.example/other".into(),
        ..Log::new(20)
    };
    let fork = Log::forked(20, 5, "other");
    let with_proof = |old: u64, new: u64, proof: Vec<Digest>| {
        let request = Request {
            old: TreeSize(old),
            proof,
            checkpoint: log.checkpoint(new),
        };
        request.to_string()
    };
    let short = |mut proof: Vec<Digest>| {
        proof.pop();
        proof
    };
    for (what, body, status) in [
        ("an unknown log", unknown.body(8, 12), 404),
        (
            "another key under the log's name",
            stranger.body(8, 12),
            403,
        ),
        (
            "an old size beyond the new",
            with_proof(12, 8, Vec::new()),
            400,
        ),
        ("an old size behind", log.body(4, 12), 409),
        ("an old size of nought", log.body(0, 12), 409),
        ("an old size ahead", log.body(10, 12), 409),
        ("a rollback", log.body(4, 6), 409),
        ("a fork at the same size", fork.body(8, 8), 409),
        ("a fork that goes on", fork.body(8, 12), 422),
        ("no proof", with_proof(8, 12, Vec::new()), 422),
        (
            "a cut proof",
            with_proof(8, 12, short(log.proof(8, 12))),
            422,
        ),
        ("another proof", with_proof(8, 12, log.proof(8, 13)), 422),
        (
            "a proof where none belongs",
            with_proof(8, 8, log.proof(4, 8)),
            422,
        ),
        ("no request", "hello".into(), 400),
        ("nothing", String::new(), 400),
        (
            "a size with a leading zero",
            log.body(8, 12).replacen("old 8", "old 08", 1),
            400,
        ),
        (
            "a negative size",
            log.body(8, 12).replacen("old 8", "old -8", 1),
            400,
        ),
        (
            "no old line",
            log.body(8, 12).replacen("old ", "ald ", 1),
            400,
        ),
        (
            "a hash that is none",
            log.body(8, 12).replacen("\n", "\n????\n", 1),
            400,
        ),
        (
            "a checkpoint without signature",
            "old 8\n\nlog\n1\n".into(),
            400,
        ),
    ] {
        let reply = witness.add_checkpoint(body.as_bytes(), NOW);
        assert_eq!(reply.status, status, "{what}: {}", reply.body);
        if status == 409 {
            assert_eq!(
                (reply.content_type, reply.body.as_str()),
                ("text/x.tlog.size", "8\n")
            );
        }
        let held = witness.state().held(ORIGIN).unwrap().unwrap();
        assert_eq!(held.note, log.checkpoint(8).to_string(), "{what}");
    }
    // After all that, it still goes on.
    assert_eq!(
        witness
            .add_checkpoint(log.body(8, 20).as_bytes(), NOW)
            .status,
        200
    );
}

#[test]
fn more_hashes_than_any_proof_has_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(3);
    let mut witness = witness(9, folder.path(), &log);
    let request = Request {
        old: TreeSize(0),
        proof: vec![Digest([1; 32]); 64],
        checkpoint: log.checkpoint(3),
    };
    let reply = witness.add_checkpoint(request.to_string().as_bytes(), NOW);
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "more than 63 hashes in the proof\n")
    );
    let first_with_proof = Request {
        proof: vec![Digest([1; 32])],
        ..request
    };
    let body = first_with_proof.to_string();
    assert_eq!(witness.add_checkpoint(body.as_bytes(), NOW).status, 422);
    assert_eq!(witness.state().held(ORIGIN).unwrap(), None);
}

#[test]
fn signatures_by_others_are_ignored_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(8);
    let mut witness = witness(9, folder.path(), &log);
    let mut note = log.checkpoint(5);
    note.cosign("someone.example", &key(44), 7).unwrap();
    note.sign("another.example", &key(45)).unwrap();
    let request = Request {
        checkpoint: note,
        ..log.request(0, 5)
    };
    let reply = witness.add_checkpoint(request.to_string().as_bytes(), NOW);
    assert_eq!(reply.status, 200);
    let held = witness.state().held(ORIGIN).unwrap().unwrap();
    assert_eq!(held.note, log.checkpoint(5).to_string());
}

#[test]
fn a_second_root_for_one_size_is_kept_as_evidence_with_both_notes() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(8);
    let mut witness = witness(9, folder.path(), &log);
    witness.add_checkpoint(log.body(0, 8).as_bytes(), NOW);
    assert_eq!(witness.state().fork(ORIGIN).unwrap(), None);
    let fork = Log::forked(8, 3, "other");
    let reply = witness.add_checkpoint(fork.body(8, 8).as_bytes(), NOW);
    assert_eq!(reply.status, 409);
    assert!(reply.remark.contains("forked"), "{}", reply.remark);
    let (held, other) = witness.state().fork(ORIGIN).unwrap().unwrap();
    // Both bear the log's own signature: that is the proof.
    for note in [&held, &other] {
        Note::parse(note).unwrap().verify(&log.note_key()).unwrap();
    }
    assert_ne!(held, other);
    assert_eq!(held, log.checkpoint(8).to_string());
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_cosignature_older_than_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(8);
    let mut witness = witness(9, folder.path(), &log);
    witness.add_checkpoint(log.body(0, 4).as_bytes(), NOW);
    let reply = witness.add_checkpoint(log.body(4, 8).as_bytes(), NOW - 1000);
    assert_eq!(cosigned_at(&log.checkpoint(8), &reply.body, 9), NOW);
}

#[test]
fn a_request_reads_back_as_written() {
    let log = Log::new(200);
    for (old, new) in [(0, 1), (1, 200), (100, 200), (200, 200)] {
        let request = log.request(old, new);
        assert_eq!(Request::parse(request.to_string().as_bytes()), Ok(request));
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_witness(cut in 0usize..700, at in 0usize..700, byte: u8) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(12);
        let mut witness = witness(9, folder.path(), &log);
        prop_assert_eq!(witness.add_checkpoint(log.body(0, 7).as_bytes(), NOW).status, 200);
        let mut body = log.body(7, 12).into_bytes();
        body.truncate(cut);
        if let Some(there) = body.get_mut(at) {
            *there = byte;
        }
        let reply = witness.add_checkpoint(&body, NOW);
        let size = witness.state().held(ORIGIN).unwrap().unwrap().size;
        prop_assert_eq!(reply.status == 200, size == TreeSize(12));
    }
}
