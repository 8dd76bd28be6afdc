//! What the tests of live recording share: homes, programs under a recorder, and the official SDKs' Python.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use avouch::ledger::{Entry, Run};
use avouch::trace::{Flags, Header, Kind, NameId};
use avouch::{Home, InitOptions};

/// A home in a folder that is removed afterwards.
pub struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    /// An empty home.
    ///
    /// # Panics
    /// When it cannot be made.
    #[allow(clippy::unwrap_used)]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
        Self { dir }
    }

    /// The folder around it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The home's folder.
    pub fn home_dir(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// `avouch` with this home.
    pub fn avouch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(crate::program("avouch"));
        command.arg("--home").arg(self.home_dir()).args(args);
        command.current_dir(self.dir.path());
        command
    }

    /// A run's events with their bodies.
    ///
    /// # Panics
    /// When there is no such run, or it is damaged.
    #[allow(clippy::unwrap_used)]
    pub fn events(&self, run: &str) -> Vec<Seen> {
        let home = Home::open(self.home_dir()).unwrap();
        let run = home.ledger().resolve(run).unwrap();
        let entries = home.ledger().entries(&run);
        entries
            .enumerate()
            .map(|(seq, entry)| Seen::new(seq as u64, entry.unwrap(), &home))
            .collect()
    }

    /// The runs.
    ///
    /// # Panics
    /// When the home is damaged.
    #[allow(clippy::unwrap_used)]
    pub fn runs(&self) -> Vec<Run> {
        Home::open(self.home_dir())
            .unwrap()
            .ledger()
            .runs()
            .unwrap()
    }

    /// Seals every run, and verifies the bundles, which show everything.
    ///
    /// # Panics
    /// When something of it fails, or is not verified.
    #[allow(clippy::unwrap_used)]
    pub fn seal_and_verify(&self, extra: &[&str]) {
        let seal = ["seal", "--all", "-o", "evidence", "--disclose", "all"];
        succeeds(self.avouch(&[&seal, extra].concat()));
        let trust = self.home_dir().join("trust.toml");
        let verify = ["verify", "evidence", "--trust", trust.to_str().unwrap()];
        succeeds(self.avouch(&verify));
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// An event as a test looks at it.
pub struct Seen {
    /// Its header.
    pub header: Header,
    fields: Vec<(String, Vec<u8>)>,
}

impl Seen {
    #[allow(clippy::unwrap_used)]
    fn new(seq: u64, entry: Entry, home: &Home) -> Self {
        let fields = entry.body.fields().iter().skip(1).map(|field| {
            let bytes = match field.blob() {
                Some(blob) => home.ledger().blob(&blob.digest).unwrap().unwrap(),
                None => {
                    let item = field.value().unwrap();
                    match (item.as_bytes(), item.as_text()) {
                        (Some(bytes), _) => bytes.to_vec(),
                        (_, Some(text)) => text.as_bytes().to_vec(),
                        _ => field.value_bytes().to_vec(),
                    }
                }
            };
            (field.name().to_owned(), bytes)
        });
        Self {
            header: entry.event.header_at(seq).unwrap(),
            fields: fields.collect(),
        }
    }

    /// A field's bytes or text; empty where there is none.
    pub fn field(&self, name: &str) -> &[u8] {
        let field = self.fields.iter().find(|(found, _)| found == name);
        field.map_or(&[], |(_, bytes)| bytes)
    }

    /// As [`Seen::field`], as text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.field(name)).into_owned()
    }

    /// Whether it is an event of this kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.header.kind == kind
    }

    /// Whether it has the error flag.
    pub fn is_error(&self) -> bool {
        self.header.flags.contains(Flags::ERROR)
    }

    /// Whether it acted on this.
    pub fn is_on(&self, name: &str) -> bool {
        self.header.subject == NameId::of(name)
    }

    /// Whether this acted.
    pub fn is_by(&self, name: &str) -> bool {
        self.header.actor == NameId::of(name)
    }
}

/// Runs a command that must succeed.
///
/// # Panics
/// When it does not.
#[allow(clippy::unwrap_used)]
pub fn succeeds(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A program that runs beside a test, and is killed with it.
pub struct Beside {
    child: Child,
}

impl Beside {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[allow(clippy::unwrap_used)]
    pub fn start(command: &mut Command) -> Self {
        Self {
            child: command.spawn().unwrap(),
        }
    }

    /// Starts it, and waits for what it prints first.
    ///
    /// # Panics
    /// When it prints nothing.
    #[allow(clippy::unwrap_used)]
    pub fn start_and_read(command: &mut Command) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = out.read_to_end(&mut rest);
        });
        assert!(!line.is_empty(), "{command:?} printed nothing");
        (Self { child }, line.trim_end().to_owned())
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends it a signal: `TERM`, `KILL`.
    ///
    /// # Panics
    /// When it is gone.
    #[allow(clippy::unwrap_used)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not come within a minute.
    #[allow(clippy::unwrap_used)]
    pub fn wait(mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has this module; `None`, with a word on standard error, where there is none.
///
/// # Panics
/// When `AVOUCH_REQUIRE_TOOLS` is set and it is absent.
pub fn python_with(module: &str) -> Option<PathBuf> {
    let python = crate::tool("AVOUCH_PYTHON", "python3")?;
    let import = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status();
    if import.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    assert!(
        std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
        "the Python module {module} is required and absent"
    );
    eprintln!("SKIPPED: the Python module {module} is absent");
    None
}

/// A file of `tests/tools`.
pub fn tool_file(name: &str) -> PathBuf {
    crate::repository().join("tests/tools").join(name)
}

/// A port that was free a moment ago.
///
/// # Panics
/// When there is none.
#[allow(clippy::unwrap_used)]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until something listens there.
///
/// # Panics
/// When nothing does within a minute.
pub fn wait_for_port(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing listens on port {port}"
        );
        sleep(Duration::from_millis(50));
    }
}
