//! Sealing signs what the events come to, and the log shows it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use avouch_cose::key::SIGNATURE_LEN;
use avouch_cose::{Checkpoint, Signer, SigningKey, VerifyingKey};
use avouch_ledger::{Error, RunIndex, Sealer, State};
use avouch_merkle::{LeafIndex, TreeSize, hash_leaf, verify_consistency, verify_inclusion};
use avouch_trace::{Event, agent_chain_start};
use common::*;

#[test]
fn sealing_signs_what_the_events_come_to() {
    let (_folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 10);
    let sealed = seal(&ledger, &[run]).unwrap();
    assert!(sealed[0].new);
    let logged = ledger.statement(run).unwrap().unwrap();
    logged.statement.verify(&identity().issuer_key).unwrap();
    assert_eq!(logged.statement.issuer(), identity().issuer);
    assert_eq!(logged.statement.issued_at(), 1_700_000_000);
    assert_eq!(logged.statement.statement_id(), sealed[0].statement_id);
    let entry = ledger
        .statement_by_id(&sealed[0].statement_id)
        .unwrap()
        .unwrap();
    assert_eq!(
        (entry.log_index, entry.statement, entry.manifest),
        (
            logged.log_index,
            logged.statement.clone(),
            Some(logged.manifest.clone())
        )
    );
    let run = ledger.run(run).unwrap();
    assert_eq!(
        run.state,
        State::Sealed {
            log_index: LeafIndex(0)
        }
    );
    let events: Vec<Event> = ledger.events(&run).map(Result::unwrap).collect();
    let manifest = logged.manifest;
    let start = agent_chain_start(&identity().issuer, "agent");
    assert_eq!(
        manifest.root,
        avouch_merkle::root(events.iter().map(Event::leaf))
    );
    assert_eq!(manifest.chain_start, start);
    assert_eq!(
        manifest.chain_head,
        events
            .iter()
            .fold(start, |chain, event| event.chain(&chain))
    );
    assert_eq!((manifest.size, manifest.previous), (10, None));
    assert_eq!(
        (manifest.first_time, manifest.last_time),
        (1_700_000_000_000, 1_700_000_000_009)
    );
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    assert_eq!(
        (report.counts.statements, report.counts.checkpoints),
        (1, 1)
    );
}

#[test]
fn one_agents_chain_runs_through_its_runs_and_no_others() {
    let (_folder, path, ledger) = new_ledger();
    let first = closed_run(&ledger, 1, "first", "agent", 4);
    let other = closed_run(&ledger, 2, "other", "someone else", 3);
    let second = closed_run(&ledger, 3, "second", "agent", 5);
    let third = closed_run(&ledger, 4, "third", "agent", 2);
    seal(&ledger, &[first, other, second]).unwrap();
    seal(&ledger, &[third]).unwrap();
    let logged = |run| ledger.statement(run).unwrap().unwrap();
    let (first, other) = (logged(first), logged(other));
    let (second, third) = (logged(second), logged(third));
    assert_eq!(second.manifest.chain_start, first.manifest.chain_head);
    assert_eq!(
        second.manifest.previous,
        Some(first.statement.statement_id())
    );
    assert_eq!(third.manifest.chain_start, second.manifest.chain_head);
    assert_eq!(
        third.manifest.previous,
        Some(second.statement.statement_id())
    );
    assert_eq!(other.manifest.previous, None);
    let genesis = agent_chain_start(&identity().issuer, "someone else");
    assert_eq!(other.manifest.chain_start, genesis);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn sealing_again_gives_what_there_is() {
    let (_folder, _, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 4);
    let first = seal(&ledger, &[run, run]).unwrap();
    assert_eq!((first[0].new, first[1].new), (true, false));
    assert_eq!(first[0].statement_id, first[1].statement_id);
    let checkpoint = ledger.checkpoint().unwrap();
    let again = seal(&ledger, &[run]).unwrap();
    assert_eq!(again, [first[1]]);
    assert_eq!(ledger.log_size().unwrap(), TreeSize(1));
    assert_eq!(ledger.checkpoint().unwrap(), checkpoint);
}

#[test]
fn all_runs_are_sealed_or_none() {
    let (_folder, path, ledger) = new_ledger();
    let closed = closed_run(&ledger, 1, "closed", "agent", 4);
    let mut batch = ledger.batch().unwrap();
    let open = add_run(&mut batch, &info(2, "open", "agent"), 3, false);
    batch.commit().unwrap();
    let error = seal(&ledger, &[closed, open]).unwrap_err();
    assert!(matches!(error, Error::RunOpen(name) if name == "open"));
    assert_eq!(ledger.log_size().unwrap(), TreeSize(0));
    assert_eq!(ledger.run(closed).unwrap().state, State::Closed);
    assert_eq!(fsck(&path).finding, None);
}

/// A token that is pulled out after some signatures.
#[derive(Debug)]
struct PulledOut {
    key: SigningKey,
    left: AtomicUsize,
}

impl Signer for PulledOut {
    fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], avouch_cose::Error> {
        let take_one = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_one)
            .map_err(|_| avouch_cose::Error::Signer("pulled out".into()))?;
        self.key.try_sign(message)
    }
}

