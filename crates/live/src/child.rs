//! A program that runs under a recorder: signals are passed on to it, and its end is awaited.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Error;

/// How often the program and the signals are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its exit status.
    pub status: ExitStatus,
    /// The signal that the recorder got meanwhile, if any.
    pub interrupted: Option<i32>,
}

impl Ending {
    /// The exit code to pass on: the program's, or 128 + the signal that killed it, as shells have it.
    pub fn code(&self) -> u8 {
        let code = self.status.code().map(|code| code as u8);
        let killed = self.status.signal().map(|signal| 128 + signal as u8);
        code.or(killed).unwrap_or(1)
    }

    /// Whether recording was cut short: by a signal to the recorder, or to the program.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.is_some() || self.status.signal().is_some()
    }
}

/// Signals that end a recorder, caught from now on.
pub(crate) struct Caught(Signals);

impl Caught {
    pub(crate) fn new() -> Result<Self, Error> {
        Signals::new([SIGTERM, SIGINT, SIGHUP])
            .map(Self)
            .map_err(|source| Error::io("cannot catch signals", source))
    }

    /// Waits for one.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.0.forever().next()
    }

    fn pending(&mut self) -> Option<i32> {
        self.0.pending().next()
    }
}

/// Starts a program.
pub(crate) fn start(
    command: &[OsString],
    environment: &[(&str, OsString)],
    piped: bool,
) -> Result<Child, Error> {
    let program = command.first().cloned().unwrap_or_default();
    let mut start = Command::new(&program);
    start.args(command.iter().skip(1));
    start.envs(environment.iter().map(|(name, value)| (name, value)));
    if piped {
        start.stdin(Stdio::piped()).stdout(Stdio::piped());
    }
    start.spawn().map_err(|source| Error::Start {
        program: program.to_string_lossy().into_owned(),
        source: Arc::new(source),
    })
}

/// Waits for the program's end. A signal to the recorder is passed on; a program that has not ended so long
/// after it, or at a second signal, is killed. `over` says that it should end by itself now.
pub(crate) fn wait(
    child: &mut Child,
    signals: &mut Caught,
    grace: Duration,
    over: &dyn Fn() -> bool,
) -> Result<Ending, Error> {
    let mut interrupted = None;
    let mut deadline: Option<Instant> = None;
    loop {
        let status = child
            .try_wait()
            .map_err(|source| Error::io("cannot wait for the program", source))?;
        if let Some(status) = status {
            return Ok(Ending {
                status,
                interrupted: interrupted.or_else(|| signals.pending()),
            });
        }
        if let Some(signal) = signals.pending() {
            match interrupted {
                None => pass_on(child, signal),
                Some(_) => kill(child),
            }
            interrupted.get_or_insert(signal);
            deadline.get_or_insert_with(|| Instant::now() + grace);
        }
        if over() {
            deadline.get_or_insert_with(|| Instant::now() + grace);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            kill(child);
        }
        sleep(LOOK);
    }
}

fn pass_on(child: &Child, signal: i32) {
    // A terminal sends SIGINT to the program as well.
    if signal == SIGINT && std::io::stdin().is_terminal() {
        return;
    }
    let signal = match signal {
        SIGINT => Signal::INT,
        SIGHUP => Signal::HUP,
        _ => Signal::TERM,
    };
    // It may have ended by itself; it is not reaped, so its id is still its own.
    let _ = kill_process(Pid::from_child(child), signal);
}

fn kill(child: &mut Child) {
    let _ = child.kill();
}
