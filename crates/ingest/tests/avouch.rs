//! avouch's own JSON lines.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::Value;
use avouch_ingest::{FieldValue, Format, Options, Outcome};
use avouch_trace::{Decision, Flags, Kind, Mode, Relation};
use common::{count, field, one, raws, refused, text, try_with};

const HEADER: &str = r#"{"avouch":1,"run":{"name":"trip","agent":"planner","mode":"debate","currency":"USD","parents":[{"run":"000102030405060708090a0b0c0d0e0f","seq":4,"relation":"a2a"}],"fields":{"site":"lab"}}}"#;
const FULL: &str = r#"{"kind":"tool-call","time":"2026-01-02T03:04:05.678Z","actor":"agent:planner","subject":"tool:maps/route","decision":"human-allowed","flags":["halted","redacted"],"round":3,"cost":17,"budget":5,"score":999999,"parent":0,"fields":{"input":{"to":["Rome",-1,1.5,null,true]},"n":7}}"#;

#[test]
fn every_member_of_a_line_reaches_the_event() {
    let run = one(format!("{HEADER}\n{FULL}\r\n").as_bytes());
    assert_eq!(run.info.name, "trip");
    assert_eq!(run.info.agent, "planner");
    assert_eq!(run.info.mode, Mode::Debate);
    assert_eq!(run.info.currency, "USD");
    assert_eq!(run.info.format, "avouch");
    assert_eq!(run.info.parents.len(), 1);
    assert_eq!(run.info.parents[0].relation, Relation::A2a);
    assert_eq!(run.info.parents[0].run.0[15], 15);
    assert_eq!(run.events.len(), 3);
    assert_eq!(text(&run.events[0], "site"), Some("lab"));
    assert_eq!(text(&run.events[0], "raw/header"), Some(HEADER));
    assert_eq!(
        run.events[0].time, 1_767_323_045_678,
        "the first known time"
    );
    let event = &run.events[1];
    assert_eq!(event.kind, Kind::ToolCall);
    assert_eq!(event.time, 1_767_323_045_678);
    assert_eq!(event.actor.as_deref(), Some("agent:planner"));
    assert_eq!(event.subject.as_deref(), Some("tool:maps/route"));
    assert_eq!(event.decision, Decision::HumanAllowed);
    assert_eq!(event.flags, Flags::HALTED.with(Flags::REDACTED));
    assert_eq!(
        (event.round, event.cost, event.budget),
        (3, Some(17), Some(5))
    );
    assert_eq!((event.score, event.parent), (Some(999_999), Some(0)));
    assert_eq!(text(event, "raw"), Some(FULL));
    assert_eq!(field(event, "n"), Some(&FieldValue::Cbor(Value::Uint(7))));
    let list = Value::Array(vec![
        Value::Text("Rome".into()),
        Value::Nint(0),
        Value::Float(1.5),
        Value::Null,
        Value::Bool(true),
    ]);
    let map = Value::Map(vec![(Value::Text("to".into()), list)]);
    assert_eq!(field(event, "input"), Some(&FieldValue::Cbor(map)));
}

#[test]
fn what_a_line_leaves_out_is_unknown() {
    let run = one(b"{\"kind\":\"note\"}");
    let event = &run.events[1];
    assert_eq!(
        (event.cost, event.budget, event.score, event.parent),
        (None, None, None, None)
    );
    assert_eq!((event.time, event.round), (0, 0));
    assert_eq!(
        (event.actor.as_deref(), event.subject.as_deref()),
        (None, None)
    );
    assert_eq!(run.info.name, "input");
    assert_eq!(run.info.currency, "tokens");
}

#[test]
fn a_written_start_and_end_are_the_runs_start_and_end() {
    let lines = [
        r#"{"kind":"run-start","budget":100,"fields":{"goal":"x"}}"#,
        r#"{"kind":"note","time":5}"#,
        r#"{"kind":"run-end","cost":3,"flags":["error"]}"#,
    ];
    for header in [None, Some(HEADER)] {
        let input: Vec<&str> = header.into_iter().chain(lines).collect();
        let run = one(input.join("\n").as_bytes());
        assert_eq!(run.events.len(), 3);
        assert_eq!(run.events[0].budget, Some(100));
        assert_eq!(run.events[0].cost, Some(0));
        assert_eq!(text(&run.events[0], "goal"), Some("x"));
        assert_eq!(run.events[0].time, 5);
        assert_eq!(run.events[2].cost, Some(3));
        assert_eq!(run.events[2].flags, Flags::ERROR);
        assert_eq!(raws(&run), lines.map(str::as_bytes));
    }
}

#[test]
fn an_event_without_a_time_has_the_previous_ones() {
    let lines = [
        r#"{"kind":"note"}"#,
        r#"{"kind":"note","time":70}"#,
        r#"{"kind":"note"}"#,
        r#"{"kind":"note","time":60}"#,
        r#"{"kind":"note"}"#,
    ];
    let run = one(lines.join("\n").as_bytes());
    let times: Vec<u64> = run.events.iter().map(|event| event.time).collect();
    assert_eq!(times, [70, 70, 70, 70, 60, 60, 60]);
}

