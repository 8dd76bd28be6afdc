//! Leaving out what is there but says nothing.

use serde_json::value::RawValue;

use crate::formats::blocks::text_or_json;
use crate::sink::FieldValue;

/// A value as a field; nothing for `null`, an empty string, array or object.
pub(crate) fn filled(json: Option<&RawValue>) -> Option<FieldValue> {
    json.filter(|json| !matches!(json.get(), "null" | "\"\"" | "[]" | "{}"))
        .map(text_or_json)
}

/// A text that is not blank.
pub(crate) fn text<T: AsRef<str>>(text: &Option<T>) -> Option<&str> {
    text.as_ref()
        .map(T::as_ref)
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let of =
            |json: &'static str| filled(Some(serde_json::from_str::<&RawValue>(json).unwrap()));
        assert_eq!(of(r#""a\nb""#), Some("a\nb".into()));
        assert_eq!(of("[ 1]"), Some(FieldValue::Json(b"[ 1]".to_vec())));
        assert_eq!(of("0"), Some(FieldValue::Json(b"0".to_vec())));
        for empty in ["null", "\"\"", "[]", "{}"] {
            assert_eq!(of(empty), None, "{empty}");
        }
        assert_eq!(filled(None), None);
        assert_eq!(text(&Some(" \n")), None);
        assert_eq!(text(&Some(" a")), Some(" a"));
        assert_eq!(text(&None::<String>), None);
    }
}
