//! Why something is not a trace.

use alloc::string::String;
use avouch_merkle::Digest;

use crate::Rule;

/// What is wrong with a header by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not version 1.
    #[error("header version {0} is not known; this is version 1")]
    Version(u8),
    /// A kind outside the table.
    #[error("kind {0} is not known; version 1 has 1 to 27")]
    Kind(u8),
    /// A decision outside the table.
    #[error("decision {0} is not known; version 1 has 0 to 5")]
    Decision(u8),
    /// A flag that version 1 does not use.
    #[error("flags {0:#04x} set bits that version 1 does not use")]
    Flags(u8),
    /// A score above one.
    #[error("score {0} is above 1000000 parts per million and is not the mark for unknown")]
    Score(u32),
}

/// Why bytes are refused as a part of a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an event's bytes.
    #[error("{len} bytes are not an event: expected [bstr 80, bstr 32], 117 bytes of CBOR")]
    EventFrame {
        /// How many bytes there were.
        len: usize,
    },
    /// An event's header is malformed.
    #[error("event {index}: {source}")]
    Header {
        /// The event's place in the run.
        index: u64,
        /// What is wrong.
        source: HeaderError,
    },
    /// The events do not make a well-formed trace.
    #[error("event {index}: {rule}")]
    Rule {
        /// The first event that breaks a rule.
        index: u64,
        /// The rule.
        rule: Rule,
    },
    /// Not canonical CBOR.
    #[error("{what} is not canonical CBOR: {source}")]
    Cbor {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        source: avouch_cbor::Error,
    },
    /// Canonical CBOR, but not what the format says.
    #[error("{what}, at byte {at}: expected {expected}")]
    Shape {
        /// What was being read.
        what: &'static str,
        /// The offset in the bytes that were given.
        at: usize,
        /// What the format has there.
        expected: &'static str,
    },
    /// Two fields of one event share a name.
    #[error("two fields are named {0:?}: names are unique in an event")]
    DuplicateField(String),
    /// A writer used the empty name, which leaf 0 has.
    #[error("a field needs a name: the empty one marks how many there are")]
    EmptyFieldName,
    /// A writer's inline value looks like a reference to a blob.
    #[error(
        "field {0:?} holds an inline array of [size, media type, SHA-256], which always means a stored blob"
    )]
    AmbiguousValue(String),
    /// The opened fields do not make up the body's root.
    #[error("the opened fields do not prove against the body {body}: {why}")]
    Body {
        /// The event's body root.
        body: Digest,
        /// Why not.
        why: &'static str,
    },
    /// A word outside a vocabulary.
    #[error("not a {what} of version 1")]
    UnknownWord {
        /// Which vocabulary.
        what: &'static str,
    },
    /// Not a run id in text form.
    #[error("a run id is 32 lower-case hexadecimal digits")]
    RunId,
}
