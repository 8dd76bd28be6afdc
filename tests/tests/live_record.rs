//! `avouch record`: what is acknowledged is on disk, whatever happens next.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use avouch::ledger::State;
use avouch::trace::{Decision, Kind};
use avouch_tests::live::{Beside, Scratch, succeeds};
use serde_json::Value;

/// A program that tells where its socket is, and ends with its input.
const TELLS: &str = "echo $AVOUCH_SOCKET; exec cat >/dev/null";

fn recorder(scratch: &Scratch, script: &str) -> (Beside, String) {
    let mut command = scratch.avouch(&["record", "--agent", "a", "--name", "r", "--"]);
    command.args(["sh", "-c", script]);
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    Beside::start_and_read(&mut command)
}

fn end(mut recorder: Beside) {
    drop(recorder.child().stdin.take());
    assert!(recorder.wait().success());
}

fn answers(stream: &UnixStream, count: usize) -> Vec<Value> {
    let lines = BufReader::new(stream).lines().take(count);
    lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

#[test]
fn each_line_is_answered_in_order_and_what_is_wrong_is_named_and_not_stored() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let stream = UnixStream::connect(&socket).unwrap();
    let lines = [
        r#"{"kind":"policy-decision","decision":"allow","actor":"policy:p","subject":"tool:t","time":5000}"#,
        "",
        r#"{"kind":"tool-call","subject":"tool:t","parent":1,"fields":{"big":"BIG"}}"#,
        r#"{"kind":"tool-call","subject":"tool:t""#,
        r#"{"kind":"tool-call","parent":99,"fields":{"lost":"BIG"}}"#,
        r#"{"kind":"run-end"}"#,
        r#"{"kind":"note"}"#,
    ];
    let text = lines.join("\n").replace("BIG", &"x".repeat(10_000));
    (&stream).write_all(text.as_bytes()).unwrap();
    (&stream).write_all(b"\n{\"kind\":\"note\"").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answers = answers(&stream, 100);
    assert_eq!(answers.len(), 7);
    assert_eq!(answers[0]["seq"], 1);
    assert_eq!(answers[1]["seq"], 2);
    for (at, line, why) in [
        (2, 4, "column"),
        (3, 5, "parent"),
        (4, 6, "run-end"),
        (6, 8, "newline"),
    ] {
        assert_eq!(answers[at]["line"], line);
        let error = answers[at]["error"].as_str().unwrap();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(answers[5]["seq"], 3);
    end(recorder);

    let events = scratch.events("r");
    let kinds: Vec<_> = events.iter().map(|event| event.header.kind).collect();
    let expected = [
        Kind::RunStart,
        Kind::PolicyDecision,
        Kind::ToolCall,
        Kind::Note,
        Kind::RunEnd,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[1].header.decision, Decision::Allow);
    assert_eq!(events[1].header.time, 5000);
    assert_eq!(events[1].field("raw"), lines[0].as_bytes());
    assert_eq!(events[2].header.parent, Some(1));
    assert_eq!(events[2].field("big").len(), 10_000);
    assert!(events[2].header.time > 1_600_000_000_000);
    assert!(!events[4].is_error());
    // Not even the long value of the line that was refused.
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    let blobs: i64 = database
        .query_row("SELECT COUNT(*) FROM blobs", [], |row| row.get(0))
        .unwrap();
    // The value, and the line that it came in.
    assert_eq!(blobs, 2);
    scratch.seal_and_verify(&[]);
}

#[test]
fn only_the_owner_can_reach_the_socket() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let socket = Path::new(&socket);
    assert_eq!(mode(socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    end(recorder);
    assert!(!socket.parent().unwrap().exists());
}

#[test]
fn the_exit_code_is_the_programs_and_a_kill_is_an_interruption() {
    for (script, code, interrupted) in [
        ("exit 0", 0, false),
        ("exit 7", 7, false),
        ("kill -9 $$", 137, true),
    ] {
        let scratch = Scratch::new();
        let mut command = scratch.avouch(&["record", "--agent", "a", "--name", "r", "--"]);
        let output = command.args(["sh", "-c", script]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{script}");
        assert_eq!(scratch.events("r").last().unwrap().is_error(), interrupted);
    }
    let scratch = Scratch::new();
    let mut command = scratch.avouch(&["record", "--agent", "a", "--", "/nowhere/program"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/program"));
}

#[test]
fn events_that_a_program_sent_and_did_not_wait_for_are_recorded() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let streams: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream
                .write_all(&b"{\"kind\":\"note\"}\n".repeat(1000))
                .unwrap();
            stream
        })
        .collect();
    end(recorder);
    drop(streams);
    assert_eq!(scratch.events("r").len(), 8 * 1000 + 2);
}

#[test]
fn many_clients_record_at_once_and_each_event_has_its_own_seq() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let socket = socket.clone();
            thread::spawn(move || {
                let mut stream = UnixStream::connect(socket).unwrap();
                let mut seqs = Vec::new();
                for round in 0..20 {
                    for event in 0..10 {
                        let text = format!("{client}/{round}/{event}");
                        writeln!(stream, r#"{{"kind":"note","fields":{{"n":"{text}"}}}}"#).unwrap();
                    }
                    let acknowledged = answers(&stream, 10);
                    seqs.extend(
                        acknowledged
                            .iter()
                            .map(|answer| answer["seq"].as_u64().unwrap()),
                    );
                }
                seqs
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for client in clients {
        let seqs = client.join().unwrap();
        assert!(seqs.is_sorted());
        all.extend(seqs);
    }
    assert_eq!(all, (1..=1600).collect());
    end(recorder);
    let texts: BTreeSet<_> = scratch
        .events("r")
        .iter()
        .map(|event| event.text("n"))
        .collect();
    assert_eq!(texts.len(), 1600 + 1);
}

#[test]
fn while_the_ledger_is_busy_senders_wait_and_nothing_is_lost() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stream = UnixStream::connect(&socket).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let line = b"{\"kind\":\"note\",\"fields\":{\"text\":\"some words to fill the line\"}}\n";
    let mut sent = 0;
    // Until the sender is held up.
    while sent < 1_000_000 {
        match (&stream).write(&line[sent % line.len()..]) {
            Ok(written) => sent += written,
            Err(_) => break,
        }
    }
    assert!(sent < 1_000_000, "nothing slowed the sender");
    database.execute_batch("ROLLBACK").unwrap();
    stream.set_write_timeout(None).unwrap();
    (&stream).write_all(&line[sent % line.len()..]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let events = sent / line.len() + 1;
    let answers = answers(&stream, events + 1);
    assert_eq!(answers.len(), events);
    assert!(answers.iter().all(|answer| answer["seq"].is_u64()));
    end(recorder);
    assert_eq!(scratch.events("r").len(), events + 2);
}

#[test]
fn what_cannot_be_written_is_not_acknowledged_and_the_recorder_goes_on() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    // Fails as a full disk would.
    let fails =
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(fails).unwrap();
    let stream = UnixStream::connect(&socket).unwrap();
    let note = b"{\"kind\":\"note\"}\n";
    (&stream).write_all(note).unwrap();
    let answer = &answers(&stream, 1)[0];
    assert!(answer["error"].as_str().unwrap().contains("not recorded"));
    database.execute_batch("DROP TRIGGER full").unwrap();
    (&stream).write_all(note).unwrap();
    assert_eq!(answers(&stream, 1)[0]["seq"], 1);
    drop(stream);
    end(recorder);
    assert_eq!(scratch.events("r").len(), 3);
}

/// A client that sends as fast as it can and remembers what was acknowledged.
fn load(socket: String) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let Ok(stream) = UnixStream::connect(socket) else {
            return 0;
        };
        let mut sender = stream.try_clone().unwrap();
        let sends = thread::spawn(move || {
            let lines = b"{\"kind\":\"tool-call\",\"subject\":\"tool:t\",\"fields\":{\"n\":1}}\n"
                .repeat(64);
            while sender.write_all(&lines).is_ok() {}
        });
        let mut last = 0;
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
            let answer: Value = serde_json::from_str(&line).unwrap();
            last = last.max(answer["seq"].as_u64().unwrap());
            line.clear();
        }
        let _ = stream.shutdown(Shutdown::Both);
        sends.join().unwrap();
        last
    })
}

