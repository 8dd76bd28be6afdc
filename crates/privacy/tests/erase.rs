//! A value is found wherever the run holds it, and the source records that it came in go with it.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use avouch_cbor::Value;
use avouch_ledger::{Ledger, Run, Sealer, Words};
use avouch_privacy::{Target, Why, erase, find};
use common::*;

const SECRET: &str = "Jane Doe, 1 Elm Street";

fn raw(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

/// The secret by itself, inside text, inside JSON, inside JSON in JSON, inside a blob; and what is none of it.
fn run() -> (tempfile::TempDir, Ledger, Run) {
    let (folder, _, ledger) = new_ledger();
    let long = format!("{} {SECRET}", "filler ".repeat(700));
    let events = vec![
        vec![
            ("input_sha256", Value::Bytes(vec![1; 32])),
            ("note", "start".into()),
        ],
        vec![
            ("text", SECRET.into()),
            ("flag", true.into()),
            ("raw", raw(r#"{"text":"Jane Doe, 1 Elm Street","n":1}"#)),
        ],
        vec![
            ("derived", "something else".into()),
            ("raw_at", 1_u64.into()),
        ],
        vec![
            ("quoted", format!("they said: {SECRET}!").as_str().into()),
            ("raw", raw("no trace of it")),
        ],
        vec![
            (
                "nested",
                raw(r#"{"a":["{\"who\":\"Jane Doe, 1 Elm Street\"}"]}"#),
            ),
            ("flag", true.into()),
        ],
        vec![
            ("list", Value::Array(vec!["x".into(), SECRET.into()])),
            ("raw_at", 3_u64.into()),
        ],
        vec![("long", long.as_str().into()), ("innocent", "Jane".into())],
        vec![("end", "Jane Doe".into())],
    ];
    let index = add_run(&ledger, "run", &events, 0);
    let run = seal(&ledger, index);
    (folder, ledger, run)
}

fn names(targets: &[Target]) -> Vec<(u64, &str, Why)> {
    let mut names: Vec<_> = targets
        .iter()
        .map(|target| (target.seq, target.name.as_str(), target.why))
        .collect();
    names.sort_by_key(|(seq, name, _)| (*seq, name.to_string()));
    names
}

#[test]
fn the_same_value_goes_wherever_the_run_holds_it_with_the_records_it_came_in() {
    let (_folder, ledger, run) = run();
    let targets = find(&ledger, &run, 1, "text").unwrap();
    assert_eq!(
        names(&targets),
        [
            (0, "input_sha256", Why::InputDigest),
            (1, "raw", Why::SameValue),
            (1, "text", Why::Named),
            (3, "quoted", Why::SameValue),
            // Its own record, and that of event 5, which holds none of it in plain sight.
            (3, "raw", Why::SourceRecord),
            (4, "nested", Why::SameValue),
            (5, "list", Why::SameValue),
            (6, "long", Why::SameValue),
        ]
    );
}

#[test]
fn the_record_goes_also_where_another_event_holds_it() {
    let (_folder, ledger, run) = run();
    let targets = find(&ledger, &run, 2, "derived").unwrap();
    assert_eq!(
        names(&targets),
        [
            (0, "input_sha256", Why::InputDigest),
            (1, "raw", Why::SourceRecord),
            (2, "derived", Why::Named),
        ]
    );
}

#[test]
fn a_value_that_is_everywhere_takes_only_its_own_field() {
    let (_folder, ledger, run) = run();
    let targets = find(&ledger, &run, 4, "flag").unwrap();
    assert_eq!(
        names(&targets),
        [
            (0, "input_sha256", Why::InputDigest),
            (4, "flag", Why::Named)
        ]
    );
}

#[test]
fn a_field_that_is_not_there_is_named_with_those_that_are() {
    let (_folder, ledger, run) = run();
    for name in ["txet", ""] {
        let message = find(&ledger, &run, 1, name).unwrap_err().to_string();
        assert!(
            message.contains("flag") && message.contains("text"),
            "{message}"
        );
    }
    assert!(find(&ledger, &run, 99, "text").is_err());
}

#[test]
fn what_was_erased_is_in_no_file_and_in_no_new_bundle() {
    let (folder, ledger, run) = run();
    let old = bundle(&ledger, &run, "all").encode().unwrap();
    assert!(contains(&old, SECRET.as_bytes()));
    let targets = find(&ledger, &run, 1, "text").unwrap();
    let (issuer_key, log_key) = (issuer_key(), log_key());
    let sealer = Sealer {
        issuer_key: &issuer_key,
        log_key: &log_key,
        iat: 1,
    };
    let words = Words {
        by: "dpo",
        reason: "asked for",
    };
    let erased = erase(&ledger, &run, &targets, &words, &sealer).unwrap();
    assert_eq!((erased.tombstones.len(), erased.blobs), (8, 1));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!contains(&bytes, SECRET.as_bytes()), "{}", path.display());
        assert!(!contains(&bytes, b"1 Elm Street"), "{}", path.display());
    }
    let new = bundle(&ledger, &run, "all");
    let bytes = new.encode().unwrap();
    assert!(!contains(&bytes, SECRET.as_bytes()));
    let shown = new.disclosures.unwrap();
    let marks: usize = shown
        .events
        .iter()
        .filter_map(|event| event.openings.as_ref())
        .map(|openings| openings.erased.len())
        .sum();
    assert_eq!(marks, 8);
    // Where a field is asked for that is gone, that is told; where only headers are, nothing is.
    let named = bundle(&ledger, &run, "seq=1 field=text")
        .disclosures
        .unwrap();
    let openings = named.events[0].openings.as_ref().unwrap();
    assert_eq!((openings.fields.len(), openings.erased.len()), (1, 2));
    let headers = bundle(&ledger, &run, "seq=1 headers").disclosures.unwrap();
    assert!(headers.events[0].openings.is_none());
    assert!(ledger.fsck(&mut |_| ()).unwrap().finding.is_none());
}
