//! The ready-made claims about other systems' records, on our own inputs and on theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use avouch_tests::desk::{Desk, fixture};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

fn claims(system: &str) -> PathBuf {
    fixture(&format!("claims/{system}.claims.toml"))
}

fn database(desk: &Desk, name: &str) -> PathBuf {
    let path = desk.path(&format!("{name}.db"));
    let sql = fs::read_to_string(fixture(&format!("sources/{name}.sql"))).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch(&sql)
        .unwrap();
    path
}

/// The claims that are false: their names, the events that made them so, and why.
fn failures(desk: &Desk, run: &str, claims: &Path) -> Vec<(String, Option<u64>, String)> {
    let output = desk.avouch(&["check", run, "--json", "--claims", claims.to_str().unwrap()]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let claims = answer["claims"].as_array().unwrap();
    let failed: Vec<_> = claims
        .iter()
        .filter(|claim| claim["holds"] == false)
        .map(|claim| {
            let text = |name: &str| claim[name].as_str().unwrap().to_owned();
            (text("name"), claim["event"].as_u64(), text("reason"))
        })
        .collect();
    assert_eq!(output.status.code(), Some(i32::from(!failed.is_empty())));
    failed
}

#[test]
fn the_ready_made_claims_hold_for_our_own_inputs() {
    let desk = Desk::new();
    let inputs = [
        ("vex", fixture("sources/vex-council.jsonl")),
        ("governance-engine", fixture("sources/governance.jsonl")),
        ("harombe", database(&desk, "harombe")),
        ("arw", database(&desk, "arw")),
    ];
    for (system, input) in inputs {
        let [run] = &desk.ingest(&input)[..] else {
            panic!("{system}: one run")
        };
        assert_eq!(failures(&desk, run, &claims(system)), [], "{system}");
    }
}

/// An edit of a source, and the claim that it makes false.
#[test]
fn a_broken_promise_makes_its_claim_false() {
    let edits = [
        (
            "vex",
            "\"agrees\":true,\"confidence\":0.51",
            "\"agrees\":false,\"confidence\":0.51",
            "by all five",
        ),
        (
            "vex",
            "\"agrees\":true,\"confidence\":0.95",
            "\"agrees\":false,\"confidence\":0.95",
            "0.7 of the confidence",
        ),
        (
            "governance-engine",
            "\"effort\": 0.63,",
            "\"effort\": 0.83,",
            "never rose by itself",
        ),
        (
            "governance-engine",
            "\"step\": 12, \"action\": \"llm_call\", \"params\": {\"target\": \"ticket-12\"}, \"signals\": {\"reward\": 0.1, \"novelty\": 0.5, \"urgency\": 0.2, \"difficulty\": 0.4, \"trust\": 0.9}, \"budget_snapshot\": {\"effort\": 0.0, \"risk\": 0.1, \"persistence\": 0.0, \"exploration\": 0.2}, \"decision_halted\": true",
            "\"step\": 12, \"action\": \"llm_call\", \"params\": {\"target\": \"ticket-12\"}, \"signals\": {\"reward\": 0.1, \"novelty\": 0.5, \"urgency\": 0.2, \"difficulty\": 0.4, \"trust\": 0.9}, \"budget_snapshot\": {\"effort\": 0.0, \"risk\": 0.1, \"persistence\": 0.0, \"exploration\": 0.2}, \"decision_halted\": false",
            "always halted",
        ),
        (
            "harombe",
            "'looks right', '{\"approval_status\":\"approved\"",
            "'looks right', '{\"approval_status\":\"denied\"",
            "",
        ),
        (
            "harombe",
            "'hitl', 'allow', 'looks right'",
            "'hitl', 'deny', 'looks right'",
            "approval gates",
        ),
        (
            "harombe",
            "210, 'mail-1'",
            "210000, 'mail-1'",
            "resource usage",
        ),
        (
            "harombe",
            "'code', 'run'",
            "'shell', 'run'",
            "policy compliance",
        ),
        (
            "harombe",
            "'2026-03-01 09:02:01.000', 'response'",
            "'2027-03-01 09:02:01.000', 'response'",
            "time range",
        ),
        (
            "arw",
            "'2026-03-01T09:30:00.000Z', NULL",
            "'2026-03-01T09:01:30.000Z', NULL",
            "before its lease began",
        ),
        (
            "arw",
            "'allow', 'ok', 'docs.example.org'",
            "'allow', 'ok', 'paste.example.org'",
            "only left to these hosts",
        ),
        (
            "arw",
            "\"est_cost_usd\":0.000375",
            "\"est_cost_usd\":0.375",
            "models cost",
        ),
        (
            "arw",
            "'approved', 'dana'",
            "'approved', NULL",
            "nobody but a human",
        ),
    ];
    for (number, (system, from, to, named)) in edits.into_iter().enumerate() {
        let desk = Desk::new();
        let (file, is_sql) = match system {
            "vex" => ("sources/vex-council.jsonl", false),
            "governance-engine" => ("sources/governance.jsonl", false),
            "harombe" => ("sources/harombe.sql", true),
            _ => ("sources/arw.sql", true),
        };
        let text = fs::read_to_string(fixture(file)).unwrap();
        assert!(text.contains(from), "{system}: {from}");
        let text = text.replacen(from, to, 1);
        let path = desk.path(&format!("edit-{number}.log"));
        match is_sql {
            true => Connection::open(&path)
                .unwrap()
                .execute_batch(&text)
                .unwrap(),
            false => fs::write(&path, text).unwrap(),
        }
        let run = desk.ingest(&path).remove(0);
        let failed = failures(&desk, &run, &claims(system));
        match named {
            // That a human denied does not undo what the gate itself let through.
            "" => assert_eq!(failed, [], "{system}: {to}"),
            named => assert!(
                failed.iter().any(|(name, _, _)| name.contains(named)),
                "{system}: {to}: {failed:?}"
            ),
        }
    }
}

fn samples() -> Option<PathBuf> {
    avouch_tests::shared_data().map(|data| data.join("seed-systems"))
}

#[test]
fn the_engines_and_harombes_own_records_keep_their_promises() {
    let Some(data) = samples() else { return };
    let desk = Desk::new();
    for (system, file, runs) in [
        ("governance-engine", "governance-audit.jsonl", 1),
        ("harombe", "harombe-audit.db", 3),
    ] {
        let found = desk.ingest(&data.join(file));
        assert_eq!(found.len(), runs, "{system}");
        for run in found {
            assert_eq!(failures(&desk, &run, &claims(system)), [], "{run}");
        }
    }
}

#[test]
fn arws_own_journal_used_leases_for_what_they_are_not_of() {
    let Some(data) = samples() else { return };
    let journal = data.join("arw-journal.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?immutable=1", journal.display());
    let conn = Connection::open_with_flags(uri, flags).unwrap();
    let sql = "SELECT DISTINCT '\"host:' || dest_host || ':' || dest_port || '\"' FROM egress_ledger WHERE decision = 'allow'";
    let hosts: Vec<String> = conn
        .prepare(sql)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let desk = Desk::new();
    // The hosts that a posture lists are for its owner to say.
    let text = fs::read_to_string(claims("arw")).unwrap();
    let text = text.replace("\"host:docs.example.org:443\"", &hosts.join(", "));
    let path = desk.path("claims.toml");
    fs::write(&path, text).unwrap();
    let run = desk.ingest(&journal).remove(0);
    let failed = failures(&desk, &run, &path);
    let names: Vec<&str> = failed.iter().map(|(name, _, _)| &**name).collect();
    assert_eq!(
        names,
        ["leases: no capability was used before its lease began or after it ran out"]
    );
}

#[test]
fn vexs_own_consensus_counted_one_agent_several_times() {
    let Some(data) = samples() else { return };
    let file = data.join("vex-audit.json");
    let log: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let votes: Vec<&Value> = log["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event_type"] == "CONSENSUS_REACHED")
        .map(|event| &event["data"])
        .collect();
    // Each debate's rounds come before its consensus: the last one's number is what the votes have.
    let mut text = String::from("version = 1\n");
    let mut carried = Vec::new();
    let mut round = 0;
    for event in log["events"].as_array().unwrap() {
        round += u32::from(event["event_type"] == "DEBATE_ROUND");
        if event["event_type"] != "CONSENSUS_REACHED" {
            continue;
        }
        let cast = event["data"]["votes"].as_array().unwrap();
        let mut electorate: Vec<&str> = cast
            .iter()
            .map(|v| v["agent_id"].as_str().unwrap())
            .collect();
        electorate.sort_unstable();
        electorate.dedup();
        carried.push(electorate.len() < cast.len());
        let names: Vec<String> = electorate
            .iter()
            .map(|id| format!("\"agent:{id}\""))
            .collect();
        for rule in ["majority", "supermajority", "unanimous", "weighted"] {
            text += &format!(
                "[[claim]]\nname = \"{round} {rule}\"\ntype = \"consensus\"\nround = {round}\nelectorate = [{}]\nquorum = 2\nrule = \"{rule}\"\n",
                names.join(", ")
            );
        }
    }
    assert!(carried.iter().all(|twice| *twice) && carried.len() == votes.len());
    let desk = Desk::new();
    let path = desk.path("claims.toml");
    fs::write(&path, text).unwrap();
    let run = desk.ingest(&file).remove(0);
    let failed = failures(&desk, &run, &path);
    assert_eq!(failed.len(), votes.len() * 4, "VEX reached each of them");
    assert!(votes.iter().all(|consensus| consensus["reached"] == true));
    for (name, event, reason) in failed {
        assert!(
            event.is_some() && reason.contains("voted in this round before"),
            "{name}: {reason}"
        );
    }
}
