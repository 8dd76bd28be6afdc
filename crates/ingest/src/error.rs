//! Why an input is refused.

use std::fmt;
use std::io;

use crate::Integrity;

/// Where in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// A record, from 1, and the byte that it starts at.
    Record {
        /// Which record, from 1.
        number: u64,
        /// The byte that it starts at.
        byte: u64,
    },
    /// A byte.
    Byte(u64),
    /// A row of a database, from 1, in the order in which its rows are read.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Record { number, byte } => write!(f, "record {number} (at byte {byte})"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// Why an input is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input could not be read.
    #[error("{file}: cannot read it")]
    Read {
        /// The input's name.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// No format recognises the input.
    #[error(
        "{file}: no known format recognises it; say which it is (--format): {}",
        crate::Format::names()
    )]
    Unrecognised {
        /// The input's name.
        file: String,
    },
    /// The input holds no record.
    #[error("{file}: holds no record")]
    Empty {
        /// The input's name.
        file: String,
    },
    /// A record, or what holds the records, is malformed.
    #[error("{file}: {place}: {reason}")]
    Malformed {
        /// The input's name.
        file: String,
        /// Where.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// The input's bytes were not the same on a second reading.
    #[error("{file}: changed while it was read; ingest it again when nothing writes to it")]
    Changed {
        /// The input's name.
        file: String,
    },
    /// The input is a database that cannot be read.
    #[error("{file}: cannot read this SQLite database: {reason}")]
    Database {
        /// The input's name.
        file: String,
        /// Why not.
        reason: String,
    },
    /// The input is a database, but the format is not one, or this build reads none.
    #[error(
        "{file}: is an SQLite database; those that can be read: {}",
        crate::Format::databases()
    )]
    IsDatabase {
        /// The input's name.
        file: String,
    },
    /// The format is that of a database, but the input is none.
    #[error("{file}: is no SQLite database, as the format {format} has to be")]
    NoDatabase {
        /// The input's name.
        file: String,
        /// The format.
        format: crate::Format,
    },
    /// The source's own integrity protection does not hold.
    #[error(
        "{file}: its own integrity protection does not hold: {first}{}; `avouch audit-source` lists it all",
        and_more(*.broken)
    )]
    NotHeld {
        /// The input's name.
        file: String,
        /// The first thing that broke.
        first: String,
        /// How many things broke.
        broken: u64,
    },
    /// The store refused.
    #[error("{file}: the store refused it")]
    Sink {
        /// The input's name.
        file: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Not a key of a source system.
    #[error("not an Ed25519 public key: expected 64 hexadecimal digits")]
    SourceKey,
    /// Not the name of a format.
    #[error("{name:?} is not a format; known: {}", crate::Format::names())]
    UnknownFormat {
        /// What was given.
        name: String,
    },
}

impl Error {
    /// The source's own integrity protection does not hold.
    pub(crate) fn not_held(file: &str, integrity: &Integrity) -> Self {
        let first = integrity.findings.first();
        Self::NotHeld {
            file: file.to_owned(),
            first: first.map_or(String::new(), ToString::to_string),
            broken: integrity.broken,
        }
    }
}

fn and_more(broken: u64) -> String {
    match broken.saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

/// What went wrong, before it is known where.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The record is malformed.
    Malformed(String),
    /// What holds the records is malformed at this byte: no later record can be found.
    Broken {
        /// Where.
        byte: u64,
        /// What is wrong.
        reason: String,
    },
    /// The input could not be read.
    Read(io::Error),
    /// The store refused.
    Sink(Box<dyn std::error::Error + Send + Sync>),
}

impl Fault {
    /// The record is malformed for this reason.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(describe(&error))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// serde_json counts lines and columns from the record's start; a record is mostly one line, so
/// only the column helps.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    match (error.line(), error.column()) {
        (0, _) => what.to_owned(),
        (1, column) => format!("{what} (column {column})"),
        (line, column) => format!("{what} (line {line} of the record, column {column})"),
    }
}
