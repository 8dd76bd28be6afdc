//! Fields as plain JSON, for forms that do not know ours.

use avouch_cbor::Value;
use avouch_trace::Field;
use serde_json::{Map, Value as Json, json};

use crate::Error;
use crate::signed::SignedEvent;
use crate::view::value_json;

/// Fields that hold a record's exact bytes, or say where they are: an export has what they mean.
fn is_raw(name: &str) -> bool {
    name == "raw" || name == "raw_at" || name.starts_with("raw/")
}

/// An event's fields but for the exact bytes: JSON text as the value that it is, values that are stored
/// apart in their place.
pub(super) fn fields(event: &SignedEvent<'_>) -> Result<Map<String, Json>, Error> {
    let mut fields = Map::new();
    for field in &event.fields {
        if !field.name().is_empty() && !is_raw(field.name()) {
            fields.insert(field.name().to_owned(), value(event, field)?);
        }
    }
    Ok(fields)
}

fn value(event: &SignedEvent<'_>, field: &Field) -> Result<Json, Error> {
    if let Some(blob) = field.blob() {
        let stored = event.blob(&blob.digest)?;
        return Ok(match (stored, &*blob.media_type) {
            (Some(bytes), "application/cbor") => {
                Value::decode(&bytes).map_or_else(|_| from_bytes(&bytes), |value| plain(&value))
            }
            (Some(bytes), _) => from_bytes(&bytes),
            (None, _) => json!({ "sha256": blob.digest.to_string(), "size": blob.size }),
        });
    }
    Ok(match field.value() {
        Some(value) => plain(&Value::from(value)),
        None => Json::Null,
    })
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Bytes(bytes) => from_bytes(bytes),
        other => value_json(other),
    }
}

/// Bytes are JSON text where an importer kept a source's JSON exactly.
fn from_bytes(bytes: &[u8]) -> Json {
    match (serde_json::from_slice(bytes), std::str::from_utf8(bytes)) {
        (Ok(json), _) => json,
        (Err(_), Ok(text)) => text.into(),
        (Err(_), Err(_)) => json!({ "hex": hex::encode(bytes) }),
    }
}

/// JSON as CBOR (RFC 8949, section 6.2): whole numbers as integers, all others as doubles.
pub(super) fn to_cbor(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(to_cbor).collect()),
        Json::Object(members) => Value::Map(
            members
                .iter()
                .map(|(name, value)| (Value::Text(name.clone()), to_cbor(value)))
                .collect(),
        ),
    }
}
