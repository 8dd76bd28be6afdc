//! Multi-leaf proofs of every set of leaves of small trees: exactly one proof is accepted, for this set
//! only, and what was changed in any way is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, LeafIndex, TreeSize, multi_proof, root_from_multi, verify_multi,
};
use common::{flipped, forgeries, leaves, members, mth, split, subtrees};

/// The shape of the part of the tree that is hashed: a proof fits every set and size that has the same.
fn shape(indices: &[LeafIndex], start: u64, end: u64) -> String {
    if indices.is_empty() {
        return "p".to_string();
    }
    if end - start == 1 {
        return "l".to_string();
    }
    let middle = start + split(end - start);
    let (left, right) = indices.split_at(indices.partition_point(|index| index.0 < middle));
    format!(
        "({}{})",
        shape(left, start, middle),
        shape(right, middle, end)
    )
}

#[test]
fn a_multi_proof_is_the_largest_subtrees_without_a_leaf_of_the_set() {
    for size in 1..=10usize {
        let leaves = leaves(size);
        for set in 1..1u32 << size {
            let holds = |(start, end): (usize, usize)| (start..end).any(|i| set >> i & 1 == 1);
            let mut largest: Vec<(usize, usize)> = subtrees(0, size)
                .into_iter()
                .filter(|(own, parent)| !holds(*own) && parent.is_some_and(holds))
                .map(|(own, _)| own)
                .collect();
            largest.sort_unstable();
            let expected: Vec<Digest> = largest
                .into_iter()
                .map(|(start, end)| mth(&leaves[start..end]))
                .collect();
            assert_eq!(
                multi_proof(&leaves, &members(set)).unwrap(),
                expected,
                "{set:b} of {size}"
            );
        }
    }
}

#[test]
fn a_multi_proof_fits_its_set_only_and_a_changed_one_is_refused() {
    for size in 1..=10usize {
        let leaves = leaves(size);
        let root = mth(&leaves);
        for set in 1..1u32 << size {
            let indices = members(set);
            let proof = multi_proof(&leaves, &indices).unwrap();
            let shown: Vec<(LeafIndex, Digest)> = indices
                .iter()
                .map(|index| (*index, leaves[index.0 as usize]))
                .collect();
            let tree = TreeSize(size as u64);
            assert_eq!(
                verify_multi(tree, &shown, &proof, &root),
                Ok(()),
                "{set:b} of {size}"
            );
            assert_eq!(
                verify_multi(tree, &shown, &proof, &flipped(&root, 77)),
                Err(Error::RootMismatch)
            );
            for forged in forgeries(&proof) {
                let expected = match forged.len().cmp(&proof.len()) {
                    std::cmp::Ordering::Less => Error::ProofTooShort,
                    std::cmp::Ordering::Equal => Error::RootMismatch,
                    std::cmp::Ordering::Greater => Error::ProofTooLong {
                        unused: forged.len() - proof.len(),
                    },
                };
                assert_eq!(verify_multi(tree, &shown, &forged, &root), Err(expected));
            }
            for i in 0..shown.len() {
                let mut changed = shown.clone();
                changed[i].1 = flipped(&changed[i].1, 200);
                assert_eq!(
                    verify_multi(tree, &changed, &proof, &root),
                    Err(Error::RootMismatch)
                );
                for j in 0..i {
                    let mut swapped = shown.clone();
                    (swapped[i].1, swapped[j].1) = (shown[j].1, shown[i].1);
                    let result = verify_multi(tree, &swapped, &proof, &root);
                    assert_eq!(result, Err(Error::RootMismatch));
                }
            }
        }
    }
}

#[test]
fn a_multi_proof_under_other_indices_or_sizes_is_refused() {
    for size in 1..=7u64 {
        let leaves = leaves(size as usize);
        let root = mth(&leaves);
        for set in 1..1u32 << size {
            let indices = members(set);
            let own = shape(&indices, 0, size);
            let proof = multi_proof(&leaves, &indices).unwrap();
            for set2 in (1..1u32 << 8).filter(|other| other.count_ones() == set.count_ones()) {
                let indices2 = members(set2);
                let shown: Vec<(LeafIndex, Digest)> = indices2
                    .iter()
                    .zip(&indices)
                    .map(|(index2, index)| (*index2, leaves[index.0 as usize]))
                    .collect();
                for size2 in 0..=9 {
                    let result = verify_multi(TreeSize(size2), &shown, &proof, &root);
                    let inside = indices2.iter().all(|index| index.0 < size2);
                    let fits = inside && shape(&indices2, 0, size2) == own;
                    assert_eq!(result.is_ok(), fits, "{set:b}/{size} as {set2:b}/{size2}");
                }
            }
        }
    }
}

#[test]
fn a_set_that_is_not_a_set_is_refused() {
    let leaves = leaves(5);
    let shown = |indices: &[u64]| -> Vec<(LeafIndex, Digest)> {
        indices
            .iter()
            .map(|i| (LeafIndex(*i), leaves[*i as usize % 5]))
            .collect()
    };
    let cases: [(&[u64], Error); 6] = [
        (&[], Error::NoLeaves),
        (
            &[1, 1],
            Error::NotAscending {
                previous: 1,
                index: 1,
            },
        ),
        (
            &[0, 3, 2],
            Error::NotAscending {
                previous: 3,
                index: 2,
            },
        ),
        (&[5], Error::IndexOutOfRange { index: 5, size: 5 }),
        (
            &[0, 1, u64::MAX],
            Error::IndexOutOfRange {
                index: u64::MAX,
                size: 5,
            },
        ),
        (
            &[7, 0],
            Error::NotAscending {
                previous: 7,
                index: 0,
            },
        ),
    ];
    for (indices, error) in cases {
        let named: Vec<LeafIndex> = indices.iter().copied().map(LeafIndex).collect();
        assert_eq!(multi_proof(&leaves, &named), Err(error), "{indices:?}");
        assert_eq!(
            root_from_multi(TreeSize(5), &shown(indices), &[]),
            Err(error),
            "{indices:?}"
        );
    }
    assert_eq!(
        multi_proof(&[], &[LeafIndex(0)]),
        Err(Error::IndexOutOfRange { index: 0, size: 0 })
    );
    assert_eq!(multi_proof(&[], &[]), Err(Error::NoLeaves));
}
