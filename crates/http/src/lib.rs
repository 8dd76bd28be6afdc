//! The one HTTP client of avouch: blocking, and bounded. Every request ends within a time, every answer
//! within a size; TLS is rustls with Mozilla's certificate authorities.
//!
//! What comes back is not trusted for where it comes from: everything that avouch fetches is checked
//! against signatures and hashes.
#![forbid(unsafe_code)]

use std::time::Duration;

use ureq::Agent;
use ureq::http::{Response, Uri, header};
use ureq::tls::{RootCerts, TlsConfig};

/// How long a request may take from the first byte sent to the last received, unless told.
pub const TIMEOUT: Duration = Duration::from_secs(20);
/// Redirects that are followed when reading.
const MAX_REDIRECTS: u32 = 3;
/// Longest head of an answer.
const MAX_HEAD: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not an address that this client speaks to.
    #[error("{0:?} is not an http:// or https:// URL")]
    Url(String),
    /// The server could not be reached, broke off, or took too long.
    #[error("{url}: {why}")]
    Failed {
        /// What was asked for.
        url: String,
        /// Why there is no answer.
        why: String,
    },
    /// The server answered, but not with what was asked for.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The answer is longer than what was asked for can be.
    #[error("{url}: the answer is longer than the {max} bytes that it may have")]
    TooLong {
        /// What was asked for.
        url: String,
        /// The limit.
        max: usize,
    },
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The content type without parameters; empty if there is none.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The content types of a request and of the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// What is sent.
    pub sent: &'static str,
    /// What is accepted; the caller still looks at what comes.
    pub accepted: &'static str,
}

/// The value of an `Authorization` header. It is sent, and never shown.
#[derive(Clone)]
pub struct Credential(String);

impl Credential {
    /// From the header's value, such as `Bearer ...`.
    pub fn new(value: &str) -> Self {
        Self(value.trim().into())
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

/// A client. It keeps connections open between requests.
#[derive(Clone, Debug)]
pub struct Client {
    outside: Agent,
    /// Past any proxy, for servers on this machine.
    local: Agent,
}

impl Client {
    /// A client whose requests take at most this long.
    pub fn new(timeout: Duration) -> Self {
        let config = || {
            Agent::config_builder()
                .timeout_global(Some(timeout))
                .http_status_as_error(false)
                .max_redirects(MAX_REDIRECTS)
                .max_response_header_size(MAX_HEAD)
                .user_agent(concat!("avouch/", env!("CARGO_PKG_VERSION")))
                .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build())
        };
        Self {
            outside: config().build().into(),
            local: config().proxy(None).build().into(),
        }
    }

    /// Fetches a file of at most `max` bytes; `None` if the server has none there.
    pub fn get(&self, url: &str, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let answer = self.agent(url)?.get(url).call();
        let answer = read(url, answer, max)?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 | 410 => Ok(None),
            status => Err(Error::Status {
                url: url.into(),
                status,
            }),
        }
    }

    /// Posts a text; the answer's body may have `max` bytes. Every status is an answer.
    pub fn post(&self, url: &str, body: &str, max: usize) -> Result<Answer, Error> {
        let request = self.agent(url)?.post(url);
        // A post that is sent elsewhere is not the post that was meant.
        let request = request.config().max_redirects(0).build();
        let request = request.header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
        read(url, request.send(body), max)
    }

    /// Posts bytes, to this address and no other; the answer's body may have `max` bytes. Every status, a
    /// redirect among them, is an answer.
    pub fn post_bytes(
        &self,
        url: &str,
        body: &[u8],
        media: Media,
        credential: Option<&Credential>,
        max: usize,
    ) -> Result<Answer, Error> {
        let request = self.agent(url)?.post(url);
        let request = request.config().max_redirects(0).build();
        let mut request = request
            .header(header::CONTENT_TYPE, media.sent)
            .header(header::ACCEPT, media.accepted);
        if let Some(Credential(value)) = credential {
            request = request.header(header::AUTHORIZATION, value);
        }
        read(url, request.send(body), max)
    }

    /// Fetches from this address and no other; otherwise as [`Client::post_bytes`].
    pub fn fetch(&self, url: &str, accepted: &str, max: usize) -> Result<Answer, Error> {
        let request = self.agent(url)?.get(url);
        let request = request.config().max_redirects(0).build();
        read(url, request.header(header::ACCEPT, accepted).call(), max)
    }

    fn agent(&self, url: &str) -> Result<&Agent, Error> {
        let wrong = || Error::Url(url.into());
        let parsed: Uri = url.parse().map_err(|_| wrong())?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) {
            return Err(wrong());
        }
        let host = parsed.host().ok_or_else(wrong)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_local = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        Ok(if is_local { &self.local } else { &self.outside })
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(TIMEOUT)
    }
}

fn read(
    url: &str,
    answer: Result<Response<ureq::Body>, ureq::Error>,
    max: usize,
) -> Result<Answer, Error> {
    let failed = |error: ureq::Error| match error {
        ureq::Error::BodyExceedsLimit(_) => Error::TooLong {
            url: url.into(),
            max,
        },
        error => Error::Failed {
            url: url.into(),
            why: error.to_string(),
        },
    };
    let (head, mut body) = answer.map_err(failed)?.into_parts();
    let content_type = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    let bytes = body.with_config().limit(max as u64).read_to_vec();
    Ok(Answer {
        status: head.status.as_u16(),
        content_type: content_type.trim().to_ascii_lowercase(),
        body: bytes.map_err(failed)?,
    })
}
