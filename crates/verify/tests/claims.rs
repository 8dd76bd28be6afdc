//! Claims that a policy requires, and proofs that nothing here can check. That proofs which can be checked
//! are, `tests/tests/proofs.rs` shows with the programs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::{Bundle, Proof};
use avouch_claims::{Claim, Claims};
use avouch_verify::{CheckName, Outcome, Report, Verdict};
use common::*;

fn answer(bundle: &Bundle, require: &str) -> Report {
    verify_with(bundle, &policy(require))
}

fn verify_with(bundle: &Bundle, policy: &avouch_verify::Policy) -> Report {
    let bytes = bundle.encode().unwrap();
    avouch_verify::verify(&bytes, policy, &Default::default()).unwrap()
}

fn claims_check(report: &Report) -> (Outcome, String) {
    let check = report.check(CheckName::Claims).unwrap();
    assert!(check.required);
    (check.outcome, check.reason.clone())
}

const ONE_CALL: &str = "[[require.claim]]\nname = 'one call'\ntype = 'count'\n\
                        filter = { kind = ['tool-call'] }\nmin = 1\nmax = 1";
const NO_CALL: &str =
    "[[require.claim]]\ntype = 'count'\nfilter = { kind = ['tool-call'] }\nmax = 0";

#[test]
fn nothing_is_said_of_claims_unless_they_are_required_or_proven() {
    let report = answer(&run().seal().show_all(), "");
    assert!(report.check(CheckName::Claims).is_none());
    assert!(report.check(CheckName::Proofs).is_none());
}

#[test]
fn headers_that_are_all_shown_answer_for_a_required_claim() {
    let sealed = run().seal();
    let report = answer(&sealed.show_headers(), ONE_CALL);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!(claims_check(&report).0, Outcome::Pass);

    let report = answer(&sealed.show_headers(), NO_CALL);
    assert_eq!(report.verdict, Verdict::Failed);
    let (outcome, reason) = claims_check(&report);
    assert_eq!(outcome, Outcome::Fail);
    assert!(reason.contains("event 3"), "{reason}");
}

#[test]
fn a_claim_that_nothing_shows_is_missing() {
    let sealed = run().seal();
    let report = answer(&sealed.show_none(), ONE_CALL);
    assert_eq!(report.verdict, Verdict::Incomplete);
    let (outcome, reason) = claims_check(&report);
    assert_eq!(outcome, Outcome::NotChecked);
    assert!(
        reason.contains("\"one call\": nothing shows it"),
        "{reason}"
    );
    // All headers but one are as good as none.
    let mut part = sealed.show(|seq| (seq != 2).then(Vec::new));
    let report = answer(&part, ONE_CALL);
    assert_eq!(claims_check(&report).0, Outcome::NotChecked);
    // Nor does a claim say what it is by its digest alone.
    part = sealed.show_headers();
    let digest = Claim::Halt.digest();
    let report = answer(&part, &format!("[[require.claim]]\ndigest = '{digest}'"));
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn a_proof_by_an_unknown_system_shows_nothing_and_is_no_lie() {
    let claims = Claims::new([Claim::Halt]).unwrap();
    let mut bundle = run().seal().show_none();
    bundle.proofs = vec![Proof {
        system: "abacus".into(),
        preset: "wood".into(),
        claims: claims.encode(),
        proof: vec![1, 2, 3],
    }];
    let report = answer(&bundle, "");
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    let check = report.check(CheckName::Proofs).unwrap();
    assert_eq!(check.outcome, Outcome::NotChecked);
    assert!(check.reason.contains("\"abacus\""), "{}", check.reason);
    let report = answer(&bundle, "[[require.claim]]\ntype = 'halt'");
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn what_only_says_that_it_is_a_proof_is_none() {
    let claims = Claims::new([Claim::Halt]).unwrap();
    let mut bundle = run().seal().show_none();
    bundle.proofs = vec![Proof {
        system: "stark".into(),
        preset: "proven-100".into(),
        claims: claims.encode(),
        proof: b"avsk".to_vec(),
    }];
    let report = answer(&bundle, "");
    let check = report.check(CheckName::Proofs).unwrap();
    // A verifier that was built without the system says so.
    let (outcome, words) = match cfg!(feature = "stark") {
        true => (Outcome::Fail, "malformed"),
        false => (Outcome::NotChecked, "built without"),
    };
    assert_eq!(check.outcome, outcome);
    assert!(check.reason.contains(words), "{}", check.reason);
    bundle.proofs[0].claims = vec![0x80];
    let report = answer(&bundle, "");
    assert_eq!(report.verdict, Verdict::Failed, "claims that are none");
}
