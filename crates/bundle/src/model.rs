//! What a bundle holds, and the rules that its parts keep among themselves.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use avouch_merkle::Digest;
use avouch_trace::{Event, Field};

use crate::{
    Blobs, Error, KeyEvidence, MAX_ANCHOR_LEN, MAX_ANCHOR_PATH, MAX_ANCHORS, MAX_CHECKPOINT_LEN,
    MAX_CLAIMS_LEN, MAX_FIELDS, MAX_PROOF_LEN, MAX_PROOF_PER_ITEM, MAX_PROOFS, MAX_RECEIPT_LEN,
    MAX_RECEIPTS, MAX_REDACTIONS, MAX_STATEMENT_LEN, MAX_SYSTEM_LEN,
};

/// The evidence about one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The signed statement, in its stored form.
    pub statement: Vec<u8>,
    /// Receipts that logs gave for the statement.
    pub receipts: Vec<Vec<u8>>,
    /// The log's checkpoint, a signed note.
    pub checkpoint: Option<String>,
    /// What dates checkpoints of the log from outside.
    pub anchors: Vec<Anchor>,
    /// What is shown of the run; `None` when nothing is.
    pub disclosures: Option<Disclosures>,
    /// Proofs that claims hold for the run.
    pub proofs: Vec<Proof>,
    /// What speaks for the key that signed the statement, and against it.
    pub keys: Option<KeyEvidence>,
}

/// A receipt for a checkpoint of the log, and how the statement is in the tree of that checkpoint, which
/// need not be the bundle's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The receipt, in `avouch-anchor`'s form.
    pub receipt: Vec<u8>,
    /// The statement's place in the anchored tree.
    pub index: u64,
    /// The hashes that lead from its leaf to that tree's root.
    pub path: Vec<Digest>,
}

/// A proof that claims hold for the run of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The proof system: `stark`, or one that this reader does not know.
    pub system: String,
    /// The named set of its parameters.
    pub preset: String,
    /// What is proven: claims in their canonical form.
    pub claims: Vec<u8>,
    /// The proof, as its system writes it.
    pub proof: Vec<u8>,
}

/// What is shown of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disclosures {
    /// The events, by ascending seq; at least one.
    pub events: Vec<Shown>,
    /// The multi-leaf proof that leads from the events to the run's root.
    pub proof: Vec<Digest>,
    /// Bytes that shown fields refer to.
    pub blobs: Blobs,
    /// What says that the erased fields were erased.
    pub redactions: Vec<Redacted>,
    /// The openings of the sealed fields, encrypted to some recipients (an age file).
    pub sealed: Option<Vec<u8>>,
}

/// A redaction, and which of its tombstones are those of erased fields that are shown as such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The signed statement, in its stored form.
    pub statement: Vec<u8>,
    /// Receipts that logs gave for it.
    pub receipts: Vec<Vec<u8>>,
    /// Each tombstone's place under the redaction's root, and its event and index; the leaf hash is with the
    /// event. By ascending place.
    pub tombstones: Vec<(u64, u64, u64)>,
    /// The multi-leaf proof that leads from these tombstones to the redaction's root.
    pub proof: Vec<Digest>,
}

/// One event that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its index in the run.
    pub seq: u64,
    /// The event.
    pub event: Event,
    /// What is shown of its body; `None` when nothing is.
    pub openings: Option<Openings>,
}

/// Fields of one event's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Openings {
    /// The fields and their indices in the body, ascending. Leaf 0, which counts the fields, is
    /// always among them: `Body::verify` insists.
    pub fields: Vec<(u64, Field)>,
    /// Index and leaf hash of the fields that were erased, ascending.
    pub erased: Vec<(u64, Digest)>,
    /// Index and leaf hash of the fields whose openings are encrypted, ascending.
    pub sealed: Vec<(u64, Digest)>,
    /// The multi-leaf proof that leads from all of these to the body's root.
    pub proof: Vec<Digest>,
}

impl Openings {
    /// The fields of which only the leaf hash is shown, erased and sealed, ascending.
    pub fn hash_only(&self) -> Vec<(u64, Digest)> {
        let mut all = [&self.erased[..], &self.sealed[..]].concat();
        all.sort_unstable();
        all
    }
}

impl Bundle {
    /// The event of this seq, if it is shown.
    pub fn event(&self, seq: u64) -> Option<&Shown> {
        let events = &self.disclosures.as_ref()?.events;
        let at = events.binary_search_by_key(&seq, |shown| shown.seq).ok()?;
        events.get(at)
    }

    /// The rules that hold for every bundle, read or written.
    pub(crate) fn check(&self) -> Result<(), Error> {
        limit(
            "the statement's length in bytes",
            self.statement.len(),
            MAX_STATEMENT_LEN,
        )?;
        check_receipts(&self.receipts)?;
        if let Some(checkpoint) = &self.checkpoint {
            limit(
                "the checkpoint's length in bytes",
                checkpoint.len(),
                MAX_CHECKPOINT_LEN,
            )?;
        }
        limit("the number of anchors", self.anchors.len(), MAX_ANCHORS)?;
        self.anchors.iter().try_for_each(Anchor::check)?;
        limit("the number of proofs", self.proofs.len(), MAX_PROOFS)?;
        self.proofs.iter().try_for_each(Proof::check)?;
        self.keys.as_ref().map_or(Ok(()), KeyEvidence::check)?;
        self.disclosures.as_ref().map_or(Ok(()), Disclosures::check)
    }
}

