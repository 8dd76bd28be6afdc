//! A log that is published on the web.

use avouch_http::Client;

use super::LogSource;
use crate::Error;

/// A published log's URL prefix.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    prefix: String,
}

impl Web {
    /// The log below this `http://` or `https://` prefix.
    pub fn new(prefix: &str, client: Client) -> Self {
        Self {
            client,
            prefix: prefix.trim_end_matches('/').into(),
        }
    }
}

impl LogSource for Web {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let url = format!("{}/{path}", self.prefix);
        Ok(self.client.get(&url, limit + 1)?)
    }

    fn prefix(&self) -> String {
        self.prefix.clone()
    }
}
