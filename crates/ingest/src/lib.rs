//! Importers that turn the records of agent frameworks into avouch traces.
//!
//! [`ingest`] reads an input twice or more, front to back and in constant memory: once to learn its
//! SHA-256 (so that the same bytes are never ingested twice), then to map its records to events,
//! which it hands to a [`Sink`]. Every record's exact bytes are kept as the field `raw`. The mapping
//! of each format is written down in `docs/ingest.md`.
//!
//! This crate has no clock and no randomness, and it stores nothing: a [`Sink`] does.
//!
//! ```
//! use std::{convert::Infallible, io::Cursor};
//! use avouch_ingest::{Draft, InputId, Options, Outcome, RunInfo, Sink, ingest};
//!
//! /// Keeps the kinds of events, of every run alike.
//! #[derive(Default)]
//! struct Kinds(Vec<String>);
//!
//! impl Sink for Kinds {
//!     type Error = Infallible;
//!     fn existing(&mut self, _: &InputId) -> Result<Option<String>, Infallible> { Ok(None) }
//!     fn begin(&mut self, _: &RunInfo) -> Result<(), Infallible> { Ok(()) }
//!     fn event(&mut self, draft: Draft) -> Result<(), Infallible> {
//!         self.0.push(draft.kind.to_string());
//!         Ok(())
//!     }
//!     fn finish(&mut self) -> Result<String, Infallible> { Ok("first".to_owned()) }
//!     fn abort(&mut self) -> Result<(), Infallible> { Ok(()) }
//! }
//!
//! let session = r#"{"kind":"tool-call","time":"2026-01-02T03:04:05Z","subject":"tool:grep"}"#;
//! let mut kinds = Kinds::default();
//! let outcomes = ingest("session.jsonl", Cursor::new(session), &Options::default(), &mut kinds)?;
//! assert!(matches!(outcomes[..], [Outcome::Ingested { events: 3, .. }]));
//! assert_eq!(kinds.0, ["run-start", "tool-call", "run-end"]);
//! # Ok::<(), avouch_ingest::Error>(())
//! ```

mod audit;
mod column;
mod database;
mod document;
mod driver;
mod error;
mod file;
mod format;
mod formats;
mod ids;
mod import;
mod integrity;
mod line;
mod map;
mod money;
mod name;
mod object;
mod out;
mod peek;
mod plain;
mod python;
mod read;
mod row;
mod run;
mod scan;
mod sink;
#[cfg(feature = "sqlite")]
mod snapshot;
mod strict;
mod time;
mod value;

pub use driver::{Audited, DEFAULT_RECORD_LIMIT, Options, Outcome, audit, ingest};
pub use error::{Error, Place};
pub use file::{audit_file, ingest_file};
pub use format::Format;
pub use formats::otlp::problem as otlp_problem;
pub use integrity::{Finding, Integrity, SourceKey};
pub use line::{Malformed, read_line, strict_json};
pub use name::tool as tool_name;
pub use sink::{Draft, FieldValue, InputId, RunInfo, Sink};
