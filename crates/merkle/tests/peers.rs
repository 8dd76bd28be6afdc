//! Two other people's trees: ct-merkle (Certificate Transparency's tree) and rs_merkle (given RFC
//! 9162's prefixes). Roots and proofs are the same, and each side accepts the other's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, LeafIndex, TreeSize, consistency_proof, hash_leaf, inclusion_proof, multi_proof,
    root, root_from_inclusion, root_from_multi, root_of_data, verify_consistency, verify_inclusion,
    verify_multi,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, InclusionVerifError, RootHash};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

type CtTree = MemoryBackedTree<Sha256, Vec<u8>>;

/// RFC 9162's hashes for rs_merkle, made without ours.
#[derive(Clone)]
struct Rfc9162;

impl rs_merkle::Hasher for Rfc9162 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        Sha256::new_with_prefix([0])
            .chain_update(data)
            .finalize()
            .into()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => Sha256::new_with_prefix([1])
                .chain_update(left)
                .chain_update(right)
                .finalize()
                .into(),
            None => *left,
        }
    }
}

fn rs_tree(data: &[Vec<u8>]) -> rs_merkle::MerkleTree<Rfc9162> {
    let leaves: Vec<[u8; 32]> = data
        .iter()
        .map(|data| <Rfc9162 as rs_merkle::Hasher>::hash(data))
        .collect();
    rs_merkle::MerkleTree::from_leaves(&leaves)
}

fn ct_tree(data: &[Vec<u8>]) -> CtTree {
    let mut tree = CtTree::default();
    data.iter().for_each(|data| tree.push(data.clone()));
    tree
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes
        .chunks(32)
        .map(|hash| Digest::try_from(hash).unwrap())
        .collect()
}

fn bytes(proof: &[Digest]) -> Vec<u8> {
    proof.iter().flat_map(|digest| digest.0).collect()
}

fn leaves(data: &[Vec<u8>]) -> Vec<Digest> {
    data.iter().map(|data| hash_leaf(data)).collect()
}

