//! The avouch evidence file: one strict format that holds a signed statement about a run, what a
//! transparency log says about it, and whatever of the run is shown.
//!
//! A bundle is one canonical CBOR array `["avouch", 1, sections, digest]`; the digest is the
//! SHA-256 of every byte before it, so that damage is told apart from fraud. [`Bundle::decode`]
//! accepts exactly what [`Bundle::encode`] writes, and nothing else: unknown sections are refused
//! by number, every length and count has a limit, and no byte is without a meaning.
//!
//! # What this is not
//! Nothing here verifies anything but the file's own form. Statement, receipts, checkpoint, anchors and
//! proofs are opaque bytes; events, fields and blobs are what the file *says* they are. `avouch-verify` is
//! what checks them.
#![no_std]
extern crate alloc;

mod blobs;
mod decode;
mod encode;
mod error;
mod keys;
mod model;

pub use blobs::Blobs;
pub use error::Error;
pub use keys::{KeyEvidence, KeyLink, MAX_LINKS, MAX_OTHERS};
pub use model::{Anchor, Bundle, Disclosures, Openings, Proof, Redacted, Shown};

/// The longest bundle, in bytes.
pub const MAX_BUNDLE_LEN: usize = 1 << 30;
/// The longest statement, in bytes.
pub const MAX_STATEMENT_LEN: usize = 1 << 20;
/// The most receipts.
pub const MAX_RECEIPTS: usize = 16;
/// The longest receipt, in bytes.
pub const MAX_RECEIPT_LEN: usize = 1 << 14;
/// The longest checkpoint, in bytes.
pub const MAX_CHECKPOINT_LEN: usize = 1 << 16;
/// The most fields that one event may show.
pub const MAX_FIELDS: usize = 1 << 16;
/// The most redactions.
pub const MAX_REDACTIONS: usize = 1 << 12;
/// The most hashes in a proof for each thing that it proves: runs have fewer than 2^32 events, so
/// no path is longer.
pub const MAX_PROOF_PER_ITEM: usize = 32;

/// The most anchors.
pub const MAX_ANCHORS: usize = 64;
/// The longest receipt of an anchor, in bytes: as long as `avouch-anchor` has them.
pub const MAX_ANCHOR_LEN: usize = 1 << 18;
/// The most hashes from a statement to an anchored root: as many as a log of 2^63 entries asks for.
pub const MAX_ANCHOR_PATH: usize = 63;

/// The most proofs of claims.
pub const MAX_PROOFS: usize = 16;
/// The longest name of a proof system or a preset, in bytes.
pub const MAX_SYSTEM_LEN: usize = 64;
/// The longest claims, in bytes: as long as `avouch-claims` has them.
pub const MAX_CLAIMS_LEN: usize = 1 << 16;
/// The longest proof, in bytes: half of what a bundle may have, which is room for some 300,000 events.
pub const MAX_PROOF_LEN: usize = 1 << 29;

/// The first bytes of every bundle: an array of 4 whose first element is the text `avouch`.
const MAGIC: &[u8] = b"\x84\x66avouch";
/// The only version so far.
const VERSION: u8 = 1;
/// The trailing digest's length, and the head before it.
const DIGEST_LEN: usize = 32;
const DIGEST_HEAD: [u8; 2] = [0x58, 32];

/// The numbers of the sections.
mod section {
    pub(crate) const STATEMENT: i64 = 1;
    pub(crate) const RECEIPTS: i64 = 2;
    pub(crate) const CHECKPOINT: i64 = 3;
    pub(crate) const ANCHORS: i64 = 4;
    pub(crate) const DISCLOSURES: i64 = 5;
    pub(crate) const PROOFS: i64 = 6;
    pub(crate) const KEYS: i64 = 7;
}

/// The keys of the disclosures' map.
mod disclosure {
    pub(crate) const EVENTS: i64 = 1;
    pub(crate) const PROOF: i64 = 2;
    pub(crate) const BLOBS: i64 = 3;
    pub(crate) const REDACTIONS: i64 = 4;
    pub(crate) const SEALED: i64 = 5;
}

/// The keys of the map of fields of which only the leaf hash is shown.
mod hash_only {
    pub(crate) const ERASED: i64 = 1;
    pub(crate) const SEALED: i64 = 2;
}
