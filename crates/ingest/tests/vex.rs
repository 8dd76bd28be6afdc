//! VEX: exports, the store and capsules, of a log that `fixtures/sources/make_vex.py` wrote with hashes
//! and signatures of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use avouch_ingest::{
    Error, Format, Integrity, Options, Outcome, SourceKey, audit, audit_file, ingest,
};
use avouch_trace::{Decision, Flags, Kind};
use common::{Memory, Stored, count, field, file, one, raws, shared, shared_path, text, try_with};
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures/sources")
            .join(name),
    )
    .unwrap()
}

fn key(hex: &[u8]) -> SourceKey {
    std::str::from_utf8(hex).unwrap().parse().unwrap()
}

fn keys() -> Vec<SourceKey> {
    vec![key(&fixture("vex.agent-pubkey.hex"))]
}

fn audited(input: &[u8], keys: Vec<SourceKey>) -> Integrity {
    let options = Options {
        source_keys: keys,
        ..Options::default()
    };
    audit("input", Cursor::new(input), &options)
        .unwrap()
        .integrity
        .unwrap()
}

/// Ingests into a store that knows runs already.
fn try_again(
    mut store: Memory,
    input: &[u8],
    options: &Options<'_>,
) -> (Memory, Result<Vec<Outcome>, Error>) {
    let result = ingest("input", Cursor::new(input), options, &mut store);
    (store, result)
}

/// The findings, as text.
fn findings(integrity: &Integrity) -> Vec<String> {
    assert_eq!(integrity.broken as usize, integrity.findings.len());
    assert_eq!(integrity.held, Some(integrity.findings.is_empty()));
    integrity.findings.iter().map(ToString::to_string).collect()
}

fn export() -> Value {
    serde_json::from_slice(&fixture("vex.json")).unwrap()
}

/// Makes VEX's store of a log, with the rows in an order that is not the log's.
fn store(path: &Path, tenants: &[(&str, &Value)]) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.execute_batch(
        "CREATE TABLE kv_store (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, created_at INTEGER, updated_at INTEGER);
         CREATE TABLE audit_logs (id TEXT PRIMARY KEY NOT NULL);
         CREATE TABLE migrations (version INTEGER PRIMARY KEY, checksum BLOB);
         INSERT INTO migrations VALUES (1, x'00ff');",
    )
    .unwrap();
    let put = |key: String, value: &Value| {
        db.execute(
            "INSERT INTO kv_store VALUES (?1, ?2, 1, 2)",
            (key, value.to_string()),
        )
        .unwrap();
    };
    for (tenant, log) in tenants {
        let events = log["events"].as_array().unwrap();
        for event in events.iter().rev() {
            put(
                format!(
                    "audit:tenant:{tenant}:event:{}",
                    event["id"].as_str().unwrap()
                ),
                event,
            );
        }
        let ids: Vec<&Value> = events.iter().map(|event| &event["id"]).collect();
        put(format!("audit:tenant:{tenant}:chain"), &json!(ids));
        let last = &events.last().unwrap()["hash"];
        put(
            format!("audit:tenant:{tenant}:chain_state"),
            &json!({"last_hash": last, "sequence": events.len()}),
        );
        put(
            format!("agent:tenant:{tenant}:a1"),
            &json!({"name": "Blue"}),
        );
    }
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vex.db");
    (folder, path)
}

const BLUE: &str = "agent:16477688-c0e0-4699-86cf-a4497a3612d7";

