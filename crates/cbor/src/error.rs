//! Why an encoding was refused, and at which byte.

use crate::MAX_DEPTH;

/// Why bytes are not one strict deterministic CBOR item, or why a value has no such encoding.
///
/// `at` is the offset of the offending byte: in the input when decoding, in the output when
/// encoding (where the refused item would have begun).
// One field each, so that a result of the validator's inner functions fits two registers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input ends where an item, or the rest of its head, should be.
    #[error("byte {at}: the input ends inside an item; it is truncated or empty")]
    Truncated {
        /// Where the unfinished item begins.
        at: usize,
    },
    /// A string, array or map announces more than the input holds.
    #[error("byte {at}: this item's length runs beyond the end of the input")]
    LengthBeyondInput {
        /// Where the item begins.
        at: usize,
    },
    /// Bytes follow the item.
    #[error("byte {at}: there are bytes after the end of the item; pass exactly one item")]
    TrailingBytes {
        /// The first byte after the item.
        at: usize,
    },
    /// An indefinite length, or the "break" that would end one.
    #[error("byte {at}: indefinite lengths are not deterministic; write a definite length")]
    IndefiniteLength {
        /// Where the item begins.
        at: usize,
    },
    /// Additional information 28, 29 or 30.
    #[error("byte {at}: this initial byte is reserved (additional information 28 to 30)")]
    ReservedHead {
        /// Where the item begins.
        at: usize,
    },
    /// An integer, length or tag number that a shorter head can hold.
    #[error("byte {at}: a number, length or tag is not in its shortest form")]
    NonShortestHead {
        /// Where the item begins.
        at: usize,
    },
    /// A float whose value a shorter float holds exactly.
    #[error("byte {at}: a float is not in its shortest form")]
    NonShortestFloat {
        /// Where the item begins.
        at: usize,
    },
    /// A NaN other than `f97e00`.
    #[error("byte {at}: a NaN must be written as f97e00")]
    NonCanonicalNan {
        /// Where the item begins.
        at: usize,
    },
    /// A simple value that is reserved, or that has a one-byte form.
    #[error("byte {at}: a two-byte simple value must be 32 or more")]
    ReservedSimple {
        /// Where the item begins.
        at: usize,
    },
    /// Text that is not UTF-8.
    #[error("byte {at}: text is not valid UTF-8")]
    InvalidUtf8 {
        /// The first byte that is not part of a character.
        at: usize,
    },
    /// A map key that sorts before the key that it follows.
    #[error("byte {at}: a map key sorts before the previous one; sort keys by their encodings")]
    UnsortedKey {
        /// Where the key begins.
        at: usize,
    },
    /// A map key that the map already has.
    #[error("byte {at}: a map has the same key twice")]
    DuplicateKey {
        /// Where the second of the two keys begins.
        at: usize,
    },
    /// Tag 2 or 3 around anything but more than 8 bytes without a leading zero.
    #[error(
        "byte {at}: a bignum must hold a byte string of more than 8 bytes without leading zeros; \
         write smaller numbers as plain integers"
    )]
    NonPreferredBignum {
        /// Where the tag begins.
        at: usize,
    },
    /// More arrays, maps and tags inside one another than allowed.
    #[error("byte {at}: nested deeper than allowed (never more than {MAX_DEPTH} levels)")]
    TooDeep {
        /// Where the item begins that is one level too deep.
        at: usize,
    },
    /// The input is longer than the caller allows.
    #[error("the input is longer than the {max} bytes allowed")]
    TooLong {
        /// The most bytes allowed.
        max: usize,
    },
}

impl Error {
    /// The offset of the offending byte; none when the whole input is too long.
    pub fn at(&self) -> Option<usize> {
        match *self {
            Self::Truncated { at }
            | Self::LengthBeyondInput { at }
            | Self::TrailingBytes { at }
            | Self::IndefiniteLength { at }
            | Self::ReservedHead { at }
            | Self::NonShortestHead { at }
            | Self::NonShortestFloat { at }
            | Self::NonCanonicalNan { at }
            | Self::ReservedSimple { at }
            | Self::InvalidUtf8 { at }
            | Self::UnsortedKey { at }
            | Self::DuplicateKey { at }
            | Self::NonPreferredBignum { at }
            | Self::TooDeep { at } => Some(at),
            Self::TooLong { .. } => None,
        }
    }
}
