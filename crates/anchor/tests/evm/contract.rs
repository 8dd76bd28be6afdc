//! What the contract accepts, what it refuses, and what that costs.

use std::path::Path;

use avouch_anchor::evm::Registry;
use avouch_cose::{Algorithm, SigningKey};
use avouch_merkle::{Digest, hash_leaf};

use crate::chain::{Chain, modules, number};
use crate::log::{Entry, Log, heads, includes, node, selector, word};

/// The last size and root of a log in a registry.
fn head(chain: &Chain, registry: &Registry, log: &Log) -> (u64, Vec<u8>) {
    let returned = chain.call(registry, &heads(&log.id())).unwrap();
    let size: [u8; 8] = returned[24..32].try_into().unwrap();
    (u64::from_be_bytes(size), returned[32..].to_vec())
}

/// The contract reverts with this error, and a transaction that is sent all the same changes nothing.
#[track_caller]
fn refuses(chain: &Chain, log: &Log, entry: &Entry, error: &str) {
    let before = head(chain, &entry.registry, log);
    let data = chain.call(&entry.registry, &entry.call()).unwrap_err();
    assert_eq!(data[..4], selector(error), "{}", hex::encode(&data));
    let receipt = chain.transact(&entry.registry, &entry.call());
    assert_eq!(receipt["status"], "0x0");
    assert_eq!(receipt["logs"].as_array().unwrap().len(), 0);
    assert_eq!(head(chain, &entry.registry, log), before);
}

#[track_caller]
fn accepts(chain: &Chain, log: &Log, entry: &Entry) -> u64 {
    let receipt = chain.transact(&entry.registry, &entry.call());
    assert_eq!(receipt["status"], "0x1");
    let root = entry.root.0.to_vec();
    assert_eq!(head(chain, &entry.registry, log), (entry.size, root));
    number(&receipt["gasUsed"])
}

#[test]
fn the_committed_bytecode_is_what_the_source_compiles_to() {
    let Some(modules) = modules() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let artifact = std::fs::read_to_string(root.join("contracts/CheckpointRegistry.json")).unwrap();
    let compiled = node(&modules)
        .arg(root.join("../../tests/tools/evm/compile.cjs"))
        .arg(root.join("contracts/CheckpointRegistry.sol"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success() && said.is_empty(), "{said}");
    assert!(
        String::from_utf8(compiled.stdout).unwrap() == artifact,
        "contracts/CheckpointRegistry.json is not what its source compiles to: see tests/tools/evm/compile.cjs"
    );
}

#[test]
fn a_log_that_grows_is_accepted_between_any_two_sizes() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    for after in 1..=11 {
        for before in 0..after {
            // Each pair in a log of its own.
            let log = Log::new(&format!("log.example/{before}-{after}"), 0, after);
            if before > 0 {
                accepts(&chain, &log, &log.entry(registry, 0, before));
            }
            let good = log.entry(registry, before, after);
            // Every hash of the proof counts, and so does its number.
            for at in 0..good.proof.len() {
                let mut bad = good.clone();
                bad.proof[at].0[31] ^= 1;
                let data = chain.call(&registry, &bad.call()).unwrap_err();
                assert_eq!(data, selector("Inconsistent()"), "{before} {after} {at}");
            }
            for len in 0..good.proof.len() + 3 {
                let mut bad = good.clone();
                bad.proof.resize(len, Digest([5; 32]));
                if len != good.proof.len() {
                    let data = chain.call(&registry, &bad.call()).unwrap_err();
                    assert_eq!(data, selector("Inconsistent()"), "{before} {after} {len}");
                }
            }
            accepts(&chain, &log, &good);
        }
    }
}

#[test]
fn a_fork_cannot_be_entered() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    accepts(&chain, &log, &log.entry(registry, 0, 5));
    accepts(&chain, &log, &log.entry(registry, 5, 9));
    // The same log's key signs another history: other leaves from the start, and from the seventh on.
    let mut fork = Log::new("log.example/a", 100, 20);
    refuses(&chain, &log, &fork.entry(registry, 9, 12), "Inconsistent()");
    fork.leaves[..6].copy_from_slice(&log.leaves[..6]);
    for before in [5, 9] {
        let entry = fork.entry(registry, before, 12);
        refuses(&chain, &log, &entry, "Inconsistent()");
    }
    // A first checkpoint comes once.
    let again = fork.entry(registry, 0, 12);
    refuses(&chain, &log, &again, "Inconsistent()");
    // Another root for the size that is there, and going back, to what was there or to something else.
    for size in [9, 5, 3] {
        for log_or_fork in [&log, &fork] {
            let entry = log_or_fork.entry(registry, 0, size);
            refuses(&chain, &log, &entry, "NotLarger(uint64)");
        }
    }
    let nothing = log.entry(registry, 0, 0);
    refuses(&chain, &log, &nothing, "NotLarger(uint64)");
    accepts(&chain, &log, &log.entry(registry, 9, 12));
    // What it was told in the error is the size that it has.
    let data = chain.call(&registry, &log.entry(registry, 0, 3).call());
    assert_eq!(data.unwrap_err()[4..], word(12));
}

