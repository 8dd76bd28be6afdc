//! Claims about a trace, proven in zero knowledge against its real SHA-256 root.
//!
//! A proof says: "the RFC 9162 root R of size N commits to N well-formed headers, in order, for
//! which these claims hold", and, when asked, that the agent's chain is over the same events. Public are the statement id, R, N, the claims and the preset, and
//! nothing else. It is a batch of tables ("AIRs"), joined by the buses of [`bus`], under Plonky3's
//! hiding FRI.
//!
//! `docs/stark.md` has every column and constraint, what stays hidden, and the security levels.
//!
//! # What this is not
//! The claims' meaning is `avouch-claims`'; who signed R is the statement's business.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod blind;
mod boundary;
pub mod bus;
mod chain;
mod config;
mod error;
pub mod events;
mod field;
mod hub;
mod preset;
mod proof;
#[cfg(feature = "prove")]
mod prove;
mod security;
mod segment;
mod sha;
mod statement;
mod table;
mod tree;
mod verify;
mod wire;

#[cfg(test)]
mod forgeries;
#[cfg(test)]
mod lies;

pub use error::Error;
pub use field::{Challenge, Val};
pub use preset::Preset;
#[cfg(feature = "prove")]
pub use prove::{Options, prove};
pub use security::Security;
pub use statement::Public;
pub use verify::{Verified, verify};

/// The most events of a run that can be proven. Indices have to fit a field element, and spans the
/// tree table's bits.
pub const MAX_EVENTS: u64 = 1 << 22;
/// The fewest events of a segment, but for a run's last or only one.
pub const MIN_SEGMENT: u64 = 256;
/// The most events of a segment: with more, a table would be too high for the field.
pub const MAX_SEGMENT: u64 = 1 << 12;
/// The longest proof of one segment, in bytes, which bounds a verifier's memory.
pub const MAX_SEGMENT_LEN: usize = 1 << 23;
