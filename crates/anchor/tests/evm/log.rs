//! A log with an anchoring key, and the calls that enter its checkpoints, put together here once more.

use std::path::Path;
use std::process::Command;

use avouch_anchor::evm::{Evm, LogId, Node, Proof, Registry, Submitter};
use avouch_anchor::{Anchored, Backend as _, Receipt};
use avouch_cose::{Algorithm, Checkpoint, SigningKey};
use avouch_merkle::{
    Digest, LeafIndex, TreeSize, consistency_proof, hash_leaf, inclusion_proof, root, sha256,
};
use sha3::Digest as _;

use crate::chain::soon;

/// The order of the group of P-256 (SEC 2, section 2.4.2).
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

pub(crate) struct Log {
    pub(crate) origin: String,
    pub(crate) key: SigningKey,
    pub(crate) leaves: Vec<Digest>,
}

/// What a transaction enters, to be changed before it is sent.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) registry: Registry,
    pub(crate) x: [u8; 32],
    pub(crate) y: [u8; 32],
    pub(crate) origin: [u8; 32],
    pub(crate) size: u64,
    pub(crate) root: Digest,
    pub(crate) proof: Vec<Digest>,
    pub(crate) signature: [u8; 64],
}

impl Log {
    /// A log whose leaves are numbers from this one on.
    pub(crate) fn new(origin: &str, first: u64, size: u64) -> Self {
        let mut seed = sha256(&[origin.as_bytes()]).0;
        seed[0] = 1;
        Self {
            origin: origin.into(),
            key: SigningKey::generate(Algorithm::P256, &seed).unwrap(),
            leaves: (first..first + size)
                .map(|leaf| hash_leaf(&leaf.to_be_bytes()))
                .collect(),
        }
    }

    pub(crate) fn root(&self, size: u64) -> Digest {
        root(self.leaves[..size as usize].iter().copied())
    }

    pub(crate) fn id(&self) -> LogId {
        LogId::new(&self.key.verifying_key(), &self.origin).unwrap()
    }

    pub(crate) fn consistency(&self, before: u64, after: u64) -> Vec<Digest> {
        consistency_proof(&self.leaves[..after as usize], TreeSize(before)).unwrap()
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Vec<Digest> {
        inclusion_proof(&self.leaves[..size as usize], LeafIndex(index)).unwrap()
    }

    /// The log's checkpoint, signed as a note by its other key.
    pub(crate) fn anchored(&self, size: u64) -> Anchored {
        let key = SigningKey::generate(Algorithm::Ed25519, &[7; 32]).unwrap();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: TreeSize(size),
            root: self.root(size),
            extensions: Vec::new(),
        };
        Anchored::parse(&checkpoint.sign(&key).unwrap().to_string()).unwrap()
    }

    /// The good call from one size to another, 0 for none before.
    pub(crate) fn entry(&self, registry: Registry, before: u64, after: u64) -> Entry {
        let (x, y) = self.key.verifying_key().as_p256().unwrap();
        let mut entry = Entry {
            registry,
            x,
            y,
            origin: sha256(&[self.origin.as_bytes()]).0,
            size: after,
            root: self.root(after),
            proof: Vec::new(),
            signature: [0; 64],
        };
        if before > 0 {
            entry.proof = self.consistency(before, after);
        }
        entry.signed_by(&self.key)
    }

    /// The client that enters this log's checkpoints.
    pub(crate) fn submitter(
        &self,
        node: Node,
        registry: Registry,
        confirmations: u64,
    ) -> Submitter {
        let leaves = self.leaves.clone();
        let growth = move |before: TreeSize, after: TreeSize| {
            consistency_proof(&leaves[..after.get() as usize], before)
                .map_err(|error| error.to_string())
        };
        Submitter::new(
            node,
            registry,
            self.key.clone(),
            Box::new(growth),
            confirmations,
        )
        .unwrap()
    }

    /// The policy's anchor for a receipt whose block it trusts.
    pub(crate) fn trusting(&self, receipt: &Receipt) -> Evm {
        let Proof::Mined {
            registry, header, ..
        } = Proof::decode(&receipt.proof).unwrap()
        else {
            panic!("a complete proof");
        };
        let block = avouch_anchor::evm::BlockHash::of_header(&header).unwrap();
        Evm::new(registry, self.key.verifying_key(), vec![block]).unwrap()
    }
}

/// Anchors a checkpoint from beginning to end.
pub(crate) fn enter(submitter: &Submitter, anchored: &Anchored) -> Receipt {
    let prepared = submitter.prepare(anchored, &[0; 32]).unwrap();
    let pending = submitter.submit(anchored, &prepared).unwrap();
    complete(submitter, &pending)
}

/// What a pending receipt becomes.
pub(crate) fn complete(submitter: &Submitter, pending: &Receipt) -> Receipt {
    soon(|| submitter.upgrade(pending).unwrap())
}

impl Entry {
    /// The message of `docs/evm.md`, signed by this key.
    pub(crate) fn signed_by(mut self, key: &SigningKey) -> Self {
        let log = sha256(&[b"avouch/v1/evm-log", &self.x, &self.y, &self.origin]);
        let message = [
            b"avouch/v1/evm-checkpoint".as_slice(),
            &word(self.registry.chain),
            &self.registry.contract.0,
            log.as_bytes(),
            &self.size.to_be_bytes(),
            self.root.as_bytes(),
        ]
        .concat();
        self.signature = key.sign(&message);
        self
    }

    /// The other signature of the same message: s as the order less s.
    pub(crate) fn with_high_s(mut self) -> Self {
        let order = hex::decode(ORDER).unwrap();
        let mut borrow = 0;
        for at in (0..32).rev() {
            let difference = i32::from(order[at]) - i32::from(self.signature[32 + at]) - borrow;
            borrow = i32::from(difference < 0);
            self.signature[32 + at] = (difference & 0xff) as u8;
        }
        self
    }

    pub(crate) fn call(&self) -> Vec<u8> {
        let mut call = selector(
            "anchor((bytes32,bytes32),bytes32,uint64,bytes32,bytes32[],(bytes32,bytes32))",
        );
        for word in [
            self.x,
            self.y,
            self.origin,
            word(self.size),
            self.root.0,
            word(256),
        ] {
            call.extend(word);
        }
        call.extend(self.signature);
        call.extend(hashes(&self.proof));
        call
    }
}

/// The call of `includes`.
pub(crate) fn includes(log: &LogId, index: u64, leaf: &Digest, proof: &[Digest]) -> Vec<u8> {
    let mut call = selector("includes(bytes32,uint64,bytes32,bytes32[])");
    for word in [log.0, word(index), leaf.0, word(128)] {
        call.extend(word);
    }
    call.extend(hashes(proof));
    call
}

/// The call of `heads`.
pub(crate) fn heads(log: &LogId) -> Vec<u8> {
    [selector("heads(bytes32)"), log.0.to_vec()].concat()
}

fn hashes(proof: &[Digest]) -> Vec<u8> {
    let mut out = word(proof.len() as u64).to_vec();
    proof.iter().for_each(|hash| out.extend(hash.0));
    out
}

pub(crate) fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

pub(crate) fn selector(signature: &str) -> Vec<u8> {
    sha3::Keccak256::digest(signature.as_bytes())[..4].to_vec()
}

/// `node` with the packages of `tests/tools/evm`.
pub(crate) fn node(modules: &Path) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules);
    command
}
