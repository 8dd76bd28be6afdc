//! Proofs against the tree as RFC 9162 writes it, exhaustively for small trees: what is right is
//! accepted, and what was changed in any way is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, LeafIndex, Subtree, TreeSize, consistency_proof, empty_root, inclusion_proof,
    root, subtree_consistency_proof, verify_consistency, verify_inclusion,
    verify_subtree_consistency, verify_subtree_inclusion,
};
use common::{flipped, forgeries, leaves, mth, path, sha, split, subproof};

/// The turns from the root down to a leaf. An inclusion proof fits every tree where its leaf has the
/// same turns, which is why a size counts only where it was authenticated.
fn turns(index: u64, size: u64) -> String {
    if size == 1 {
        return String::new();
    }
    let k = split(size);
    match index < k {
        true => format!("l{}", turns(index, k)),
        false => format!("r{}", turns(index - k, size - k)),
    }
}

/// The same for the two tree sizes of a consistency proof.
fn both_turns(first: u64, second: u64, known: bool) -> String {
    if first == second {
        return if known { "same" } else { "read" }.to_string();
    }
    let k = split(second);
    match first <= k {
        true => format!("l{}", both_turns(first, k, known)),
        false => format!("r{}", both_turns(first - k, second - k, false)),
    }
}

#[test]
fn an_inclusion_proof_is_the_rfcs_path_and_fits_its_place_only() {
    for size in 1..=20u64 {
        let leaves = leaves(size as usize);
        let root = root(leaves.iter().copied());
        for index in 0..size {
            let leaf = leaves[index as usize];
            let proof = inclusion_proof(&leaves, LeafIndex(index)).unwrap();
            assert_eq!(proof, path(index as usize, &leaves));
            for (index2, size2) in (0..25).flat_map(|i| (0..25).map(move |s| (i, s))) {
                let result =
                    verify_inclusion(leaf, LeafIndex(index2), TreeSize(size2), &proof, &root);
                let fits = index2 < size2 && turns(index2, size2) == turns(index, size);
                assert_eq!(result.is_ok(), fits, "{index}/{size} as {index2}/{size2}");
                if index2 >= size2 {
                    let out_of_range = Error::IndexOutOfRange {
                        index: index2,
                        size: size2,
                    };
                    assert_eq!(result, Err(out_of_range));
                }
            }
        }
    }
}

#[test]
fn a_changed_inclusion_proof_is_refused() {
    for size in 1..=12 {
        let leaves = leaves(size);
        let root = root(leaves.iter().copied());
        let tree = TreeSize(size as u64);
        for (i, leaf) in leaves.iter().enumerate() {
            let index = LeafIndex(i as u64);
            let proof = inclusion_proof(&leaves, index).unwrap();
            let verify = |leaf, proof: &[Digest], root: &Digest| {
                verify_inclusion(leaf, index, tree, proof, root)
            };
            assert_eq!(verify(*leaf, &proof, &root), Ok(()));
            for bit in 0..256 {
                let refused = Err(Error::RootMismatch);
                assert_eq!(verify(flipped(leaf, bit), &proof, &root), refused);
                assert_eq!(verify(*leaf, &proof, &flipped(&root, bit)), refused);
            }
            for forged in forgeries(&proof) {
                let expected = match forged.len().cmp(&proof.len()) {
                    std::cmp::Ordering::Less => Error::ProofTooShort,
                    std::cmp::Ordering::Equal => Error::RootMismatch,
                    std::cmp::Ordering::Greater => Error::ProofTooLong {
                        unused: forged.len() - proof.len(),
                    },
                };
                assert_eq!(
                    verify(*leaf, &forged, &root),
                    Err(expected),
                    "{i} of {size}"
                );
            }
        }
    }
}

#[test]
fn a_consistency_proof_is_the_rfcs_and_fits_its_sizes_only() {
    for second in 1..=20u64 {
        let leaves = leaves(second as usize);
        let second_root = root(leaves.iter().copied());
        for first in 1..=second {
            let first_root = root(leaves[..first as usize].iter().copied());
            let proof = consistency_proof(&leaves, TreeSize(first)).unwrap();
            assert_eq!(proof, subproof(first as usize, &leaves, true));
            for (first2, second2) in (1..25).flat_map(|a| (a..25).map(move |b| (a, b))) {
                let (a, b) = (TreeSize(first2), TreeSize(second2));
                let result = verify_consistency(a, &first_root, b, &second_root, &proof);
                let fits = both_turns(first2, second2, true) == both_turns(first, second, true);
                assert_eq!(
                    result.is_ok(),
                    fits,
                    "{first}..{second} as {first2}..{second2}"
                );
            }
        }
    }
}

