//! Records that another system keeps: what its own integrity finds of an edit, and what is found after sealing.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use avouch_tests::desk::{Desk, fixture};
use rusqlite::Connection;
use serde_json::Value;

/// A change of a source file.
enum Edit {
    /// One text for another.
    Text(&'static str, &'static str),
    /// Everything from the last line on is cut off.
    CutLastLine,
    Sql(&'static str),
}

impl Edit {
    fn make(&self, original: &Path, to: &Path) {
        match self {
            Self::Text(from, with) => {
                let text = fs::read_to_string(original).unwrap();
                assert!(text.contains(from), "{from}");
                fs::write(to, text.replacen(from, with, 1)).unwrap();
            }
            Self::CutLastLine => {
                let text = fs::read_to_string(original).unwrap();
                let end = text.trim_end().rfind('\n').unwrap();
                fs::write(to, &text[..=end]).unwrap();
            }
            Self::Sql(sql) => {
                fs::write(to, fs::read(original).unwrap()).unwrap();
                assert_eq!(Connection::open(to).unwrap().execute(sql, []).unwrap(), 1);
            }
        }
    }
}

struct Case {
    source: PathBuf,
    /// What the system's own integrity covers, and what it says then; `None` where it covers nothing.
    covered: Option<(Edit, &'static str)>,
    /// What it does not cover.
    uncovered: Edit,
    /// A text of a record, and another as long.
    in_evidence: [&'static str; 2],
}

/// Makes a database of one of our own inputs.
fn database(desk: &Desk, sql: &str) -> PathBuf {
    let path = desk.path(&format!("{sql}.db"));
    let text = fs::read_to_string(fixture(&format!("sources/{sql}.sql"))).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(&text)
        .unwrap();
    path
}

/// Each system's records: ours, and theirs where they are there.
fn cases(desk: &Desk) -> Vec<Case> {
    let sql = |sql| Edit::Sql(sql);
    let mut cases = vec![
        Case {
            source: fixture("sources/vex.json"),
            covered: Some((
                Edit::Text("\"cost_usd\":0.0126", "\"cost_usd\":0.0001"),
                "(sequence 8): its hash is",
            )),
            uncovered: Edit::Text("00:00:08.123456789Z", "00:00:08.999999999Z"),
            in_evidence: ["00:00:08.123456789Z", "00:00:08.999999999Z"],
        },
        Case {
            source: fixture("sources/governance.jsonl"),
            covered: Some((
                Edit::Text("ticket-3", "ticket-8"),
                "step 3: its entry_hash is",
            )),
            uncovered: Edit::CutLastLine,
            in_evidence: ["ticket-3", "ticket-8"],
        },
        Case {
            source: database(desk, "harombe"),
            covered: None,
            uncovered: sql(
                "UPDATE security_decisions SET decision = 'allow' WHERE decision_id = 'd5'",
            ),
            in_evidence: ["wrong address", "right address"],
        },
        Case {
            source: database(desk, "arw"),
            covered: Some((
                sql("UPDATE memory_records SET text = 'Hullo'"),
                "memory record m1: its hash is",
            )),
            uncovered: sql("DELETE FROM egress_ledger WHERE decision = 'deny'"),
            in_evidence: ["paste.example.net", "trust.example.net"],
        },
    ];
    if let Some(data) = avouch_tests::shared_data().map(|data| data.join("seed-systems")) {
        cases.extend([
            Case {
                source: data.join("vex-audit.json"),
                covered: Some((
                    Edit::Text("\"cost_usd\":0.0126", "\"cost_usd\":0.0001"),
                    "its hash is",
                )),
                uncovered: Edit::Text("00:34:28.871603242Z", "00:34:28.999999999Z"),
                in_evidence: ["00:34:28.871603242Z", "00:34:28.999999999Z"],
            },
            Case {
                source: data.join("vex-audit.jsonl"),
                covered: Some((
                    Edit::Text("\"cost_usd\":0.0126", "\"cost_usd\":0.0001"),
                    "its hash is",
                )),
                uncovered: Edit::CutLastLine,
                in_evidence: ["00:34:28.871603242Z", "00:34:28.999999999Z"],
            },
            Case {
                source: data.join("vex-audit.db"),
                covered: Some((
                    sql("UPDATE kv_store SET value = replace(value, '\"cost_usd\":0.0126', '\"cost_usd\":0.0001') WHERE value LIKE '%\"cost_usd\":0.0126%'"),
                    "its hash is",
                )),
                uncovered: sql("DELETE FROM kv_store WHERE rowid = (SELECT max(rowid) FROM kv_store WHERE key LIKE 'agent:%')"),
                in_evidence: ["00:34:28.871603242Z", "00:34:28.999999999Z"],
            },
            Case {
                source: data.join("governance-audit.jsonl"),
                covered: Some((Edit::Text("\"effort\": 0.8,", "\"effort\": 0.9,"), "step 0: its entry_hash is")),
                uncovered: Edit::CutLastLine,
                in_evidence: ["resource-38", "resource-83"],
            },
            Case {
                source: data.join("harombe-audit.db"),
                covered: None,
                uncovered: sql("UPDATE security_decisions SET decision = 'allow' WHERE rowid = (SELECT min(rowid) FROM security_decisions WHERE decision = 'deny')"),
                in_evidence: ["corr-5-0000", "corr-5-9999"],
            },
            Case {
                source: data.join("arw-journal.db"),
                covered: Some((
                    sql("UPDATE memory_records SET text = text || '.' WHERE key = 'incident:12'"),
                    "memory record",
                )),
                uncovered: sql("DELETE FROM egress_ledger WHERE rowid = (SELECT min(rowid) FROM egress_ledger WHERE decision = 'deny')"),
                in_evidence: ["pastebin.com", "trustbin.com"],
            },
        ]);
    }
    cases
}

#[test]
fn an_edit_that_the_source_does_not_notice_is_noticed_once_it_is_sealed() {
    let desk = Desk::new();
    for case in cases(&desk) {
        check(&case);
        println!("{}", case.source.file_name().unwrap().display());
    }
}

fn check(case: &Case) {
    let desk = Desk::new();
    let source = case.source.to_str().unwrap();
    let (covered, uncovered) = (desk.path("covered"), desk.path("uncovered"));
    case.uncovered.make(&case.source, &uncovered);
    let held = |path: &Path| -> Value {
        let said = desk.ok(&["audit-source", "--json", path.to_str().unwrap()]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert!(!report["does_not_cover"].as_array().unwrap().is_empty());
        assert_eq!(report["broken"], 0);
        report["held"].clone()
    };

    // The source notices the one and not the other.
    let original = held(&case.source);
    assert_eq!(held(&uncovered), original, "{source}");
    match &case.covered {
        None => assert_eq!(original, Value::Null, "{source}"),
        Some((edit, named)) => {
            assert_eq!(original, true, "{source}");
            edit.make(&case.source, &covered);
            let (text, _) = desk.expect(1, &["audit-source", "covered"]);
            assert!(
                text.contains("  BROKEN ") && text.contains(named),
                "{source}: {text}"
            );
            let (_, refused) = desk.expect(2, &["ingest", "--strict-source", "covered"]);
            assert!(refused.contains("does not hold"), "{refused}");
        }
    }

    // Sealed, the evidence shows the records as they were, and no others.
    desk.ok(&["ingest", "--strict-source", source]);
    desk.ok(&["seal", "--all", "-o", "evidence", "--disclose", "all"]);
    let verify = || {
        let args = ["evidence", "--trust", ".avouch/trust.toml"];
        let output = desk.run("avouch-verify", &args);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    assert_eq!(verify().0, Some(0), "{source}: {}", verify().1);
    let again = desk.ok(&["ingest", "--json", source]);
    assert!(!again.contains("\"new\": true"), "{again}");
    let (other, _) = desk.expect(0, &["ingest", "--json", "uncovered"]);
    assert!(other.contains("\"new\": true"), "{source}: {other}");

    // The same edit in the evidence, with the file's digest made anew, is found.
    let [from, to] = case.in_evidence.map(str::as_bytes);
    assert_eq!(from.len(), to.len());
    let mut edited = 0;
    for evidence in fs::read_dir(desk.path("evidence")).unwrap() {
        let evidence = evidence.unwrap().path();
        let mut bytes = fs::read(&evidence).unwrap();
        let Some(at) = bytes.windows(from.len()).position(|window| window == from) else {
            continue;
        };
        bytes[at..at + from.len()].copy_from_slice(to);
        let end = bytes.len() - 32;
        let digest = avouch_merkle::sha256(&[&bytes[..end]]);
        bytes[end..].copy_from_slice(digest.as_bytes());
        fs::write(&evidence, bytes).unwrap();
        edited += 1;
    }
    assert!(edited > 0, "{source}: the record is disclosed");
    assert_eq!(verify().0, Some(1), "{source}: {}", verify().1);
}
