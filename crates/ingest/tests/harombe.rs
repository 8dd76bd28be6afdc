//! harombe's audit database.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};

use avouch_ingest::{Draft, Error, Format, Options, audit_file};
use avouch_trace::{Decision, Flags, Kind};
use common::{Stored, count, field, file, raws, shared_path, text, try_file};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

/// The tables as harombe 0.3.1 makes them.
const SCHEMA: &str = "
CREATE TABLE audit_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE audit_events (event_id TEXT PRIMARY KEY, correlation_id TEXT NOT NULL, session_id TEXT, timestamp TIMESTAMP NOT NULL,
  event_type TEXT NOT NULL, actor TEXT NOT NULL, tool_name TEXT, action TEXT NOT NULL, metadata TEXT, duration_ms INTEGER,
  status TEXT NOT NULL, error_message TEXT);
CREATE TABLE tool_calls (call_id TEXT PRIMARY KEY, correlation_id TEXT NOT NULL, session_id TEXT, timestamp TIMESTAMP NOT NULL,
  tool_name TEXT NOT NULL, method TEXT NOT NULL, parameters TEXT NOT NULL, result TEXT, error TEXT, duration_ms INTEGER, container_id TEXT);
CREATE TABLE security_decisions (decision_id TEXT PRIMARY KEY, correlation_id TEXT NOT NULL, session_id TEXT, timestamp TIMESTAMP NOT NULL,
  decision_type TEXT NOT NULL, decision TEXT NOT NULL, reason TEXT NOT NULL, context TEXT, tool_name TEXT, actor TEXT NOT NULL);
CREATE TABLE audit_proofs (proof_id TEXT PRIMARY KEY, correlation_id TEXT, claim_type TEXT NOT NULL, description TEXT,
  public_parameters TEXT, proof_data TEXT, created_at TIMESTAMP NOT NULL);
INSERT INTO audit_metadata VALUES ('schema_version', '2', '2027-01-01 00:00:00');
";

/// Two sessions at once, whose responses and human decisions are written without a session, as harombe's
/// gateway does; what its firewall blocked, which is of no session; a proof.
const ROWS: &str = r#"
INSERT INTO audit_events VALUES ('e1', 'c1', 's-1', '2027-01-01 00:00:01', 'request', 'planner', 'send_email', 'tools/call', '{"risk":"HIGH"}', NULL, 'pending', NULL);
INSERT INTO security_decisions VALUES ('d1', 'c1', NULL, '2027-01-01 00:00:02.500000', 'hitl', 'allow', 'looks fine',
  '{"approval_status":"approved","approval_user":"dana"}', NULL, 'agent');
INSERT INTO tool_calls VALUES ('t1', 'c1', NULL, '2027-01-01 00:00:03', 'send_email', 'tools/call', '{"to": "a@example.org"}', '{"ok": true}', NULL, 250, 'mail');
INSERT INTO audit_events VALUES ('e2', 'c1', NULL, '2027-01-01 00:00:04', 'response', 'system', NULL, 'response', NULL, 260, 'success', NULL);
INSERT INTO audit_events VALUES ('e3', 'c2', 's-1', '2027-01-01 00:00:05', 'request', 'planner', 'drop_table', 'tools/call', NULL, NULL, 'pending', NULL);
INSERT INTO security_decisions VALUES ('d2', 'c2', NULL, '2027-01-01 00:00:06', 'hitl', 'deny', 'no', '{"approval_status":"denied","approval_user":"dana"}', NULL, 'agent');
INSERT INTO audit_events VALUES ('e4', 'c2', NULL, '2027-01-01 00:00:07', 'response', 'system', NULL, 'response', NULL, 5, 'denied', 'HITL denied: no');
INSERT INTO audit_proofs VALUES ('p1', 'c1', 'operation_count', 'between 1 and 5', '{"min":1,"max":5}', '{"commitment":"00"}', '2027-01-01 00:00:08');

