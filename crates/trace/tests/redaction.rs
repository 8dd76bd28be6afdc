//! Redactions read back as they were written, and nothing else is read.
#![allow(clippy::unwrap_used, missing_docs)]

use avouch_merkle::{Digest, root};
use avouch_trace::{Redaction, RunId, Tombstone};

fn tombstones() -> Vec<Tombstone> {
    [(1, 3), (1, 7), (4, 1)]
        .map(|(seq, index)| Tombstone {
            seq,
            index,
            leaf: Digest([seq as u8 ^ index as u8; 32]),
        })
        .to_vec()
}

fn redaction() -> Redaction {
    Redaction::of(
        RunId([5; 16]),
        "privacy@acme.example",
        "art. 17",
        &tombstones(),
    )
    .unwrap()
}

#[test]
fn a_redaction_reads_back_and_commits_to_its_tombstones() {
    let redaction = redaction();
    assert_eq!(Redaction::decode(&redaction.encode()).unwrap(), redaction);
    assert_eq!(redaction.count, 3);
    assert_eq!(
        redaction.root,
        root(tombstones().iter().map(Tombstone::hash))
    );
}

#[test]
fn a_redaction_is_of_something_in_order() {
    let of = |tombstones: &[Tombstone]| Redaction::of(RunId([5; 16]), "a", "b", tombstones);
    assert!(of(&[]).is_none());
    let mut reversed = tombstones();
    reversed.reverse();
    assert!(of(&reversed).is_none());
    let twice = [tombstones()[0], tombstones()[0]];
    assert!(of(&twice).is_none());
}

#[test]
fn every_part_of_a_tombstone_counts() {
    let one = tombstones()[0];
    let others = [
        Tombstone { seq: 2, ..one },
        Tombstone { index: 4, ..one },
        Tombstone {
            leaf: Digest([0; 32]),
            ..one
        },
    ];
    for other in others {
        assert_ne!(other.hash(), one.hash());
    }
}

#[test]
fn what_is_not_a_redaction_is_refused() {
    let good = redaction().encode();
    assert!(Redaction::decode(&good[..good.len() - 1]).is_err());
    assert!(Redaction::decode(&[&good[..], &[0]].concat()).is_err());
    let edited = |edit: fn(&mut Redaction)| {
        let mut redaction = redaction();
        edit(&mut redaction);
        Redaction::decode(&redaction.encode())
    };
    assert!(edited(|r| r.count = 0).is_err());
    assert!(edited(|r| r.by = String::new()).is_err());
    assert!(edited(|r| r.reason = "a\nb".into()).is_err());
    assert!(edited(|r| r.reason = "x".repeat(1025)).is_err());
    // Version 2: the byte after the key 1.
    let mut later = good.clone();
    later[2] = 2;
    assert!(Redaction::decode(&later).is_err());
}
