//! Tasks of A2A between agents of the official SDK, with a proxy on each side: the two runs are linked.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::process::{Command, Stdio};

use avouch::ledger::State;
use avouch::trace::{Kind, Relation};
use avouch_tests::live::{
    Beside, Scratch, free_port, python_with, succeeds, tool_file, wait_for_port,
};
use serde_json::Value;

fn proxy(
    scratch: &Scratch,
    agent: &str,
    other: &str,
    upstream: &str,
    more: &[&str],
) -> (Beside, String) {
    let mut command = scratch.avouch(&["mcp-proxy", "--agent", agent, "--server", other]);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        upstream,
        "--name",
        "a2a",
    ]);
    command.args(more).stderr(Stdio::null());
    let (proxy, line) = Beside::start_and_read(&mut command);
    (proxy, line.strip_prefix("listening ").unwrap().to_owned())
}

/// Gives three tasks to an agent through two proxies. The callers' and the served agent's homes.
fn three_tasks(how: &str, link: &[&str]) -> Option<(Scratch, Scratch)> {
    let python = python_with("a2a.server.routes")?;
    let (caller, served) = (Scratch::new(), Scratch::new());
    let port = free_port();
    let agent = format!("http://127.0.0.1:{port}");
    let (there, there_url) = proxy(
        &served,
        "echo",
        "planner",
        &agent,
        &[&["--serves"], link].concat(),
    );
    let (here, here_url) = proxy(&caller, "planner", "echo", &there_url, link);
    let _agent = Beside::start(
        Command::new(&python)
            .arg(tool_file("a2a_agent.py"))
            .args([&port.to_string(), &here_url])
            .stderr(Stdio::null()),
    );
    wait_for_port(port);
    let mut client = Command::new(&python);
    client.arg(tool_file("a2a_client.py"));
    client.args([&here_url, how, "hello", "fail this", "goodbye"]);
    let states: Value = serde_json::from_slice(&succeeds(client).stdout).unwrap();
    let done = "TASK_STATE_COMPLETED";
    assert_eq!(states, serde_json::json!([done, "TASK_STATE_FAILED", done]));
    for proxy in [here, there] {
        proxy.signal("TERM");
        assert!(proxy.wait().success());
    }
    Some((caller, served))
}

#[test]
fn a_delegated_task_links_the_two_agents_runs_in_the_sealed_manifest() {
    for how in ["stream", "whole"] {
        let Some((caller, served)) = three_tasks(how, &["--link"]) else {
            return;
        };
        let events = caller.events("a2a");
        let sent: Vec<_> = events
            .iter()
            .filter(|event| event.is(Kind::Delegation))
            .collect();
        assert_eq!(sent.len(), 3);
        assert!(
            sent.iter()
                .all(|event| event.is_by("agent:planner") && event.is_on("agent:echo"))
        );
        let back: Vec<_> = events
            .iter()
            .filter(|event| event.is(Kind::MessageIn))
            .collect();
        assert_eq!(back.len(), 3);
        for (sent, back) in sent.iter().zip(&back) {
            assert_eq!(back.header.parent, Some(sent.header.seq as u32));
        }
        assert!(back[1].is_error() && !back[0].is_error());
        if how == "stream" {
            assert_eq!(
                events
                    .iter()
                    .filter(|event| event.is(Kind::Artifact))
                    .count(),
                3
            );
        }

        caller.seal_and_verify(&[]);
        served.seal_and_verify(&[]);
        let runs = served.runs();
        assert_eq!(runs.len(), 3, "each task is a run");
        let home = avouch::Home::open(served.home_dir()).unwrap();
        let from = &caller.runs()[0];
        for (run, sent) in runs.iter().zip(&sent) {
            assert!(matches!(run.state, State::Sealed { .. }));
            let logged = home.ledger().statement(run.index).unwrap().unwrap();
            let [parent] = &logged.manifest.parents[..] else {
                panic!("one parent");
            };
            assert_eq!(parent.run, from.info.id);
            assert_eq!(u64::from(parent.seq), sent.header.seq);
            assert_eq!(parent.relation, Relation::A2a);
            let events = served.events(&run.info.name);
            assert!(events[1].is(Kind::MessageIn) && events[1].is_on("agent:echo"));
            assert!(events.last().unwrap().is(Kind::RunEnd) && !events.last().unwrap().is_error());
            assert!(events.iter().any(|event| event.is(Kind::MessageOut)));
            // Both sides recorded the same bytes of the same request.
            assert_eq!(events[1].field("raw"), events_raw(&caller, sent.header.seq));
        }
    }
}

fn events_raw(scratch: &Scratch, seq: u64) -> Vec<u8> {
    scratch.events("a2a")[seq as usize].field("raw").to_vec()
}

#[test]
fn without_being_asked_nothing_is_added_and_nothing_is_linked() {
    let Some((_, served)) = three_tasks("whole", &[]) else {
        return;
    };
    let runs = served.runs();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run.info.parents.is_empty()));
}
