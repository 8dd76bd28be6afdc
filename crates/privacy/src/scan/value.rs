//! Scanning values: every text in them, and every byte string that is text.

use avouch_cbor::Value;

use super::{Hits, Scanner};

impl Scanner {
    /// Puts the rules' names in the place of what they hit, anywhere in the value, and counts the hits.
    ///
    /// JSON in a byte string stays JSON: no rule hits a quotation mark.
    pub fn redact_value(&self, value: &mut Value, hits: &mut Hits) {
        match value {
            Value::Text(text) => {
                if let Some((redacted, found)) = self.redact(text) {
                    *text = redacted;
                    add(hits, found);
                }
            }
            Value::Bytes(bytes) => self.redact_bytes(bytes, hits),
            Value::Array(elements) => {
                for element in elements {
                    self.redact_value(element, hits);
                }
            }
            Value::Map(members) => {
                for (_, value) in members {
                    self.redact_value(value, hits);
                }
            }
            Value::Tag(_, inner) => self.redact_value(inner, hits),
            _ => {}
        }
    }

    /// The same for bytes, if they are text.
    pub fn redact_bytes(&self, bytes: &mut Vec<u8>, hits: &mut Hits) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Some((redacted, found)) = self.redact(text) {
            *bytes = redacted.into_bytes();
            add(hits, found);
        }
    }
}

fn add(hits: &mut Hits, found: Hits) {
    for (rule, count) in found {
        *hits.entry(rule).or_default() += count;
    }
}
