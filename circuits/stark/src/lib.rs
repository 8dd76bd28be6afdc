//! Claims about a trace, proven in zero knowledge against its real SHA-256 root.
//!
//! A proof says: "the RFC 9162 root R of size N commits to N well-formed headers, in order, for
//! which these claims hold". Public are the statement id, R, N, the claims and the preset, and
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

pub mod bus;
pub mod events;
mod field;

pub use field::{Challenge, Val};
