//! Asking witnesses to cosign our log's last checkpoint, and keeping what they sign.

use avouch_cose::{CosignerKey, Note};
use avouch_http::Client;
use avouch_ledger::SignedCheckpoint;
use avouch_witness::protocol::{self, Answer, MAX_ANSWER, PATH, Unwitnessed};

use crate::{Error, Home};

/// Why a witness gave no cosignature.
pub type NotCosigned = Unwitnessed<avouch_http::Error>;

/// What came of asking one witness.
#[derive(Debug)]
pub struct Asked {
    /// Where it was asked.
    pub url: String,
    /// The names of the witnesses that cosigned there.
    pub outcome: Result<Vec<String>, NotCosigned>,
}

impl Asked {
    /// Whether the witness says that the log went back or forked, or signed something else than it was
    /// asked for: one of the two is not honest.
    pub fn is_alarm(&self) -> bool {
        matches!(
            self.outcome,
            Err(Unwitnessed::WentBack { .. }
                | Unwitnessed::Forked(_)
                | Unwitnessed::BadCosignature(_))
        )
    }
}

impl Home {
    /// Asks the witnesses at these submission prefixes to cosign the log's last checkpoint, one after the
    /// other, and keeps the cosignatures of those in `witnesses`. Returns the checkpoint with all
    /// cosignatures that are kept now.
    ///
    /// # Errors
    /// [`Error::EmptyLog`], and what keeps the ledger from being read; a witness that does not cosign is
    /// an outcome.
    pub fn ask_witnesses(
        &self,
        urls: &[String],
        witnesses: &[CosignerKey],
        client: &Client,
    ) -> Result<(SignedCheckpoint, Vec<Asked>), Error> {
        let signed = self.checkpoint(None)?;
        let size = signed.checkpoint.size;
        // Only the log's own signature: witnesses pass over those of others.
        let mut own = Note::new(signed.checkpoint.to_string())?;
        let key = self.ledger.identity().note_key()?;
        let stored = Note::parse(&signed.note)?;
        for line in stored.signatures() {
            if (line.name(), line.key_hash()) == (key.name(), key.key_hash()) {
                own.add(line.clone())?;
            }
        }
        let mut asked = Vec::new();
        for url in urls {
            let target = format!("{}/{PATH}", url.trim_end_matches('/'));
            let post = |body: &str| {
                let answer = client.post(&target, body, MAX_ANSWER)?;
                Ok(Answer {
                    status: answer.status,
                    content_type: answer.content_type,
                    body: answer.body,
                })
            };
            let prove = |old| {
                let proof = self.ledger.consistency(old, size);
                proof.map_err(|error| error.to_string())
            };
            let outcome = match protocol::ask(&own, witnesses, prove, post) {
                Ok(signatures) => {
                    let mut cosigned = own.clone();
                    let mut names = Vec::new();
                    for (by, line) in signatures {
                        cosigned.add(line)?;
                        names.push(by.name().to_owned());
                    }
                    self.ledger.add_cosignatures(&cosigned, witnesses)?;
                    Ok(names)
                }
                Err(error) => Err(error),
            };
            let url = url.clone();
            asked.push(Asked { url, outcome });
        }
        let signed = self.checkpoint(Some(size))?;
        Ok((signed, asked))
    }
}