#[test]
fn what_was_acknowledged_survives_kill_9_of_the_recorder_under_load() {
    let mut acknowledged = 0;
    for round in 0..12 {
        let scratch = Scratch::new();
        let (mut recorder, socket) = recorder(&scratch, TELLS);
        let clients: Vec<_> = (0..3).map(|_| load(socket.clone())).collect();
        thread::sleep(Duration::from_millis(30 + round * 17));
        // Its end of the child's input closes with it, so the child ends as well.
        recorder.signal("KILL");
        drop(recorder.child().stdin.take());
        let lasts = clients.into_iter().map(|client| client.join().unwrap());
        let last = lasts.max().unwrap();
        assert!(!recorder.wait().success());
        acknowledged += last;
        let run = &scratch.runs()[0];
        assert_eq!(run.state, State::Open);
        assert!(
            run.size > last,
            "event {last} was acknowledged, and there are {}",
            run.size
        );
        succeeds(scratch.avouch(&["fsck"]));
        if round % 4 == 0 {
            scratch.seal_and_verify(&["--interrupted"]);
            assert!(scratch.events("r").last().unwrap().is_error());
        }
    }
    assert!(
        acknowledged > 100,
        "only {acknowledged} events were acknowledged"
    );
}

#[test]
fn sigterm_finishes_what_was_acknowledged_and_ends_the_run() {
    for signal in ["TERM", "INT"] {
        let scratch = Scratch::new();
        let (mut recorder, socket) = recorder(&scratch, TELLS);
        let clients: Vec<_> = (0..3).map(|_| load(socket.clone())).collect();
        thread::sleep(Duration::from_millis(150));
        let begun = Instant::now();
        recorder.signal(signal);
        let stdin = recorder.child().stdin.take();
        let status = recorder.wait();
        assert!(begun.elapsed() < Duration::from_secs(20));
        drop(stdin);
        let lasts = clients.into_iter().map(|client| client.join().unwrap());
        let last = lasts.max().unwrap();
        assert!(!status.success());
        let events = scratch.events("r");
        let end = events.last().unwrap();
        assert!(last > 0 && (last as usize) < events.len() - 1);
        assert!(end.is(Kind::RunEnd) && end.is_error());
        assert!(end.text("reason").contains("signal"));
        scratch.seal_and_verify(&[]);
    }
}

