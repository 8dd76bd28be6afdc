//! That a log only grew: consistency proofs as text, and as receipts that the log signs.
//!
//! The text is the body of a request to a witness (c2sp.org/tlog-witness, `add-checkpoint`):
//!
//! ```text
//! old <size>
//! <base64 of a hash>        (RFC 9162, section 2.1.4)
//!
//! <the later checkpoint, a signed note, verbatim>
//! ```
//! The receipt (RFC 9942, section 5.3) is that of [`crate::receipt`] with
//! `{ 396: { -2: [ << [first size, second size, [* hash]] >> ] } }`; its detached payload is the later root.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use avouch_cbor::Encoder;
use avouch_merkle::{Digest, TreeSize, roots_from_consistency, verify_consistency};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::checkpoint::{Checkpoint, parse_decimal};
use crate::key::{Algorithm, KeyId, SigningKey, VerifyingKey};
use crate::note::{Note, NoteKey};
use crate::receipt::{OpenedProof, proof_parts, push_path, seal_proof};
use crate::stored::Seal;

/// Label of consistency proofs among the verifiable data proofs.
const CONSISTENCY: i64 = -2;
/// Most hashes in a consistency proof: the specification of witnesses allows 63.
pub const MAX_PATH: usize = 63;

/// That the tree of a checkpoint begins with an earlier tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The earlier size; 0 for a first checkpoint, which needs no proof.
    pub before: TreeSize,
    /// The proof's hashes; none if `before` is 0 or the checkpoint's own size.
    pub path: Vec<Digest>,
    /// The later checkpoint.
    pub checkpoint: Note,
}

impl ConsistencyProof {
    /// Reads a proof. Nothing in it is checked.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |line, reason| Error::ConsistencyProof { line, reason };
        let cut = "the text ends before the checkpoint";
        let (first, mut rest) = text.split_once('\n').ok_or(bad(1, cut))?;
        let before = first
            .strip_prefix("old ")
            .and_then(parse_decimal)
            .ok_or(bad(
                1,
                "expected \"old\" and a decimal without leading zeros",
            ))?;
        let mut path = Vec::new();
        loop {
            let number = path.len() + 2;
            let (line, after) = rest.split_once('\n').ok_or(bad(number, cut))?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if path.len() == MAX_PATH {
                return Err(bad(number, "more than 63 hashes"));
            }
            path.push(
                STANDARD
                    .decode(line)
                    .ok()
                    .and_then(|hash| Digest::try_from(hash.as_slice()).ok())
                    .ok_or(bad(number, "not the base64 of a 32-byte hash"))?,
            );
        }
        Ok(Self {
            before: TreeSize(before),
            path,
            checkpoint: Note::parse(rest)?,
        })
    }

    /// Checks that the log signed the later checkpoint, and that its tree begins with the one of
    /// `before_root`. From size 0, it checks that the proof is empty.
    pub fn verify(&self, before_root: &Digest, log: &NoteKey) -> Result<Checkpoint, Error> {
        let after = Checkpoint::open_note(&self.checkpoint, log)?;
        match (self.before, self.path.len()) {
            (TreeSize(0), 0) => {}
            (TreeSize(0), unused) => {
                return Err(avouch_merkle::Error::ProofTooLong { unused }.into());
            }
            _ => verify_consistency(
                self.before,
                before_root,
                after.size,
                &after.root,
                &self.path,
            )?,
        }
        Ok(after)
    }
}

impl fmt::Display for ConsistencyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.before)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ConsistencyProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// A consistency receipt in its stored form; [`verify`](Self::verify) checks the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyReceipt {
    bytes: Vec<u8>,
    protected: Vec<u8>,
    seal: Seal,
    before: TreeSize,
    after: TreeSize,
    path: Vec<Digest>,
}

impl ConsistencyReceipt {
    /// Signs that the tree of `after` leaves and this `root` begins with the one of `before` leaves that
    /// `path` proves.
    ///
    /// # Errors
    /// [`Error::Form`] when the sizes are reversed, the first is 0, or the path is longer than [`MAX_PATH`].
    pub fn sign(
        key: &SigningKey,
        before: TreeSize,
        after: TreeSize,
        path: &[Digest],
        root: &Digest,
    ) -> Result<Self, Error> {
        let mut proof = Encoder::new();
        proof.array(3).uint(before.get()).uint(after.get());
        push_path(&mut proof, path);
        Self::parse(&seal_proof(key, CONSISTENCY, proof.as_slice(), root)?)
    }

    /// Reads a stored receipt, refusing every encoding but the stored one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let opened = OpenedProof::parse(bytes, CONSISTENCY)?;
        match proof_parts(opened.proof)? {
            Some((before, after, path))
                if 0 < before && before <= after && path.len() <= MAX_PATH =>
            {
                Ok(Self {
                    bytes: bytes.to_vec(),
                    protected: opened.protected.to_vec(),
                    seal: opened.seal,
                    before: TreeSize(before),
                    after: TreeSize(after),
                    path,
                })
            }
            _ => Err(Error::Form {
                what: "consistency proof",
                expected: "[size above 0, size not below it, [at most 63 hashes]]",
            }),
        }
    }

    /// Checks that the proof leads from the earlier root, which the caller knows from elsewhere, to a
    /// root that `key` signed, and returns that. The sizes count only beside checkpoints of both roots.
    pub fn verify(&self, before_root: &Digest, key: &VerifyingKey) -> Result<Digest, Error> {
        let (first, second) =
            roots_from_consistency(self.before, before_root, self.after, &self.path)?;
        if first != *before_root {
            return Err(avouch_merkle::Error::FirstRootMismatch.into());
        }
        self.seal.verify(key, &self.protected, second.as_bytes())?;
        Ok(second)
    }

    /// The stored form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Thumbprint of the log key that it names.
    pub fn key_id(&self) -> KeyId {
        self.seal.kid
    }

    /// What that key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.seal.algorithm
    }

    /// The earlier size, by the receipt's own word.
    pub fn before(&self) -> TreeSize {
        self.before
    }

    /// The later size, by the receipt's own word.
    pub fn after(&self) -> TreeSize {
        self.after
    }
}
