//! Asking an authority over HTTP (RFC 3161, 3.4).

use avouch_http::{Credential, Media};

use super::{KIND, is_sound, nonce, request};
use crate::{Anchored, Backend, Receipt, State, SubmitError};

/// The longest answer that is read.
const MAX_ANSWER: usize = 128 * 1024;

/// One time-stamping authority.
#[derive(Debug)]
pub struct Client {
    url: String,
    http: avouch_http::Client,
    credential: Option<Credential>,
}

impl Client {
    /// The authority at this address, asked with this credential if it wants one.
    pub fn new(url: &str, http: avouch_http::Client, credential: Option<Credential>) -> Self {
        Self {
            url: url.into(),
            http,
            credential,
        }
    }

    fn bad(&self, why: impl ToString) -> SubmitError {
        SubmitError::BadAnswer {
            url: self.url.clone(),
            why: why.to_string(),
        }
    }
}

impl Backend for Client {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// The nonce.
    fn prepare(&self, _: &Anchored, random: &[u8; 32]) -> Result<Vec<u8>, SubmitError> {
        Ok(request::nonce(random))
    }

    /// Asks. A time stamp more or less changes nothing for anybody, so asking twice does no harm.
    fn submit(&self, anchored: &Anchored, prepared: &[u8]) -> Result<Receipt, SubmitError> {
        let digest = anchored.digest().0;
        let media = Media {
            sent: "application/timestamp-query",
            accepted: "application/timestamp-reply",
        };
        let body = request::encode(&digest, prepared);
        let answer = self.http.post_bytes(
            &self.url,
            &body,
            media,
            self.credential.as_ref(),
            MAX_ANSWER,
        )?;
        if answer.status != 200 {
            return Err(SubmitError::Http(avouch_http::Error::Status {
                url: self.url.clone(),
                status: answer.status,
            }));
        }
        if answer.content_type != media.accepted {
            return Err(self.bad(format_args!(
                "it is {:?}, and not a time stamp",
                answer.content_type
            )));
        }
        is_sound(&digest, &answer.body).map_err(|doubt| self.bad(doubt))?;
        let found = nonce(&answer.body).map_err(|doubt| self.bad(doubt))?;
        if found.as_deref() != Some(prepared) {
            return Err(self.bad("it answers another request: the nonce differs"));
        }
        Ok(Receipt {
            kind: KIND.into(),
            anchored: anchored.clone(),
            state: State::Complete,
            proof: answer.body,
        })
    }

    /// A time stamp is complete at once.
    fn upgrade(&self, _: &Receipt) -> Result<Option<Receipt>, SubmitError> {
        Ok(None)
    }
}
