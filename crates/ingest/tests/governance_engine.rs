//! Governance Engine's hash-chained audit log.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Cursor;

use avouch_ingest::{Error, Format, Integrity, Options, Place, audit};
use avouch_trace::{Decision, Flags, Kind};
use common::{Stored, count, one, raws, refused, shared, text, try_with};
use proptest::prelude::*;
use serde_json::Value as Json;

/// Written by the engine's own `HashChainedAuditLogger` (agentharnessengine 1.2.0): text that is not
/// ASCII, floats that Python writes with an exponent, a budget that rises by itself, a halt.
const SMALL: &str = include_str!("data/governance.jsonl");

fn audited(input: &str) -> Integrity {
    let audited = audit("log.jsonl", Cursor::new(input), &Options::default()).unwrap();
    assert_eq!(audited.format, Format::GovernanceEngine);
    audited.integrity.unwrap()
}

/// What was found, as (line, record).
fn found(input: &str) -> Vec<(u64, String)> {
    let integrity = audited(input);
    assert_eq!(integrity.held, Some(integrity.findings.is_empty()));
    let findings = integrity.findings.into_iter();
    findings
        .map(|finding| match finding.place {
            Some(Place::Line(line)) => (line, finding.record),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// The log with one text replaced, which must be in it.
fn edited(log: &str, from: &str, to: &str) -> String {
    assert!(log.contains(from), "{from}");
    log.replacen(from, to, 1)
}

#[test]
fn a_log_becomes_the_documented_events() {
    let run = one(SMALL.as_bytes());
    assert_eq!(
        (&*run.info.format, &*run.info.agent, &*run.info.currency),
        ("governance-engine", "governance-engine", "effort")
    );
    assert_eq!(run.info.integrity, Some(true));
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::PolicyDecision,
            Kind::ToolCall,
            Kind::PolicyDecision,
            Kind::ToolCall,
            Kind::PolicyDecision,
            Kind::ToolCall,
            Kind::Halt,
            Kind::Halt,
            Kind::RunEnd,
        ]
    );
    let budgets: Vec<u64> = run
        .events
        .iter()
        .map(|event| event.budget.unwrap())
        .collect();
    assert_eq!(
        budgets,
        [
            1_000_000, 800_000, 800_000, 13, 13, 500_000, 500_000, 0, 0, 0
        ],
        "micro-units, rounded half up"
    );
    let costs: Vec<u64> = run.events.iter().map(|event| event.cost.unwrap()).collect();
    assert_eq!(
        costs,
        [0, 200_000, 0, 799_987, 0, 0, 0, 500_000, 0, 0],
        "what a budget gains is no cost"
    );
    let decision = &run.events[1];
    assert_eq!(decision.actor.as_deref(), Some("policy:governance-engine"));
    assert_eq!(decision.subject.as_deref(), Some("tool:write_file"));
    assert_eq!(
        (decision.decision, decision.flags),
        (Decision::Allow, Flags::NONE)
    );
    assert_eq!((decision.round, decision.time), (1, 1_798_761_600_000));
    assert!(text(decision, "signals").unwrap().contains("1e-07"));
    assert_eq!(text(decision, "reason"), None);
    let call = &run.events[2];
    assert_eq!(call.actor.as_deref(), Some("agent:governance-engine"));
    assert_eq!(call.subject, decision.subject);
    assert_eq!((call.parent, call.round), (Some(1), 1));
    for halt in &run.events[7..9] {
        assert_eq!((halt.decision, halt.flags), (Decision::Deny, Flags::HALTED));
        assert_eq!(text(halt, "reason"), Some("exhaustion"));
    }
    assert_eq!(run.events[7].subject.as_deref(), Some("tool:send_email"));
    let lines: Vec<&[u8]> = SMALL.lines().map(str::as_bytes).collect();
    assert_eq!(raws(&run), lines);
}

#[test]
fn the_chain_of_the_engines_own_logger_holds() {
    let integrity = audited(SMALL);
    assert_eq!(
        (integrity.held, integrity.checked),
        (Some(true), 10),
        "a hash and a link each"
    );
    assert!(
        integrity
            .covers
            .iter()
            .any(|said| said.contains("previous_hash"))
    );
    assert!(
        integrity
            .does_not_cover
            .iter()
            .any(|said| said.contains("cut off at the end"))
    );
}

#[test]
fn an_edit_of_what_the_chain_covers_is_found_and_named() {
    let step_2 = vec![(2, "step 2".to_owned())];
    for (from, to) in [
        ("Z\\u00fcrich", "Zurich"),
        ("1.25e-05", "1.26e-05"),
        ("2027-01-01T00:00:01", "2027-01-01T00:00:02"),
        ("\"effort\": 1.25e-05", "\"effort\": 0.7"),
        ("\"tool\": null", "\"tool\": false"),
        ("\"halt_reason\": null", "\"halt_reason\": \"no\""),
    ] {
        // In the second line.
        let at = SMALL.find('\n').unwrap() + 1;
        let log = format!("{}{}", &SMALL[..at], edited(&SMALL[at..], from, to));
        assert_eq!(found(&log), step_2, "{from}");
    }
    let lines: Vec<&str> = SMALL.lines().collect();
    let without_third = [lines[0], lines[1], lines[3], lines[4]].join("\n");
    assert_eq!(found(&without_third), [(3, "step 4".to_owned())]);
    let without_first = lines[1..].join("\n");
    assert_eq!(found(&without_first), [(1, "step 2".to_owned())]);
    let swapped = [lines[1], lines[0]].join("\n");
    assert_eq!(found(&swapped).len(), 2);
    let hash = lines[0].rsplit('"').nth(1).unwrap();
    let relinked = edited(
        SMALL,
        &format!("\"entry_hash\": \"{hash}"),
        "\"entry_hash\": \"00",
    );
    assert_eq!(
        found(&relinked),
        [(1, "step 1".to_owned()), (2, "step 2".to_owned())],
        "the entry's own hash, and the link to it"
    );
}

#[test]
fn what_the_chain_does_not_cover_goes_unnoticed() {
    let lines: Vec<&str> = SMALL.lines().collect();
    let cut = lines[..3].join("\n");
    assert_eq!(found(&cut), [], "the halts are gone");
    let respelt = edited(SMALL, "1.25e-05", "0.0000125");
    let respelt = edited(&respelt, "\"step\": 1, ", "");
    let respelt = edited(&respelt, "{\"timestamp\"", "{ \"step\":1,\"timestamp\"");
    assert_eq!(found(&respelt), []);
    assert_eq!(one(cut.as_bytes()).info.integrity, Some(true));
}

#[test]
fn a_chain_that_broke_is_ingested_as_such_or_refused() {
    let broken = edited(SMALL, "\"eps\": 1e-05", "\"eps\": 2e-05");
    let run = one(broken.as_bytes());
    assert_eq!(run.info.integrity, Some(false));
    let options = Options {
        strict_source: true,
        ..Options::default()
    };
    let (store, result) = try_with(broken.as_bytes(), &options);
    assert!(store.runs.is_empty());
    let refusal = result.unwrap_err();
    assert!(matches!(refusal, Error::NotHeld { broken: 1, .. }));
    assert!(refusal.to_string().contains("step 3"), "{refusal}");
    let (_, result) = try_with(SMALL.as_bytes(), &options);
    result.unwrap();
}

#[test]
fn malformed_entries_are_refused_where_they_are_malformed() {
    for (from, to, message) in [
        ("\"step\": 1", "\"step\": -1", "line 1"),
        ("\"step\": 1", "\"step\": \"1\"", "line 1"),
        ("2027-01-01T00:00:01", "then", "RFC 3339"),
        (
            "\"effort\": 0.8",
            "\"effort\": -0.8",
            "effort -0.8 is not an amount",
        ),
        ("\"effort\": 0.8", "\"effort\": NaN", "line 1"),
        ("\"effort\": 0.8,", "", "effort"),
        (
            "\"decision_halted\": false",
            "\"decision_halted\": 0",
            "line 1",
        ),
        (
            "\"entry_hash\": \"",
            "\"entry_hash\": 5, \"x\": \"",
            "line 1",
        ),
    ] {
        let refusal = refused(Format::GovernanceEngine, edited(SMALL, from, to).as_bytes());
        assert!(refusal.contains(message), "{to}: {refusal}");
    }
}

/// Once halted, always halted; a budget never rises by itself: as header values, whatever the file says.
fn contracts(run: &Stored) -> (bool, bool) {
    let halted = run.events.iter().position(|event| event.kind == Kind::Halt);
    let after = halted.map_or(&[][..], |at| &run.events[at..run.events.len() - 1]);
    let budgets: Vec<u64> = run
        .events
        .iter()
        .map(|event| event.budget.unwrap())
        .collect();
    (
        after.iter().all(|event| event.kind == Kind::Halt),
        budgets.windows(2).all(|pair| pair[1] <= pair[0]),
    )
}

#[test]
fn the_engines_contracts_can_be_read_from_the_headers() {
    assert_eq!(
        contracts(&one(SMALL.as_bytes())),
        (true, false),
        "its budget does rise"
    );
    let lines: Vec<&str> = SMALL.lines().collect();
    let resumed = [lines[3], lines[0]].join("\n");
    assert_eq!(contracts(&one(resumed.as_bytes())), (false, false));
}

#[test]
fn the_sample_has_the_events_that_plain_json_counts_and_its_chain_holds() {
    let Some(input) = shared("seed-systems/governance-audit.jsonl") else {
        return;
    };
    let log = String::from_utf8(input).unwrap();
    let run = one(log.as_bytes());
    let entries: Vec<Json> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let halted = entries
        .iter()
        .filter(|entry| entry["decision_halted"] == true)
        .count();
    assert_eq!((entries.len(), halted), (98, 85));
    assert_eq!(count(&run, Kind::Halt), halted);
    assert_eq!(count(&run, Kind::PolicyDecision), entries.len() - halted);
    assert_eq!(count(&run, Kind::ToolCall), entries.len() - halted);
    assert_eq!(run.events.len(), 2 + 2 * entries.len() - halted);
    assert_eq!(contracts(&run), (true, true));
    assert_eq!(run.info.integrity, Some(true));
    assert_eq!(audited(&log).checked, 2 * entries.len() as u64);
    let lines: Vec<&[u8]> = log.lines().map(str::as_bytes).collect();
    assert_eq!(raws(&run), lines);
    let effort = |entry: &Json| entry["budget_snapshot"]["effort"].as_f64().unwrap();
    let last_allowed = entries
        .iter()
        .rfind(|entry| entry["decision_halted"] == false);
    let last_call = run
        .events
        .iter()
        .rfind(|event| event.kind == Kind::ToolCall);
    let budget = last_call.unwrap().budget.unwrap();
    assert_eq!(budget, (effort(last_allowed.unwrap()) * 1e6).round() as u64);
    let spent: u64 = run.events.iter().map(|event| event.cost.unwrap()).sum();
    assert_eq!(spent, 1_000_000, "all of the effort");
    // Tampered with: one number in the middle, and the end.
    let step = entries[40]["step"].as_u64().unwrap();
    let tampered: Vec<String> = log
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            40 => edited(line, "\"tokens\": ", "\"tokens\": 1"),
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(found(&tampered.join("\n")), [(41, format!("step {step}"))]);
    let cut: Vec<&str> = log.lines().take(12).collect();
    assert_eq!(found(&cut.join("\n")), []);
    assert_eq!(count(&one(cut.join("\n").as_bytes()), Kind::Halt), 0);
}

proptest! {
    #[test]
    fn no_edit_of_a_log_makes_the_importer_panic(
        at in 0..SMALL.len(),
        length in 0_usize..80,
        with in "[{}\\[\\]\",:0-9eE+.a-z\\\\-]{0,12}",
    ) {
        let mut bytes = SMALL.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, with.bytes());
        let options = Options {
            format: Some(Format::GovernanceEngine),
            ..Options::default()
        };
        let (store, result) = try_with(&bytes, &options);
        prop_assert_eq!(result.is_ok(), store.runs.len() == 1);
        let skipping = Options { skip_bad: true, ..options };
        prop_assert!(try_with(&bytes, &skipping).1.is_ok());
    }
}
