//! Finding everywhere that a run holds a value that is to be erased.

use std::collections::BTreeMap;

use avouch_cbor::{Item, Kind};
use avouch_ledger::{Entry, Ledger, Run};
use avouch_trace::Field;
use serde_json::Value as Json;

use crate::{Error, needle::Needle};

/// The field with a source record's exact bytes.
const RAW: &str = "raw";
/// The field that says which event holds the record that this one was made of.
const RAW_AT: &str = "raw_at";
/// The field of event 0 with the digest of everything that the run was imported from: with all the rest of
/// the input at hand, it would confirm a guess of what was erased.
const INPUT_DIGEST: &str = "input_sha256";

/// A field that is to be erased, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The event.
    pub seq: u64,
    /// The field's index in the event's body.
    pub index: u64,
    /// Its name.
    pub name: String,
    /// Why it is among them.
    pub why: Why,
}

/// Why a field is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It was named.
    Named,
    /// It holds the same value, whole or within.
    SameValue,
    /// It is the source record of an event that loses a field.
    SourceRecord,
    /// It is the digest of the whole input, which would confirm a guess.
    InputDigest,
}

impl Why {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::SameValue => "holds the same value",
            Self::SourceRecord => "the source record of such an event",
            Self::InputDigest => "the digest of the whole input, which would confirm a guess",
        }
    }
}

/// Everything of the run that must go with the field `name` of event `seq`, in order.
///
/// A value of at least six bytes is looked for inside all other fields too, as it is and inside JSON; a
/// shorter one only as a whole value, since it would be found by chance.
///
/// # Errors
/// [`Error::NoSuchField`], also where it was erased before.
pub fn find(ledger: &Ledger, run: &Run, seq: u64, name: &str) -> Result<Vec<Target>, Error> {
    let entry = ledger.event(run, seq)?;
    let no_such = || Error::NoSuchField {
        run: run.info.name.clone(),
        seq,
        field: name.into(),
        fields: entry.body.fields()[1..]
            .iter()
            .map(|field| field.name().to_owned())
            .collect(),
    };
    if name.is_empty() {
        return Err(no_such());
    }
    let (index, field) = entry
        .body
        .indexed_fields()
        .find(|(_, field)| field.name() == name)
        .ok_or_else(no_such)?;
    let mut found = Found::default();
    found.add(seq, index, name, Why::Named);
    let needle = Needle::of(&content(ledger, run, field)?);
    // Where each event's source record is.
    let mut records = BTreeMap::new();
    let mut input_digest = None;
    for (at, other) in (0..).zip(ledger.entries(run)) {
        let other = other?;
        for (index, field) in other.body.indexed_fields().filter(|(index, _)| *index > 0) {
            if (at, field.name()) == (0, INPUT_DIGEST) {
                input_digest = Some(index);
            }
            if needle.is_in(&content(ledger, run, field)?) {
                found.add(at, index, field.name(), Why::SameValue);
            }
        }
        if found.touches(at) {
            records.insert(at, record_of(at, &other));
        }
    }
    for at in records.into_values() {
        let Some(index) = index_of(ledger, run, at, RAW)? else {
            continue;
        };
        found.add(at, index, RAW, Why::SourceRecord);
    }
    if let Some(index) = input_digest {
        found.add(0, index, INPUT_DIGEST, Why::InputDigest);
    }
    Ok(found.into_targets())
}

/// The event that holds the source record of this one.
fn record_of(seq: u64, entry: &Entry) -> u64 {
    let pointer = entry.body.get(RAW_AT);
    pointer
        .and_then(|(_, field)| field.value()?.as_u64())
        .filter(|at| *at < seq)
        .unwrap_or(seq)
}

fn index_of(ledger: &Ledger, run: &Run, seq: u64, name: &str) -> Result<Option<u64>, Error> {
    let entry = ledger.event(run, seq)?;
    let index = entry
        .body
        .indexed_fields()
        .find(|(_, field)| field.name() == name)
        .map(|(index, _)| index);
    Ok(index)
}

/// The bytes that a field stands for: those of its blob, of its string, or of its CBOR.
pub(crate) fn content(ledger: &Ledger, run: &Run, field: &Field) -> Result<Content, Error> {
    if let Some(reference) = field.blob() {
        return Ok(match ledger.run_blob(run.index, &reference.digest)? {
            Some(bytes) => Content::Bytes(bytes),
            None => Content::Bytes(Vec::new()),
        });
    }
    let Some(item) = field.value() else {
        return Ok(Content::Other(field.value_bytes().to_vec()));
    };
    Ok(match (item.as_text(), item.as_bytes()) {
        (Some(text), _) => Content::Bytes(text.as_bytes().to_vec()),
        (_, Some(bytes)) => Content::Bytes(bytes.to_vec()),
        _ => Content::Other(item.bytes().to_vec()),
    })
}

/// What a field stands for.
pub(crate) enum Content {
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// Another CBOR value, encoded.
    Other(Vec<u8>),
}

impl Content {
    /// Calls `each` with every string in it, at any depth, also inside of JSON in strings.
    pub(crate) fn strings(&self, each: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Bytes(bytes) => json_strings(bytes, each),
            Self::Other(cbor) => {
                if let Ok(item) = Item::parse(cbor) {
                    cbor_strings(item, each);
                }
            }
        }
    }
}

fn cbor_strings(item: Item<'_>, each: &mut dyn FnMut(&[u8])) {
    match item.kind() {
        Kind::Text => json_strings(item.as_text().unwrap_or_default().as_bytes(), each),
        Kind::Bytes => json_strings(item.as_bytes().unwrap_or_default(), each),
        _ => {
            for element in item.as_array().into_iter().flatten() {
                cbor_strings(element, each);
            }
            for (key, value) in item.as_map().into_iter().flatten() {
                cbor_strings(key, each);
                cbor_strings(value, each);
            }
            if let Some((_, inner)) = item.as_tag() {
                cbor_strings(inner, each);
            }
        }
    }
}

/// The bytes themselves, and every string of the JSON that they are, if they are JSON.
fn json_strings(bytes: &[u8], each: &mut dyn FnMut(&[u8])) {
    each(bytes);
    let structured = bytes
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|first| matches!(first, b'{' | b'[' | b'"'));
    if structured && let Ok(json) = serde_json::from_slice::<Json>(bytes) {
        walk(&json, each);
    }
}

fn walk(json: &Json, each: &mut dyn FnMut(&[u8])) {
    match json {
        Json::String(text) => json_strings(text.as_bytes(), each),
        Json::Array(elements) => elements.iter().for_each(|element| walk(element, each)),
        Json::Object(members) => {
            for (name, value) in members {
                each(name.as_bytes());
                walk(value, each);
            }
        }
        Json::Number(number) => each(number.to_string().as_bytes()),
        Json::Null | Json::Bool(_) => {}
    }
}

/// The targets so far, each with the first reason that was found for it.
#[derive(Default)]
struct Found(BTreeMap<(u64, u64), (String, Why)>);

impl Found {
    fn add(&mut self, seq: u64, index: u64, name: &str, why: Why) {
        self.0
            .entry((seq, index))
            .or_insert_with(|| (name.to_owned(), why));
    }

    fn touches(&self, seq: u64) -> bool {
        self.0.range((seq, 0)..=(seq, u64::MAX)).next().is_some()
    }

    fn into_targets(self) -> Vec<Target> {
        let targets = self
            .0
            .into_iter()
            .map(|((seq, index), (name, why))| Target {
                seq,
                index,
                name,
                why,
            });
        targets.collect()
    }
}
