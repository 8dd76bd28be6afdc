//! Each way in which what a log says can be wrong, with the check that says so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::{Encoder, Value};
use avouch_cose::Receipt;
use avouch_cose::key::Algorithm;
use avouch_trace::RunId;
use avouch_verify::{CheckName, Policy};
use common::*;

/// The receipt with another size and index in its unsigned header, and the path as it is.
fn with_size(receipt: &Receipt, size: u64, index: u64) -> Vec<u8> {
    let Value::Tag(18, content) = Value::decode(receipt.as_bytes()).unwrap() else {
        panic!("not tagged");
    };
    let Value::Array(mut parts) = *content else {
        panic!("not an array")
    };
    let item = avouch_cbor::Item::parse(receipt.as_bytes())
        .unwrap()
        .as_tag()
        .unwrap()
        .1;
    let proofs = item
        .as_array()
        .unwrap()
        .iter()
        .nth(1)
        .unwrap()
        .as_map()
        .unwrap();
    let proofs = proofs
        .get_int(396)
        .unwrap()
        .as_map()
        .unwrap()
        .get_int(-1)
        .unwrap();
    let proof = proofs
        .as_array()
        .unwrap()
        .iter()
        .next()
        .unwrap()
        .as_bytes()
        .unwrap()
        .to_vec();
    let Value::Array(mut proof) = Value::decode(&proof).unwrap() else {
        panic!("not an array")
    };
    proof[0] = Value::Uint(size);
    proof[1] = Value::Uint(index);
    let proof = Value::Array(proof).to_vec().unwrap();
    let mut map = Encoder::new();
    map.map(1).uint(396).map(1).int(-1).array(1).bytes(&proof);
    parts[1] = Value::decode(map.as_slice()).unwrap();
    Value::Tag(18, Box::new(Value::Array(parts)))
        .to_vec()
        .unwrap()
}

#[test]
fn a_statement_swapped_with_another_runs_is_refused() {
    let sealed = run().seal();
    let mut other = run();
    other.id = RunId([8; 16]);
    other.drafts.remove(2);
    for (seq, draft) in other.drafts.iter_mut().enumerate() {
        draft.header.seq = seq as u64;
        draft.header.parent = None;
    }
    let mut bundle = sealed.show_none();
    bundle.statement = other.seal().statement.as_bytes().to_vec();
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Receipt,
        "not for this statement",
    );
    // Without a log it is what is shown that tells.
    let mut bundle = sealed.show(|seq| (seq == 1).then(Vec::new));
    bundle.statement = other.seal().statement.as_bytes().to_vec();
    bundle.receipts.clear();
    assert_fails(
        &bundle,
        &policy("log = false"),
        CheckName::Events,
        "not those under the root",
    );
}

#[test]
fn a_receipt_of_another_log_is_not_checked() {
    let sealed = run().seal();
    let (receipt, checkpoint) = enter(
        &sealed.statement,
        5,
        &key(Algorithm::Ed25519, 5),
        "other.example",
    );
    let mut bundle = sealed.show_none();
    bundle.receipts = vec![receipt.as_bytes().to_vec()];
    assert_incomplete(
        &bundle,
        &policy(""),
        CheckName::Receipt,
        "no log of the policy's",
    );
    let words = "no verified receipt is of the checkpoint's log";
    assert_incomplete(&bundle, &policy(""), CheckName::LogPosition, words);
    bundle.checkpoint = Some(checkpoint);
    assert_incomplete(
        &bundle,
        &policy(""),
        CheckName::Checkpoint,
        "signed by no log",
    );
    assert_verified(&bundle, &policy("log = false"));
}

#[test]
fn another_log_under_the_pinned_ones_name_is_not_the_pinned_one() {
    let sealed = run().seal();
    let (receipt, checkpoint) = enter(&sealed.statement, 5, &key(Algorithm::Ed25519, 5), ORIGIN);
    let mut bundle = sealed.show_none();
    bundle.receipts = vec![receipt.as_bytes().to_vec()];
    bundle.checkpoint = Some(checkpoint);
    assert_incomplete(
        &bundle,
        &policy(""),
        CheckName::Receipt,
        "no log of the policy's",
    );
    assert_incomplete(
        &bundle,
        &policy(""),
        CheckName::Checkpoint,
        "signed by no log",
    );
}