#[test]
fn an_export_becomes_the_documented_events() {
    let run = one(&fixture("vex.json"));
    assert_eq!(
        (&*run.info.format, &*run.info.agent, &*run.info.currency),
        ("vex", "vex", "USD")
    );
    assert_eq!(run.info.integrity, Some(true));
    let rows: Vec<_> = run.events[1..run.events.len() - 1]
        .iter()
        .map(|e| (e.kind, e.decision, e.round, e.score, e.parent, e.cost))
        .collect();
    use Decision::{Allow, AskHuman, Deny, HumanAllowed, None as No};
    let free = Some(0);
    assert_eq!(
        rows,
        [
            (Kind::Note, No, 0, None, None, free),       // 1 policy update
            (Kind::Delegation, No, 0, None, None, free), // 2
            (Kind::DebateOpened, No, 0, None, None, free), // 3
            (Kind::Claim, No, 0, None, Some(3), None),   // 4
            (Kind::Challenge, No, 1, Some(500_000), Some(4), None), // 5
            (Kind::Rebuttal, No, 1, None, Some(5), None), // 6
            (Kind::Claim, No, 2, None, Some(3), None),   // 7 narrowed
            (Kind::Challenge, No, 2, Some(123_457), Some(7), None), // 8
            (Kind::Vote, Deny, 2, Some(780_000), Some(7), None), // 9
            (Kind::Vote, Allow, 2, Some(1_000_000), Some(7), None), // 10
            (Kind::Vote, No, 2, None, Some(7), None),    // 11 abstains
            (Kind::Consensus, Allow, 2, Some(875_000), Some(7), free), // 12
            (Kind::DebateClosed, Allow, 2, Some(875_000), Some(12), free), // 13
            (Kind::PolicyDecision, Allow, 0, Some(875_000), None, free), // 14
            (Kind::ToolCall, Allow, 0, None, Some(14), Some(12_600)), // 15
            (Kind::ToolResult, No, 0, None, Some(15), free), // 16
            (Kind::ApprovalAsked, AskHuman, 0, Some(875_000), None, free), // 17
            (Kind::ApprovalGiven, HumanAllowed, 0, None, Some(17), free), // 18
            (Kind::ToolCall, HumanAllowed, 0, None, Some(18), Some(3)), // 19
            (Kind::ToolResult, No, 0, None, Some(19), free), // 20
            (Kind::PolicyDecision, Deny, 0, Some(875_000), None, free), // 21
            (Kind::ToolCall, Deny, 0, None, Some(21), free), // 22
            (Kind::ToolResult, No, 0, None, Some(22), free), // 23
            (Kind::ToolCall, No, 0, None, None, Some(24_040_000)), // 24 paid in USD
            (Kind::ToolResult, No, 0, None, Some(24), free), // 25
            (Kind::ToolCall, No, 0, None, None, None),   // 26 paid in CHF
            (Kind::Artifact, No, 0, None, None, free),   // 27
            (Kind::ModelCall, No, 0, Some(875_000), None, None), // 28
            (Kind::Reflection, No, 0, None, None, free), // 29
            (Kind::GenomeChange, No, 0, None, None, free), // 30
            (Kind::Note, No, 0, None, None, free),       // 31
            (Kind::Note, No, 0, None, None, free),       // 32
        ]
    );
    let names = |at: usize| {
        (
            run.events[at].actor.as_deref(),
            run.events[at].subject.as_deref(),
        )
    };
    assert_eq!(names(1).1, Some("policy:spend"));
    assert_eq!(names(2), (Some("system:orchestrator"), Some(BLUE)));
    assert_eq!(names(5).1, Some(BLUE));
    assert_eq!(names(6), (names(5).1, names(5).0));
    assert_eq!(
        names(12),
        (Some("system:orchestrator"), Some("protocol:Majority"))
    );
    assert_eq!(names(14), (Some("gate:gate-7"), Some("tool:web.fetch")));
    assert_eq!(names(15), (Some(BLUE), Some("tool:web.fetch")));
    assert_eq!(names(16), (Some("tool:web.fetch"), Some(BLUE)));
    assert_eq!(names(17), (Some(BLUE), Some("tool:pay")));
    assert_eq!(names(18).1, Some("tool:pay"));
    assert_eq!(names(24), (Some(BLUE), Some("tool:payment")));
    assert_eq!(names(30).1, Some(BLUE));
    let flagged = |flag| {
        let flagged = |at: &usize| run.events[*at].flags.contains(flag);
        (0..run.events.len()).filter(flagged).collect::<Vec<_>>()
    };
    assert_eq!(flagged(Flags::HUMAN), [1, 18]);
    assert_eq!(flagged(Flags::HALTED), [21]);
    assert_eq!(flagged(Flags::ERROR), [23]);
    assert_eq!(text(&run.events[14], "reason"), Some("WITHIN_POLICY"));
    assert_eq!(
        text(&run.events[28], "outcome"),
        None,
        "defaults are no verdict"
    );
    assert_eq!(run.events[1].time, 1_767_225_600_123);
    assert_eq!(raws(&run).len(), 23);
}

