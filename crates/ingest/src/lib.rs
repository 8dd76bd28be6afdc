//! Importers that turn the records of agent frameworks into avouch traces.
//!
//! [`ingest`] reads an input twice or more, front to back and in constant memory: once to learn its
//! SHA-256 (so that the same bytes are never ingested twice), then to map its records to events,
//! which it hands to a [`Sink`]. Every record's exact bytes are kept as the field `raw`. The mapping
//! of each format is written down in `docs/ingest.md`.
//!
//! This crate has no clock and no randomness, and it stores nothing: a [`Sink`] does.

mod document;
mod driver;
mod error;
mod format;
mod formats;
mod ids;
mod map;
mod money;
mod name;
mod object;
mod out;
mod peek;
mod plain;
mod read;
mod run;
mod scan;
mod sink;
mod strict;
mod time;
mod value;

pub use driver::{DEFAULT_RECORD_LIMIT, Options, Outcome, ingest};
pub use error::{Error, Place};
pub use format::Format;
pub use sink::{Draft, FieldValue, InputId, RunInfo, Sink};
