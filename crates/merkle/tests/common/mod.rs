//! The tree as RFC 9162, section 2.1.1 writes it: the slow twin that the crate is compared with.
#![allow(dead_code, unreachable_pub)]

use avouch_merkle::{Digest, LeafIndex};
use sha2::{Digest as _, Sha256};

pub fn sha(message: &[u8]) -> Digest {
    Digest(Sha256::digest(message).into())
}

/// The data of leaf `i`: all different, and of different lengths.
pub fn data(i: usize) -> Vec<u8> {
    let mut data = format!("leaf {i} ").into_bytes();
    data.resize(data.len() + i * 37 % 150, 0x5a);
    data
}

pub fn leaf(i: usize) -> Digest {
    sha(&[&[0], &data(i)[..]].concat())
}

pub fn leaves(size: usize) -> Vec<Digest> {
    (0..size).map(leaf).collect()
}

pub fn node(left: Digest, right: Digest) -> Digest {
    sha(&[&[1], &left.0[..], &right.0[..]].concat())
}

/// Largest power of two below `size`, found by doubling.
pub fn split(size: u64) -> u64 {
    let mut k = 1u64;
    while k < size - k {
        k *= 2;
    }
    k
}

pub fn mth(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => sha(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
            node(mth(left), mth(right))
        }
    }
}

/// `PATH(m, D_n)` of RFC 9162, section 2.1.3.1.
pub fn path(m: usize, d: &[Digest]) -> Vec<Digest> {
    if d.len() == 1 {
        return vec![];
    }
    let (left, right) = d.split_at(split(d.len() as u64) as usize);
    let (inner, m, other) = if m < left.len() {
        (left, m, right)
    } else {
        (right, m - left.len(), left)
    };
    let mut proof = path(m, inner);
    proof.push(mth(other));
    proof
}

/// `SUBPROOF(m, D_n, b)` of RFC 9162, section 2.1.4.1.
pub fn subproof(m: usize, d: &[Digest], b: bool) -> Vec<Digest> {
    if m == d.len() {
        return if b { vec![] } else { vec![mth(d)] };
    }
    let (left, right) = d.split_at(split(d.len() as u64) as usize);
    let (mut proof, other) = if m <= left.len() {
        (subproof(m, left, b), right)
    } else {
        (subproof(m - left.len(), right, false), left)
    };
    proof.push(mth(other));
    proof
}

/// The leaves [start, end).
pub type Range = (usize, usize);

/// Every subtree of a tree, with its parent, parents first.
pub fn subtrees(start: usize, end: usize) -> Vec<(Range, Option<Range>)> {
    let mut all = vec![((start, end), None)];
    let mut at = 0;
    while at < all.len() {
        let (start, end) = all[at].0;
        if end - start > 1 {
            let middle = start + split((end - start) as u64) as usize;
            all.push(((start, middle), Some((start, end))));
            all.push(((middle, end), Some((start, end))));
        }
        at += 1;
    }
    all
}

/// The members of a set of leaves that is written as a number's bits.
pub fn members(set: u32) -> Vec<LeafIndex> {
    (0..32)
        .filter(|i| set >> i & 1 == 1)
        .map(LeafIndex)
        .collect()
}

pub fn flipped(digest: &Digest, bit: usize) -> Digest {
    let mut digest = *digest;
    digest.0[bit / 8] ^= 1 << (bit % 8);
    digest
}

/// Every proof that can be had by flipping a bit, leaving out, doubling, adding or swapping hashes.
pub fn forgeries(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let junk = sha(b"junk");
    let mut all = vec![[proof, &[junk]].concat(), [&[junk], proof].concat()];
    for i in 0..proof.len() {
        for bit in [0, 7, 100, 255] {
            let mut forged = proof.to_vec();
            forged[i] = flipped(&forged[i], bit);
            all.push(forged);
        }
        let mut removed = proof.to_vec();
        removed.remove(i);
        all.push(removed);
        let mut doubled = proof.to_vec();
        doubled.insert(i, proof[i]);
        all.push(doubled);
        for j in 0..i {
            let mut swapped = proof.to_vec();
            swapped.swap(i, j);
            all.push(swapped);
        }
        all.push(proof[..i].to_vec());
    }
    all
}
