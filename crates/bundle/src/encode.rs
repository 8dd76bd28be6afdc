//! Writing bundles.

use alloc::vec::Vec;

use avouch_cbor::{Encoder, validate};
use avouch_merkle::{Digest, sha256};

use crate::model::limit;
use crate::{
    Bundle, DIGEST_HEAD, Disclosures, Error, MAGIC, MAX_BUNDLE_LEN, Openings, Redacted, Shown,
    VERSION, disclosure, hash_only, section,
};

impl Bundle {
    /// The file's bytes. Refuses whatever [`Bundle::decode`] would not read back.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let mut out = Encoder::from(MAGIC.to_vec());
        out.uint(VERSION.into());
        let optional = [
            !self.receipts.is_empty(),
            self.checkpoint.is_some(),
            !self.anchors.is_empty(),
            self.disclosures.is_some(),
            !self.proofs.is_empty(),
            self.keys.is_some(),
        ];
        out.map(1 + optional.iter().filter(|present| **present).count());
        out.int(section::STATEMENT).bytes(&self.statement);
        if !self.receipts.is_empty() {
            out.int(section::RECEIPTS).array(self.receipts.len());
            for receipt in &self.receipts {
                out.bytes(receipt);
            }
        }
        if let Some(checkpoint) = &self.checkpoint {
            out.int(section::CHECKPOINT).text(checkpoint);
        }
        if !self.anchors.is_empty() {
            out.int(section::ANCHORS).array(self.anchors.len());
            for anchor in &self.anchors {
                out.array(3).bytes(&anchor.receipt).uint(anchor.index);
                write_proof(&mut out, &anchor.path);
            }
        }
        if let Some(disclosures) = &self.disclosures {
            out.int(section::DISCLOSURES);
            write_disclosures(&mut out, disclosures)?;
        }
        if !self.proofs.is_empty() {
            out.int(section::PROOFS).array(self.proofs.len());
            for proof in &self.proofs {
                out.array(4).text(&proof.system).text(&proof.preset);
                out.bytes(&proof.claims).bytes(&proof.proof);
            }
        }
        if let Some(keys) = &self.keys {
            out.int(section::KEYS);
            keys.write(&mut out);
        }
        seal(out.into_vec())
    }
}

/// Appends the digest.
fn seal(mut out: Vec<u8>) -> Result<Vec<u8>, Error> {
    out.extend_from_slice(&DIGEST_HEAD);
    let digest = sha256(&[&out]);
    out.extend_from_slice(&digest.0);
    limit("the bundle's length in bytes", out.len(), MAX_BUNDLE_LEN)?;
    Ok(out)
}

fn write_disclosures(out: &mut Encoder, disclosures: &Disclosures) -> Result<(), Error> {
    let optional = [
        !disclosures.blobs.is_empty(),
        !disclosures.redactions.is_empty(),
        disclosures.sealed.is_some(),
    ];
    out.map(2 + optional.iter().filter(|present| **present).count());
    out.int(disclosure::EVENTS).array(disclosures.events.len());
    for shown in &disclosures.events {
        write_shown(out, shown)?;
    }
    out.int(disclosure::PROOF);
    write_proof(out, &disclosures.proof);
    if !disclosures.blobs.is_empty() {
        out.int(disclosure::BLOBS).array(disclosures.blobs.len());
        for (_, bytes) in disclosures.blobs.iter() {
            out.bytes(bytes);
        }
    }
    if !disclosures.redactions.is_empty() {
        let redactions = &disclosures.redactions;
        out.int(disclosure::REDACTIONS).array(redactions.len());
        for redacted in redactions {
            write_redacted(out, redacted);
        }
    }
    if let Some(sealed) = &disclosures.sealed {
        out.int(disclosure::SEALED).bytes(sealed);
    }
    Ok(())
}

/// `[statement, receipts, [+ [place, seq, index]], proof]`
fn write_redacted(out: &mut Encoder, redacted: &Redacted) {
    out.array(4).bytes(&redacted.statement);
    out.array(redacted.receipts.len());
    for receipt in &redacted.receipts {
        out.bytes(receipt);
    }
    out.array(redacted.tombstones.len());
    for (place, seq, index) in &redacted.tombstones {
        out.array(3).uint(*place).uint(*seq).uint(*index);
    }
    write_proof(out, &redacted.proof);
}

/// `[seq, event, ? openings]`
fn write_shown(out: &mut Encoder, shown: &Shown) -> Result<(), Error> {
    out.array(if shown.openings.is_some() { 3 } else { 2 });
    out.uint(shown.seq).raw(&shown.event.to_cbor());
    let Some(openings) = &shown.openings else {
        return Ok(());
    };
    let Openings {
        fields,
        erased,
        sealed,
        proof,
    } = openings;
    let hash_only = [
        (hash_only::ERASED, &erased[..]),
        (hash_only::SEALED, &sealed[..]),
    ];
    let hash_only: Vec<_> = hash_only
        .into_iter()
        .filter(|(_, hashes)| !hashes.is_empty())
        .collect();
    out.array(if hash_only.is_empty() { 2 } else { 3 });
    out.array(fields.len());
    for (index, field) in fields {
        // A field can be made of a value that was fine alone, but is nested too deep inside one.
        validate(field.bytes()).map_err(|source| {
            let (seq, index) = (shown.seq, *index);
            Error::Unreadable { seq, index, source }
        })?;
        // As a byte string, a field may be nested as deep here as where it stands alone.
        out.array(2).uint(*index).bytes(field.bytes());
    }
    write_proof(out, proof);
    if !hash_only.is_empty() {
        out.map(hash_only.len());
    }
    for (key, hashes) in hash_only {
        out.int(key).array(hashes.len());
        for (index, leaf) in hashes {
            out.array(2).uint(*index).bytes(&leaf.0);
        }
    }
    Ok(())
}

fn write_proof(out: &mut Encoder, proof: &[Digest]) {
    out.array(proof.len());
    for hash in proof {
        out.bytes(&hash.0);
    }
}
