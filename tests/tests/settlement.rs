//! `avouch report settlement`: lines that name signed events, and sums that another program finds too.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use avouch_tests::desk::{Desk, fixture};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

fn arw(desk: &Desk) -> PathBuf {
    let path = desk.path("arw.db");
    let sql = fs::read_to_string(fixture("sources/arw.sql")).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(&sql)
        .unwrap();
    path
}

/// Python's sums of the table, which have to be those that it states.
fn added_up(desk: &Desk, table: &str) -> Option<Value> {
    let python = avouch_tests::tool("AVOUCH_PYTHON", "python3")?;
    let path = desk.path("table.csv");
    fs::write(&path, table).unwrap();
    let script = avouch_tests::repository().join("tests/tools/settle.py");
    let output = Command::new(python).arg(script).arg(path).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{table}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Seals everything; the sealed run's settlement as CSV.
fn settled(desk: &Desk, run: &str) -> String {
    desk.ok(&["seal", "--all", "-o", "evidence", "--disclose", "all"]);
    desk.ok(&["report", "settlement", run, "--csv"])
}

#[test]
fn contributions_and_amounts_add_up_exactly() {
    let desk = Desk::new();
    let run = desk.ingest(&arw(&desk)).remove(0);
    let table = settled(&desk, &run);
    if let Some(sums) = added_up(&desk, &table) {
        assert_eq!(
            sums,
            json!({
                "total": "0.00055",
                "spent": { "agent:scribe": "0.00055" },
                "received": {},
                "contributed": {
                    "agent:scribe compute.cpu ms": "812.35", "agent:scribe llm.tokens tok": "2200",
                    "role:local task.submit task": "1", "role:local task.complete task": "1",
                },
            })
        );
    }
    // Each line names an event of the statement, and what that event shows is what the line says.
    let json: Value =
        serde_json::from_str(&desk.ok(&["report", "settlement", &run, "--json"])).unwrap();
    let entries = json["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let seq = entry["seq"].to_string();
        let event: Value =
            serde_json::from_str(&desk.ok(&["show", &run, "--event", &seq, "--json"])).unwrap();
        let event = event["events"].get(0).unwrap_or(&event);
        assert_eq!(event["fields"]["contribution"], entry["item"]);
        assert_eq!(event["actor"], entry["party"]);
        assert!(table.contains(entry["statement"].as_str().unwrap()));
    }
}

#[test]
fn a_bundle_is_settled_as_the_store_is_once_it_verifies() {
    let desk = Desk::new();
    let run = desk.ingest(&arw(&desk)).remove(0);
    let from_store = settled(&desk, &run);
    let bundle = desk.only_file("evidence");
    let bundle = bundle.to_str().unwrap();
    assert_eq!(
        desk.ok(&["report", "settlement", bundle, "--csv"]),
        from_store
    );
    // Elsewhere, without the store.
    fs::rename(desk.path(".avouch/trust.toml"), desk.path("trust.toml")).unwrap();
    fs::rename(desk.path(".avouch"), desk.path("gone")).unwrap();
    let with_trust = [
        "report",
        "settlement",
        bundle,
        "--csv",
        "--trust",
        "trust.toml",
    ];
    assert_eq!(desk.ok(&with_trust), from_store);
    desk.expect(2, &["report", "settlement", bundle, "--csv"]);
    // Edited, it is not settled at all.
    let mut bytes = fs::read(bundle).unwrap();
    let from = b"\"qty\":812.25";
    let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
    bytes[at + 6] = b'9';
    let end = bytes.len() - 32;
    let digest = avouch_merkle::sha256(&[&bytes[..end]]);
    bytes[end..].copy_from_slice(digest.as_bytes());
    fs::write(bundle, bytes).unwrap();
    let (out, error) = desk.expect(2, &with_trust);
    assert!(out.is_empty() && error.contains("failed"), "{error}");
}

#[test]
fn what_a_bundle_withholds_is_said() {
    let desk = Desk::new();
    let run = desk.ingest(&arw(&desk)).remove(0);
    for (selection, code, said) in [
        ("headers", 3, "events withhold fields"),
        ("none", 2, "event 0 is not shown"),
        ("seq=0..3", 2, "event 4 is not shown"),
    ] {
        desk.ok(&["seal", &run, "-o", "evidence", "--disclose", selection]);
        let bundle = desk.only_file("evidence");
        let (out, error) = desk.expect(
            code,
            &["report", "settlement", bundle.to_str().unwrap(), "--csv"],
        );
        assert!(error.contains(said), "{selection}: {error}");
        // Amounts are in the headers.
        assert_eq!(
            out.contains("total,,,,,,,,,,,0.00055,USD"),
            code == 3,
            "{out}"
        );
    }
}

#[test]
fn who_was_paid_and_what_is_unknown_is_told() {
    let desk = Desk::new();
    let run = desk.ingest(&fixture("sources/vex.json")).remove(0);
    let table = settled(&desk, &run);
    if let Some(sums) = added_up(&desk, &table) {
        assert_eq!(sums["received"], json!({ "shop": "24.04" }));
        assert_eq!(sums["total"], "24.052603");
    }
    let json: Value =
        serde_json::from_str(&desk.ok(&["report", "settlement", &run, "--json"])).unwrap();
    // What a model said, and a payment in another currency.
    let unknown = desk.ok(&["show", &run, "--json"]);
    let shown: Value = serde_json::from_str(&unknown).unwrap();
    let events = shown["events"].as_array().unwrap();
    let count = events
        .iter()
        .filter(|event| event["cost"].is_null())
        .count();
    assert_eq!(json["unknown_costs"], count);
    let francs = json["entries"].as_array().unwrap();
    assert!(
        francs
            .iter()
            .any(|entry| entry["payee"] == "shop" && entry["amount"].is_null())
    );
}

#[test]
fn what_cannot_be_added_is_refused() {
    let desk = Desk::new();
    let run = desk.ingest(&arw(&desk)).remove(0);
    let (_, error) = desk.expect(2, &["report", "settlement", &run]);
    assert!(error.contains("not sealed"), "{error}");
    let other = desk.ingest(&fixture("sources/governance.jsonl")).remove(0);
    desk.ok(&["seal", "--all", "-o", "evidence"]);
    let (out, error) = desk.expect(2, &["report", "settlement", &run, &other, "--csv"]);
    assert!(
        out.is_empty() && error.contains("settle each currency by itself"),
        "{error}"
    );
    let (_, error) = desk.expect(2, &["report", "settlement", &run, &run]);
    assert!(error.contains("given twice"), "{error}");
    desk.expect(2, &["report", "settlement", "no-such-run"]);
    desk.expect(2, &["report", "settlement"]);
    // A quantity that is no number, in a file that is not there afterwards.
    let line =
        r#"{"kind":"note","cost":0,"fields":{"contribution":"work","qty":"much","unit":"h"}}"#;
    fs::write(desk.path("work.jsonl"), line).unwrap();
    let run = desk.ingest(Path::new("work.jsonl")).remove(0);
    desk.ok(&["seal", &run, "-o", "evidence"]);
    let (_, error) = desk.expect(2, &["report", "settlement", &run, "--csv", "-o", "out.csv"]);
    assert!(
        error.contains("event 1") && error.contains("much"),
        "{error}"
    );
    assert!(!desk.path("out.csv").exists());
}

#[test]
fn no_cell_is_a_formula() {
    let desk = Desk::new();
    let lines = [
        r#"{"kind":"note","actor":"=cmd|' /C calc'!A0","cost":1,"fields":{"payee":"@x,\"y\"\nz"}}"#,
        r#"{"kind":"note","actor":"agent:a","cost":0,"fields":{"contribution":"-1+1","qty":"-3.50","unit":"h"}}"#,
    ];
    fs::write(desk.path("names.jsonl"), lines.join("\n")).unwrap();
    let run = desk.ingest(Path::new("names.jsonl")).remove(0);
    let table = settled(&desk, &run);
    assert!(table.contains(",'=cmd|' /C calc'!A0,"), "{table}");
    assert!(table.contains("\"'@x,\"\"y\"\"\nz\""), "{table}");
    assert!(table.contains(",'-1+1,-3.5,h,"), "{table}");
    if let Some(sums) = added_up(&desk, &table) {
        assert_eq!(sums["total"], "0.000001");
    }
}

#[test]
fn arws_own_journal_adds_up_as_sql_does() {
    let Some(data) = avouch_tests::shared_data() else {
        return;
    };
    let journal = data.join("seed-systems/arw-journal.db");
    let desk = Desk::new();
    let run = desk.ingest(&journal).remove(0);
    let table = settled(&desk, &run);
    let Some(sums) = added_up(&desk, &table) else {
        return;
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", journal.display());
    let conn = Connection::open_with_flags(uri, flags).unwrap();
    let micro: i64 = conn
        .query_row(
            "SELECT sum(CAST(round(json_extract(meta, '$.est_cost_usd') * 1e6) AS INTEGER)) FROM contributions WHERE kind = 'llm.tokens'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(sums["total"], format!("0.{micro:06}"));
    let sql = "SELECT CASE WHEN instr(subject, ':') THEN subject ELSE 'role:' || subject END || ' ' || kind || ' ' || unit,
               CAST(sum(qty) AS INTEGER) FROM contributions GROUP BY 1";
    let expected: serde_json::Map<String, Value> = conn
        .prepare(sql)
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.to_string().into()))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(sums["contributed"], Value::Object(expected.clone()));
    let entries = table
        .lines()
        .filter(|line| line.starts_with("entry,"))
        .count();
    let rows: i64 = conn
        .query_row("SELECT count(*) FROM contributions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(entries as i64, rows);
    println!("{entries} lines, {} USD, {expected:?}", sums["total"]);
}
