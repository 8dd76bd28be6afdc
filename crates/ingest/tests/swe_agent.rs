//! SWE-agent trajectories.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::Format;
use avouch_trace::{Flags, Kind};
use common::{count, one, raws, refused, shared, text};
use serde_json::Value as Json;

const STEPS: &str = r#"{"environment":"box","trajectory":[
{"action":"ls\n","observation":"a b","response":"I look.\nls","state":"{}","thought":"I look."},
{"action":"","observation":"your answer had no command","response":"hm","state":"{}","thought":""},
{"action":"submit","observation":"","response":"submit","thought":""},
{"comment":"not a step"}],
"history":[{"role":"system","content":"You are an agent."},
{"role":"assistant","content":"ls","is_demo":true},
{"role":"user","content":"Fix the bug.","agent":"main"},
{"role":"assistant","content":"I look.\nls","thought":"I look.","action":"ls\n"},
{"role":"user","content":"a b"}],
"info":{"exit_status":"submitted","model_stats":{"instance_cost":0}}}"#;

const MESSAGES: &str = r#"{"history":[{"role":"system","content":"s"},
{"role":"user","content":"Fix the bug.","message_type":"observation"},
{"role":"assistant","content":"c","thought":"t","action":"open x","tool_calls":[{"id":"a","type":"function","function":{"name":"open","arguments":"{\"path\":\"x\"}"}}]},
{"role":"tool","content":"text of x","tool_call_ids":["a"]},
{"role":"assistant","content":"run","thought":"","action":"make"},
{"role":"user","content":"ok"},
{"role":"user","content":"go on"},
{"role":"tool","content":"lost","tool_call_ids":["zz"]},
{"role":"assistant","content":""}]}"#;