#[test]
fn all_forms_of_a_log_make_the_same_events() {
    let (_folder, path) = temporary();
    store(&path, &[("acme", &export())]);
    let strip = |run: &Stored, from: usize| -> Vec<_> {
        let events = run.events[from..].iter();
        let mapped = events.filter(|event| field(event, "key").is_none());
        mapped
            .map(|e| {
                (
                    e.kind,
                    e.decision,
                    e.flags,
                    e.round,
                    e.time,
                    e.cost,
                    e.score,
                    e.actor.clone(),
                    e.subject.clone(),
                )
            })
            .collect()
    };
    let json = one(&fixture("vex.json"));
    let lines = one(&fixture("vex.jsonl"));
    let [stored] = &file(&path)[..] else {
        panic!("one tenant, one run")
    };
    assert_eq!(strip(&json, 1), strip(&lines, 1));
    // The row of no tenant comes first.
    assert_eq!(strip(&json, 1), strip(stored, 2));
    assert_eq!(
        (stored.info.name.as_str(), &*stored.info.format),
        ("acme", "vex-sqlite")
    );
    assert_eq!(text(&stored.events[0], "tenant"), Some("acme"));
    assert_eq!(stored.info.integrity, Some(true));
    assert_eq!(
        std::str::from_utf8(raws(stored)[0]).unwrap(),
        r#"{"table":"migrations","row":{"version":1,"checksum":{"blob":"00ff"}}}"#
    );
    // Every row is kept: the migration, the events, chain, chain_state and the agent.
    assert_eq!(raws(stored).len(), 1 + 23 + 3);
}

#[test]
fn each_tenant_of_a_store_is_a_run() {
    let (_folder, path) = temporary();
    store(&path, &[("north", &export()), ("acme", &export())]);
    let runs = file(&path);
    let names: Vec<&str> = runs.iter().map(|run| &*run.info.name).collect();
    assert_eq!(names, ["acme", "north"]);
    let ordinals: Vec<u32> = runs.iter().map(|run| run.info.input.ordinal).collect();
    assert_eq!(ordinals, [0, 1]);
    // Nothing of one tenant is remembered in the next one's run.
    assert_eq!(runs[0].events.len(), runs[1].events.len() + 1);
}

#[test]
fn what_vex_signed_and_hashed_holds() {
    for name in ["vex.json", "vex.jsonl"] {
        let integrity = audited(&fixture(name), keys());
        assert_eq!(findings(&integrity), [""; 0]);
        // A hash and a link for each event, four approvals, one capsule; one root in the JSON form.
        assert_eq!(
            integrity.checked,
            23 * 2 + 4 + 1 + u64::from(name == "vex.json"),
            "{name}"
        );
        assert!(integrity.not_checked.is_empty());
        let without_key = audited(&fixture(name), Vec::new());
        assert_eq!(
            (without_key.held, without_key.checked),
            (Some(true), integrity.checked - 4)
        );
        assert_eq!(without_key.not_checked.len(), 1, "said once for all four");
    }
    let gate = key(&fixture("vex.gate-pubkey.hex"));
    let capsule = audited(&fixture("vex.vep"), vec![gate]);
    assert_eq!((findings(&capsule).len(), capsule.checked), (0, 2));
}

type Change = fn(&mut Value);

/// Changes the export, and what is found then.
fn tampered(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut log = export();
    change(&mut log);
    findings(&audited(log.to_string().as_bytes(), keys()))
}

#[test]
fn what_vex_covers_is_found_and_named() {
    let cases: [(&str, Change, &str); 10] = [
        (
            "data",
            |log| log["events"][8]["data"]["cost_usd"] = json!(0.0125),
            "(sequence 8): its hash is",
        ),
        (
            "type",
            |log| log["events"][4]["event_type"] = json!("HEARTBEAT"),
            "(sequence 4): its hash is",
        ),
        (
            "time",
            |log| log["events"][3]["timestamp"] = json!("2026-01-01T00:00:04Z"),
            "(sequence 3): its hash is",
        ),
        (
            "actor",
            |log| log["events"][10]["actor"]["type"] = json!("bot"),
            "(sequence 10): its hash is",
        ),
        (
            "verdict",
            |log| log["events"][12]["evidence_capsule"]["outcome"] = json!("ALLOW"),
            "(sequence 12): its hash is",
        ),
        (
            "hash",
            |log| log["events"][6]["hash"][31] = json!(0),
            "(sequence 7): its previous_hash is",
        ),
        (
            "order",
            |log| log["events"].as_array_mut().unwrap().swap(1, 2),
            "previous_hash is",
        ),
        (
            "gap",
            |log| drop(log["events"].as_array_mut().unwrap().remove(5)),
            "(sequence 6): its previous_hash is",
        ),
        (
            "head",
            |log| drop(log["events"].as_array_mut().unwrap().remove(0)),
            "it is the first here, but",
        ),
        (
            "tail",
            |log| drop(log["events"].as_array_mut().unwrap().pop()),
            "the log: merkle_root is",
        ),
    ];
    for (name, change, expected) in cases {
        let found = tampered(change);
        assert!(
            found.iter().any(|finding| finding.contains(expected)),
            "{name}: {found:?}"
        );
    }
    let found = tampered(|log| {
        let signature = &mut log["events"][7]["approval_signatures"][1]["signature_hex"];
        *signature = json!(signature.as_str().unwrap().replace('a', "b"));
    });
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("approval 1 is not signed by the key of"),
        "{found:?}"
    );
    let found = tampered(|log| log["events"][7]["evidence_capsule"]["vep_blob"][100] = json!(0));
    assert_eq!(
        found.len(),
        4,
        "its hash, both signatures, the capsule's root: {found:?}"
    );
}

