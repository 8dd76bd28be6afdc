//! Cursor transcripts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::Format;
use avouch_trace::{Flags, Kind};
use common::{count, one, raws, refused, shared, text};

#[test]
fn the_samples_have_the_events_that_plain_json_counts() {
    for file in [
        "sessions/cursor-composer-1-5.jsonl",
        "sessions/cursor-gpt-5-2.jsonl",
    ] {
        let Some(input) = shared(file) else { continue };
        let run = one(&input);
        assert_eq!(run.info.format, "cursor");
        let lines: Vec<&[u8]> = input
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(raws(&run), lines);
        let mut blocks = [0; 2];
        for line in &lines {
            let record: serde_json::Value = serde_json::from_slice(line).unwrap();
            let is_agent = record["role"] == "assistant";
            blocks[usize::from(is_agent)] += record["message"]["content"].as_array().unwrap().len();
        }
        assert_eq!(
            [count(&run, Kind::MessageIn), count(&run, Kind::MessageOut)],
            blocks
        );
        assert_eq!(blocks, [1, 16]);
        assert_eq!(run.events.len(), 17 + 2);
        assert!(
            run.events.iter().all(|event| event.time == 0),
            "there are no times"
        );
        assert!(
            run.events[1..18].iter().all(|event| event.cost.is_none()),
            "nor any usage"
        );
        assert_eq!(run.events[1].actor.as_deref(), Some("human:user"));
        assert!(run.events[1].flags.contains(Flags::HUMAN));
    }
}

#[test]
fn calls_and_results_are_joined_by_id() {
    let lines = [
        r#"{"role":"user","message":{"content":"context, not typed"}}"#,
        r#"{"role":"assistant","message":{"content":[{"type":"tool_use","id":"c","name":"grep","input":{"q":1}}]}}"#,
        r#"{"role":"user","message":{"content":[{"type":"tool_result","tool_use_id":"c","content":"found","is_error":false}]}}"#,
    ];
    let run = one(lines.join("\n").as_bytes());
    assert_eq!(raws(&run), lines.map(str::as_bytes));
    assert_eq!(run.events[1].actor.as_deref(), Some("role:user"));
    assert!(!run.events[1].flags.contains(Flags::HUMAN));
    assert_eq!(run.events[2].subject.as_deref(), Some("tool:grep"));
    assert_eq!(
        (run.events[3].kind, run.events[3].parent),
        (Kind::ToolResult, Some(2))
    );
    assert_eq!(run.events[3].actor.as_deref(), Some("tool:grep"));
    assert_eq!(text(&run.events[3], "output"), Some("found"));
}

#[test]
fn malformed_records_are_refused_with_line_and_reason() {
    for (line, reason) in [
        (r#"{"message":{"content":""}}"#, "missing field `role`"),
        (r#"{"role":"user"}"#, "missing field `message`"),
        (r#"{"role":"user","message":[""]}"#, "expected an object"),
        (
            r#"{"role":"user","message":{"content":null}}"#,
            "neither text nor a list",
        ),
    ] {
        let message = refused(Format::Cursor, format!("\n\n{line}").as_bytes());
        assert!(
            message.starts_with("dir/input.jsonl: line 3: "),
            "{message}"
        );
        assert!(message.contains(reason), "{message}");
    }
}
