//! The documents say what the code does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::PathBuf;

use avouch_cose::Note;
use avouch_cose::key::Algorithm;
use avouch_verify::{Answer, Answers, Options, Policy};
use common::*;

/// A document of the workspace; `None` in a packaged crate, which has none.
fn document(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("skipped: {} is not here", path.display());
    }
    text
}

/// The content of the first code block in this language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let start = text.find(&format!("```{language}\n")).unwrap() + language.len() + 4;
    &text[start..start + text[start..].find("```").unwrap()]
}

fn printed(name: &str, bundle: &avouch_bundle::Bundle, json: bool) -> String {
    let (bytes, policy) = (bundle.encode().unwrap(), policy(""));
    let answers = Answers::from(vec![Answer::about(
        name,
        &bytes,
        &policy,
        &Options::default(),
    )]);
    let mut out = Vec::new();
    answers.write(json, &mut out, &mut Vec::new()).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_policy_in_the_document_is_one() {
    let Some(text) = document("trust-policy.md") else {
        return;
    };
    let policy = Policy::from_toml(block(&text, "toml")).unwrap();
    let mut bundle = run().seal().show_headers();
    let mut note = Note::parse(bundle.checkpoint.as_ref().unwrap()).unwrap();
    let witness = key(Algorithm::Ed25519, 11);
    note.cosign("witness.example/w1", &witness, 1).unwrap();
    bundle.checkpoint = Some(note.to_string());
    let report = assert_verified(&bundle, &policy);
    assert!(passed(&report, avouch_verify::CheckName::Disclosure));
}

#[test]
fn the_reports_in_the_document_are_the_ones_that_are_printed() {
    let Some(text) = document("report.md") else {
        return;
    };
    let sealed = run().seal();
    let mut part = sealed.show(|seq| match seq {
        3 => Some(vec!["subject".into(), "arguments".into()]),
        5 => Some(Vec::new()),
        _ => None,
    });
    part.receipts.clear();
    assert_eq!(block(&text, "text"), printed("part.avouch", &part, false));
    let whole = printed("run.avouch", &sealed.show_all(), true);
    assert_eq!(block(&text, "json"), whole);
}

#[test]
fn every_name_is_documented() {
    let Some(text) = document("report.md") else {
        return;
    };
    let options = Options {
        expect_run: Some(avouch_trace::RunId([0; 16])),
        expect_agent: Some(String::new()),
        expect_root: Some(avouch_verify::Digest([0; 32])),
    };
    let bytes = run()
        .seal()
        .show(|seq| (seq == 3).then(|| vec!["cost".into()]))
        .encode()
        .unwrap();
    let policy = policy("disclosure = \"all\"");
    let report = avouch_verify::verify(&bytes, &policy, &options).unwrap();
    let checks = report.checks.iter().map(|check| check.name.to_string());
    let points = report.not_shown.iter().map(|point| point.name.to_string());
    for name in checks.chain(points) {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}
