//! Receipts: a log's signed word that an entry is in it (RFC 9942, verifiable data structure 1).
//!
//! ```text
//! 18([ << { 1: alg, 4: kid, 395: 1 } >>,
//!      { 396: { -1: [ << [size, index, [* hash]] >> ] } }, nil, signature ])
//! ```
//! The detached payload is the root that the path leads to. Only the root is signed: a path may fit
//! several sizes and indices, so those two count only beside a checkpoint of the same size and root.

use alloc::vec::Vec;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::{Digest, LeafIndex, TreeSize, root_from_inclusion};

use crate::Error;
use crate::key::{Algorithm, KeyId, SigningKey, VerifyingKey};
use crate::stored::{ALG, Envelope, KID, Seal, VDP, VDS, seal};

/// RFC9162_SHA256 in the registry of verifiable data structures.
const VDS_RFC9162: u64 = 1;
/// Label of inclusion proofs among the verifiable data proofs.
const INCLUSION: i64 = -1;

/// Longest inclusion path: the depth of a tree of 2^64 leaves.
pub const MAX_PATH: usize = 64;

/// An inclusion receipt in its stored form; [`verify`](Self::verify) checks the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    bytes: Vec<u8>,
    protected: Vec<u8>,
    seal: Seal,
    size: TreeSize,
    index: LeafIndex,
    path: Vec<Digest>,
}

/// What a verified receipt shows: the log signed `root`, and the leaf is under it. Size and index are
/// the receipt's own words until a checkpoint of that size and root confirms them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InclusionReceipt {
    /// Leaves in the tree.
    pub size: TreeSize,
    /// The leaf's position.
    pub index: LeafIndex,
    /// The root that the log signed.
    pub root: Digest,
}

impl Receipt {
    /// Signs that the tree of `size` leaves and this `root` holds, at `index`, the leaf that `path` starts from.
    ///
    /// # Errors
    /// [`Error::Form`] when the index lies outside the tree or the path is longer than [`MAX_PATH`].
    pub fn sign_inclusion(
        key: &SigningKey,
        size: TreeSize,
        index: LeafIndex,
        path: &[Digest],
        root: &Digest,
    ) -> Result<Self, Error> {
        let mut protected = Encoder::new();
        protected.map(3);
        protected.int(ALG).int(key.algorithm().cose_id());
        protected.int(KID).bytes(key.id().as_bytes());
        protected.int(VDS).uint(VDS_RFC9162);

        let mut proof = Encoder::new();
        proof
            .array(3)
            .uint(size.get())
            .uint(index.get())
            .array(path.len());
        for hash in path {
            proof.bytes(hash.as_bytes());
        }
        let mut unprotected = Encoder::new();
        unprotected
            .map(1)
            .int(VDP)
            .map(1)
            .int(INCLUSION)
            .array(1)
            .bytes(proof.as_slice());
        Self::parse(&seal(
            key,
            protected.as_slice(),
            unprotected.as_slice(),
            root.as_bytes(),
            true,
        ))
    }

    /// Reads a stored receipt, refusing every encoding but the stored one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let form = |what, expected| Error::Form { what, expected };
        let envelope = Envelope::parse(bytes)?;
        let members = envelope.members()?;
        let vds = members
            .get_int(VDS)
            .and_then(|vds| vds.as_int())
            .ok_or(form("protected header", "member 395 (vds), an integer"))?;
        if vds != i128::from(VDS_RFC9162) {
            return Err(Error::UnsupportedVds(vds));
        }
        if members.len() != 3 {
            return Err(form("protected header", "exactly the members 1, 4 and 395"));
        }
        if !envelope.payload.is_null() {
            return Err(form("payload", "nil: the root is recomputed, not carried"));
        }
        let proof = only(envelope.unprotected, VDP)
            .and_then(|proofs| only(proofs, INCLUSION))
            .and_then(|proofs| proofs.as_array().filter(|array| array.len() == 1))
            .and_then(|proofs| proofs.into_iter().next())
            .and_then(|proof| proof.as_bytes())
            .ok_or(form(
                "unprotected header",
                "only { 396: { -1: [one inclusion proof] } }",
            ))?;
        let (size, index, path) = inclusion_proof(proof)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            protected: envelope.protected.to_vec(),
            seal: envelope.seal,
            size,
            index,
            path,
        })
    }

    /// Checks that `key` signed the root which the path leads to from `leaf`
    /// (a leaf hash: `hash_leaf(entry)`).
    pub fn verify(&self, leaf: Digest, key: &VerifyingKey) -> Result<InclusionReceipt, Error> {
        let root = root_from_inclusion(leaf, self.index, self.size, &self.path)?;
        self.seal.verify(key, &self.protected, root.as_bytes())?;
        Ok(InclusionReceipt {
            size: self.size,
            index: self.index,
            root,
        })
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

    /// Leaves in the tree, by the receipt's own word.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The leaf's position, by the receipt's own word.
    pub fn index(&self) -> LeafIndex {
        self.index
    }
}

/// The value under `label` in a map that holds nothing else.
fn only(map: Item<'_>, label: i64) -> Option<Item<'_>> {
    map.as_map().filter(|map| map.len() == 1)?.get_int(label)
}

/// Decodes `[size, index, [* hash]]` (RFC 9942 section 5.2).
fn inclusion_proof(bytes: &[u8]) -> Result<(TreeSize, LeafIndex, Vec<Digest>), Error> {
    let malformed = Error::Form {
        what: "inclusion proof",
        expected: "[size, index below it, [at most 64 hashes]]",
    };
    let Some(parts) = Item::parse(bytes)?
        .as_array()
        .filter(|array| array.len() == 3)
    else {
        return Err(malformed);
    };
    let mut parts = parts.into_iter();
    let size = parts.next().and_then(|size| size.as_u64());
    let index = parts.next().and_then(|index| index.as_u64());
    let path = parts
        .next()
        .and_then(|path| path.as_array())
        .filter(|path| path.len() <= MAX_PATH);
    let (Some(size), Some(index), Some(path)) = (size, index, path) else {
        return Err(malformed);
    };
    let path: Option<Vec<Digest>> = path
        .into_iter()
        .map(|hash| hash.as_bytes().and_then(|hash| Digest::try_from(hash).ok()))
        .collect();
    match path {
        Some(path) if index < size => Ok((TreeSize(size), LeafIndex(index), path)),
        _ => Err(malformed),
    }
}
