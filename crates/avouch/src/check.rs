//! Verifying bundles that lie in files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use avouch_bundle::MAX_BUNDLE_LEN;
use avouch_verify::{Answer, Answers, MAX_SEEN_LEN, Options, Policy, Seen};

use avouch_privacy::Identities;

use crate::encrypted::open_bundle;
use crate::seal::EXTENSION;
use crate::{Error, durable};

/// Verifies bundles against the policy in the file `trust`, offline. A folder stands for the bundles in it.
/// A bundle that cannot be read is one of the answers; a policy that cannot is an error.
///
/// With `state`, the logs' checkpoints are compared with those in that file, which they then join; see
/// [`Seen`]. Both notes are written beside it where a log is caught.
pub fn verify_files(
    bundles: &[PathBuf],
    trust: &Path,
    options: &Options,
    state: Option<&SeenFile>,
) -> Result<Answers, Error> {
    verify_files_opened(bundles, trust, options, state, None)
}

/// The same, and what is sealed to these identities is opened first, so that it is verified as well. A bundle
/// whose sealed openings do not open, or are not what its hashes stand for, is unreadable.
pub fn verify_files_opened(
    bundles: &[PathBuf],
    trust: &Path,
    options: &Options,
    state: Option<&SeenFile>,
    identities: Option<&Identities>,
) -> Result<Answers, Error> {
    let policy = read_policy(trust)?;
    let mut seen = state.map(SeenFile::open).transpose()?;
    let now = crate::home::now()?;
    let mut answers = Vec::new();
    for path in bundles {
        for path in bundles_at(path).map_err(|source| Error::io(path, source))? {
            let name = path.to_string_lossy();
            let read = read_bundle(&path).map_err(|error| error.to_string());
            let opened = read.and_then(|bytes| match identities {
                None => Ok(bytes),
                Some(identities) => match open_bundle(&bytes, identities) {
                    Ok(opened) => Ok(opened.unwrap_or(bytes)),
                    Err(error) => Err(error.to_string()),
                },
            });
            answers.push(match opened {
                Ok(bytes) => match &mut seen {
                    None => Answer::about(&name, &bytes, &policy, options),
                    Some((seen, _)) => {
                        Answer::about_seen(&name, &bytes, &policy, options, seen, now)
                    }
                },
                Err(why) => Answer::unreadable(&name, &why),
            });
        }
    }
    if let (Some(file), Some((seen, _))) = (state, &seen) {
        file.write(seen, &answers)?;
    }
    Ok(answers.into())
}

/// The file with what was seen of logs, and consistency proofs to compare with.
#[derive(Clone, Debug, Default)]
pub struct SeenFile {
    /// The file; made when absent.
    pub path: PathBuf,
    /// Files with consistency proofs, as `avouch log consistency` writes them.
    pub proofs: Vec<PathBuf>,
}

impl SeenFile {
    /// Reads it; other processes wait until the lock is dropped.
    fn open(&self) -> Result<(Seen, File), Error> {
        let io = |source| Error::io(&self.path, source);
        let lock = File::create(self.beside("lock")).map_err(io)?;
        lock.lock().map_err(io)?;
        let wrong = |path: &Path, source| Error::Seen {
            path: path.to_owned(),
            source,
        };
        let mut seen = match read_text(&self.path) {
            Ok(text) => Seen::from_json(&text).map_err(|source| wrong(&self.path, source))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Seen::default(),
            Err(source) => return Err(io(source)),
        };
        for path in &self.proofs {
            let text = read_text(path).map_err(|source| Error::io(path, source))?;
            seen.add_proof(&text)
                .map_err(|source| wrong(path, source))?;
        }
        Ok((seen, lock))
    }

    fn write(&self, seen: &Seen, answers: &[Answer]) -> Result<(), Error> {
        let evidence = answers
            .iter()
            .filter_map(|answer| answer.report.as_ref()?.evidence.as_ref());
        for evidence in evidence {
            for (name, note) in [("seen", &evidence.seen), ("shown", &evidence.shown)] {
                let path = self.beside(&format!("{}.{name}.note", evidence.id()));
                durable::replace(&path, note.as_bytes())?;
            }
        }
        durable::replace(&self.path, seen.to_json().as_bytes())
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    }
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_SEEN_LEN as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Reads a trust policy.
pub fn read_policy(path: &Path) -> Result<Policy, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    Policy::from_toml(&text).map_err(|source| Error::Policy {
        path: path.to_owned(),
        source,
    })
}

/// The file itself, or what a folder holds, by name.
fn bundles_at(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut bundles = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == EXTENSION) {
            bundles.push(path);
        }
    }
    if bundles.is_empty() {
        let what = format!("a folder without .{EXTENSION} files");
        return Err(std::io::Error::other(what));
    }
    bundles.sort();
    Ok(bundles)
}

/// Reads a bundle's bytes; one byte more than a bundle may have is enough for its reader to say so.
pub(crate) fn read_bundle(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BUNDLE_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
