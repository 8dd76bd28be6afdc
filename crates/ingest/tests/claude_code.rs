//! Claude Code sessions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::HashMap;

use avouch_cbor::Value;
use avouch_ingest::{FieldValue, Format, Outcome};
use avouch_trace::{Decision, Flags, Kind};
use common::{count, field, one, raws, refused, shared, text, try_as};

#[test]
fn the_sample_has_the_events_that_plain_json_counts() {
    let Some(input) = shared("sessions/claude-opus-4-6.jsonl") else {
        return;
    };
    let run = one(&input);
    assert_eq!(run.info.format, "claude-code");
    assert_eq!(run.info.agent, "claude-code");

    let lines: Vec<&[u8]> = input
        .split(|byte| *byte == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(raws(&run), lines, "every record's exact bytes, in order");

    let (mut calls, mut results, mut errors, mut said, mut heard, mut other) = (0, 0, 0, 0, 0, 0);
    let mut usage: HashMap<String, u64> = HashMap::new();
    for line in &lines {
        let record: serde_json::Value = serde_json::from_slice(line).unwrap();
        let message = &record["message"];
        if record["type"] == "assistant" {
            let total: u64 = [
                "input_tokens",
                "output_tokens",
                "cache_creation_input_tokens",
                "cache_read_input_tokens",
            ]
            .iter()
            .map(|name| message["usage"][name].as_u64().unwrap_or(0))
            .sum();
            let most = usage
                .entry(message["id"].as_str().unwrap().to_owned())
                .or_default();
            *most = total.max(*most);
        }
        match (
            record["type"].as_str().unwrap(),
            message["content"].as_array(),
        ) {
            ("assistant", Some(blocks)) => {
                calls += blocks.iter().filter(|b| b["type"] == "tool_use").count();
                said += blocks.iter().filter(|b| b["type"] == "text").count();
            }
            ("user", Some(blocks)) => {
                results += blocks.iter().filter(|b| b["type"] == "tool_result").count();
                errors += blocks.iter().filter(|b| b["is_error"] == true).count();
            }
            ("user", None) => heard += 1,
            _ => other += 1,
        }
    }
    assert_eq!((calls, results, said, heard), (146, 146, 84, 1));
    assert_eq!(count(&run, Kind::ToolCall), calls);
    assert_eq!(count(&run, Kind::ToolResult), results);
    assert_eq!(count(&run, Kind::MessageOut), said);
    assert_eq!(count(&run, Kind::MessageIn), heard);
    assert_eq!(count(&run, Kind::Note), other);
    assert_eq!(run.events.len(), calls + results + said + heard + other + 2);
    let failed = |event: &&avouch_ingest::Draft| event.flags.contains(Flags::ERROR);
    assert_eq!(run.events.iter().filter(failed).count(), errors);

    let tokens: u64 = usage.values().sum();
    let spent: u64 = run.events.iter().filter_map(|event| event.cost).sum();
    assert_eq!(spent, tokens * 1_000_000);
    // One subagent ran, and the session does not say what all of its calls cost.
    let unknown: Vec<_> = run
        .events
        .iter()
        .filter(|event| event.cost.is_none())
        .collect();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].actor.as_deref(), Some("tool:Task"));

    for event in run
        .events
        .iter()
        .filter(|event| event.kind == Kind::ToolResult)
    {
        let call = &run.events[event.parent.unwrap() as usize];
        assert_eq!(call.kind, Kind::ToolCall);
        assert_eq!(text(call, "call_id"), text(event, "call_id"));
        assert_eq!(call.subject, event.actor);
    }
    let human: Vec<_> = run
        .events
        .iter()
        .filter(|event| event.flags.contains(Flags::HUMAN))
        .collect();
    assert_eq!(human.len(), 1);
    assert_eq!(human[0].actor.as_deref(), Some("human:user"));
    assert!(
        run.events
            .windows(2)
            .all(|pair| pair[0].time <= pair[1].time)
    );
    assert_eq!(run.events[0].time, 1_770_744_430_484);
    assert_eq!(
        text(&run.events[0], "session"),
        Some("0574c517-2408-4a20-8808-7626fd961640")
    );
    assert_eq!(run.events.last().unwrap().round, 0);
    assert_eq!(
        run.events.iter().map(|event| event.round).max(),
        Some(usage.len() as u32)
    );
}

