//! Inclusion proofs: a leaf is at an index of a tree (RFC 9162, section 2.1.3).

use crate::range::split;
#[cfg(feature = "alloc")]
use crate::range::{Leaves, Subtrees};
use crate::{Digest, Error, LeafIndex, TreeSize, hash_node};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The proof that the leaf at `index` is in the tree over `leaves`: `PATH(index, leaves)` of RFC
/// 9162, section 2.1.3.1, the siblings from the leaf's own up to the root's child.
///
/// # Errors
/// [`Error::IndexOutOfRange`] if there is no such leaf.
#[cfg(feature = "alloc")]
pub fn inclusion_proof(leaves: &[Digest], index: LeafIndex) -> Result<Vec<Digest>, Error> {
    prove(&Leaves(leaves), index, TreeSize(leaves.len() as u64))
}

#[cfg(feature = "alloc")]
pub(crate) fn prove<S: Subtrees>(
    tree: &S,
    index: LeafIndex,
    size: TreeSize,
) -> Result<Vec<Digest>, S::Error> {
    check_index(index, size)?;
    let mut proof = Vec::new();
    path(tree, index.0, 0, size.0, &mut proof)?;
    Ok(proof)
}

/// The path of leaf `index` in the subtree [start, end).
#[cfg(feature = "alloc")]
fn path<S: Subtrees>(
    tree: &S,
    index: u64,
    start: u64,
    end: u64,
    proof: &mut Vec<Digest>,
) -> Result<(), S::Error> {
    if end - start == 1 {
        return Ok(());
    }
    let middle = start + split(end - start);
    if index < middle {
        path(tree, index, start, middle, proof)?;
        proof.push(tree.root(middle, end)?);
    } else {
        path(tree, index, middle, end, proof)?;
        proof.push(tree.root(start, middle)?);
    }
    Ok(())
}

/// The root that a leaf hash and its inclusion proof lead to (RFC 9162, section 2.1.3.2).
///
/// The proof says nothing until that root is known to be right: compare it with a signed one, or use
/// [`verify_inclusion`]. One proof can fit several sizes, so the size must be authentic as well.
///
/// # Errors
/// [`Error::IndexOutOfRange`] if the tree has no such leaf, [`Error::ProofTooShort`] or
/// [`Error::ProofTooLong`] if the proof is not as long as the leaf is deep.
pub fn root_from_inclusion(
    leaf: Digest,
    index: LeafIndex,
    size: TreeSize,
    proof: &[Digest],
) -> Result<Digest, Error> {
    check_index(index, size)?;
    climb(leaf, index.0, size.0, proof)
}

/// The root of a subtree of `size` leaves, given its leaf `index` and the path to it.
fn climb(leaf: Digest, index: u64, size: u64, proof: &[Digest]) -> Result<Digest, Error> {
    if size == 1 {
        return match proof.len() {
            0 => Ok(leaf),
            unused => Err(Error::ProofTooLong { unused }),
        };
    }
    let (sibling, rest) = proof.split_last().ok_or(Error::ProofTooShort)?;
    let left = split(size);
    if index < left {
        Ok(hash_node(&climb(leaf, index, left, rest)?, sibling))
    } else {
        Ok(hash_node(
            sibling,
            &climb(leaf, index - left, size - left, rest)?,
        ))
    }
}

/// Checks that the leaf with this hash is at `index` of the tree with this size and root (RFC 9162,
/// section 2.1.3.2).
///
/// # Errors
/// As [`root_from_inclusion`], and [`Error::RootMismatch`] if the proof leads to another root.
pub fn verify_inclusion(
    leaf: Digest,
    index: LeafIndex,
    size: TreeSize,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), Error> {
    match root_from_inclusion(leaf, index, size, proof)? == *root {
        true => Ok(()),
        false => Err(Error::RootMismatch),
    }
}

pub(crate) fn check_index(index: LeafIndex, size: TreeSize) -> Result<(), Error> {
    match index.0 < size.0 {
        true => Ok(()),
        false => Err(Error::IndexOutOfRange {
            index: index.0,
            size: size.0,
        }),
    }
}
