//! Disclosures whose values only chosen readers open, while anyone can check everything else.
//!
//! ```text
//! sealed = age file of { 1: [+ [seq, [+ [index, bstr .cbor field]]]], ? 2: [+ blob] }
//! ```
//!
//! Outside stay the headers, how many fields there are, and the leaf hashes of the sealed fields, proven in
//! their places. A leaf hash says nothing without the salt, which is inside.

use std::collections::BTreeMap;

use avouch_bundle::Disclosures;
use avouch_cbor::{Encoder, Item};
use avouch_trace::{Body, Field};
use zeroize::Zeroizing;

use crate::age_keys::{Identities, Recipient, seal_to};
use crate::{Error, SealedFault};

/// The keys of the map.
const FIELDS: i64 = 1;
const BLOBS: i64 = 2;

/// Seals every opened field and blob to these recipients. Leaf 0 of each body stays open: it holds no more
/// than a number.
pub fn seal_fields(shown: &mut Disclosures, recipients: &[Recipient]) -> Result<(), Error> {
    let mut events = Encoder::new();
    let mut count = 0;
    for event in &mut shown.events {
        let Some(openings) = &mut event.openings else {
            continue;
        };
        let (kept, sealed): (Vec<_>, Vec<_>) = std::mem::take(&mut openings.fields)
            .into_iter()
            .partition(|(index, _)| *index == 0);
        openings.fields = kept;
        if sealed.is_empty() {
            continue;
        }
        events.array(2).uint(event.seq).array(sealed.len());
        for (index, field) in sealed {
            events.array(2).uint(index).bytes(field.bytes());
            openings.sealed.push((index, field.leaf()));
        }
        count += 1;
    }
    if count == 0 {
        return Err(Error::NothingToSeal);
    }
    let mut plain = Encoder::new();
    let blobs = std::mem::take(&mut shown.blobs);
    plain.map(1 + usize::from(!blobs.is_empty()));
    plain.int(FIELDS).array(count).raw(events.as_slice());
    if !blobs.is_empty() {
        plain.int(BLOBS).array(blobs.len());
        for (_, bytes) in blobs.iter() {
            plain.bytes(bytes);
        }
    }
    let plain = Zeroizing::new(plain.into_vec());
    shown.sealed = Some(seal_to(&plain, recipients)?);
    Ok(())
}

/// Opens what was sealed, so that the disclosures are as they were before it. Every opening is compared with
/// the leaf hash that stands for it outside, and the hashes with the body root in their event.
///
/// # Errors
/// [`Error::NotOurs`] where these identities do not open it, [`Error::Decrypt`] where it was changed, and
/// [`Error::Sealed`] where what is inside is not what the hashes outside stand for.
pub fn open_fields(shown: &mut Disclosures, identities: &Identities) -> Result<(), Error> {
    let Some(sealed) = &shown.sealed else {
        return Err(Error::NothingSealed);
    };
    let plain = identities.open(sealed)?;
    let opened = read(&plain).ok_or(Error::Sealed(SealedFault::Form))?;
    let mut fields = opened.fields;
    for event in &mut shown.events {
        let Some(openings) = &mut event.openings else {
            continue;
        };
        for (index, leaf) in std::mem::take(&mut openings.sealed) {
            let place = (event.seq, index);
            match fields.remove(&place) {
                Some(field) if field.leaf() == leaf => openings.fields.push((index, field)),
                Some(_) => return Err(Error::Sealed(SealedFault::Other(place.0, place.1))),
                None => return Err(Error::Sealed(SealedFault::Missing(place.0, place.1))),
            }
        }
        openings.fields.sort_by_key(|(index, _)| *index);
    }
    if let Some((seq, index)) = fields.into_keys().next() {
        return Err(Error::Sealed(SealedFault::Stray(seq, index)));
    }
    for event in &shown.events {
        let Some(openings) = &event.openings else {
            continue;
        };
        let (body, hashes) = (&event.event.body, openings.hash_only());
        Body::verify_with(body, &openings.fields, &hashes, &openings.proof)
            .map_err(|_| Error::Sealed(SealedFault::Unproven(event.seq)))?;
    }
    for blob in opened.blobs {
        shown.blobs.insert(blob);
    }
    shown.sealed = None;
    Ok(())
}

struct Opened {
    fields: BTreeMap<(u64, u64), Field>,
    blobs: Vec<Vec<u8>>,
}

/// Reads what was encrypted, strictly.
fn read(plain: &[u8]) -> Option<Opened> {
    let limits = avouch_cbor::Limits {
        max_depth: avouch_cbor::MAX_DEPTH,
        max_len: avouch_bundle::MAX_BUNDLE_LEN,
    };
    let map = Item::parse_with(plain, limits).ok()?.as_map()?;
    let mut opened = Opened {
        fields: BTreeMap::new(),
        blobs: Vec::new(),
    };
    let mut members = 1;
    for event in map.get_int(FIELDS)?.as_array()? {
        let [seq, fields] = two(event)?;
        for field in fields.as_array()? {
            let [index, field] = two(field)?;
            let place = (seq.as_u64()?, index.as_u64()?);
            let field = Field::decode(field.as_bytes()?).ok()?;
            if opened.fields.insert(place, field).is_some() {
                return None;
            }
        }
    }
    if let Some(blobs) = map.get_int(BLOBS) {
        members += 1;
        for blob in blobs.as_array()? {
            opened.blobs.push(blob.as_bytes()?.to_vec());
        }
    }
    (map.len() == members).then_some(opened)
}

fn two(item: Item<'_>) -> Option<[Item<'_>; 2]> {
    let mut parts = item.as_array()?.into_iter();
    let two = [parts.next()?, parts.next()?];
    parts.next().is_none().then_some(two)
}
