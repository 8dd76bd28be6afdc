//! Consistency proofs: a tree only appended to an earlier one (RFC 9162, section 2.1.4).

#[cfg(feature = "alloc")]
use crate::range::{Leaves, Subtrees};
use crate::subtree::{Subtree, verify_part};
use crate::{Digest, Error, LeafIndex, TreeSize};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The proof that the tree over `leaves` begins with its first `first` leaves: `PROOF(first,
/// leaves)` of RFC 9162, section 2.1.4.1. It is empty when the two trees are the same.
///
/// # Errors
/// [`Error::EmptyFirst`] if `first` is 0, [`Error::SizesReversed`] if there are fewer leaves.
#[cfg(feature = "alloc")]
pub fn consistency_proof(leaves: &[Digest], first: TreeSize) -> Result<Vec<Digest>, Error> {
    prove(&Leaves(leaves), first, TreeSize(leaves.len() as u64))
}

#[cfg(feature = "alloc")]
pub(crate) fn prove<S: Subtrees>(
    tree: &S,
    first: TreeSize,
    second: TreeSize,
) -> Result<Vec<Digest>, S::Error> {
    crate::subtree::prove(tree, check_sizes(first, second)?, second)
}

/// Checks that the tree `second` begins with all leaves of the tree `first` (RFC 9162, section
/// 2.1.4.2). Trees of one size are consistent if their roots are equal and the proof is empty.
///
/// # Errors
/// [`Error::EmptyFirst`] or [`Error::SizesReversed`] if there can be no such proof,
/// [`Error::ProofTooShort`] or [`Error::ProofTooLong`] if it has the wrong length,
/// [`Error::FirstRootMismatch`] or [`Error::RootMismatch`] if it leads to other roots.
pub fn verify_consistency(
    first: TreeSize,
    first_root: &Digest,
    second: TreeSize,
    second_root: &Digest,
    proof: &[Digest],
) -> Result<(), Error> {
    verify_part(
        check_sizes(first, second)?,
        first_root,
        second,
        second_root,
        proof,
    )
}

/// The roots of the first and of the second tree that a consistency proof leads to. If the second is one
/// that the log has signed, then the first is the root of that tree's first leaves, whatever else the log
/// may have signed for them. Where the first size is a power of two, its root is not in the proof: it is
/// `first_root` as given, and the proof leads to the second only if that is right.
///
/// # Errors
/// As [`verify_consistency`], but for the roots.
pub fn roots_from_consistency(
    first: TreeSize,
    first_root: &Digest,
    second: TreeSize,
    proof: &[Digest],
) -> Result<(Digest, Digest), Error> {
    crate::subtree::roots_of_part(check_sizes(first, second)?, first_root, second, proof)
}

/// The first tree, as a part of the second.
fn check_sizes(first: TreeSize, second: TreeSize) -> Result<Subtree, Error> {
    match (first.0, second.0) {
        (0, _) => Err(Error::EmptyFirst),
        (first, second) if first > second => Err(Error::SizesReversed { first, second }),
        _ => Subtree::new(LeafIndex(0), first),
    }
}
