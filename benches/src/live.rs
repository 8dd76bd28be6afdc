//! The socket recorder: events a second, each on disk before it is acknowledged, and what `kill -9` leaves.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::child;
use crate::table::{row, title};

const EVENTS: u64 = 200_000;
/// Waiting for each answer, one client records so many.
const ONE_BY_ONE: u64 = 500;
const KILLS: u64 = 10;

pub(crate) fn run() -> Result<()> {
    let avouch = child::build("avouch-cli", "avouch")?;
    title(&format!(
        "live recording through the socket, {EVENTS} events with four fields each, acknowledged when on disk"
    ));
    for clients in [1, 4, 16] {
        let rate = all_at_once(&avouch, clients)?;
        row(
            &format!("{clients} clients, sending ahead"),
            &format!("{rate:.0} events/s"),
            Some(">= 10000 events/s"),
        );
    }
    for clients in [1, 16] {
        let rate = one_by_one(&avouch, clients)?;
        row(
            &format!("{clients} clients, each waiting for every answer"),
            &format!("{rate:.0} events/s"),
            None,
        );
    }
    let (acknowledged, lost) = kills(&avouch)?;
    row(
        &format!("acknowledged before {KILLS} times kill -9"),
        &format!("{acknowledged} events"),
        None,
    );
    row("of these lost", &lost.to_string(), Some("0"));
    Ok(())
}

/// A recorder whose program waits, and its socket.
struct Recorder {
    child: Child,
    socket: String,
    folder: tempfile::TempDir,
}

impl Recorder {
    fn start(avouch: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let home = folder.path().join("home");
        let command = || {
            let mut command = Command::new(avouch);
            command.arg("--home").arg(&home);
            command
        };
        child::run(command().arg("init"))?;
        let mut child = command()
            .args(["record", "--agent", "a", "--name", "r", "--", "sh", "-c"])
            .arg("echo $AVOUCH_SOCKET; exec cat >/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut socket = String::new();
        let out = child.stdout.take().context("no output")?;
        BufReader::new(out).read_line(&mut socket)?;
        Ok(Self {
            child,
            socket: socket.trim_end().to_owned(),
            folder,
        })
    }

    /// Ends it, and says how many events its run has.
    fn end(mut self, kill: bool) -> Result<u64> {
        if kill {
            self.child.kill()?;
        }
        drop(self.child.stdin.take());
        self.child.wait()?;
        let home = avouch::Home::open(self.folder.path().join("home"))?;
        ensure!(
            home.ledger().fsck(&mut |_| ())?.finding.is_none(),
            "the ledger is damaged"
        );
        Ok(home.ledger().resolve("r")?.size)
    }
}

fn line(n: u64) -> String {
    format!(
        "{{\"kind\":\"tool-call\",\"actor\":\"agent:a\",\"subject\":\"tool:t\",\"cost\":{n},\
         \"fields\":{{\"input\":\"some words that a tool was given\",\"n\":{n},\"call\":\"c{n}\",\"ok\":true}}}}\n"
    )
}

/// Counts answers until there are `count`, or no more. The last seq.
fn answers(stream: &UnixStream, count: u64) -> Result<(u64, u64)> {
    let mut reader = BufReader::new(stream);
    let (mut seen, mut last, mut text) = (0, 0, String::new());
    while seen < count && reader.read_line(&mut text).unwrap_or(0) > 0 && text.ends_with('\n') {
        let seq = text
            .strip_prefix("{\"seq\":")
            .and_then(|rest| rest.strip_suffix("}\n"));
        let seq = seq.with_context(|| format!("refused: {text}"))?;
        last = seq.parse()?;
        seen += 1;
        text.clear();
    }
    Ok((seen, last))
}

fn all_at_once(avouch: &Path, clients: u64) -> Result<f64> {
    let recorder = Recorder::start(avouch)?;
    let each = EVENTS / clients;
    let begun = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let socket = recorder.socket.clone();
            thread::spawn(move || -> Result<()> {
                let stream = UnixStream::connect(socket)?;
                let mut sender = stream.try_clone()?;
                let sends = thread::spawn(move || -> Result<()> {
                    for n in (0..each).step_by(100) {
                        let lines: String = (n..n + 100).map(line).collect();
                        sender.write_all(lines.as_bytes())?;
                    }
                    Ok(())
                });
                ensure!(answers(&stream, each)?.0 == each, "answers are missing");
                sends.join().ok().context("the sender")?
            })
        })
        .collect();
    for thread in threads {
        thread.join().ok().context("a client")??;
    }
    let taken = begun.elapsed();
    ensure!(
        recorder.end(false)? == each * clients + 2,
        "events are missing"
    );
    Ok((each * clients) as f64 / taken.as_secs_f64())
}

fn one_by_one(avouch: &Path, clients: u64) -> Result<f64> {
    let recorder = Recorder::start(avouch)?;
    let begun = Instant::now();
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let socket = recorder.socket.clone();
            thread::spawn(move || -> Result<()> {
                let stream = UnixStream::connect(socket)?;
                for n in 0..ONE_BY_ONE {
                    (&stream).write_all(line(n).as_bytes())?;
                    ensure!(answers(&stream, 1)?.0 == 1, "an answer is missing");
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().ok().context("a client")??;
    }
    let taken = begun.elapsed();
    recorder.end(false)?;
    Ok((ONE_BY_ONE * clients) as f64 / taken.as_secs_f64())
}

/// Kills recorders under load. How many events were acknowledged, and how many of them are gone.
fn kills(avouch: &Path) -> Result<(u64, u64)> {
    let (mut acknowledged, mut lost) = (0, 0);
    for round in 0..KILLS {
        let recorder = Recorder::start(avouch)?;
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let socket = recorder.socket.clone();
                thread::spawn(move || -> Result<(u64, u64)> {
                    let stream = UnixStream::connect(socket)?;
                    let mut sender = stream.try_clone()?;
                    let sends = thread::spawn(move || {
                        let lines: String = (0..100).map(line).collect();
                        while sender.write_all(lines.as_bytes()).is_ok() {}
                    });
                    let seen = answers(&stream, u64::MAX);
                    let _ = stream.shutdown(Shutdown::Both);
                    sends.join().ok().context("the sender")?;
                    seen
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(200 + 61 * round));
        let size = recorder.end(true)?;
        for thread in threads {
            let (seen, last) = thread.join().ok().context("a client")??;
            acknowledged += seen;
            lost += last.saturating_sub(size - 1);
        }
    }
    Ok((acknowledged, lost))
}
