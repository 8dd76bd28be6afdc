//! Trees too large to build, up to 2^64 - 1 leaves: nothing overflows and nothing panics.
//!
//! All leaves but one are equal, so that any node's hash is known from its level alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, LeafIndex, NodeReader, Subtree, TreeSize, consistency_from_nodes,
    inclusion_from_nodes, multi_from_nodes, root_from_inclusion, root_from_multi, root_from_nodes,
    verify_consistency, verify_inclusion, verify_multi, verify_subtree_consistency,
    verify_subtree_inclusion,
};
use common::{flipped, node, sha, split};
use proptest::prelude::*;

struct Huge {
    /// The one leaf that differs.
    marked: u64,
    /// The nodes above it, by level; and all the others.
    above: Vec<Digest>,
    others: Vec<Digest>,
}

impl Huge {
    fn new(marked: u64) -> Self {
        let (mut above, mut others) = (vec![sha(b"marked")], vec![sha(b"plain")]);
        for level in 0..63 {
            let (own, other) = (above[level], others[level]);
            above.push(match marked >> level & 1 {
                0 => node(own, other),
                _ => node(other, own),
            });
            others.push(node(other, other));
        }
        Self {
            marked,
            above,
            others,
        }
    }

    /// The root by RFC 9162, section 2.1.1, of the leaves [start, end).
    fn mth(&self, start: u64, end: u64) -> Digest {
        let size = end - start;
        if size.is_power_of_two() {
            return self
                .node(size.ilog2() as u8, start >> size.ilog2())
                .unwrap();
        }
        let middle = start + split(size);
        node(self.mth(start, middle), self.mth(middle, end))
    }
}

impl NodeReader for Huge {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, Error> {
        let nodes = if self.marked >> level == index {
            &self.above
        } else {
            &self.others
        };
        Ok(nodes[usize::from(level)])
    }
}

/// Numbers near powers of two, near the end, and anywhere.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0..64u32, -2i64..3).prop_map(|(bit, near)| (1u64 << bit).wrapping_add_signed(near)),
        (0..5u64).prop_map(|below| u64::MAX - below),
        0..20u64,
    ]
}

fn two() -> impl Strategy<Value = (u64, u64)> {
    (number(), number()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn hashes() -> impl Strategy<Value = Vec<Digest>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Digest), 0..70)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_leaf_of_a_huge_tree_is_proven((index, size) in two()) {
        prop_assume!(index < size);
        let tree = Huge::new(index);
        let root = tree.mth(0, size);
        let (index, size) = (LeafIndex(index), TreeSize(size));
        let leaf = tree.above[0];
        let proof = inclusion_from_nodes(&tree, index, size).unwrap();
        prop_assert!(proof.len() <= 64);
        prop_assert_eq!(verify_inclusion(leaf, index, size, &proof, &root), Ok(()));
        let other = flipped(&leaf, 1);
        prop_assert!(verify_inclusion(other, index, size, &proof, &root).is_err());
        // Any other leaf is there too, unmarked.
        let plain = LeafIndex(index.0.checked_sub(1).unwrap_or(size.0 - 1));
        prop_assume!(plain != index);
        let proof = inclusion_from_nodes(&tree, plain, size).unwrap();
        prop_assert_eq!(verify_inclusion(tree.others[0], plain, size, &proof, &root), Ok(()));
        // And both at once.
        let mut both = [(index, leaf), (plain, tree.others[0])];
        both.sort_unstable_by_key(|(index, _)| *index);
        let proof = multi_from_nodes(&tree, &both.map(|(index, _)| index), size).unwrap();
        prop_assert_eq!(verify_multi(size, &both, &proof, &root), Ok(()));
        both[0].1 = flipped(&both[0].1, 1);
        prop_assert_eq!(verify_multi(size, &both, &proof, &root), Err(Error::RootMismatch));
    }

    #[test]
    fn a_huge_tree_is_consistent_with_an_earlier_one((first, second) in two(), marked in number()) {
        prop_assume!(first > 0);
        let tree = Huge::new(marked);
        let (first_root, second_root) = (tree.mth(0, first), tree.mth(0, second));
        if second <= 1 << 63 {
            prop_assert_eq!(root_from_nodes(&tree, TreeSize(second)), Ok(second_root));
        } else {
            let too_large = Err(Error::TooLarge { size: second });
            prop_assert_eq!(root_from_nodes(&tree, TreeSize(second)), too_large);
        }
        let (first, second) = (TreeSize(first), TreeSize(second));
        let proof = consistency_from_nodes(&tree, first, second).unwrap();
        let verify = |a: &Digest, b: &Digest| verify_consistency(first, a, second, b, &proof);
        prop_assert_eq!(verify(&first_root, &second_root), Ok(()));
        prop_assert!(verify(&flipped(&first_root, 1), &second_root).is_err());
        prop_assert!(verify(&first_root, &flipped(&second_root, 1)).is_err());
    }

    #[test]
    fn no_proof_makes_a_verifier_panic(
        (a, b, c) in (number(), number(), number()),
        proof in hashes(),
        leaves in prop::collection::vec((number(), any::<[u8; 32]>()), 0..6),
        sorted in any::<bool>(),
    ) {
        let junk = sha(b"junk");
        let _ = root_from_inclusion(junk, LeafIndex(a), TreeSize(b), &proof);
        prop_assert!(verify_inclusion(junk, LeafIndex(a), TreeSize(b), &proof, &junk).is_err() || b == 1);
        let result = verify_consistency(TreeSize(a), &junk, TreeSize(b), &junk, &proof);
        prop_assert!(result.is_err() || (a == b && proof.is_empty()));
        if let Ok(subtree) = Subtree::new(LeafIndex(a), TreeSize(b)) {
            let _ = verify_subtree_consistency(subtree, &junk, TreeSize(c), &junk, &proof);
            let _ = verify_subtree_inclusion(junk, LeafIndex(c), subtree, &proof, &junk);
        }
        let mut leaves: Vec<(LeafIndex, Digest)> =
            leaves.into_iter().map(|(index, hash)| (LeafIndex(index), Digest(hash))).collect();
        if sorted {
            leaves.sort_unstable();
            leaves.dedup_by_key(|(index, _)| *index);
        }
        let _ = root_from_multi(TreeSize(c), &leaves, &proof);
    }
}
