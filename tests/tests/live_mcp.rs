//! `avouch mcp-proxy` between the official MCP SDK's client and server, and before servers that misbehave.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use avouch::ledger::State;
use avouch::trace::Kind;
use avouch_tests::live::{
    Beside, Scratch, Seen, free_port, python_with, succeeds, tool_file, wait_for_port,
};
use serde_json::Value;

fn client(python: &Path, mode: &str, target: &[&str]) -> Value {
    let mut client = Command::new(python);
    client
        .arg(tool_file("mcp_client.py"))
        .arg(mode)
        .args(target);
    let output = succeeds(client);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the client of `mcp_client.py` does, as events.
fn is_the_session(events: &[Seen], server: &str) {
    let of = |kind| {
        events
            .iter()
            .enumerate()
            .filter(move |(_, event)| event.is(kind))
    };
    assert_eq!(of(Kind::ToolCall).count(), 23);
    assert_eq!(of(Kind::ToolResult).count(), 23);
    assert_eq!(of(Kind::Error).count(), 0);
    let mut failed = Vec::new();
    for (seq, result) in of(Kind::ToolResult) {
        let parent = result.header.parent.unwrap() as usize;
        let call = &events[parent];
        assert!(parent < seq && call.is(Kind::ToolCall));
        assert_eq!(call.field("call_id"), result.field("call_id"));
        assert_eq!(call.header.subject, result.header.actor);
        assert!(call.is_by("agent:planner") && result.is_on("agent:planner"));
        let asked: Value = serde_json::from_slice(call.field("raw")).unwrap();
        let name = asked["params"]["name"].as_str().unwrap();
        assert!(call.is_on(&format!("tool:{server}/{name}")));
        let told: Value = serde_json::from_slice(result.field("raw")).unwrap();
        assert_eq!(asked["id"], told["id"]);
        if name == "add" {
            let input: Value = serde_json::from_slice(call.field("input")).unwrap();
            let sum = input["a"].as_u64().unwrap() + 1;
            assert_eq!(told["result"]["content"][0]["text"], sum.to_string());
        }
        if name == "big" {
            assert!(result.field("output").len() > 300_000);
        }
        if result.is_error() {
            failed.push(name.to_owned());
        }
    }
    failed.sort();
    assert_eq!(failed, ["fail", "nothing"]);
    // What the server said of itself.
    assert!(
        events
            .iter()
            .any(|event| event.is(Kind::Note) && event.text("raw").contains("calculator"))
    );
}

#[test]
fn a_session_of_the_official_sdk_over_stdio_is_recorded_and_verifies() {
    let Some(python) = python_with("mcp") else {
        return;
    };
    let server = tool_file("mcp_server.py");
    let direct = [python.to_str().unwrap(), server.to_str().unwrap()];
    for (mode, version) in [("auto", "2026-07-28"), ("legacy", "2025-11-25")] {
        let scratch = Scratch::new();
        let avouch = avouch_tests::program("avouch");
        let home = scratch.home_dir();
        let proxied = [
            avouch.to_str().unwrap(),
            "--home",
            home.to_str().unwrap(),
            "mcp-proxy",
            "--agent",
            "planner",
            "--server",
            "calc",
            "--",
        ];
        let got = client(&python, mode, &[&proxied[..], &direct].concat());
        assert_eq!(got["version"], version);
        assert_eq!(got, client(&python, mode, &direct), "as without the proxy");
        is_the_session(&scratch.events("mcp-calc"), "calc");
        assert_eq!(scratch.runs()[0].state, State::Closed);
        scratch.seal_and_verify(&[]);
    }
}

#[test]
fn a_session_of_the_official_sdk_over_http_is_recorded_and_verifies() {
    let Some(python) = python_with("mcp") else {
        return;
    };
    let port = free_port();
    let _server = Beside::start(
        Command::new(&python)
            .arg(tool_file("mcp_server.py"))
            .arg(port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    wait_for_port(port);
    for (mode, version) in [("auto", "2026-07-28"), ("legacy", "2025-11-25")] {
        let scratch = Scratch::new();
        let upstream = format!("http://127.0.0.1:{port}");
        let (proxy, url) = http_proxy(&scratch, &upstream, &[]);
        let got = client(&python, mode, &[&format!("{url}/mcp")]);
        assert_eq!(got["version"], version);
        assert_eq!(got, client(&python, mode, &[&format!("{upstream}/mcp")]));
        proxy.signal("TERM");
        assert!(proxy.wait().success());
        let events = scratch.events("mcp-calc");
        is_the_session(&events, "calc");
        assert!(!events.last().unwrap().is_error());
        scratch.seal_and_verify(&[]);
    }
}

fn http_proxy(scratch: &Scratch, upstream: &str, more: &[&str]) -> (Beside, String) {
    let mut command = scratch.avouch(&["mcp-proxy", "--agent", "planner", "--server", "calc"]);
    command.args(["--listen", "127.0.0.1:0", "--upstream", upstream]);
    command.args(more).stderr(Stdio::null());
    let (proxy, line) = Beside::start_and_read(&mut command);
    (proxy, line.strip_prefix("listening ").unwrap().to_owned())
}

/// Messages that a proxy might be tempted to change, or to choke on.
fn odd_traffic() -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in [
        &b"{ \"jsonrpc\" : \"2.0\", \"id\":1,\"method\":\"ping\" }\n"[..],
        b"{\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"arguments\":{\"n\":1.0e2,\"s\":\"\\u00e9\\/\"}}}\r\n",
        b"\n\n  \t\n",
        b"not json at all\n",
        b"{\"id\":3,\"method\":\"tools/call\"\n",
        b"{\"method\":\"ping\",\"method\":\"tools/call\"}\n",
        b"\xff\xfe\x00 not UTF-8\n",
        b"[{\"id\":4,\"method\":\"tools/call\",\"params\":{\"name\":\"u\"}},{\"method\":\"notifications/x\"}]\n",
        b"{\"id\":5,\"result\":{\"answers\":\"nothing\"}}\n",
    ] {
        bytes.extend_from_slice(line);
    }
    bytes.extend_from_slice(
        b"{\"id\":6,\"method\":\"tools/call\",\"params\":{\"name\":\"v\",\"arguments\":{\"x\":\"",
    );
    bytes.extend(std::iter::repeat_n(b'x', 5_000_000));
    bytes.extend_from_slice(
        b"\"}}}\n{\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"cut off\"}}",
    );
    bytes
}

#[test]
fn over_stdio_every_byte_is_passed_on_unchanged_both_ways() {
    let scratch = Scratch::new();
    let sent = odd_traffic();
    // A server that keeps what it gets, and gives it back.
    let kept = scratch.dir().join("kept");
    let mut command = scratch.avouch(&["mcp-proxy", "--agent", "planner", "--name", "r", "--"]);
    command.args(["tee", kept.to_str().unwrap()]);
    let mut proxy = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = proxy.stdin.take().unwrap();
    let to_send = sent.clone();
    let sender = thread::spawn(move || {
        for piece in to_send.chunks(77_777) {
            stdin.write_all(piece).unwrap();
        }
    });
    let mut got = Vec::new();
    proxy.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    sender.join().unwrap();
    assert!(proxy.wait().unwrap().success());
    assert!(got == sent, "what came back differs");
    assert!(
        std::fs::read(kept).unwrap() == sent,
        "what the server got differs"
    );

    let events = scratch.events("r");
    let calls: Vec<_> = events
        .iter()
        .filter(|event| event.is(Kind::ToolCall))
        .collect();
    let names = ["t", "u", "v", "cut off"];
    assert_eq!(calls.len(), names.len());
    for (call, name) in calls.iter().zip(names) {
        assert!(call.is_on(&format!("tool:tee/{name}")));
    }
    assert_eq!(calls[0].text("input"), "{\"n\":1.0e2,\"s\":\"\\u00e9\\/\"}");
    assert!(calls[2].field("raw").len() > 5_000_000);
    // What could not be read is there all the same, word for word.
    let broken = |from: &str| {
        let errors = events.iter().filter(|event| event.is(Kind::Error));
        let errors = errors.filter(|event| event.text("from") == from);
        errors
            .map(|event| event.field("raw").to_vec())
            .collect::<Vec<_>>()
    };
    for from in ["client", "server"] {
        let broken = broken(from);
        assert_eq!(broken.len(), 4, "{from}");
        assert_eq!(broken[0], b"not json at all\n");
        assert_eq!(broken[3], b"\xff\xfe\x00 not UTF-8\n");
    }
    // Nothing answered the calls, and the record says so.
    let unanswered = events
        .iter()
        .filter(|event| event.is(Kind::Error) && event.header.parent.is_some());
    assert_eq!(unanswered.count(), 4);
}

#[test]
fn a_call_that_cannot_be_recorded_is_not_passed_on() {
    let scratch = Scratch::new();
    let kept = scratch.dir().join("kept");
    let mut command = scratch.avouch(&["mcp-proxy", "--agent", "planner", "--name", "r", "--"]);
    command.args(["sh", "-c", "cat > kept"]);
    let mut proxy = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while scratch.runs().is_empty() {
        thread::sleep(Duration::from_millis(20));
    }
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    let fails = "CREATE TRIGGER full BEFORE INSERT ON events WHEN substr(NEW.event, 2, 1) = x'07'
                 BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(fails).unwrap();
    let mut stdin = proxy.stdin.take().unwrap();
    let ping = b"{\"id\":1,\"method\":\"ping\"}\n";
    stdin.write_all(ping).unwrap();
    stdin
        .write_all(b"{\"id\":\"two\",\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\n")
        .unwrap();
    let mut answer = String::new();
    let mut out = BufReader::new(proxy.stdout.take().unwrap());
    out.read_line(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["id"], "two");
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not passed on")
    );
    database.execute_batch("DROP TRIGGER full").unwrap();
    let call = b"{\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\n";
    stdin.write_all(call).unwrap();
    drop(stdin);
    assert!(proxy.wait().unwrap().success());
    assert_eq!(std::fs::read(kept).unwrap(), [&ping[..], call].concat());
    let events = scratch.events("r");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.is(Kind::ToolCall))
            .count(),
        1
    );
}

