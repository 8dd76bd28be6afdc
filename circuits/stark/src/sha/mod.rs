//! The SHA-256 table: hashes messages and says on a bus what they were and what came out.
//!
//! A tuple of [`bus::SHA`](crate::bus::SHA) is `(message id, tag, 18 limbs)`, limbs that a part does
//! not have being 0. A block's 16 words come in three parts, and a digest is a fourth:
//!
//! | part | words | limbs |
//! |---|---|---|
//! | 0 | 0..5 | 10 |
//! | 1 | 5..14 | 18 |
//! | 2 | 14..16 | 4 |
//! | 3 | the chaining value after this block | 16 |
//!
//! The tag is `part + 4 FMT_LO + 8 FMT_HI + 16 block`; a digest's has no format. Every message id has
//! exactly one message, whose blocks are numbered from 0, so a table that receives all parts of blocks
//! 0..n and the digest of block n - 1 under one id has seen the message and its SHA-256 (if its padding
//! is right, which the receiver checks).

pub(crate) mod air;
pub(crate) mod columns;
mod receive;
#[cfg(feature = "prove")]
mod trace;

pub(crate) use air::ShaAir;
pub(crate) use columns::ROWS as ROWS_OF_A_BLOCK;
pub(crate) use receive::receive;
#[cfg(feature = "prove")]
pub(crate) use trace::{Message, trace};

/// How tags are made.
pub(crate) mod tag {
    /// Fields of a tuple.
    pub(crate) const FIELDS: usize = 20;
    /// Words 0..8 stand one byte later.
    pub(crate) const FMT_LO: u32 = 4;
    /// Words 8..16 stand one byte later.
    pub(crate) const FMT_HI: u32 = 8;
    /// Times the block's number.
    pub(crate) const BLOCK: u32 = 16;
    /// The chaining value after a block.
    pub(crate) const DIGEST: u32 = 3;
    /// The limbs of a block's 32 that each part carries.
    pub(crate) const PARTS: [core::ops::Range<usize>; 3] = [0..10, 10..28, 28..32];
}
