//! The tree's two hashes, told apart by their first byte (RFC 9162, section 2.1.1).

use crate::Digest;
use crate::sha256::{pad, sha256, sha256_joined, sha256_padded};

/// What a leaf's message starts with.
const LEAF: u8 = 0;
/// What a node's message starts with.
const NODE: u8 = 1;

/// A leaf's hash, `SHA-256(0x00 || data)`.
#[inline]
pub fn hash_leaf(data: &[u8]) -> Digest {
    match leaf_message(data) {
        Some(message) => sha256_padded(&message),
        None => sha256(&[&[LEAF], data]),
    }
}

/// The padded message of a leaf, if it is two blocks long, as that of an event is.
#[inline(always)]
pub(crate) fn leaf_message(data: &[u8]) -> Option<[u8; 128]> {
    let mut message = [0; 128];
    message[0] = LEAF;
    message[1..119].get_mut(..data.len())?.copy_from_slice(data);
    (pad(&mut message, 1 + data.len()) == 128).then_some(message)
}

/// The hash of a leaf whose data comes in parts, `SHA-256(0x00 || parts joined)`.
pub fn hash_leaf_parts(parts: &[&[u8]]) -> Digest {
    sha256_joined(core::iter::once(&[LEAF][..]).chain(parts.iter().copied()))
}

/// The hash of the node above two others, `SHA-256(0x01 || left || right)`.
#[inline]
pub fn hash_node(left: &Digest, right: &Digest) -> Digest {
    sha256_padded(&node_message(left, right))
}

/// The padded message of a node.
#[inline(always)]
pub(crate) fn node_message(left: &Digest, right: &Digest) -> [u8; 128] {
    let mut message = [0; 128];
    message[0] = NODE;
    message[1..33].copy_from_slice(&left.0);
    message[33..65].copy_from_slice(&right.0);
    pad(&mut message, 65);
    message
}

/// The root of a tree without leaves, `SHA-256("")`.
pub fn empty_root() -> Digest {
    sha256(&[])
}
