//! A tree's frontier: the few subtree roots that are enough to append leaves and know the root.

use crate::{Digest, Error, LeafIndex, Node, TreeSize, empty_root, hash_node};

/// The roots of the complete subtrees that a tree of this size consists of, largest first: one for
/// each one bit of the size. It takes no allocation and about 2 KiB.
#[derive(Clone)]
pub struct Frontier {
    size: u64,
    /// The first `size.count_ones()` are meaningful.
    parts: [Digest; 64],
}

impl Frontier {
    /// The largest size that [`Frontier::from_parts`] accepts, so that no one can push past 2^64.
    pub const MAX_SIZE: u64 = 1 << 63;

    /// The empty tree.
    pub const fn new() -> Self {
        Self {
            size: 0,
            parts: [Digest([0; 32]); 64],
        }
    }

    /// Goes on from the size and [`Frontier::parts`] of an earlier frontier.
    ///
    /// # Errors
    /// [`Error::FrontierLength`] unless there is one part for each one bit of the size, and
    /// [`Error::TooLarge`] above [`Frontier::MAX_SIZE`].
    pub fn from_parts(size: TreeSize, parts: &[Digest]) -> Result<Self, Error> {
        let TreeSize(size) = size;
        if size > Self::MAX_SIZE {
            return Err(Error::TooLarge { size });
        }
        let expected = size.count_ones();
        if parts.len() != expected as usize {
            return Err(Error::FrontierLength {
                size,
                expected,
                found: parts.len(),
            });
        }
        let mut frontier = Self {
            size,
            ..Self::new()
        };
        frontier.parts[..parts.len()].copy_from_slice(parts);
        Ok(frontier)
    }

    /// Appends a leaf, given its hash.
    pub fn push(&mut self, leaf: Digest) {
        self.push_with(leaf, |_| ());
    }

    /// Appends a leaf, given its hash, and shows each complete node that it makes: first the leaf
    /// itself, then the nodes above it that it completes, upwards.
    pub fn push_with(&mut self, leaf: Digest, mut completed: impl FnMut(Node)) {
        let LeafIndex(index) = self.next_index();
        let mut len = index.count_ones() as usize;
        let mut digest = leaf;
        completed(Node {
            level: 0,
            index,
            digest,
        });
        // Each trailing one bit of the size is a subtree as large as the one just finished.
        for level in 1..=index.trailing_ones() as u8 {
            len -= 1;
            digest = hash_node(&self.parts[len], &digest);
            completed(Node {
                level,
                index: index >> level,
                digest,
            });
        }
        self.parts[len] = digest;
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Where the next leaf goes.
    pub fn next_index(&self) -> LeafIndex {
        LeafIndex(self.size)
    }

    /// The roots of the complete subtrees, largest (leftmost) first.
    pub fn parts(&self) -> &[Digest] {
        &self.parts[..self.size.count_ones() as usize]
    }

    /// The tree's root (RFC 9162, section 2.1.1).
    pub fn root(&self) -> Digest {
        match self.parts().split_last() {
            None => empty_root(),
            Some((last, rest)) => rest
                .iter()
                .rev()
                .fold(*last, |right, left| hash_node(left, &right)),
        }
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Frontier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frontier")
            .field("size", &self.size)
            .field("parts", &self.parts())
            .finish()
    }
}

impl PartialEq for Frontier {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size && self.parts() == other.parts()
    }
}

impl Eq for Frontier {}