#[test]
fn a_message_beyond_the_limit_ends_the_session_and_is_not_passed_on() {
    let scratch = Scratch::new();
    let mut command = scratch.avouch(&["mcp-proxy", "--agent", "planner", "--name", "r"]);
    command.args([
        "--max-message",
        "1",
        "--grace",
        "1",
        "--",
        "sh",
        "-c",
        "cat > kept",
    ]);
    let mut proxy = command
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = proxy.stdin.take().unwrap();
    let line = [vec![b'x'; 2 << 20], b"\n".to_vec()].concat();
    // It may be gone before all of it is written.
    let _ = stdin.write_all(&line);
    proxy.wait().unwrap();
    assert_eq!(std::fs::read(scratch.dir().join("kept")).unwrap(), b"");
    let events = scratch.events("r");
    assert!(events[1].is(Kind::Error) && events[1].text("reason").contains("longer than"));
}

#[test]
fn sigterm_ends_the_server_and_the_run() {
    let scratch = Scratch::new();
    let mut command = scratch.avouch(&[
        "mcp-proxy",
        "--agent",
        "planner",
        "--name",
        "r",
        "--",
        "cat",
    ]);
    let mut proxy = Beside::start(
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let call = b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\n";
    let mut stdin = proxy.child().stdin.take().unwrap();
    stdin.write_all(call).unwrap();
    let mut out = BufReader::new(proxy.child().stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line.as_bytes(), call);
    proxy.signal("TERM");
    assert_eq!(proxy.wait().code(), Some(143));
    drop(stdin);
    let events = scratch.events("r");
    assert!(events[1].is(Kind::ToolCall));
    let end = events.last().unwrap();
    assert!(end.is(Kind::RunEnd) && end.is_error());
}

/// Answers each connection with the next of these answers, and keeps the requests' bodies.
fn fake_server(answers: Vec<Vec<u8>>) -> (String, thread::JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let mut bodies = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            bodies.push(read_request(&mut stream));
            // In small pieces, as networks have it.
            for piece in answer.chunks(1.max(answer.len() / 50)) {
                stream.write_all(piece).unwrap();
                stream.flush().unwrap();
            }
        }
        bodies
    });
    (url, served)
}

fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}

/// Posts a body; the answer's body as far as it came, and whether it came to its end.
fn post(url: &str, body: &[u8]) -> (Vec<u8>, bool) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let body = &answer[end + 4..];
    if head.contains("transfer-encoding: chunked") {
        return dechunk(body);
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let whole = length.is_none_or(|length| body.len() == length.parse::<usize>().unwrap());
    (body.to_vec(), whole)
}

fn dechunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        bytes = &bytes[at + 2..];
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = bytes.get(..size) else {
            break;
        };
        body.extend_from_slice(chunk);
        bytes = &bytes[size + 2..];
    }
    (body, false)
}

fn answer(content_type: &str, body: &[u8], length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn over_http_every_byte_is_passed_on_unchanged_both_ways() {
    let scratch = Scratch::new();
    let call = |id: u32, more: &str| {
        let text = format!(
            "{{ \"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{\"x\":\"{more}\"}}}}}}"
        );
        text.into_bytes()
    };
    let result = |id: u32| format!("{{\"id\" : {id}, \"result\":{{\"content\":[]}}}}");
    let big = "y".repeat(3_000_000);
    let stream = format!(
        ": hello\n\nid: 1\ndata: {{\"method\":\"notifications/progress\"}}\n\nevent: message\r\ndata: {}\r\n\r\n\
         data: not json\n\ndata:\n\ndata: {{\"id\":99,\"result\":{{}}}}\n\ndata: cut off",
        result(2)
    );
    let whole = result(1).into_bytes();
    let broken = b"{\"id\":3,\"result\":{\"con".to_vec();
    // What is sent, what the server answers, what the client must get, and whether the answer is whole.
    type Case = (Vec<u8>, Vec<u8>, Vec<u8>, bool);
    let cases: Vec<Case> = vec![
        (
            call(1, &big),
            answer("application/json", &whole, whole.len()),
            whole.clone(),
            true,
        ),
        (
            call(2, "z"),
            answer("text/event-stream", stream.as_bytes(), stream.len()),
            stream.clone().into_bytes(),
            true,
        ),
        // Broken JSON, and an answer that breaks off.
        (
            call(3, "z"),
            answer("application/json", &broken, broken.len()),
            broken.clone(),
            true,
        ),
        (
            call(4, "z"),
            answer("application/json", &broken, 1000),
            broken.clone(),
            false,
        ),
        (
            call(5, "z"),
            answer("text/event-stream", b"data: {\"id\":5", 1000),
            b"data: {\"id\":5".to_vec(),
            false,
        ),
        (
            b"not json".to_vec(),
            answer("text/plain", b"what?", 5),
            b"what?".to_vec(),
            true,
        ),
    ];
    let answers = cases.iter().map(|case| case.1.clone()).collect();
    let (upstream, served) = fake_server(answers);
    let (proxy, url) = http_proxy(&scratch, &upstream, &[]);
    for (sent, _, expected, whole) in &cases {
        let (got, to_its_end) = post(&url, sent);
        assert!(got == *expected, "{:?}", String::from_utf8_lossy(&got));
        assert_eq!(
            to_its_end,
            *whole,
            "{:?}",
            String::from_utf8_lossy(expected)
        );
    }
    let bodies = served.join().unwrap();
    assert!(
        cases.iter().map(|case| &case.0).eq(&bodies),
        "what the server got differs"
    );
    proxy.signal("TERM");
    assert!(proxy.wait().success());
    let events = scratch.events("mcp-calc");
    let of = |kind| events.iter().filter(|event| event.is(kind)).count();
    assert_eq!(of(Kind::ToolCall), 5);
    assert_eq!(of(Kind::ToolResult), 2);
    assert_eq!(events[1].field("raw"), cases[0].0);
    // Not JSON in the stream, its cut-off end, three broken answers with their calls, and what was no call.
    let errors = events.iter().filter(|event| event.is(Kind::Error));
    let unanswered = errors.clone().filter(|event| event.header.parent.is_some());
    assert_eq!(unanswered.count(), 3);
    assert_eq!(
        errors
            .filter(|event| !event.field("raw").is_empty())
            .count(),
        6
    );
    assert!(!events.last().unwrap().is_error());
}

#[test]
fn over_http_a_client_that_goes_away_ends_the_exchange_with_the_server() {
    let scratch = Scratch::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: working\n\n";
        stream.write_all(head).unwrap();
        // Nothing more comes, until the proxy hangs up.
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream.read(&mut [0; 1]).unwrap()
    });
    let (proxy, url) = http_proxy(&scratch, &upstream, &[]);
    let mut client = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let call = r#"{"id":1,"method":"tools/call","params":{"name":"t"}}"#;
    write!(
        client,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    )
    .unwrap();
    let mut answer = BufReader::new(client);
    let mut line = String::new();
    while !line.contains("working") {
        line.clear();
        answer.read_line(&mut line).unwrap();
    }
    drop(answer);
    assert_eq!(served.join().unwrap(), 0);
    proxy.signal("TERM");
    assert!(proxy.wait().success());
    let events = scratch.events("mcp-calc");
    assert!(events[2].is(Kind::Error) && events[2].header.parent == Some(1));
    assert!(events[2].text("reason").contains("went away"));
}

#[test]
fn over_http_a_call_that_cannot_be_recorded_is_not_passed_on() {
    let scratch = Scratch::new();
    // Nothing listens there: a call that was passed on would give 502.
    let (proxy, url) = http_proxy(&scratch, &format!("http://127.0.0.1:{}", free_port()), &[]);
    let call = b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}";
    let (answer, _) = post(&url, call);
    assert!(String::from_utf8_lossy(&answer).contains("did not answer"));
    let database = rusqlite::Connection::open(scratch.home_dir().join("ledger.db")).unwrap();
    let fails =
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(fails).unwrap();
    let (answer, _) = post(&url, call);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["id"], 1);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not passed on")
    );
    database.execute_batch("DROP TRIGGER full").unwrap();
    proxy.signal("TERM");
    assert!(proxy.wait().success());
    let events = scratch.events("mcp-calc");
    assert_eq!(
        events
            .iter()
            .filter(|event| event.is(Kind::ToolCall))
            .count(),
        1
    );
    assert!(events[2].is(Kind::Error) && events[2].header.parent == Some(1));
}
