//! From a draft to an event and its body.

use avouch_cbor::Value;
use avouch_ingest::{Draft, FieldValue};
use avouch_merkle::{Digest, sha256};
use avouch_trace::{BLOB_THRESHOLD, BlobRef, Body, Field, Header, HeaderError, MAX_SCORE, NameId};

use crate::Error;
use crate::random::RunRandom;

/// An event ready to be appended, with the values that are stored apart.
pub(crate) struct Prepared {
    pub(crate) header: Header,
    pub(crate) body: Body,
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// Makes the event of index `seq`. The draft's actor and subject become fields as well as name ids.
pub(crate) fn prepare(draft: Draft, seq: u64, random: &mut RunRandom) -> Result<Prepared, Error> {
    let header = header(&draft, seq)?;
    let mut blobs = Vec::new();
    let mut fields = Vec::with_capacity(draft.fields.len() + 2);
    for (name, value) in [("actor", draft.actor), ("subject", draft.subject)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            fields.push(Field::from_value(random.salt(), name, &Value::Text(value))?);
        }
    }
    for (name, value) in draft.fields {
        if name == "cost" && !matches!(&value, FieldValue::Cbor(v) if v == &cost_value(&header)) {
            return Err(Error::CostField { seq });
        }
        fields.push(field(&name, value, random, &mut blobs)?);
    }
    let body = Body::new(random.salt(), fields)?;
    Ok(Prepared {
        header,
        body,
        blobs,
    })
}

/// What a field `cost` must hold to agree with the header.
fn cost_value(header: &Header) -> Value {
    header.cost.map_or(Value::Null, Value::Uint)
}

fn header(draft: &Draft, seq: u64) -> Result<Header, Error> {
    if let Some(score) = draft.score.filter(|score| *score > MAX_SCORE) {
        let source = HeaderError::Score(score);
        return Err(avouch_trace::Error::Header { index: seq, source }.into());
    }
    let id = |name: &Option<String>| name.as_deref().map_or(NameId::NONE, NameId::of);
    Ok(Header {
        kind: draft.kind,
        decision: draft.decision,
        flags: draft.flags,
        round: draft.round,
        seq,
        time: draft.time,
        cost: draft.cost,
        budget: draft.budget,
        score: draft.score,
        parent: draft.parent,
        actor: id(&draft.actor),
        subject: id(&draft.subject),
    })
}

fn field(
    name: &str,
    value: FieldValue,
    random: &mut RunRandom,
    blobs: &mut Vec<Vec<u8>>,
) -> Result<Field, Error> {
    let (value, bytes_are) = match value {
        FieldValue::Cbor(value) => (value, "application/octet-stream"),
        FieldValue::Json(text) => (Value::Bytes(text), "application/json"),
    };
    let salt = random.salt();
    let inline = Field::from_value(salt, name, &value)?;
    if inline.value_bytes().len() <= BLOB_THRESHOLD {
        if inline.blob().is_some() {
            return Err(avouch_trace::Error::AmbiguousValue(name.to_owned()).into());
        }
        return Ok(inline);
    }
    let (bytes, media_type) = match value {
        Value::Bytes(bytes) => (bytes, bytes_are),
        Value::Text(text) => (text.into_bytes(), "text/plain;charset=utf-8"),
        _ => (inline.value_bytes().to_vec(), "application/cbor"),
    };
    let digest: Digest = sha256(&[&bytes]);
    let reference = BlobRef {
        size: bytes.len() as u64,
        media_type: media_type.into(),
        digest,
    };
    blobs.push(bytes);
    Ok(Field::from_value(salt, name, &reference.to_value())?)
}
