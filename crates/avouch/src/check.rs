//! Verifying bundles that lie in files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use avouch_bundle::MAX_BUNDLE_LEN;
use avouch_verify::{Answer, Answers, Options, Policy};

use crate::Error;
use crate::seal::EXTENSION;

/// Verifies bundles against the policy in the file `trust`, offline. A folder stands for the bundles in it.
/// A bundle that cannot be read is one of the answers; a policy that cannot is an error.
pub fn verify_files(
    bundles: &[PathBuf],
    trust: &Path,
    options: &Options,
) -> Result<Answers, Error> {
    let policy = read_policy(trust)?;
    let mut answers = Vec::new();
    for path in bundles {
        for path in bundles_at(path).map_err(|source| Error::io(path, source))? {
            let name = path.to_string_lossy();
            answers.push(match read_bundle(&path) {
                Ok(bytes) => Answer::about(&name, &bytes, &policy, options),
                Err(source) => Answer::unreadable(&name, &source.to_string()),
            });
        }
    }
    Ok(answers.into())
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
