//! The report as people and programs read it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_verify::{Answer, Answers, Options, printable};
use common::*;
use serde_json::Value;

fn answers(bundles: &[(&str, Vec<u8>)]) -> Answers {
    let (policy, options) = (policy(""), Options::default());
    let answer = |(name, bytes): &(&str, Vec<u8>)| Answer::about(name, bytes, &policy, &options);
    bundles.iter().map(answer).collect::<Vec<_>>().into()
}

fn printed(answers: &Answers, json: bool) -> (String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    answers.write(json, &mut out, &mut errors).unwrap();
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(errors).unwrap(),
    )
}

#[test]
fn the_text_leads_with_the_answer_and_ends_with_what_is_not_shown() {
    let bytes = run().seal().show_all().encode().unwrap();
    let (text, errors) = printed(&answers(&[("run.avouch", bytes)]), false);
    assert!(text.starts_with("run.avouch: VERIFIED: all that the policy requires holds\n"));
    let order = [
        "What it is about",
        "  issuer",
        "  agent",
        "  run",
        "Checks",
        "What it does not show",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|words| text.find(words).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains("from         2025-10-09T08:53:20Z\n"),
        "{text}"
    );
    assert!(text.contains("log.example/acme, entry 2 of 5"));
    assert_eq!(errors, "");
}

#[test]
fn the_json_has_the_documented_members() {
    let bytes = run().seal().show_all().encode().unwrap();
    let answers = answers(&[("a", bytes), ("b", vec![1, 2, 3])]);
    let (text, errors) = printed(&answers, true);
    assert_eq!(errors, "");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&json["version"], &json["exit_code"]),
        (&1.into(), &2.into())
    );
    let [good, bad] = json["answers"].as_array().unwrap().as_slice() else {
        panic!("{text}")
    };
    assert_eq!(
        (&good["bundle"], &good["error"]),
        (&"a".into(), &Value::Null)
    );
    assert_eq!(bad["report"], Value::Null);
    assert!(
        bad["error"]
            .as_str()
            .unwrap()
            .contains("not an avouch bundle")
    );
    let report = &good["report"];
    assert_eq!(
        (&report["version"], &report["verdict"]),
        (&1.into(), &"verified".into())
    );
    let about = &report["about"];
    assert_eq!(about["issuer"], ISSUER);
    assert_eq!(about["manifest"]["run"], "07".repeat(16));
    assert_eq!(about["manifest"]["first_time_ms"], 1_760_000_000_000_u64);
    assert_eq!(about["log"]["index"], 2);
    assert_eq!(about["shown"]["events"], 7);
    assert_eq!(about["root_and_chain_agree"], true);
    let names: Vec<_> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["name"])
        .collect();
    let expected = [
        "statement",
        "issuer",
        "signature",
        "manifest",
        "agent",
        "receipt",
        "checkpoint",
        "log-position",
        "events",
        "fields",
        "header-fields",
        "blobs",
        "trace",
    ];
    assert_eq!(names, expected);
    assert_eq!(report["checks"][0]["outcome"], "pass");
    assert_eq!(report["checks"][0]["required"], true);
    assert_eq!(report["not_shown"][0]["name"], "truth");
    // Every member, so that none is renamed or dropped unawares.
    let members = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        members(report),
        ["about", "checks", "not_shown", "verdict", "version"]
    );
    assert_eq!(
        members(about),
        [
            "issued_at_s",
            "issuer",
            "key_id",
            "log",
            "manifest",
            "root_and_chain_agree",
            "shown",
            "statement_id"
        ]
    );
    assert_eq!(
        members(&about["manifest"]),
        [
            "agent",
            "chain_head",
            "chain_start",
            "currency",
            "first_time_ms",
            "last_time_ms",
            "mode",
            "parents",
            "previous",
            "root",
            "run",
            "size",
            "source",
            "supersedes"
        ]
    );
    assert_eq!(
        members(&about["shown"]),
        [
            "blobs",
            "events",
            "fields",
            "opened_events",
            "withheld_blobs",
            "withheld_fields"
        ]
    );
}

#[test]
fn the_worst_answer_gives_the_exit_code() {
    let good = run().seal().show_none();
    let mut incomplete = good.clone();
    incomplete.receipts.clear();
    let mut failed = good.clone();
    failed.checkpoint = Some("x".into());
    let [good, incomplete, failed] = [good, incomplete, failed].map(|b| b.encode().unwrap());
    let code = |bundles: &[&[u8]]| {
        let bundles: Vec<_> = bundles.iter().map(|bytes| ("x", bytes.to_vec())).collect();
        answers(&bundles).exit_code()
    };
    assert_eq!(code(&[&good, &good]), 0);
    assert_eq!(code(&[&good, &incomplete]), 3);
    assert_eq!(code(&[&good, &incomplete, b"x"]), 2);
    assert_eq!(code(&[&failed, &good, &incomplete, b"x"]), 1);
}

#[test]
fn nothing_in_a_bundle_can_write_on_the_terminal() {
    let evil = "agent\u{1b}[2J\u{202e}\n\rpass\u{9b}31m";
    let mut run = run();
    run.agent = evil.into();
    let bytes = run.seal().show_all().encode().unwrap();
    let options = Options {
        expect_agent: Some("x\u{1b}]0;".into()),
        ..Options::default()
    };
    let answer = Answer::about("na\u{1b}me", &bytes, &policy(""), &options);
    let answers = Answers::from(vec![answer, Answer::unreadable("\u{202e}", "\u{7}")]);
    for json in [false, true] {
        let (text, errors) = printed(&answers, json);
        for c in text.chars().chain(errors.chars()).filter(|c| *c != '\n') {
            assert!(!c.is_control() && c != '\u{202e}', "{c:?} in {text}");
        }
        if json {
            // Escaped, but still the same text to a program.
            let json: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                json["answers"][0]["report"]["about"]["manifest"]["agent"],
                evil
            );
        } else {
            assert!(!text.contains("\npass"));
        }
    }
    assert_eq!(printable("a\u{7f}é\u{e0041}"), "a\\u{7f}é\\u{e0041}");
}