#[test]
fn a_changed_consistency_proof_is_refused() {
    for second in 1..=12 {
        let leaves = leaves(second);
        let second_root = root(leaves.iter().copied());
        for first in 1..=second {
            let first_root = root(leaves[..first].iter().copied());
            let (a, b) = (TreeSize(first as u64), TreeSize(second as u64));
            let proof = consistency_proof(&leaves, a).unwrap();
            let verify = |first_root: &Digest, second_root: &Digest, proof: &[Digest]| {
                verify_consistency(a, first_root, b, second_root, proof)
            };
            assert_eq!(verify(&first_root, &second_root, &proof), Ok(()));
            for bit in 0..256 {
                assert!(verify(&flipped(&first_root, bit), &second_root, &proof).is_err());
                assert!(verify(&first_root, &flipped(&second_root, bit), &proof).is_err());
            }
            if first != second {
                assert!(verify(&second_root, &first_root, &proof).is_err());
            }
            for forged in forgeries(&proof) {
                assert!(
                    verify(&first_root, &second_root, &forged).is_err(),
                    "{first} {second}"
                );
            }
        }
    }
}

#[test]
fn consistency_with_nothing_or_with_less_is_refused() {
    let leaves = leaves(3);
    let (empty, root) = (empty_root(), root(leaves.iter().copied()));
    let nothing = Err(Error::EmptyFirst);
    assert_eq!(consistency_proof(&leaves, TreeSize(0)).map(drop), nothing);
    assert_eq!(
        verify_consistency(TreeSize(0), &empty, TreeSize(0), &empty, &[]),
        nothing
    );
    assert_eq!(
        verify_consistency(TreeSize(0), &empty, TreeSize(3), &root, &[]),
        nothing
    );
    let reversed = Err(Error::SizesReversed {
        first: 4,
        second: 3,
    });
    assert_eq!(consistency_proof(&leaves, TreeSize(4)).map(drop), reversed);
    assert_eq!(
        verify_consistency(TreeSize(4), &root, TreeSize(3), &root, &[]),
        reversed
    );
}

#[test]
fn a_subtree_of_more_than_half_of_all_indices_starts_at_0() {
    let half = 1 << 63;
    let subtree = |start, end| Subtree::new(LeafIndex(start), TreeSize(end));
    for (start, end) in [
        (0, half + 1),
        (0, u64::MAX),
        (half, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        assert_eq!(subtree(start, end).unwrap().end(), TreeSize(end));
    }
    for (start, end) in [
        (1, half + 2),
        (1, u64::MAX),
        (2, u64::MAX - 1),
        (5, 3),
        (u64::MAX, 0),
    ] {
        assert_eq!(subtree(start, end), Err(Error::NotASubtree { start, end }));
    }
}

#[test]
fn a_subtree_is_proven_to_be_a_part_of_its_tree_only() {
    for size in 1..=20usize {
        let leaves = leaves(size);
        let root = mth(&leaves);
        for (start, end) in (0..=size).flat_map(|a| (a..=size).map(move |b| (a, b))) {
            let aligned = (end - start).next_power_of_two();
            let subtree = Subtree::new(LeafIndex(start as u64), TreeSize(end as u64));
            if start % aligned != 0 {
                let (start, end) = (start as u64, end as u64);
                assert_eq!(subtree, Err(Error::NotASubtree { start, end }));
                continue;
            }
            let subtree = subtree.unwrap();
            let part_root = mth(&leaves[start..end]);
            let proof = subtree_consistency_proof(&leaves, subtree).unwrap();
            let verify = |part_root: &Digest, root: &Digest, proof: &[Digest]| {
                verify_subtree_consistency(subtree, part_root, TreeSize(size as u64), root, proof)
            };
            assert_eq!(
                verify(&part_root, &root, &proof),
                Ok(()),
                "[{start}, {end}) of {size}"
            );
            assert!(verify(&flipped(&part_root, 3), &root, &proof).is_err());
            // The empty subtree is a part of any tree.
            assert_eq!(
                verify(&part_root, &flipped(&root, 3), &proof).is_ok(),
                start == end
            );
            for forged in forgeries(&proof) {
                assert!(
                    verify(&part_root, &root, &forged).is_err(),
                    "[{start}, {end}) of {size}"
                );
            }
            for index in 0..=size as u64 {
                let leaf = sha(b"any");
                let inner = index.wrapping_sub(start as u64) as usize;
                if inner < end - start {
                    let leaf = leaves[index as usize];
                    let proof = path(inner, &leaves[start..end]);
                    let verify = |leaf, root: &Digest| {
                        verify_subtree_inclusion(leaf, LeafIndex(index), subtree, &proof, root)
                    };
                    assert_eq!(verify(leaf, &part_root), Ok(()));
                    assert_eq!(
                        verify(flipped(&leaf, 9), &part_root),
                        Err(Error::RootMismatch)
                    );
                } else {
                    let result =
                        verify_subtree_inclusion(leaf, LeafIndex(index), subtree, &[], &leaf);
                    assert!(matches!(result, Err(Error::IndexOutOfRange { .. })));
                }
            }
        }
    }
}
