//! `avouch otlp serve`: OpenTelemetry's own SDK, kills, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use avouch_tests::desk::Desk;
use serde_json::{Value, json};

struct Receiver {
    child: Child,
    address: String,
}

impl Receiver {
    fn start(desk: &Desk, args: &[&str]) -> Self {
        let mut child = Command::new(avouch_tests::program("avouch"))
            .args(["otlp", "serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(desk.path(""))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let url = first.trim().strip_prefix("listening http://").unwrap();
        let address = url.strip_suffix("/v1/traces").unwrap().to_owned();
        Self { child, address }
    }

    /// The status, the head, and the body of the answer.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that refuses a body need not read it.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("an answer");
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), answer[end + 4..].to_vec())
    }

    fn json(&self, body: &Value) -> (u16, Value) {
        let (status, _, answer) = self.post(
            "/v1/traces",
            &[("Content-Type", "application/json")],
            body.to_string().as_bytes(),
        );
        (status, serde_json::from_slice(&answer).unwrap())
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    fn ended(mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn span(trace: u32, id: u32, parent: Option<u32>, name: &str) -> Value {
    json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"),
        "parentSpanId": parent.map_or(String::new(), |parent| format!("{parent:016x}")), "name": name,
        "startTimeUnixNano": (1_800_000_000_000_000_000_u64 + u64::from(id)).to_string(),
        "endTimeUnixNano": (1_800_000_001_000_000_000_u64 + u64::from(id)).to_string(),
    })
}

fn request(spans: &[Value]) -> Value {
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] })
}

fn runs(desk: &Desk) -> Vec<Value> {
    serde_json::from_str(&desk.ok(&["runs", "--json"])).unwrap()
}

/// Waits until the store has so many runs.
fn await_runs(desk: &Desk, count: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = runs(desk);
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < until, "{} of {count} runs", found.len());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_opentelemetry_sdks_traces_are_recorded() {
    let Some(python) = avouch_tests::tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let desk = Desk::new();
    let receiver = Receiver::start(&desk, &["--quiet", "1"]);
    let script = avouch_tests::repository().join("tests/tools/otlp_send.py");
    let mut traces = Vec::new();
    for compression in ["none", "gzip"] {
        let endpoint = format!("http://{}/v1/traces", receiver.address);
        let output = Command::new(&python)
            .arg(&script)
            .args([&endpoint, compression])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        if error.contains("ModuleNotFoundError")
            && std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none()
        {
            eprintln!("SKIPPED: {}", error.lines().last().unwrap_or_default());
            return;
        }
        assert!(output.status.success(), "{error}");
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&sent["spans"], &sent["taken"]), (&json!(9), &json!(true)));
        traces.push(sent["trace"].as_str().unwrap().to_owned());
    }
    await_runs(&desk, 2);
    receiver.signal("-TERM");
    assert_eq!(receiver.ended(), Some(0));
    for (run, trace) in runs(&desk).iter().zip(&traces) {
        let name = run["name"].as_str().unwrap();
        assert!(
            trace.starts_with(name.strip_prefix("trace-").unwrap()),
            "{name}"
        );
        assert_eq!(
            (&run["agent"], &run["format"]),
            (&json!("planner"), &json!("otlp"))
        );
        let shown: Value = serde_json::from_str(&desk.ok(&["show", name, "--json"])).unwrap();
        let events = shown["events"].as_array().unwrap();
        let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(
            (of("model-call"), of("tool-call"), of("tool-result")),
            (3, 2, 2)
        );
        assert_eq!((of("delegation"), of("error")), (1, 1));
        let spent: u64 = events
            .iter()
            .map(|event| event["cost"].as_u64().unwrap())
            .sum();
        assert_eq!(spent, (100 + 200 + 30 + 3 * 7) * 1_000_000);
        let helped = events
            .iter()
            .find(|event| event["actor"] == "agent:helper")
            .unwrap();
        assert_eq!(
            (&helped["kind"], &helped["subject"]),
            (&json!("model-call"), &json!("model:gpt-4-0613"))
        );
        let failed: Vec<_> = events
            .iter()
            .filter(|event| event["flags"] == json!(["error"]))
            .collect();
        assert!(failed.iter().any(|event| event["actor"] == "tool:book"));
        println!("{name}: {} events", events.len());
    }
    // They are runs as any other.
    desk.ok(&["seal", "--all", "-o", "evidence", "--disclose", "all"]);
    desk.ok(&["verify", "evidence", "--trust", ".avouch/trust.toml"]);
}

