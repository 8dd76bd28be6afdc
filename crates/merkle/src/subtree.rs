//! Subtrees: ranges of leaves that stand for a part of a tree, as Merkle Tree Certificates use them
//! (draft-ietf-plants-merkle-tree-certs, sections 4.1 to 4.4).
//!
//! A subtree that starts at leaf 0 is an earlier tree, and its proofs are exactly those of RFC 9162.

use crate::range::split;
#[cfg(feature = "alloc")]
use crate::range::{Leaves, Subtrees};
use crate::{Digest, Error, LeafIndex, TreeSize, empty_root, hash_node, verify_inclusion};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The leaves [start, end) of a tree, where start is a multiple of the range's size rounded up to a
/// power of two. The range may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// The leaves from `start` up to, not including, `end`.
    ///
    /// # Errors
    /// [`Error::NotASubtree`] if start is above end or not aligned to the range's size.
    pub fn new(start: LeafIndex, end: TreeSize) -> Result<Self, Error> {
        let (LeafIndex(start), TreeSize(end)) = (start, end);
        let not_a_subtree = Error::NotASubtree { start, end };
        let size = end.checked_sub(start).ok_or(not_a_subtree)?;
        // Above 2^63 leaves the next power of two is 2^64, and only 0 is a multiple of that.
        let aligned = match size.checked_next_power_of_two() {
            Some(power) => start & (power - 1) == 0,
            None => start == 0,
        };
        if aligned {
            Ok(Self { start, end })
        } else {
            Err(not_a_subtree)
        }
    }

    /// Its first leaf.
    pub fn start(self) -> LeafIndex {
        LeafIndex(self.start)
    }

    /// How many leaves the tree must have to contain it: one past its last leaf.
    pub fn end(self) -> TreeSize {
        TreeSize(self.end)
    }
}

/// Checks that the leaf with this hash is at `index` (counted in the whole tree) of the subtree with
/// this root: the inclusion proof of RFC 9162 in the subtree taken as a tree of its own.
///
/// # Errors
/// As [`verify_inclusion`]; [`Error::IndexOutOfRange`] if the leaf is outside the subtree.
pub fn verify_subtree_inclusion(
    leaf: Digest,
    index: LeafIndex,
    subtree: Subtree,
    proof: &[Digest],
    subtree_root: &Digest,
) -> Result<(), Error> {
    let Subtree { start, end } = subtree;
    let outside = Error::IndexOutOfRange {
        index: index.0,
        size: end,
    };
    let inner = index.0.checked_sub(start).ok_or(outside)?;
    verify_inclusion(
        leaf,
        LeafIndex(inner),
        TreeSize(end - start),
        proof,
        subtree_root,
    )
}

/// The proof that `subtree` is a part of the tree over `leaves`.
///
/// # Errors
/// [`Error::SizesReversed`] if the tree ends before the subtree does.
#[cfg(feature = "alloc")]
pub fn subtree_consistency_proof(
    leaves: &[Digest],
    subtree: Subtree,
) -> Result<Vec<Digest>, Error> {
    prove(&Leaves(leaves), subtree, TreeSize(leaves.len() as u64))
}

#[cfg(feature = "alloc")]
pub(crate) fn prove<S: Subtrees>(
    tree: &S,
    subtree: Subtree,
    size: TreeSize,
) -> Result<Vec<Digest>, S::Error> {
    let mut proof = Vec::new();
    check_end(subtree, size)?;
    if subtree.start < subtree.end {
        descend(tree, subtree, 0, size.0, true, &mut proof)?;
    }
    Ok(proof)
}

