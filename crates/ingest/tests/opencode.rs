//! OpenCode storage.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, HashSet};

use avouch_ingest::{Format, Options, Outcome};
use avouch_trace::{Flags, Kind};
use common::{count, raws, refused, shared, text, try_as, try_with};
use serde_json::Value as Json;

const FIRST: &[&str] = &[
    r#"{"id":"p1","worktree":"/w","vcs":"git","time":{"created":1,"updated":1}}"#,
    r#"{"id":"prt_1","sessionID":"ses_A","messageID":"msg_1","type":"text","text":"fix it"}"#,
    r#"{"id":"prt_1b","sessionID":"ses_A","messageID":"msg_1","type":"text","text":"(file)","synthetic":true}"#,
    r#"{"id":"prt_2","sessionID":"ses_A","messageID":"msg_2","type":"step-start"}"#,
    r#"{"id":"prt_3","sessionID":"ses_A","messageID":"msg_2","type":"reasoning","text":"hm","time":{"start":1000,"end":2000}}"#,
    r#"{"id":"prt_4","sessionID":"ses_A","messageID":"msg_2","type":"tool","callID":"c1","tool":"edit","state":{"status":"error","input":{"a":1},"error":"no such file","time":{"start":3000,"end":4000}}}"#,
    r#"{"id":"prt_5","sessionID":"ses_A","messageID":"msg_2","type":"tool","callID":"c2","tool":"read","state":{"status":"running","input":{},"time":{"start":4500}}}"#,
    r#"{"id":"prt_6","sessionID":"ses_A","messageID":"msg_2","type":"text","text":"done"}"#,
    r#"{"id":"prt_7","sessionID":"ses_A","messageID":"msg_2","type":"step-finish","cost":0.09312875,"tokens":{"input":2}}"#,
    r#"{"id":"prt_8","sessionID":"ses_A","messageID":"msg_2","type":"patch","hash":"f9","files":["a.c"]}"#,
    r#"{"id":"msg_2","sessionID":"ses_A","role":"assistant","parentID":"msg_1","modelID":"m","providerID":"p","cost":0.09312875,"tokens":{"input":2},"time":{"created":900,"completed":5000}}"#,
    r#"{"id":"msg_2","sessionID":"ses_A","role":"assistant","parentID":"msg_1","modelID":"m","providerID":"p","cost":0.1,"time":{"created":900,"completed":5001},"error":{"name":"Aborted"}}"#,
    r#"[{"file":"a.c","additions":1}]"#,
    r#"{"id":"ses_A","title":"Fix","version":"1","time":{"created":800,"updated":5000}}"#,
    r#"{"id":"msg_1","sessionID":"ses_A","role":"user","time":{"created":850}}"#,
];
const SECOND: &[&str] = &[
    r#"{"id":"B","secret":"<REDACTED>","url":"https://example.org/B"}"#,
    r#"{"id":"prt_9","sessionID":"ses_B","messageID":"msg_9","type":"text","text":"and now?"}"#,
    r#"[1]"#,
];

fn small() -> String {
    [FIRST, SECOND].concat().join("\n")
}

#[test]
fn each_session_is_a_run_of_the_documented_events() {
    let (store, result) = try_with(small().as_bytes(), &Options::default());
    let outcomes = result.unwrap();
    assert_eq!(store.runs.len(), 2);
    let run = &store.runs[0];
    assert_eq!((&*run.info.agent, &*run.info.currency), ("opencode", "USD"));
    assert_eq!(text(&run.events[0], "session"), Some("ses_A"));
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::Note,
            Kind::MessageIn,
            Kind::MessageIn,
            Kind::Note,
            Kind::Reasoning,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::ToolCall,
            Kind::MessageOut,
            Kind::Note,
            Kind::Artifact,
            Kind::ModelCall,
            Kind::ModelCall,
            Kind::Note,
            Kind::Note,
            Kind::Note,
            Kind::RunEnd,
        ]
    );
    assert_eq!(
        raws(run),
        FIRST
            .iter()
            .map(|record| record.as_bytes())
            .collect::<Vec<_>>()
    );
    let costs: Vec<u64> = run.events.iter().map(|event| event.cost.unwrap()).collect();
    // Ninety-three thousandths and an eighth, rounded half up; then only what was added to it.
    assert_eq!(costs[12..14], [93_129, 6_871]);
    assert_eq!(costs.iter().sum::<u64>(), 100_000);
    assert_eq!(run.events[2].actor.as_deref(), Some("role:user"));
    assert_eq!(run.events[3].actor.as_deref(), Some("role:system"));
    assert_eq!(run.events[9].actor.as_deref(), Some("agent:opencode"));
    assert_eq!(run.events[12].subject.as_deref(), Some("model:p/m"));
    assert_eq!(run.events[12].parent, Some(2), "answers the user's message");
    assert_eq!(
        (run.events[7].parent, run.events[7].flags),
        (Some(6), Flags::ERROR)
    );
    assert_eq!(text(&run.events[7], "error"), Some("no such file"));
    assert_eq!(run.events[13].flags, Flags::ERROR);
    let times: Vec<u64> = run.events.iter().map(|event| event.time).collect();
    assert_eq!(times[5..9], [1000, 3000, 4000, 4500]);
    assert_eq!((times[12], times[16]), (5000, 850));

    let run = &store.runs[1];
    assert_eq!(run.info.input.ordinal, 1);
    assert_eq!(
        raws(run),
        SECOND
            .iter()
            .map(|record| record.as_bytes())
            .collect::<Vec<_>>()
    );
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::Note,
            Kind::MessageIn,
            Kind::Note,
            Kind::RunEnd
        ]
    );
    let records: Vec<u64> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Ingested { records, .. } => *records,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(records, [15, 3]);
}

