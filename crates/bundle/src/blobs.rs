//! Blobs by what they hash to.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use avouch_merkle::{Digest, sha256};

/// Blobs by their SHA-256, ascending. The digests are computed here, never taken from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blobs(BTreeMap<Digest, Vec<u8>>);

impl Blobs {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a blob, once, and returns its SHA-256.
    pub fn insert(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = sha256(&[&bytes]);
        self.0.entry(digest).or_insert(bytes);
        digest
    }

    /// The blob of this SHA-256.
    pub fn get(&self, digest: &Digest) -> Option<&[u8]> {
        self.0.get(digest).map(Vec::as_slice)
    }

    /// All blobs, by ascending SHA-256.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Digest, &[u8])> {
        self.0
            .iter()
            .map(|(digest, bytes)| (digest, bytes.as_slice()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The greatest SHA-256 so far.
    pub(crate) fn last(&self) -> Option<&Digest> {
        self.0.last_key_value().map(|(digest, _)| digest)
    }
}

impl FromIterator<Vec<u8>> for Blobs {
    fn from_iter<I: IntoIterator<Item = Vec<u8>>>(blobs: I) -> Self {
        let mut all = Self::new();
        for blob in blobs {
            all.insert(blob);
        }
        all
    }
}
