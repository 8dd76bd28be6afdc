//! `avouch record`: a program runs with a socket that takes its events.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::Duration;

use avouch::importers::FieldValue;
use avouch::trace::{Flags, Kind};
use avouch::{Draft, Home, NewRun};
use tempfile::TempDir;

use crate::Error;
use crate::child::{self, Caught, Ending};
use crate::journal::{Begun, Journal, now};
use crate::socket::Clients;

/// The variable that tells the program where to send its events.
pub const SOCKET_VARIABLE: &str = "AVOUCH_SOCKET";
/// The variable that tells the program the id of the run that it is part of.
pub const RUN_VARIABLE: &str = "AVOUCH_RUN";

/// What a recorder did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The run's local name.
    pub name: String,
    /// How the program ended.
    pub ending: Ending,
}

/// Runs a program, and records the events that it and its children send to the socket, until it ends.
///
/// `grace` is how long it may take to end after a signal to the recorder has been passed on.
pub fn record(
    home: Home,
    run: NewRun,
    command: &[OsString],
    grace: Duration,
) -> Result<Recorded, Error> {
    let mut signals = Caught::new()?;
    let (folder, listener) = socket()?;
    let path = folder.path().join(SOCKET);
    let journal = Journal::start(home)?;
    let handle = journal.handle();
    let begun = handle.begin_blocking(run, start_event(command))?;
    let clients = Clients::new(handle.clone(), begun.key);
    let acceptor = accept(&clients, &listener)?;

    let environment = [
        (SOCKET_VARIABLE, path.clone().into_os_string()),
        (RUN_VARIABLE, begun.id.to_string().into()),
    ];
    let ending = child::start(command, &environment, false)
        .and_then(|mut child: Child| child::wait(&mut child, &mut signals, grace, &|| false));

    clients.finish(&listener);
    // The acceptor may sit in its call; a connection of our own wakes it.
    let _ = UnixStream::connect(&path);
    let _ = acceptor.join();
    clients.finish(&listener);
    end(&handle, &begun, &ending)?;
    journal.finish();
    Ok(Recorded {
        name: begun.name,
        ending: ending?,
    })
}

const SOCKET: &str = "events.sock";

/// A socket that only its owner reaches.
fn socket() -> Result<(TempDir, UnixListener), Error> {
    let parent = env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_dir())
        .unwrap_or_else(env::temp_dir);
    let private = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
    let make = || {
        let folder = tempfile::Builder::new()
            .prefix("avouch-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&parent)?;
        let path = folder.path().join(SOCKET);
        let listener = UnixListener::bind(&path)?;
        // Nobody else gets into the folder, so there is no moment at which others could connect.
        private(&path, 0o600)?;
        Ok((folder, listener))
    };
    make().map_err(|source| Error::io(format!("no socket in {}", parent.display()), source))
}

fn accept(clients: &Clients, listener: &UnixListener) -> Result<thread::JoinHandle<()>, Error> {
    let clients = clients.clone();
    let listener = listener
        .try_clone()
        .map_err(|source| Error::io("cannot use the socket", source))?;
    thread::Builder::new()
        .name("accept".into())
        .spawn(move || clients.accept(&listener))
        .map_err(|source| Error::io("cannot start a thread", source))
}

pub(crate) fn start_event(command: &[OsString]) -> Draft {
    let mut start = Draft::new(Kind::RunStart);
    start.time = now();
    start.cost = Some(0);
    let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
    let json = serde_json::Value::from_iter(words.iter().map(|word| word.as_ref()));
    start.with("command", FieldValue::Json(json.to_string().into_bytes()))
}

fn end(
    journal: &crate::journal::Handle,
    begun: &Begun,
    ending: &Result<Ending, Error>,
) -> Result<(), Error> {
    let end = end_event(ending.as_ref());
    journal
        .append_blocking(begun.key, vec![end])?
        .into_iter()
        .try_for_each(|event| event.map(drop))
}

/// The run-end that tells how a program ended.
pub(crate) fn end_event(ending: Result<&Ending, &Error>) -> Draft {
    let mut end = Draft::new(Kind::RunEnd);
    end.time = now();
    end.cost = Some(0);
    match ending {
        Err(error) => end
            .flag(Flags::ERROR, true)
            .with("reason", error.to_string()),
        Ok(ending) => {
            let mut end = end.flag(Flags::ERROR, ending.is_interrupted());
            if let Some(signal) = ending.interrupted {
                end = end.with("reason", format!("the recorder got signal {signal}"));
            }
            end.with("exit_code", u64::from(ending.code()))
        }
    }
}
