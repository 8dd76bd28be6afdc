//! A ledger's log as a SCITT transparency service that others register their signed statements at:
//! draft-ietf-scitt-scrapi over the architecture of RFC 9943.
//!
//! - [`Admission`]: whose statements are accepted.
//! - [`Registrar`]: the one thread that writes: it accepts statements, many with one commit, and enters them.
//! - [`Server`]: the resources, over HTTP/1.1 with or without TLS, everything bounded.
//!
//! # What this is not
//! No client, no key discovery for issuers, no X.509 signatures on statements. That a statement was registered says
//! that one of the listed keys signed it, and nothing of whether it is true.

mod admission;
mod problem;
mod rate;
mod registrar;
mod server;

pub use admission::{Admission, Refusal};
pub use avouch_listen::{Stop, Tls, TlsError};
pub use rate::Rate;
pub use registrar::{Pace, Registrar};
pub use server::{Rules, Server, Tokens};

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The ledger could not be opened, read or written.
    #[error(transparent)]
    Ledger(#[from] avouch_ledger::Error),
    /// A file of tokens that holds none, or one that can be guessed.
    #[error("{0}")]
    Tokens(String),
    /// A thread could not be started.
    #[error("the registrar's thread: {0}")]
    Thread(std::io::Error),
}
