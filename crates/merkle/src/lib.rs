//! RFC 9162 SHA-256 Merkle trees: roots, frontiers, inclusion, consistency and multi-leaf proofs.
//!
//! Every function is pure: digests in, digests or an [`Error`] out. Tiles have their coordinates, paths
//! and proofs here, but there is no storage, no checkpoint and no signature. Without the feature `alloc` the crate still hashes,
//! keeps a [`Frontier`] and checks every kind of proof; with it, it also makes proofs; with `std`,
//! it computes roots on several threads.
//!
//! # The tree (RFC 9162, section 2.1.1)
//!
//! ```text
//! leaf hash      = SHA-256(0x00 || data)
//! node hash      = SHA-256(0x01 || left || right)
//! root of 0      = SHA-256("")
//! root of 1      = the leaf hash
//! root of n > 1  = node(root of the first k, root of the other n - k), k = the largest power of two below n
//! ```
//!
//! A subtree that holds exactly 2^level leaves and starts at a multiple of 2^level is a *complete
//! node*, named by (level, index): it covers the leaves from `index * 2^level`. It never changes once
//! written, so a log is kept as its complete nodes; see [`NodeReader`].
//!
//! Sizes and indices are any `u64`: no function here overflows, panics or recurses deeper than 64.
//!
//! ```
//! use avouch_merkle::{LeafIndex, TreeSize, hash_leaf, inclusion_proof, root, verify_inclusion};
//!
//! let leaves = [hash_leaf(b"a"), hash_leaf(b"b"), hash_leaf(b"c")];
//! let root = root(leaves);
//! let proof = inclusion_proof(&leaves, LeafIndex(2))?;
//! verify_inclusion(leaves[2], LeafIndex(2), TreeSize(3), &proof, &root)?;
//! # Ok::<(), avouch_merkle::Error>(())
//! ```

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod batch;
mod consistency;
mod digest;
mod error;
mod frontier;
mod hash;
mod inclusion;
mod lanes;
mod multi;
#[cfg(feature = "std")]
mod parallel;
mod range;
mod sha256;
mod size;
mod stored;
mod subtree;
#[cfg(feature = "alloc")]
mod tile;

pub use batch::{root, root_of_data};
#[cfg(feature = "alloc")]
pub use consistency::consistency_proof;
pub use consistency::{roots_from_consistency, verify_consistency};
pub use digest::{Digest, ParseDigestError};
pub use error::Error;
pub use frontier::Frontier;
pub use hash::{empty_root, hash_leaf, hash_leaf_parts, hash_node};
#[cfg(feature = "alloc")]
pub use inclusion::inclusion_proof;
pub use inclusion::{root_from_inclusion, verify_inclusion};
#[cfg(feature = "alloc")]
pub use multi::multi_proof;
pub use multi::{root_from_multi, verify_multi};
#[cfg(feature = "std")]
pub use parallel::root_parallel;
pub use sha256::{Sha256, sha256};
pub use size::{LeafIndex, TreeSize};
pub use stored::{Node, NodeReader, frontier_from_nodes, root_from_nodes};
#[cfg(feature = "alloc")]
pub use stored::{
    consistency_from_nodes, inclusion_from_nodes, multi_from_nodes, stored_nodes_for_append,
};
#[cfg(feature = "alloc")]
pub use subtree::subtree_consistency_proof;
pub use subtree::{Subtree, verify_subtree_consistency, verify_subtree_inclusion};
#[cfg(feature = "alloc")]
pub use tile::{Tile, TileReader, Tiles};