impl Anchor {
    fn check(&self) -> Result<(), Error> {
        let (length, hashes) = (self.receipt.len(), self.path.len());
        limit("an anchor's length in bytes", length, MAX_ANCHOR_LEN)?;
        limit("the number of hashes of an anchor", hashes, MAX_ANCHOR_PATH)
    }
}

impl Proof {
    fn check(&self) -> Result<(), Error> {
        for (what, name) in [
            ("the name of a proof system", &self.system),
            ("the name of a preset", &self.preset),
        ] {
            if name.is_empty() {
                return Err(Error::Nameless { what });
            }
            limit(what, name.len(), MAX_SYSTEM_LEN)?;
        }
        limit(
            "the length of a proof's claims in bytes",
            self.claims.len(),
            MAX_CLAIMS_LEN,
        )?;
        limit("a proof's length in bytes", self.proof.len(), MAX_PROOF_LEN)
    }
}

impl Disclosures {
    /// Every field that is shown, leaf 0 of each body included, with its event's seq.
    pub fn fields(&self) -> impl Iterator<Item = (u64, &Field)> {
        self.events
            .iter()
            .flat_map(|shown| shown.fields().map(|field| (shown.seq, field)))
    }

    fn check(&self) -> Result<(), Error> {
        if self.events.is_empty() {
            return Err(Error::NothingShown);
        }
        for pair in self.events.windows(2) {
            if pair[0].seq >= pair[1].seq {
                return Err(Error::EventOrder { seq: pair[1].seq });
            }
        }
        let most = self.events.len().saturating_mul(MAX_PROOF_PER_ITEM);
        limit(
            "the number of hashes in the events' proof",
            self.proof.len(),
            most,
        )?;
        self.events.iter().try_for_each(Shown::check)?;
        limit(
            "the number of redactions",
            self.redactions.len(),
            MAX_REDACTIONS,
        )?;
        self.redactions.iter().try_for_each(Redacted::check)?;
        let sealed = self
            .events
            .iter()
            .filter_map(|shown| shown.openings.as_ref())
            .any(|openings| !openings.sealed.is_empty());
        if sealed != self.sealed.is_some() {
            return Err(Error::Sealed);
        }
        self.refuse_stray_blobs()
    }

    /// A blob is here because a shown field refers to it by size and SHA-256.
    fn refuse_stray_blobs(&self) -> Result<(), Error> {
        if self.blobs.is_empty() {
            return Ok(());
        }
        let wanted: BTreeSet<(Digest, u64)> = self
            .fields()
            .filter_map(|(_, field)| field.blob())
            .map(|reference| (reference.digest, reference.size))
            .collect();
        match self
            .blobs
            .iter()
            .find(|(digest, b)| !wanted.contains(&(**digest, b.len() as u64)))
        {
            Some((digest, bytes)) => Err(Error::StrayBlob {
                digest: *digest,
                len: bytes.len(),
            }),
            None => Ok(()),
        }
    }
}

impl Shown {
    /// The fields that are shown, leaf 0 included.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.openings
            .iter()
            .flat_map(|openings| &openings.fields)
            .map(|(_, field)| field)
    }

    /// The shown field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().find(|field| field.name() == name)
    }

    fn check(&self) -> Result<(), Error> {
        let Some(Openings {
            fields,
            erased,
            sealed,
            proof,
        }) = &self.openings
        else {
            return Ok(());
        };
        if fields.is_empty() {
            return Err(Error::NothingOpened { seq: self.seq });
        }
        let all = fields.len() + erased.len() + sealed.len();
        limit("the number of fields shown of one event", all, MAX_FIELDS)?;
        let opened = fields.iter().map(|(index, _)| *index).collect();
        let hashes = |of: &[(u64, Digest)]| of.iter().map(|(index, _)| *index).collect();
        let lists: [Vec<u64>; 3] = [opened, hashes(erased), hashes(sealed)];
        for pair in lists.iter().flat_map(|list| list.windows(2)) {
            if pair[0] >= pair[1] {
                return Err(Error::FieldOrder {
                    seq: self.seq,
                    index: pair[1],
                });
            }
        }
        let most = all * MAX_PROOF_PER_ITEM;
        limit("the number of hashes in a body's proof", proof.len(), most)
    }
}

impl Redacted {
    fn check(&self) -> Result<(), Error> {
        limit(
            "a redaction's length in bytes",
            self.statement.len(),
            MAX_STATEMENT_LEN,
        )?;
        check_receipts(&self.receipts)?;
        if self.tombstones.is_empty() {
            return Err(Error::NoTombstone);
        }
        for pair in self.tombstones.windows(2) {
            if pair[0].0 >= pair[1].0 {
                return Err(Error::TombstoneOrder { place: pair[1].0 });
            }
        }
        let most = self.tombstones.len().saturating_mul(MAX_PROOF_PER_ITEM);
        limit(
            "the number of hashes in a redaction's proof",
            self.proof.len(),
            most,
        )
    }
}

fn check_receipts(receipts: &[Vec<u8>]) -> Result<(), Error> {
    limit("the number of receipts", receipts.len(), MAX_RECEIPTS)?;
    for receipt in receipts {
        limit(
            "a receipt's length in bytes",
            receipt.len(),
            MAX_RECEIPT_LEN,
        )?;
    }
    Ok(())
}

pub(crate) fn limit(what: &'static str, found: usize, max: usize) -> Result<(), Error> {
    if found > max {
        Err(Error::Limit { what, found, max })
    } else {
        Ok(())
    }
}
