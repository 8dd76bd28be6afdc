//! Reading bundles, strictly.

use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Array, Error as CborError, Item, Limits, MAX_DEPTH};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{Event, Field};

use crate::model::limit;
use crate::{
    Anchor, Blobs, Bundle, DIGEST_HEAD, DIGEST_LEN, Disclosures, Error, KeyEvidence, MAGIC,
    MAX_BUNDLE_LEN, Openings, Proof, Redacted, Shown, VERSION, disclosure, hash_only, section,
};

impl Bundle {
    /// Reads a file's bytes: canonical, whole, undamaged, without anything unknown.
    ///
    /// This says nothing about whether the contents are true; see the crate's documentation.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        check_start(bytes)?;
        limit("the bundle's length in bytes", bytes.len(), MAX_BUNDLE_LEN)?;
        let intact = is_intact(bytes);
        let limits = Limits {
            max_depth: MAX_DEPTH,
            max_len: MAX_BUNDLE_LEN,
        };
        let parsed = Item::parse_with(bytes, limits);
        let item = match parsed {
            Ok(item) if intact => item,
            Err(error) if intact => return Err(error.into()),
            // Not intact: whether the file ends too early is all that its structure is asked.
            Err(CborError::Truncated { .. } | CborError::LengthBeyondInput { .. }) => {
                return Err(Error::CutShort { len: bytes.len() });
            }
            _ => return Err(Error::Damaged),
        };
        let bundle = read_bundle(item)?;
        bundle.check()?;
        Ok(bundle)
    }
}

/// Magic and version.
fn check_start(bytes: &[u8]) -> Result<(), Error> {
    let shared = bytes.len().min(MAGIC.len());
    if bytes.is_empty() || bytes[..shared] != MAGIC[..shared] {
        return Err(Error::NotABundle);
    }
    match bytes.get(MAGIC.len()) {
        None => Err(Error::CutShort { len: bytes.len() }),
        Some(&VERSION) => Ok(()),
        Some(&other) if other < 24 => Err(Error::Version(other)),
        Some(_) => Err(Error::NotABundle),
    }
}

/// Whether the file ends in the SHA-256 of what precedes.
fn is_intact(bytes: &[u8]) -> bool {
    let Some((before, digest)) = bytes.split_last_chunk::<DIGEST_LEN>() else {
        return false;
    };
    before.ends_with(&DIGEST_HEAD) && sha256(&[before]).0 == *digest
}

fn read_bundle(item: Item<'_>) -> Result<Bundle, Error> {
    let [_, _, sections, digest] = elements(item, "[magic, version, sections, digest]")?;
    bytes32(digest)?;
    let map = sections
        .as_map()
        .ok_or_else(|| shape(sections, "a map of sections"))?;
    let mut bundle = Bundle::default();
    let mut has_statement = false;
    for (name, value) in map {
        let number = name
            .as_int()
            .ok_or_else(|| shape(name, "a section's number"))?;
        match i64::try_from(number) {
            Ok(section::STATEMENT) => {
                bundle.statement = bytes_of(value, "the statement's bytes")?.to_vec();
                has_statement = true;
            }
            Ok(section::RECEIPTS) => {
                bundle.receipts = some_of(value, "at least one receipt", |receipt| {
                    Ok(bytes_of(receipt, "a receipt's bytes")?.to_vec())
                })?;
            }
            Ok(section::CHECKPOINT) => {
                let text = value
                    .as_text()
                    .ok_or_else(|| shape(value, "the checkpoint's text"))?;
                bundle.checkpoint = Some(String::from(text));
            }
            Ok(section::ANCHORS) => {
                bundle.anchors = some_of(value, "at least one anchor", read_anchor)?;
            }
            Ok(section::DISCLOSURES) => bundle.disclosures = Some(read_disclosures(value)?),
            Ok(section::PROOFS) => {
                bundle.proofs = some_of(value, "at least one proof", read_claims_proof)?;
            }
            Ok(section::KEYS) => bundle.keys = Some(KeyEvidence::read(value)?),
            _ => {
                return Err(Error::UnknownSection {
                    number,
                    at: name.offset(),
                });
            }
        }
    }
    if has_statement {
        Ok(bundle)
    } else {
        Err(shape(sections, "a statement under section 1"))
    }
}

