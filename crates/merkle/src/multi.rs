//! Multi-leaf proofs: several leaves are at their indices of a tree, in one proof. RFC 9162 has no such
//! proof; [`verify_multi`] says what ours is.

use crate::inclusion::check_index;
use crate::range::split;
#[cfg(feature = "alloc")]
use crate::range::{Leaves, Subtrees};
use crate::{Digest, Error, LeafIndex, TreeSize, hash_node};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// The proof that the leaves at `indices` are in the tree over `leaves`: the root hashes of the largest
/// subtrees without any of them, from left to right. [`verify_multi`] defines it in full.
///
/// # Errors
/// [`Error::NoLeaves`], [`Error::NotAscending`] or [`Error::IndexOutOfRange`] unless there is at
/// least one index, each is above the one before, and all are in the tree.
#[cfg(feature = "alloc")]
pub fn multi_proof(leaves: &[Digest], indices: &[LeafIndex]) -> Result<Vec<Digest>, Error> {
    prove(&Leaves(leaves), indices, TreeSize(leaves.len() as u64))
}

#[cfg(feature = "alloc")]
pub(crate) fn prove<S: Subtrees>(
    tree: &S,
    indices: &[LeafIndex],
    size: TreeSize,
) -> Result<Vec<Digest>, S::Error> {
    check_indices(indices.iter().copied(), size)?;
    let mut proof = Vec::new();
    cover(tree, indices, 0, size.0, &mut proof)?;
    Ok(proof)
}

/// Writes the roots of the largest subtrees of [start, end) that hold none of `indices`.
#[cfg(feature = "alloc")]
fn cover<S: Subtrees>(
    tree: &S,
    indices: &[LeafIndex],
    start: u64,
    end: u64,
    proof: &mut Vec<Digest>,
) -> Result<(), S::Error> {
    if indices.is_empty() {
        proof.push(tree.root(start, end)?);
        return Ok(());
    }
    if end - start == 1 {
        return Ok(());
    }
    let middle = start + split(end - start);
    let (left, right) = indices.split_at(indices.partition_point(|index| index.0 < middle));
    cover(tree, left, start, middle, proof)?;
    cover(tree, right, middle, end, proof)
}

/// The root that these leaf hashes and their [`multi_proof`] lead to.
///
/// The proof says nothing until that root is known to be right: compare it with an authentic one, or
/// use [`verify_multi`]. The size must be authentic as well.
///
/// # Errors
/// [`Error::NoLeaves`], [`Error::NotAscending`] or [`Error::IndexOutOfRange`] unless there is at
/// least one leaf, each index is above the one before, and all are in the tree;
/// [`Error::ProofTooShort`] or [`Error::ProofTooLong`] if the proof has the wrong length.
pub fn root_from_multi(
    size: TreeSize,
    leaves: &[(LeafIndex, Digest)],
    proof: &[Digest],
) -> Result<Digest, Error> {
    check_indices(leaves.iter().map(|(index, _)| *index), size)?;
    let mut rest = proof;
    let root = gather(leaves, 0, size.0, &mut rest)?;
    match rest.len() {
        0 => Ok(root),
        unused => Err(Error::ProofTooLong { unused }),
    }
}

/// The root of [start, end), which holds exactly `leaves`; takes what else it needs from the proof.
fn gather(
    leaves: &[(LeafIndex, Digest)],
    start: u64,
    end: u64,
    proof: &mut &[Digest],
) -> Result<Digest, Error> {
    match leaves {
        [] => {
            let (next, rest) = proof.split_first().ok_or(Error::ProofTooShort)?;
            *proof = rest;
            Ok(*next)
        }
        [(_, leaf), ..] if end - start == 1 => Ok(*leaf),
        _ => {
            let middle = start + split(end - start);
            let (left, right) =
                leaves.split_at(leaves.partition_point(|(index, _)| index.0 < middle));
            let left = gather(left, start, middle, proof)?;
            let right = gather(right, middle, end, proof)?;
            Ok(hash_node(&left, &right))
        }
    }
}

/// Checks that the leaves with these hashes are at these indices of the tree with this size and
/// root.
///
/// # The proof
///
/// RFC 9162 proves one leaf at a time; this is the proof of several that its tree suggests. The set of
/// leaves has at least one index; all are below `size`, and they are given in strictly ascending
/// order. The proof is the list of hashes `proof(set, [0, size))`, where
///
/// ```text
/// proof(set, [a, b)) = [root hash of the leaves [a, b)]                  if none of them is in the set
///                    = []                                                else if b - a = 1
///                    = proof(set, [a, a + k)) || proof(set, [a + k, b))  else, with k the largest power
///                                                                        of two below b - a
/// ```
///
/// and `||` joins lists. In words: the root hashes of the largest subtrees without a leaf of the set,
/// from left to right. The verifier makes the same walk from the root, left before right; it takes a
/// leaf's own hash where the set has one, the next hash of the proof where a subtree has none, and
/// hashes upwards. No hash may be missing, and none left over.
///
/// The size and the set alone decide how many hashes there are and what each stands for, so a set has
/// exactly one valid proof. That of all leaves is empty. That of one leaf has the hashes of its
/// inclusion proof, but from left to right and not from the leaf up. Checking takes one node hash for
/// each leaf and each hash of the proof, less one, no allocation, and a stack as deep as the tree.
///
/// # Errors
/// As [`root_from_multi`], and [`Error::RootMismatch`] if the proof leads to another root.
pub fn verify_multi(
    size: TreeSize,
    leaves: &[(LeafIndex, Digest)],
    proof: &[Digest],
    root: &Digest,
) -> Result<(), Error> {
    match root_from_multi(size, leaves, proof)? == *root {
        true => Ok(()),
        false => Err(Error::RootMismatch),
    }
}

fn check_indices(
    mut indices: impl Iterator<Item = LeafIndex>,
    size: TreeSize,
) -> Result<(), Error> {
    let mut previous = indices.next().ok_or(Error::NoLeaves)?;
    for index in indices {
        if index <= previous {
            return Err(Error::NotAscending {
                previous: previous.0,
                index: index.0,
            });
        }
        previous = index;
    }
    check_index(previous, size)
}