#[test]
fn what_vex_does_not_cover_is_not_found() {
    let cases: [(&str, Change); 6] = [
        ("id", |log| {
            log["events"][8]["id"] = json!("00000000-0000-4000-8000-000000000000")
        }),
        ("agent", |log| log["events"][8]["agent_id"] = Value::Null),
        ("time", |log| {
            log["events"][8]["timestamp"] = json!("2026-01-01T00:00:08.999Z")
        }),
        ("blob", |log| log["events"][7]["vep_blob"] = json!([1, 2])),
        ("signed_at", |log| {
            log["events"][7]["approval_signatures"][0]["signed_at"] = json!("never")
        }),
        ("exported", |log| log["verified"] = json!(false)),
    ];
    for (name, change) in cases {
        assert_eq!(tampered(change), [""; 0], "{name}");
    }
    // Without a root, the end can be cut off.
    let lines = fixture("vex.jsonl");
    let end = lines[..lines.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap();
    assert_eq!(findings(&audited(&lines[..=end], keys())), [""; 0]);
}

#[test]
fn a_strict_import_refuses_what_is_broken_and_another_records_it() {
    let mut log = export();
    log["events"][8]["data"]["cost_usd"] = json!(0);
    let input = log.to_string();
    let strict = Options {
        strict_source: true,
        ..Options::default()
    };
    let (memory, refused) = try_with(input.as_bytes(), &strict);
    assert!(memory.runs.is_empty());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("record 9 (at byte"), "{message}");
    assert!(message.contains("does not hold"), "{message}");
    assert!(try_with(&fixture("vex.json"), &strict).1.is_ok());
    let (memory, outcomes) = try_with(input.as_bytes(), &Options::default());
    assert!(matches!(
        outcomes.unwrap()[..],
        [Outcome::Ingested {
            source_held: Some(false),
            ..
        }]
    ));
    assert_eq!(memory.runs[0].info.integrity, Some(false));
    let (again, refused) = try_again(memory, input.as_bytes(), &strict);
    assert!(refused.is_err(), "also where it is known");
    let memory = again;
    let said = format!("{:?}", field(&memory.runs[0].events[0], "source_integrity"));
    assert!(
        said.contains("(sequence 8)") && said.contains("its hash is"),
        "{said}"
    );
}

#[test]
fn the_store_is_found_broken_where_its_rows_were_changed() {
    let change = |sql: &str| {
        let (_folder, path) = temporary();
        store(&path, &[("acme", &export())]);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        let options = Options {
            source_keys: keys(),
            ..Options::default()
        };
        findings(&audit_file(&path, &options).unwrap().integrity.unwrap())
    };
    assert_eq!(
        change("UPDATE kv_store SET updated_at = 9"),
        [""; 0],
        "not covered"
    );
    assert_eq!(
        change("DELETE FROM kv_store WHERE key LIKE 'agent:%'"),
        [""; 0],
        "not covered"
    );
    let found = change("UPDATE kv_store SET value = replace(value, '0.0126', '0.0001')");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("row 13: event") && found[0].contains("(sequence 8)"),
        "{found:?}"
    );
    let found = change(
        "DELETE FROM kv_store WHERE key LIKE '%:event:%' AND value LIKE '%\"sequence_number\":22,%'",
    );
    assert_eq!(found.len(), 2, "chain and chain_state: {found:?}");
    assert!(
        found[0].contains("place 22 of its chain lists"),
        "{found:?}"
    );
}

