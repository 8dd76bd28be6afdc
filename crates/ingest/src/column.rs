//! What databases keep in columns of text.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::sink::FieldValue;
use crate::strict;
use crate::time::rfc3339;

/// JSON in a column, exactly; plain text where it is no JSON.
pub(crate) fn json(text: String) -> FieldValue {
    match strict::json(text.as_bytes()) {
        Ok(_) => FieldValue::Json(text.into_bytes()),
        Err(_) => text.into(),
    }
}

/// A time in a column, in milliseconds since the Unix epoch: RFC 3339, or as Python writes a UTC time
/// without saying that it is one, `2026-01-02 03:04:05.678901`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) u64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let zoned = text.replacen(' ', "T", 1);
        rfc3339(&zoned)
            .or_else(|| rfc3339(&format!("{zoned}Z")))
            .map(Time)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} is not a time since 1970")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_a_zone_are_read() {
        for (text, millis) in [
            ("2026-11-21 00:18:25.408959", 1_795_220_305_408),
            ("2026-11-21 00:18:25", 1_795_220_305_000),
            ("2026-11-21T00:18:25.408Z", 1_795_220_305_408),
            ("2026-11-21 01:18:25.408+01:00", 1_795_220_305_408),
        ] {
            let time: Time = serde_json::from_value(text.into()).unwrap();
            assert_eq!(time.0, millis, "{text}");
        }
        for text in [
            "",
            "noon",
            "1969-12-31 23:59:59",
            "2026-11-21",
            "2026-13-01 00:00:00",
        ] {
            assert!(
                serde_json::from_value::<Time>(text.into()).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn json_is_told_from_text() {
        assert_eq!(
            json("{\"a\": 1}".to_owned()),
            FieldValue::Json(b"{\"a\": 1}".to_vec())
        );
        assert_eq!(json("{a".to_owned()), "{a".into());
    }
}
