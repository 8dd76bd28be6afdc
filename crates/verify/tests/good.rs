//! Good evidence verifies, and the report says what it shows and what it does not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::key::Algorithm;
use avouch_trace::{Flags, Parent, Relation, RunId};
use avouch_verify::{CheckName, LogPosition, Options, Policy, Verdict, verify};
use common::*;

const ALL: &str = "disclosure = \"all\"";

#[test]
fn a_run_with_everything_shown_verifies_under_the_strictest_policy() {
    let report = assert_verified(&run().seal().show_all(), &policy(ALL));
    for check in &report.checks {
        assert!(passed(&report, check.name), "{report}");
    }
    let about = report.about.as_ref().unwrap();
    assert!(about.root_and_chain_agree);
    let place = LogPosition {
        origin: ORIGIN.into(),
        index: 2,
        size: 5,
        witnesses: Vec::new(),
    };
    assert_eq!(about.log, Some(place));
    assert_eq!((about.shown.events, about.shown.opened_events), (7, 7));
    assert_eq!((about.shown.fields, about.shown.withheld_fields), (17, 0));
    assert_eq!((about.shown.blobs, about.shown.withheld_blobs), (1, 0));
    let names: Vec<_> = report.not_shown.iter().map(|point| point.name).collect();
    assert_eq!(
        names,
        ["truth", "time", "claims", "revocation", "log-history"]
    );
}

#[test]
fn a_statement_alone_verifies_where_nothing_more_is_required() {
    let mut bundle = run().seal().show_none();
    assert_verified(&bundle, &policy(""));
    bundle.receipts.clear();
    bundle.checkpoint = None;
    assert_incomplete(&bundle, &policy(""), CheckName::Receipt, "no receipt");
    assert_incomplete(&bundle, &policy(""), CheckName::Checkpoint, "no checkpoint");
    let report = assert_verified(&bundle, &policy("log = false"));
    assert_eq!(report.about.unwrap().log, None);
    assert!(report.not_shown.iter().any(|point| point.name == "log"));
}

#[test]
fn headers_alone_show_that_root_and_chain_agree() {
    let bundle = run().seal().show_headers();
    let report = assert_verified(&bundle, &policy("disclosure = \"headers\""));
    assert!(passed(&report, CheckName::Trace));
    assert!(report.about.as_ref().unwrap().root_and_chain_agree);
    let withheld = report
        .not_shown
        .iter()
        .find(|point| point.name == "withheld-bodies");
    assert!(withheld.unwrap().text.contains("7 events"));
    assert_incomplete(
        &bundle,
        &policy(ALL),
        CheckName::Disclosure,
        "bodies of 7 events",
    );
}

#[test]
fn part_of_a_run_verifies_and_the_rest_is_named() {
    let bundle = run().seal().show(|seq| match seq {
        3 => Some(vec!["subject".into(), "arguments".into()]),
        5 => Some(Vec::new()),
        _ => None,
    });
    let report = assert_verified(&bundle, &policy(""));
    let about = report.about.as_ref().unwrap();
    assert!(!about.root_and_chain_agree);
    assert_eq!((about.shown.events, about.shown.opened_events), (2, 1));
    assert_eq!((about.shown.fields, about.shown.withheld_fields), (2, 3));
    let text = |name| {
        report
            .not_shown
            .iter()
            .find(|point| point.name == name)
            .unwrap()
            .text
            .clone()
    };
    assert_eq!(text("withheld-events"), "5 of 7 events: 0 to 2, 4, 6.");
    assert!(text("withheld-fields").starts_with("3 fields"));
    assert!(text("root-and-chain").contains("root and chain"));
    let words = "5 of 7 events";
    assert_incomplete(
        &bundle,
        &policy("disclosure = \"headers\""),
        CheckName::Disclosure,
        words,
    );
}

#[test]
fn a_withheld_blob_is_counted_and_missed_where_all_is_required() {
    let mut bundle = run().seal().show_all();
    bundle.disclosures.as_mut().unwrap().blobs = Default::default();
    let report = assert_verified(&bundle, &policy("disclosure = \"headers\""));
    assert_eq!(report.about.unwrap().shown.withheld_blobs, 1);
    assert_incomplete(&bundle, &policy(ALL), CheckName::Disclosure, "1 blob");
}

