//! What witnesses' cosignatures add: a quorum, and a date that is not the issuer's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::Bundle;
use avouch_cose::key::Algorithm;
use avouch_cose::{CosignerKey, Note};
use avouch_verify::{CheckName, Outcome, Policy, PolicyError};
use common::*;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: u64 = 1_767_225_600;

fn cosigner(number: u8) -> CosignerKey {
    let key = key(Algorithm::Ed25519, number).verifying_key();
    CosignerKey::new(&name(number), key).unwrap()
}

fn name(number: u8) -> String {
    format!("witness.example/w{number}")
}

fn witness_toml(number: u8) -> String {
    format!(
        "[[witness]]\nname = {:?}\nkey = \"{}\"\n",
        name(number),
        cosigner(number)
    )
}

/// The kit's policy with witnesses 11, 12 and 13.
fn policy_of_three(require: &str) -> Policy {
    let witnesses: String = (11..14).map(witness_toml).collect();
    Policy::from_toml(&policy_toml(&format!("{require}\n{witnesses}"))).unwrap()
}

/// The kit's run under a checkpoint with these cosignatures: (witness, key, time).
fn cosigned(by: &[(u8, u8, u64)]) -> Bundle {
    let bundle = run().seal().show_all();
    let mut note = Note::parse(bundle.checkpoint.as_ref().unwrap()).unwrap();
    for (named, signer, time) in by {
        note.cosign(&name(*named), &key(Algorithm::Ed25519, *signer), *time)
            .unwrap();
    }
    let checkpoint = Some(note.to_string());
    Bundle {
        checkpoint,
        ..bundle
    }
}

#[test]
fn k_of_n_witnesses_verify_and_fewer_are_incomplete() {
    let policy = policy_of_three("witnesses = 2");
    let two = cosigned(&[(11, 11, 7), (13, 13, 8)]);
    let report = assert_verified(&two, &policy);
    let check = report.check(CheckName::Witnesses).unwrap();
    assert!(check.required && check.outcome == Outcome::Pass);
    assert!(
        check.reason.starts_with("2 of 3 listed witnesses"),
        "{}",
        check.reason
    );
    let place = report.about.as_ref().unwrap().log.as_ref().unwrap();
    let seen: Vec<_> = place
        .witnesses
        .iter()
        .map(|w| (w.name.clone(), w.time))
        .collect();
    assert_eq!(seen, [(name(11), 7), (name(13), 8)]);
    assert!(
        report
            .to_string()
            .contains("witnessed    witness.example/w11")
    );

    for by in [
        &[][..],
        &[(12, 12, 7)],
        &[(12, 12, 7), (12, 12, 9)],
        &[(12, 12, 7), (77, 77, 8)],
    ] {
        assert_incomplete(
            &cosigned(by),
            &policy,
            CheckName::Witnesses,
            "2 are required",
        );
    }
}

#[test]
fn one_is_required_where_witnesses_are_listed_unless_the_policy_says_none() {
    assert_incomplete(
        &cosigned(&[]),
        &policy_of_three(""),
        CheckName::Witnesses,
        "none of the 3",
    );
    assert_verified(&cosigned(&[(12, 12, 7)]), &policy_of_three(""));
    let report = assert_verified(&cosigned(&[]), &policy_of_three("witnesses = 0"));
    let check = report.check(CheckName::Witnesses).unwrap();
    assert_eq!(
        (check.required, check.outcome),
        (false, Outcome::NotChecked)
    );
    // A policy without witnesses has no such check.
    let report = assert_verified(&cosigned(&[(12, 12, 7)]), &policy(""));
    assert!(report.check(CheckName::Witnesses).is_none());
}

#[test]
fn a_bad_cosignature_by_a_listed_witness_fails_even_beside_good_ones() {
    let good = cosigned(&[(11, 11, 7), (12, 12, 7)]);
    let text = good.checkpoint.clone().unwrap();
    // The same line with another time in it: the signature no longer holds.
    let other = cosigned(&[(11, 11, 7), (12, 12, 8)]).checkpoint.unwrap();
    let line = |text: &str| text.lines().last().unwrap().to_owned();
    let (one, two) = (line(&text), line(&other));
    let split = one.len() - 40;
    let mixed = format!("{}{}", &one[..split], &two[split..]);
    let bad = Bundle {
        checkpoint: Some(text.replace(&one, &mixed)),
        ..good
    };
    let policy = policy_of_three("witnesses = 1");
    assert_fails(
        &bad,
        &policy,
        CheckName::Witnesses,
        "a cosignature by a listed witness is bad",
    );
}

#[test]
fn a_cosignature_counts_only_on_a_checkpoint_of_a_listed_log() {
    let elsewhere = log_toml("log.example/elsewhere", &key(Algorithm::Ed25519, 3));
    let text = format!(
        "version = 1\n{}{elsewhere}{}[require]\nlog = false\nwitnesses = 1\n",
        issuer_toml(ISSUER, &issuer_key()),
        witness_toml(11)
    );
    let policy = Policy::from_toml(&text).unwrap();
    let bundle = cosigned(&[(11, 11, 7)]);
    assert_incomplete(
        &bundle,
        &policy,
        CheckName::Witnesses,
        "that a listed log signed",
    );
}

