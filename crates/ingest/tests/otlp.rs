//! OpenTelemetry traces in OTLP's JSON.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::{Draft, Format, Options, otlp_problem};
use avouch_trace::{Flags, Kind};
use common::{Stored, field, one, raws, refused, text, try_with};
use serde_json::{Value, json};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const START: u64 = 1_800_000_000_000_000_000;

fn attributes(pairs: &[(&str, Value)]) -> Value {
    let value = |value: &Value| match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(items) => {
            let items: Vec<Value> = items
                .iter()
                .map(|item| json!({ "stringValue": item }))
                .collect();
            json!({ "arrayValue": { "values": items } })
        }
        other => json!({ "boolValue": other }),
    };
    pairs
        .iter()
        .map(|(name, of)| json!({ "key": name, "value": value(of) }))
        .collect()
}

/// A span of so many milliseconds after the start.
fn span(id: u8, parent: u8, name: &str, from: u64, to: u64, with: &[(&str, Value)]) -> Value {
    let hex = |id: u8| match id {
        0 => String::new(),
        id => format!("{id:016x}"),
    };
    json!({
        "traceId": TRACE, "spanId": hex(id), "parentSpanId": hex(parent), "name": name, "kind": 1,
        "startTimeUnixNano": (START + from * 1_000_000).to_string(),
        "endTimeUnixNano": (START + to * 1_000_000).to_string(),
        "attributes": attributes(with),
    })
}

fn line(service: &str, spans: &[Value]) -> String {
    let resource = json!({ "attributes": attributes(&[("service.name", json!(service))]) });
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": { "name": "test" }, "spans": spans }] }] })
        .to_string()
}

/// An agent that asks a model, calls a tool, which fails, and asks another agent. Spans come as they end.
fn session() -> Vec<Value> {
    let mut tool = span(
        3,
        1,
        "execute_tool get_weather",
        120,
        180,
        &[
            ("gen_ai.operation.name", json!("execute_tool")),
            ("gen_ai.tool.name", json!("get_weather")),
            ("gen_ai.tool.call.id", json!("call-1")),
            ("gen_ai.tool.call.arguments", json!("{\"city\":\"Rome\"}")),
            ("error.type", json!("timeout")),
        ],
    );
    tool["status"] = json!({ "code": 2, "message": "took too long" });
    tool["events"] = json!([{
        "timeUnixNano": (START + 175_000_000).to_string(), "name": "exception",
        "attributes": attributes(&[("exception.type", json!("Timeout")), ("exception.message", json!("60 s"))]),
    }]);
    let chat = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai")),
        ("gen_ai.request.model", json!("gpt-4")),
        ("gen_ai.response.model", json!("gpt-4-0613")),
        ("gen_ai.response.finish_reasons", json!(["tool_calls"])),
        ("gen_ai.usage.input_tokens", json!(100)),
        ("gen_ai.usage.output_tokens", json!(20)),
    ];
    vec![
        span(2, 1, "chat gpt-4", 10, 110, &chat),
        span(
            4,
            3,
            "tools/call get_weather",
            125,
            178,
            &[
                ("mcp.method.name", json!("tools/call")),
                ("gen_ai.operation.name", json!("execute_tool")),
                ("gen_ai.tool.name", json!("get_weather")),
                ("mcp.session.id", json!("s-1")),
            ],
        ),
        tool,
        span(
            6,
            5,
            "chat gpt-4",
            210,
            250,
            &[("gen_ai.operation.name", json!("chat"))],
        ),
        span(
            5,
            1,
            "invoke_agent helper",
            200,
            260,
            &[
                ("gen_ai.operation.name", json!("invoke_agent")),
                ("gen_ai.agent.name", json!("helper")),
            ],
        ),
        span(7, 1, "GET /", 270, 280, &[]),
        span(
            1,
            0,
            "invoke_agent planner",
            0,
            300,
            &[
                ("gen_ai.operation.name", json!("invoke_agent")),
                ("gen_ai.agent.name", json!("planner")),
                ("gen_ai.conversation.id", json!("conv-1")),
                // What an agent used in all is the sum of what its models did.
                ("gen_ai.usage.input_tokens", json!(100)),
                ("gen_ai.usage.output_tokens", json!(20)),
            ],
        ),
    ]
}

