//! What can go wrong while recording.

use std::io;
use std::sync::Arc;

/// Why something was not recorded, or not run.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The home or its ledger.
    #[error(transparent)]
    Home(Arc<avouch::Error>),
    /// The recorder has ended.
    #[error("recording has ended")]
    Ended,
    /// An event was refused; nothing of it is stored.
    #[error("refused: {0}")]
    Refused(String),
    /// A program could not be started.
    #[error("cannot start {program:?}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The operating system.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: Arc<io::Error>,
    },
    /// A message is longer than can be held, so that it can be neither recorded nor passed on.
    #[error("a message is longer than {limit} bytes; --max-message allows longer ones")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// What a hook was given is not what the tool's documentation says.
    #[error("not a hook's input: {0}")]
    Hook(String),
    /// An address cannot be used.
    #[error("{address:?}: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
}

impl From<avouch::Error> for Error {
    fn from(error: avouch::Error) -> Self {
        Self::Home(Arc::new(error))
    }
}

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source: Arc::new(source),
        }
    }
}
