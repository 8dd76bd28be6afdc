//! Codex CLI sessions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::Format;
use avouch_trace::{Flags, Kind};
use common::{count, one, raws, refused, shared, text};

#[test]
fn the_sample_has_the_events_that_plain_json_counts() {
    let Some(input) = shared("sessions/codex-gpt-5-2.jsonl") else {
        return;
    };
    let run = one(&input);
    assert_eq!(run.info.format, "codex");

    let lines: Vec<&[u8]> = input
        .split(|byte| *byte == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(raws(&run), lines, "every record's exact bytes, in order");
    let records: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let of = |kind: &str, suffix: &str, role: Option<&str>| {
        let matches = |record: &&serde_json::Value| {
            record["type"] == kind
                && record["payload"]["type"]
                    .as_str()
                    .is_some_and(|found| found.ends_with(suffix))
                && role.is_none_or(|role| record["payload"]["role"] == role)
        };
        records.iter().filter(matches).count()
    };
    let calls = of("response_item", "_call", None);
    assert_eq!(calls, 101);
    assert_eq!(count(&run, Kind::ToolCall), calls);
    assert_eq!(
        count(&run, Kind::ToolResult),
        of("response_item", "_call_output", None)
    );
    assert_eq!(
        count(&run, Kind::Reasoning),
        of("response_item", "reasoning", None)
    );
    assert_eq!(
        count(&run, Kind::MessageOut),
        of("response_item", "message", Some("assistant"))
    );
    let heard = of("response_item", "message", Some("user"))
        + of("response_item", "message", Some("developer"))
        + of("event_msg", "user_message", None);
    assert_eq!(count(&run, Kind::MessageIn), heard);
    assert_eq!(
        run.events.len(),
        lines.len() + 1,
        "the session's meta record is the run-start"
    );

    // The last cumulative figure is what all model calls spent together.
    let totals: Vec<u64> = records
        .iter()
        .filter_map(|r| r["payload"]["info"]["total_token_usage"]["total_tokens"].as_u64())
        .collect();
    let mut calls_reported = totals.clone();
    calls_reported.dedup();
    assert_eq!(count(&run, Kind::ModelCall), calls_reported.len());
    assert!(run.events.iter().all(|event| event.cost.is_some()));
    let spent: u64 = run.events.iter().filter_map(|event| event.cost).sum();
    assert_eq!(spent, totals.last().unwrap() * 1_000_000);

    for event in run
        .events
        .iter()
        .filter(|event| event.kind == Kind::ToolResult)
    {
        let call = &run.events[event.parent.unwrap() as usize];
        assert_eq!((call.kind, &call.subject), (Kind::ToolCall, &event.actor));
        assert_eq!(text(call, "call_id"), text(event, "call_id"));
    }
    let failed = records.iter().filter(|record| {
        let output = record["payload"]["output"].as_str().unwrap_or_default();
        let head = output.split("Output:").next().unwrap();
        head.contains("exited with code") && !head.contains("exited with code 0\n")
    });
    let errors = run
        .events
        .iter()
        .filter(|event| event.flags.contains(Flags::ERROR))
        .count();
    assert_eq!(errors, failed.count());
    assert!(errors > 0);
    assert_eq!(
        run.events
            .iter()
            .filter(|event| event.flags.contains(Flags::HUMAN))
            .count(),
        1
    );
    let reasoning = run
        .events
        .iter()
        .find(|event| event.kind == Kind::Reasoning)
        .unwrap();
    assert_eq!(reasoning.subject.as_deref(), Some("model:gpt-5.2"));
    assert!(
        run.events
            .windows(2)
            .all(|pair| pair[0].time <= pair[1].time)
    );
}

fn line(kind: &str, payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-02-10T17:24:23.778Z","type":"{kind}","payload":{payload}}}"#)
}

fn tokens(total: u64) -> String {
    let info = format!(r#"{{"total_token_usage":{{"total_tokens":{total}}}}}"#);
    line(
        "event_msg",
        &format!(r#"{{"type":"token_count","info":{info}}}"#),
    )
}

/// A report of the first call since the count began anew.
fn tokens_anew(total: u64) -> String {
    let last = format!("\"info\":{{\"last_token_usage\":{{\"total_tokens\":{total}}},");
    tokens(total).replace("\"info\":{", &last)
}

const SAID: &str = r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"output_text","text":"b"}]}"#;