#[test]
fn waiting_for_the_first_time_is_bounded() {
    let mut input = "{\"kind\":\"note\"}\n".repeat(5000);
    input.push_str("{\"kind\":\"note\",\"time\":9}\n{\"kind\":\"note\"}\n");
    let run = one(input.as_bytes());
    let times: Vec<u64> = run.events.iter().map(|event| event.time).collect();
    assert_eq!(run.events.len(), 5004);
    assert!(times[..5001].iter().all(|time| *time == 0));
    assert_eq!(times[5001..], [9, 9, 9]);
}

#[test]
fn each_malformed_line_is_refused_with_its_number_and_reason() {
    for (line, reason) in [
        ("{\"kind\":\"note\"", "EOF"),
        ("{\"kind\":\"note\"} x", "trailing characters"),
        ("[]", "expected a JSON object"),
        ("7", "expected a JSON object"),
        ("{\"kind\":\"dance\"}", "kind \"dance\" is not known"),
        ("{\"time\":1}", "missing field `kind`"),
        ("{\"kind\":\"note\",\"colour\":1}", "unknown field `colour`"),
        (
            "{\"kind\":\"note\",\"kind\":\"note\"}",
            "a second member named \"kind\"",
        ),
        (
            "{\"kind\":\"note\",\"fields\":{\"a\":{\"b\":1,\"\\u0062\":2}}}",
            "second member named \"b\"",
        ),
        (
            "{\"kind\":\"note\",\"fields\":{\"raw\":1}}",
            "\"raw\" is the name of a field",
        ),
        (
            "{\"kind\":\"note\",\"fields\":{\"\":1}}",
            "\"\" is the name of a field",
        ),
        (
            "{\"kind\":\"note\",\"fields\":{\"raw/x\":1}}",
            "\"raw/x\" is the name of a field",
        ),
        (
            "{\"kind\":\"note\",\"time\":\"noon\"}",
            "not an RFC 3339 time",
        ),
        ("{\"kind\":\"note\",\"time\":-1}", "invalid type"),
        ("{\"kind\":\"note\",\"cost\":-1}", "invalid value"),
        ("{\"kind\":\"note\",\"cost\":1.5}", "invalid type"),
        (
            "{\"kind\":\"note\",\"cost\":18446744073709551615}",
            "leave the member out",
        ),
        (
            "{\"kind\":\"note\",\"score\":1000001}",
            "score 1000001 is above",
        ),
        (
            "{\"kind\":\"note\",\"parent\":2}",
            "parent 2 is not the seq of an earlier event",
        ),
        ("{\"kind\":\"note\",\"flags\":[\"loud\"]}", "flag \"loud\""),
        (
            "{\"kind\":\"note\",\"decision\":\"maybe\"}",
            "decision \"maybe\"",
        ),
        (
            "{\"kind\":\"run-start\"}",
            "a run-start may only be the first event",
        ),
        (
            "{\"avouch\":1,\"run\":{\"agent\":\"a\"}}",
            "unknown field `avouch`",
        ),
        (
            "{\"kind\":\"note\",\"fields\":{\"a\":1e999}}",
            "number out of range",
        ),
    ] {
        let input = format!("{{\"kind\":\"note\"}}\n\n{line}\n{{\"kind\":\"note\"}}\n");
        let message = refused(Format::Avouch, input.as_bytes());
        assert!(
            message.starts_with("dir/input.jsonl: line 3: "),
            "{message}"
        );
        assert!(message.contains(reason), "{line}: {message}");
    }
    let deep = format!(
        "{{\"kind\":\"note\",\"fields\":{{\"a\":{}1{}}}}}",
        "[".repeat(31),
        "]".repeat(31)
    );
    assert!(refused(Format::Avouch, deep.as_bytes()).contains("levels deep"));
    let deeper = format!(
        "{{\"kind\":\"note\",\"fields\":{{\"a\":{}",
        "[".repeat(100_000)
    );
    assert!(refused(Format::Avouch, deeper.as_bytes()).contains("recursion limit"));
    let message = refused(
        Format::Avouch,
        b"{\"kind\":\"note\"}\n{\"kind\":\"n\xffte\"}",
    );
    assert!(
        message.contains("line 2: not UTF-8 (at its byte 10)"),
        "{message}"
    );
}