INSERT INTO audit_events VALUES ('f1', 'c3', 's-2', '2027-01-01 00:00:01.000001', 'request', 'coder', 'run', 'tools/call', NULL, NULL, 'pending', NULL);
INSERT INTO security_decisions VALUES ('d3', 'c3', 's-2', '2027-01-01 00:00:01.100000', 'hitl', 'deny', 'timed out', '{"approval_status":"timeout","approval_user":null}', 'run', 'agent');
INSERT INTO security_decisions VALUES ('d4', 'c3', 's-2', '2027-01-01 00:00:01.200000', 'hitl', 'require_confirmation', 'risk policy', NULL, 'run', 'coder');
INSERT INTO security_decisions VALUES ('d5', 'c3', 's-2', '2027-01-01 00:00:01.300000', 'secret_scan', 'redacted', 'api key', 'not json', 'run', 'coder');
INSERT INTO security_decisions VALUES ('d6', 'c3', 's-2', '2027-01-01 00:00:01.400000', 'authorization', 'allow', 'rule 7', NULL, 'run', 'coder');
INSERT INTO tool_calls VALUES ('t2', 'c3', 's-2', '2027-01-01 00:00:01.500000', 'run', 'tools/call', '{}', NULL, 'exit 1', NULL, NULL);
INSERT INTO tool_calls VALUES ('t3', 'c3', 's-2', '2027-01-01 00:00:01.600000', 'other', 'tools/call', '{}', NULL, NULL, 7, NULL);
INSERT INTO audit_events VALUES ('f2', 'c3', 's-2', '2027-01-01 00:00:01.700000', 'error', 'coder', NULL, 'tools/call', NULL, NULL, 'error', 'boom');

INSERT INTO security_decisions VALUES ('d7', 'network-17', NULL, '2027-01-01 00:00:09', 'egress', 'deny', 'not allowed', '{"destination":"198.51.100.7","port":443}', NULL, 'mail');
"#;

/// A database in a folder of its own.
fn database(rows: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(&format!("PRAGMA synchronous = OFF; {SCHEMA}{rows}"))
        .unwrap();
    (folder, path)
}

fn runs(rows: &str) -> Vec<Stored> {
    let (_folder, path) = database(rows);
    file(&path)
}

fn kinds(run: &Stored) -> Vec<Kind> {
    let inner = &run.events[1..run.events.len() - 1];
    inner.iter().map(|event| event.kind).collect()
}

#[test]
fn each_session_becomes_a_run_with_the_rows_that_share_its_correlation_ids() {
    let runs = runs(ROWS);
    let about: Vec<(&str, &str, Option<&str>)> = runs
        .iter()
        .map(|run| {
            (
                &*run.info.name,
                &*run.info.agent,
                text(&run.events[0], "session"),
            )
        })
        .collect();
    assert_eq!(
        about,
        [
            ("audit", "harombe", None),
            ("s-1", "planner", Some("s-1")),
            ("s-2", "coder", Some("s-2")),
        ]
    );
    assert!(runs.iter().all(|run| run.info.currency == "ms"));
    assert_eq!(kinds(&runs[0]), [Kind::Egress]);
    assert_eq!(
        kinds(&runs[1]),
        [
            Kind::MessageOut,
            Kind::ApprovalGiven,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageIn,
            Kind::MessageOut,
            Kind::ApprovalGiven,
            Kind::MessageIn,
            Kind::Artifact,
            Kind::Note,
        ]
    );
    assert_eq!(
        kinds(&runs[2]),
        [
            Kind::MessageOut,
            Kind::PolicyDecision,
            Kind::ApprovalAsked,
            Kind::PolicyDecision,
            Kind::PolicyDecision,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::ToolCall,
            Kind::Error,
        ]
    );
    // Every row is kept, once.
    let rows: usize = runs.iter().map(|run| raws(run).len()).sum();
    assert_eq!(rows, ROWS.matches("INSERT").count() + 1);
    let raw = String::from_utf8(raws(&runs[1])[3].to_vec()).unwrap();
    assert_eq!(
        raw,
        r#"{"table":"audit_events","group":"s-1","row":{"event_id":"e2","correlation_id":"c1","session_id":null,"timestamp":"2027-01-01 00:00:04","event_type":"response","actor":"system","tool_name":null,"action":"response","metadata":null,"duration_ms":260,"status":"success","error_message":null}}"#
    );
}

/// Kind, decision, flags, parent, actor and subject.
type Head<'a> = (
    Decision,
    Flags,
    Option<u32>,
    Option<&'a str>,
    Option<&'a str>,
);