#[test]
fn cumulative_figures_are_counted_by_their_growth() {
    let said = line("response_item", SAID);
    let lines = [
        said.clone(),
        line("event_msg", r#"{"type":"token_count","info":null}"#),
        tokens(100),
        tokens(100),
        said.clone(),
        tokens(150),
        tokens(30),
        tokens_anew(40),
        tokens_anew(40),
        tokens(45),
    ];
    let run = one(lines.join("\n").as_bytes());
    let costs: Vec<u64> = run
        .events
        .iter()
        .map(|event| event.cost.unwrap() / 1_000_000)
        .collect();
    assert_eq!(costs, [0, 0, 0, 100, 0, 0, 50, 30, 40, 0, 5, 0]);
    let rounds: Vec<u32> = run.events[1..11].iter().map(|event| event.round).collect();
    assert_eq!(rounds, [0, 0, 1, 1, 1, 2, 3, 4, 4, 5]);
    assert_eq!(text(&run.events[1], "text"), Some("a\nb"));
}

#[test]
fn what_no_report_follows_makes_the_end_unknown() {
    let run = one(line("response_item", SAID).as_bytes());
    assert_eq!(run.events.last().unwrap().cost, None);
    let run = one([tokens(5), line("response_item", SAID)]
        .join("\n")
        .as_bytes());
    assert_eq!(run.events.last().unwrap().cost, None);
    let run = one([line("response_item", SAID), tokens(5)]
        .join("\n")
        .as_bytes());
    assert_eq!(run.events.last().unwrap().cost, Some(0));
}

#[test]
fn a_failure_is_what_codex_says_and_not_what_a_program_prints() {
    let output = |output: &str| {
        let payload =
            format!(r#"{{"type":"function_call_output","call_id":"c","output":{output}}}"#);
        one(line("response_item", &payload).as_bytes())
            .events
            .remove(1)
    };
    for (text, failed) in [
        (
            r#""Wall time: 1\nProcess exited with code 127\nOutput:\nx""#,
            true,
        ),
        (
            r#""Wall time: 1\nProcess exited with code 0\nOutput:\nProcess exited with code 1""#,
            false,
        ),
        (r#""Exit code: 2\nOutput:\n""#, true),
        (
            r#""{\"output\":\"x\",\"metadata\":{\"exit_code\":1}}""#,
            true,
        ),
        (
            r#""{\"output\":\"x\",\"metadata\":{\"exit_code\":0}}""#,
            false,
        ),
        (r#"{"content":"x","success":false}"#, true),
        (r#""plain""#, false),
        ("null", false),
    ] {
        let event = output(text);
        assert_eq!(event.kind, Kind::ToolResult);
        assert_eq!(event.flags.contains(Flags::ERROR), failed, "{text}");
        assert_eq!(
            event.parent, None,
            "an answer to a call that is not in the session"
        );
    }
}

#[test]
fn the_session_meta_is_the_run_start_and_a_second_one_a_note() {
    let meta = line("session_meta", r#"{"id":"i","cwd":"/c","cli_version":"1"}"#);
    let call = line(
        "response_item",
        r#"{"type":"web_search_call","action":{"query":"q"}}"#,
    );
    let run = one([meta.as_str(), &call, &meta].join("\n").as_bytes());
    assert_eq!(
        raws(&run),
        [meta.as_bytes(), call.as_bytes(), meta.as_bytes()]
    );
    assert_eq!(text(&run.events[0], "session"), Some("i"));
    assert_eq!(text(&run.events[0], "raw"), Some(meta.as_str()));
    assert_eq!(run.events[1].subject.as_deref(), Some("tool:web_search"));
    assert_eq!(text(&run.events[1], "input"), Some(r#"{"query":"q"}"#));
    assert_eq!(run.events[2].kind, Kind::Note);
}

#[test]
fn malformed_records_are_refused_with_line_and_reason() {
    let good = line("response_item", SAID);
    for (bad, reason) in [
        (
            r#"{"timestamp":"2026-02-10T17:24:23Z"}"#.to_owned(),
            "missing field `type`",
        ),
        (line("response_item", "7"), "expected an object"),
        (
            r#"{"type":"response_item"}"#.to_owned(),
            "expected an object",
        ),
        (line("response_item", "{}"), "missing field `type`"),
        (
            line(
                "response_item",
                r#"{"type":"message","role":"user","content":5}"#,
            ),
            "expected a sequence",
        ),
        (line("event_msg", "[]"), "expected an object"),
        (
            line("event_msg", r#"{"type":"token_count","info":5}"#),
            "expected an object",
        ),
        (line("turn_context", r#"{"model":5}"#), "invalid type"),
        (tokens(u64::MAX), "more tokens than can be counted"),
    ] {
        let message = refused(
            Format::Codex,
            format!("{good}\r\n{bad}\r\n{good}").as_bytes(),
        );
        assert!(
            message.starts_with("dir/input.jsonl: line 2: "),
            "{message}"
        );
        assert!(message.contains(reason), "{bad}: {message}");
    }
}
