//! `avouch hook claude-code`: one process for each hook, many at once, one run for each session.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Output, Stdio};

use avouch::ledger::State;
use avouch::trace::{Decision, Kind};
use avouch_tests::live::Scratch;
use serde_json::{Value, json};

const SESSION: &str = "0b9e5c3e-7a54-4a0c-9d55-0c8a3c1f2b11";

/// What every hook is given.
fn input(event: &str, more: Value) -> Value {
    let mut input = json!({
        "session_id": SESSION, "transcript_path": "/home/u/.claude/projects/p/s.jsonl",
        "cwd": "/home/u/p", "permission_mode": "default", "hook_event_name": event,
    });
    input
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    input
}

fn start(scratch: &Scratch, args: &[&str], input: &[u8]) -> Child {
    let mut command = scratch.avouch(&[&["hook", "claude-code"], args].concat());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child
}

fn hook(scratch: &Scratch, event: &str, more: Value) -> Output {
    let input = input(event, more).to_string();
    let output = start(scratch, &[], input.as_bytes())
        .wait_with_output()
        .unwrap();
    assert!(output.stdout.is_empty(), "the model would be told");
    output
}

fn recorded(scratch: &Scratch, event: &str, more: Value) {
    let output = hook(scratch, event, more);
    assert!(
        output.status.success(),
        "{event}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_session_becomes_a_run_with_calls_and_their_results() {
    let scratch = Scratch::new();
    let main = "agent:claude-code";
    recorded(
        &scratch,
        "SessionStart",
        json!({"source": "startup", "model": "m"}),
    );
    recorded(
        &scratch,
        "UserPromptSubmit",
        json!({"prompt": "list the files"}),
    );
    let call = json!({"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t1"});
    recorded(&scratch, "PreToolUse", call.clone());
    recorded(&scratch, "PermissionRequest", call);
    recorded(
        &scratch,
        "PostToolUse",
        json!({"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t1",
               "tool_response": {"stdout": "a".repeat(9000)}}),
    );
    recorded(
        &scratch,
        "SubagentStart",
        json!({"agent_id": "s1", "agent_type": "Explore"}),
    );
    recorded(
        &scratch,
        "PreToolUse",
        json!({"agent_id": "s1", "agent_type": "Explore", "tool_name": "mcp__files__read",
               "tool_input": {}, "tool_use_id": "t2"}),
    );
    recorded(
        &scratch,
        "PostToolUseFailure",
        json!({"agent_id": "s1", "agent_type": "Explore", "tool_name": "mcp__files__read",
               "tool_input": {}, "tool_use_id": "t2", "error": "no such file"}),
    );
    recorded(
        &scratch,
        "SubagentStop",
        json!({"agent_id": "s1", "agent_type": "Explore", "last_assistant_message": "nothing"}),
    );
    recorded(&scratch, "FutureEvent", json!({"what": [1, 2.5]}));
    recorded(&scratch, "Stop", json!({"last_assistant_message": "done"}));
    recorded(&scratch, "SessionEnd", json!({"reason": "logout"}));

    let events = scratch.events(&format!("claude-code-{SESSION}"));
    let kinds: Vec<_> = events.iter().map(|event| event.header.kind).collect();
    let expected = [
        Kind::RunStart,
        Kind::MessageIn,
        Kind::ToolCall,
        Kind::ApprovalAsked,
        Kind::ToolResult,
        Kind::Delegation,
        Kind::ToolCall,
        Kind::ToolResult,
        Kind::MessageIn,
        Kind::Note,
        Kind::MessageOut,
        Kind::RunEnd,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[0].text("session"), SESSION);
    assert_eq!(events[0].text("model"), "m");
    assert_eq!(events[1].text("text"), "list the files");
    assert!(events[2].is_by(main) && events[2].is_on("tool:Bash"));
    assert_eq!(events[2].text("input"), r#"{"command":"ls"}"#);
    assert_eq!(events[3].header.decision, Decision::AskHuman);
    assert_eq!(events[3].header.parent, Some(2));
    assert_eq!(events[4].header.parent, Some(2));
    assert!(events[4].is_by("tool:Bash") && !events[4].is_error());
    assert!(events[4].field("output").len() > 9000);
    assert!(events[6].is_by("agent:claude-code/subagent") && events[6].is_on("tool:files/read"));
    assert_eq!(events[7].header.parent, Some(6));
    assert!(events[7].is_error());
    assert_eq!(events[8].header.parent, Some(5));
    assert_eq!(events[9].text("type"), "FutureEvent");
    assert!(events[9].text("raw").contains("2.5"));
    assert_eq!(events[10].text("text"), "done");
    assert_eq!(events[11].text("reason"), "logout");
    scratch.seal_and_verify(&[]);

    // A session that is resumed goes on in a run of its own.
    recorded(&scratch, "SessionStart", json!({"source": "resume"}));
    let runs = scratch.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1].info.name, format!("claude-code-{SESSION}-2"));
    assert_eq!(runs[1].state, State::Open);
    assert_eq!(runs[0].info.agent, "claude-code");
}