fn head(event: &Draft) -> Head<'_> {
    (
        event.decision,
        event.flags,
        event.parent,
        event.actor.as_deref(),
        event.subject.as_deref(),
    )
}

#[test]
fn headers_say_who_allowed_what() {
    let runs = runs(ROWS);
    let one = &runs[1].events;
    let (agent, mail) = (Some("agent:planner"), Some("tool:send_email"));
    assert_eq!(
        head(&one[1]),
        (Decision::None, Flags::NONE, None, agent, mail)
    );
    assert_eq!(
        head(&one[2]),
        (
            Decision::HumanAllowed,
            Flags::HUMAN,
            Some(1),
            Some("human:dana"),
            mail
        ),
        "the tool is the request's"
    );
    assert_eq!(
        head(&one[3]),
        (Decision::None, Flags::NONE, Some(2), agent, mail)
    );
    assert_eq!(
        head(&one[4]),
        (Decision::None, Flags::NONE, Some(3), mail, agent)
    );
    assert_eq!(
        head(&one[5]),
        (Decision::None, Flags::NONE, Some(1), mail, agent)
    );
    let drop_table = Some("tool:drop_table");
    assert_eq!(
        head(&one[7]),
        (
            Decision::HumanDenied,
            Flags::HUMAN,
            Some(6),
            Some("human:dana"),
            drop_table
        )
    );
    assert_eq!(
        head(&one[8]),
        (Decision::Deny, Flags::ERROR, Some(6), drop_table, agent)
    );
    assert_eq!(one[9].subject.as_deref(), Some("proof:operation_count"));
    assert_eq!(
        one[3].cost,
        Some(250_000_000),
        "milliseconds that the tool took"
    );
    let others = one.iter().filter(|event| event.kind != Kind::ToolCall);
    assert!(others.into_iter().all(|event| event.cost == Some(0)));
    assert_eq!(one[2].time, 1_798_761_602_500);
    assert_eq!(text(&one[3], "input"), Some(r#"{"to": "a@example.org"}"#));
    assert_eq!(one.iter().map(|event| event.round).max(), Some(2));

    let two = &runs[2].events;
    let (agent, run) = (Some("agent:coder"), Some("tool:run"));
    assert_eq!(
        head(&two[2]),
        (
            Decision::Deny,
            Flags::NONE,
            Some(1),
            Some("policy:hitl"),
            run
        ),
        "nobody answered"
    );
    assert_eq!(
        head(&two[3]),
        (
            Decision::AskHuman,
            Flags::NONE,
            Some(1),
            Some("policy:hitl"),
            run
        )
    );
    assert_eq!(
        head(&two[4]),
        (
            Decision::None,
            Flags::REDACTED,
            Some(1),
            Some("policy:secret_scan"),
            run
        )
    );
    assert_eq!(text(&two[4], "context"), Some("not json"));
    assert_eq!(
        head(&two[5]),
        (
            Decision::Allow,
            Flags::NONE,
            Some(1),
            Some("policy:authorization"),
            run
        )
    );
    assert_eq!(
        head(&two[6]),
        (Decision::None, Flags::NONE, Some(5), agent, run)
    );
    assert_eq!(two[6].cost, None, "nobody measured it");
    assert_eq!(
        head(&two[7]),
        (Decision::None, Flags::ERROR, Some(6), run, agent)
    );
    assert_eq!(
        head(&two[8]),
        (
            Decision::None,
            Flags::NONE,
            Some(1),
            agent,
            Some("tool:other")
        ),
        "what was allowed was another tool"
    );
    assert_eq!(two[9].flags, Flags::ERROR);
    assert_eq!(
        head(&runs[0].events[1]),
        (
            Decision::Deny,
            Flags::NONE,
            None,
            Some("role:mail"),
            Some("host:198.51.100.7:443")
        )
    );
}

#[test]
fn nothing_is_protected_so_no_edit_is_found_but_it_is_another_input() {
    let (_folder, path) = database(ROWS);
    let before = audit_file(&path, &Options::default()).unwrap();
    assert_eq!(before.format, Format::Harombe);
    let integrity = before.integrity.clone().unwrap();
    assert_eq!((integrity.held, integrity.checked), (None, 0));
    assert!(integrity.covers.is_empty());
    assert!(integrity.does_not_cover[0].starts_with("anything"));
    let first = file(&path);
    assert!(first.iter().all(|run| run.info.integrity.is_none()));
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "UPDATE security_decisions SET decision = 'allow' WHERE decision_id = 'd2';
         DELETE FROM tool_calls WHERE call_id = 't1';",
    )
    .unwrap();
    drop(conn);
    assert_eq!(audit_file(&path, &Options::default()).unwrap(), before);
    let options = Options {
        strict_source: true,
        ..Options::default()
    };
    let (store, result) = try_file(&path, &options);
    result.unwrap();
    assert_ne!(store.runs[1].info.input.digest, first[1].info.input.digest);
    assert_eq!(store.runs[1].events[5].decision, Decision::HumanAllowed);
}

#[test]
fn malformed_rows_are_refused_with_the_table() {
    for (edit, message) in [
        (
            "UPDATE audit_events SET timestamp = 'noon' WHERE event_id = 'e1'",
            "audit_events",
        ),
        (
            "UPDATE tool_calls SET timestamp = x'00' WHERE call_id = 't1'",
            "tool_calls",
        ),
        ("UPDATE tool_calls SET duration_ms = 'soon'", "tool_calls"),
        ("DROP TABLE tool_calls", "harombe"),
        (
            "ALTER TABLE audit_events RENAME COLUMN session_id TO s",
            "session_id",
        ),
    ] {
        let (_folder, path) = database(&format!("{ROWS};{edit}"));
        let options = Options {
            format: Some(Format::Harombe),
            ..Options::default()
        };
        let (store, result) = try_file(&path, &options);
        assert!(store.runs.is_empty());
        let refusal = result.expect_err(edit).to_string();
        assert!(refusal.contains(message), "{edit}: {refusal}");
    }
}

#[test]
fn a_malformed_row_can_be_skipped_visibly() {
    let edit = "UPDATE audit_events SET timestamp = 'noon' WHERE event_id = 'e3'";
    let (_folder, path) = database(&format!("{ROWS};{edit}"));
    let options = Options {
        skip_bad: true,
        ..Options::default()
    };
    let (store, result) = try_file(&path, &options);
    result.unwrap();
    let run = store
        .runs
        .iter()
        .find(|run| run.info.name == "s-1")
        .unwrap();
    let bad = run
        .events
        .iter()
        .find(|event| event.kind == Kind::Error)
        .unwrap();
    assert!(text(bad, "reason").unwrap().contains("noon"));
    assert!(field(bad, "raw").is_some());
}

#[test]
fn a_database_without_rows_is_refused_as_empty() {
    let (_folder, path) = database("DELETE FROM audit_metadata");
    let (_, result) = try_file(&path, &Options::default());
    assert!(matches!(result, Err(Error::Empty { .. })));
}

/// One number from the database.
fn number(conn: &Connection, sql: &str) -> usize {
    let number: i64 = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    usize::try_from(number).unwrap()
}

fn open(path: &Path) -> Connection {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", path.display());
    Connection::open_with_flags(uri, flags).unwrap()
}

#[test]
fn the_sample_has_the_events_that_sql_counts() {
    let Some(path) = shared_path("seed-systems/harombe-audit.db") else {
        return;
    };
    let before = std::fs::read(&path).unwrap();
    let runs = file(&path);
    let conn = open(&path);
    assert_eq!(
        runs.len(),
        number(&conn, "SELECT count(DISTINCT session_id) FROM audit_events")
    );
    let mut rows = 0;
    for run in &runs {
        let session = run.info.name.as_str();
        let of = |rest: &str| {
            number(
                &conn,
                &format!("SELECT count(*) FROM {rest} AND session_id = '{session}'"),
            )
        };
        assert_eq!(
            count(run, Kind::MessageOut),
            of("audit_events WHERE event_type = 'request'")
        );
        assert_eq!(
            count(run, Kind::MessageIn),
            of("audit_events WHERE event_type = 'response'")
        );
        assert_eq!(count(run, Kind::ToolCall), of("tool_calls WHERE 1"));
        assert_eq!(
            count(run, Kind::ToolResult),
            of("tool_calls WHERE result IS NOT NULL")
        );
        for (decision, name, kind) in [
            (Decision::Allow, "allow", Kind::PolicyDecision),
            (Decision::Deny, "deny", Kind::PolicyDecision),
            (
                Decision::AskHuman,
                "require_confirmation",
                Kind::ApprovalAsked,
            ),
        ] {
            let decided = run
                .events
                .iter()
                .filter(|event| (event.kind, event.decision) == (kind, decision));
            assert_eq!(
                decided.count(),
                of(&format!("security_decisions WHERE decision = '{name}'"))
            );
        }
        let spent: u64 = run.events.iter().map(|event| event.cost.unwrap()).sum();
        let took = number(
            &conn,
            &format!("SELECT sum(duration_ms) FROM tool_calls WHERE session_id = '{session}'"),
        );
        assert_eq!(spent, took as u64 * 1_000_000);
        // The gate's promise: what was called had been allowed, for that tool, once.
        let calls = run
            .events
            .iter()
            .filter(|event| event.kind == Kind::ToolCall);
        let mut used: Vec<u32> = calls
            .map(|call| {
                let gate = call.parent.unwrap();
                let allowed = &run.events[gate as usize];
                assert_eq!(
                    (allowed.kind, allowed.decision),
                    (Kind::PolicyDecision, Decision::Allow)
                );
                assert_eq!(allowed.subject, call.subject);
                gate
            })
            .collect();
        used.dedup();
        assert_eq!(used.len(), count(run, Kind::ToolCall));
        assert!(run.events.is_sorted_by_key(|event| event.time));
        rows += raws(run).len();
    }
    assert_eq!(
        rows,
        number(
            &conn,
            "SELECT (SELECT count(*) FROM audit_events) + (SELECT count(*) FROM tool_calls) + (SELECT count(*) FROM security_decisions)
             + (SELECT count(*) FROM audit_proofs) + (SELECT count(*) FROM audit_metadata)",
        )
    );
    drop(conn);
    assert_eq!(
        std::fs::read(&path).unwrap(),
        before,
        "the source is as it was"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_content_of_a_column_makes_the_importer_panic(
        rows in prop::collection::vec(("c[0-3]", prop::option::of("s[0-2]"), "[a-z_{}\":,0-9 .-]{0,20}", 0_usize..4, any::<i64>()), 1..12),
    ) {
        let (_folder, path) = database("");
        let conn = Connection::open(&path).unwrap();
        for (id, (correlation, session, junk, kind, number)) in rows.iter().enumerate() {
            let time = format!("2027-01-01 00:00:{:02}", number.rem_euclid(60));
            match kind {
                0 | 1 => conn.execute(
                    "INSERT INTO audit_events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 'x', ?6, ?7, ?6, NULL)",
                    rusqlite::params![id.to_string(), correlation, session, time, ["request", "response"][*kind], junk, number],
                ),
                2 => conn.execute(
                    "INSERT INTO security_decisions VALUES (?1, ?2, ?3, ?4, 'hitl', 'allow', ?5, ?5, NULL, ?5)",
                    rusqlite::params![id.to_string(), correlation, session, time, junk],
                ),
                _ => conn.execute(
                    "INSERT INTO tool_calls VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?5, NULL, ?6, NULL)",
                    rusqlite::params![id.to_string(), correlation, session, time, junk, number],
                ),
            }.unwrap();
        }
        drop(conn);
        let stored = file(&path);
        let kept: usize = stored.iter().map(|run| raws(run).len()).sum();
        prop_assert_eq!(kept, rows.len() + 1);
        // A row is of its own session, or of one that shares its correlation id, or of none.
        for run in &stored {
            prop_assert!(run.events.is_sorted_by_key(|event| event.time));
            let session = text(&run.events[0], "session");
            for raw in raws(run) {
                let row: Json = serde_json::from_slice(raw).unwrap();
                let Some(correlation) = row["row"]["correlation_id"].as_str() else {
                    continue;
                };
                let own = row["row"]["session_id"].as_str();
                let shared = rows.iter().any(|(other, of, ..)| other == correlation && of.as_deref() == session);
                let any = rows.iter().any(|(other, of, ..)| other == correlation && of.is_some());
                prop_assert!(own.is_none() || own == session);
                prop_assert!(shared && (session.is_some() || !any));
            }
        }
    }
}
