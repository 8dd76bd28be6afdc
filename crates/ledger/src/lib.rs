//! The append-only SQLite journal, content-addressed blobs and transparency log of avouch.
//!
//! A [`Ledger`] is one SQLite file (WAL, every commit synced). It holds the *journal* of runs as they
//! are recorded, the *blobs* that their longer values live in, and the *log* of signed statements
//! with its Merkle nodes and checkpoints.
//!
//! - Rows are only added: triggers refuse everything else, and every row is bound by a digest, a
//!   signature or the log's root, so that [`Ledger::fsck`] can re-derive all of it and name the
//!   first wrong row.
//! - All writing happens in a [`Batch`] or in [`Ledger::seal`], each one transaction that takes
//!   SQLite's write lock at once. What was committed survives `kill -9` and power loss; what was not
//!   leaves no trace. Processes that write at once wait for each other, so the log cannot fork.
//! - Memory is bounded whatever the size of a run: events are streamed.
//!
//! What it is not: it draws no randomness, reads no clock, holds no private key (they are passed in),
//! and knows no input format.
//!
//! What `fsck` cannot see: nothing inside the file binds the newest events of a run that is not yet
//! sealed, so someone who can write the file can drop or rewrite them. Sealing ends that.

mod batch;
mod blobs;
mod error;
mod fsck;
mod journal;
mod ledger;
mod log;
mod lookup;
mod progress;
mod run;
mod schema;
mod seal;
mod walk;

pub use batch::Batch;
pub use error::{Error, Finding, Place};
pub use fsck::{Counts, Report};
pub use journal::{Entries, Entry, Events, Pages};
pub use ledger::{Identity, Ledger};
pub use log::{LoggedStatement, SignedCheckpoint};
pub use progress::{Progress, Stage};
pub use run::{InputId, Run, RunIndex, RunInfo, State};
pub use seal::{Sealed, Sealer};