#[test]
fn a_key_that_stops_signing_seals_nothing() {
    let (_folder, path, ledger) = new_ledger();
    // More than wait for their signature at once.
    let runs: Vec<RunIndex> = (1..=200)
        .map(|n| closed_run(&ledger, n, &format!("run-{n}"), "agent", 2))
        .collect();
    for signatures in [0, 1, 63, 150, 199] {
        let key = PulledOut {
            key: issuer_key(),
            left: AtomicUsize::new(signatures),
        };
        let sealer = Sealer {
            issuer_key: &key,
            log_key: &log_key(),
            iat: 1_800_000_000,
        };
        let error = ledger.seal(&runs, &sealer, &mut |_| ()).unwrap_err();
        assert!(error.to_string().contains("pulled out"), "{error}");
        assert_eq!(ledger.log_size().unwrap(), TreeSize(0));
        assert_eq!(ledger.checkpoint().unwrap(), None);
    }
    let sealed = seal(&ledger, &runs).unwrap();
    for (index, (sealed, run)) in sealed.iter().zip(&runs).enumerate() {
        assert_eq!(
            (sealed.run, sealed.log_index),
            (*run, LeafIndex(index as u64))
        );
        let logged = ledger.statement(*run).unwrap().unwrap();
        assert_eq!(logged.log_index, sealed.log_index);
        assert_eq!(logged.statement.statement_id(), sealed.statement_id);
    }
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn another_key_cannot_seal_or_give_receipts() {
    let (_folder, _, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "run", "agent", 4);
    let (issuer_key, log_key) = (issuer_key(), log_key());
    for (issuer, log, role) in [
        (&log_key, &log_key, "issuer"),
        (&issuer_key, &issuer_key, "log"),
    ] {
        let sealer = Sealer {
            issuer_key: issuer,
            log_key: log,
            iat: 0,
        };
        let error = ledger.seal(&[run], &sealer, &mut |_| ()).unwrap_err();
        assert!(matches!(error, Error::WrongKey { role: found, .. } if found == role));
    }
    seal(&ledger, &[run]).unwrap();
    let error = ledger.receipt(LeafIndex(0), &issuer_key).unwrap_err();
    assert!(matches!(error, Error::WrongKey { role: "log", .. }));
}

#[test]
fn receipts_checkpoints_and_proofs_fit_each_other() {
    let (_folder, path, ledger) = new_ledger();
    assert_eq!(ledger.checkpoint().unwrap(), None);
    let mut sizes = Vec::new();
    for round in 0..5 {
        let runs: Vec<_> = (0..=round)
            .map(|at| closed_run(&ledger, round * 10 + at, "run", "agent", 2))
            .collect();
        seal(&ledger, &runs).unwrap();
        sizes.push(ledger.log_size().unwrap());
    }
    let log_key: VerifyingKey = identity().log_key;
    let last = ledger.checkpoint().unwrap().unwrap();
    let Checkpoint { size, root, .. } = last.checkpoint.clone();
    assert_eq!(size, TreeSize(15));
    Checkpoint::open(&last.note, &identity().note_key().unwrap()).unwrap();
    for index in (0..15).map(LeafIndex) {
        let logged = ledger.statement_at(index).unwrap().unwrap();
        let leaf = hash_leaf(&logged.statement.entry().0);
        let receipt = ledger.receipt(index, &common::log_key()).unwrap().unwrap();
        let shown = receipt.verify(leaf, &log_key).unwrap();
        assert_eq!((shown.size, shown.index, shown.root), (size, index, root));
        verify_inclusion(
            leaf,
            index,
            size,
            &ledger.inclusion(index, size).unwrap(),
            &root,
        )
        .unwrap();
    }
    assert_eq!(
        ledger.receipt(LeafIndex(15), &common::log_key()).unwrap(),
        None
    );
    for first in &sizes {
        let earlier = ledger.checkpoint_at(*first).unwrap().unwrap().checkpoint;
        let proof = ledger.consistency(*first, size).unwrap();
        verify_consistency(*first, &earlier.root, size, &root, &proof).unwrap();
    }
    assert_eq!(ledger.checkpoint_at(TreeSize(2)).unwrap(), None);
    let counts = fsck(&path).counts;
    // Level 0 to 3 of 15 leaves: 15 + 7 + 3 + 1.
    assert_eq!(
        (counts.statements, counts.nodes, counts.checkpoints),
        (15, 26, 5)
    );
}
