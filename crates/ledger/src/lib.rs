//! The append-only SQLite journal, content-addressed blobs and transparency log of avouch.
//!
//! A [`Ledger`] is one SQLite file (WAL, every commit synced). It holds the *journal* of runs as they
//! are recorded, the *blobs* that their longer values live in, and the *log* of signed statements
//! with its Merkle nodes and checkpoints.
//!
//! - Rows are only added: triggers refuse everything else, and every row is bound by a digest, a
//!   signature or the log's root, so that [`Ledger::fsck`] can re-derive all of it and name the
//!   first wrong row. [`Ledger::erase`] is the exception: of a field it leaves the leaf hash, and a signed
//!   statement in the log that says so.
//! - All writing happens in a [`Batch`] or in [`Ledger::seal`], each one transaction that takes
//!   SQLite's write lock at once. What was committed survives `kill -9` and power loss; what was not
//!   leaves no trace. Processes that write at once wait for each other, so the log cannot fork.
//! - Memory is bounded whatever the size of a run: events are streamed.
//!
//! What it is not: it draws no randomness, reads no clock, holds no private key (they are passed in),
//! and knows no input format.
//!
//! ```
//! use avouch_cose::{Algorithm, SigningKey};
//! use avouch_ledger::{Identity, Ledger, RunInfo, Sealer};
//! # use avouch_trace::{Body, Decision, Field, Flags, Header, Kind, Mode, NameId, RunId, Salt, Source};
//! # let header = |seq, kind| Header {
//! #     kind, decision: Decision::None, flags: Flags::NONE, round: 0, seq, time: 0, cost: None,
//! #     budget: None, score: None, parent: None, actor: NameId::NONE, subject: NameId::NONE,
//! # };
//! # let body = |text: &str| {
//! #     let field = Field::from_value(Salt([1; 16]), "text", &text.to_owned().into())?;
//! #     Body::new(Salt([2; 16]), vec![field])
//! # };
//! # let info = RunInfo {
//! #     id: RunId([7; 16]), name: "first".into(), agent: "agent".into(), mode: Mode::Execution,
//! #     currency: "tokens".into(), parents: vec![], input: None,
//! #     source: Source { format: "avouch".into(), integrity: None },
//! # };
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("ledger.db");
//! // Keys come from the operating system's randomness, not from constants as here.
//! let issuer_key = SigningKey::generate(Algorithm::Ed25519, &[1; 32])?;
//! let log_key = SigningKey::generate(Algorithm::Ed25519, &[2; 32])?;
//! let ledger = Ledger::create(&path, &Identity {
//!     issuer: "https://issuer.example".into(),
//!     issuer_key: issuer_key.verifying_key(),
//!     log_origin: "log.example".into(),
//!     log_key: log_key.verifying_key(),
//! })?;
//!
//! let mut batch = ledger.batch()?;
//! let run = batch.new_run(&info)?;
//! batch.append(run, &header(0, Kind::RunStart), &body("hello")?)?;
//! batch.append(run, &header(1, Kind::RunEnd), &body("bye")?)?;
//! batch.commit()?;
//!
//! let sealer = Sealer { issuer_key: &issuer_key, log_key: &log_key, iat: 1_700_000_000 };
//! let sealed = ledger.seal(&[run], &sealer, &mut |_progress| ())?;
//! let receipt = ledger.receipt(sealed[0].log_index, &log_key)?;
//! assert!(receipt.is_some());
//! assert_eq!(ledger.fsck(&mut |_progress| ())?.finding, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What `fsck` cannot see: nothing inside the file binds the newest events of a run that is not yet
//! sealed, so someone who can write the file can drop or rewrite them. Sealing ends that.

mod anchors;
mod batch;
mod blobs;
mod cosignatures;
mod crypt;
mod enter;
mod erase;
mod error;
mod fsck;
mod issuer_keys;
mod journal;
mod ledger;
mod log;
mod lookup;
mod node_row;
mod progress;
mod recover;
mod register;
mod run;
mod run_tree;
mod schema;
mod scrub;
mod seal;
mod tiles;
mod walk;

pub use anchors::{AnchorReceipt, AnchorRequest};
pub use batch::Batch;
pub use crypt::{Keys, RunKey};
pub use erase::{Erased, FieldPlace, SharedBlob, Words};
pub use error::{Error, Finding, Place};
pub use fsck::{Counts, Report};
pub use issuer_keys::{IssuerKeys, Standing};
pub use journal::{Entries, Entry, Events, Pages};
pub use ledger::{Identity, Ledger};
pub use log::{LogEntry, LoggedStatement, SignedCheckpoint};
pub use node_row::node_row;
pub use progress::{Progress, Stage};
pub use recover::{Published, Recovered};
pub use register::Registration;
pub use run::{InputId, Run, RunIndex, RunInfo, State};
pub use schema::BUSY_TIMEOUT;
pub use seal::{Sealed, Sealer};
