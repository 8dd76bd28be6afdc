//! Gemini CLI recordings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::{Format, Options};
use avouch_trace::{Flags, Kind};
use common::{bytes, count, field, one, raws, refused, shared, text, try_with};
use serde_json::Value as Json;

const SMALL: &str = r#"{"sessionId":"s-1","projectHash":"ab","startTime":"2026-03-01T10:00:00.000Z",
 "messages":[
 {"id":"1","timestamp":"2026-03-01T10:00:01.000Z","type":"user","content":[{"text":"what time is it?"}]},
 {"id":"2","timestamp":"2026-03-01T10:00:05.500Z","type":"gemini","content":"","model":"gemini-x",
  "thoughts":[{"subject":"Clock","description":"Look at it.","timestamp":"2026-03-01T10:00:04Z"}],
  "toolCalls":[
   {"id":"c1","name":"clock","args":{"zone":"UTC"},"status":"success","timestamp":"2026-03-01T10:00:06Z",
    "result":[{"functionResponse":{"id":"c1","name":"clock","response":{"output":"ten"}}}]},
   {"id":"c2","name":"mcp__sun__dial","args":{},"status":"cancelled","timestamp":"2026-03-01T10:00:07Z"},
   {"id":"c3","name":"wait","args":{},"status":"executing","timestamp":"2026-03-01T10:00:08Z"}],
  "tokens":{"input":100,"output":7,"cached":90,"thoughts":3,"tool":0,"total":110}},
 {"id":"3","timestamp":"2026-03-01T10:00:09Z","type":"gemini","content":"Ten.","model":"gemini-x","tokens":{"input":5,"output":2,"cached":0,"thoughts":1}},
 {"id":"4","timestamp":"2026-03-01T10:00:10Z","type":"gemini","content":"","tokens":{"input":null}},
 {"id":"5","timestamp":"2026-03-01T10:00:11Z","type":"error","content":"quota"},
 {"id":"6","timestamp":"2026-03-01T10:00:12Z","type":"info","content":"bye"}
 ],"lastUpdated":"2026-03-01T10:00:12.000Z","summary":"a clock"}"#;

