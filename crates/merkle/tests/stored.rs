//! Growing trees: the frontier, and a log kept as its complete nodes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, Frontier, LeafIndex, Node, NodeReader, TreeSize, consistency_from_nodes,
    consistency_proof, frontier_from_nodes, inclusion_from_nodes, inclusion_proof,
    multi_from_nodes, multi_proof, root, root_from_nodes, root_of_data, stored_nodes_for_append,
};
use common::{data, leaves, members, mth};
use std::cell::Cell;
use std::collections::HashMap;

#[derive(Default)]
struct Store {
    nodes: HashMap<(u8, u64), Digest>,
    reads: Cell<usize>,
}

#[derive(Debug, PartialEq)]
enum StoreError {
    Missing(u8, u64),
    Proof(Error),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Proof(error)
    }
}

impl NodeReader for Store {
    type Error = StoreError;

    fn node(&self, level: u8, index: u64) -> Result<Digest, StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.nodes
            .get(&(level, index))
            .copied()
            .ok_or(StoreError::Missing(level, index))
    }
}

impl Store {
    fn add(&mut self, node: Node) {
        let before = self.nodes.insert((node.level, node.index), node.digest);
        assert_eq!(before, None, "a complete node was written twice");
    }

    fn of(leaves: &[Digest]) -> Self {
        let mut store = Self::default();
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push_with(*leaf, |node| store.add(node));
        }
        store
    }

    fn reads(&self) -> usize {
        self.reads.take()
    }
}

#[test]
fn every_way_to_a_root_is_the_rfcs_for_every_size_to_300() {
    let leaves = leaves(300);
    let data: Vec<Vec<u8>> = (0..300).map(data).collect();
    let store = Store::of(&leaves);
    let mut frontier = Frontier::new();
    for size in 0..=300 {
        let expected = mth(&leaves[..size]);
        let tree = TreeSize(size as u64);
        assert_eq!(frontier.size(), tree);
        assert_eq!(frontier.root(), expected, "frontier of {size}");
        assert_eq!(
            root(leaves[..size].iter().copied()),
            expected,
            "leaves of {size}"
        );
        assert_eq!(root_of_data(&data[..size]), expected, "data of {size}");
        assert_eq!(
            root_from_nodes(&store, tree).unwrap(),
            expected,
            "nodes of {size}"
        );
        let again = Frontier::from_parts(tree, frontier.parts()).unwrap();
        assert_eq!(again, frontier);
        assert_eq!(frontier_from_nodes(&store, tree).unwrap(), frontier);
        if let Some(leaf) = leaves.get(size) {
            frontier = again;
            frontier.push(*leaf);
        }
    }
}

#[test]
fn the_nodes_to_store_are_exactly_the_complete_ones() {
    let leaves = leaves(70);
    let mut store = Store::default();
    let mut frontier = Frontier::new();
    for (index, leaf) in leaves.iter().enumerate() {
        let nodes = stored_nodes_for_append(&store, LeafIndex(index as u64), *leaf).unwrap();
        let mut pushed = Vec::new();
        frontier.push_with(*leaf, |node| pushed.push(node));
        assert_eq!(nodes, pushed, "leaf {index}");
        nodes.into_iter().for_each(|node| store.add(node));
        let size = index as u64 + 1;
        let complete: u64 = (0..64).map(|level| size >> level).sum();
        assert_eq!(store.nodes.len() as u64, complete);
    }
    for ((level, index), digest) in &store.nodes {
        let (first, count) = ((*index as usize) << level, 1 << level);
        assert_eq!(
            *digest,
            mth(&leaves[first..first + count]),
            "node {level}/{index}"
        );
    }
}

#[test]
fn proofs_from_stored_nodes_are_those_from_leaves_and_read_little() {
    let all = leaves(70);
    let store = Store::of(&all);
    for size in 1..=all.len() {
        let leaves = &all[..size];
        let tree = TreeSize(size as u64);
        for i in 0..size as u64 {
            let index = LeafIndex(i);
            let proof = inclusion_from_nodes(&store, index, tree).unwrap();
            assert_eq!(
                proof,
                inclusion_proof(leaves, index).unwrap(),
                "{i} of {size}"
            );
            assert!(store.reads() <= 2 * 7);
            let first = TreeSize(i + 1);
            let proof = consistency_from_nodes(&store, first, tree).unwrap();
            assert_eq!(
                proof,
                consistency_proof(leaves, first).unwrap(),
                "{first} of {size}"
            );
            assert!(store.reads() <= 2 * 7 + 1);
        }
    }
    for size in 1..=9 {
        for set in 1..1 << size {
            let (tree, set) = (TreeSize(size), members(set));
            let proof = multi_from_nodes(&store, &set, tree).unwrap();
            assert_eq!(proof, multi_proof(&all[..size as usize], &set).unwrap());
        }
    }
}

#[test]
fn what_the_store_lacks_or_the_tree_cannot_have_is_an_error() {
    let leaves = leaves(8);
    let mut store = Store::of(&leaves);
    let missing = Err(StoreError::Missing(0, 8));
    assert_eq!(root_from_nodes(&store, TreeSize(9)), missing);
    assert_eq!(
        inclusion_from_nodes(&store, LeafIndex(8), TreeSize(8)),
        Err(StoreError::Proof(Error::IndexOutOfRange {
            index: 8,
            size: 8
        }))
    );
    assert_eq!(
        consistency_from_nodes(&store, TreeSize(9), TreeSize(8)),
        Err(StoreError::Proof(Error::SizesReversed {
            first: 9,
            second: 8
        }))
    );
    assert_eq!(
        multi_from_nodes(&store, &[], TreeSize(8)),
        Err(StoreError::Proof(Error::NoLeaves))
    );
    store.nodes.remove(&(1, 1));
    assert_eq!(
        inclusion_from_nodes(&store, LeafIndex(0), TreeSize(8)),
        Err(StoreError::Missing(1, 1))
    );
    store.nodes.remove(&(2, 1));
    let leaf = leaves[0];
    let appended = stored_nodes_for_append(&store, LeafIndex(7), leaf);
    assert!(appended.is_ok(), "its left siblings are still there");
    store.nodes.remove(&(0, 6));
    let appended = stored_nodes_for_append(&store, LeafIndex(7), leaf);
    assert_eq!(appended, Err(StoreError::Missing(0, 6)));
}

#[test]
fn parts_that_do_not_fit_their_size_are_refused() {
    let parts = leaves(4);
    for (size, expected) in [(0, 0), (1, 1), (3, 2), (8, 1), (15, 4)] {
        for len in 0..=4 {
            let result = Frontier::from_parts(TreeSize(size), &parts[..len]);
            let refused = Error::FrontierLength {
                size,
                expected,
                found: len,
            };
            assert_eq!(result.err(), (len != expected as usize).then_some(refused));
        }
    }
    let largest = Frontier::from_parts(TreeSize(Frontier::MAX_SIZE), &parts[..1]);
    assert_eq!(largest.unwrap().root(), parts[0]);
    for size in [Frontier::MAX_SIZE + 1, u64::MAX] {
        let too_large = Frontier::from_parts(TreeSize(size), &[parts[0]; 64]);
        assert_eq!(too_large, Err(Error::TooLarge { size }));
    }
}
