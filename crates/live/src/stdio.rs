//! `avouch mcp-proxy -- SERVER...`: between an MCP client and a server that speaks over its standard streams.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use avouch::Home;
use avouch::trace::{Flags, Kind};

use crate::Error;
use crate::child::{self, Caught};
use crate::dialog::{event, step};
use crate::journal::Journal;
use crate::proxy::{Proxy, ProxyOptions, refusal};
use crate::record::{Recorded, end_event, start_event};

/// The one conversation there is.
const SCOPE: &str = "stdio";

/// Runs a server between this process's standard streams, byte for byte, and records what it is asked to do.
pub fn proxy_stdio(
    home: Home,
    options: ProxyOptions,
    server: &[OsString],
    grace: Duration,
) -> Result<Recorded, Error> {
    let mut signals = Caught::new()?;
    let journal = Journal::start(home)?;
    let proxy = Arc::new(Proxy::new(journal.handle(), options, start_event(server)));
    let runtime = runtime()?;
    let name = runtime.block_on(proxy.begin())?.name.clone();

    let over = Arc::new(AtomicBool::new(false));
    let ending = child::start(server, &[], true).and_then(|mut child| {
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Ended);
        };
        let back = {
            let (proxy, over) = (proxy.clone(), over.clone());
            spawn(move || from_server(&proxy, stdout, &over))?
        };
        {
            let (proxy, over) = (proxy.clone(), over.clone());
            // It may wait for the client for ever, so nobody waits for it.
            spawn(move || from_client(&proxy, stdin, &over))?;
        }
        let is_over = || over.load(Ordering::Relaxed);
        let ending = child::wait(&mut child, &mut signals, grace, &is_over)?;
        match back.join() {
            Ok(done) => done.map(|()| ending),
            Err(_) => Err(Error::Ended),
        }
    });
    let end = end_event(ending.as_ref());
    runtime.block_on(proxy.end(end, "the session ended without an answer"))?;
    journal.finish();
    Ok(Recorded {
        name,
        ending: ending?,
    })
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::io("cannot start", source))
}

fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, Error> {
    thread::Builder::new()
        .spawn(work)
        .map_err(|source| Error::io("cannot start a thread", source))
}

/// Passes on what the client says, each line when it is recorded. The server's input ends when the client's does.
fn from_client(proxy: &Proxy, mut server: ChildStdin, over: &AtomicBool) {
    let passed = runtime().and_then(|runtime| {
        let mut client = BufReader::new(io::stdin());
        loop {
            let line = match line(&mut client, proxy.max_message())? {
                Some(line) if !line.is_empty() => line,
                Some(_) => return Ok(()),
                None => return too_long(&runtime, proxy, "client"),
            };
            match runtime.block_on(proxy.client(SCOPE, &line, None)) {
                Ok(_) if over.load(Ordering::Relaxed) => return Ok(()),
                Ok(_) => {
                    let written = server.write_all(&line).and_then(|()| server.flush());
                    written.map_err(|source| Error::io("the server's input", source))?;
                }
                Err(error) => {
                    eprintln!("avouch: {error}: not passed on");
                    let mut answer = refusal(&line, &error).into_bytes();
                    answer.push(b'\n');
                    // Whole lines only: the other thread holds the lock for each of its own.
                    let mut out = io::stdout().lock();
                    let written = out.write_all(&answer).and_then(|()| out.flush());
                    written.map_err(|source| Error::io("the client", source))?;
                }
            }
        }
    });
    if let Err(error) = passed {
        eprintln!("avouch: {error}");
        over.store(true, Ordering::Relaxed);
    }
    // Its input has ended, and so may the server, in its own time.
    drop(server);
}

/// Passes on what the server says, each line when it is recorded, until it says no more.
fn from_server(proxy: &Proxy, server: ChildStdout, over: &AtomicBool) -> Result<(), Error> {
    let runtime = runtime()?;
    let mut server = BufReader::new(server);
    let passed = loop {
        let line = match line(&mut server, proxy.max_message()) {
            Ok(Some(line)) if !line.is_empty() => line,
            Ok(Some(_)) => return Ok(()),
            Ok(None) => break too_long(&runtime, proxy, "server"),
            Err(error) => break Err(error),
        };
        if let Err(error) = runtime.block_on(proxy.server(SCOPE, &line, true)) {
            break Err(error);
        }
        let mut client = io::stdout().lock();
        let written = client.write_all(&line).and_then(|()| client.flush());
        if let Err(source) = written {
            break Err(Error::io("the client", source));
        }
    };
    over.store(true, Ordering::Relaxed);
    // So that the server does not wait for ever to be read; it is about to be ended.
    let _ = io::copy(&mut server, &mut io::sink());
    passed
}

/// A line with its newline, or what is left before the end; empty at the end, `None` when it is too long.
fn line(from: &mut impl BufRead, limit: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut line = Vec::new();
    from.take(limit as u64 + 2)
        .read_until(b'\n', &mut line)
        .map_err(|source| Error::io("reading a message", source))?;
    let length = line.len() - usize::from(line.ends_with(b"\n"));
    Ok((length <= limit).then_some(line))
}

fn too_long(runtime: &tokio::runtime::Runtime, proxy: &Proxy, from: &str) -> Result<(), Error> {
    let error = Error::TooLong {
        limit: proxy.max_message(),
    };
    let told = event(Kind::Error, Some(0))
        .flag(Flags::ERROR, true)
        .with("reason", error.to_string())
        .with("from", from);
    runtime.block_on(proxy.record(vec![step(told)]))?;
    Err(error)
}
