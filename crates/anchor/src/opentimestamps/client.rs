//! Asking calendars: their protocol is that of `opentimestamps-server`.

use std::thread;

use avouch_http::Media;
use avouch_merkle::sha256;

use super::KIND;
use super::attestation::Attestation;
use super::operation::Operation;
use super::proof::{Proof, Timestamp};
use crate::{Anchored, Backend, Receipt, State, SubmitError};

const MEDIA: Media = Media {
    sent: "application/x-www-form-urlencoded",
    accepted: "application/vnd.opentimestamps.v1",
};
/// The longest answer that is read: as long as their own client reads.
const MAX_ANSWER: usize = 10_000;
/// How many random bytes stand between the checkpoint's digest and what calendars see.
const NONCE_LEN: usize = 16;

/// Some calendars, asked at once.
#[derive(Debug)]
pub struct Client {
    calendars: Vec<String>,
    /// Whom else pending proofs may name: pools answer with the address of one of their calendars.
    trusted: Vec<String>,
    /// How many must answer.
    needed: usize,
    http: avouch_http::Client,
}

impl Client {
    /// Asks these calendars, at least `needed` of which must answer. Upgrades are asked for at them, and at
    /// those of `trusted`, only: a receipt does not say whom to talk to.
    pub fn new(
        calendars: &[String],
        trusted: &[String],
        needed: usize,
        http: avouch_http::Client,
    ) -> Self {
        let plain = |urls: &[String]| {
            let urls = urls.iter().map(|url| url.trim_end_matches('/').to_string());
            urls.collect::<Vec<_>>()
        };
        Self {
            calendars: plain(calendars),
            trusted: plain(trusted),
            needed: needed.max(1),
            http,
        }
    }

    fn knows(&self, url: &str) -> bool {
        let url = url.trim_end_matches('/');
        self.calendars
            .iter()
            .chain(&self.trusted)
            .any(|one| one == url)
    }

    fn ask(&self, calendar: &str, commitment: &[u8]) -> Result<Timestamp, SubmitError> {
        let url = format!("{calendar}/digest");
        let answer = self
            .http
            .post_bytes(&url, commitment, MEDIA, None, MAX_ANSWER)?;
        read(url, &answer)
    }
}

fn read(url: String, answer: &avouch_http::Answer) -> Result<Timestamp, SubmitError> {
    if answer.status != 200 {
        let status = answer.status;
        return Err(avouch_http::Error::Status { url, status }.into());
    }
    Timestamp::decode(&answer.body).map_err(|error| SubmitError::BadAnswer {
        url,
        why: error.to_string(),
    })
}

impl Backend for Client {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// What hides the checkpoint from calendars until the proof is shown.
    fn prepare(&self, _: &Anchored, random: &[u8; 32]) -> Result<Vec<u8>, SubmitError> {
        Ok(random[..NONCE_LEN].to_vec())
    }

    /// Asks all calendars. One that is asked twice for one digest may commit to it twice, which nobody notices.
    fn submit(&self, anchored: &Anchored, prepared: &[u8]) -> Result<Receipt, SubmitError> {
        let digest = anchored.digest().0;
        let blinded = [&digest, prepared].concat();
        let commitment = sha256(&[&blinded]).0;
        let answers = thread::scope(|scope| {
            let asked: Vec<_> = self
                .calendars
                .iter()
                .map(|calendar| scope.spawn(move || self.ask(calendar, &commitment)))
                .collect();
            let answers = asked.into_iter().map(|one| {
                one.join().unwrap_or_else(|_| {
                    Err(SubmitError::Config("asking a calendar broke off".into()))
                })
            });
            answers.collect::<Vec<_>>()
        });
        let mut stamp = Timestamp::default();
        let mut failed = None;
        let mut answered = 0;
        for answer in answers {
            match answer {
                Ok(one) => {
                    stamp.merge(one);
                    answered += 1;
                }
                Err(error) => failed = Some(error),
            }
        }
        if answered < self.needed {
            return Err(failed.unwrap_or_else(|| {
                let needed = self.needed;
                SubmitError::Config(format!(
                    "{needed} calendars must answer, but fewer are listed"
                ))
            }));
        }
        let mut proof = Proof {
            digest,
            stamp: Timestamp::default(),
        };
        let hashed = [(Operation::Sha256, stamp)].into();
        let blinded = Timestamp {
            operations: hashed,
            ..Timestamp::default()
        };
        let append = Operation::Append(prepared.to_vec());
        proof.stamp.operations.insert(append, blinded);
        Ok(receipt(anchored, &proof))
    }

    fn upgrade(&self, receipt: &Receipt) -> Result<Option<Receipt>, SubmitError> {
        let mut proof = Proof::decode(&receipt.proof)
            .map_err(|error| SubmitError::Config(format!("the stored receipt: {error}")))?;
        let digest = proof.digest;
        let mut pending = Vec::new();
        proof.stamp.visit(&digest, &mut |message, attestation| {
            if let Attestation::Pending(uri) = attestation {
                pending.push((message.to_vec(), uri.clone()));
            }
        });
        let before = proof.clone();
        let mut failed = None;
        for (message, uri) in pending.iter().filter(|(_, uri)| self.knows(uri)) {
            let base = uri.trim_end_matches('/');
            let url = format!("{base}/timestamp/{}", hex::encode(message));
            let answer = match self.http.fetch(&url, MEDIA.accepted, MAX_ANSWER) {
                // Not in a block yet.
                Ok(answer) if answer.status == 404 => continue,
                Ok(answer) => read(url, &answer),
                Err(error) => Err(error.into()),
            };
            match answer {
                Ok(more) => proof.stamp.merge_at(&digest, message, &more),
                Err(error) => failed = Some(error),
            }
        }
        match (proof == before, failed) {
            (true, Some(error)) => Err(error),
            (true, None) => Ok(None),
            (false, _) => Ok(Some(self::receipt(&receipt.anchored, &proof))),
        }
    }
}

/// Complete as soon as something leads to a block.
fn receipt(anchored: &Anchored, proof: &Proof) -> Receipt {
    let mut in_block = false;
    proof.stamp.visit(&proof.digest, &mut |_, attestation| {
        in_block |= matches!(attestation, Attestation::Bitcoin(_));
    });
    Receipt {
        kind: KIND.into(),
        anchored: anchored.clone(),
        state: match in_block {
            true => State::Complete,
            false => State::Pending,
        },
        proof: proof.encode(),
    }
}