/// Kind, time, parent, cost, actor and subject.
type Row<'a> = (
    Kind,
    u64,
    Option<u32>,
    Option<u64>,
    Option<&'a str>,
    Option<&'a str>,
);

fn row(event: &Draft) -> Row<'_> {
    let millis = event.time - START / 1_000_000;
    let names = (event.actor.as_deref(), event.subject.as_deref());
    (
        event.kind,
        millis,
        event.parent,
        event.cost,
        names.0,
        names.1,
    )
}

#[test]
fn a_trace_becomes_the_documented_events() {
    let run = one(line("svc", &session()).as_bytes());
    assert_eq!((&*run.info.format, &*run.info.agent), ("otlp", "planner"));
    assert_eq!(
        (&*run.info.name, &*run.info.currency),
        ("trace-5b8efff798038103", "tokens")
    );
    let free = Some(0);
    let planner = Some("agent:planner");
    let helper = Some("agent:helper");
    let weather = Some("tool:get_weather");
    let rows: Vec<_> = run.events[1..run.events.len() - 1]
        .iter()
        .map(row)
        .collect();
    assert_eq!(
        rows,
        [
            (Kind::Note, 0, None, free, planner, None), // 1, the root
            (
                Kind::ModelCall,
                10,
                Some(1),
                Some(120_000_000),
                planner,
                Some("model:gpt-4-0613")
            ),
            (Kind::ToolCall, 120, Some(1), free, planner, weather), // 3
            (Kind::Note, 125, Some(3), free, planner, None),        // how it was sent
            (Kind::Error, 175, Some(3), free, planner, None),
            (Kind::ToolResult, 180, Some(3), free, weather, planner),
            (Kind::Delegation, 200, Some(1), free, planner, helper), // 7
            (Kind::ModelCall, 210, Some(7), None, helper, None),     // says nothing of tokens
            (Kind::Note, 270, Some(1), free, planner, None),
        ]
    );
    let flags: Vec<Flags> = run.events.iter().map(|event| event.flags).collect();
    assert_eq!(flags[3], Flags::NONE, "a call's error is its result's");
    assert_eq!((flags[5], flags[6]), (Flags::ERROR, Flags::ERROR));
    assert_eq!(text(&run.events[3], "input"), Some("{\"city\":\"Rome\"}"));
    assert_eq!(
        text(&run.events[3], "call_id"),
        text(&run.events[6], "call_id")
    );
    assert_eq!(text(&run.events[5], "text"), Some("60 s"));
    assert_eq!(text(&run.events[6], "error"), Some("timeout"));
    assert_eq!(text(&run.events[0], "trace_id"), Some(TRACE));
    assert_eq!(text(&run.events[0], "conversation"), Some("conv-1"));
    let rounds: Vec<u32> = run.events.iter().map(|event| event.round).collect();
    assert_eq!(rounds, [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
    let end = run.events.last().unwrap();
    assert_eq!((end.kind, end.flags), (Kind::RunEnd, Flags::NONE));
    assert_eq!(end.time - START / 1_000_000, 300);
    // Each span is kept whole, once; its resource and scope are on the first event that is of them.
    assert_eq!(raws(&run).len(), 7);
    for raw in raws(&run) {
        let span: Value = serde_json::from_slice(raw).unwrap();
        assert!(session().contains(&span));
    }
    assert!(
        field(&run.events[1], "resource").is_some() && field(&run.events[2], "resource").is_none()
    );
    assert!(field(&run.events[2], "resource_at").is_some());
}

/// What of the events does not depend on where the spans stood.
fn told(run: &Stored) -> Vec<String> {
    run.events[1..]
        .iter()
        .map(|event| format!("{:?}", row(event)))
        .collect()
}

#[test]
fn how_spans_were_batched_and_mixed_makes_no_difference() {
    let whole = one(line("svc", &session()).as_bytes());
    let mut spans = session();
    spans.reverse();
    let mut lines: Vec<String> = spans
        .iter()
        .map(|span| line("svc", std::slice::from_ref(span)))
        .collect();
    assert_eq!(told(&one(lines.join("\n").as_bytes())), told(&whole));
    // Sent again, a span is there once; another trace is another run.
    lines.push(lines[0].clone());
    let mut other = span(1, 0, "work", 1000, 1001, &[]);
    other["traceId"] = json!("000102030405060708090a0b0c0d0e0f");
    lines.insert(3, line("svc", &[other]));
    let runs = try_with(lines.join("\n").as_bytes(), &Options::default())
        .0
        .runs;
    assert_eq!(runs.len(), 2);
    assert_eq!(told(&runs[0]), told(&whole));
    assert_eq!((runs[1].events.len(), &*runs[1].info.agent), (3, "svc"));
}

#[test]
fn a_trace_without_its_root_says_so() {
    let spans: Vec<Value> = session().into_iter().take(3).collect();
    let run = one(line("svc", &spans).as_bytes());
    let end = run.events.last().unwrap();
    assert_eq!(end.flags, Flags::ERROR);
    assert_eq!(text(end, "reason"), Some("the trace has no root span"));
    assert_eq!(run.info.agent, "svc");
}

#[test]
fn clocks_and_parents_that_make_no_sense_do_no_harm() {
    let ring = [
        span(1, 2, "a", 5, 1, &[]),
        span(2, 1, "b", 0, 9, &[]),
        span(3, 3, "c", 7, 8, &[]),
        span(4, 99, "d", 0, 0, &[]),
    ];
    let run = one(line("svc", &ring).as_bytes());
    assert_eq!(run.events.len(), 6);
    assert!(run.events.is_sorted_by_key(|event| event.time));
    for (seq, event) in run.events.iter().enumerate() {
        assert!(event.parent.is_none_or(|parent| (parent as usize) < seq));
    }
}

#[test]
fn what_is_no_trace_is_refused_with_the_span() {
    for (change, expected) in [
        (
            json!({ "traceId": "00000000000000000000000000000000" }),
            "traceId is not 32",
        ),
        (json!({ "spanId": "xyz" }), "spanId is not 16"),
        (
            json!({ "startTimeUnixNano": "soon" }),
            "no time in nanoseconds",
        ),
        (json!({ "startTimeUnixNano": -1 }), "no time in nanoseconds"),
        (json!({ "attributes": 7 }), "invalid type"),
    ] {
        let mut bad = span(2, 1, "x", 0, 1, &[]);
        for (name, value) in change.as_object().unwrap() {
            bad[name] = value.clone();
        }
        let input = line("svc", &[span(1, 0, "ok", 0, 1, &[]), bad]);
        let message = refused(Format::Otlp, input.as_bytes());
        assert!(
            message.contains("span 2") && message.contains(expected),
            "{message}"
        );
        assert!(otlp_problem(&input).unwrap().contains(expected));
    }
    assert_eq!(otlp_problem(&line("svc", &session())), None);
    assert!(otlp_problem("{\"resourceSpans\":[],\"resourceSpans\":[]}").is_some());
    assert!(otlp_problem("7").is_some());
}

#[test]
fn the_format_is_found_from_the_content() {
    assert_eq!(
        Format::detect(line("svc", &[]).as_bytes()),
        Some(Format::Otlp)
    );
    assert_eq!(Format::detect(b"{\"resourceLogs\":[]}"), None);
}