#[test]
fn values_without_a_session_do_not_pile_up() {
    let mut input = "[0]\n".repeat(1000);
    input.push_str(SECOND[1]);
    let (store, result) = try_as(Format::OpenCode, input.as_bytes());
    result.unwrap();
    let kept: usize = store.runs.iter().map(|run| raws(run).len()).sum();
    assert_eq!(kept, 1001);
}

#[test]
fn malformed_values_are_refused_and_none_of_the_input_is_stored() {
    for (bad, message) in [
        ("7", "expected an object or an array"),
        (r#"{"sessionID":7}"#, "invalid type"),
        (
            r#"{"sessionID":"ses_A","messageID":"m"}"#,
            "missing field `type`",
        ),
        (
            r#"{"sessionID":"ses_A","messageID":"m","type":"tool","state":["x"]}"#,
            "an object",
        ),
        (
            r#"{"id":"m","sessionID":"ses_A","role":"assistant","cost":-1}"#,
            "cost -1",
        ),
        (
            r#"{"id":"m","sessionID":"ses_A","role":"assistant","cost":"1"}"#,
            "cost \"1\"",
        ),
        (
            r#"{"id":"m","sessionID":"ses_A","role":"user","time":{"created":"now"}}"#,
            "RFC 3339",
        ),
        (r#"{"id":"m","#, "cut off"),
    ] {
        let input = format!("{}\n{bad}", small());
        let refusal = refused(Format::OpenCode, input.as_bytes());
        assert!(refusal.contains(message), "{bad}: {refusal}");
    }
}

#[test]
fn the_sample_has_the_runs_events_and_dollars_that_plain_json_counts() {
    let Some(input) = shared("sessions/opencode-gpt-5-2-codex.jsonl") else {
        return;
    };
    let (store, result) = try_with(&input, &Options::default());
    result.unwrap();
    let values: Vec<Json> = serde_json::Deserializer::from_slice(&input)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
    let sessions: Vec<&str> = {
        let mut seen = HashSet::new();
        let named = values
            .iter()
            .filter_map(|value| value["sessionID"].as_str());
        named.filter(|session| seen.insert(*session)).collect()
    };
    assert_eq!((values.len(), sessions.len()), (760, 7));
    assert_eq!(store.runs.len(), sessions.len());
    let mut kept = Vec::new();
    for (run, session) in store.runs.iter().zip(&sessions) {
        assert_eq!(text(&run.events[0], "session"), Some(*session));
        let own: Vec<&Json> = values
            .iter()
            .filter(|v| v["sessionID"] == **session)
            .collect();
        let of = |kind: &str| own.iter().filter(|value| value["type"] == kind).count();
        assert_eq!(count(run, Kind::ToolCall), of("tool"));
        assert_eq!(count(run, Kind::ToolResult), of("tool"));
        assert_eq!(count(run, Kind::Reasoning), of("reasoning"));
        assert_eq!(count(run, Kind::Artifact), of("patch"));
        assert_eq!(
            count(run, Kind::MessageIn) + count(run, Kind::MessageOut),
            of("text")
        );
        let roles: BTreeMap<&str, &str> = own
            .iter()
            .filter_map(|v| Some((v["id"].as_str()?, v["role"].as_str()?)))
            .collect();
        let asked = own.iter().filter(|value| {
            value["type"] == "text" && roles[value["messageID"].as_str().unwrap()] == "user"
        });
        assert_eq!(count(run, Kind::MessageIn), asked.count());
        let answers: Vec<&&Json> = own.iter().filter(|v| v["role"] == "assistant").collect();
        assert_eq!(count(run, Kind::ModelCall), answers.len());
        let spent: u64 = run.events.iter().map(|event| event.cost.unwrap()).sum();
        let dollars: f64 = answers
            .iter()
            .map(|answer| answer["cost"].as_f64().unwrap())
            .sum();
        assert!((spent as f64 / 1e6 - dollars).abs() < 1e-6 * answers.len() as f64);
        assert_eq!(run.events.len(), raws(run).len() + of("tool") + 2);
        kept.extend(raws(run));
    }
    let kept: Vec<Json> = kept
        .iter()
        .map(|raw| serde_json::from_slice(raw).unwrap())
        .collect();
    assert_eq!(kept, values, "every value, once, in order");
    let all: usize = store.runs.iter().map(|run| run.events.len()).sum();
    assert_eq!(all, 760 + 150 + 14);
}
