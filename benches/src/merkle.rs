//! Roots over event-sized leaves against rs_merkle (given RFC 6962's prefixes) and ct-merkle.

use std::hint::black_box;
use std::num::NonZeroUsize;

use anyhow::{Result, ensure};
use avouch_merkle::{hash_leaf, root, root_of_data, root_parallel};
use sha2::{Digest as _, Sha256};

use crate::table::{Contender, contender, medians, ratio, row, title};

const ROUNDS: usize = 7;
const LEAVES: usize = 1 << 16;
const LEAVES_IN_PARALLEL: usize = 1 << 19;

type Leaf = [u8; 117];

pub(crate) fn run() -> Result<()> {
    one_thread()?;
    scaling()
}

fn one_thread() -> Result<()> {
    let data = leaves(LEAVES);
    let ours = root_of_data(&data);
    ensure!(Some(ours.0) == rs_root(&data), "rs_merkle has another root");
    ensure!(
        ours.as_bytes().as_slice() == ct_root(&data).as_slice(),
        "ct-merkle has another root"
    );

    let mut contenders = [
        contender("root_of_data", || root_of_data(black_box(&data))),
        contender("root of hash_leaf", || {
            root(black_box(&data).iter().map(|leaf| hash_leaf(leaf)))
        }),
        contender("rs_merkle", || rs_root(black_box(&data))),
        contender("ct-merkle", || ct_root(black_box(&data))),
    ];
    let times = medians(&mut contenders, ROUNDS);
    title(&format!(
        "Merkle root, {LEAVES} leaves of 117 bytes, one thread"
    ));
    for ((contender, _), time) in contenders.iter().zip(&times) {
        let rate = LEAVES as f64 / time.as_secs_f64() / 1e6;
        row(contender, &format!("{rate:.2} M leaves/s"), None);
    }
    row(
        "root_of_data / rs_merkle",
        &ratio(times[2], times[0]),
        Some(">= 1.25 x"),
    );
    row("root_of_data / ct-merkle", &ratio(times[3], times[0]), None);
    Ok(())
}

fn scaling() -> Result<()> {
    let data = &leaves(LEAVES_IN_PARALLEL);
    let cores = std::thread::available_parallelism()?.get();
    let counts: Vec<usize> = (0..)
        .map(|power| 1 << power)
        .take_while(|count| *count < cores)
        .chain([cores])
        .collect();
    let mut contenders: Vec<Contender<'_>> = counts
        .iter()
        .filter_map(|count| NonZeroUsize::new(*count))
        .map(|count| {
            contender("root_parallel", move || {
                root_parallel(black_box(data), count)
            })
        })
        .collect();
    let times = medians(&mut contenders, ROUNDS);
    title(&format!(
        "Merkle root, {LEAVES_IN_PARALLEL} leaves, by threads"
    ));
    for (count, time) in counts.iter().zip(&times) {
        let rate = LEAVES_IN_PARALLEL as f64 / time.as_secs_f64() / 1e6;
        let figure = format!("{rate:.2} M leaves/s");
        row(
            &format!("{count} of {cores}: {} one thread", ratio(times[0], *time)),
            &figure,
            None,
        );
    }
    Ok(())
}

fn leaves(count: usize) -> Vec<Leaf> {
    (0..count)
        .map(|n| {
            let mut leaf = [0x5a; 117];
            leaf[..8].copy_from_slice(&n.to_be_bytes());
            leaf
        })
        .collect()
}

/// RFC 6962's hashes for rs_merkle, whose own SHA-256 tree has no prefixes.
#[derive(Clone)]
struct Rfc6962;

impl rs_merkle::Hasher for Rfc6962 {
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

fn rs_root(data: &[Leaf]) -> Option<[u8; 32]> {
    let hashes: Vec<[u8; 32]> = data
        .iter()
        .map(|leaf| <Rfc6962 as rs_merkle::Hasher>::hash(leaf))
        .collect();
    rs_merkle::MerkleTree::<Rfc6962>::from_leaves(&hashes).root()
}

fn ct_root(data: &[Leaf]) -> Vec<u8> {
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, &[u8]>::new();
    data.iter().for_each(|leaf| tree.push(leaf.as_slice()));
    tree.root().as_bytes().to_vec()
}