const CALL: &str = r#"{"type":"assistant","sessionId":"s","uuid":"u1","parentUuid":null,"timestamp":"2026-02-10T17:27:10Z","message":{"id":"m1","model":"claude-x","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"go"},{"type":"tool_use","id":"t1","name":"mcp__files__read","input":{"path": "a"}}],"usage":{"input_tokens":10,"output_tokens":1}}}"#;
const MORE: &str = r#"{"type":"assistant","sessionId":"s","uuid":"u2","parentUuid":"u1","message":{"id":"m1","model":"claude-x","content":[{"type":"redacted_thinking","data":"x"}],"usage":{"input_tokens":10,"output_tokens":7}}}"#;
const ANSWER: &str = r#"{"type":"user","sessionId":"s","uuid":"u3","parentUuid":"u2","userType":"external","toolUseResult":"User rejected tool use","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":[{"type":"text","text":"no"}]}]}}"#;

#[test]
fn a_message_of_three_blocks_is_three_events_that_share_one_record() {
    let run = one([CALL, MORE, ANSWER].join("\n").as_bytes());
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::Reasoning,
            Kind::MessageOut,
            Kind::ToolCall,
            Kind::Reasoning,
            Kind::ToolResult,
            Kind::RunEnd
        ]
    );
    assert_eq!(raws(&run), [CALL, MORE, ANSWER].map(str::as_bytes));
    for event in &run.events[2..4] {
        assert_eq!(
            field(event, "raw_at"),
            Some(&FieldValue::Cbor(Value::Uint(1)))
        );
    }
    let call = &run.events[3];
    assert_eq!(call.subject.as_deref(), Some("tool:files/read"));
    assert_eq!(text(call, "input"), Some(r#"{"path": "a"}"#), "exact JSON");
    assert_eq!(run.events[1].subject.as_deref(), Some("model:claude-x"));
    assert!(run.events[4].flags.contains(Flags::REDACTED));
    let answer = &run.events[5];
    assert_eq!(answer.parent, Some(3));
    assert_eq!(answer.actor.as_deref(), Some("tool:files/read"));
    assert_eq!(answer.subject.as_deref(), Some("agent:claude-code"));
    assert_eq!(answer.decision, Decision::HumanDenied);
    assert!(answer.flags.contains(Flags::ERROR) && !answer.flags.contains(Flags::HUMAN));
    assert_eq!(
        text(answer, "output"),
        Some(r#"[{"type":"text","text":"no"}]"#)
    );
    // The second line of the message says six tokens more, and only those are added.
    let costs: Vec<_> = run.events.iter().map(|event| event.cost).collect();
    let million = 1_000_000;
    assert_eq!(
        costs,
        [0, 11 * million, 0, 0, 6 * million, 0, 0].map(Some),
        "usage is counted once"
    );
    assert_eq!(
        run.events[4].parent,
        Some(3),
        "the last event of the record it replies to"
    );
}

#[test]
fn only_what_the_user_typed_is_human() {
    let user = |extra: &str, text: &str| {
        format!(
            r#"{{"type":"user","sessionId":"s","uuid":"u","parentUuid":null{extra},"message":{{"content":"{text}"}}}}"#
        )
    };
    let external = r#","userType":"external""#;
    for (line, actor, is_human) in [
        (user(external, "hi"), "human:user", true),
        (user("", "hi"), "role:user", false),
        (
            user(
                &format!("{external},\"isMeta\":null,\"isSidechain\":null"),
                "hi",
            ),
            "human:user",
            true,
        ),
        (
            user(&format!("{external},\"isMeta\":true"), "hi"),
            "role:user",
            false,
        ),
        (
            user(&format!("{external},\"isCompactSummary\":true"), "hi"),
            "role:user",
            false,
        ),
        (
            user(&format!("{external},\"isSidechain\":true"), "hi"),
            "agent:claude-code",
            false,
        ),
        (
            user(external, "<local-command-stdout>x"),
            "role:user",
            false,
        ),
    ] {
        let run = one(line.as_bytes());
        assert_eq!(run.events[1].actor.as_deref(), Some(actor), "{line}");
        assert_eq!(
            run.events[1].flags.contains(Flags::HUMAN),
            is_human,
            "{line}"
        );
    }
}

#[test]
fn what_the_session_does_not_account_for_has_unknown_cost() {
    let no_usage = CALL.replace(r#","usage":{"input_tokens":10,"output_tokens":1}"#, "");
    let run = one(no_usage.as_bytes());
    assert!(run.events[1..4].iter().all(|event| event.cost.is_none()));
    let summary = r#"{"type":"summary","summary":"x","leafUuid":"u"}"#;
    let run = one(summary.as_bytes());
    assert_eq!((run.events[1].kind, run.events[1].cost), (Kind::Note, None));

    let task = CALL.replace("mcp__files__read", "Task");
    let done = r#"{"type":"user","sessionId":"s","uuid":"u3","parentUuid":"u1","toolUseResult":{"agentId":"a","totalTokens":5},"message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"ok"}]}}"#;
    let run = one([&task, done].join("\n").as_bytes());
    assert_eq!(
        run.events[4].cost, None,
        "its subagent's calls are elsewhere"
    );
    let side = CALL
        .replace("\"s\",", "\"s\",\"isSidechain\":true,")
        .replace("\"m1\"", "\"m2\"");
    let run = one([&task, &side, done].join("\n").as_bytes());
    assert_eq!(
        run.events[7].cost,
        Some(0),
        "its subagent's calls are in the session"
    );
    assert_eq!(
        run.events[4].actor.as_deref(),
        Some("agent:claude-code/subagent")
    );
    assert_eq!(run.events[4].cost, Some(11_000_000));
}

#[test]
fn records_of_other_types_are_notes_and_errors_are_errors() {
    let lines = [
        r#"{"type":"file-history-snapshot","messageId":"m","snapshot":{},"sessionId":"s"}"#,
        r#"{"type":"hologram","sessionId":"s","timestamp":[3],"uuid":{}}"#,
        r#"{"type":"system","subtype":"api_error","level":"error","sessionId":"s","uuid":"e","timestamp":"2026-02-10T17:27:10Z"}"#,
        r#"{"type":"assistant","sessionId":"s","uuid":"x","parentUuid":"e","isApiErrorMessage":true,"message":{"model":"<synthetic>","content":[{"type":"text","text":"API Error"}],"usage":{"input_tokens":0}}}"#,
        r#"{"type":"assistant","sessionId":"s","uuid":"y","message":{"model":"m","content":[]}}"#,
    ];
    let run = one(lines.join("\n").as_bytes());
    let kinds: Vec<Kind> = run.events[1..6].iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::Note,
            Kind::Note,
            Kind::Error,
            Kind::MessageOut,
            Kind::Note
        ]
    );
    assert_eq!(raws(&run), lines.map(str::as_bytes));
    assert!(run.events[3].flags.contains(Flags::ERROR));
    let failed = &run.events[4];
    assert!(failed.flags.contains(Flags::ERROR));
    assert_eq!((failed.subject.as_deref(), failed.parent), (None, Some(3)));
}

#[test]
fn malformed_records_are_refused_with_line_and_reason() {
    for (line, reason) in [
        (r#"{"sessionId":"s"}"#, "missing field `type`"),
        (r#"{"type":"assistant"}"#, "missing field `message`"),
        (r#"{"type":"user","message":7}"#, "invalid type"),
        (r#"{"type":"user","message":["a"]}"#, "expected an object"),
        (
            r#"{"type":"user","message":{"content":7}}"#,
            "neither text nor a list",
        ),
        (
            r#"{"type":"user","message":{"content":[7]}}"#,
            "expected an object",
        ),
        (
            r#"{"type":"user","message":{"content":[{"text":"a"}]}}"#,
            "missing field `type`",
        ),
        (
            r#"{"type":"user","timestamp":"soon","message":{"content":""}}"#,
            "not an RFC 3339 time",
        ),
        (
            r#"{"type":"assistant","message":{"content":"","usage":{"input_tokens":-1}}}"#,
            "invalid value",
        ),
        (
            r#"{"type":"assistant","message":{"content":"","usage":{"input_tokens":18446744073709551615}}}"#,
            "more tokens",
        ),
        (
            r#"{"type":"user","type":"user","message":{"content":""}}"#,
            "a second member named \"type\"",
        ),
    ] {
        let message = refused(
            Format::ClaudeCode,
            format!("{CALL}\n{line}\n{ANSWER}").as_bytes(),
        );
        assert!(
            message.starts_with("dir/input.jsonl: line 2: "),
            "{message}"
        );
        assert!(message.contains(reason), "{line}: {message}");
    }
}

#[test]
fn the_same_bytes_again_are_a_no_op_that_names_the_run() {
    let (mut store, _) = try_as(Format::ClaudeCode, CALL.as_bytes());
    let input = std::io::Cursor::new(CALL.as_bytes());
    let again = avouch_ingest::ingest("other.jsonl", input, &Default::default(), &mut store);
    assert_eq!(again.unwrap(), [Outcome::AlreadyKnown("input".into())]);
    assert_eq!(store.runs.len(), 1);
}