/// The kit's policy with the issuer's key revoked at new year.
fn revoked(require: &str) -> Policy {
    let witnesses: String = (11..14).map(witness_toml).collect();
    let text = policy_toml(&format!("{require}\n{witnesses}"));
    let at = text.find("[[log]]").unwrap();
    let (issuer, rest) = text.split_at(at);
    Policy::from_toml(&format!(
        "{issuer}revoked_from = 2026-01-01T00:00:00Z\n{rest}"
    ))
    .unwrap()
}

#[test]
fn a_statement_that_witnesses_saw_before_the_revocation_is_spared() {
    let policy = revoked("witnesses = 1");
    let report = assert_verified(&cosigned(&[(11, 11, NEW_YEAR - 1)]), &policy);
    let reason = &report.check(CheckName::Signature).unwrap().reason;
    assert!(
        reason.contains("witnesses had seen the statement at 2025-12-31T23:59:59Z"),
        "{reason}"
    );
    let time = report
        .not_shown
        .iter()
        .find(|point| point.name == "time")
        .unwrap();
    assert!(
        time.text
            .contains("Witnesses had seen the statement at 2025-12-31")
    );
}

#[test]
fn a_revoked_statement_that_no_trusted_witness_saw_in_time_fails() {
    let policy = revoked("witnesses = 1");
    let words = "nothing shows that the statement is older";
    for by in [
        &[(11, 11, NEW_YEAR)][..],
        &[(11, 11, NEW_YEAR + 5), (12, 12, NEW_YEAR + 9)],
    ] {
        assert_fails(&cosigned(by), &policy, CheckName::Signature, words);
    }
    // A stranger's word dates nothing, nor does a time beyond any clock.
    let strangers = revoked("witnesses = 0");
    assert_fails(
        &cosigned(&[(77, 77, 5)]),
        &strangers,
        CheckName::Signature,
        words,
    );
    assert_fails(
        &cosigned(&[(11, 11, i64::MAX as u64)]),
        &strangers,
        CheckName::Signature,
        words,
    );
    // Where two are required, one alone dates nothing.
    let two = revoked("witnesses = 2");
    let bundle = cosigned(&[(11, 11, NEW_YEAR - 9), (12, 12, NEW_YEAR)]);
    assert_fails(&bundle, &two, CheckName::Signature, words);
    assert_verified(
        &cosigned(&[(11, 11, NEW_YEAR - 9), (12, 12, NEW_YEAR - 1)]),
        &two,
    );
}

#[test]
fn a_witnessed_checkpoint_dates_only_what_is_proven_to_be_in_it() {
    let bundle = cosigned(&[(11, 11, NEW_YEAR - 1)]);
    let without_receipt = Bundle {
        receipts: Vec::new(),
        ..bundle
    };
    let policy = revoked("log = false\nwitnesses = 1");
    assert_fails(
        &without_receipt,
        &policy,
        CheckName::Signature,
        "nothing shows",
    );
}

#[test]
fn a_policy_with_impossible_witnesses_is_refused() {
    let with = |text: String| Policy::from_toml(&policy_toml(&text)).unwrap_err();
    let error = with(format!("witnesses = 2\n{}", witness_toml(11)));
    assert_eq!(
        error,
        PolicyError::TooFewWitnesses {
            required: 2,
            listed: 1
        }
    );
    let error = with("witnesses = 1".into());
    assert_eq!(
        error,
        PolicyError::TooFewWitnesses {
            required: 1,
            listed: 0
        }
    );
    let error = with(witness_toml(11).replace("name = \"witness.example/w11", "name = \"w"));
    assert!(matches!(error, PolicyError::WitnessName { .. }), "{error}");
    let error = with("[[witness]]\nname = \"w\"\nkey = \"w+00+zz\"\n".into());
    assert!(matches!(error, PolicyError::WitnessKey { .. }), "{error}");
    // A log's key (type 1) is no witness's.
    let log_key =
        log_toml("w", &key(Algorithm::Ed25519, 9)).replace("[[log]]\norigin", "[[witness]]\nname");
    assert!(matches!(with(log_key), PolicyError::WitnessKey { .. }));
    let error = with(format!("{}{}", witness_toml(11), witness_toml(11)));
    assert!(matches!(error, PolicyError::SameKey { .. }), "{error}");
    // The log's key in a witness's role.
    let error = with(witness_toml(2));
    assert!(matches!(error, PolicyError::SameKey { .. }), "{error}");
    let text = format!(
        "version = 1\n{}{}",
        issuer_toml(ISSUER, &issuer_key()),
        witness_toml(11)
    );
    assert_eq!(
        Policy::from_toml(&text).unwrap_err(),
        PolicyError::WitnessesWithoutLog
    );
}