#[test]
fn steps_become_the_documented_events() {
    let run = one(STEPS.as_bytes());
    assert_eq!(
        (&*run.info.format, &*run.info.agent),
        ("swe-agent", "swe-agent")
    );
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::MessageIn,
            Kind::MessageIn,
            Kind::MessageIn,
            Kind::Reasoning,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::MessageIn,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::Note,
            Kind::RunEnd,
        ]
    );
    let actors: Vec<&str> = run.events[1..4]
        .iter()
        .filter_map(|e| e.actor.as_deref())
        .collect();
    assert_eq!(
        actors,
        ["role:system", "role:demonstration", "role:environment"]
    );
    assert_eq!(run.events[5].subject.as_deref(), Some("tool:shell"));
    assert_eq!(text(&run.events[5], "input"), Some("ls\n"));
    assert_eq!(
        (run.events[6].parent, text(&run.events[6], "output")),
        (Some(5), Some("a b"))
    );
    assert_eq!(run.events[8].actor.as_deref(), Some("role:environment"));
    assert_eq!(run.events[10].parent, Some(9));
    assert_eq!(text(&run.events[12], "exit_status"), Some("submitted"));
    assert_eq!(run.events[12].flags, Flags::NONE);
    assert_eq!(text(&run.events[0], "raw/environment"), Some("\"box\""));
    assert!(text(&run.events[0], "raw/history").is_some_and(|raw| STEPS.contains(raw)));
    assert!(
        run.events[1..12].iter().all(|event| event.cost.is_none()),
        "no cost per step"
    );
    let rounds: Vec<u32> = run.events.iter().map(|event| event.round).collect();
    assert_eq!(rounds[3..11], [0, 1, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn messages_become_the_documented_events() {
    let run = one(MESSAGES.as_bytes());
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Kind::RunStart,
            Kind::MessageIn,
            Kind::MessageIn,
            Kind::Reasoning,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::ToolCall,
            Kind::ToolResult,
            Kind::MessageIn,
            Kind::ToolResult,
            Kind::MessageOut,
            Kind::RunEnd,
        ]
    );
    let parents: Vec<Option<u32>> = run.events.iter().map(|event| event.parent).collect();
    assert_eq!(
        (parents[5], parents[8], parents[10]),
        (Some(4), Some(7), None)
    );
    assert_eq!(run.events[5].actor.as_deref(), Some("tool:open"));
    assert_eq!(run.events[8].actor.as_deref(), Some("tool:shell"));
    assert_eq!(
        run.events[10].actor, None,
        "nothing says whose result it is"
    );
    assert_eq!(text(&run.events[4], "input"), Some(r#"{"path":"x"}"#));
    let raw = raws(&run).join(&b",\n"[..]);
    assert_eq!(
        String::from_utf8(raw).unwrap(),
        MESSAGES[12..MESSAGES.len() - 2]
    );
}

#[test]
fn malformed_trajectories_are_refused_where_they_are_malformed() {
    for (input, message) in [
        (r#"{"info":{}}"#, "expected trajectory or history"),
        (
            r#"{"trajectory":{},"history":7}"#,
            "expected trajectory or history",
        ),
        (r#"{"trajectory":[{"action":7}]}"#, "record 1 (at byte 15)"),
        (
            r#"{"history":[{"role":"user"},{"role":null}]}"#,
            "record 2 (at byte 28)",
        ),
        (
            r#"{"history":[{"role":"assistant","tool_calls":[["x"]]}]}"#,
            "an object",
        ),
        (
            r#"{"trajectory":[],"history":[{"content":"x"}]}"#,
            "history, 1: missing field `role`",
        ),
        (
            r#"{"trajectory":[],"info":{"exit_status":1e999}}"#,
            "number out of range",
        ),
    ] {
        let refusal = refused(Format::SweAgent, input.as_bytes());
        assert!(refusal.contains(message), "{input}: {refusal}");
    }
}

#[test]
fn the_samples_have_the_events_that_plain_json_counts() {
    for (file, steps) in [("i_got_id_demo", 21), ("katy", 18)] {
        let Some(input) = shared(&format!("swe-agent/{file}.traj")) else {
            return;
        };
        let run = one(&input);
        let json: Json = serde_json::from_slice(&input).unwrap();
        let trajectory = json["trajectory"].as_array().unwrap();
        let history = json["history"].as_array().unwrap();
        let asked = history
            .iter()
            .take_while(|message| message["role"] != "assistant")
            .count();
        let filled = |step: &Json, name: &str| !step[name].as_str().unwrap().trim().is_empty();
        let thoughts = trajectory
            .iter()
            .filter(|step| filled(step, "thought"))
            .count();
        assert_eq!(trajectory.len(), steps);
        assert_eq!(count(&run, Kind::ToolCall), steps);
        assert_eq!(count(&run, Kind::ToolResult), steps);
        assert_eq!(count(&run, Kind::Reasoning), thoughts);
        assert_eq!(count(&run, Kind::MessageIn), asked);
        assert_eq!(run.events.len(), 2 + 2 * steps + thoughts + asked);
        let kept: Vec<Json> = raws(&run)
            .iter()
            .map(|raw| serde_json::from_slice(raw).unwrap())
            .collect();
        let expected: Vec<Json> = history[..asked].iter().chain(trajectory).cloned().collect();
        assert_eq!(kept, expected);
        let raw = text(&run.events[0], "raw/history").unwrap();
        assert_eq!(serde_json::from_str::<Json>(raw).unwrap(), json["history"]);
    }
    let Some(input) = shared("swe-agent/function_calling_simple.traj") else {
        return;
    };
    let run = one(&input);
    let json: Json = serde_json::from_slice(&input).unwrap();
    let history = json["history"].as_array().unwrap();
    let kept: Vec<Json> = raws(&run)
        .iter()
        .map(|raw| serde_json::from_slice(raw).unwrap())
        .collect();
    assert_eq!(&kept, history);
    // A system prompt, a task, and five answers that each think, call a tool and get its result.
    assert_eq!(run.events.len(), 2 + 2 + 5 * 3);
    for event in run
        .events
        .iter()
        .filter(|event| event.kind == Kind::ToolResult)
    {
        assert_eq!(
            run.events[event.parent.unwrap() as usize].subject,
            event.actor
        );
    }
}