#[test]
fn an_issuers_key_may_not_speak_for_a_log() {
    let sealed = run().seal();
    let (receipt, _) = enter(&sealed.statement, 5, &issuer_key(), ORIGIN);
    let mut bundle = sealed.show_none();
    bundle.receipts = vec![receipt.as_bytes().to_vec()];
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Receipt,
        "may not speak for a log",
    );
}

#[test]
fn two_pinned_logs_do_not_vouch_for_each_other() {
    let sealed = run().seal();
    let second = key(Algorithm::Ed25519, 5);
    let (receipt, checkpoint) = enter(&sealed.statement, 5, &second, "second.example");
    let toml = format!(
        "{}\n{}",
        log_toml("second.example", &second),
        policy_toml("")
    );
    let toml = format!("version = 1\n{}", toml.replace("version = 1", ""));
    let policy = Policy::from_toml(&toml).unwrap();
    let mut bundle = sealed.show_none();
    bundle.checkpoint = Some(checkpoint);
    assert_incomplete(
        &bundle,
        &policy,
        CheckName::LogPosition,
        "of the checkpoint's log",
    );
    bundle.receipts.push(receipt.as_bytes().to_vec());
    let report = assert_verified(&bundle, &policy);
    assert_eq!(report.about.unwrap().log.unwrap().origin, "second.example");
}

#[test]
fn a_receipt_for_another_size_does_not_go_with_the_checkpoint() {
    let sealed = run().seal();
    let (receipt, _) = enter(&sealed.statement, 8, &log_key(), ORIGIN);
    let mut bundle = sealed.show_none();
    bundle.receipts = vec![receipt.as_bytes().to_vec()];
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::LogPosition,
        "do not belong together",
    );
}

#[test]
fn a_receipt_whose_unsigned_size_was_changed_does_not_pass_for_its_index() {
    // Index 2 of 5 has a path of three hashes, which also fits other sizes and leads to the same
    // root: the signature holds for all of them.
    let sealed = run().seal();
    let mut bundle = sealed.show_none();
    for size in [6, 7, 8] {
        bundle.receipts = vec![with_size(&sealed.receipt, size, 2)];
        assert_fails(
            &bundle,
            &policy(""),
            CheckName::LogPosition,
            "do not belong together",
        );
    }
    // Without a checkpoint the index counts for nothing.
    bundle.checkpoint = None;
    let words = "counts only beside a verified checkpoint";
    assert_incomplete(&bundle, &policy(""), CheckName::LogPosition, words);
    assert_eq!(
        assert_verified(&bundle, &policy("log = false"))
            .about
            .unwrap()
            .log,
        None
    );
}

#[test]
fn a_log_with_two_roots_at_one_size_is_caught() {
    let sealed = run().seal();
    let other = run()
        .seal()
        .with_manifest(|manifest| manifest.currency = "EUR".into());
    let mut bundle = sealed.show_none();
    bundle.checkpoint = Some(other.checkpoint);
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::LogPosition,
        "two roots at the one size",
    );
}

#[test]
fn a_malformed_receipt_fails_even_where_none_is_required() {
    let sealed = run().seal();
    let mut bundle = sealed.show_none();
    bundle.receipts.push(vec![0xa0]);
    assert_fails(
        &bundle,
        &policy("log = false"),
        CheckName::Receipt,
        "receipt 2 is malformed",
    );
}

#[test]
fn a_receipt_with_a_changed_signature_fails() {
    let mut bundle = run().seal().show_none();
    *bundle.receipts[0].last_mut().unwrap() ^= 1;
    let report = judge(&bundle, &policy("log = false"));
    assert_only_fails(&report, CheckName::Receipt, "not for this statement");
}

#[test]
fn a_checkpoint_that_was_changed_fails() {
    let mut bundle = run().seal().show_none();
    let note = bundle.checkpoint.clone().unwrap();
    bundle.checkpoint = Some(note.replacen("\n5\n", "\n6\n", 1));
    assert_fails(
        &bundle,
        &policy(""),
        CheckName::Checkpoint,
        "does not verify",
    );
    bundle.checkpoint = Some(note.replacen("\n5\n", "\n05\n", 1));
    assert_fails(&bundle, &policy(""), CheckName::Checkpoint, "leading zeros");
    bundle.checkpoint = Some("nothing".into());
    assert_fails(
        &bundle,
        &policy("log = false"),
        CheckName::Checkpoint,
        "signed note",
    );
}
