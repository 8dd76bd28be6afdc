//! The server, and a log that asks three witnesses: one stopped, one stale, one lying.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use avouch_cose::note::NoteSignature;
use avouch_cose::{CosignerKey, Note};
use avouch_http::Client;
use avouch_merkle::TreeSize;
use avouch_witness::protocol::{Answer, Unwitnessed, ask};
use avouch_witness::{Server, Stop};
use common::*;

struct Running {
    url: String,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(number: u8, folder: &Path, log: &Log) -> Self {
        let server =
            Server::bind(([127, 0, 0, 1], 0).into(), witness(number, folder, log)).unwrap();
        let url = format!("http://{}/add-checkpoint", server.address().unwrap());
        let stop = Stop::new();
        let end = stop.clone();
        let thread = thread::spawn(move || server.run(&end, |_, _| {}).unwrap());
        Self {
            url,
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn client() -> Client {
    Client::new(Duration::from_secs(5))
}

type Got<'k> = Result<Vec<(&'k CosignerKey, NoteSignature)>, Unwitnessed<avouch_http::Error>>;

/// As `avouch log witness` asks.
fn ask_at<'k>(url: &str, log: &Log, size: u64, witnesses: &'k [CosignerKey]) -> Got<'k> {
    let client = client();
    ask(
        &log.checkpoint(size),
        witnesses,
        |old| Ok(log.proof(old.0, size)),
        |body| {
            let answer = client.post(url, body, 10_000)?;
            Ok(Answer {
                status: answer.status,
                content_type: answer.content_type,
                body: answer.body,
            })
        },
    )
}

#[test]
fn only_the_one_call_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(5);
    let running = Running::start(9, folder.path(), &log);
    let client = client();
    let status = |url: &str, body: &str| client.post(url, body, 10_000).unwrap();
    let answer = status(&running.url, &log.body(0, 5));
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "text/plain")
    );
    let answer = status(&running.url, &log.body(0, 5));
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (409, "text/x.tlog.size")
    );
    assert_eq!(status(&format!("{}/x", running.url), "").status, 404);
    assert_eq!(status(&running.url.replace("add-", "sub-"), "").status, 404);
    assert_eq!(status(&running.url, &"x".repeat(300_000)).status, 413);
    let get = client.get(&running.url, 1000).unwrap_err().to_string();
    assert!(get.contains("status 405"), "{get}");
}

#[test]
fn a_client_that_stalls_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(5);
    let running = Running::start(9, folder.path(), &log);
    let address = running
        .url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap();
    let stalled: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream
                .write_all(
                    b"POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nold",
                )
                .unwrap();
            stream
        })
        .collect();
    assert_eq!(
        client()
            .post(&running.url, &log.body(0, 5), 1000)
            .unwrap()
            .status,
        200
    );
    drop(stalled);
    let mut garbage = TcpStream::connect(address).unwrap();
    garbage
        .write_all(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    garbage.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400"));
}

#[test]
fn three_witnesses_one_stopped_one_stale_one_lying() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(50);
    let keys = [11, 12, 13].map(cosigner);

    // The stopped one: its port is closed.
    let stopped = {
        let running = Running::start(11, folder.path(), &log);
        running.url.clone()
    };
    // The stale one last saw size 7.
    let stale = Running::start(12, folder.path(), &log);
    ask_at(&stale.url, &log, 7, &keys).unwrap();
    // The lying one signs whatever it likes: here another key's word under its name.
    let note = log.checkpoint(50);
    let lies: Vec<(&str, u16, String)> = vec![
        ("signed by another key", 200, line(&note, 13, 99)),
        (
            "over another checkpoint",
            200,
            line(&log.checkpoint(49), 13, 13),
        ),
        ("by a stranger", 200, line(&note, 77, 77)),
        ("nothing", 200, String::new()),
        ("not a signature", 200, "— hello\n".into()),
        ("far too much", 200, "x".repeat(20_000)),
        ("always another size", 409, "1\n".into()),
        ("a larger size", 409, "51\n".into()),
        ("no size", 409, "many\n".into()),
        ("a proof that it does not follow", 422, String::new()),
        ("an error", 500, "sorry".into()),
    ];

    let asked = ask_at(&stopped, &log, 50, &keys);
    assert!(
        matches!(asked, Err(Unwitnessed::Unreachable(_))),
        "{asked:?}"
    );
    let asked = ask_at(&stale.url, &log, 50, &keys).unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, &keys[1]);
    for (what, status, body) in lies {
        let asked = with_liar(status, &body, |url| {
            ask_at(url, &log, 50, &keys).map(|_| ())
        });
        assert!(asked.is_err(), "{what}");
        let alarm = matches!(
            asked,
            Err(Unwitnessed::WentBack { .. } | Unwitnessed::Forked(_))
        );
        assert_eq!(
            alarm,
            ["a larger size", "always another size"].contains(&what),
            "{what}: {asked:?}"
        );
    }

    // What was collected counts as one of three, whoever lied.
    let mut collected = note;
    collected.add(asked[0].1.clone()).unwrap();
    assert_eq!(collected.quorum(&keys, 1).unwrap().len(), 1);
    collected.quorum(&keys, 2).unwrap_err();
}

#[test]
fn a_log_that_went_back_or_forked_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(50);
    let keys = [cosigner(11)];
    let running = Running::start(11, folder.path(), &log);
    ask_at(&running.url, &log, 40, &keys).unwrap();
    let back = ask_at(&running.url, &log, 30, &keys).unwrap_err();
    let (theirs, ours) = (TreeSize(40), TreeSize(30));
    assert!(
        matches!(back, Unwitnessed::WentBack { theirs: t, ours: o } if (t, o) == (theirs, ours)),
        "{back}"
    );
    let fork = Log::forked(50, 20, "other");
    for size in [40, 50] {
        let forked = ask_at(&running.url, &fork, size, &keys).unwrap_err();
        assert!(
            matches!(forked, Unwitnessed::Forked(TreeSize(40))),
            "{forked}"
        );
    }
    // And the honest log goes on.
    ask_at(&running.url, &log, 50, &keys).unwrap();
}

/// A cosignature line under one witness's name by the key with another number.
fn line(note: &Note, named: u8, by: u8) -> String {
    format!(
        "{}\n",
        NoteSignature::cosign(note, &name(named), &key(by), NOW).unwrap()
    )
}

/// A server that gives every request this one answer, for as long as `during` runs.
fn with_liar<T>(status: u16, body: &str, during: impl FnOnce(&str) -> T) -> T {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let kind = if status == 409 {
        "text/x.tlog.size"
    } else {
        "text/plain"
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::scope(|scope| {
        scope.spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if ended.try_recv().is_ok() {
                    return;
                }
                stream
                    .set_read_timeout(Some(Duration::from_secs(5)))
                    .unwrap();
                // The whole request: its body ends with the note's last line.
                let mut request = Vec::new();
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut part) {
                    request.extend_from_slice(&part[..length]);
                    let text = String::from_utf8_lossy(&request);
                    if text.contains("\u{2014} ") && text.ends_with('\n') {
                        break;
                    }
                }
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let result = during(&format!("http://{address}/add-checkpoint"));
        done.send(()).unwrap();
        TcpStream::connect(address).unwrap();
        result
    })
}
