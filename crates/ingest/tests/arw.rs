//! ARW's journal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};

use avouch_cbor::Value;
use avouch_ingest::{Draft, Error, FieldValue, Format, Integrity, Options, audit_file};
use avouch_trace::{Decision, Flags, Kind};
use common::{Stored, bytes, count, field, file, raws, shared_path, text, try_file};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

/// The tables that mean something here, as arw-kernel 0.2.0-dev makes them; `artifacts` stands for the
/// others.
const SCHEMA: &str = "
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT, proj TEXT, corr_id TEXT, payload TEXT NOT NULL);
CREATE TABLE artifacts (sha256 TEXT PRIMARY KEY, mime TEXT, bytes BLOB, meta TEXT);
CREATE TABLE actions (id TEXT PRIMARY KEY, kind TEXT NOT NULL, input TEXT NOT NULL, policy_ctx TEXT, idem_key TEXT, state TEXT, output TEXT, error TEXT,
  created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE contributions (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL, qty REAL NOT NULL,
  unit TEXT NOT NULL, corr_id TEXT, proj TEXT, meta TEXT);
CREATE TABLE leases (id TEXT PRIMARY KEY, subject TEXT NOT NULL, capability TEXT NOT NULL, scope TEXT, ttl_until TEXT NOT NULL, budget REAL, policy_ctx TEXT,
  created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE staging_actions (id TEXT PRIMARY KEY, action_kind TEXT NOT NULL, action_input TEXT NOT NULL, project TEXT, requested_by TEXT, evidence TEXT,
  status TEXT NOT NULL, decision TEXT, decided_by TEXT, decided_at TEXT, action_id TEXT, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE egress_ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, decision TEXT NOT NULL, reason TEXT, dest_host TEXT, dest_port INTEGER,
  protocol TEXT, bytes_in INTEGER, bytes_out INTEGER, corr_id TEXT, proj TEXT, posture TEXT, meta TEXT);
CREATE TABLE memory_records (id TEXT PRIMARY KEY, lane TEXT NOT NULL, kind TEXT, key TEXT, value TEXT NOT NULL, hash TEXT, score REAL, agent_id TEXT,
  project_id TEXT, persona_id TEXT, text TEXT, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE orchestrator_jobs (id TEXT PRIMARY KEY, status TEXT NOT NULL, goal TEXT, data TEXT, progress REAL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE config_snapshots (id TEXT PRIMARY KEY, config TEXT NOT NULL, created TEXT NOT NULL);
CREATE VIRTUAL TABLE memory_fts USING fts5(id UNINDEXED, key, value);
";

/// A short day of a kernel, out of order in the tables. `printf 'semanticnotek1botp1Hello{\"n\":1}' |
/// sha256sum` gave the hash.
const ROWS: &str = r#"
INSERT INTO config_snapshots VALUES ('g1', '{"budget_usd":5.0}', '2027-01-01T00:00:00.000Z');
INSERT INTO orchestrator_jobs VALUES ('j1', 'completed', 'Tidy up', '{}', 1.0, '2027-01-01T00:00:00.001Z', '2027-01-01T00:00:59.000Z');
INSERT INTO leases VALUES ('l1', 'local', 'net:http', 'p1', '2027-01-01T00:00:30.000Z', 2.5, NULL, '2027-01-01T00:00:01.000Z', '2027-01-01T00:00:01.000Z');
INSERT INTO artifacts VALUES ('00', 'text/plain', x'00ff', NULL);

-- An action that was refused, one that only waits, one that failed on the way out.
INSERT INTO actions VALUES ('a2', 'net.http.post', '{}', '{"decision":"allow","rule":"actions.net"}', NULL, 'completed',
  '{"error":"lease required: net:http","guard":{"allowed":false,"lease":null}}', NULL, '2027-01-01T00:00:10.000Z', '2027-01-01T00:00:10.500Z');
INSERT INTO actions VALUES ('a1', 'net.http.get', '{"url":"https://docs.rs/"}', NULL, NULL, 'completed',
  '{"status":200,"guard":{"allowed":true,"lease":{"id":"l1","ttl_until":"2027-01-01T00:00:30.000Z"}}}', NULL, '2027-01-01T00:00:02.000Z', '2027-01-01T00:00:04.000Z');
INSERT INTO actions VALUES ('a3', 'net.http.get', '{}', NULL, NULL, 'completed',
  '{"error":"denied","reason":"allowlist","guard":{"allowed":true,"lease":{"id":"l1","ttl_until":"2027-01-01T00:00:30.000Z"}}}', NULL, '2027-01-01T00:00:40.000Z', '2027-01-01T00:00:41.000Z');
INSERT INTO actions VALUES ('a4', 'chat.respond', '{"prompt":"hi"}', '{"decision":"allow","rule":"actions.chat"}', NULL, 'running', NULL, NULL, '2027-01-01T00:00:42.000Z', '2027-01-01T00:00:42.000Z');
INSERT INTO actions VALUES ('a5', 'app.open', '{}', NULL, NULL, 'failed', 'no json', 'runtime error: no display', '2027-01-01T00:00:46.000Z', '2027-01-01T00:00:47.000Z');
INSERT INTO actions VALUES ('a6', 'demo.echo', '{}', NULL, NULL, 'queued', NULL, NULL, '2027-01-01T00:00:50.000Z', '2027-01-01T00:00:50.000Z');
INSERT INTO actions VALUES ('a7', 'shell.exec', '{}', NULL, NULL, 'failed', NULL, 'denied: by policy', '2027-01-01T00:00:51.000Z', '2027-01-01T00:00:51.000Z');

INSERT INTO staging_actions VALUES ('s1', 'app.open', '{"path":"x"}', 'p1', 'local', '{"risk":"desktop"}', 'approved', 'approved', 'dana', '2027-01-01T00:00:46.001Z', 'a5', '2027-01-01T00:00:45.000Z', '2027-01-01T00:00:46.001Z');
INSERT INTO staging_actions VALUES ('s2', 'app.open', '{}', 'p1', 'local', NULL, 'denied', 'not now', 'dana', '2027-01-01T00:00:49.000Z', NULL, '2027-01-01T00:00:48.000Z', '2027-01-01T00:00:49.000Z');
INSERT INTO staging_actions VALUES ('s3', 'app.open', '{}', 'p1', 'local', NULL, 'pending', NULL, NULL, NULL, NULL, '2027-01-01T00:00:49.500Z', '2027-01-01T00:00:49.500Z');

INSERT INTO egress_ledger VALUES (1, '2027-01-01T00:00:03.000Z', 'allow', 'ok', 'docs.rs', 443, 'https', 100, 20, 'a1', 'p1', 'standard', '{"allowed_via":"lease"}');
INSERT INTO egress_ledger VALUES (2, '2027-01-01T00:00:10.250Z', 'deny', 'no_lease', NULL, NULL, 'http', NULL, NULL, 'a2', 'p1', 'standard', NULL);
INSERT INTO egress_ledger VALUES (3, '2027-01-01T00:00:40.500Z', 'error', 'connect_timeout', '::1', 8443, 'https', 0, -1, 'a3', 'p1', 'standard', NULL);

INSERT INTO contributions VALUES (1, '2027-01-01T00:00:04.500Z', 'agent:bot', 'compute.cpu', 0.1, 'ms', 'a1', 'p1', NULL);
INSERT INTO contributions VALUES (2, '2027-01-01T00:00:43.000Z', 'agent:bot', 'llm.tokens', 2165.0, 'tok', 'a4', 'p1', '{"est_cost_usd":0.0006005,"model":"m1"}');
INSERT INTO contributions VALUES (3, '2027-01-01T00:00:43.500Z', 'local', 'llm.tokens', -3.0, 'tok', NULL, NULL, NULL);

INSERT INTO memory_records VALUES ('m1', 'semantic', 'note', 'k1', '{"n":1}', 'HASH', 0.5, 'bot', 'p1', NULL, 'Hello', '2027-01-01T00:00:05.000Z', '2027-01-01T00:00:05.000Z');
INSERT INTO memory_fts VALUES ('m1', 'k1', '{"n":1}');

INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:00.500Z', 'autonomy.run.started', 'run-1', '{"corr_id":"run-1","operator":"dana"}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:04.000Z', 'actions.completed', NULL, '{"id":"a1"}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:04.100Z', 'projects.file.written', 'a1', '{"path":"notes/a.md","bytes":3}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:44.000Z', 'policy.decision', NULL, '{"action":"shell.exec","allow":false,"explain":{"reason":"lease required","rule":"actions.shell"}}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:44.500Z', 'autonomy.budget.updated', NULL, '{"limit_usd":5.0,"spent_usd":0.0006005}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:45.500Z', 'staging.pending', NULL, '{"id":"s1"}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:58.000Z', 'autonomy.interrupt', NULL, '{"operator":"dana","reason":"autonomy_pause"}');
INSERT INTO events (time, kind, corr_id, payload) VALUES ('2027-01-01T00:00:59.000Z', 'service.stop', NULL, 'no json');
"#;
const HASH: &str = "f52db48d64242387c9b00f49a90fce1b713f00ebe8e93d192671bf0b7ce0fdf5";

fn rows() -> String {
    ROWS.replace("HASH", HASH)
}

/// A database in a folder of its own, with an edit made to it.
fn database(rows: &str, edit: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.sqlite");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(&format!("PRAGMA synchronous = OFF; {SCHEMA}{rows}{edit}"))
        .unwrap();
    (folder, path)
}

fn run(edit: &str) -> Stored {
    let (_folder, path) = database(&rows(), edit);
    let mut runs = file(&path);
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

fn audited(path: &Path) -> Integrity {
    let audited = audit_file(path, &Options::default()).unwrap();
    assert_eq!(audited.format, Format::Arw);
    audited.integrity.unwrap()
}

/// The only event that this matches.
fn only(run: &Stored, is: impl Fn(&Draft) -> bool) -> (u32, &Draft) {
    let mut found = run.events.iter().enumerate().filter(|(_, event)| is(event));
    let (seq, event) = found.next().expect("no such event");
    assert!(found.next().is_none(), "more than one");
    (seq as u32, event)
}

/// The event of this kind that is about this action.
fn of<'a>(run: &'a Stored, kind: Kind, action: &str) -> (u32, &'a Draft) {
    only(run, |event| {
        event.kind == kind && text(event, "action_id") == Some(action)
    })
}

fn uint(event: &Draft, name: &str) -> Option<u64> {
    match field(event, name)? {
        FieldValue::Cbor(Value::Uint(number)) => Some(*number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_all_tables_become_events_in_the_order_of_time() {
    let run = run("");
    assert_eq!(
        (
            &*run.info.name,
            &*run.info.agent,
            &*run.info.currency,
            run.info.integrity
        ),
        ("events", "arw", "USD", Some(true))
    );
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::Note, // artifacts
            Kind::Note, // sqlite_sequence, thrice
            Kind::Note,
            Kind::Note,
            Kind::Note,           // config_snapshots
            Kind::MessageIn,      // orchestrator_jobs
            Kind::Note,           // autonomy.run.started
            Kind::PolicyDecision, // leases
            Kind::PolicyDecision, // a1
            Kind::ToolCall,
            Kind::Egress,
            Kind::ToolResult,
            Kind::Note,           // actions.completed
            Kind::Artifact,       // projects.file.written
            Kind::Note,           // contributions
            Kind::Artifact,       // memory_records
            Kind::PolicyDecision, // a2
            Kind::Egress,
            Kind::PolicyDecision, // a3
            Kind::ToolCall,
            Kind::Egress,
            Kind::ToolResult,
            Kind::PolicyDecision, // a4
            Kind::ToolCall,
            Kind::ModelCall,
            Kind::ModelCall,
            Kind::PolicyDecision, // policy.decision
            Kind::BudgetChange,
            Kind::ApprovalAsked, // s1
            Kind::Note,          // staging.pending
            Kind::ApprovalGiven,
            Kind::ToolCall, // a5
            Kind::ToolResult,
            Kind::ApprovalAsked, // s2
            Kind::ApprovalGiven,
            Kind::ApprovalAsked,  // s3
            Kind::Note,           // a6
            Kind::PolicyDecision, // a7
            Kind::Halt,
            Kind::Note, // service.stop
            Kind::RunEnd,
        ]
    );
    assert!(run.events.is_sorted_by_key(|event| event.time));
    // Every row is kept once: those of the full-text index are made of others.
    assert_eq!(raws(&run).len(), ROWS.matches("INSERT").count() - 1 + 3);
}

#[test]
fn an_action_is_called_only_when_its_guard_let_it() {
    let run = run("");
    let (decided, decision) = of(&run, Kind::PolicyDecision, "a1");
    assert_eq!(
        (decision.decision, decision.flags),
        (Decision::Allow, Flags::NONE)
    );
    assert_eq!(decision.actor.as_deref(), Some("lease:l1"));
    let (called, call) = of(&run, Kind::ToolCall, "a1");
    assert_eq!(call.parent, Some(decided));
    assert_eq!(call.subject.as_deref(), Some("tool:net.http.get"));
    assert_eq!(call.subject, decision.subject);
    let (_, result) = of(&run, Kind::ToolResult, "a1");
    assert_eq!(
        (result.parent, result.flags, result.time),
        (Some(called), Flags::NONE, 1_798_761_604_000)
    );
    assert_eq!(uint(result, "raw_at"), Some(u64::from(decided)));
    let (_, egress) = only(&run, |event| {
        event.kind == Kind::Egress && event.decision == Decision::Allow
    });
    assert_eq!(
        (egress.parent, egress.subject.as_deref()),
        (Some(called), Some("host:docs.rs:443"))
    );
    assert_eq!(
        (uint(egress, "bytes_in"), uint(egress, "bytes_out")),
        (Some(100), Some(20))
    );
    assert_eq!(text(egress, "posture"), Some("standard"));

    // Refused by the guard, though the policy had allowed it: nothing was called.
    let (refused, decision) = of(&run, Kind::PolicyDecision, "a2");
    assert_eq!(
        (decision.decision, decision.actor.as_deref()),
        (Decision::Deny, Some("policy:guard"))
    );
    let (_, egress) = only(&run, |event| {
        event.kind == Kind::Egress && event.decision == Decision::Deny
    });
    assert_eq!((egress.parent, &egress.subject), (Some(refused), &None));
    for (action, by) in [("a2", "policy:guard"), ("a7", "policy:arw")] {
        let (_, decision) = of(&run, Kind::PolicyDecision, action);
        assert_eq!(
            (decision.decision, decision.actor.as_deref()),
            (Decision::Deny, Some(by))
        );
        assert!(!run.events.iter().any(|event| {
            event.kind != Kind::PolicyDecision && text(event, "action_id") == Some(action)
        }));
    }

    // Let through by a lease that had run out, then stopped on the way out.
    let (_, decision) = of(&run, Kind::PolicyDecision, "a3");
    assert_eq!(
        (decision.decision, decision.flags),
        (Decision::Allow, Flags::ERROR)
    );
    let (_, result) = of(&run, Kind::ToolResult, "a3");
    assert_eq!(
        (result.decision, result.flags),
        (Decision::Deny, Flags::ERROR)
    );
    let (_, egress) = only(&run, |event| {
        event.kind == Kind::Egress && event.flags == Flags::ERROR
    });
    assert_eq!(
        (egress.decision, egress.subject.as_deref()),
        (Decision::None, Some("host:[::1]:8443"))
    );
    assert_eq!(uint(egress, "bytes_out"), None, "less than nothing");

    // Only the policy was asked; nothing came back yet.
    let (_, decision) = of(&run, Kind::PolicyDecision, "a4");
    assert_eq!(
        (decision.decision, decision.actor.as_deref()),
        (Decision::Allow, Some("policy:actions.chat"))
    );
    let (waiting, note) = of(&run, Kind::Note, "a6");
    assert_eq!(
        (note.parent, text(note, "state")),
        (None, Some("queued")),
        "event {waiting}"
    );
}

#[test]
fn a_lease_of_another_capability_is_flagged() {
    let flags = |lease: &str, needed: &str, policy: bool| {
        let run = run(&format!(
            r#"UPDATE actions SET output = '{{"guard":{{"allowed":true,"policy_allow":{policy},"required_capabilities":{needed},
               "lease":{{"id":"l1","capability":"{lease}","ttl_until":"2027-01-01T00:00:30.000Z"}}}}}}' WHERE id = 'a1';"#
        ));
        of(&run, Kind::PolicyDecision, "a1").1.flags
    };
    assert_eq!(flags("fs", r#"["chat.respond"]"#, false), Flags::ERROR);
    assert_eq!(flags("fs", r#"["fsck"]"#, false), Flags::ERROR);
    for (lease, needed) in [
        ("fs", r#"["fs.patch"]"#),
        ("net", r#"["net:http","io:egress"]"#),
        ("fs", r#"["fs"]"#),
        ("fs", "[]"),
    ] {
        assert_eq!(flags(lease, needed, false), Flags::NONE, "{lease} {needed}");
    }
    assert_eq!(
        flags("fs", r#"["chat.respond"]"#, true),
        Flags::NONE,
        "the policy alone allowed it"
    );
}

#[test]
fn a_humans_approval_comes_before_the_action_that_it_led_to() {
    let run = run("");
    let (asked, question) = only(&run, |event| {
        event.kind == Kind::ApprovalAsked && text(event, "staging_id") == Some("s1")
    });
    assert_eq!(
        (question.decision, question.actor.as_deref()),
        (Decision::AskHuman, Some("role:local"))
    );
    let (approved, approval) = of(&run, Kind::ApprovalGiven, "a5");
    assert_eq!(
        (approval.decision, approval.flags),
        (Decision::HumanAllowed, Flags::HUMAN)
    );
    assert_eq!(
        (approval.parent, approval.actor.as_deref()),
        (Some(asked), Some("human:dana"))
    );
    assert_eq!(uint(approval, "raw_at"), Some(u64::from(asked)));
    let (_, call) = of(&run, Kind::ToolCall, "a5");
    assert_eq!(
        (call.parent, &call.subject),
        (Some(approved), &approval.subject)
    );
    assert_eq!(
        approval.time, call.time,
        "a millisecond before it was noted"
    );
    let (_, result) = of(&run, Kind::ToolResult, "a5");
    assert_eq!(
        (result.flags, text(result, "output")),
        (Flags::ERROR, Some("no json"))
    );
    let (_, refusal) = only(&run, |event| event.decision == Decision::HumanDenied);
    assert_eq!(
        (refusal.kind, text(refusal, "reason")),
        (Kind::ApprovalGiven, Some("not now"))
    );
    assert_eq!(count(&run, Kind::ApprovalAsked), 3);
    let anonymous = self::run("UPDATE staging_actions SET decided_by = NULL");
    let (_, approval) = of(&anonymous, Kind::ApprovalGiven, "a5");
    assert_eq!(
        (approval.decision, approval.flags, &approval.actor),
        (Decision::Allow, Flags::NONE, &None),
        "nothing shows a human"
    );
    assert_eq!(count(&run, Kind::ApprovalGiven), 2);
}

#[test]
fn leases_budgets_costs_halts_and_contributions_are_in_headers_and_fields() {
    let run = run("");
    let (_, lease) = only(&run, |event| {
        event.subject.as_deref() == Some("capability:net:http")
    });
    assert_eq!(
        (lease.kind, lease.decision),
        (Kind::PolicyDecision, Decision::Allow)
    );
    assert_eq!(lease.actor.as_deref(), Some("lease:l1"));
    assert_eq!(
        (text(lease, "budget"), uint(lease, "until")),
        (Some("2.5"), Some(1_798_761_630_000))
    );
    let (_, budget) = only(&run, |event| event.kind == Kind::BudgetChange);
    assert_eq!(
        budget.budget,
        Some(4_999_399),
        "5 dollars less 601 micro-dollars"
    );
    let models: Vec<&Draft> = run
        .events
        .iter()
        .filter(|event| event.kind == Kind::ModelCall)
        .collect();
    assert_eq!(
        (models[0].cost, models[0].subject.as_deref()),
        (Some(601), Some("model:m1")),
        "600.5, half up"
    );
    assert_eq!(
        (models[1].cost, models[1].subject.as_deref()),
        (None, Some("contribution:llm.tokens"))
    );
    assert_eq!(
        (text(models[1], "qty"), uint(models[1], "qty_micro")),
        (Some("-3.0"), None)
    );
    assert_eq!(models[1].actor.as_deref(), Some("role:local"));
    let others = run
        .events
        .iter()
        .filter(|event| event.kind != Kind::ModelCall);
    assert!(others.into_iter().all(|event| event.cost == Some(0)));
    let (_, work) = only(&run, |event| {
        event.subject.as_deref() == Some("contribution:compute.cpu")
    });
    assert_eq!(
        (work.actor.as_deref(), text(work, "qty")),
        (Some("agent:bot"), Some("0.1"))
    );
    assert_eq!(
        (uint(work, "qty_micro"), text(work, "unit")),
        (Some(100_000), Some("ms"))
    );
    let (_, halt) = only(&run, |event| event.kind == Kind::Halt);
    assert_eq!(halt.flags, Flags::HALTED.with(Flags::HUMAN));
    assert_eq!(halt.actor.as_deref(), Some("human:dana"));
    let (_, shell) = only(&run, |event| {
        event.actor.as_deref() == Some("policy:actions.shell")
    });
    assert_eq!(
        (shell.decision, shell.subject.as_deref()),
        (Decision::Deny, Some("tool:shell.exec"))
    );
    let (_, written) = only(&run, |event| {
        event.subject.as_deref() == Some("file:notes/a.md")
    });
    assert_eq!(
        (written.kind, written.parent),
        (Kind::Artifact, Some(of(&run, Kind::ToolCall, "a1").0))
    );
    let (_, memory) = only(&run, |event| {
        event.subject.as_deref() == Some("memory:semantic/k1")
    });
    assert_eq!(
        (memory.kind, memory.actor.as_deref()),
        (Kind::Artifact, Some("agent:bot"))
    );
}

#[test]
fn an_edit_of_what_a_memory_records_hash_covers_is_found_and_named() {
    for edit in [
        "UPDATE memory_records SET value = '{\"n\":2}'",
        "UPDATE memory_records SET agent_id = 'other'",
        "UPDATE memory_records SET persona_id = 'x'",
        "UPDATE memory_records SET text = NULL",
        "UPDATE memory_records SET hash = upper(hash)",
    ] {
        let (_folder, path) = database(&rows(), edit);
        let integrity = audited(&path);
        assert_eq!(
            (integrity.held, integrity.checked, integrity.broken),
            (Some(false), 1, 1),
            "{edit}"
        );
        assert_eq!(integrity.findings[0].record, "memory record m1");
        assert_eq!(file(&path)[0].info.integrity, Some(false));
        let strict = Options {
            strict_source: true,
            ..Options::default()
        };
        let (store, result) = try_file(&path, &strict);
        assert!(store.runs.is_empty());
        assert!(
            matches!(result, Err(Error::NotHeld { broken: 1, .. })),
            "{edit}"
        );
    }
}

#[test]
fn edits_of_the_journal_and_its_tables_go_unnoticed() {
    let (_folder, path) = database(&rows(), "");
    let before = audited(&path);
    assert_eq!((before.held, before.checked), (Some(true), 1));
    assert!(before.does_not_cover[0].starts_with("the journal"));
    let digest = file(&path)[0].info.input.digest;
    for edit in [
        "DELETE FROM events WHERE kind = 'autonomy.interrupt'",
        "UPDATE staging_actions SET status = 'approved', decided_by = 'erin' WHERE id = 's2'",
        "UPDATE egress_ledger SET decision = 'allow' WHERE id = 2",
        "UPDATE contributions SET qty = 1e6",
        "UPDATE actions SET output = '{}'",
        "UPDATE memory_records SET score = 1.0",
        // What belongs to which column is not in what is hashed.
        "UPDATE memory_records SET lane = 'semanticnote', kind = ''",
    ] {
        let (_folder, path) = database(&rows(), edit);
        assert_eq!(audited(&path), before, "{edit}");
        assert_ne!(
            file(&path)[0].info.input.digest,
            digest,
            "another input: {edit}"
        );
    }
    let (_folder, path) = database(&rows(), "DELETE FROM memory_records");
    assert_eq!(
        audited(&path).held,
        None,
        "nothing is left that is protected"
    );
}

#[test]
fn malformed_rows_are_refused_with_the_table() {
    for (edit, message) in [
        (
            "UPDATE actions SET created = 'noon' WHERE id = 'a1'",
            "actions",
        ),
        ("UPDATE events SET payload = x'ff'", "events"),
        (
            "UPDATE egress_ledger SET dest_port = 'https'",
            "egress_ledger",
        ),
        (
            "UPDATE staging_actions SET decided_at = 'later'",
            "staging_actions",
        ),
        ("UPDATE leases SET ttl_until = ''", "leases"),
        ("UPDATE memory_records SET hash = x'00'", "memory_records"),
        ("ALTER TABLE contributions RENAME COLUMN time TO at", "time"),
    ] {
        let (_folder, path) = database(&rows(), edit);
        let (store, result) = try_file(&path, &Options::default());
        assert!(store.runs.is_empty());
        let refusal = result.expect_err(edit).to_string();
        assert!(refusal.contains(message), "{edit}: {refusal}");
    }
}

/// One number from the database.
fn number(conn: &Connection, sql: &str) -> usize {
    let number: i64 = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(number).unwrap()
}

#[test]
fn the_sample_has_the_events_that_sql_counts() {
    let Some(path) = shared_path("seed-systems/arw-journal.db") else {
        return;
    };
    let before = std::fs::read(&path).unwrap();
    let run = &file(&path)[0];
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    let conn =
        Connection::open_with_flags(format!("file:{}?immutable=1", path.display()), flags).unwrap();
    let sql = |sql: &str| number(&conn, sql);
    let decided = |kind, decision| {
        let found = run
            .events
            .iter()
            .filter(|event| (event.kind, event.decision) == (kind, decision));
        found.count()
    };
    const REFUSED: &str = "json_extract(output, '$.guard.allowed') = 0";
    assert_eq!(
        count(run, Kind::ToolCall),
        sql(&format!(
            "SELECT count(*) FROM actions WHERE state != 'queued' AND ({REFUSED}) IS NOT 1"
        ))
    );
    assert_eq!(
        count(run, Kind::ToolResult),
        sql(&format!(
            "SELECT count(*) FROM actions WHERE state IN ('completed', 'failed') AND ({REFUSED}) IS NOT 1"
        ))
    );
    assert_eq!(
        decided(Kind::PolicyDecision, Decision::Deny),
        sql(&format!(
            "SELECT (SELECT count(*) FROM actions WHERE {REFUSED}) + (SELECT count(*) FROM events WHERE kind = 'policy.decision' AND json_extract(payload, '$.allow') = 0)"
        ))
    );
    assert_eq!(
        decided(Kind::PolicyDecision, Decision::Allow),
        sql(
            "SELECT (SELECT count(*) FROM actions WHERE json_extract(output, '$.guard.allowed') = 1) + (SELECT count(*) FROM leases)"
        )
    );
    for (decision, name) in [
        (Decision::Allow, "allow"),
        (Decision::Deny, "deny"),
        (Decision::None, "error"),
    ] {
        assert_eq!(
            decided(Kind::Egress, decision),
            sql(&format!(
                "SELECT count(*) FROM egress_ledger WHERE decision = '{name}'"
            ))
        );
    }
    assert_eq!(
        count(run, Kind::ApprovalAsked),
        sql("SELECT count(*) FROM staging_actions")
    );
    for (decision, name) in [
        (Decision::HumanAllowed, "approved"),
        (Decision::HumanDenied, "denied"),
    ] {
        assert_eq!(
            decided(Kind::ApprovalGiven, decision),
            sql(&format!(
                "SELECT count(*) FROM staging_actions WHERE status = '{name}'"
            ))
        );
    }
    for (kind, table) in [
        (Kind::ModelCall, "contributions WHERE kind = 'llm.tokens'"),
        (Kind::Halt, "events WHERE kind = 'autonomy.interrupt'"),
        (
            Kind::BudgetChange,
            "events WHERE kind = 'autonomy.budget.updated'",
        ),
        (Kind::MessageIn, "orchestrator_jobs"),
    ] {
        assert_eq!(
            count(run, kind),
            sql(&format!("SELECT count(*) FROM {table}")),
            "{kind}"
        );
    }
    assert_eq!(
        count(run, Kind::Artifact),
        sql(
            "SELECT (SELECT count(*) FROM memory_records) + (SELECT count(*) FROM events WHERE kind = 'projects.file.written')"
        )
    );
    // Each row that is its owner's record is kept whole.
    let tables = [
        "events",
        "actions",
        "contributions",
        "leases",
        "egress_ledger",
        "staging_actions",
        "memory_records",
        "orchestrator_jobs",
        "config_snapshots",
        "sqlite_sequence",
    ];
    let rows: usize = tables
        .iter()
        .map(|table| sql(&format!("SELECT count(*) FROM {table}")))
        .sum();
    assert_eq!(raws(run).len(), rows);
    // Costs and contributions re-derive from the events.
    let spent: u64 = run.events.iter().map(|event| event.cost.unwrap()).sum();
    assert_eq!(
        spent as usize,
        sql(
            "SELECT sum(CAST(round(json_extract(meta, '$.est_cost_usd') * 1e6) AS INTEGER)) FROM contributions WHERE kind = 'llm.tokens'"
        )
    );
    for kind in ["compute.cpu", "llm.tokens", "task.submit", "task.complete"] {
        let parts = run
            .events
            .iter()
            .filter(|event| text(event, "contribution") == Some(kind));
        let total: u64 = parts.map(|event| uint(event, "qty_micro").unwrap()).sum();
        assert_eq!(
            total as usize,
            sql(&format!(
                "SELECT CAST(sum(qty) * 1e6 AS INTEGER) FROM contributions WHERE kind = '{kind}'"
            ))
        );
    }
    // Leases of one capability were used for others, none outside of its span, and all but the
    // interrupted action were allowed before.
    assert_eq!(
        run.events
            .iter()
            .filter(|event| event.kind == Kind::PolicyDecision && event.flags == Flags::ERROR)
            .count(),
        sql("SELECT count(*) FROM (SELECT output, json_extract(output, '$.guard.lease.capability') AS capability FROM actions
             WHERE json_extract(output, '$.guard.allowed') = 1 AND json_extract(output, '$.guard.policy_allow') = 0)
             WHERE capability IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each(output, '$.guard.required_capabilities')
             WHERE value = capability OR value GLOB capability || '.*' OR value GLOB capability || ':*')")
    );
    let ungated = run.events.iter().filter(|event| {
        let gate = event.parent.map(|parent| &run.events[parent as usize]);
        event.kind == Kind::ToolCall
            && !gate.is_some_and(|gate| {
                matches!(gate.decision, Decision::Allow | Decision::HumanAllowed)
                    && gate.subject == event.subject
            })
    });
    assert_eq!(
        ungated.count(),
        sql("SELECT count(*) FROM actions WHERE error LIKE 'interrupted:%'")
    );
    assert!(run.events.is_sorted_by_key(|event| event.time));
    let integrity = audited(&path);
    assert_eq!(
        (integrity.held, integrity.checked as usize),
        (Some(true), sql("SELECT count(*) FROM memory_records"))
    );
    drop(conn);
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "the source is as it was"
    );
    for raw in raws(run) {
        let row: Json = serde_json::from_slice(raw).unwrap();
        assert!(row["row"].is_object());
    }
    // Tampered with in a copy: what is hashed, and what is not.
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::write(&copy, &before).unwrap();
    let conn = Connection::open(&copy).unwrap();
    conn.execute_batch("UPDATE staging_actions SET status = 'approved' WHERE status = 'denied'; DELETE FROM egress_ledger WHERE decision = 'deny'").unwrap();
    assert_eq!(audited(&copy), integrity, "not found");
    conn.execute_batch("UPDATE memory_records SET text = text || '.' WHERE key = 'incident:12'")
        .unwrap();
    let id: String = conn
        .query_row(
            "SELECT id FROM memory_records WHERE key = 'incident:12'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let found = audited(&copy);
    assert_eq!((found.held, found.broken), (Some(false), 1));
    assert_eq!(found.findings[0].record, format!("memory record {id}"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_content_of_a_column_makes_the_importer_panic(
        edits in prop::collection::vec((0_usize..9, "[a-z_{}\":,0-9 .\\[\\]-]{0,24}"), 1..6),
    ) {
        let (_folder, path) = database(&rows(), "");
        let conn = Connection::open(&path).unwrap();
        for (at, junk) in edits {
            let column = [
                "actions SET output", "actions SET policy_ctx", "actions SET state", "actions SET error", "events SET payload",
                "staging_actions SET status", "egress_ledger SET decision", "contributions SET meta", "contributions SET kind",
            ][at];
            conn.execute(&format!("UPDATE {column} = ?1"), [junk]).unwrap();
        }
        drop(conn);
        let runs = file(&path);
        prop_assert_eq!(raws(&runs[0]).len(), ROWS.matches("INSERT").count() - 1 + 3);
        prop_assert!(runs[0].events.is_sorted_by_key(|event| event.time));
        prop_assert!(raws(&runs[0]).iter().all(|raw| !raw.is_empty()));
        let result = runs[0].events.iter().find_map(|event| field(event, "raw"));
        prop_assert!(!bytes(result.unwrap()).is_empty());
    }
}
