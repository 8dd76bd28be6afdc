//! What the whole-system tests share: where things are, and the project's own test vectors.

use std::path::{Path, PathBuf};

pub mod vectors;

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Other people's data, which is not part of the project: `$AVOUCH_SHARED_DATA`, else `../shared/data`
/// beside the repository. `None`, with a word on standard error, where it is absent.
pub fn shared_data() -> Option<PathBuf> {
    let dir = std::env::var_os("AVOUCH_SHARED_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED: {} is absent", dir.display());
    None
}
