//! What people wrote, out of the shapes that sources wrap it in.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::error::Fault;
use crate::sink::FieldValue;

/// A string's text; anything else as its exact JSON.
pub(crate) fn plain(json: &RawValue) -> Result<FieldValue, Fault> {
    if json.get().starts_with('"') {
        return Ok(serde_json::from_str::<String>(json.get())?.into());
    }
    Ok(json.into())
}

/// The same, and nothing for `null`, an empty string, array or object.
pub(crate) fn filled(json: Option<&RawValue>) -> Result<Option<FieldValue>, Fault> {
    json.filter(|json| !matches!(json.get(), "null" | "\"\"" | "[]" | "{}"))
        .map(plain)
        .transpose()
}

/// A text that is not empty.
pub(crate) fn text<'a>(text: &'a Option<Cow<'_, str>>) -> Option<&'a str> {
    text.as_deref().filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_gives_its_text_and_the_rest_its_json() {
        let of = |json: &'static str| {
            filled(Some(serde_json::from_str::<&RawValue>(json).unwrap())).unwrap()
        };
        assert_eq!(of(r#""a\nb""#), Some("a\nb".into()));
        assert_eq!(of("[ 1]"), Some(FieldValue::Json(b"[ 1]".to_vec())));
        for empty in ["null", "\"\"", "[]", "{}"] {
            assert_eq!(of(empty), None, "{empty}");
        }
        assert_eq!(filled(None).unwrap(), None);
    }
}