/// `[receipt, index, path]`
fn read_anchor(item: Item<'_>) -> Result<Anchor, Error> {
    let [receipt, index, path] = elements(item, "[receipt, index, path]")?;
    Ok(Anchor {
        receipt: bytes_of(receipt, "a receipt's bytes")?.to_vec(),
        index: uint(index, "an index in the log")?,
        path: read_proof(path)?,
    })
}

/// `[system, preset, claims, proof]`
fn read_claims_proof(item: Item<'_>) -> Result<Proof, Error> {
    let [system, preset, claims, proof] = elements(item, "[system, preset, claims, proof]")?;
    let text = |item: Item<'_>, expected| -> Result<String, Error> {
        let text = item.as_text().ok_or_else(|| shape(item, expected))?;
        Ok(String::from(text))
    };
    Ok(Proof {
        system: text(system, "a proof system's name")?,
        preset: text(preset, "a preset's name")?,
        claims: bytes_of(claims, "the claims' bytes")?.to_vec(),
        proof: bytes_of(proof, "a proof's bytes")?.to_vec(),
    })
}

fn read_disclosures(item: Item<'_>) -> Result<Disclosures, Error> {
    const EXPECTED: &str = "a map of events (1), their proof (2) and, if there are any, blobs (3), redactions (4) and sealed openings (5)";
    let map = item.as_map().ok_or_else(|| shape(item, EXPECTED))?;
    let mut disclosures = Disclosures::default();
    let mut required = 0;
    for (key, value) in map {
        match key.as_i64() {
            Some(disclosure::EVENTS) => {
                disclosures.events = some_of(value, "at least one event", read_shown)?;
                required += 1;
            }
            Some(disclosure::PROOF) => {
                disclosures.proof = read_proof(value)?;
                required += 1;
            }
            Some(disclosure::BLOBS) => disclosures.blobs = read_blobs(value)?,
            Some(disclosure::REDACTIONS) => {
                disclosures.redactions = some_of(value, "at least one redaction", read_redacted)?;
            }
            Some(disclosure::SEALED) => {
                disclosures.sealed = Some(bytes_of(value, "encrypted bytes")?.to_vec());
            }
            _ => return Err(shape(key, EXPECTED)),
        }
    }
    if required == 2 {
        Ok(disclosures)
    } else {
        Err(shape(item, EXPECTED))
    }
}

/// `[seq, event, ? openings]`
fn read_shown(item: Item<'_>) -> Result<Shown, Error> {
    const EXPECTED: &str = "[seq, event] or [seq, event, openings]";
    let mut parts = array_of(item, EXPECTED)?.into_iter();
    let (Some(seq), Some(event), openings, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(shape(item, EXPECTED));
    };
    Ok(Shown {
        seq: uint(seq, "an event's seq")?,
        event: Event::from_cbor(event.bytes())
            .map_err(|_| shape(event, "an event: [80 bytes of header, 32 bytes of body]"))?,
        openings: openings.map(read_openings).transpose()?,
    })
}

/// `[[+ [index, field]], proof, ? {? 1: [+ [index, leaf]], ? 2: [+ [index, leaf]]}]`
fn read_openings(item: Item<'_>) -> Result<Openings, Error> {
    const EXPECTED: &str = "[fields, proof] or [fields, proof, hashes]";
    let mut parts = array_of(item, EXPECTED)?.into_iter();
    let (Some(fields), Some(proof), hashes, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(shape(item, EXPECTED));
    };
    let mut openings = Openings {
        fields: some_of(fields, "at least one field", read_opening)?,
        proof: read_proof(proof)?,
        ..Openings::default()
    };
    if let Some(hashes) = hashes {
        read_hash_only(hashes, &mut openings)?;
    }
    Ok(openings)
}

fn read_hash_only(item: Item<'_>, openings: &mut Openings) -> Result<(), Error> {
    const EXPECTED: &str = "a map of erased fields (1), sealed fields (2), or both";
    let map = item
        .as_map()
        .filter(|map| !map.is_empty())
        .ok_or_else(|| shape(item, EXPECTED))?;
    for (key, value) in map {
        let list = match key.as_i64() {
            Some(hash_only::ERASED) => &mut openings.erased,
            Some(hash_only::SEALED) => &mut openings.sealed,
            _ => return Err(shape(key, EXPECTED)),
        };
        *list = some_of(value, "at least one field", |hash| {
            let [index, leaf] = elements(hash, "[index, leaf hash]")?;
            Ok((uint(index, "a field's index")?, bytes32(leaf)?))
        })?;
    }
    Ok(())
}

