//! Turns what AI agents did into evidence that anyone can check offline.
//!
//! A [`Home`] holds an append-only ledger and its keys. Runs come in through [`Home::record`] while they
//! happen, or through [`Home::ingest`] from the records that agent frameworks keep. [`Home::seal`] commits
//! to them, signs and logs; [`Home::bundle`] makes the one file that `avouch-verify` checks without any
//! of this. See `examples/embed.rs` for all of it in a few lines.
//!
//! This crate touches the world (files, clock, randomness); the formats and the checks live in the pure
//! crates below it, which it re-exports as modules.

#[cfg(feature = "http")]
mod anchor;
mod check;
mod claims;
mod demo;
mod draft;
mod durable;
mod encrypted;
mod error;
mod escrow;
mod export;
mod home;
mod ingest;
mod key_life;
mod keys;
mod live_run;
pub mod log;
#[cfg(feature = "prove")]
mod prove;
mod random;
mod record;
mod recover;
mod redact;
mod release;
mod scan;
mod seal;
mod settlement;
mod show;
mod signed;
#[cfg(feature = "pkcs11")]
mod token;
mod token_uri;
mod view;

#[cfg(feature = "http")]
pub use anchor::{AnchorOutcome, Asking, Service, Standing};
pub use avouch_ingest::Draft;
pub use avouch_privacy::{Identities, Recipient, ScanMode, Scanner, Selection, Target, Why};
pub use check::{SeenFile, read_policy, verify_files, verify_files_opened};
pub use claims::{Judged, read_claims};
pub use durable::{temporary_file, write_file};
pub use encrypted::IdentityFile;
pub use error::Error;
pub use escrow::{
    Forms, SplitFiles, combine_files, file_secret, read_commitments, read_share, split_to,
    write_secret,
};
pub use export::{ExportFormat, OCSF_VERSION, PREDICATE_TYPE};
pub use home::{Home, ISSUER_KEY, InitOptions, LOG_KEY, Signer};
pub use key_life::parse_time;
pub use keys::{KeyInfo, KeyStore, Secret};
pub use live_run::{Group, LiveRun};
#[cfg(feature = "prove")]
pub use prove::{Estimate, Preset, ProofOptions, Proved};
pub use random::Randomness;
pub use record::{NewRun, Recorder};
pub use recover::Recovery;
pub use release::{RequestFile, read_agreement, write_new};
pub use scan::ScanReport;
pub use settlement::{Decimal, Settlement, SettlementEntry, SettlementTotal, Settling};
pub use show::BundleView;
#[cfg(feature = "pkcs11")]
pub use token::{MODULE_VARIABLE, PIN_FILE_VARIABLE, PIN_VARIABLE, TokenKey};
pub use token_uri::{TokenUri, UriError};
pub use view::{EventView, printable, time_text};

pub use demo::demo;

/// Importers: formats, options and outcomes.
pub mod importers {
    pub use avouch_ingest::*;
}
/// Claims and their evaluator.
pub mod claim {
    pub use avouch_claims::*;
}
/// The evidence file.
pub mod bundle {
    pub use avouch_bundle::*;
}
/// Canonical CBOR.
pub mod cbor {
    pub use avouch_cbor::*;
}
/// Who must agree before an agent's runs are disclosed.
pub mod release_forms {
    pub use avouch_privacy::release::*;
}
/// Secrets in shares.
pub mod shares {
    pub use avouch_escrow::*;
}
/// Keys, statements, receipts and notes.
pub mod cose {
    pub use avouch_cose::*;
}
/// The ledger under a home.
pub mod ledger {
    pub use avouch_ledger::*;
}
/// Digests, trees and tiles.
pub mod merkle {
    pub use avouch_merkle::*;
}
/// Headers, events and manifests.
pub mod trace {
    pub use avouch_trace::*;
}
/// Checking bundles against a trust policy.
pub mod verify {
    pub use avouch_verify::*;
}
/// Receipts that date checkpoints from outside.
#[cfg(feature = "http")]
pub mod anchors {
    pub use avouch_anchor::*;
}
/// The client that asks witnesses and reads logs on the web.
#[cfg(feature = "http")]
pub mod http {
    pub use avouch_http::*;
}