#[test]
fn the_names_of_the_conventions_are_those_of_opentelemetrys_own_package() {
    let Some(python) = avouch_tests::tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let repository = avouch_tests::repository();
    let script = repository.join("tests/tools/semconv_names.py");
    let output = Command::new(python).arg(script).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("ModuleNotFoundError") && std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none() {
        eprintln!("SKIPPED: {}", error.lines().last().unwrap_or_default());
        return;
    }
    assert!(output.status.success(), "{error}");
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = "crates/ingest/src/formats/otlp/semconv.rs";
    let ours = std::fs::read_to_string(repository.join(file)).unwrap();
    let names = theirs["names"].as_array().unwrap();
    let constants = ours
        .lines()
        .filter_map(|line| line.split_once("&str = \"")?.1.strip_suffix("\";"));
    let mut checked = 0;
    for name in constants.filter(|name| name.contains('.')) {
        assert!(names.iter().any(|known| known == name), "{name}");
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
    for operation in theirs["operations"].as_array().unwrap() {
        assert!(
            ours.contains(&format!("{operation}")),
            "{operation} is not mapped"
        );
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_is_there_once() {
    let desk = Desk::new();
    let receiver = Receiver::start(&desk, &["--quiet", "1"]);
    let (first, rest): (Vec<Value>, Vec<Value>) = (
        vec![span(7, 2, Some(1), "b")],
        vec![span(7, 3, Some(1), "c"), span(7, 1, None, "a")],
    );
    assert_eq!(receiver.json(&request(&first)), (200, json!({})));
    assert_eq!(receiver.json(&request(&rest)), (200, json!({})));
    receiver.signal("-KILL");
    receiver.ended();
    assert_eq!(runs(&desk).len(), 0);
    // Sent again by a client that did not see the answer.
    let receiver = Receiver::start(&desk, &["--quiet", "1"]);
    assert_eq!(receiver.json(&request(&rest)), (200, json!({})));
    let found = await_runs(&desk, 1);
    assert_eq!(found[0]["events"], 5, "three spans, start and end");
    // And once more, after the run was recorded.
    assert_eq!(receiver.json(&request(&rest)), (200, json!({})));
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(runs(&desk).len(), 1);
    receiver.signal("-TERM");
    assert_eq!(receiver.ended(), Some(0));
}

#[test]
fn sigterm_records_what_is_whole_and_keeps_the_rest() {
    let desk = Desk::new();
    let receiver = Receiver::start(&desk, &["--quiet", "600"]);
    let spans = [
        span(1, 1, None, "whole"),
        span(2, 2, Some(1), "its root is missing"),
    ];
    assert_eq!(receiver.json(&request(&spans)).0, 200);
    receiver.signal("-TERM");
    assert_eq!(receiver.ended(), Some(0));
    assert_eq!(runs(&desk).len(), 1);
    // The rest is recorded once it has waited long enough, and says what it lacks.
    let receiver = Receiver::start(&desk, &["--end-after", "1"]);
    let found = await_runs(&desk, 2);
    let name = found[1]["name"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&desk.ok(&["show", name, "--json"])).unwrap();
    let end = shown["events"].as_array().unwrap().last().unwrap();
    assert_eq!(end["flags"], json!(["error"]));
    assert_eq!(end["fields"]["reason"], "the trace has no root span");
    // Nobody else may receive into this spool meanwhile.
    let (_, error) = desk.expect(
        2,
        &[
            "otlp",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--stop-after",
            "1",
        ],
    );
    assert!(error.contains("another process"), "{error}");
    receiver.signal("-TERM");
    assert_eq!(receiver.ended(), Some(0));
}

#[test]
fn bad_requests_are_refused_as_the_protocol_says() {
    let desk = Desk::new();
    let receiver = Receiver::start(&desk, &[]);
    let json_type = ("Content-Type", "application/json");
    let protobuf = ("Content-Type", "application/x-protobuf");
    for (path, headers, body, status) in [
        ("/v1/logs", vec![json_type], &b"{}"[..], 404),
        (
            "/v1/traces",
            vec![("Content-Type", "text/plain")],
            b"{}",
            415,
        ),
        ("/v1/traces", vec![], b"{}", 415),
        (
            "/v1/traces",
            vec![json_type, ("Content-Encoding", "br")],
            b"{}",
            415,
        ),
        (
            "/v1/traces",
            vec![json_type, ("Content-Encoding", "gzip")],
            b"{}",
            400,
        ),
        ("/v1/traces", vec![json_type], b"{", 400),
        ("/v1/traces", vec![json_type], b"[]", 400),
        ("/v1/traces", vec![protobuf], b"\xff\xff\xff", 400),
        ("/v1/traces", vec![protobuf], b"", 200),
        ("/v1/traces", vec![json_type], b"{}", 200),
    ] {
        let (found, head, _) = receiver.post(path, &headers, body);
        assert_eq!(found, status, "{path} {headers:?} {body:?}");
        let answered = headers.contains(&protobuf);
        assert!(
            head.contains(if answered {
                "x-protobuf"
            } else {
                "application/json"
            }),
            "{head}"
        );
    }
    // A span without usable ids is rejected by itself, and said so.
    let mut bad = span(9, 9, None, "bad");
    bad["traceId"] = json!("00000000000000000000000000000000");
    let mut late = span(9, 8, None, "late");
    late["startTimeUnixNano"] = json!("yesterday");
    let (status, answer) = receiver.json(&request(&[span(9, 1, None, "good"), bad, late]));
    assert_eq!(status, 200);
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "2");
    assert!(
        answer["partialSuccess"]["errorMessage"]
            .as_str()
            .unwrap()
            .contains("trace id")
    );
    // Too long as it is sent, and once it is unpacked.
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        (16 << 20) + 1
    );
    let mut stream = TcpStream::connect(&receiver.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    for _ in 0..65 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let gzip = ("Content-Encoding", "gzip");
    assert_eq!(
        receiver.post("/v1/traces", &[json_type, gzip], &bomb).0,
        413
    );
    receiver.signal("-INT");
    assert_eq!(receiver.ended(), Some(0));
    let found = runs(&desk);
    assert_eq!((found.len(), &found[0]["events"]), (1, &json!(3)));
}

#[test]
fn a_burst_is_slowed_down_and_nothing_of_it_is_lost() {
    let desk = Desk::new();
    let receiver = Receiver::start(&desk, &["--quiet", "1"]);
    let (senders, each) = (24_u32, 20_u32);
    let waits = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|sender| {
                let receiver = &receiver;
                scope.spawn(move || {
                    let mut waits = 0;
                    for number in 0..each {
                        let parent = (number > 0).then_some(1);
                        let body = request(&[span(sender + 1, number + 1, parent, "work")]);
                        loop {
                            let (status, head, _) = receiver.post(
                                "/v1/traces",
                                &[("Content-Type", "application/json")],
                                body.to_string().as_bytes(),
                            );
                            if status == 200 {
                                break;
                            }
                            assert_eq!(status, 503, "{head}");
                            assert!(head.contains("retry-after: 1"), "{head}");
                            waits += 1;
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                    waits
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<u32>()
    });
    receiver.signal("-TERM");
    assert_eq!(receiver.ended(), Some(0));
    let found = runs(&desk);
    let events: u64 = found
        .iter()
        .map(|run| run["events"].as_u64().unwrap())
        .sum();
    let whole: std::collections::BTreeSet<&str> = found
        .iter()
        .map(|run| &run["name"].as_str().unwrap()[.."trace-".len() + 16])
        .collect();
    assert_eq!(events - 2 * found.len() as u64, u64::from(senders * each));
    println!(
        "{} runs of {} traces, {waits} waits",
        found.len(),
        whole.len()
    );
}