#[test]
fn each_malformed_first_line_is_refused() {
    for (line, reason) in [
        (r#"{"avouch":2,"run":{"agent":"a"}}"#, "\"avouch\" is 2"),
        (r#"{"avouch":1}"#, "missing field `run`"),
        (
            r#"{"avouch":1,"run":["n","a",null,null,[],{}]}"#,
            "expected an object",
        ),
        (r#"{"avouch":1,"run":{}}"#, "missing field `agent`"),
        (r#"{"avouch":1,"run":{"agent":""}}"#, "may not be empty"),
        (
            r#"{"avouch":1,"run":{"agent":"a","name":""}}"#,
            "may not be empty",
        ),
        (
            r#"{"avouch":1,"run":{"agent":"a","mode":"war"}}"#,
            "mode \"war\"",
        ),
        (
            r#"{"avouch":1,"run":{"agent":"a","colour":1}}"#,
            "unknown field `colour`",
        ),
        (
            r#"{"avouch":1,"run":{"agent":"a","parents":[{"run":"x","seq":1,"relation":"a2a"}]}}"#,
            "a run id is",
        ),
        (
            r#"{"avouch":1,"run":{"agent":"a","fields":{"format":1}}}"#,
            "\"format\" is the name",
        ),
    ] {
        let message = refused(
            Format::Avouch,
            format!("{line}\n{{\"kind\":\"note\"}}").as_bytes(),
        );
        assert!(
            message.contains("line 1: ") && message.contains(reason),
            "{message}"
        );
    }
    let message = refused(
        Format::Avouch,
        b"{\"kind\":\"run-end\"}\n{\"kind\":\"note\"}",
    );
    assert!(
        message.contains("line 2: nothing may follow a run-end"),
        "{message}"
    );
}

#[test]
fn skipping_bad_lines_records_each_as_an_error_with_its_bytes() {
    let options = Options {
        format: Some(Format::Avouch),
        skip_bad: true,
        ..Options::default()
    };
    let input = b"{\"kind\":\"note\"}\nnot json\n{\"kind\":\"note\",\"x\":1}\n{\"kind\":\"no\xff\"}\n{\"kind\":\"note\"}\n";
    let (store, result) = try_with(input, &options);
    let outcome = Outcome::Ingested {
        name: "input".into(),
        events: 7,
        records: 5,
        skipped: 3,
        source_held: None,
    };
    assert_eq!(result.unwrap(), [outcome]);
    let run = &store.runs[0];
    assert_eq!(count(run, Kind::Error), 3);
    let lines: Vec<&[u8]> = input
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(raws(run), lines);
    assert!(run.events[2].flags.contains(Flags::ERROR));
    assert!(text(&run.events[2], "reason").unwrap().contains("expected"));
    let end = run.events.last().unwrap();
    assert_eq!(
        field(end, "skipped_records"),
        Some(&FieldValue::Cbor(Value::Uint(3)))
    );
    assert!(!end.flags.contains(Flags::ERROR), "the last line was good");
}

#[test]
fn a_bad_line_after_the_first_takes_nothing_from_what_that_says() {
    let options = Options {
        skip_bad: true,
        ..Options::default()
    };
    for bad in [
        "not json",
        r#"{"kind":"run-start","parent":9}"#,
        r#"{"kind":"run-start","fields":{"site":"here"}}"#,
    ] {
        let first = r#"{"avouch":1,"run":{"agent":"planner","fields":{"site":"lab"}}}"#;
        let input = format!("{first}\n{bad}\n{{\"kind\":\"note\"}}\n");
        let (store, result) = try_with(input.as_bytes(), &options);
        result.unwrap();
        assert_eq!(store.runs.len(), 1, "{bad}");
        let run = &store.runs[0];
        assert_eq!(run.info.agent, "planner", "{bad}");
        let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
        assert_eq!(
            kinds,
            [Kind::RunStart, Kind::Error, Kind::Note, Kind::RunEnd],
            "{bad}"
        );
        assert_eq!(text(&run.events[0], "site"), Some("lab"), "{bad}");
    }
}

#[test]
fn a_cut_last_line_is_refused_or_marks_the_end_as_interrupted() {
    let input = b"{\"kind\":\"note\"}\n{\"kind\":\"no";
    assert!(refused(Format::Avouch, input).contains("line 2: EOF"));
    let options = Options {
        skip_bad: true,
        ..Options::default()
    };
    let (store, result) = try_with(input, &options);
    result.unwrap();
    assert!(
        store.runs[0]
            .events
            .last()
            .unwrap()
            .flags
            .contains(Flags::ERROR)
    );
}

#[test]
fn the_users_name_and_agent_count_more_than_the_inputs() {
    let options = Options {
        name: Some("n".into()),
        agent: Some("a".into()),
        ..Options::default()
    };
    let (store, _) = try_with(format!("{HEADER}\n{FULL}").as_bytes(), &options);
    assert_eq!(store.runs[0].info.name, "n");
    assert_eq!(store.runs[0].info.agent, "a");
    assert_eq!(store.runs[0].events[0].actor.as_deref(), Some("agent:a"));
}

#[test]
fn the_documents_examples_are_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ingest.md");
    let Ok(document) = std::fs::read_to_string(file) else {
        eprintln!("skipped: the document is not packaged with the crate");
        return;
    };
    let examples: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("    {").map(|_| line.trim()))
        .collect();
    assert_eq!(examples.len(), 2);
    let run = one(examples.join("\n").as_bytes());
    assert_eq!(run.info.agent, "planner");
    assert_eq!(run.events[1].subject.as_deref(), Some("tool:maps/route"));
    assert_eq!(run.events[1].cost, Some(1200));
}
