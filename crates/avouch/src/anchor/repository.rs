//! A git repository as `anchors.toml` describes it (`docs/git.md`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use avouch_anchor::git::{Repository, Settings};
use serde::Deserialize;

use super::services::{open_key, said};
use crate::Home;

const REFERENCE: &str = "refs/avouch/anchors";
const WHO: &str = "avouch <avouch@localhost>";
/// How long a command of git may take unless the file tells, in seconds.
const TIMEOUT: u64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    repository: PathBuf,
    #[serde(rename = "ref")]
    reference: Option<String>,
    push_to: Option<String>,
    author: Option<String>,
    key: String,
    key_passphrase_env: Option<String>,
    key_passphrase_file: Option<String>,
    timeout: Option<u64>,
}

/// The repository that commits are made in.
pub(super) fn open(entry: toml::Table, folder: &Path, home: &Home) -> Result<Repository, String> {
    let entry: Entry = entry
        .try_into()
        .map_err(|error: toml::de::Error| said(&error))?;
    let key = open_key(
        home,
        folder,
        &entry.key,
        entry.key_passphrase_env.as_deref(),
        entry.key_passphrase_file.as_deref(),
    )?;
    let settings = Settings {
        path: folder.join(entry.repository),
        reference: entry.reference.unwrap_or_else(|| REFERENCE.into()),
        push_to: entry.push_to,
        who: entry.author.unwrap_or_else(|| WHO.into()),
        timeout: Duration::from_secs(entry.timeout.unwrap_or(TIMEOUT).clamp(1, 3600)),
    };
    Repository::new(settings, key)
}
