//! The tree table: one row for each node of the Merkle tree over the segment's events, leaves and
//! inner nodes alike, with the message that was hashed for it.
//!
//! Each node carries its span (first leaf, number of leaves). An inner node joins `[a, a + l)` and
//! `[a + l, a + l + r)` where l is a power of two and r is at most l, which is how RFC 9162 (section
//! 2.1.1) splits a list: by the largest power of two smaller than its length. So spans fix the tree's
//! shape, and with it the size: a root for `(0, N)` has exactly the leaves 0..N, in order.

pub(crate) mod air;
mod spans;
#[cfg(feature = "prove")]
mod trace;

pub(crate) use air::TreeAir;
pub(crate) use spans::{Span, exported, join};
#[cfg(feature = "prove")]
pub(crate) use trace::Tree;

/// How many rows the tree over these spans needs: a tree with n leaves has n - 1 inner nodes.
pub(crate) fn rows(spans: &[Span]) -> usize {
    spans.iter().map(|span| 2 * span.count as usize - 1).sum()
}
