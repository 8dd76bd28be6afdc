//! Taking events over a Unix socket: avouch's own JSON lines in, one answer a line out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use avouch::importers::{DEFAULT_RECORD_LIMIT, read_line};

use crate::journal::{Handle, RunKey, now};
use crate::lines::{Line, Lines};

/// How long to wait when the system gives no more connections (out of file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a client may leave the last answers unread.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The connections of a recorder.
#[derive(Clone)]
pub(crate) struct Clients(Arc<Shared>);

struct Shared {
    journal: Handle,
    run: RunKey,
    open: Mutex<Open>,
    changed: Condvar,
}

#[derive(Default)]
struct Open {
    streams: HashMap<u64, UnixStream>,
    count: u64,
    closing: bool,
}

impl Clients {
    pub(crate) fn new(journal: Handle, run: RunKey) -> Self {
        Self(Arc::new(Shared {
            journal,
            run,
            open: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Takes connections until [`Clients::finish`].
    pub(crate) fn accept(&self, listener: &UnixListener) {
        loop {
            let accepted = listener.accept();
            if self.lock().closing {
                // The one who closes drains the queue itself; this one may be its wake-up call.
                if let Ok((stream, _)) = accepted {
                    self.serve(stream);
                }
                return;
            }
            match accepted {
                Ok((stream, _)) => self.serve(stream),
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
    }

    /// Records what clients have sent by now, answers it, and takes no more.
    pub(crate) fn finish(&self, listener: &UnixListener) {
        self.lock().closing = true;
        // Connections that wait to be accepted may have sent events.
        if listener.set_nonblocking(true).is_ok() {
            loop {
                match listener.accept() {
                    Ok((stream, _)) if stream.set_nonblocking(false).is_ok() => self.serve(stream),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        }
        // What has arrived can still be read; writing more fails at the client.
        self.shutdown(Shutdown::Read);
        if !self.wait(LAST_ANSWERS) {
            self.shutdown(Shutdown::Both);
            self.wait(LAST_ANSWERS);
        }
    }

    fn serve(&self, stream: UnixStream) {
        let Ok(kept) = stream.try_clone() else {
            return;
        };
        let number = {
            let mut open = self.lock();
            open.count += 1;
            let number = open.count;
            open.streams.insert(number, kept);
            number
        };
        let clients = self.clone();
        let served = thread::Builder::new().spawn(move || {
            // A client that breaks off concerns nobody else.
            let _ = clients.connection(&stream);
            clients.forget(number);
        });
        if served.is_err() {
            self.forget(number);
        }
    }

    fn connection(&self, stream: &UnixStream) -> std::io::Result<()> {
        let mut lines = Lines::new(stream, DEFAULT_RECORD_LIMIT);
        let mut number = 0;
        let mut is_read = true;
        loop {
            let arrived = lines.next()?;
            if arrived.is_empty() {
                return Ok(());
            }
            let answers = self.record(arrived, &mut number);
            let mut out = stream;
            // A client may close its reading half: it is recorded all the same.
            is_read = is_read && out.write_all(answers.as_bytes()).is_ok();
        }
    }

    /// Records lines, and makes the answers when they are on disk.
    fn record(&self, lines: Vec<Line>, number: &mut u64) -> String {
        let mut events = Vec::new();
        // Each line's number, and why it is refused if it is.
        let mut judged: Vec<(u64, Option<String>)> = Vec::with_capacity(lines.len());
        let time = now();
        for line in lines {
            *number += 1;
            let refused = match line {
                Line::Whole(line) if line.iter().all(u8::is_ascii_whitespace) => continue,
                Line::Whole(line) => match read_line(&line) {
                    Ok(mut event) => {
                        if event.time == 0 {
                            event.time = time;
                        }
                        events.push(event);
                        None
                    }
                    Err(error) => Some(error.to_string()),
                },
                Line::TooLong => Some(format!("longer than {DEFAULT_RECORD_LIMIT} bytes")),
                Line::CutOff(_) => Some("no newline at its end: it may be cut off".into()),
            };
            judged.push((*number, refused));
        }
        let appended = match events.is_empty() {
            true => Ok(Vec::new()),
            false => self.0.journal.append_blocking(self.0.run, events),
        };
        let mut out = String::with_capacity(judged.len() * 16);
        let mut appended = appended.map(Vec::into_iter);
        for (line, refused) in judged {
            let seq = match (refused, &mut appended) {
                (Some(refused), _) => Err(refused),
                (None, Ok(appended)) => match appended.next() {
                    Some(Ok(seq)) => Ok(seq),
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err("not recorded".into()),
                },
                (None, Err(error)) => Err(format!("not recorded: {error}")),
            };
            // Writing to a string cannot fail.
            let _ = match seq {
                Ok(seq) => writeln!(out, "{{\"seq\":{seq}}}"),
                Err(error) => writeln!(
                    out,
                    "{{\"line\":{line},\"error\":{}}}",
                    serde_json::Value::from(error)
                ),
            };
        }
        out
    }

    fn shutdown(&self, how: Shutdown) {
        for stream in self.lock().streams.values() {
            let _ = stream.shutdown(how);
        }
    }

    fn forget(&self, number: u64) {
        self.lock().streams.remove(&number);
        self.0.changed.notify_all();
    }

    /// Waits until there are no connections; false when it took too long.
    fn wait(&self, limit: Duration) -> bool {
        let open = self.lock();
        let waited = self
            .0
            .changed
            .wait_timeout_while(open, limit, |open| !open.streams.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
