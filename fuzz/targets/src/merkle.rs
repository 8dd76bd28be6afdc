//! Merkle proofs: those that anyone may send, and those that we make.

use avouch_merkle::{
    Digest, Frontier, LeafIndex, TreeSize, consistency_proof, hash_leaf, inclusion_proof,
    multi_proof, root, verify_consistency, verify_inclusion, verify_multi,
};

/// Any sizes, indices and hashes: an answer, never a panic; and what verifies under one root does
/// not verify under another.
pub(crate) fn proofs(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (first, second, index) = (input.number(), input.number(), input.number());
    let roots = [input.digest(), input.digest()];
    let leaf_count = usize::from(input.byte() % 8);
    let leaves: Vec<(LeafIndex, Digest)> = (0..leaf_count)
        .map(|_| (LeafIndex(input.number()), input.digest()))
        .collect();
    let mut proof = Vec::new();
    while !input.0.is_empty() {
        proof.push(input.digest());
    }
    for root in &roots {
        let included = verify_inclusion(roots[0], LeafIndex(index), TreeSize(first), &proof, root);
        if included.is_ok() {
            let other = Digest(root.0.map(|byte| !byte));
            assert!(
                verify_inclusion(roots[0], LeafIndex(index), TreeSize(first), &proof, &other)
                    .is_err()
            );
        }
        let _ = verify_multi(TreeSize(first), &leaves, &proof, root);
    }
    verify_consistency(
        TreeSize(first),
        &roots[0],
        TreeSize(second),
        &roots[1],
        &proof,
    )
    .is_ok()
}

/// For any tree, every proof that we make verifies, and a proof with one bit changed does not.
pub(crate) fn tree(data: &[u8]) -> bool {
    let mut input = Input(data);
    let (first, chosen) = (u64::from(input.byte()), input.number());
    let flip = usize::from(input.byte());
    let leaves: Vec<Digest> = input
        .0
        .iter()
        .take(200)
        .map(|byte| hash_leaf(&[*byte]))
        .collect();
    let size = TreeSize(leaves.len() as u64);
    let whole = root(leaves.iter().copied());

    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    assert_eq!(frontier.root(), whole);
    if leaves.is_empty() {
        return false;
    }

    let index = LeafIndex(chosen % size.get());
    let leaf = leaves[index.get() as usize];
    let proof = inclusion_proof(&leaves, index).expect("an index inside the tree");
    verify_inclusion(leaf, index, size, &proof, &whole).expect("an honest inclusion proof");
    let changed = flip_bit(&proof, flip);
    if changed != proof {
        assert!(verify_inclusion(leaf, index, size, &changed, &whole).is_err());
    }

    let first = TreeSize(1 + first % size.get());
    let before = root(leaves[..first.get() as usize].iter().copied());
    let proof = consistency_proof(&leaves, first).expect("a size inside the tree");
    verify_consistency(first, &before, size, &whole, &proof).expect("an honest consistency proof");
    let changed = flip_bit(&proof, flip);
    if changed != proof {
        assert!(verify_consistency(first, &before, size, &whole, &changed).is_err());
    }

    // The bits of `chosen` choose leaves; the chosen index makes it at least one.
    let indices: Vec<LeafIndex> = (0..size.get())
        .filter(|at| *at == index.get() || chosen >> (at % 64) & 1 == 1)
        .map(LeafIndex)
        .collect();
    let opened: Vec<(LeafIndex, Digest)> = indices
        .iter()
        .map(|at| (*at, leaves[at.get() as usize]))
        .collect();
    let proof = multi_proof(&leaves, &indices).expect("ascending indices inside the tree");
    verify_multi(size, &opened, &proof, &whole).expect("an honest multi-leaf proof");
    let changed = flip_bit(&proof, flip);
    if changed != proof {
        assert!(verify_multi(size, &opened, &changed, &whole).is_err());
    }
    true
}

/// The proof with one bit of one hash changed, as far as it has any.
fn flip_bit(proof: &[Digest], bit: usize) -> Vec<Digest> {
    let mut changed = proof.to_vec();
    if let Some(digest) = changed.first_mut() {
        digest.0[bit / 8 % 32] ^= 1 << (bit % 8);
    }
    changed
}

/// The bytes as a source of values; zeros once they have run out.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let len = N.min(self.0.len());
        let (head, rest) = self.0.split_at(len);
        let mut out = [0; N];
        out[..len].copy_from_slice(head);
        self.0 = rest;
        out
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    /// Small numbers as often as large ones.
    fn number(&mut self) -> u64 {
        let shift = self.byte() % 64;
        u64::from_le_bytes(self.take()) >> shift
    }

    fn digest(&mut self) -> Digest {
        Digest(self.take())
    }
}