#[test]
fn a_program_that_does_not_heed_the_signal_is_killed_after_the_grace() {
    let scratch = Scratch::new();
    let mut command = scratch.avouch(&[
        "record", "--agent", "a", "--name", "r", "--grace", "1", "--",
    ]);
    command.args(["sh", "-c", "trap '' TERM; echo ready; sleep 60"]);
    let (recorder, _) = Beside::start_and_read(command.stderr(Stdio::null()));
    recorder.signal("TERM");
    assert_eq!(recorder.wait().code(), Some(137));
    assert!(scratch.events("r").last().unwrap().is_error());
}

#[test]
fn a_client_may_close_its_reading_half() {
    let scratch = Scratch::new();
    let (recorder, socket) = recorder(&scratch, TELLS);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream.shutdown(Shutdown::Read).unwrap();
    for _ in 0..60 {
        stream
            .write_all(&b"{\"kind\":\"note\"}\n".repeat(1000))
            .unwrap();
    }
    drop(stream);
    end(recorder);
    assert_eq!(scratch.events("r").len(), 60_000 + 2);
}

#[test]
fn the_run_is_described_by_options() {
    let scratch = Scratch::new();
    let parent = "00112233445566778899aabbccddeeff/4/subagent";
    let mut command = scratch.avouch(&["record", "--agent", "a", "--debate", "--currency", "USD"]);
    command.args(["--parent", parent, "--", "sh", "-c", "echo $AVOUCH_RUN"]);
    let output = succeeds(command);
    let run = &scratch.runs()[0];
    assert_eq!(run.info.name, "sh");
    assert_eq!(run.info.currency, "USD");
    assert_eq!(run.info.mode.name(), "debate");
    assert_eq!(run.info.parents[0].seq, 4);
    let mut told = String::new();
    (&output.stdout[..]).read_to_string(&mut told).unwrap();
    assert_eq!(told.trim(), run.info.id.to_string());
    let events = scratch.events("sh");
    assert_eq!(
        events[0].text("command"),
        r#"["sh","-c","echo $AVOUCH_RUN"]"#
    );
}
