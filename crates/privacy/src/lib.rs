//! Shows a part of a run, and forgets a part of it, without breaking a signature or a root.
//!
//! - [`Selection`] says which events and fields to show: as a short expression, or as TOML.
//! - [`disclose()`] takes them out of the ledger with the proofs that lead to the signed root.
//! - [`find()`] finds everywhere that a run holds a value, and [`erase()`] destroys it there.
//! - [`seal_fields`] encrypts what a disclosure opens to chosen readers (age), [`open_fields`] opens it again;
//!   [`AgeKeys`] wraps the keys of encrypted runs.
//! - [`Scanner`] finds secrets in what is about to be recorded.
//!
//! What it is not: it holds no private key (they are passed in), and it makes no bundle: a disclosure is
//! one section of one.

mod age_keys;
mod disclose;
mod erase;
mod error;
mod find;
mod needle;
mod redacted;
pub mod release;
mod scan;
mod sealed;
mod select;
mod select_digest;
mod select_file;

pub use age_keys::{AgeKeys, Identities, MAX_IDENTITY_FILE, Recipient, is_locked, seal_to};
pub use disclose::disclose;
pub use erase::erase;
pub use error::{Error, SealedFault};
pub use find::{Target, Why, find};
pub use redacted::{add_redactions, last_redaction};
pub use scan::{Hit, Hits, ScanMode, Scanner};
pub use sealed::{open_fields, seal_fields};
pub use select::Selection;
