//! OpenAI chat-completions lists.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::{Format, Options, Outcome};
use avouch_trace::{Flags, Kind};
use common::{Memory, count, one, raws, refused, shared, text, try_as, try_with};
use serde_json::Value as Json;
use std::io::Cursor;

const TALK: &str = r#"[{"role":"developer","content":"be brief"},
{"role":"user","content":[{"type":"text","text":"2+2?"}]},
{"role":"assistant","content":null,"reasoning_content":"add","tool_calls":[
 {"id":"a","type":"function","function":{"name":"sum","arguments":"{\"x\":[2,2]}"}},
 {"id":"b","type":"custom","custom":{"name":"sum","input":"{}"}}]},
{"role":"tool","tool_call_id":"b","content":"0"},
{"role":"tool","tool_call_id":"a","content":"4"},
{"role":"tool","tool_call_id":"z","name":"sum","content":"?"},
{"role":"assistant","content":"4.","function_call":{"name":"log","arguments":"{}"}},
{"role":"function","name":"log","content":"ok"},
{"role":"assistant","content":""},
{"role":"critic","content":"fine"}]"#;

#[test]
fn a_list_of_messages_is_a_run() {
    let run = one(TALK.as_bytes());
    assert_eq!(run.info.format, "openai-chat");
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::MessageIn,
            Kind::MessageIn,
            Kind::Reasoning,
            Kind::ToolCall,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::ToolResult,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::Note,
            Kind::RunEnd,
        ]
    );
    let parents: Vec<Option<u32>> = run.events.iter().map(|event| event.parent).collect();
    assert_eq!(
        &parents[6..12],
        [Some(5), Some(4), None, None, None, Some(10)]
    );
    let actors: Vec<&str> = run.events[1..]
        .iter()
        .filter_map(|e| e.actor.as_deref())
        .collect();
    let agent = "agent:assistant";
    assert_eq!(
        actors,
        [
            "role:developer",
            "role:user",
            agent,
            agent,
            agent,
            "tool:sum",
            "tool:sum",
            "tool:sum",
            agent,
            agent,
            "tool:log",
            agent,
            "role:critic",
            agent,
        ]
    );
    assert_eq!(text(&run.events[4], "input"), Some(r#"{"x":[2,2]}"#));
    assert_eq!(text(&run.events[5], "input"), Some("{}"));
    assert_eq!(
        text(&run.events[2], "text"),
        Some(r#"[{"type":"text","text":"2+2?"}]"#)
    );
    assert!(
        run.events[1..14].iter().all(|event| event.cost.is_none()),
        "no cost is stated"
    );
    assert!(run.events.iter().all(|event| event.flags == Flags::NONE));
    assert_eq!(run.events[12].round, 3);
    let raw: Vec<u8> = raws(&run).join(&b",\n"[..]);
    assert_eq!(String::from_utf8(raw).unwrap(), TALK[1..TALK.len() - 1]);
}

#[test]
fn one_conversation_or_many_in_any_of_the_documented_shapes() {
    let messages = r#"[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]"#;
    let document = format!(r#"{{"model":"m-1","messages":{messages},"extra":[1]}}"#);
    for (input, runs) in [
        (document.clone(), 1),
        (format!("{document}\n{document}"), 2),
        (format!("[{document},{document},{document}]"), 3),
        (
            format!(r#"[{{"task_id":3,"trial":1,"traj":{messages}}}]"#),
            1,
        ),
    ] {
        let (store, result) = try_with(input.as_bytes(), &Options::default());
        result.unwrap();
        assert_eq!(store.runs.len(), runs, "{input}");
        for (ordinal, run) in store.runs.iter().enumerate() {
            assert_eq!(run.info.input.ordinal as usize, ordinal);
            assert_eq!(run.events.len(), 4);
            assert_eq!(
                raws(run),
                [
                    r#"{"role":"user","content":"hi"}"#.as_bytes(),
                    br#"{"role":"assistant","content":"ho"}"#
                ]
            );
            if input.contains("m-1") {
                assert_eq!(run.events[2].subject.as_deref(), Some("model:m-1"));
                assert_eq!(text(&run.events[0], "raw/extra"), Some("[1]"));
            } else {
                assert_eq!(run.info.name, "task-3-trial-1");
            }
        }
    }
}

#[test]
fn malformed_conversations_are_refused_and_none_of_the_input_is_stored() {
    let good = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    for (bad, message) in [
        (
            r#"{"messages":[{"role":"user"},{"content":"hi"}]}"#,
            "message 2: missing field `role`",
        ),
        (r#"{"messages":[["user"]]}"#, "message 1"),
        (r#"{"messages":5}"#, "record 2"),
        (r#"{"prompt":"hi"}"#, "neither a message"),
        (
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"a"}]}]}"#,
            "function",
        ),
        (
            r#"{"messages":[{"role":"user","role":"user"}]}"#,
            "a second member named \"role\"",
        ),
        (r#"[]"#, "expected a JSON object"),
    ] {
        let input = format!("[{good},{bad},{good}]");
        let refusal = refused(Format::OpenAiChat, input.as_bytes());
        assert!(
            refusal.contains(message) && refusal.contains("record 2 (at byte 47)"),
            "{refusal}"
        );
        let options = Options {
            skip_bad: true,
            format: Some(Format::OpenAiChat),
            ..Options::default()
        };
        let (store, result) = try_with(input.as_bytes(), &options);
        result.unwrap();
        assert_eq!(
            store.runs.len(),
            3,
            "the bad one is a run with an error in it"
        );
        assert_eq!(count(&store.runs[1], Kind::Error), 1);
        assert_eq!(raws(&store.runs[1]), [bad.as_bytes()]);
    }
}

#[test]
fn messages_between_lists_of_messages_do_not_answer_calls_of_another_run() {
    let input = r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":""}}]},
        {"messages":[{"role":"user","content":"x"}]},
        {"role":"tool","tool_call_id":"a","content":"y"}]"#;
    let (store, result) = try_as(Format::OpenAiChat, input.as_bytes());
    result.unwrap();
    assert_eq!(store.runs.len(), 3);
    assert_eq!(store.runs[2].events[1].parent, None);
}

#[test]
fn the_tau_bench_sample_is_a_run_per_element() {
    let Some(input) = shared("tau-bench/gpt-4o-airline-first100.json") else {
        return;
    };
    let mut store = Memory::default();
    let options = Options::default();
    let ingest = |store: &mut Memory| {
        avouch_ingest::ingest("tau.json", Cursor::new(&input), &options, store).unwrap()
    };
    let outcomes = ingest(&mut store);
    let elements: Vec<Json> = serde_json::from_slice(&input).unwrap();
    assert_eq!(
        (outcomes.len(), store.runs.len(), elements.len()),
        (100, 100, 100)
    );
    for ((run, element), outcome) in store.runs.iter().zip(&elements).zip(&outcomes) {
        let messages = element["traj"].as_array().unwrap();
        let mut expected = 2;
        for message in messages {
            let calls = message["tool_calls"].as_array().map_or(0, Vec::len);
            let said = message["content"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            expected += calls + usize::from(said || calls == 0);
        }
        assert_eq!(run.events.len(), expected);
        let kept: Vec<Json> = raws(run)
            .iter()
            .map(|raw| serde_json::from_slice(raw).unwrap())
            .collect();
        assert_eq!(&kept, messages);
        let name = format!("task-{}-trial-{}", element["task_id"], element["trial"]);
        assert_eq!(run.info.name, name);
        for member in ["task_id", "reward", "info", "trial"] {
            let raw = text(&run.events[0], &format!("raw/{member}")).unwrap();
            assert_eq!(serde_json::from_str::<Json>(raw).unwrap(), element[member]);
        }
        let Outcome::Ingested {
            records, events, ..
        } = outcome
        else {
            panic!("not ingested")
        };
        assert_eq!(
            (*records as usize, *events as usize),
            (messages.len(), expected)
        );
        for event in &run.events {
            match event.kind {
                Kind::ToolResult => {
                    let call = &run.events[event.parent.unwrap() as usize];
                    assert_eq!((call.kind, &call.subject), (Kind::ToolCall, &event.actor));
                }
                Kind::MessageIn => assert!(matches!(
                    event.actor.as_deref(),
                    Some("role:system" | "role:simulated-user")
                )),
                _ => {}
            }
        }
    }
    let all: usize = store.runs.iter().map(|run| run.events.len()).sum();
    // 100 starts and ends, 100 + 757 messages in, 657 + 42 out, 572 calls and their results.
    assert_eq!(all, 200 + 857 + 699 + 2 * 572);
    let again = ingest(&mut store);
    assert!(
        again
            .iter()
            .all(|outcome| matches!(outcome, Outcome::AlreadyKnown(_)))
    );
    assert_eq!(store.runs.len(), 100);
}
