//! Splits a secret into shares of which any `threshold` give it back, and fewer say nothing about it.
//!
//! - [`split`] makes a set of [`Share`]s and its [`Commitments`]. [`combine`] gives the secret back, or
//!   names the share that is at fault.
//! - [`text`], [`words`] and [`qr`]: a share as a file, on paper, and as a code to be scanned.
//!
//! Shamir's scheme over GF(2^8), as `blahaj` has it. It alone would answer a wrong share with a wrong
//! secret. So every share is committed to: a salted SHA-256 of each is in the set's commitments, and the
//! set's id, which every share bears, is the hash of all of them. Whoever has the commitments can check a
//! share before it is handed in, and learns nothing from them, since each share has 16 random bytes of
//! its own. Feldman's or Pedersen's schemes (vsss-rs) would show more, that shares lie on one polynomial, but
//! only for a scalar of a group, not for any file; here the dealer is the secret's owner, checks its own
//! set before it gives it out, and the secret itself ends in a hash.
//!
//! Nothing here reads a file, a clock or the system's randomness: the caller passes a generator in.
#![forbid(unsafe_code)]

mod commitments;
mod error;
pub mod qr;
mod share;
mod split;
pub mod text;
pub mod words;

pub use commitments::Commitments;
pub use error::Error;
pub use share::{SetId, Share};
pub use split::{Secret, SecretKind, combine, split};

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 1 << 16;
/// The most shares of a set.
pub const MAX_SHARES: u8 = 255;
