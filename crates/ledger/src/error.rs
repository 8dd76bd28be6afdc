//! What can go wrong with a ledger, and which row is at fault.

use std::fmt;
use std::path::PathBuf;

use avouch_cose::KeyId;
use avouch_merkle::Digest;
use avouch_trace::RunId;

/// Why the ledger refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is a file already where a ledger should be created.
    #[error("{path}: there is a file already; a ledger is never overwritten")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or created.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not an avouch ledger of this version.
    #[error("{path}: {why}")]
    NotALedger {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// Another process kept the write lock for too long.
    #[error(
        "another process is writing to the ledger and did not finish in time; try again when it has"
    )]
    Busy,
    /// The ledger is in the middle of a batch.
    #[error("a batch is open on this ledger; commit or drop it first")]
    BatchOpen,
    /// SQLite failed.
    #[error("the ledger's database: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// An earlier call in the same batch failed, so that nothing of the batch can be kept.
    #[error("an earlier write of this batch failed; nothing of it was kept")]
    BatchFailed,
    /// A row is not what it must be: the file was changed by something else.
    #[error("the ledger was damaged or tampered with: {0}")]
    Corrupt(Box<Finding>),
    /// The issuer or log name or key cannot be used.
    #[error("{what} cannot be used: {why}")]
    Identity {
        /// Which part of the identity.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// What a new run says of itself does not fit a manifest.
    #[error("run {name:?}: {why}")]
    BadRun {
        /// The run's wished name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The run id is taken.
    #[error("run id {0} is taken; ids are 16 fresh random bytes")]
    RunIdTaken(RunId),
    /// This run of this input was imported before.
    #[error("the same input was imported before, as run {run:?}")]
    InputKnown {
        /// That run's name.
        run: String,
    },
    /// The issuer's log does not let this key sign.
    #[error("{why}; `avouch key status` shows which keys may sign what")]
    KeyRefused {
        /// Why not.
        why: String,
    },
    /// A key that the issuer's log does not know.
    #[error("key {0} is not one of the issuer's: the log holds no statement that makes it one")]
    NotIssuers(KeyId),
    /// A statement that the log may not hold.
    #[error("the statement about {subject} cannot be entered in the log: {why}")]
    NotEntered {
        /// What it is about.
        subject: String,
        /// Why not.
        why: String,
    },
    /// No run is meant by these words.
    #[error("no run {0:?}: give a name, a run id, or at least 4 digits that one begins with")]
    NoSuchRun(String),
    /// Several runs may be meant.
    #[error("{text:?} may mean {}; give more digits, or a name", .candidates.join(", "))]
    AmbiguousRun {
        /// What was asked for.
        text: String,
        /// The first few runs that fit: id and name.
        candidates: Vec<String>,
    },
    /// The run has no such event.
    #[error("run {run:?} has no event {seq}: it has {size}")]
    NoSuchEvent {
        /// The run's name.
        run: String,
        /// The event that was asked for.
        seq: u64,
        /// How many events the run has.
        size: u64,
    },
    /// An event does not fit its run, or a body cannot be read.
    #[error("run {run:?}: {source}")]
    Trace {
        /// The run's name.
        run: String,
        /// What is wrong.
        source: avouch_trace::Error,
    },
    /// A field refers to a blob that is not stored.
    #[error(
        "run {run:?}, event {seq}: field {field:?} refers to blob {digest} of {size} bytes, which is not stored; put the blob first"
    )]
    NoSuchBlob {
        /// The run's name.
        run: String,
        /// The event.
        seq: u64,
        /// The field.
        field: String,
        /// The blob's digest.
        digest: Digest,
        /// The size that the field gives.
        size: u64,
    },
    /// An encrypted run that cannot be read here.
    #[error(
        "run {run:?} is encrypted, and no identity at hand opens it: give one that it is encrypted to"
    )]
    Locked {
        /// The run's name.
        run: String,
    },
    /// An encrypted store was to be written to before it was told how to wrap keys.
    #[error("the store is encrypted, and there is nothing to wrap its runs' keys with")]
    NoKeys,
    /// Wrapping a key failed.
    #[error("the run's key: {0}")]
    Keys(String),
    /// Encryption failed.
    #[error("a value is too long to encrypt")]
    Encrypt,
    /// A store in the clear has no recipients.
    #[error("the store is not encrypted: anyone who has it can read it")]
    NotEncrypted,
    /// A blob of an encrypted store belongs to a run.
    #[error("in an encrypted store a blob is put for its run")]
    BlobNeedsRun,
    /// A field that cannot be erased.
    #[error(
        "run {run:?}, event {seq}: no field with index {index} can be erased: it was erased before, or is none"
    )]
    NotErasable {
        /// The run's name.
        run: String,
        /// The event.
        seq: u64,
        /// The index that was given.
        index: u64,
    },
    /// An erasure of nothing.
    #[error("run {run:?}: no field was named to erase")]
    NothingToErase {
        /// The run's name.
        run: String,
    },
    /// A blob is larger than SQLite can keep.
    #[error("a value of {size} bytes is too large to store: at most {max}")]
    BlobTooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// An open run cannot be sealed.
    #[error("run {0:?} is still open; end it before sealing")]
    RunOpen(String),
    /// The key is not the one that the ledger was made with.
    #[error("the {role} key {given} is not this ledger's, which is {expected}")]
    WrongKey {
        /// `issuer` or `log`.
        role: &'static str,
        /// The ledger's key.
        expected: KeyId,
        /// The key that was given.
        given: KeyId,
    },
    /// A statement about a run that did not come from sealing it.
    #[error("a statement about a run enters the log by sealing the run, not by itself")]
    RunStatement,
    /// A statement by this ledger's own issuer that came to be registered.
    #[error("{0:?} is this log's own issuer: what it says enters the log by its own commands")]
    OwnStatement(String),
    /// A redaction that did not come from erasing something.
    #[error("a redaction enters the log by erasing what it is about, not by itself")]
    RedactionStatement,
    /// A receipt that is not for what was asked.
    #[error("the receipt is not for the checkpoint of size {size} that was to be anchored: {why}")]
    AnotherAnchor {
        /// The size that was to be anchored.
        size: u64,
        /// In what it differs.
        why: String,
    },
    /// Cosignatures of a checkpoint that is not this log's.
    #[error("the note is not the checkpoint that this log signed at size {size}")]
    NotOurs {
        /// The size that the note names.
        size: u64,
    },
    /// Signing failed, or a signature does not hold.
    #[error("signing: {0}")]
    Cose(#[from] avouch_cose::Error),
    /// A proof cannot be made.
    #[error("the log: {0}")]
    Merkle(#[from] avouch_merkle::Error),
}

impl Error {
    pub(crate) fn corrupt(place: Place, rule: impl Into<String>) -> Self {
        Self::Corrupt(Box::new(Finding {
            place,
            rule: rule.into(),
        }))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(DatabaseCorrupt | NotADatabase) => {
                Self::corrupt(Place::Storage, error.to_string())
            }
            _ if is_wrong_type(&error) => Self::corrupt(Place::Storage, error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

/// Whether a column holds what the schema does not allow.
fn is_wrong_type(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(
        error,
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)
    )
}

/// A row, and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What is wrong with it.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.rule)
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// SQLite's own structures.
    Storage,
    /// A table, index or trigger.
    Schema(String),
    /// The row that says whose ledger it is.
    Store,
    /// A run's row.
    Run {
        /// Its position in `runs`.
        index: i64,
    },
    /// An event's row.
    Event {
        /// The run's position in `runs`.
        index: i64,
        /// The run's name.
        run: String,
        /// The event.
        seq: u64,
    },
    /// A blob's row.
    Blob {
        /// Its position in `blobs`.
        index: i64,
        /// Its digest.
        digest: Digest,
    },
    /// A statement's row.
    Statement {
        /// Its position in the log.
        log_index: u64,
    },
    /// A node of the log.
    Node {
        /// How far above the leaves.
        level: u8,
        /// Its position in the level.
        index: u64,
    },
    /// A node of a run's tree.
    RunNode {
        /// The run's position in `runs`.
        index: i64,
        /// The run's name.
        run: String,
        /// How far above the events.
        level: u8,
        /// Its position in the level.
        node: u64,
    },
    /// What is left of an erased field.
    Tombstone {
        /// The run's position in `runs`.
        index: i64,
        /// The event.
        seq: u64,
        /// The field's index.
        field: u64,
    },
    /// What is left of an erased blob.
    ErasedBlob {
        /// Its position in `blobs`.
        index: i64,
    },
    /// A checkpoint's row.
    Checkpoint {
        /// The log's size that it is for.
        size: u64,
    },
    /// A request for an anchor.
    AnchorRequest {
        /// Its number.
        id: u64,
    },
    /// A statement that waits for the log.
    Registration {
        /// Its row.
        id: u64,
    },
    /// What is sent in place of a request's first form.
    AnchorRenewal {
        /// Its number.
        id: u64,
    },
    /// What was answered to one.
    AnchorReceipt {
        /// Its number.
        id: u64,
    },
    /// A cosignature's row.
    Cosignature {
        /// The size of the checkpoint that it is beneath.
        size: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage => f.write_str("storage"),
            Self::Schema(object) => write!(f, "schema, {object}"),
            Self::Store => f.write_str("table store"),
            Self::Run { index } => write!(f, "table runs, row {index}"),
            Self::Event { index, run, seq } => {
                write!(f, "table events, run {index} ({run}), event {seq}")
            }
            Self::Blob { index, digest } => write!(f, "table blobs, row {index} ({digest})"),
            Self::Statement { log_index } => write!(f, "table statements, log index {log_index}"),
            Self::Node { level, index } => write!(f, "table nodes, level {level}, index {index}"),
            Self::RunNode {
                index,
                run,
                level,
                node,
            } => write!(
                f,
                "table run_nodes, run {index} ({run}), level {level}, index {node}"
            ),
            Self::Tombstone { index, seq, field } => {
                write!(
                    f,
                    "table tombstones, run {index}, event {seq}, field {field}"
                )
            }
            Self::ErasedBlob { index } => write!(f, "table erased_blobs, blob {index}"),
            Self::Checkpoint { size } => write!(f, "table checkpoints, size {size}"),
            Self::AnchorRequest { id } => write!(f, "table anchor_requests, row {id}"),
            Self::Registration { id } => write!(f, "table registrations, row {id}"),
            Self::AnchorRenewal { id } => write!(f, "table anchor_renewals, row {id}"),
            Self::AnchorReceipt { id } => write!(f, "table anchor_receipts, row {id}"),
            Self::Cosignature { size } => write!(f, "table cosignatures, size {size}"),
        }
    }
}
