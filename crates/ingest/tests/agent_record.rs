//! Verifiable agent conversation records.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::Format;
use avouch_trace::{Flags, Kind};
use common::{field, one, raws, refused, text};

const ENTRIES: [&str; 7] = [
    r#"{"type":"user","content":"hello","id":"e1","timestamp":"2026-03-01T10:00:01Z"}"#,
    r#"{"type":"reasoning","content":{"steps":[1]},"subject":"greeting"}"#,
    r#"{"type":"assistant","content":"on it","parent-id":"e1","id":"e2","timestamp":1772359202500,"model-id":"m-2",
      "token-usage":{"input":10,"output":5,"cached":8,"cost":0.2},
      "children":[
       {"type":"tool-call","name":"search","input":null,"call-id":"c1"},
       {"type":"tool-result","output":null,"call-id":"c1","status":"error",
        "children":[{"type":"system-event","event-type":"retry","data":{"n":1}}]}]}"#,
    r#"{"type":"tool-call","name":"run","input":{"x":1},"call-id":"c2"}"#,
    r#"{"type":"tool-result","output":"done","call-id":"c2","is-error":false,"status":"error"}"#,
    r#"{"type":"assistant","content":"bye","token-usage":{"total":3}}"#,
    r#"{"type":"vendor-thing","x":1}"#,
];

fn record(entries: &str) -> String {
    format!(
        r#"{{"version":"3.0.0","id":"r-1","created":"2026-03-01T09:00:00Z","session":{{"format":"autonomous","session-id":"s-1",
        "session-start":"2026-03-01T10:00:00Z","agent-meta":{{"model-id":"m-1","model-provider":"acme","cli-name":"acme-cli"}},
        "entries":[{entries}],"environment":{{"working-dir":"/w"}}}},"recording-agent":{{"name":"rec"}}}}"#
    )
}

#[test]
fn entries_become_the_documented_events() {
    let input = record(&ENTRIES.join(",\n"));
    let run = one(input.as_bytes());
    assert_eq!(
        (&*run.info.format, &*run.info.agent),
        ("agent-record", "acme-cli")
    );
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::MessageIn,
            Kind::Reasoning,
            Kind::MessageOut,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::Note,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::Note,
            Kind::RunEnd,
        ]
    );
    assert_eq!(raws(&run), ENTRIES.map(str::as_bytes));
    let parents: Vec<Option<u32>> = run.events.iter().map(|event| event.parent).collect();
    let none = None;
    assert_eq!(
        parents,
        [
            none,
            none,
            none,
            Some(1),
            Some(3),
            Some(4),
            Some(5),
            none,
            Some(7),
            none,
            none,
            none
        ]
    );
    let costs: Vec<Option<u64>> = run
        .events
        .iter()
        .map(|event| event.cost.map(|cost| cost / 1_000_000))
        .collect();
    let zero = Some(0);
    assert_eq!(
        costs,
        [
            zero,
            zero,
            None,
            Some(15),
            None,
            zero,
            zero,
            None,
            zero,
            Some(3),
            zero,
            zero
        ]
    );
    assert_eq!(run.events[0].time, 1_772_359_200_000);
    assert_eq!(run.events[3].time, 1_772_359_202_500);
    assert_eq!(text(&run.events[0], "model"), Some("m-1"));
    let outer = text(&run.events[0], "raw/session/environment");
    assert_eq!(outer, Some(r#"{"working-dir":"/w"}"#));
    assert_eq!(
        text(&run.events[0], "raw/recording-agent"),
        Some(r#"{"name":"rec"}"#)
    );
    assert_eq!(run.events[2].subject.as_deref(), Some("model:m-1"));
    assert_eq!(run.events[3].subject.as_deref(), Some("model:m-2"));
    assert_eq!(run.events[5].actor.as_deref(), Some("tool:search"));
    assert_eq!(run.events[5].flags, Flags::ERROR);
    assert_eq!(
        run.events[8].flags,
        Flags::NONE,
        "is-error says more than status"
    );
    assert_eq!(text(&run.events[6], "event_type"), Some("retry"));
    assert!(field(&run.events[5], "raw_at").is_some());
}

#[test]
fn records_that_break_the_cddl_are_refused() {
    let swap = |from: &str, to: &str| record(ENTRIES[0]).replace(from, to);
    for (input, message) in [
        (swap(r#""id":"r-1","#, ""), "the record has no id"),
        (swap(r#""session-id":"s-1","#, ""), "no session/session-id"),
        (
            swap(r#""model-id":"m-1","#, ""),
            "session/agent-meta: missing field `model-id`",
        ),
        (
            swap("2026-03-01T10:00:00Z", "soon"),
            "session/session-start",
        ),
        (
            swap(r#""entries":["#, r#""entries":[["user"],"#),
            "record 1",
        ),
        (
            swap(r#""entries":["#, r#""entries":{},"more":["#),
            "expected session/entries",
        ),
        (record(r#"{"content":"x"}"#), "missing field `type`"),
        (
            record(r#"{"type":"tool-call","name":"x"}"#),
            "a tool-call has no input",
        ),
        (
            record(r#"{"type":"tool-call","input":1}"#),
            "a tool-call has no name",
        ),
        (
            record(r#"{"type":"tool-result"}"#),
            "a tool-result has no output",
        ),
        (
            record(r#"{"type":"reasoning"}"#),
            "a reasoning has no content",
        ),
        (
            record(r#"{"type":"user","children":[{"type":"system-event"}]}"#),
            "no event-type",
        ),
        (record(r#"{"type":"user","timestamp":"noon"}"#), "RFC 3339"),
        (
            record(r#"{"type":"assistant","token-usage":{"total":-1}}"#),
            "invalid value",
        ),
    ] {
        let refusal = refused(Format::AgentRecord, input.as_bytes());
        assert!(refusal.contains(message), "{message}: {refusal}");
    }
}
