//! What a verifier remembers of logs: forks and rollbacks are caught, growth takes a proof.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::Bundle;
use avouch_cose::key::Algorithm;
use avouch_cose::{Checkpoint, ConsistencyProof, Note, Receipt};
use avouch_merkle::{
    Digest, LeafIndex, TreeSize, consistency_proof, hash_leaf, inclusion_proof, root,
};
use avouch_verify::{CheckName, Options, Outcome, Report, Seen, Verdict, verify_seen};
use common::*;

/// When the tests' verifier looks; the kit's statements are older.
const NOW: u64 = 1_770_000_000;

/// A log whose leaf 2 is the kit's statement; another `branch` has other leaves from 3 on.
fn leaves(size: u64, branch: u8) -> Vec<Digest> {
    let statement = run().seal().statement;
    (0..size)
        .map(|n| match n {
            2 => hash_leaf(statement.entry().as_bytes()),
            0..3 => hash_leaf(&[n as u8]),
            n => hash_leaf(&[n as u8, branch]),
        })
        .collect()
}

fn checkpoint(size: u64, branch: u8) -> String {
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size: TreeSize(size),
        root: root(leaves(size, branch)),
        extensions: Vec::new(),
    };
    checkpoint.sign(&log_key()).unwrap().to_string()
}

/// The kit's run under that log.
fn bundle(size: u64, branch: u8) -> Bundle {
    let (leaves, index) = (leaves(size, branch), LeafIndex(2));
    let path = inclusion_proof(&leaves, index).unwrap();
    let root = root(leaves);
    let receipt = Receipt::sign_inclusion(&log_key(), TreeSize(size), index, &path, &root).unwrap();
    Bundle {
        receipts: vec![receipt.as_bytes().to_vec()],
        checkpoint: Some(checkpoint(size, branch)),
        ..run().seal().show_none()
    }
}

fn proof(before: u64, after: u64, branch: u8) -> String {
    let proof = ConsistencyProof {
        before: TreeSize(before),
        path: consistency_proof(&leaves(after, branch), TreeSize(before)).unwrap(),
        checkpoint: Note::parse(&checkpoint(after, branch)).unwrap(),
    };
    proof.to_string()
}

fn look_at(seen: &mut Seen, bundle: &Bundle, now: u64) -> Report {
    let bytes = bundle.encode().unwrap();
    verify_seen(&bytes, &policy(""), &Options::default(), seen, now).unwrap()
}

fn history(report: &Report) -> (Outcome, &str) {
    let check = report.check(CheckName::LogHistory).unwrap();
    (check.outcome, &check.reason)
}

#[test]
fn the_first_look_and_the_same_again_pass() {
    let mut seen = Seen::default();
    let report = look_at(&mut seen, &bundle(5, 0), NOW);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert!(history(&report).1.starts_with("the first checkpoint"));
    // After a round through the file.
    let mut seen = Seen::from_json(&seen.to_json()).unwrap();
    let report = look_at(&mut seen, &bundle(5, 0), NOW);
    assert_eq!(
        history(&report),
        (Outcome::Pass, "the same root as before at size 5")
    );
    assert!(report.evidence.is_none());
    // Without a state there is no such check.
    assert!(
        judge(&bundle(5, 0), &policy(""))
            .check(CheckName::LogHistory)
            .is_none()
    );
}

#[test]
fn two_roots_for_one_size_are_a_fork_with_both_notes_as_evidence() {
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    look_at(&mut seen, &bundle(9, 0), NOW);
    let before = seen.to_json();
    // Also at a size that is not the last one seen.
    for size in [5, 9] {
        let report = look_at(&mut seen, &bundle(size, 1), NOW);
        assert_only_fails(
            &report,
            CheckName::LogHistory,
            "FORK: the log signed two roots",
        );
        let evidence = report.evidence.clone().unwrap();
        assert_eq!(
            (evidence.seen.as_str(), evidence.shown.as_str()),
            (checkpoint(size, 0).as_str(), checkpoint(size, 1).as_str())
        );
        // Anyone who has the log's key can check it.
        let key = evidence.log.parse().unwrap();
        let open = |note: &str| Checkpoint::open(note, &key).unwrap();
        assert_eq!(open(&evidence.seen).size, open(&evidence.shown).size);
        assert_ne!(open(&evidence.seen).root, open(&evidence.shown).root);
        assert!(
            report
                .to_string()
                .contains("Evidence against the log: it signed both of these")
        );
    }
    assert_eq!(seen.to_json(), before, "what is at odds is not kept");
}