#[test]
fn a_recording_becomes_the_documented_events() {
    let run = one(SMALL.as_bytes());
    assert_eq!(
        (&*run.info.agent, &*run.info.currency),
        ("gemini-cli", "tokens")
    );
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::MessageIn,
            Kind::Reasoning,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::ToolCall,
            Kind::MessageOut,
            Kind::ModelCall,
            Kind::Error,
            Kind::Note,
            Kind::RunEnd,
        ]
    );
    let costs: Vec<Option<u64>> = run
        .events
        .iter()
        .map(|event| event.cost.map(|cost| cost / 1_000_000))
        .collect();
    let none = Some(0);
    assert_eq!(
        costs,
        [
            none,
            none,
            Some(110),
            none,
            none,
            none,
            none,
            none,
            Some(8),
            None,
            none,
            none,
            none
        ]
    );
    assert_eq!(run.events[0].time, 1_772_359_200_000);
    assert_eq!(text(&run.events[0], "session"), Some("s-1"));
    assert_eq!(text(&run.events[0], "raw/summary"), Some("\"a clock\""));
    assert_eq!(
        text(&run.events[1], "text"),
        Some(r#"[{"text":"what time is it?"}]"#)
    );
    assert_eq!(run.events[1].actor.as_deref(), Some("role:user"));
    assert_eq!(
        run.events[1].flags,
        Flags::NONE,
        "nothing shows that the user is a human"
    );
    assert_eq!(text(&run.events[2], "topic"), Some("Clock"));
    assert_eq!(run.events[2].subject.as_deref(), Some("model:gemini-x"));
    assert_eq!(run.events[3].subject.as_deref(), Some("tool:clock"));
    assert_eq!(text(&run.events[3], "input"), Some(r#"{"zone":"UTC"}"#));
    assert_eq!(run.events[4].parent, Some(3));
    assert_eq!(run.events[4].actor.as_deref(), Some("tool:clock"));
    assert_eq!(run.events[6].subject.as_deref(), Some("agent:gemini-cli"));
    assert_eq!(
        (run.events[6].parent, run.events[6].flags),
        (Some(5), Flags::ERROR)
    );
    assert_eq!(run.events[5].subject.as_deref(), Some("tool:sun/dial"));
    let rounds: Vec<u32> = run.events.iter().map(|event| event.round).collect();
    assert_eq!(rounds, [0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 0]);
}

#[test]
fn malformed_recordings_are_refused_where_they_are_malformed() {
    for (input, message) in [
        (
            r#"{"sessionId":"s","messages":{}}"#,
            "no array of records: expected messages",
        ),
        (r#"{"sessionId":5,"messages":[]}"#, "sessionId"),
        (
            r#"{"sessionId":"s","startTime":"noon","messages":[]}"#,
            "startTime",
        ),
        (
            r#"{"sessionId":"s","messages":[{"type":"user"},{"id":"1"}]}"#,
            "record 2 (at byte 45)",
        ),
        (
            r#"{"sessionId":"s","messages":[7]}"#,
            "record 1 (at byte 29)",
        ),
        (
            r#"{"sessionId":"s","messages":[{"type":"gemini","tokens":{"total":-1}}]}"#,
            "record 1",
        ),
        (
            r#"{"sessionId":"s","messages":[{"type":"gemini","toolCalls":[{"id":"c"}]}]}"#,
            "name",
        ),
        (
            r#"{"sessionId":"s","messages":[{"type":"gemini","toolCalls":[["c"]]}]}"#,
            "an object",
        ),
        (
            r#"{"sessionId":"s","messages":[{"type":"user","timestamp":"now"}]}"#,
            "RFC 3339",
        ),
        (r#"{"sessionId":"s","messages":[{"type":"user"}"#, "cut off"),
    ] {
        let refusal = refused(Format::Gemini, input.as_bytes());
        assert!(refusal.contains(message), "{input}: {refusal}");
        assert!(refusal.starts_with("dir/input.jsonl: "), "{refusal}");
    }
}

#[test]
fn a_bad_message_can_be_skipped_visibly() {
    let bad = SMALL.replace(r#""type":"user","#, r#""type":7,"#);
    let options = Options {
        skip_bad: true,
        format: Some(Format::Gemini),
        ..Options::default()
    };
    let (store, result) = try_with(bad.as_bytes(), &options);
    result.unwrap();
    let run = &store.runs[0];
    assert_eq!(run.events.len(), one(SMALL.as_bytes()).events.len());
    assert_eq!(
        (run.events[1].kind, run.events[1].flags),
        (Kind::Error, Flags::ERROR)
    );
    assert!(text(&run.events[1], "reason").is_some());
    assert!(bytes(field(&run.events[1], "raw").unwrap()).starts_with(br#"{"id":"1""#));
}

#[test]
fn the_sample_has_the_events_and_tokens_that_plain_json_counts() {
    let Some(input) = shared("sessions/gemini-gemini-3-pro-preview.jsonl") else {
        return;
    };
    let run = one(&input);
    assert_eq!(run.info.format, "gemini");
    let json: Json = serde_json::from_slice(&input).unwrap();
    let messages = json["messages"].as_array().unwrap();
    let list = |message: &Json, name: &str| message[name].as_array().map_or(0, Vec::len);
    let said = messages
        .iter()
        .filter(|m| m["type"] == "gemini" && m["content"].as_str().is_some_and(|c| !c.is_empty()))
        .count();
    let calls: usize = messages.iter().map(|m| list(m, "toolCalls")).sum();
    let thoughts: usize = messages.iter().map(|m| list(m, "thoughts")).sum();
    let heard = messages.iter().filter(|m| m["type"] == "user").count();
    assert_eq!((calls, heard, messages.len()), (39, 1, 24));
    assert_eq!(count(&run, Kind::ToolCall), calls);
    assert_eq!(count(&run, Kind::ToolResult), calls);
    assert_eq!(count(&run, Kind::Reasoning), thoughts);
    assert_eq!(count(&run, Kind::MessageOut), said);
    assert_eq!(count(&run, Kind::MessageIn), heard);
    assert_eq!(run.events.len(), 2 + 2 * calls + thoughts + said + heard);
    let tokens: u64 = messages
        .iter()
        .filter_map(|m| m["tokens"]["total"].as_u64())
        .sum();
    let spent: u64 = run.events.iter().map(|event| event.cost.unwrap()).sum();
    assert_eq!(spent, tokens * 1_000_000);
    // The document is its outer members and its records: nothing else but punctuation.
    assert_eq!(raws(&run).len(), messages.len());
    for (raw, message) in raws(&run).iter().zip(messages) {
        assert_eq!(&serde_json::from_slice::<Json>(raw).unwrap(), message);
        assert!(
            input.windows(raw.len()).any(|window| window == *raw),
            "not the exact bytes"
        );
    }
    for name in ["sessionId", "projectHash", "startTime", "lastUpdated"] {
        let kept: Json =
            serde_json::from_str(text(&run.events[0], &format!("raw/{name}")).unwrap()).unwrap();
        assert_eq!(kept, json[name]);
    }
    for event in run
        .events
        .iter()
        .filter(|event| event.kind == Kind::ToolResult)
    {
        let call = &run.events[event.parent.unwrap() as usize];
        assert_eq!(call.kind, Kind::ToolCall);
        assert_eq!(text(call, "call_id"), text(event, "call_id"));
    }
}
