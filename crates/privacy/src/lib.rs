//! Shows a part of a run, and forgets a part of it, without breaking a signature or a root.
//!
//! - [`Selection`] says which events and fields to show: as a short expression, or as TOML.
//! - [`disclose()`] takes them out of the ledger with the proofs that lead to the signed root.
//!
//! What it is not: it holds no private key and signs nothing, and it makes no bundle: a disclosure is one
//! section of one.

mod disclose;
mod error;
mod select;
mod select_file;

pub use disclose::disclose;
pub use error::Error;
pub use select::Selection;
