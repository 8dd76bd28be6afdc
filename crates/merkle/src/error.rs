//! Why a proof could not be made, or was refused.

/// Why a proof could not be made, or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such leaf in the tree.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    IndexOutOfRange {
        /// The leaf asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A multi-leaf proof is about at least one leaf.
    #[error("no leaf is named: a multi-leaf proof needs at least one")]
    NoLeaves,
    /// The leaves of a multi-leaf proof are unsorted, or one is named twice.
    #[error("leaf {index} follows leaf {previous}: indices must ascend, each named once")]
    NotAscending {
        /// The index before.
        previous: u64,
        /// The index that is not above it.
        index: u64,
    },
    /// A tree cannot be consistent with an earlier one that is larger.
    #[error("the first tree has {first} leaves and the second only {second}: swap them?")]
    SizesReversed {
        /// The size that should be the smaller.
        first: u64,
        /// The size that should be the larger.
        second: u64,
    },
    /// RFC 9162, section 2.1.4 starts at one leaf: every tree extends the empty one.
    #[error("consistency with the empty tree says nothing, so it has no proof")]
    EmptyFirst,
    /// These leaves are not a subtree of any tree.
    #[error(
        "[{start}, {end}) is not a subtree: its start must be a multiple of its size rounded up to a power of two"
    )]
    NotASubtree {
        /// Its first leaf.
        start: u64,
        /// One past its last leaf.
        end: u64,
    },
    /// The proof ends before the root is reached.
    #[error("the proof is too short for this tree size")]
    ProofTooShort,
    /// The proof has hashes that the tree's shape leaves no place for.
    #[error("the proof is too long for this tree size: {unused} hashes are left over")]
    ProofTooLong {
        /// How many are left over.
        unused: usize,
    },
    /// The proof leads to another root.
    #[error("the proof does not lead to this root")]
    RootMismatch,
    /// The proof does not show the first tree to be a part of the second.
    #[error("the proof does not lead to the first tree's root")]
    FirstRootMismatch,
    /// A frontier of this size has another number of subtree roots.
    #[error("a frontier of {size} leaves has {expected} subtree roots, not {found}")]
    FrontierLength {
        /// Its size.
        size: u64,
        /// How many it must have.
        expected: u32,
        /// How many were given.
        found: usize,
    },
    /// A tile's bytes are not 32 for each of its hashes.
    #[error("tile {index} of level {level}, {width} hashes wide, cannot have {found} bytes")]
    TileLength {
        /// Its level among tiles.
        level: u8,
        /// Its position in the level.
        index: u64,
        /// How many hashes it should have.
        width: u16,
        /// How many bytes there are.
        found: usize,
    },
    /// More leaves than any log will hold.
    #[error(
        "{size} leaves are more than the {} that a frontier holds",
        crate::Frontier::MAX_SIZE
    )]
    TooLarge {
        /// The size asked for.
        size: u64,
    },
}
