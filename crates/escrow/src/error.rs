//! What can be wrong with shares.

use crate::SetId;

/// Why a secret was not split, or shares were not combined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold and number of shares that make no sense.
    #[error(
        "{threshold} of {count} shares: the threshold is at least 2, and at most the number of shares, which \
         is at most 255"
    )]
    Numbers {
        /// How many shares should give the secret.
        threshold: u8,
        /// How many there should be.
        count: u8,
    },
    /// An empty secret, or one that is too long.
    #[error("the secret has {0} bytes: expected 1 to 65536")]
    Length(usize),
    /// The text is not a share's.
    #[error("not a share: {0}")]
    NotAShare(&'static str),
    /// A word that is not in the list.
    #[error("word {at} ({word:?}) is not in the word list (BIP-39, English)")]
    Word {
        /// Which one, from 1.
        at: usize,
        /// As it was given.
        word: String,
    },
    /// A share's checksum is another.
    #[error("the share's checksum does not match: it is mistyped, cut short or damaged")]
    Checksum,
    /// The text is not a set's commitments.
    #[error("not a set's commitments: {0}")]
    NotCommitments(&'static str),
    /// A share of another set than the commitments, or than the first share.
    #[error("share {index} is of another set: {found}, not {expected}")]
    AnotherSet {
        /// The share's index.
        index: u8,
        /// Its set.
        found: SetId,
        /// The set that was expected.
        expected: SetId,
    },
    /// A share that is not the one that was committed to.
    #[error("share {index} is not the one that set {set} was made with: it was altered or forged")]
    Forged {
        /// The share's index.
        index: u8,
        /// The set.
        set: SetId,
    },
    /// One index twice.
    #[error("share {index} was given twice{}", if *.same { "" } else { ", with different values: one is forged" })]
    Duplicate {
        /// The index.
        index: u8,
        /// Whether both are the same share.
        same: bool,
    },
    /// Fewer shares than the threshold.
    #[error("{given} shares were given, and {threshold} are needed; there are {count} in the set")]
    TooFew {
        /// How many were given.
        given: usize,
        /// How many are needed.
        threshold: u8,
        /// How many there are.
        count: u8,
    },
    /// The shares give something that is not the secret.
    #[error(
        "the shares {indices:?} do not give the secret: at least one is forged. The set's commitments \
         (or more shares than are needed) would name it"
    )]
    NotTheSecret {
        /// Their indices.
        indices: Vec<u8>,
    },
    /// Too long to be written in this way.
    #[error("a share of {len} bytes is too long for {form} (at most {max}): keep it as text")]
    TooLong {
        /// What was asked for.
        form: &'static str,
        /// The share's length.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// The library that splits failed.
    #[error("splitting failed: {0}")]
    Split(&'static str),
}
