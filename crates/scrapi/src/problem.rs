//! Concise problem details (RFC 9290): what is wrong with a request.

use avouch_cbor::Encoder;
use hyper::StatusCode;

/// Their media type.
pub(crate) const PROBLEM: &str = "application/concise-problem-details+cbor";

const TITLE: i64 = -1;
const DETAIL: i64 = -2;

/// A request that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// In how many seconds it may be tried again.
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(crate) fn after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.map(2).int(TITLE).text(self.title);
        out.int(DETAIL).text(&self.detail);
        out.into_vec()
    }
}