#[test]
fn growth_is_not_checked_without_a_proof_and_passes_with_one() {
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    let report = look_at(&mut seen, &bundle(9, 0), NOW);
    let (outcome, reason) = history(&report);
    assert_eq!(outcome, Outcome::NotChecked);
    assert!(
        reason.contains("size 9 is larger than size 5")
            && reason.contains("takes a consistency proof"),
        "{reason}"
    );
    // Not required: nothing is known to be wrong.
    assert_eq!(report.verdict, Verdict::Verified);

    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    seen.add_proof(&proof(5, 9, 0)).unwrap();
    let report = look_at(&mut seen, &bundle(9, 0), NOW);
    assert_eq!(
        history(&report),
        (
            Outcome::Pass,
            "consistent with size 5, which was seen before"
        )
    );
    // And the other way round: an older bundle after a newer one.
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(9, 0), NOW);
    seen.add_proof(&proof(5, 9, 0)).unwrap();
    assert_eq!(
        history(&look_at(&mut seen, &bundle(5, 0), NOW)).0,
        Outcome::Pass
    );
}

#[test]
fn a_proof_shows_a_fork_between_two_sizes() {
    for before in [4, 5, 8] {
        let mut seen = Seen::default();
        look_at(&mut seen, &bundle(before, 0), NOW);
        // The proof that the forked log's own history gives.
        seen.add_proof(&proof(before, 9, 1)).unwrap();
        let report = look_at(&mut seen, &bundle(9, 1), NOW);
        if before.is_power_of_two() {
            // Such a proof does not hold its own first root: it links nothing, and shows nothing.
            assert_eq!(history(&report).0, Outcome::NotChecked, "{report}");
        } else {
            assert_only_fails(
                &report,
                CheckName::LogHistory,
                "FORK: a consistency proof shows",
            );
            assert!(report.evidence.is_some());
        }
    }
}

#[test]
fn a_proof_of_other_checkpoints_shows_nothing() {
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    for other in [proof(6, 9, 0), proof(5, 8, 0), proof(5, 9, 1)] {
        seen.add_proof(&other).unwrap();
    }
    assert_eq!(
        history(&look_at(&mut seen, &bundle(9, 0), NOW)).0,
        Outcome::NotChecked
    );
    assert!(seen.add_proof("not a proof").is_err());
}

#[test]
fn a_smaller_log_with_a_statement_that_is_newer_than_the_larger_one_went_back() {
    let issued = run().seal().statement.issued_at();
    let look = |at: u64| {
        let mut seen = Seen::default();
        look_at(&mut seen, &bundle(9, 0), at);
        look_at(&mut seen, &bundle(5, 0), NOW)
    };
    // The larger one was seen long before the statement in the smaller says that it was issued.
    let report = look(issued - 3600);
    assert_only_fails(
        &report,
        CheckName::LogHistory,
        "ROLLBACK: the log had 9 entries",
    );
    let evidence = report.evidence.unwrap();
    assert_eq!(evidence.seen, checkpoint(9, 0));
    // An older bundle is no rollback, and clocks differ a little.
    for at in [issued - 60, issued, NOW] {
        assert_eq!(history(&look(at)).0, Outcome::NotChecked);
    }
}

#[test]
fn checkpoints_that_no_listed_log_signed_are_neither_judged_nor_kept() {
    let mut seen = Seen::default();
    let stranger = key(Algorithm::Ed25519, 77);
    let foreign = Checkpoint::parse(Note::parse(&checkpoint(5, 0)).unwrap().text()).unwrap();
    let foreign = Bundle {
        checkpoint: Some(foreign.sign(&stranger).unwrap().to_string()),
        ..bundle(5, 0)
    };
    assert_eq!(
        history(&look_at(&mut seen, &foreign, NOW)).0,
        Outcome::NotChecked
    );
    assert_eq!(seen.to_json(), Seen::default().to_json());
}

#[test]
fn a_state_that_was_changed_is_refused() {
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    let good = seen.to_json();
    for (from, to) in [
        ("\\n5\\n", "\\n6\\n"),
        ("\"version\": 1", "\"version\": 2"),
        ("\"at_s\"", "\"when\""),
        (ORIGIN, "log.example/other"),
        ("{", "["),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good);
        let error = Seen::from_json(&changed).unwrap_err().to_string();
        assert!(error.starts_with("not a verifier's state: "), "{error}");
    }
    assert!(Seen::from_json("").is_err());
}

#[test]
fn the_json_report_carries_the_evidence() {
    let mut seen = Seen::default();
    look_at(&mut seen, &bundle(5, 0), NOW);
    let report = look_at(&mut seen, &bundle(5, 1), NOW);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["evidence"]["seen"], checkpoint(5, 0));
    assert_eq!(json["evidence"]["shown"], checkpoint(5, 1));
}