/// `SUBPROOF` of RFC 9162, section 2.1.4.1, for a subtree of [start, end). `known` says that the
/// verifier knows the subtree's own root, because nothing was cut off it on the way down.
#[cfg(feature = "alloc")]
fn descend<S: Subtrees>(
    tree: &S,
    part: Subtree,
    start: u64,
    end: u64,
    known: bool,
    proof: &mut Vec<Digest>,
) -> Result<(), S::Error> {
    if (part.start, part.end) == (start, end) {
        if !known {
            proof.push(tree.root(start, end)?);
        }
        return Ok(());
    }
    let middle = start + split(end - start);
    if part.end <= middle {
        descend(tree, part, start, middle, known, proof)?;
        proof.push(tree.root(middle, end)?);
    } else {
        // A part on both sides begins where this tree begins, so all of the left half is in it.
        let known = known && part.start >= middle;
        let part = Subtree {
            start: part.start.max(middle),
            ..part
        };
        descend(tree, part, middle, end, known, proof)?;
        proof.push(tree.root(start, middle)?);
    }
    Ok(())
}

/// Checks that the leaves of `subtree`, with the root `subtree_root`, are those that the tree with
/// this size and root has there. An empty subtree is a part of every tree that is not smaller than
/// its place; such an answer says nothing about the tree's root.
///
/// # Errors
/// [`Error::SizesReversed`] if the tree ends before the subtree does, [`Error::ProofTooShort`] or
/// [`Error::ProofTooLong`] if the proof has the wrong length, [`Error::FirstRootMismatch`] or
/// [`Error::RootMismatch`] if it leads to other roots.
pub fn verify_subtree_consistency(
    subtree: Subtree,
    subtree_root: &Digest,
    size: TreeSize,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), Error> {
    check_end(subtree, size)?;
    if subtree.start == subtree.end {
        return match (proof.len(), *subtree_root == empty_root()) {
            (0, true) => Ok(()),
            (0, false) => Err(Error::FirstRootMismatch),
            (unused, _) => Err(Error::ProofTooLong { unused }),
        };
    }
    verify_part(subtree, subtree_root, size, root, proof)
}

/// [`verify_subtree_consistency`] for a subtree that is not empty and ends within the tree.
pub(crate) fn verify_part(
    part: Subtree,
    part_root: &Digest,
    size: TreeSize,
    root: &Digest,
    proof: &[Digest],
) -> Result<(), Error> {
    let (first, second) = climb(part, part_root, size.0, true, proof)?;
    if first != *part_root {
        Err(Error::FirstRootMismatch)
    } else if second != *root {
        Err(Error::RootMismatch)
    } else {
        Ok(())
    }
}

/// The roots of the part and of the whole that a proof leads to.
pub(crate) fn roots_of_part(
    part: Subtree,
    part_root: &Digest,
    size: TreeSize,
    proof: &[Digest],
) -> Result<(Digest, Digest), Error> {
    climb(part, part_root, size.0, true, proof)
}

/// The roots of the part and of the tree of `size` leaves that a proof leads to; the same recursion
/// as the prover's.
fn climb(
    part: Subtree,
    part_root: &Digest,
    size: u64,
    known: bool,
    proof: &[Digest],
) -> Result<(Digest, Digest), Error> {
    if (part.start, part.end) == (0, size) {
        return match (known, proof) {
            (true, []) => Ok((*part_root, *part_root)),
            (false, [digest]) => Ok((*digest, *digest)),
            (false, []) => Err(Error::ProofTooShort),
            _ => Err(Error::ProofTooLong {
                unused: proof.len() - usize::from(!known),
            }),
        };
    }
    let (sibling, rest) = proof.split_last().ok_or(Error::ProofTooShort)?;
    let left = split(size);
    if part.end <= left {
        let (first, second) = climb(part, part_root, left, known, rest)?;
        return Ok((first, hash_node(&second, sibling)));
    }
    let both_sides = part.start < left;
    let inner = Subtree {
        start: part.start.saturating_sub(left),
        end: part.end - left,
    };
    let (first, second) = climb(inner, part_root, size - left, known && !both_sides, rest)?;
    let first = if both_sides {
        hash_node(sibling, &first)
    } else {
        first
    };
    Ok((first, hash_node(sibling, &second)))
}

fn check_end(subtree: Subtree, size: TreeSize) -> Result<(), Error> {
    match subtree.end <= size.0 {
        true => Ok(()),
        false => Err(Error::SizesReversed {
            first: subtree.end,
            second: size.0,
        }),
    }
}
