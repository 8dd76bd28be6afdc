//! A log in memory, and witnesses of it.
#![allow(dead_code, unreachable_pub)]

use std::path::Path;

use avouch_cose::{Algorithm, Checkpoint, CosignerKey, Note, NoteKey, SigningKey};
use avouch_merkle::{Digest, TreeSize, consistency_proof, root, sha256};
use avouch_witness::{Request, State, Witness};

pub const ORIGIN: &str = "log.example/acme";
/// What the tests' clock says unless told.
pub const NOW: u64 = 1_800_000_000;

pub fn key(number: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[number; 32]).unwrap()
}

/// A log whose leaves from `fork` on are others than those of another log of the same key.
pub struct Log {
    pub origin: String,
    pub key: SigningKey,
    pub leaves: Vec<Digest>,
}

impl Log {
    pub fn new(size: u64) -> Self {
        Self::forked(size, size, "")
    }

    pub fn forked(size: u64, fork: u64, branch: &str) -> Self {
        let branch_of = |n| if n < fork { "" } else { branch };
        Self {
            origin: ORIGIN.into(),
            key: key(1),
            leaves: (0..size)
                .map(|n| sha256(&[branch_of(n).as_bytes(), &n.to_be_bytes()]))
                .collect(),
        }
    }

    pub fn note_key(&self) -> NoteKey {
        NoteKey::new(&self.origin, self.key.verifying_key()).unwrap()
    }

    pub fn checkpoint(&self, size: u64) -> Note {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: TreeSize(size),
            root: root(self.leaves[..size as usize].iter().copied()),
            extensions: Vec::new(),
        };
        checkpoint.sign(&self.key).unwrap()
    }

    pub fn proof(&self, old: u64, new: u64) -> Vec<Digest> {
        match old {
            0 => Vec::new(),
            _ => consistency_proof(&self.leaves[..new as usize], TreeSize(old)).unwrap(),
        }
    }

    pub fn request(&self, old: u64, new: u64) -> Request {
        Request {
            old: TreeSize(old),
            proof: self.proof(old, new),
            checkpoint: self.checkpoint(new),
        }
    }

    /// The request's body.
    pub fn body(&self, old: u64, new: u64) -> String {
        self.request(old, new).to_string()
    }
}

pub fn cosigner(number: u8) -> CosignerKey {
    CosignerKey::new(&name(number), key(number).verifying_key()).unwrap()
}

pub fn name(number: u8) -> String {
    format!("witness.example/w{number}")
}

/// A witness with this key whose state is in `folder`, made now if it is not there.
pub fn witness(number: u8, folder: &Path, log: &Log) -> Witness {
    let path = folder.join(format!("{number}.db"));
    if !path.exists() {
        State::create(&path, &cosigner(number)).unwrap();
    }
    Witness::open(&name(number), key(number), vec![log.note_key()], &path).unwrap()
}

/// When the witness says that it cosigned, from the body of a good answer.
pub fn cosigned_at(note: &Note, body: &str, number: u8) -> u64 {
    let mut note = note.clone();
    for line in body.lines() {
        note.add(line.parse().unwrap()).unwrap();
    }
    note.verify_cosignature(&cosigner(number)).unwrap()
}
