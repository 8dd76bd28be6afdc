//! A witness of transparency logs (c2sp.org/tlog-witness): it cosigns a log's checkpoint after checking
//! that the log only grew since the last one that it cosigned, so that a log cannot show two histories
//! to people who trust the same witness.
//!
//! - [`protocol`]: the add-checkpoint request, what it is answered with and why, and the log's side of
//!   the conversation. No I/O.
//! - [`State`]: the last checkpoint of each log, in a SQLite file that only ever goes forward.
//! - [`Witness`]: a key and a state that answer requests. [`Server`] does so over HTTP.
//!
//! The note formats are those of `avouch-cose`; this crate has no HTTP client.
#![forbid(unsafe_code)]

mod error;
pub mod protocol;
mod server;
mod state;
mod witness;

pub use error::Error;
pub use protocol::{Refusal, Request};
pub use server::{Server, Stop};
pub use state::{Held, State};
pub use witness::{Reply, Witness};
