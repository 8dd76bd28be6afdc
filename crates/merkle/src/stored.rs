//! A log kept as its complete nodes, by (level, index): roots and proofs from a few of them.
//!
//! Complete nodes never change, so appending only ever adds rows: [`crate::Frontier::push_with`] or
//! [`stored_nodes_for_append`] says which. A root reads one node for each one bit of the size; a proof
//! reads one for each of its hashes, and for the one at the tree's ragged right edge, if it is among
//! them, a few more: in all O(log size) for each leaf proven.

#[cfg(feature = "alloc")]
use crate::range::Subtrees;
use crate::{Digest, Error, Frontier, TreeSize};
#[cfg(feature = "alloc")]
use crate::{LeafIndex, consistency, hash_node, inclusion, multi};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// A complete node: the root of the 2^level leaves from `index * 2^level`. Level 0 is the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// How far above the leaves it is.
    pub level: u8,
    /// Its position in its level, from 0.
    pub index: u64,
    /// Its hash.
    pub digest: Digest,
}

/// Where a log's complete nodes are kept.
pub trait NodeReader {
    /// Why a node could not be read, or a proof not be made.
    type Error: From<Error>;

    /// The complete node at this level and index. Only nodes that lie wholly within the tree size
    /// that was named are asked for.
    ///
    /// # Errors
    /// Whatever the store says when it cannot give the node.
    fn node(&self, level: u8, index: u64) -> Result<Digest, Self::Error>;
}

/// The frontier of the first `size` leaves.
///
/// # Errors
/// The reader's, and [`Error::TooLarge`] above [`Frontier::MAX_SIZE`].
pub fn frontier_from_nodes<R: NodeReader>(
    reader: &R,
    size: TreeSize,
) -> Result<Frontier, R::Error> {
    frontier_of_range(reader, 0, size.0)
}

/// The root of the first `size` leaves.
///
/// # Errors
/// As [`frontier_from_nodes`].
pub fn root_from_nodes<R: NodeReader>(reader: &R, size: TreeSize) -> Result<Digest, R::Error> {
    Ok(frontier_from_nodes(reader, size)?.root())
}

/// The frontier of the subtree [start, end), as a tree of its own. Its start is a multiple of each
/// of its complete nodes' sizes, so these are complete nodes of the whole tree.
fn frontier_of_range<R: NodeReader>(
    reader: &R,
    start: u64,
    end: u64,
) -> Result<Frontier, R::Error> {
    let size = end - start;
    let mut parts = [Digest([0; 32]); 64];
    let mut at = start;
    for (part, level) in parts
        .iter_mut()
        .zip((0..64).rev().filter(|level| size >> level & 1 == 1))
    {
        *part = reader.node(level, at >> level)?;
        at += 1 << level;
    }
    Ok(Frontier::from_parts(
        TreeSize(size),
        &parts[..size.count_ones() as usize],
    )?)
}

/// The complete nodes that appending this leaf hash at `index` makes, from the leaf up; `reader`
/// holds those of the `index` leaves before it. Store them all, at once.
///
/// # Errors
/// The reader's.
#[cfg(feature = "alloc")]
pub fn stored_nodes_for_append<R: NodeReader>(
    reader: &R,
    index: LeafIndex,
    leaf: Digest,
) -> Result<Vec<Node>, R::Error> {
    let LeafIndex(index) = index;
    let mut nodes = Vec::with_capacity(1 + index.trailing_ones() as usize);
    let mut node = Node {
        level: 0,
        index,
        digest: leaf,
    };
    nodes.push(node);
    // A node with an odd index completes its parent.
    while node.index & 1 == 1 {
        let left = reader.node(node.level, node.index - 1)?;
        node = Node {
            level: node.level + 1,
            index: node.index >> 1,
            digest: hash_node(&left, &node.digest),
        };
        nodes.push(node);
    }
    Ok(nodes)
}

/// As [`crate::inclusion_proof`], for the first `size` leaves.
///
/// # Errors
/// The reader's, and [`Error::IndexOutOfRange`] if there is no such leaf.
#[cfg(feature = "alloc")]
pub fn inclusion_from_nodes<R: NodeReader>(
    reader: &R,
    index: LeafIndex,
    size: TreeSize,
) -> Result<Vec<Digest>, R::Error> {
    inclusion::prove(&Stored(reader), index, size)
}

/// As [`crate::consistency_proof`], between the first `first` and the first `second` leaves.
///
/// # Errors
/// The reader's, [`Error::EmptyFirst`] and [`Error::SizesReversed`].
#[cfg(feature = "alloc")]
pub fn consistency_from_nodes<R: NodeReader>(
    reader: &R,
    first: TreeSize,
    second: TreeSize,
) -> Result<Vec<Digest>, R::Error> {
    consistency::prove(&Stored(reader), first, second)
}

/// As [`crate::multi_proof`], for the first `size` leaves.
///
/// # Errors
/// The reader's, [`Error::NoLeaves`], [`Error::NotAscending`] and [`Error::IndexOutOfRange`].
#[cfg(feature = "alloc")]
pub fn multi_from_nodes<R: NodeReader>(
    reader: &R,
    indices: &[LeafIndex],
    size: TreeSize,
) -> Result<Vec<Digest>, R::Error> {
    multi::prove(&Stored(reader), indices, size)
}

#[cfg(feature = "alloc")]
struct Stored<'a, R>(&'a R);

#[cfg(feature = "alloc")]
impl<R: NodeReader> Subtrees for Stored<'_, R> {
    type Error = R::Error;

    fn root(&self, start: u64, end: u64) -> Result<Digest, R::Error> {
        Ok(frontier_of_range(self.0, start, end)?.root())
    }
}
