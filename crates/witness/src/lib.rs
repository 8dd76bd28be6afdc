//! A witness of transparency logs (c2sp.org/tlog-witness): it cosigns a log's checkpoint after checking
//! that the log only grew since the last one that it cosigned, so that a log cannot show two histories
//! to people who trust the same witness.
//!
//! - [`protocol`]: the add-checkpoint request, what it is answered with and why, and the log's side of
//!   the conversation. No I/O.
//! - `State`: the last checkpoint of each log, in a SQLite file that only ever goes forward.
//! - `Witness`: a key and a state that answer requests. `Server` does so over HTTP.
//!
//! The last two need the feature `serve`; without it, this crate is the protocol alone, for logs that ask.
//!
//! The note formats are those of `avouch-cose`; this crate has no HTTP client.
#![forbid(unsafe_code)]

#[cfg(feature = "serve")]
mod error;
pub mod protocol;
#[cfg(feature = "serve")]
mod server;
#[cfg(feature = "serve")]
mod state;
#[cfg(feature = "serve")]
mod witness;

pub use protocol::{Held, Refusal, Request};

#[cfg(feature = "serve")]
pub use {
    avouch_listen::Stop,
    error::Error,
    server::Server,
    state::State,
    witness::{Reply, Witness},
};
