//! Tries of ours and alloy's agree, and damaged proofs prove nothing.

use alloy_primitives::B256;
use alloy_trie::proof::{ProofRetainer, verify_proof};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::indexed;
use super::*;

fn key(index: u64) -> Vec<u8> {
    let mut key = Vec::new();
    crate::evm::rlp::write_uint(&mut key, index);
    key
}

/// The same by alloy: the root, and the nodes on the way to the key.
fn by_alloy(values: &[Vec<u8>], index: u64) -> (B256, Vec<Vec<u8>>) {
    let wanted = Nibbles::unpack(key(index));
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![wanted]));
    let mut entries: Vec<_> = (0..)
        .zip(values)
        .map(|(at, value)| (key(at), value))
        .collect();
    entries.sort();
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    let nodes = nodes.into_iter().map(|(_, node)| node.to_vec());
    (root, nodes.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn roots_and_proofs_are_those_of_alloy(
        values in vec(vec(any::<u8>(), 1..80), 1..300),
        index in any::<proptest::sample::Index>(),
    ) {
        let index = index.index(values.len()) as u64;
        let (root, path) = indexed(&values, index);
        let (their_root, their_path) = by_alloy(&values, index);
        prop_assert_eq!(root, their_root.0);
        // They keep the nodes that are held inside their parents apart as well.
        let apart: Vec<_> = their_path
            .iter()
            .enumerate()
            .filter(|(at, node)| *at == 0 || node.len() >= 32)
            .map(|(_, node)| node.clone())
            .collect();
        prop_assert_eq!(&path, &apart);
        let value = &values[index as usize];
        prop_assert_eq!(value_at(&root, &key(index), &path), Ok(value.as_slice()));
        let theirs = path.iter().map(|node| alloy_primitives::Bytes::from(node.clone())).collect::<Vec<_>>();
        prop_assert!(verify_proof(their_root, Nibbles::unpack(key(index)), Some(value.clone()), &theirs).is_ok());
    }

    #[test]
    fn a_proof_is_of_one_key_and_has_one_form(
        values in vec(vec(any::<u8>(), 1..80), 1..200),
        index in any::<proptest::sample::Index>(),
        other in 0u64..400,
        node in any::<proptest::sample::Index>(),
        byte in any::<proptest::sample::Index>(),
        bit in 0u8..8,
    ) {
        let index = index.index(values.len()) as u64;
        let (root, path) = indexed(&values, index);
        // Of another key, the path may be a part of a longer one, or lead to a value held in the same node.
        let at_other = value_at(&root, &key(other), &path);
        prop_assert!(at_other.is_err() || at_other == Ok(&values[other as usize]));
        prop_assert!(value_at(&root, &key(index), &path[1..]).is_err());
        prop_assert!(value_at(&root, &key(index), &path[..path.len() - 1]).is_err());
        let mut longer = path.clone();
        longer.push(path[0].clone());
        prop_assert!(value_at(&root, &key(index), &longer).is_err());
        let mut flipped = path.clone();
        let node = node.index(path.len());
        let byte = byte.index(path[node].len());
        flipped[node][byte] ^= 1u8 << bit;
        prop_assert!(value_at(&root, &key(index), &flipped).is_err());
        let mut other_root = root;
        other_root[byte % 32] ^= 1u8 << bit;
        prop_assert!(value_at(&other_root, &key(index), &path).is_err());
    }
}

#[test]
fn an_empty_trie_holds_nothing() {
    let (root, path) = indexed(&[], 0);
    assert_eq!(root, EMPTY_ROOT_HASH.0);
    assert!(value_at(&root, &key(0), &path).is_err());
    assert!(value_at(&root, &key(0), &[vec![0x80]]).is_err());
}

#[test]
fn nodes_that_no_trie_has_are_refused() {
    use crate::evm::rlp::{list, write_bytes};
    let node = |elements: &[&[u8]]| {
        let mut out = Vec::new();
        for element in elements {
            write_bytes(&mut out, element);
        }
        list(&out)
    };
    let value = [7; 40];
    let trie = |root: Vec<u8>| {
        value_at(&keccak256(&root), &[0x80], std::slice::from_ref(&root)).map(<[u8]>::to_vec)
    };
    assert_eq!(trie(node(&[&[0x20, 0x80], &value])), Ok(value.to_vec()));
    for bad in [
        node(&[&[0x21, 0x80], &value]),       // padding that is not zero
        node(&[&[0x40, 0x80], &value]),       // unknown flags
        node(&[&[0x00, 0x80], &value]),       // an extension to a value
        node(&[&[], &value]),                 // no path at all
        node(&[&[0x20, 0x80], &[]]),          // nothing
        node(&[&[0x20, 0x80], &value, &[]]),  // three elements
        node(&[&[0x20], &value]),             // a shorter key
        node(&[&[0x20, 0x80, 0x00], &value]), // a longer key
        node(&[&[0x00], &[1; 32]]),           // an extension of no length
        value.to_vec(),                       // not RLP
        [node(&[&[0x20, 0x80], &value]), vec![0]].concat(),
    ] {
        assert!(trie(bad.clone()).is_err(), "{}", hex::encode(bad));
    }
}
