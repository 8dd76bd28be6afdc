//! Judging that a record is JSON in the one meaning that every reader gives it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::Fault;

/// An object with at most this many members is searched for duplicates in a row, a longer one by
/// hash.
const FEW: usize = 16;

/// Checks that `bytes` are exactly one JSON value (RFC 8259): UTF-8, no two members of one object
/// with the same name, no number out of range, at most 127 levels deep.
pub(crate) fn json(bytes: &[u8]) -> Result<&str, Fault> {
    let text = utf8(bytes)?;
    let mut parser = serde_json::Deserializer::from_str(text);
    Strict.deserialize(&mut parser)?;
    parser.end()?;
    Ok(text)
}

/// Checks that `bytes` are one JSON object.
pub(crate) fn object(bytes: &[u8]) -> Result<&str, Fault> {
    let text = json(bytes)?;
    if !text.trim_start().starts_with('{') {
        return Err(Fault::malformed("expected a JSON object"));
    }
    Ok(text)
}

/// Checks that `bytes` are UTF-8.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        Fault::malformed(format!("not UTF-8 (at its byte {})", error.valid_up_to()))
    })
}

#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut few: Vec<Cow<'de, str>> = Vec::new();
        let mut many: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Name(name)) = map.next_key()? {
            if few.contains(&name) || many.contains(&name) {
                return Err(A::Error::custom(format_args!(
                    "a second member named {name:?}"
                )));
            }
            if few.len() < FEW {
                few.push(name);
            } else {
                many.insert(name);
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        match json(bytes) {
            Err(Fault::Malformed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_with_one_meaning_is_accepted() {
        let many: Vec<String> = (0..100).map(|n| format!("\"{n}\":{n}")).collect();
        let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
        for text in [
            "null",
            " [1, -2.5e3, \"\\ud83d\\ude00\"] ",
            &format!("{{{}}}", many.join(",")),
            &deep,
        ] {
            assert_eq!(json(text.as_bytes()).unwrap(), text);
        }
        assert!(object(b" {}").is_ok());
    }

    #[test]
    fn everything_else_is_refused() {
        let mut many: Vec<String> = (0..100).map(|n| format!("\"{n}\":{n}")).collect();
        many.push("\"\\u0039\\u0039\":0".to_owned());
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for (text, why) in [
            ("", "EOF"),
            ("{} {}", "trailing characters"),
            ("{\"a\":1,\"a\":1}", "a second member named \"a\""),
            (
                &format!("[{{{}}}]", many.join(",")),
                "a second member named \"99\"",
            ),
            (&deep, "recursion limit"),
            ("\"\\ud800\"", "hex escape"),
            ("\"\u{1}\"", "control character"),
            ("1e400", "number out of range"),
            ("01", "invalid number"),
            ("NaN", "expected value"),
            ("[1,]", "trailing comma"),
            ("\u{feff}{}", "expected value"),
        ] {
            let found = reason(text.as_bytes());
            assert!(found.contains(why), "{text}: {found}");
        }
        assert_eq!(reason(b"\"a\xff\""), "not UTF-8 (at its byte 2)");
        assert!(object(b"[]").is_err());
    }
}
