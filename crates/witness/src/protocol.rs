//! The add-checkpoint call: request, judgement, answer; and how a log asks.

use std::fmt;

use avouch_cose::note::NoteSignature;
use avouch_cose::{Checkpoint, CosignerKey, Note, NoteKey};
use avouch_merkle::{Digest, TreeSize, verify_consistency};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The last part of the path that requests are posted to.
pub const PATH: &str = "add-checkpoint";
/// The content type of the answer that says which size the witness has.
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// The longest request: a full proof, and a checkpoint with dozens of post-quantum signatures.
pub const MAX_REQUEST: usize = 256 * 1024;
/// The longest answer that a log reads.
pub const MAX_ANSWER: usize = 64 * 1024;
/// Most hashes in a consistency proof, as the specification says.
const MAX_PROOF: usize = 63;
/// How often a log asks again when the witness has moved on in between.
const MAX_TRIES: usize = 4;
/// The largest size that a witness keeps.
const MAX_SIZE: u64 = i64::MAX as u64;

/// What a log posts: a checkpoint, and the proof that it extends the last one that the witness has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The size of the witness's last checkpoint, as the log believes.
    pub old: TreeSize,
    /// The consistency proof (RFC 6962, section 2.1.2) from there; empty from size 0.
    pub proof: Vec<Digest>,
    /// The checkpoint.
    pub checkpoint: Note,
}

impl fmt::Display for Request {
    /// Writes the request's body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl Request {
    /// Reads a request's body, strictly.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let bad = |reason: &str| Refusal::Malformed(reason.into());
        if body.len() > MAX_REQUEST {
            return Err(bad("the request is too long"));
        }
        let body = std::str::from_utf8(body).map_err(|_| bad("the request is not UTF-8"))?;
        let (old, mut rest) = body
            .split_once('\n')
            .and_then(|(line, rest)| Some((parse_size(line.strip_prefix("old ")?)?, rest)))
            .ok_or_else(|| bad("the first line is not `old` and a size"))?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest
                .split_once('\n')
                .ok_or_else(|| bad("no empty line after the proof"))?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return Err(bad("more than 63 hashes in the proof"));
            }
            let hash = STANDARD.decode(line).ok();
            let hash = hash.and_then(|hash| Digest::try_from(hash.as_slice()).ok());
            proof.push(hash.ok_or_else(|| bad("a proof line is not the base64 of 32 bytes"))?);
        }
        let checkpoint =
            Note::parse(rest).map_err(|error| Refusal::Malformed(error.to_string()))?;
        Ok(Self {
            old,
            proof,
            checkpoint,
        })
    }
}

/// A checkpoint that was cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its size.
    pub size: TreeSize,
    /// Its root.
    pub root: Digest,
    /// The note as the log signed it.
    pub note: String,
    /// When it was cosigned last, in seconds since the Unix epoch.
    pub time: u64,
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is not one: 400.
    #[error("{0}")]
    Malformed(String),
    /// No key of the log's signed the checkpoint: 403.
    #[error("the checkpoint is not signed by a key known for this origin")]
    NotSigned,
    /// The witness does not watch this log: 404.
    #[error("unknown log {0:?}")]
    UnknownLog(String),
    /// The witness's last checkpoint has this other size: 409. The log should ask again from there.
    #[error("the last checkpoint cosigned has size {0}")]
    OtherSize(TreeSize),
    /// The log signed two roots for one size: 409.
    #[error("another root was cosigned for this very size: the log has forked")]
    Fork(TreeSize),
    /// The proof does not lead from one checkpoint to the other: 422.
    #[error("the consistency proof does not hold: {0}")]
    Inconsistent(String),
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned => 403,
            Self::UnknownLog(_) => 404,
            Self::OtherSize(_) | Self::Fork(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }
}

/// Decides whether the request's checkpoint may be cosigned after the one that is held. `logs` are the
/// keys of all logs that the witness watches. Returns the checkpoint and the key that signed it.
///
/// # Errors
/// The refusal, in the order in which the specification lists the checks.
pub fn judge<'k, E>(
    request: &Request,
    logs: &'k [NoteKey],
    held: impl FnOnce(&str) -> Result<Option<Held>, E>,
) -> Result<Result<(Checkpoint, &'k NoteKey), Refusal>, E> {
    let (claimed, key) = match signed_by(request, logs) {
        Ok(signed) => signed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let held = held(&claimed.origin)?;
    Ok(extends(request, &claimed, held.as_ref()).map(|()| (claimed, key)))
}

/// Whose checkpoint it is.
fn signed_by<'k>(
    request: &Request,
    logs: &'k [NoteKey],
) -> Result<(Checkpoint, &'k NoteKey), Refusal> {
    let note = &request.checkpoint;
    let claimed =
        Checkpoint::parse(note.text()).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let mut known = false;
    for key in logs.iter().filter(|key| key.name() == claimed.origin) {
        known = true;
        if Checkpoint::open_note(note, key).is_ok() {
            return Ok((claimed, key));
        }
    }
    Err(match known {
        true => Refusal::NotSigned,
        false => Refusal::UnknownLog(claimed.origin),
    })
}

