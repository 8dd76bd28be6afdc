//! A key and a state that answer requests.

use std::path::Path;

use avouch_cose::note::NoteSignature;
use avouch_cose::{CosignerKey, Note, NoteKey, SigningKey};

use crate::protocol::{self, Refusal, Request, SIZE_TYPE};
use crate::state::Step;
use crate::{Error, Held, State};

/// A witness.
#[derive(Debug)]
pub struct Witness {
    key: CosignerKey,
    signer: SigningKey,
    logs: Vec<NoteKey>,
    state: State,
}

/// An answer to a request, and what the operator should know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// One line about it.
    pub remark: String,
}

impl Witness {
    /// A witness that is called `name`, with its state in an existing file. It cosigns for these logs only.
    ///
    /// # Errors
    /// [`Error::NoLogs`], those of [`State::open`], and a key other than Ed25519 or a malformed name.
    pub fn open(
        name: &str,
        signer: SigningKey,
        logs: Vec<NoteKey>,
        state: &Path,
    ) -> Result<Self, Error> {
        if logs.is_empty() {
            return Err(Error::NoLogs);
        }
        let key = CosignerKey::new(name, signer.verifying_key())?;
        let state = State::open(state, &key)?;
        Ok(Self {
            key,
            signer,
            logs,
            state,
        })
    }

    /// The key that checks its cosignatures.
    pub fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Answers an add-checkpoint request at `now`, in seconds since the Unix epoch. What is cosigned is on
    /// disk before this returns.
    pub fn add_checkpoint(&mut self, body: &[u8], now: u64) -> Reply {
        let refused = |refusal: &Refusal| {
            let (content_type, body) = match refusal {
                Refusal::OtherSize(size) | Refusal::Fork(size) => (SIZE_TYPE, format!("{size}\n")),
                other => ("text/plain", format!("{other}\n")),
            };
            Reply {
                status: refusal.status(),
                content_type,
                body,
                remark: refusal.to_string(),
            }
        };
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(refusal) => return refused(&refusal),
        };
        match self.cosign(&request, now) {
            Ok(Ok((line, remark))) => Reply {
                status: 200,
                content_type: "text/plain",
                body: format!("{line}\n"),
                remark,
            },
            Ok(Err(refusal)) => refused(&refusal),
            Err(error) => Reply {
                status: 500,
                content_type: "text/plain",
                body: "the witness cannot reach its state\n".into(),
                remark: error.to_string(),
            },
        }
    }

    fn cosign(
        &mut self,
        request: &Request,
        now: u64,
    ) -> Result<Result<(NoteSignature, String), Refusal>, Error> {
        let Self {
            key,
            signer,
            logs,
            state,
        } = self;
        state.advance(|held| {
            let mut before = None;
            let judged = protocol::judge(request, logs, |origin| {
                before = held(origin)?;
                Ok::<_, Error>(before.clone())
            })?;
            let (checkpoint, log_key) = match (judged, before.as_ref()) {
                (Ok(accepted), _) => accepted,
                (Err(refusal @ Refusal::Fork(_)), Some(before)) => {
                    let other = &request.checkpoint;
                    let origin = other.text().lines().next().unwrap_or_default();
                    return Ok(Step::Fork {
                        origin: origin.into(),
                        held: before.note.clone(),
                        other: other.to_string(),
                        refusal,
                    });
                }
                (Err(refusal), _) => return Ok(Step::Refuse(refusal)),
            };
            // A clock that was set back must not make this cosignature older than the last.
            let time = before.map_or(now, |before| before.time.max(now));
            let line = NoteSignature::cosign(&request.checkpoint, key.name(), signer, time)?;
            let remark = format!("cosigned {} at size {}", checkpoint.origin, checkpoint.size);
            Ok(Step::Go {
                next: Held {
                    size: checkpoint.size,
                    root: checkpoint.root,
                    note: only_by(&request.checkpoint, log_key)?.to_string(),
                    time,
                },
                origin: checkpoint.origin,
                value: (line, remark),
            })
        })
    }
}

/// The note with the log's own signature alone: others may bring any number.
fn only_by(note: &Note, key: &NoteKey) -> Result<Note, Error> {
    let mut alone = Note::new(note.text())?;
    let own = note
        .signatures()
        .iter()
        .find(|line| (line.name(), line.key_hash()) == (key.name(), key.key_hash()));
    if let Some(line) = own {
        alone.add(line.clone())?;
    }
    Ok(alone)
}
