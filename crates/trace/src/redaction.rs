//! What an issuer says when fields of a run were erased: that it was done, by whom and why, but not what.

use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::{Digest, hash_leaf, root};

use crate::{Error, MAX_EVENTS, RunId};

/// The content type of a statement whose payload is a redaction.
pub const REDACTION_CONTENT_TYPE: &str = "application/vnd.avouch.redaction+cbor";

/// The only version so far.
const VERSION: u64 = 1;
/// Longest `by` and `reason`, in bytes.
const MAX_TEXT: usize = 1024;

/// The redaction's integer keys.
mod key {
    pub(super) const VERSION: i64 = 1;
    pub(super) const RUN: i64 = 2;
    pub(super) const BY: i64 = 3;
    pub(super) const REASON: i64 = 4;
    pub(super) const COUNT: i64 = 5;
    pub(super) const ROOT: i64 = 6;
}

/// That fields of a run were erased.
///
/// The root is over the [`Tombstone`]s. A tombstone holds a salted leaf hash whose salt was destroyed, so the
/// root says nothing to who does not know the tombstones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// The run.
    pub run: RunId,
    /// Who had it done.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How many fields; at least one.
    pub count: u64,
    /// The RFC 9162 root over their tombstones, by event and index.
    pub root: Digest,
}

/// What is left of an erased field: its place, and the leaf hash that keeps the body's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tombstone {
    /// The event.
    pub seq: u64,
    /// The field's index in the body.
    pub index: u64,
    /// The field's leaf hash.
    pub leaf: Digest,
}

impl Tombstone {
    /// Its leaf under a redaction's root: SHA-256(0x00 || CBOR [seq, index, leaf]).
    pub fn hash(&self) -> Digest {
        let mut out = Encoder::new();
        out.array(3).uint(self.seq).uint(self.index);
        out.bytes(&self.leaf.0);
        hash_leaf(out.as_slice())
    }
}

impl Redaction {
    /// The redaction of these fields, which must be in ascending order; `None` where there is none.
    pub fn of(run: RunId, by: &str, reason: &str, tombstones: &[Tombstone]) -> Option<Self> {
        let ascending = tombstones
            .windows(2)
            .all(|pair| (pair[0].seq, pair[0].index) < (pair[1].seq, pair[1].index));
        (ascending && !tombstones.is_empty()).then(|| Self {
            run,
            by: by.into(),
            reason: reason.into(),
            count: tombstones.len() as u64,
            root: root(tombstones.iter().map(Tombstone::hash)),
        })
    }

    /// The canonical CBOR map.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.map(6);
        out.int(key::VERSION).uint(VERSION);
        out.int(key::RUN).bytes(&self.run.0);
        out.int(key::BY).text(&self.by);
        out.int(key::REASON).text(&self.reason);
        out.int(key::COUNT).uint(self.count);
        out.int(key::ROOT).bytes(&self.root.0);
        out.into_vec()
    }

    /// Reads a redaction, strictly: canonical CBOR, every key, no other.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let item = Item::parse(bytes).map_err(|source| Error::Cbor {
            what: "a redaction",
            source,
        })?;
        let shape = |expected| Error::Shape {
            what: "a redaction",
            at: item.offset(),
            expected,
        };
        let map = item
            .as_map()
            .filter(|map| map.len() == 6)
            .ok_or_else(|| shape("a map with exactly the keys 1 to 6"))?;
        let text = |key, expected| {
            map.get_int(key)
                .and_then(|item| item.as_text())
                .filter(|text| (1..=MAX_TEXT).contains(&text.len()))
                .filter(|text| !text.contains(char::is_control))
                .map(String::from)
                .ok_or_else(|| shape(expected))
        };
        let number = |key| map.get_int(key).and_then(|item| item.as_u64());
        let bytes_at = |key| map.get_int(key).and_then(|item| item.as_bytes());
        if number(key::VERSION) != Some(VERSION) {
            return Err(shape("version 1 under key 1"));
        }
        Ok(Self {
            run: bytes_at(key::RUN)
                .and_then(|bytes| bytes.try_into().ok())
                .map(RunId)
                .ok_or_else(|| shape("16 bytes of run id under key 2"))?,
            by: text(
                key::BY,
                "who had it done under key 3: 1 to 1024 bytes without control characters",
            )?,
            reason: text(
                key::REASON,
                "why under key 4: 1 to 1024 bytes without control characters",
            )?,
            count: number(key::COUNT)
                .filter(|count| (1..=MAX_EVENTS).contains(count))
                .ok_or_else(|| shape("how many fields, at least one, under key 5"))?,
            root: bytes_at(key::ROOT)
                .and_then(|bytes| bytes.try_into().ok())
                .map(Digest)
                .ok_or_else(|| shape("32 bytes of root under key 6"))?,
        })
    }
}
