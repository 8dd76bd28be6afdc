//! Reading times.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seconds up to this number are seconds, larger numbers milliseconds: the year 2286, or 1970.
const LAST_SECOND: u64 = 9_999_999_999;

/// A time in a source: an RFC 3339 string, or a number of seconds or milliseconds since the Unix
/// epoch. Holds milliseconds; times before the epoch are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Millis(pub(crate) u64);

/// Milliseconds since the epoch of an RFC 3339 time; what is finer is cut off.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// Milliseconds since the epoch of a whole number of seconds or milliseconds.
pub(crate) fn epoch(number: u64) -> u64 {
    if number <= LAST_SECOND {
        number * 1000
    } else {
        number
    }
}

/// A time in avouch's own format: an RFC 3339 string, or milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExactMillis(pub(crate) u64);

impl<'de> Deserialize<'de> for ExactMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = ExactMillis;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an RFC 3339 time or milliseconds since the Unix epoch")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ExactMillis, E> {
                rfc3339(text)
                    .map(ExactMillis)
                    .ok_or_else(|| not_rfc3339(text))
            }
            fn visit_u64<E: Error>(self, millis: u64) -> Result<ExactMillis, E> {
                Ok(ExactMillis(millis))
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

fn not_rfc3339<E: Error>(text: &str) -> E {
    E::custom(format_args!("{text:?} is not an RFC 3339 time since 1970"))
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Millis;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an RFC 3339 time or a number since the Unix epoch")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Millis, E> {
                rfc3339(text).map(Millis).ok_or_else(|| not_rfc3339(text))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Millis, E> {
                Ok(Millis(epoch(number)))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Millis, E> {
                // Exact enough: a double holds milliseconds of this century to the microsecond.
                if !(0.0..1e16).contains(&number) {
                    return Err(E::custom(format_args!("{number} is not a time since 1970")));
                }
                let is_seconds = number <= LAST_SECOND as f64;
                Ok(Millis(
                    if is_seconds { number * 1000.0 } else { number } as u64
                ))
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<u64> {
        serde_json::from_str::<Millis>(json).ok().map(|time| time.0)
    }

    #[test]
    fn every_spelling_of_one_time_gives_the_same_milliseconds() {
        for json in [
            "\"2026-02-10T17:27:10.484Z\"",
            "\"2026-02-10T18:27:10.484999+01:00\"",
            "1770744430484",
            "1770744430.484",
        ] {
            assert_eq!(parse(json), Some(1_770_744_430_484), "{json}");
        }
        assert_eq!(parse("1770744430"), Some(1_770_744_430_000));
    }

    #[test]
    fn what_is_no_time_since_1970_is_refused() {
        for json in [
            "\"1969-12-31T23:59:59Z\"",
            "\"yesterday\"",
            "-1",
            "1e300",
            "true",
            "\"\"",
        ] {
            assert_eq!(parse(json), None, "{json}");
        }
    }
}
