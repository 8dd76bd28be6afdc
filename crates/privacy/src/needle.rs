//! A value that is looked for inside others.

use crate::find::Content;

/// What is looked for.
pub(crate) enum Needle {
    /// Bytes that are looked for inside everything.
    Within(Vec<u8>),
    /// A value that only counts as a whole: too short to mean anything inside another.
    Whole(Content),
    /// Nothing: values like it are everywhere.
    Nothing,
}

impl Needle {
    /// How many bytes a value needs to be looked for inside others.
    pub(crate) const MIN: usize = 6;
    /// How many bytes text needs to be looked for at all.
    const MIN_WHOLE: usize = 3;
    /// From which number on a number is looked for: smaller ones mean something else elsewhere.
    const MIN_NUMBER: u64 = 1000;

    /// What to look for, so as to find this content.
    pub(crate) fn of(content: &Content) -> Self {
        match content {
            Content::Bytes(bytes) => {
                let trimmed = bytes.trim_ascii();
                match trimmed.len() {
                    Self::MIN.. => Self::Within(trimmed.to_vec()),
                    Self::MIN_WHOLE.. => Self::Whole(Content::Bytes(trimmed.to_vec())),
                    _ => Self::Nothing,
                }
            }
            Content::Other(cbor) => {
                let item = avouch_cbor::Item::parse(cbor).ok();
                let number = item.and_then(|item| item.as_u64());
                let is_array_or_map = matches!(cbor.first().map(|head| head >> 5), Some(4..=6));
                let telling = number.is_some_and(|number| number >= Self::MIN_NUMBER)
                    || (is_array_or_map && cbor.len() >= Self::MIN);
                match telling {
                    true => Self::Whole(Content::Other(cbor.clone())),
                    false => Self::Nothing,
                }
            }
        }
    }

    /// Whether the content holds it.
    pub(crate) fn is_in(&self, content: &Content) -> bool {
        let mut found = false;
        match self {
            Self::Nothing => {}
            Self::Within(needle) => content.strings(&mut |text| found |= contains(text, needle)),
            Self::Whole(Content::Bytes(needle)) => {
                content.strings(&mut |text| found |= text.trim_ascii() == needle);
            }
            Self::Whole(Content::Other(needle)) => {
                found = matches!(content, Content::Other(cbor) if cbor == needle);
            }
        }
        found
    }
}

/// Whether `needle` is somewhere in `bytes`.
fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use avouch_cbor::Value;

    use super::*;

    fn bytes(text: &str) -> Content {
        Content::Bytes(text.as_bytes().to_vec())
    }

    fn other(value: Value) -> Content {
        Content::Other(value.to_vec().unwrap())
    }

    #[test]
    fn a_long_value_is_found_inside_text_json_and_json_in_json() {
        let needle = Needle::of(&bytes("pass\"word 1é"));
        for holder in [
            r#"it is pass"word 1é, he said"#,
            r#"{"a":["pass\"word 1é"]}"#,
            r#"{"a":["pass\"word 1\u00e9 and more"]}"#,
            r#"{"a":"{\"b\":\"pass\\\"word 1\\u00e9\"}"}"#,
        ] {
            assert!(needle.is_in(&bytes(holder)), "{holder}");
        }
        let map = Value::Array(vec![Value::Text("x pass\"word 1é".into())]);
        assert!(needle.is_in(&other(map)));
        assert!(!needle.is_in(&bytes("pass word 1é")));
    }

    #[test]
    fn a_short_value_is_found_only_as_a_whole() {
        let needle = Needle::of(&bytes("4921"));
        assert!(needle.is_in(&bytes("4921")) && needle.is_in(&bytes(r#"{"pin":"4921"}"#)));
        assert!(needle.is_in(&bytes(r#"{"pin":4921}"#)));
        assert!(!needle.is_in(&bytes("at 14921 ms")));
    }

    #[test]
    fn values_that_are_everywhere_are_not_looked_for() {
        for common in [
            bytes("ok"),
            bytes(""),
            other(true.into()),
            other(7_u64.into()),
            other(Value::Null),
        ] {
            let needle = Needle::of(&common);
            assert!(!needle.is_in(&common));
        }
    }
}