#[test]
fn a_capsule_becomes_a_decision_and_says_what_it_does_not_cover() {
    let run = one(&fixture("vex.vep"));
    let event = &run.events[1];
    assert_eq!(
        (run.events.len(), event.kind, event.decision),
        (3, Kind::PolicyDecision, Decision::Allow)
    );
    assert_eq!(
        (event.actor.as_deref(), event.subject.as_deref()),
        (Some("gate:gate-7"), Some("tool:web.fetch"))
    );
    assert_eq!(
        (event.score, event.time),
        (Some(875_000), 1_767_225_606_000)
    );
    assert_eq!(raws(&run), [&fixture("vex.vep")[..]]);
    let gate = || vec![key(&fixture("vex.gate-pubkey.hex"))];
    let change = |at: usize| {
        let mut bytes = fixture("vex.vep");
        bytes[at] ^= 1;
        findings(&audited(&bytes, gate()))
    };
    let find = |needle: &[u8]| {
        fixture("vex.vep")
            .windows(needle.len())
            .position(|w| w == needle)
            .unwrap()
    };
    assert_eq!(change(10), [""; 0], "aid");
    assert_eq!(change(70), [""; 0], "nonce");
    assert_eq!(
        change(find(b"000000000000000000000000000000") + 8),
        [""; 0],
        "receipt_hash"
    );
    assert!(change(find(b"0.875") + 2)[0].contains("its capsule's root is"));
    assert!(change(find(b"gate-7"))[0].contains("its capsule's root is"));
    assert!(change(40)[1].contains("signed by none of the keys"));
    assert!(change(fixture("vex.vep").len() - 1)[0].contains("signed by none of the keys"));
    let wrong_key = findings(&audited(&fixture("vex.vep"), keys()));
    assert_eq!(wrong_key.len(), 1);
}

#[test]
fn what_is_no_capsule_or_event_is_refused() {
    let whole = fixture("vex.vep");
    for end in [76, 80, whole.len() - 1] {
        let (_, result) = try_with(&whole[..end], &Options::default());
        assert!(result.is_err(), "{end}");
    }
    for (input, message) in [
        (
            r#"{"event_type":"X","previous_hash":null,"sequence_number":0}"#,
            "line 1: missing field",
        ),
        (
            r#"{"id":"a","event_type":"X","timestamp":"now","agent_id":null,"data":1,"hash":[1],"previous_hash":null,"sequence_number":0,"actor":{"type":"bot","id":"b"},"schema_version":"1.0"}"#,
            "line 1: invalid length 1",
        ),
    ] {
        let (memory, result) = try_with(input.as_bytes(), &Options::default());
        assert!(memory.runs.is_empty());
        let found = result.unwrap_err().to_string();
        assert!(found.contains(message), "{found}");
    }
    let (_, result) = common::try_as(Format::VexSqlite, &fixture("vex.json"));
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("is no SQLite database")
    );
}

/// How many of each type of event the export has, counted without the importer.
fn types(log: &Value) -> BTreeMap<&str, usize> {
    let mut types = BTreeMap::new();
    for event in log["events"].as_array().unwrap() {
        *types
            .entry(event["event_type"].as_str().unwrap())
            .or_default() += 1;
    }
    types
}

