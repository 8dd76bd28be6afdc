//! Anchors: proofs from outside that a log's checkpoint existed at some time, where nobody here can
//! rewrite them.
//!
//! A [`Receipt`] carries the checkpoint that it is about and a proof in its backend's own form. What a
//! proof is worth is decided by a [`Verifier`], which one of the trust policy's anchors becomes: roots,
//! block headers and the like come from there and never from the receipt. A receipt that is only a promise is *pending*,
//! and no pending receipt verifies.
//!
//! What is anchored is always the SHA-256 of the checkpoint's text (its note without signatures), so
//! that the backends' own tools can check a proof against that file.
//!
//! # What this is not
//! Checking needs no network, no clock and no randomness. Asking for receipts ([`Backend`]) does, and is
//! behind the feature `submit`. Whether a statement is in the anchored tree is `avouch-verify`'s question.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod anchored;
mod error;
#[cfg(feature = "evm")]
pub mod evm;
#[cfg(feature = "git")]
pub mod git;
#[cfg(feature = "opentimestamps")]
pub mod opentimestamps;
mod receipt;
#[cfg(feature = "rfc3161")]
pub mod rfc3161;
#[cfg(feature = "submit")]
mod submit;
mod verifier;

pub use anchored::Anchored;
pub use error::Error;
pub use receipt::{Receipt, State};
#[cfg(feature = "submit")]
pub use submit::{Backend, SubmitError};
pub use verifier::{Doubt, Existed, Verifier};

/// The longest receipt, in bytes.
pub const MAX_RECEIPT_LEN: usize = 1 << 18;
/// The longest name of a kind of backend, in bytes.
pub const MAX_KIND_LEN: usize = 64;
