//! The tree's two hashes, told apart by their first byte (RFC 9162, section 2.1.1).

use crate::Digest;
use crate::sha256::{finish, sha256};

/// What a leaf's message starts with.
const LEAF: u8 = 0;
/// What a node's message starts with.
const NODE: u8 = 1;

/// The longest leaf whose padded message is two blocks: prefix, data, 0x80 and the bit length.
const TWO_BLOCKS: usize = 128 - 1 - 9;

/// A leaf's hash, `SHA-256(0x00 || data)`.
#[inline]
pub fn hash_leaf(data: &[u8]) -> Digest {
    if data.len() > TWO_BLOCKS {
        return sha256(&[&[LEAF], data]);
    }
    let mut message = [0; 128];
    message[0] = LEAF;
    message[1..][..data.len()].copy_from_slice(data);
    finish(&mut message, 1 + data.len())
}

/// The hash of a leaf whose data comes in parts, `SHA-256(0x00 || parts joined)`.
pub fn hash_leaf_parts(parts: &[&[u8]]) -> Digest {
    if let [data] = parts {
        return hash_leaf(data);
    }
    let mut message = [0; 128];
    message[0] = LEAF;
    let mut len = 1;
    for part in parts {
        match message[..=TWO_BLOCKS]
            .get_mut(len..)
            .and_then(|rest| rest.get_mut(..part.len()))
        {
            Some(place) => place.copy_from_slice(part),
            None => return hash_long_leaf(parts),
        }
        len += part.len();
    }
    finish(&mut message, len)
}

#[cold]
fn hash_long_leaf(parts: &[&[u8]]) -> Digest {
    let mut hasher = crate::Sha256::new();
    hasher.update(&[LEAF]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// The hash of the node above two others, `SHA-256(0x01 || left || right)`.
#[inline]
pub fn hash_node(left: &Digest, right: &Digest) -> Digest {
    let mut message = [0; 128];
    message[0] = NODE;
    message[1..33].copy_from_slice(&left.0);
    message[33..65].copy_from_slice(&right.0);
    finish(&mut message, 65)
}

/// The root of a tree without leaves, `SHA-256("")`.
pub fn empty_root() -> Digest {
    sha256(&[])
}
