//! JSON-RPC to a node. Its address often holds a key, so no error or log shows more of it than the server's name.

use std::fmt;

use avouch_http::{Client, Media};
use serde_json::{Value, json};

use crate::SubmitError;

/// Longest answer, unless told.
const MAX_ANSWER: usize = 1 << 20;
const JSON: Media = Media {
    sent: "application/json",
    accepted: "application/json",
};

/// A node's JSON-RPC interface.
#[derive(Clone)]
pub(super) struct Rpc {
    client: Client,
    url: String,
    /// The scheme, host and port alone.
    shown: String,
}

/// Why a call gave no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The node answered with an error of its own.
    Node {
        /// Its message.
        message: String,
        /// What a call that was reverted returned; empty in other cases.
        data: Vec<u8>,
    },
    /// There is no answer, or none that makes sense.
    Other(SubmitError),
}

impl Rpc {
    pub(super) fn new(client: Client, url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        Self {
            client,
            url: url.into(),
            shown: format!("{scheme}://{host}"),
        }
    }

    /// The server's name, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Calls a method; a node's own error is a refusal.
    pub(super) fn call(&self, method: &str, params: Value) -> Result<Value, SubmitError> {
        self.call_within(method, params, MAX_ANSWER)
    }

    /// [`Rpc::call`] with an answer of at most `max` bytes.
    pub(super) fn call_within(
        &self,
        method: &str,
        params: Value,
        max: usize,
    ) -> Result<Value, SubmitError> {
        self.try_call(method, params, max)
            .map_err(|failure| match failure {
                Failure::Node { message, .. } => self.refused(format!("{method}: {message}")),
                Failure::Other(error) => error,
            })
    }

    /// Calls a method whose error the caller looks at.
    pub(super) fn try_call(
        &self,
        method: &str,
        params: Value,
        max: usize,
    ) -> Result<Value, Failure> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self
            .client
            .post_bytes(&self.url, request.to_string().as_bytes(), JSON, None, max)
            .map_err(|error| Failure::Other(self.hide(error).into()))?;
        // Some nodes answer errors of their own with a status that is one, so the body is looked at first.
        let Ok(Value::Object(mut answer_object)) = serde_json::from_slice(&answer.body) else {
            return Err(Failure::Other(match answer.status {
                200 => self.bad(method, "it is not a JSON object"),
                status => avouch_http::Error::Status {
                    url: self.shown.clone(),
                    status,
                }
                .into(),
            }));
        };
        if let Some(error) = answer_object.get("error").filter(|error| !error.is_null()) {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let data = error.get("data");
            return Err(Failure::Node {
                message: error
                    .get("message")
                    .and_then(text)
                    .unwrap_or_else(|| "an error without a message".into()),
                data: data.and_then(|data| bytes(data).ok()).unwrap_or_default(),
            });
        }
        answer_object
            .remove("result")
            .ok_or_else(|| Failure::Other(self.bad(method, "it has neither a result nor an error")))
    }

    /// That the node's answer to this method is not good.
    pub(super) fn bad(&self, method: &str, why: impl fmt::Display) -> SubmitError {
        SubmitError::BadAnswer {
            url: self.shown.clone(),
            why: format!("{method}: {why}"),
        }
    }

    /// That what was asked for is refused.
    pub(super) fn refused(&self, why: impl Into<String>) -> SubmitError {
        SubmitError::Refused {
            url: self.shown.clone(),
            why: why.into(),
        }
    }

    fn hide(&self, error: avouch_http::Error) -> avouch_http::Error {
        use avouch_http::Error;
        let url = self.shown.clone();
        match error {
            Error::Failed { why, .. } => Error::Failed {
                why: why.replace(&self.url, &url),
                url,
            },
            Error::Status { status, .. } => Error::Status { url, status },
            Error::TooLong { max, .. } => Error::TooLong { url, max },
            _ => Error::Url(url),
        }
    }
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rpc({})", self.shown)
    }
}

/// A quantity's digits: `0x` and hexadecimal, here of any size, as big-endian bytes without leading zeros.
pub(super) fn quantity(value: &Value) -> Result<Vec<u8>, &'static str> {
    const EXPECTED: &str = "expected 0x and a hexadecimal number";
    let digits = value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .filter(|digits| !digits.is_empty())
        .ok_or(EXPECTED)?;
    let even = match digits.len() % 2 {
        0 => digits.to_owned(),
        _ => format!("0{digits}"),
    };
    let bytes = hex::decode(even).map_err(|_| EXPECTED)?;
    Ok(super::transaction::without_zeros(&bytes).to_vec())
}

/// A quantity of at most 64 bits.
pub(super) fn number(value: &Value) -> Result<u64, &'static str> {
    let bytes = quantity(value)?;
    let mut whole = [0; 8];
    let start = whole
        .len()
        .checked_sub(bytes.len())
        .ok_or("a number of more than 64 bits")?;
    whole[start..].copy_from_slice(&bytes);
    Ok(u64::from_be_bytes(whole))
}

/// Bytes: `0x` and an even number of digits.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, &'static str> {
    value
        .as_str()
        .and_then(|text| text.strip_prefix("0x"))
        .and_then(|digits| hex::decode(digits).ok())
        .ok_or("expected 0x and hexadecimal digits in pairs")
}

/// Bytes of a fixed length.
pub(super) fn fixed<const N: usize>(value: &Value) -> Result<[u8; N], &'static str> {
    bytes(value)?
        .try_into()
        .map_err(|_| "a value of another length was expected")
}

/// As JSON-RPC writes a number.
pub(super) fn to_quantity(number: u64) -> String {
    format!("{number:#x}")
}

/// As JSON-RPC writes bytes.
pub(super) fn to_data(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
