//! The file with what was seen of logs: read under a lock, replaced in one step.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use avouch_verify::{Answer, MAX_SEEN_LEN, Seen};

/// An open state. Other processes wait for it.
pub(crate) struct State {
    path: PathBuf,
    pub(crate) seen: Seen,
    pub(crate) now: u64,
    _lock: File,
}

impl State {
    pub(crate) fn open(path: &Path, proofs: &[PathBuf]) -> Result<Self, String> {
        let named =
            |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let lock = lock(path).map_err(|error| named(path, &error))?;
        let mut seen = match read(path) {
            Ok(text) => Seen::from_json(&text).map_err(|error| named(path, &error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Seen::default(),
            Err(error) => return Err(named(path, &error)),
        };
        for proof in proofs {
            let text = read(proof).map_err(|error| named(proof, &error))?;
            seen.add_proof(&text)
                .map_err(|error| named(proof, &error))?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            path: path.into(),
            seen,
            now: now
                .map_err(|_| "this machine's clock is before 1970")?
                .as_secs(),
            _lock: lock,
        })
    }

    /// Writes the state, and beside it both notes where a log is caught.
    pub(crate) fn close(self, answers: &[Answer]) -> Result<(), String> {
        let named =
            |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let evidence = answers
            .iter()
            .filter_map(|answer| answer.report.as_ref()?.evidence.as_ref());
        for evidence in evidence {
            for (name, note) in [("seen", &evidence.seen), ("shown", &evidence.shown)] {
                let path = beside(&self.path, &format!("{}.{name}.note", evidence.id()));
                replace(&path, note).map_err(|error| named(&path, &error))?;
                let _ = writeln!(io::stderr(), "evidence: {}", path.display());
            }
        }
        replace(&self.path, &self.seen.to_json()).map_err(|error| named(&self.path, &error))
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = File::create(beside(path, "lock"))?;
    file.lock()?;
    Ok(file)
}

fn read(path: &Path) -> io::Result<String> {
    let bytes = super::read(path, MAX_SEEN_LEN)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8 text"))
}

/// From the old content to the new in one step, also across a crash. The lock keeps others from the
/// temporary name.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = beside(path, "new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match cfg!(unix) {
        true => File::open(parent.unwrap_or(Path::new(".")))?.sync_all(),
        false => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}
