//! `avouch export`, read and checked by other people's implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use avouch_tests::desk::{Desk, fixture};
use serde_json::Value;

/// A desk with one sealed run; its name.
fn sealed(input: &Path) -> (Desk, String) {
    let desk = Desk::new();
    let run = desk.ingest(input).remove(0);
    desk.ok(&["seal", &run, "-o", "evidence"]);
    (desk, run)
}

fn inputs() -> Vec<PathBuf> {
    let mut inputs = vec![
        fixture("agent-session.jsonl"),
        fixture("claude-code-session.jsonl"),
        fixture("debate.jsonl"),
        fixture("sources/vex.json"),
        fixture("sources/governance.jsonl"),
    ];
    if let Some(data) = avouch_tests::shared_data().map(|data| data.join("seed-systems")) {
        let samples = [
            "vex-audit.json",
            "governance-audit.jsonl",
            "harombe-audit.db",
            "arw-journal.db",
        ];
        inputs.extend(samples.map(|name| data.join(name)));
    }
    inputs
}

/// How many events of each kind the run has.
fn kinds(desk: &Desk, run: &str) -> BTreeMap<String, u64> {
    let shown: Value = serde_json::from_str(&desk.ok(&["show", run, "--json"])).unwrap();
    let mut kinds = BTreeMap::new();
    for event in shown["events"].as_array().unwrap() {
        *kinds
            .entry(event["kind"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    kinds
}

fn python(desk: &Desk, args: &[&str]) -> Option<Value> {
    let python = avouch_tests::tool("AVOUCH_PYTHON", "python3")?;
    let script = avouch_tests::repository().join("tests/tools/check_exports.py");
    let output = Command::new(python)
        .arg(script)
        .args(args)
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("ModuleNotFoundError") && std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none() {
        eprintln!("SKIPPED: {}", error.lines().last().unwrap_or_default());
        return None;
    }
    assert!(output.status.success(), "{args:?}: {error}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn agent_records_validate_against_the_drafts_cddl() {
    let Some(data) = avouch_tests::shared_data() else {
        return;
    };
    let cddl = data.join("agent-conversation.cddl");
    for input in inputs() {
        let (desk, run) = sealed(&input);
        desk.ok(&[
            "export",
            &run,
            "--format",
            "agent-record-json",
            "-o",
            "record.json",
        ]);
        desk.ok(&[
            "export",
            &run,
            "--format",
            "agent-record-cbor",
            "-o",
            "record.cbor",
        ]);
        let cbor = fs::read(desk.path("record.cbor")).unwrap();
        assert!(avouch_cbor::Value::decode(&cbor).is_ok(), "deterministic");
        let args = ["cddl", cddl.to_str().unwrap(), "record.json", "record.cbor"];
        let Some(entries) = python(&desk, &args) else {
            return;
        };
        assert_eq!(entries, kinds(&desk, &run).values().sum::<u64>());
        println!(
            "{}: {entries} entries",
            input.file_name().unwrap().display()
        );
    }
}

#[test]
fn an_exported_record_can_be_ingested_again() {
    let (desk, run) = sealed(&fixture("agent-session.jsonl"));
    desk.ok(&[
        "export",
        &run,
        "--format",
        "agent-record-json",
        "-o",
        "record.json",
    ]);
    let again = desk.ingest(Path::new("record.json")).remove(0);
    let (before, after) = (kinds(&desk, &run), kinds(&desk, &again));
    for kind in ["message-in", "tool-call", "tool-result", "reasoning"] {
        assert_eq!(before.get(kind), after.get(kind), "{kind}");
    }
}

#[test]
fn attestations_verify_with_securesystemslib() {
    for algorithm in ["ed25519", "p256"] {
        let desk = Desk::new();
        fs::remove_dir_all(desk.path(".avouch")).unwrap();
        desk.ok(&["init", "--key-type", algorithm]);
        let run = desk.ingest(&fixture("agent-session.jsonl")).remove(0);
        desk.ok(&["seal", &run, "-o", "evidence"]);
        desk.ok(&["export", &run, "--format", "in-toto", "-o", "run.dsse.json"]);
        fs::write(
            desk.path("issuer.pem"),
            desk.ok(&["key", "export", "issuer"]),
        )
        .unwrap();
        let bundle =
            avouch_bundle::Bundle::decode(&fs::read(desk.only_file("evidence")).unwrap()).unwrap();
        fs::write(desk.path("statement.cose"), bundle.statement).unwrap();
        let args = ["in-toto", "run.dsse.json", "issuer.pem", "statement.cose"];
        let Some(predicate) = python(&desk, &args) else {
            return;
        };
        assert_eq!(predicate["events"], 64);
        let counted: BTreeMap<String, u64> =
            serde_json::from_value(predicate["kinds"].clone()).unwrap();
        assert_eq!(counted, kinds(&desk, &run));
        assert!(
            predicate["log"]["checkpoint"]
                .as_str()
                .unwrap()
                .contains("\n1\n")
        );
    }
}

#[test]
fn ocsf_events_have_the_shape_of_their_classes() {
    for input in inputs() {
        let (desk, run) = sealed(&input);
        desk.ok(&["export", &run, "--format", "ocsf", "-o", "events.jsonl"]);
        let Some(found) = python(&desk, &["ocsf", "events.jsonl"]) else {
            return;
        };
        let kinds = kinds(&desk, &run);
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| kinds.get(*name).unwrap_or(&0))
                .sum::<u64>()
        };
        let count = |class: &str| found[class].as_u64().unwrap_or(0);
        assert_eq!(
            count("6002"),
            of(&["run-start", "run-end"]),
            "{}",
            input.display()
        );
        assert_eq!(count("4001"), of(&["egress"]));
        assert_eq!(count("6008"), of(&["error"]));
        let all: u64 = kinds.values().sum();
        assert_eq!(
            count("6003"),
            all - count("6002") - count("4001") - count("6008")
        );
    }
}

/// The class facts that a SIEM routes by, without another's implementation.
#[test]
fn every_ocsf_line_agrees_with_itself() {
    let (desk, run) = sealed(&fixture("agent-session.jsonl"));
    let lines = desk.ok(&["export", &run, "--format", "ocsf", "-o", "-"]);
    let mut severities = BTreeMap::new();
    for (seq, line) in lines.lines().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| event[name].as_u64().unwrap();
        assert_eq!(
            number("type_uid"),
            number("class_uid") * 100 + number("activity_id")
        );
        assert_eq!(number("category_uid"), number("class_uid") / 1000);
        assert_eq!(event["metadata"]["sequence"], seq);
        assert_eq!(event["unmapped"]["avouch"]["seq"], seq);
        let shown: Value =
            serde_json::from_str(&desk.ok(&["show", &run, "--event", &seq.to_string(), "--json"]))
                .unwrap();
        let shown = shown["events"].get(0).unwrap_or(&shown);
        assert_eq!(event["time"], shown["time"]);
        *severities.entry(number("severity_id")).or_insert(0) += 1;
    }
    assert!(severities[&1] > 40 && severities[&2] >= 1, "{severities:?}");
}

#[test]
fn what_was_not_signed_is_not_exported() {
    let desk = Desk::new();
    let run = desk.ingest(&fixture("agent-session.jsonl")).remove(0);
    for format in ["agent-record-json", "agent-record-cbor", "in-toto", "ocsf"] {
        let (_, error) = desk.expect(2, &["export", &run, "--format", format, "-o", "out"]);
        assert!(error.contains("not sealed"), "{error}");
    }
    desk.ok(&["seal", &run, "-o", "evidence"]);
    desk.expect(2, &["export", &run, "--format", "xml", "-o", "out"]);
    assert!(!desk.path("out").exists());
    // A field that was changed in the store.
    let db = rusqlite::Connection::open(desk.path(".avouch/ledger.db")).unwrap();
    let triggers: Vec<String> = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for trigger in triggers {
        db.execute_batch(&format!("DROP TRIGGER \"{trigger}\""))
            .unwrap();
    }
    let mut fields: Vec<u8> = db
        .query_row(
            "SELECT fields FROM events ORDER BY rowid LIMIT 1 OFFSET 5",
            [],
            |row| row.get(0),
        )
        .unwrap();
    *fields.last_mut().unwrap() ^= 1;
    let sql = "UPDATE events SET fields = ?1 WHERE rowid = (SELECT rowid FROM events ORDER BY rowid LIMIT 1 OFFSET 5)";
    assert_eq!(db.execute(sql, [fields]).unwrap(), 1);
    drop(db);
    let (_, error) = desk.expect(2, &["export", &run, "--format", "ocsf", "-o", "out"]);
    assert!(!error.is_empty() && !desk.path("out").exists(), "{error}");
}