fn extends(request: &Request, new: &Checkpoint, held: Option<&Held>) -> Result<(), Refusal> {
    let Request { old, proof, .. } = request;
    if *old > new.size {
        let reason = "the old size is larger than the checkpoint's";
        return Err(Refusal::Malformed(reason.into()));
    }
    if new.size.0 > MAX_SIZE {
        return Err(Refusal::Malformed("no log has 2^63 entries".into()));
    }
    let held_size = held.map_or(TreeSize(0), |held| held.size);
    if *old != held_size {
        return Err(Refusal::OtherSize(held_size));
    }
    let Some(held) = held.filter(|held| held.size.0 > 0) else {
        return match (proof.is_empty(), new.size.0) {
            (false, _) => Err(Refusal::Inconsistent("from size 0 it is empty".into())),
            (true, 0) if new.root != avouch_merkle::empty_root() => {
                Err(Refusal::Inconsistent("not the root of an empty log".into()))
            }
            (true, _) => Ok(()),
        };
    };
    if new.size == held.size && new.root != held.root {
        return Err(Refusal::Fork(held.size));
    }
    verify_consistency(held.size, &held.root, new.size, &new.root, proof)
        .map_err(|error| Refusal::Inconsistent(error.to_string()))
}

fn parse_size(text: &str) -> Option<TreeSize> {
    let canonical =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    canonical.then(|| text.parse().ok()).flatten().map(TreeSize)
}

/// How a witness answered a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a log got no cosignature.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unwitnessed<E> {
    /// The witness could not be asked.
    #[error(transparent)]
    Unreachable(E),
    /// The log could not prove consistency from the witness's size.
    #[error("no consistency proof: {0}")]
    NoProof(String),
    /// The witness refused.
    #[error("the witness refused with status {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, or the beginning of it.
        body: String,
    },
    /// The witness says that it has a larger checkpoint of this log: then the log has gone back, or someone
    /// else signs with its key.
    #[error(
        "the witness says that it has cosigned size {theirs} of this log, which now ends at {ours}: \
         the log has gone back, or the witness lies"
    )]
    WentBack {
        /// The witness's size.
        theirs: TreeSize,
        /// The checkpoint's.
        ours: TreeSize,
    },
    /// The witness has another root for this very size, or cannot be led from its root to ours: the log
    /// has shown it another history.
    #[error(
        "the witness has cosigned another history of this log up to size {0}: the log has forked"
    )]
    Forked(TreeSize),
    /// The answer is not what a witness answers with.
    #[error("not a witness's answer: {0}")]
    Nonsense(String),
    /// The witness signed, but no known key's signature holds over this checkpoint.
    #[error("the answer holds no good cosignature by a known witness: {0}")]
    BadCosignature(String),
}

/// Asks one witness to cosign a checkpoint, and checks what it signed. `post` sends a body and returns the
/// answer; `prove` makes the consistency proof from a size to the checkpoint's.
///
/// # Errors
/// Why there is no cosignature; [`Unwitnessed::WentBack`] and [`Unwitnessed::Forked`] are alarms.
pub fn ask<'k, E>(
    note: &Note,
    witnesses: &'k [CosignerKey],
    mut prove: impl FnMut(TreeSize) -> Result<Vec<Digest>, String>,
    mut post: impl FnMut(&str) -> Result<Answer, E>,
) -> Result<Vec<(&'k CosignerKey, NoteSignature)>, Unwitnessed<E>> {
    let nonsense = |what: String| Unwitnessed::Nonsense(what);
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| nonsense(error.to_string()))?;
    let mut old = TreeSize(0);
    for _ in 0..MAX_TRIES {
        let proof = match old.0 {
            0 => Vec::new(),
            _ => prove(old).map_err(Unwitnessed::NoProof)?,
        };
        let request = Request {
            old,
            proof,
            checkpoint: note.clone(),
        };
        let answer = post(&request.to_string()).map_err(Unwitnessed::Unreachable)?;
        match answer.status {
            200 => return cosignatures(&answer.body, note, witnesses),
            409 if answer.content_type == SIZE_TYPE => {
                let text = std::str::from_utf8(&answer.body).ok();
                let theirs = text.and_then(|text| parse_size(text.strip_suffix('\n')?));
                let theirs = theirs.ok_or_else(|| nonsense("409 without a size".into()))?;
                if theirs > checkpoint.size {
                    let ours = checkpoint.size;
                    return Err(Unwitnessed::WentBack { theirs, ours });
                }
                if theirs == old {
                    // It has this size, was asked from this size, and still sees a conflict.
                    return Err(Unwitnessed::Forked(old));
                }
                old = theirs;
            }
            422 if old.0 > 0 => return Err(Unwitnessed::Forked(old)),
            status => {
                let body = String::from_utf8_lossy(&answer.body);
                let body = body.trim().chars().take(200).collect();
                return Err(Unwitnessed::Refused { status, body });
            }
        }
    }
    Err(nonsense("it names another size each time".into()))
}

/// The cosignatures in an answer that known witnesses made over this note.
fn cosignatures<'k, E>(
    body: &[u8],
    note: &Note,
    witnesses: &'k [CosignerKey],
) -> Result<Vec<(&'k CosignerKey, NoteSignature)>, Unwitnessed<E>> {
    let bad = |why: String| Unwitnessed::BadCosignature(why);
    let body = std::str::from_utf8(body).map_err(|_| bad("it is not UTF-8".into()))?;
    let mut found = Vec::new();
    for line in body.lines() {
        let signature: NoteSignature = line.parse().map_err(|error| bad(format!("{error}")))?;
        for key in witnesses {
            if (signature.name(), signature.key_hash()) != (key.name(), key.key_hash()) {
                continue;
            }
            let mut alone = Note::new(note.text()).map_err(|error| bad(error.to_string()))?;
            let checked = alone
                .add(signature.clone())
                .and_then(|()| alone.verify_cosignature(key));
            checked.map_err(|error| bad(format!("by {}: {error}", key.name())))?;
            found.push((key, signature.clone()));
        }
    }
    if found.is_empty() {
        return Err(bad("none is by a witness whose key is known".into()));
    }
    Ok(found)
}
