//! Building a trie, and the proof of one of its values. Whoever publishes a proof has the block's receipts at hand.

use crate::evm::keccak::keccak256;
use crate::evm::rlp;

/// The root of the trie that holds each value at the RLP of its index, and the proof of the value at `index`: the nodes
/// from the root on.
pub(crate) fn indexed(values: &[Vec<u8>], index: u64) -> ([u8; 32], Vec<Vec<u8>>) {
    let mut entries: Vec<Entry<'_>> = (0..)
        .zip(values)
        .map(|(index, value)| (nibbles_of(index), value.as_slice()))
        .collect();
    entries.sort();
    let mut building = Building {
        wanted: nibbles_of(index),
        path: Vec::new(),
    };
    let root = building.node(&entries, 0);
    if root.len() < 32 {
        // Even a short root is referred to by its hash.
        building.path.push(root.clone());
    }
    building.path.reverse();
    (keccak256(&root), building.path)
}

/// A key in half-bytes, and its value.
type Entry<'a> = (Vec<u8>, &'a [u8]);

struct Building {
    wanted: Vec<u8>,
    /// The nodes towards the wanted value that are referred to by their hashes, the last first.
    path: Vec<Vec<u8>>,
}

impl Building {
    /// The node over entries that share their first `depth` half-bytes.
    fn node(&mut self, entries: &[Entry<'_>], depth: usize) -> Vec<u8> {
        let mut elements = Vec::new();
        match entries {
            [] => return vec![0x80],
            [(key, value)] => {
                rlp::write_bytes(&mut elements, &compact(&key[depth..], true));
                rlp::write_bytes(&mut elements, value);
            }
            [(first, _), .., (last, _)] => {
                // Sorted: what the first and the last share, all share.
                let shared = first
                    .iter()
                    .zip(last)
                    .take_while(|(one, other)| one == other)
                    .count();
                if shared > depth {
                    rlp::write_bytes(&mut elements, &compact(&first[depth..shared], false));
                    let child = self.node(entries, shared);
                    refer(&mut elements, &child);
                } else {
                    let at_nibble = |key: &Vec<u8>| key.get(depth).copied();
                    for nibble in 0..16 {
                        let start =
                            entries.partition_point(|(key, _)| at_nibble(key) < Some(nibble));
                        let end =
                            entries.partition_point(|(key, _)| at_nibble(key) <= Some(nibble));
                        let child = self.node(&entries[start..end], depth + 1);
                        refer(&mut elements, &child);
                    }
                    let here = entries.first().filter(|(key, _)| key.len() == depth);
                    rlp::write_bytes(&mut elements, here.map_or(&[], |(_, value)| value));
                }
            }
        }
        let node = rlp::list(&elements);
        if node.len() >= 32 && entries.iter().any(|(key, _)| *key == self.wanted) {
            self.path.push(node.clone());
        }
        node
    }
}

/// Refers to a child: by its hash, or by itself where that is shorter than a hash.
fn refer(elements: &mut Vec<u8>, child: &[u8]) {
    match child.len() {
        0..32 => elements.extend_from_slice(child),
        _ => rlp::write_bytes(elements, &keccak256(child)),
    }
}

/// A path of half-bytes in its compact form (appendix C).
fn compact(nibbles: &[u8], is_leaf: bool) -> Vec<u8> {
    let flags = if is_leaf { 0x20 } else { 0 };
    let (head, rest) = match nibbles {
        [first, rest @ ..] if nibbles.len() % 2 == 1 => (flags | 0x10 | first, rest),
        rest => (flags, rest),
    };
    let pairs = rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]);
    std::iter::once(head).chain(pairs).collect()
}

fn nibbles_of(index: u64) -> Vec<u8> {
    let mut key = Vec::new();
    rlp::write_uint(&mut key, index);
    super::nibbles_of(&key)
}
