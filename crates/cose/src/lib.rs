//! Keys, COSE signatures, signed statements, receipts and signed notes.
//!
//! - [`key`]: Ed25519 and P-256 keys, as PKCS#8 and SPKI PEM that openssl reads, and as COSE_Key.
//! - [`key::Signer`]: whatever signs, wherever the key lives.
//! - [`key_statement`]: an issuer's word about its keys: delegation, rotation, revocation.
//! - [`statement`]: an issuer's COSE_Sign1 claim about one run, in the one form that is ever stored.
//! - [`receipt`]: a log's COSE Receipt (RFC 9942) that an entry is in it.
//! - [`note`] and [`checkpoint`]: C2SP signed notes, and a log's signed size and root.
//! - [`consistency`]: that a log only grew, as text and as a receipt.
//! - [`cosignature`]: witnesses' signatures on checkpoints. [`tlog_proof`]: inclusion as a text file.
//! - [`signed_statement`]: anyone's signed statements, as a transparency service registers them.
//! - [`sign1`] and [`foreign`]: checkers for other people's COSE_Sign1 and COSE_Sign messages (RFC 9052)
//!   and receipts.
//!
//! Our own forms have exactly one encoding each and are parsed strictly; [`sign1`] is as tolerant as
//! RFC 9052 allows. Nothing here reads a clock, draws randomness or touches a file: the caller passes
//! times, random bytes and texts in.
//!
//! ```
//! use avouch_cose::{Algorithm, SigningKey, Statement};
//!
//! # fn main() -> Result<(), avouch_cose::Error> {
//! let random = [7; 32]; // from the operating system, in earnest
//! let key = SigningKey::generate(Algorithm::Ed25519, &random)?;
//! let signed = Statement::sign(&key, "urn:example:issuer", "urn:example:run:1", 1_800_000_000, "text/plain", b"it ran")?;
//!
//! let read = Statement::parse(signed.as_bytes())?;
//! read.verify(&key.verifying_key())?;
//! assert_eq!(read.payload(), b"it ran");
//! # Ok(())
//! # }
//! ```
#![no_std]

extern crate alloc;

pub mod checkpoint;
pub mod consistency;
pub mod cosignature;
mod error;
pub mod foreign;
pub mod key;
pub mod key_statement;
mod lax;
pub mod note;
pub mod receipt;
pub mod sign1;
pub mod signed_statement;
pub mod statement;
mod stored;
pub mod tlog_proof;

pub use checkpoint::Checkpoint;
pub use consistency::{ConsistencyProof, ConsistencyReceipt};
pub use cosignature::{Cosigned, CosignerKey};
pub use error::Error;
pub use key::{Algorithm, KeyId, Signer, SigningKey, VerifyingKey};
pub use key_statement::{Grant, KeyAct, KeyStatement};
pub use note::{Note, NoteKey};
pub use receipt::{InclusionReceipt, Receipt};
pub use sign1::{Sign, Sign1};
pub use signed_statement::SignedStatement;
pub use statement::{Statement, UnsignedStatement};
pub use tlog_proof::TlogProof;
