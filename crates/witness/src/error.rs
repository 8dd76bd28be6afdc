//! What can go wrong with a witness's own state and setup.

use std::path::{Path, PathBuf};

/// Why a witness cannot be set up, or cannot answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A new state was to be made where there is a file.
    #[error(
        "{}: it exists; a witness's state is made once, and starting over would break its word",
        path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no state.
    #[error(
        "{}: no such file. If this witness has never cosigned anything, make its state with --create-state; \
         if it has, find the file: starting over would break its word",
        path.display()
    )]
    NoState {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else, or was changed.
    #[error("{}: not a witness's state: {why}", path.display())]
    NotAState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The state belongs to another witness.
    #[error("{}: the state of {found}, not of {expected}", path.display())]
    OtherWitness {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A file could not be made or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the witness's state: {0}")]
    Database(#[from] rusqlite::Error),
    /// A key or a note.
    #[error(transparent)]
    Cose(#[from] avouch_cose::Error),
    /// No log to watch.
    #[error("a witness needs at least one log whose checkpoints it may cosign")]
    NoLogs,
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }
}