#[test]
fn vexs_own_files_hold_and_have_the_events_that_counting_finds() {
    let (Some(json), Some(lines)) = (
        shared("seed-systems/vex-audit.json"),
        shared("seed-systems/vex-audit.jsonl"),
    ) else {
        return;
    };
    let store = shared_path("seed-systems/vex-audit.db").unwrap();
    let agent = key(&shared("seed-systems/vex-audit.agent-pubkey.hex").unwrap());
    let gate = key(&shared("seed-systems/vex-audit.vep-pubkey.hex").unwrap());
    let log: Value = serde_json::from_slice(&json).unwrap();
    let events = log["events"].as_array().unwrap();
    let types = types(&log);
    let approvals: usize = events
        .iter()
        .map(|event| event["approval_signatures"].as_array().unwrap().len())
        .sum();
    let votes: usize = events
        .iter()
        .filter_map(|event| Some(event["data"]["votes"].as_array()?.len()))
        .sum();
    let rebuttals = events
        .iter()
        .filter(|event| event["data"]["blue_rebuttal"].is_string())
        .count();
    let humans = events
        .iter()
        .filter(|event| event["actor"]["type"] == "human")
        .count();
    let failed = events
        .iter()
        .filter(|event| event["data"]["ok"] == false)
        .count();
    let halted = events
        .iter()
        .filter(|event| event["evidence_capsule"]["outcome"] == "HALT")
        .count();
    let micro: f64 = events
        .iter()
        .filter_map(|event| event["data"]["cost_usd"].as_f64())
        .sum::<f64>()
        * 1e6;
    let options = Options {
        source_keys: vec![agent],
        ..Options::default()
    };
    for bytes in [&json, &lines] {
        let integrity = audited(bytes, vec![agent]);
        assert_eq!(
            (findings(&integrity).len(), integrity.not_checked.len()),
            (0, 0)
        );
        assert!(integrity.checked as usize >= 2 * events.len() + approvals);
    }
    assert_eq!(
        findings(&audit_file(&store, &options).unwrap().integrity.unwrap()),
        [""; 0]
    );
    let mut runs = file(&store);
    assert_eq!(runs.len(), 1);
    runs.extend([one(&json), one(&lines)]);
    for run in &runs {
        assert_eq!(run.info.integrity, Some(true));
        let of = |kind| count(run, kind);
        assert_eq!(of(Kind::DebateOpened), types["DEBATE_STARTED"]);
        assert_eq!(of(Kind::Claim), types["DEBATE_STARTED"]);
        assert_eq!(of(Kind::Challenge), types["DEBATE_ROUND"]);
        assert_eq!(of(Kind::Rebuttal), rebuttals);
        assert_eq!(of(Kind::Vote), votes);
        assert_eq!(of(Kind::Consensus), types["CONSENSUS_REACHED"]);
        assert_eq!(of(Kind::DebateClosed), types["DEBATE_CONCLUDED"]);
        assert_eq!(of(Kind::PolicyDecision), types["CHORA_GATE_DECISION"]);
        assert_eq!(of(Kind::ApprovalAsked), types["ESCALATION"]);
        assert_eq!(of(Kind::ApprovalGiven), types["HUMAN_OVERRIDE"]);
        assert_eq!(
            of(Kind::ToolCall),
            types["TOOL_EXECUTED"] + types["PAYMENT_INITIATED"]
        );
        assert_eq!(
            of(Kind::ToolResult),
            types["TOOL_EXECUTED"] + types["PAYMENT_COMPLETED"]
        );
        assert_eq!(of(Kind::Artifact), types["CONTEXT_STORED"]);
        assert_eq!(of(Kind::ModelCall), types["AGENT_EXECUTED"]);
        assert_eq!(of(Kind::GenomeChange), types["GENOME_EVOLVED"]);
        assert_eq!(of(Kind::Delegation), types["AGENT_CREATED"]);
        let flagged = |flag| {
            run.events
                .iter()
                .filter(|event| event.flags.contains(flag))
                .count()
        };
        assert_eq!(flagged(Flags::HUMAN), humans);
        assert_eq!(flagged(Flags::HALTED), halted);
        assert_eq!(flagged(Flags::ERROR), failed + types["ANOMALOUS_BEHAVIOR"]);
        let tools = run
            .events
            .iter()
            .filter(|event| event.kind == Kind::ToolCall);
        let cost: u64 = tools.filter_map(|event| event.cost).sum();
        assert_eq!(cost, micro.round() as u64);
    }
    let rows = raws(&runs[0]).len();
    assert_eq!(
        (rows, raws(&runs[1]).len(), raws(&runs[2]).len()),
        (82 + 6, events.len(), events.len())
    );
    for capsule in ["vex-audit.cap-a-0001.vep", "vex-audit.cap-a-0002.vep"] {
        let bytes = shared(&format!("seed-systems/{capsule}")).unwrap();
        let integrity = audited(&bytes, vec![gate]);
        assert_eq!((findings(&integrity).len(), integrity.checked), (0, 2));
        assert_eq!(one(&bytes).events.len(), 3);
    }
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_change_of_a_byte_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), which in 0..3_usize) {
            let mut input = fixture(["vex.json", "vex.jsonl", "vex.vep"][which]);
            let at = at.index(input.len());
            input[at] = byte;
            let options = Options { source_keys: keys(), skip_bad: true, ..Options::default() };
            let _ = audit("input", Cursor::new(&input), &options);
            let _ = try_with(&input, &options);
        }

        #[test]
        fn no_capsule_panics(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut input = fixture("vex.vep")[..76].to_vec();
            input.extend(tail);
            let options = Options { source_keys: keys(), ..Options::default() };
            let _ = audit("input", Cursor::new(&input), &options);
        }
    }
}