#[test]
fn many_hooks_at_once_lose_nothing_and_results_find_their_calls() {
    let scratch = Scratch::new();
    let at_once = |event: &str| {
        let children: Vec<_> = (0..24)
            .map(|n| {
                let call = json!({"tool_name": "Read", "tool_input": {"n": n}, "tool_use_id": format!("t{n}"),
                                  "tool_response": {"n": n}});
                start(&scratch, &[], input(event, call).to_string().as_bytes())
            })
            .collect();
        for child in children {
            assert!(child.wait_with_output().unwrap().status.success());
        }
    };
    at_once("PreToolUse");
    at_once("PostToolUse");
    recorded(&scratch, "SessionEnd", json!({"reason": "other"}));
    let runs = scratch.runs();
    assert_eq!(runs.len(), 1, "one session, one run");
    let events = scratch.events(&runs[0].info.name);
    assert_eq!(events.len(), 1 + 24 + 24 + 1);
    let mut answered = BTreeSet::new();
    for result in events.iter().filter(|event| event.is(Kind::ToolResult)) {
        let call = &events[result.header.parent.unwrap() as usize];
        assert!(call.is(Kind::ToolCall));
        assert_eq!(call.field("call_id"), result.field("call_id"));
        answered.insert(result.text("call_id"));
    }
    assert_eq!(answered.len(), 24);
}

#[test]
fn a_call_that_cannot_be_recorded_is_stopped_and_nothing_else_is() {
    let scratch = Scratch::new();
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    let fails =
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(fails).unwrap();
    let call = json!({"tool_name": "Bash", "tool_input": {}, "tool_use_id": "t"});
    let output = hook(&scratch, "PreToolUse", call.clone());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not recorded"));
    for event in [
        "PostToolUse",
        "UserPromptSubmit",
        "Stop",
        "SubagentStop",
        "SessionEnd",
    ] {
        assert_eq!(
            hook(&scratch, event, call.clone()).status.code(),
            Some(1),
            "{event}"
        );
    }
    let open = start(
        &scratch,
        &["--fail-open"],
        input("PreToolUse", call).to_string().as_bytes(),
    );
    assert_eq!(open.wait_with_output().unwrap().status.code(), Some(1));
    assert!(scratch.runs().is_empty());
}

#[test]
fn what_is_no_hooks_input_is_refused_as_if_it_were_a_call() {
    let scratch = Scratch::new();
    for wrong in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"session_id":"s"}"#,
        r#"{"session_id":"","hook_event_name":"Stop"}"#,
        r#"{"session_id":"s","hook_event_name":"Stop","hook_event_name":"Stop"}"#,
        r#"{"session_id":"s","hook_event_name":7}"#,
    ] {
        let output = start(&scratch, &[], wrong.as_bytes())
            .wait_with_output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(!output.stderr.is_empty());
    }
    assert!(scratch.runs().is_empty());
}