#[test]
fn a_withheld_field_is_missed_where_all_is_required() {
    let sealed = run().seal();
    let bundle = sealed.show(|seq| {
        let keep = |name: &String| seq != 3 || name != "raw";
        Some(sealed.names(seq).into_iter().filter(keep).collect())
    });
    assert_verified(&bundle, &policy("disclosure = \"headers\""));
    assert_incomplete(&bundle, &policy(ALL), CheckName::Disclosure, "1 field");
}

#[test]
fn what_was_expected_is_checked() {
    let sealed = run().seal();
    let bytes = sealed.show_none().encode().unwrap();
    let options = Options {
        expect_run: Some(sealed.manifest.run),
        expect_agent: Some(AGENT.into()),
        expect_root: Some(sealed.manifest.root),
    };
    let report = verify(&bytes, &policy(""), &options).unwrap();
    assert!(report.is_verified());
    for name in [
        CheckName::ExpectedRun,
        CheckName::ExpectedAgent,
        CheckName::ExpectedRoot,
    ] {
        assert!(passed(&report, name));
    }
}

#[test]
fn a_p256_issuer_verifies_too() {
    let sealed = run().seal();
    let issuer = key(Algorithm::P256, 3);
    let (events, bodies) = (sealed.events, sealed.bodies);
    let sealed = Sealed::sign(sealed.manifest, events, bodies, &issuer, ISSUER);
    let (issuer, log) = (issuer_toml(ISSUER, &issuer), log_toml(ORIGIN, &log_key()));
    let policy = Policy::from_toml(&format!("version = 1\n{issuer}\n{log}")).unwrap();
    let report = assert_verified(&sealed.show_all(), &policy);
    assert!(
        report
            .check(CheckName::Signature)
            .unwrap()
            .reason
            .starts_with("p256")
    );
}

#[test]
fn a_later_run_of_an_agent_names_what_it_follows() {
    let sealed = run().seal();
    let first = sealed.statement.statement_id();
    let parent = Parent {
        run: RunId([8; 16]),
        seq: 4,
        relation: Relation::Subagent,
    };
    let later = sealed.with_manifest(|manifest| {
        manifest.chain_start = manifest.chain_head;
        manifest.chain_head = sealed
            .events
            .iter()
            .fold(manifest.chain_start, |chain, event| event.chain(&chain));
        manifest.previous = Some(first);
        manifest.parents = vec![parent];
        manifest.source.integrity = Some(false);
    });
    let report = assert_verified(&later.show_all(), &policy(ALL));
    let names: Vec<_> = report.not_shown.iter().map(|point| point.name).collect();
    assert!(
        names.ends_with(&["previous", "parents", "source"]),
        "{names:?}"
    );
    assert!(report.to_string().contains("did NOT hold"));
}

#[test]
fn an_interrupted_run_says_so() {
    let mut run = run();
    run.drafts[6].header.flags = Flags::ERROR;
    let report = assert_verified(&run.seal().show_headers(), &policy(""));
    assert!(
        report
            .not_shown
            .iter()
            .any(|point| point.name == "interrupted")
    );
}

#[test]
fn an_issuer_may_be_limited_to_its_agents() {
    let bundle = run().seal().show_none();
    let issuer = issuer_toml(ISSUER, &issuer_key());
    let limited = |agents: &str| {
        Policy::from_toml(&format!("version = 1\n{issuer}\nagents = {agents}\n")).unwrap()
    };
    assert_verified(&bundle, &limited("[\"x\", \"agent:support\"]"));
    let other = limited("[\"x\"]");
    assert_fails(
        &bundle,
        &other,
        CheckName::Agent,
        "does not let \"Acme Ltd\" speak for",
    );
}

#[test]
fn a_second_receipt_of_an_unknown_log_changes_nothing() {
    let sealed = run().seal();
    let mut bundle = sealed.show_none();
    let (other, _) = enter(
        &sealed.statement,
        9,
        &key(Algorithm::Ed25519, 5),
        "other.example",
    );
    bundle.receipts.insert(0, other.as_bytes().to_vec());
    assert_verified(&bundle, &policy(""));
    bundle.receipts.remove(1);
    let words = "no log of the policy's";
    assert_incomplete(&bundle, &policy(""), CheckName::Receipt, words);
}

#[test]
fn verdicts_have_the_exit_codes_that_are_documented() {
    let codes = [Verdict::Verified, Verdict::Failed, Verdict::Incomplete].map(Verdict::exit_code);
    assert_eq!(codes, [0, 1, 3]);
}