/// A tree's leaves, and two numbers to choose among them.
fn trees() -> impl Strategy<Value = (Vec<Vec<u8>>, usize, usize)> {
    let leaf = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..140),
        prop::collection::vec(any::<u8>(), 117..=117),
    ];
    (
        prop::collection::vec(leaf, 1..300),
        any::<usize>(),
        any::<usize>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn roots_are_the_same((data, _, _) in trees()) {
        let ours = root(leaves(&data));
        prop_assert_eq!(root_of_data(&data), ours);
        prop_assert_eq!(rs_tree(&data).root(), Some(ours.0));
        let theirs = ct_tree(&data).root();
        prop_assert_eq!(theirs.as_bytes().as_slice(), ours.as_ref());
    }

    #[test]
    fn inclusion_proofs_are_the_same_and_checked_alike((data, index, bit) in trees()) {
        let index = index % data.len();
        let tree = ct_tree(&data);
        let (leaves, root) = (leaves(&data), tree.root());
        let ours = inclusion_proof(&leaves, LeafIndex(index as u64)).unwrap();
        let theirs = tree.prove_inclusion(index);
        prop_assert_eq!(theirs.as_bytes(), &bytes(&ours)[..]);
        prop_assert!(root.verify_inclusion(&data[index], index as u64, &theirs).is_ok());
        let mut changed = bytes(&ours);
        let at = LeafIndex(index as u64);
        let size = TreeSize(data.len() as u64);
        let our_root = Digest::try_from(&root.as_bytes()[..]).unwrap();
        let verify = |proof: &[Digest]| verify_inclusion(leaves[index], at, size, proof, &our_root);
        prop_assert_eq!(verify(&digests(theirs.as_bytes())), Ok(()));
        if !changed.is_empty() {
            let bit = bit % (8 * changed.len());
            changed[bit / 8] ^= 1 << (bit % 8);
            let bad = InclusionProof::<Sha256>::try_from_bytes(changed.clone()).unwrap();
            prop_assert!(root.verify_inclusion(&data[index], index as u64, &bad).is_err());
            prop_assert!(verify(&digests(&changed)).is_err());
        }
    }

    #[test]
    fn inclusion_at_another_place_is_judged_alike(
        (data, index, _) in trees(), index2 in 0..310u64, size2 in 1..310u64,
    ) {
        let index = index % data.len();
        let proof = inclusion_proof(&leaves(&data), LeafIndex(index as u64)).unwrap();
        let (at, size) = (LeafIndex(index2), TreeSize(size2));
        let ours = root_from_inclusion(hash_leaf(&data[index]), at, size, &proof);
        let root = RootHash::<Sha256>::new(ours.unwrap_or(Digest([0; 32])).0.into(), size2);
        let theirs = InclusionProof::try_from_bytes(bytes(&proof)).unwrap();
        let theirs = root.verify_inclusion(&data[index], index2, &theirs);
        let alike = match ours {
            Ok(_) => theirs.is_ok(),
            Err(Error::IndexOutOfRange { .. }) => {
                matches!(theirs, Err(InclusionVerifError::IndexOutOfRange))
            }
            Err(_) => matches!(theirs, Err(InclusionVerifError::MalformedProof)),
        };
        prop_assert!(alike, "{:?} {:?}", ours, theirs);
    }

    #[test]
    fn consistency_proofs_are_the_same_and_checked_alike((data, first, bit) in trees()) {
        let first = 1 + first % data.len();
        let tree = ct_tree(&data);
        let (old, new) = (ct_tree(&data[..first]).root(), tree.root());
        let (a, b) = (TreeSize(first as u64), TreeSize(data.len() as u64));
        let ours = consistency_proof(&leaves(&data), a).unwrap();
        let theirs = tree.prove_consistency(data.len() - first);
        prop_assert_eq!(theirs.as_bytes(), &bytes(&ours)[..]);
        let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&ours)).unwrap();
        prop_assert!(new.verify_consistency(&old, &proof).is_ok());
        let old_root = Digest::try_from(&old.as_bytes()[..]).unwrap();
        let new_root = Digest::try_from(&new.as_bytes()[..]).unwrap();
        let verify = |proof: &[Digest]| verify_consistency(a, &old_root, b, &new_root, proof);
        prop_assert_eq!(verify(&digests(theirs.as_bytes())), Ok(()));
        let mut changed = bytes(&ours);
        if !changed.is_empty() {
            let bit = bit % (8 * changed.len());
            changed[bit / 8] ^= 1 << (bit % 8);
            let bad = ConsistencyProof::<Sha256>::try_from_bytes(changed.clone()).unwrap();
            prop_assert!(new.verify_consistency(&old, &bad).is_err());
            prop_assert!(verify(&digests(&changed)).is_err());
        }
    }

    #[test]
    fn a_multi_proof_has_rs_merkles_hashes_in_another_order(
        (data, _, _) in trees(), chosen in prop::collection::vec(any::<usize>(), 1..12),
    ) {
        let mut chosen: Vec<usize> = chosen.into_iter().map(|i| i % data.len()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let indices: Vec<LeafIndex> = chosen.iter().map(|i| LeafIndex(*i as u64)).collect();
        let leaves = leaves(&data);
        let tree = rs_tree(&data);
        let ours = multi_proof(&leaves, &indices).unwrap();
        let theirs = tree.proof(&chosen);
        let sorted = |mut hashes: Vec<[u8; 32]>| { hashes.sort_unstable(); hashes };
        prop_assert_eq!(
            sorted(ours.iter().map(|digest| digest.0).collect()),
            sorted(theirs.proof_hashes().to_vec())
        );
        let hashes: Vec<[u8; 32]> = chosen.iter().map(|i| leaves[*i].0).collect();
        let their_root = theirs.root(&chosen, &hashes, data.len()).unwrap();
        let shown: Vec<(LeafIndex, Digest)> =
            indices.iter().map(|index| (*index, leaves[index.0 as usize])).collect();
        let size = TreeSize(data.len() as u64);
        prop_assert_eq!(root_from_multi(size, &shown, &ours), Ok(Digest(their_root)));
        prop_assert_eq!(verify_multi(size, &shown, &ours, &root(leaves)), Ok(()));
    }
}
