//! Canonical traces: what a run's events are, byte for byte, and what they commit to.
//!
//! An [`Event`] is an 80-byte [`Header`] and the 32-byte root of its body. The header has fixed
//! offsets so that circuits can read it without a parser; the body is a Merkle tree over salted
//! [`Field`]s, so that each can be shown or withheld alone. Events are committed to twice: to an
//! RFC 9162 Merkle root per run ([`Event::leaf`]) and to a hash chain that runs through all of an
//! agent's runs ([`Event::chain`]). A [`Manifest`] is what an issuer signs about one run.
//!
//! This crate is pure: no clock, no randomness, no I/O. Salts and times are given by the caller.
#![no_std]
extern crate alloc;

mod check;
mod error;
mod event;
mod field;
mod header;
mod kind;
mod manifest;
mod name;
mod redaction;

pub use check::{Checker, Rule};
pub use error::{Error, HeaderError};
pub use event::{Event, agent_chain_start, journal_start};
pub use field::{
    BLOB_THRESHOLD, BlobRef, Body, Field, RESERVED_FIELDS, SALT_LEN, Salt, Slot, count_field,
};
pub use header::{
    HEADER_LEN, Header, MAX_SCORE, NO_BUDGET, NO_PARENT, UNKNOWN_COST, UNKNOWN_SCORE, offset,
};
pub use kind::{Decision, Flags, Kind};
pub use manifest::{MANIFEST_CONTENT_TYPE, Manifest, Mode, Parent, Relation, RunId, Source};
pub use name::NameId;
pub use redaction::{REDACTION_CONTENT_TYPE, Redaction, Tombstone};

/// The most events a run may have: sizes stay below 2^32 - 1, so that no `parent` can be mistaken
/// for "none".
pub const MAX_EVENTS: u64 = u32::MAX as u64 - 1;