#[test]
fn only_the_logs_own_signature_for_this_registry_counts() {
    let (Some(chain), Some(other_chain)) = (Chain::start(31337), Chain::start(31338)) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    let good = log.entry(registry, 0, 5);
    let refused = |entry: &Entry| refuses(&chain, &log, entry, "BadSignature()");
    for at in [0, 31, 32, 63] {
        let mut flipped = good.clone();
        flipped.signature[at] ^= 1;
        refused(&flipped);
    }
    for signature in [[0; 64], [0xff; 64]] {
        refused(&Entry {
            signature,
            ..good.clone()
        });
    }
    // The other of the two signatures that plain ECDSA accepts.
    refused(&good.clone().with_high_s());
    // Another log's key, and any other.
    let stranger = Log::new("log.example/b", 0, 20);
    refused(&good.clone().signed_by(&stranger.key));
    let key = SigningKey::generate(Algorithm::P256, &[9; 32]).unwrap();
    refused(&good.clone().signed_by(&key));
    // What was signed for another size or root, another contract, another chain.
    refused(&Entry {
        size: 6,
        ..good.clone()
    });
    refused(&Entry {
        root: Digest([1; 32]),
        ..good.clone()
    });
    let second = chain.deploy();
    assert_ne!(second, registry);
    let elsewhere = |registry| Entry {
        registry,
        ..good.clone()
    };
    let replayed = elsewhere(second);
    refuses(&chain, &log, &replayed, "BadSignature()");
    let twin = other_chain.deploy();
    assert_eq!(twin.contract, registry.contract);
    let replayed = elsewhere(twin);
    refuses(&other_chain, &log, &replayed, "BadSignature()");
    // With a key of one's own one has a log of one's own: nobody can take this one's id.
    let (x, y) = key.verifying_key().as_p256().unwrap();
    let squatter = Entry {
        x,
        y,
        ..good.clone()
    };
    let receipt = chain.transact(&registry, &squatter.signed_by(&key).call());
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(head(&chain, &registry, &log).0, 0);
    accepts(&chain, &log, &good);
    // And the same origin with the same key is one log, on each chain.
    accepts(&other_chain, &log, &log.entry(twin, 0, 7));
}

#[test]
fn inclusion_is_checked_on_chain() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 9);
    let says = |index, leaf: &Digest, proof: &[Digest]| {
        let call = includes(&log.id(), index, leaf, proof);
        chain.call(&registry, &call).unwrap() == word(1)
    };
    assert!(!says(0, &log.leaves[0], &[]));
    for size in 1..=9 {
        accepts(&chain, &log, &log.entry(registry, size - 1, size));
        for index in 0..size {
            let leaf = log.leaves[index as usize];
            let proof = log.inclusion(index, size);
            assert!(says(index, &leaf, &proof), "{index} of {size}");
            assert!(!says(index, &hash_leaf(b"other"), &proof));
            assert!(!says(index + 1, &leaf, &proof));
            assert!(!says(size, &leaf, &proof));
            let longer = [proof.as_slice(), &[leaf]].concat();
            assert!(!says(index, &leaf, &longer));
            for at in 0..proof.len() {
                assert!(!says(index, &leaf, &proof[..at]));
                let mut flipped = proof.clone();
                flipped[at].0[0] ^= 1;
                assert!(!says(index, &leaf, &flipped));
            }
        }
    }
    let unknown = Log::new("log.example/unknown", 0, 1);
    let call = includes(&unknown.id(), 0, &unknown.leaves[0], &[]);
    assert_eq!(chain.call(&registry, &call), Ok(word(0).to_vec()));
}

/// Prints the table of `docs/evm.md`: `cargo test -p avouch-anchor --features submit --test evm gas -- --nocapture`.
#[test]
fn gas_grows_with_the_logarithm_of_the_logs_size() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let deployed = {
        let registry = chain.deploy();
        let block = chain.rpc("eth_getBlockByNumber", serde_json::json!(["latest", true]));
        let hash = &block["transactions"][0]["hash"];
        let receipt = chain.rpc("eth_getTransactionReceipt", serde_json::json!([hash]));
        (registry, number(&receipt["gasUsed"]))
    };
    let (registry, gas) = deployed;
    println!("| from | to | hashes in the proof | gas |\n|---|---|---|---|");
    println!("| | deployment, once for all logs | | {gas} |");
    let steps = [
        (0, 1_000),
        (1, 2),
        (100, 200),
        (1_000, 1_001),
        (1_000, 2_000),
        (100_000, 100_100),
        (1_000_000, 1_000_001),
        (1_000_000, 1_048_577),
    ];
    let log = |name: String| Log::new(&name, 0, 1_048_577);
    let whole = log("log.example/gas".into());
    for (at, (before, after)) in steps.into_iter().enumerate() {
        let log = Log {
            leaves: whole.leaves.clone(),
            ..Log::new(&format!("log.example/gas-{at}"), 0, 0)
        };
        if before > 0 {
            accepts(&chain, &log, &log.entry(registry, 0, before));
        }
        let entry = log.entry(registry, before, after);
        let gas = accepts(&chain, &log, &entry);
        println!("| {before} | {after} | {} | {gas} |", entry.proof.len());
        assert!(gas < 120_000 + 4_000 * entry.proof.len() as u64);
    }
}
