//! How a tree divides, and where proof makers get the roots of its parts.

#[cfg(feature = "alloc")]
use crate::{Digest, Error};

/// How many leaves the left subtree of a tree of `size` > 1 leaves has: the largest power of two
/// below the size (RFC 9162, section 2.1.1).
pub(crate) fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Leaves, or stored nodes, whose subtree roots a proof maker asks for.
#[cfg(feature = "alloc")]
pub(crate) trait Subtrees {
    type Error: From<Error>;

    /// The root over the leaves [start, end), which are a subtree of a tree, and not empty.
    fn root(&self, start: u64, end: u64) -> Result<Digest, Self::Error>;
}

/// All leaves of a tree.
#[cfg(feature = "alloc")]
pub(crate) struct Leaves<'a>(pub(crate) &'a [Digest]);

#[cfg(feature = "alloc")]
impl Subtrees for Leaves<'_> {
    type Error = Error;

    fn root(&self, start: u64, end: u64) -> Result<Digest, Error> {
        let range = (start as usize)..(end as usize);
        match self.0.get(range) {
            Some(leaves) => Ok(crate::root(leaves.iter().copied())),
            None => Err(Error::IndexOutOfRange {
                index: end,
                size: self.0.len() as u64,
            }),
        }
    }
}
