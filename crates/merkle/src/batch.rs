//! Roots of many leaves at once, a batch at a time.

use crate::hash::{leaf_message, node_message};
use crate::lanes::{self, LANES, sha256_padded};
use crate::{Digest, Frontier, hash_leaf, hash_node};
use core::array::from_fn;

/// Leaves, or nodes, that are hashed as one complete subtree. It is a power of two, so the tree over
/// the batches' roots (the last one perhaps smaller) has the shape of RFC 9162, section 2.1.1.
pub(crate) const BATCH: usize = 256;

/// The root of the tree over these leaf hashes (RFC 9162, section 2.1.1).
pub fn root(leaves: impl IntoIterator<Item = Digest>) -> Digest {
    let mut leaves = leaves.into_iter();
    if leaves.size_hint().0 < BATCH {
        // Most trees are small, such as an event's fields: spare them the batch's buffer.
        let mut frontier = Frontier::new();
        leaves.for_each(|leaf| frontier.push(leaf));
        return frontier.root();
    }
    let fill = |batch: &mut [Digest; BATCH]| {
        batch
            .iter_mut()
            .zip(&mut leaves)
            .map(|(place, leaf)| *place = leaf)
            .count()
    };
    root_of_batches(fill, lanes::pay())
}

/// The root of the tree over these leaves' data (RFC 9162, section 2.1.1); faster than hashing each
/// leaf for [`root`].
pub fn root_of_data<T: AsRef<[u8]>>(data: &[T]) -> Digest {
    root_of_data_on(data, lanes::pay())
}

fn root_of_data_on<T: AsRef<[u8]>>(data: &[T], lanes: bool) -> Digest {
    let mut batches = data.chunks(BATCH);
    root_of_batches(
        |batch| {
            let data = batches.next().unwrap_or_default();
            hash_leaves(data, &mut batch[..data.len()], lanes);
            data.len()
        },
        lanes,
    )
}

/// The root over leaf hashes that `fill` writes, a batch at a time; it says how many, and a batch that
/// is not full is the last.
fn root_of_batches(mut fill: impl FnMut(&mut [Digest; BATCH]) -> usize, lanes: bool) -> Digest {
    let mut batch = [Digest([0; 32]); BATCH];
    let mut frontier = Frontier::new();
    loop {
        let len = fill(&mut batch);
        if len > 0 {
            frontier.push(reduce(&mut batch[..len], lanes));
        }
        if len < BATCH {
            return frontier.root();
        }
    }
}

/// The root over at least one node, level by level; a level's last node without a sibling goes up as
/// it is. The nodes are overwritten.
fn reduce(nodes: &mut [Digest], lanes: bool) -> Digest {
    let mut len = nodes.len();
    while len > 1 {
        let mut at = 0;
        if lanes {
            while 2 * (at + LANES) <= len {
                let parents = sha256_padded(&from_fn(|lane| {
                    node_message(&nodes[2 * (at + lane)], &nodes[2 * (at + lane) + 1])
                }));
                nodes[at..][..LANES].copy_from_slice(&parents);
                at += LANES;
            }
        }
        for at in at..len / 2 {
            nodes[at] = hash_node(&nodes[2 * at], &nodes[2 * at + 1]);
        }
        if len % 2 == 1 {
            nodes[len / 2] = nodes[len - 1];
        }
        len = len.div_ceil(2);
    }
    nodes[0]
}

/// Each leaf's hash; `hashes` is as long as `data`.
fn hash_leaves<T: AsRef<[u8]>>(data: &[T], hashes: &mut [Digest], lanes: bool) {
    for (data, hashes) in data.chunks(LANES).zip(hashes.chunks_mut(LANES)) {
        match if lanes { leaf_messages(data) } else { None } {
            Some(messages) => hashes.copy_from_slice(&sha256_padded(&messages)),
            None => {
                for (hash, leaf) in hashes.iter_mut().zip(data) {
                    *hash = hash_leaf(leaf.as_ref());
                }
            }
        }
    }
}

/// The padded messages of as many leaves as are hashed side by side, if all are two blocks long.
fn leaf_messages<T: AsRef<[u8]>>(data: &[T]) -> Option<[[u8; 128]; LANES]> {
    let mut messages = [[0; 128]; LANES];
    let data: &[T; LANES] = data.try_into().ok()?;
    for (message, leaf) in messages.iter_mut().zip(data) {
        *message = leaf_message(leaf.as_ref())?;
    }
    Some(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    #[test]
    fn batches_lanes_and_the_frontier_give_the_same_root() {
        let data: Vec<Vec<u8>> = (0..600usize)
            .map(|i| std::vec![i as u8; if i / 50 % 3 == 0 { i * 7 % 200 } else { 117 }])
            .collect();
        let leaves: Vec<Digest> = data.iter().map(|data| hash_leaf(data)).collect();
        let mut frontier = Frontier::new();
        for size in 0..=data.len() {
            for lanes in [false, true] {
                assert_eq!(
                    root_of_data_on(&data[..size], lanes),
                    frontier.root(),
                    "{size} {lanes}"
                );
            }
            assert_eq!(
                root(leaves[..size].iter().copied()),
                frontier.root(),
                "{size}"
            );
            if let Some(leaf) = leaves.get(size) {
                frontier.push(*leaf);
            }
        }
    }
}