/// `[statement, receipts, [+ [place, seq, index]], proof]`
fn read_redacted(item: Item<'_>) -> Result<Redacted, Error> {
    let [statement, receipts, tombstones, proof] =
        elements(item, "[statement, receipts, tombstones, proof]")?;
    Ok(Redacted {
        statement: bytes_of(statement, "a redaction's bytes")?.to_vec(),
        receipts: array_of(receipts, "an array of receipts")?
            .into_iter()
            .map(|receipt| Ok(bytes_of(receipt, "a receipt's bytes")?.to_vec()))
            .collect::<Result<_, Error>>()?,
        tombstones: some_of(tombstones, "at least one tombstone", |tombstone| {
            let [place, seq, index] = elements(tombstone, "[place, seq, index]")?;
            Ok((
                uint(place, "a tombstone's place")?,
                uint(seq, "an event's seq")?,
                uint(index, "a field's index")?,
            ))
        })?,
        proof: read_proof(proof)?,
    })
}

/// `[index, bstr .cbor field]`
fn read_opening(item: Item<'_>) -> Result<(u64, Field), Error> {
    let [index, field] = elements(item, "[index, field]")?;
    let index = uint(index, "a field's index")?;
    let bytes = bytes_of(field, "a field in a byte string")?;
    let at = field.offset();
    let field = Field::decode(bytes).map_err(|source| Error::Field { at, source })?;
    Ok((index, field))
}

fn read_proof(item: Item<'_>) -> Result<Vec<Digest>, Error> {
    array_of(item, "an array of hashes")?
        .into_iter()
        .map(bytes32)
        .collect()
}

fn read_blobs(item: Item<'_>) -> Result<Blobs, Error> {
    let mut blobs = Blobs::new();
    let array = array_of(item, "an array of blobs")?;
    if array.is_empty() {
        return Err(shape(item, "at least one blob"));
    }
    for blob in array {
        let before = blobs.last().copied();
        let digest = blobs.insert(bytes_of(blob, "a blob's bytes")?.to_vec());
        if before.is_some_and(|before| before >= digest) {
            return Err(Error::BlobOrder {
                digest,
                at: blob.offset(),
            });
        }
    }
    Ok(blobs)
}

pub(crate) fn shape(item: Item<'_>, expected: &'static str) -> Error {
    Error::Shape {
        at: item.offset(),
        expected,
    }
}

pub(crate) fn array_of<'a>(item: Item<'a>, expected: &'static str) -> Result<Array<'a>, Error> {
    item.as_array().ok_or_else(|| shape(item, expected))
}

/// Exactly `N` elements.
fn elements<'a, const N: usize>(
    item: Item<'a>,
    expected: &'static str,
) -> Result<[Item<'a>; N], Error> {
    let array = array_of(item, expected)?;
    if array.len() != N {
        return Err(shape(item, expected));
    }
    // Every slot is overwritten: the array was just seen to have N elements.
    let mut found = [item; N];
    for (slot, element) in found.iter_mut().zip(array) {
        *slot = element;
    }
    Ok(found)
}

/// At least one element, each as `read` takes it.
pub(crate) fn some_of<'a, T>(
    item: Item<'a>,
    expected: &'static str,
    read: impl Fn(Item<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let array = array_of(item, expected)?;
    if array.is_empty() {
        return Err(shape(item, expected));
    }
    array.into_iter().map(read).collect()
}

fn uint(item: Item<'_>, expected: &'static str) -> Result<u64, Error> {
    item.as_u64().ok_or_else(|| shape(item, expected))
}

pub(crate) fn bytes_of<'a>(item: Item<'a>, expected: &'static str) -> Result<&'a [u8], Error> {
    item.as_bytes().ok_or_else(|| shape(item, expected))
}

fn bytes32(item: Item<'_>) -> Result<Digest, Error> {
    let bytes = bytes_of(item, "32 bytes of hash")?;
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| shape(item, "32 bytes of hash"))
}
