//! Verifying bundles that lie in files.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use avouch_bundle::MAX_BUNDLE_LEN;
use avouch_verify::{Answer, Answers, Options, Policy};

use crate::Error;

/// Verifies bundles against the policy in the file `trust`, offline. A bundle that cannot be read is one
/// of the answers; a policy that cannot is an error.
pub fn verify_files(
    bundles: &[PathBuf],
    trust: &Path,
    options: &Options,
) -> Result<Answers, Error> {
    let text = fs::read_to_string(trust).map_err(|source| Error::io(trust, source))?;
    let policy = Policy::from_toml(&text).map_err(|source| Error::Policy {
        path: trust.to_owned(),
        source,
    })?;
    let answer = |path: &PathBuf| {
        let name = path.to_string_lossy();
        match read_bundle(path) {
            Ok(bytes) => Answer::about(&name, &bytes, &policy, options),
            Err(source) => Answer::unreadable(&name, &source.to_string()),
        }
    };
    Ok(Answers(bundles.iter().map(answer).collect()))
}

/// Reads a bundle's bytes; one byte more than a bundle may have is enough for its reader to say so.
pub(crate) fn read_bundle(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BUNDLE_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
