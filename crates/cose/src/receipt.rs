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
pub(crate) const VDS_RFC9162: u64 = 1;
/// Label of inclusion proofs among the verifiable data proofs.
pub(crate) const INCLUSION: i64 = -1;

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
        let mut proof = Encoder::new();
        proof.array(3).uint(size.get()).uint(index.get());
        push_path(&mut proof, path);
        Self::parse(&seal_proof(key, INCLUSION, proof.as_slice(), root)?)
    }

    /// Reads a stored receipt, refusing every encoding but the stored one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let opened = OpenedProof::parse(bytes, INCLUSION)?;
        let (size, index, path) = inclusion_proof(opened.proof)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            protected: opened.protected.to_vec(),
            seal: opened.seal,
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

/// Signs a receipt that carries one proof of the kind `label`, with the detached payload `root`.
pub(crate) fn seal_proof(
    key: &SigningKey,
    label: i64,
    proof: &[u8],
    root: &Digest,
) -> Result<Vec<u8>, Error> {
    let mut protected = Encoder::new();
    protected.map(3);
    protected.int(ALG).int(key.algorithm().cose_id());
    protected.int(KID).bytes(key.id().as_bytes());
    protected.int(VDS).uint(VDS_RFC9162);
    let mut unprotected = Encoder::new();
    unprotected
        .map(1)
        .int(VDP)
        .map(1)
        .int(label)
        .array(1)
        .bytes(proof);
    seal(
        key,
        protected.as_slice(),
        unprotected.as_slice(),
        root.as_bytes(),
        true,
    )
}

/// A receipt with one proof, taken apart.
pub(crate) struct OpenedProof<'a> {
    pub(crate) protected: &'a [u8],
    pub(crate) seal: Seal,
    pub(crate) proof: &'a [u8],
}

impl<'a> OpenedProof<'a> {
    /// Refuses every encoding but the stored one, and every proof but one of the kind `label`.
    pub(crate) fn parse(bytes: &'a [u8], label: i64) -> Result<Self, Error> {
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
            .and_then(|proofs| only(proofs, label))
            .and_then(|proofs| proofs.as_array().filter(|array| array.len() == 1))
            .and_then(|proofs| proofs.into_iter().next())
            .and_then(|proof| proof.as_bytes())
            .ok_or(form(
                "unprotected header",
                match label {
                    INCLUSION => "only { 396: { -1: [one inclusion proof] } }",
                    _ => "only { 396: { -2: [one consistency proof] } }",
                },
            ))?;
        Ok(Self {
            protected: envelope.protected,
            seal: envelope.seal,
            proof,
        })
    }
}

/// The value under `label` in a map that holds nothing else.
fn only(map: Item<'_>, label: i64) -> Option<Item<'_>> {
    map.as_map().filter(|map| map.len() == 1)?.get_int(label)
}

pub(crate) fn push_path(proof: &mut Encoder, path: &[Digest]) {
    proof.array(path.len());
    for hash in path {
        proof.bytes(hash.as_bytes());
    }
}

/// Decodes `[size, index, [* hash]]` (RFC 9942 section 5.2).
fn inclusion_proof(bytes: &[u8]) -> Result<(TreeSize, LeafIndex, Vec<Digest>), Error> {
    match proof_parts(bytes)? {
        Some((size, index, path)) if index < size && path.len() <= MAX_PATH => {
            Ok((TreeSize(size), LeafIndex(index), path))
        }
        _ => Err(Error::Form {
            what: "inclusion proof",
            expected: "[size, index below it, [at most 64 hashes]]",
        }),
    }
}

/// Decodes `[uint, uint, [* hash]]`; `None` if it is anything else.
pub(crate) fn proof_parts(bytes: &[u8]) -> Result<Option<(u64, u64, Vec<Digest>)>, Error> {
    let Some(parts) = Item::parse(bytes)?
        .as_array()
        .filter(|array| array.len() == 3)
    else {
        return Ok(None);
    };
    let mut parts = parts.into_iter();
    let first = parts.next().and_then(|first| first.as_u64());
    let second = parts.next().and_then(|second| second.as_u64());
    let path = parts.next().and_then(|path| path.as_array());
    let (Some(first), Some(second), Some(path)) = (first, second, path) else {
        return Ok(None);
    };
    let path: Option<Vec<Digest>> = path
        .into_iter()
        .map(|hash| hash.as_bytes().and_then(|hash| Digest::try_from(hash).ok()))
        .collect();
    Ok(path.map(|path| (first, second, path)))
}
