//! JSON-RPC 2.0 messages, read without changing a byte of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use avouch::importers::{Malformed, strict_json};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message, as MCP and A2A send it.
#[derive(Clone, Copy)]
pub(crate) enum Message<'a> {
    Request {
        id: &'a str,
        method: &'a str,
        params: Params<'a>,
        raw: &'a str,
    },
    Notification {
        method: &'a str,
        params: Params<'a>,
        raw: &'a str,
    },
    Response {
        id: &'a str,
        outcome: Result<&'a RawValue, &'a RawValue>,
        raw: &'a str,
    },
}

/// Parameters, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Params<'a>(pub(crate) Option<&'a RawValue>);

/// Members that are not these could mean something to a receiver that this reader does not know of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(rename = "jsonrpc")]
    _version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Reads a message, or a batch of them. What it does not understand completely it refuses, because a receiver
/// might understand it in another way.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Message<'_>>, String> {
    let text = strict_json(bytes).map_err(|error: Malformed| error.to_string())?;
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.starts_with('[') {
        let all: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        return all.into_iter().map(|one| message(one.get())).collect();
    }
    Ok(vec![message(text)?])
}

fn message(raw: &str) -> Result<Message<'_>, String> {
    let not = |why: &str| format!("not a JSON-RPC message: {why}");
    let envelope: Envelope<'_> =
        serde_json::from_str(raw).map_err(|error| not(&error.to_string()))?;
    let params = Params(envelope.params);
    match (envelope.method, envelope.id) {
        (Some(method), id) => {
            // A method that needs escapes is none that anyone has defined.
            let method = method.get();
            let method = method
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .filter(|method| !method.contains('\\'))
                .ok_or_else(|| not("the method is no plain string"))?;
            Ok(match id {
                Some(id) => Message::Request {
                    id: id.get(),
                    method,
                    params,
                    raw,
                },
                None => Message::Notification {
                    method,
                    params,
                    raw,
                },
            })
        }
        (None, id) => {
            let outcome = match (envelope.result, envelope.error) {
                (Some(result), None) => Ok(result),
                (None, Some(error)) => Err(error),
                _ => return Err(not("neither a method nor one of result and error")),
            };
            Ok(Message::Response {
                id: id.map_or("null", RawValue::get),
                outcome,
                raw,
            })
        }
    }
}

impl<'a> Params<'a> {
    /// The member of this name.
    pub(crate) fn get(self, name: &str) -> Option<&'a RawValue> {
        members(self.0?).remove(name)
    }

    /// The member of this name, where it is a string.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        text(self.get(name)?)
    }
}

/// An object's members; none of what is no object.
pub(crate) fn members(object: &RawValue) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(object.get()).unwrap_or_default()
}

/// A member that lies deeper.
pub(crate) fn at<'a>(object: &'a RawValue, path: &[&str]) -> Option<&'a RawValue> {
    path.iter()
        .try_fold(object, |object, name| members(object).remove(*name))
}

/// A string.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let kind = |text: &str| match read(text.as_bytes()).unwrap()[..] {
            [Message::Request { id, method, .. }] => format!("request {id} {method}"),
            [Message::Notification { method, .. }] => format!("notification {method}"),
            [Message::Response { id, outcome, .. }] => format!("response {id} {}", outcome.is_ok()),
            _ => "many".into(),
        };
        assert_eq!(
            kind(r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#),
            "request 1 a"
        );
        assert_eq!(
            kind(r#"{"id":"1","method":"a","params":{}}"#),
            "request \"1\" a"
        );
        assert_eq!(kind(r#"{"method":"a"}"#), "notification a");
        assert_eq!(kind(r#"{"id":1,"result":{}}"#), "response 1 true");
        assert_eq!(kind(r#"{"id":null,"error":{}}"#), "response null false");
        assert_eq!(kind(r#" [{"method":"a"},{"id":1,"result":{}}] "#), "many");
    }

    #[test]
    fn what_two_readers_could_take_for_two_things_is_refused() {
        for text in [
            r#"{"method":"ping","method":"tools/call"}"#,
            r#"{"method":"ping","Method":"tools/call"}"#,
            r#"{"method":"tools\/call"}"#,
            r#"{"id":1,"result":{},"error":{}}"#,
            r#"{"id":1}"#,
            r#"{"method":"a"} {"method":"tools/call"}"#,
            "{\"method\":\"a\"}\r{\"method\":\"tools/call\"}",
            "[1]",
            "",
            "\u{feff}{\"method\":\"a\"}",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
