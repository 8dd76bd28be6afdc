//! What a verifier has seen of each log: the signed checkpoints, so that a log that shows it two histories
//! is caught with two notes that the log signed itself.
//!
//! A bundle holds one checkpoint. Whether a larger one extends a smaller one takes a consistency proof
//! from elsewhere; without it, only two roots for one size can be told apart, and the check says so.

use std::collections::BTreeMap;

use avouch_cose::{
    Checkpoint, ConsistencyProof, KeyAct, KeyId, KeyStatement, Note, NoteKey, Statement,
    VerifyingKey,
};
use avouch_merkle::{Digest, TreeSize, roots_from_consistency, sha256, verify_consistency};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::judged::Judged;
use crate::policy::{Revoked, Said};
use crate::text::time_text;

/// The only version so far.
const VERSION: u32 = 1;
/// The longest state, in bytes.
pub const MAX_SEEN_LEN: usize = 16 << 20;
/// How many checkpoints of a log are kept; the smallest go first.
const MAX_PER_LOG: usize = 1000;
/// How far an issuer's clock may run ahead of the verifier's, in seconds, before a statement is called
/// newer than what was seen.
const MAX_SKEW: u64 = 600;

/// The checkpoints that a verifier has seen, and the consistency proofs that it was given.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    logs: BTreeMap<String, BTreeMap<u64, One>>,
    /// Revocations by issuer and key: what was in one bundle holds for the next one too.
    revoked: BTreeMap<(String, KeyId), RevokedRow>,
    proofs: Vec<ConsistencyProof>,
}

/// A checkpoint that was seen.
#[derive(Clone, Debug)]
struct One {
    root: Digest,
    note: String,
    /// By the verifier's clock, seconds since the Unix epoch.
    at: u64,
}

/// Two checkpoints that one log signed and that do not go together. The notes are the proof; whoever has
/// the log's key can check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The log's key (`origin+hash+base64`).
    pub log: String,
    /// The note that was seen before.
    pub seen: String,
    /// The note in this bundle.
    pub shown: String,
}

impl Evidence {
    /// A name for it: the first digits of the two notes' digest.
    pub fn id(&self) -> String {
        let digest = sha256(&[self.seen.as_bytes(), self.shown.as_bytes()]);
        digest.to_string().chars().take(16).collect()
    }
}

/// Why a text is not such a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a verifier's state: {0}")]
pub struct SeenError(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    seen: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revoked: Vec<RevokedRow>,
}

/// A revocation, with the key that signed it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedRow {
    at_s: u64,
    by: String,
    statement: String,
    #[serde(skip)]
    from: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    log: String,
    at_s: u64,
    note: String,
}

/// A checkpoint as it was opened, with what is said to be in it.
pub(crate) struct Shown<'a> {
    pub(crate) key: &'a NoteKey,
    pub(crate) note: &'a str,
    pub(crate) checkpoint: &'a Checkpoint,
    /// When the statement in it says that it was issued, if it is proven to be in it.
    pub(crate) issued_at: Option<u64>,
}

impl Seen {
    /// Reads a state. Every note in it must bear its log's signature.
    pub fn from_json(text: &str) -> Result<Self, SeenError> {
        let wrong = |why: String| SeenError(why);
        if text.len() > MAX_SEEN_LEN {
            return Err(wrong("longer than 16 MiB".into()));
        }
        let file: File = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if file.version != VERSION {
            return Err(wrong(format!("version {}", file.version)));
        }
        let mut seen = Self::default();
        for row in file.seen {
            let bad = |error: avouch_cose::Error| wrong(format!("log {}: {error}", row.log));
            let key: NoteKey = row.log.parse().map_err(bad)?;
            let checkpoint = Checkpoint::open(&row.note, &key).map_err(bad)?;
            seen.keep(&key, &row.note, &checkpoint, row.at_s);
        }
        for row in file.revoked {
            let (name, id, revoked) = row.read().map_err(wrong)?;
            seen.keep_revocation(&name, &id, &revoked, row.at_s);
        }
        Ok(seen)
    }

    /// The state as text, for the next time.
    pub fn to_json(&self) -> String {
        let rows = self.logs.iter().flat_map(|(log, sizes)| {
            sizes.values().map(|one| Row {
                log: log.clone(),
                at_s: one.at,
                note: one.note.clone(),
            })
        });
        let file = File {
            version: VERSION,
            seen: rows.collect(),
            revoked: self.revoked.values().cloned().collect(),
        };
        // Strings and numbers always serialise.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// Keeps a revocation that counted: the earliest of each key. What the policy says is not kept.
    pub(crate) fn keep_revocation(&mut self, name: &str, id: &KeyId, revoked: &Revoked, now: u64) {
        let Some(said) = &revoked.said else {
            return;
        };
        let key = (name.to_owned(), *id);
        if self
            .revoked
            .get(&key)
            .is_none_or(|was| was.from > revoked.from)
        {
            let row = RevokedRow {
                at_s: now,
                by: STANDARD.encode(said.by.to_der()),
                statement: STANDARD.encode(&said.statement),
                from: revoked.from,
            };
            self.revoked.insert(key, row);
        }
    }

    /// The revocations of this issuer's keys.
    pub(crate) fn revocations(&self, name: &str) -> Vec<(KeyId, Revoked)> {
        let of_issuer = self
            .revoked
            .iter()
            .filter(|((issuer, _), _)| issuer == name);
        of_issuer
            .map(|((_, id), row)| {
                let text = time_text(u64::try_from(row.from).unwrap_or(0).saturating_mul(1000));
                let revoked = Revoked {
                    text,
                    from: row.from,
                    said: None,
                };
                (*id, revoked)
            })
            .collect()
    }

    /// Adds a proof of consistency between checkpoints, as `avouch log consistency` writes it. It is
    /// believed only as far as it leads from one signed root to another.
    pub fn add_proof(&mut self, text: &str) -> Result<(), SeenError> {
        let proof = text.parse();
        self.proofs
            .push(proof.map_err(|error: avouch_cose::Error| SeenError(error.to_string()))?);
        Ok(())
    }

    /// Compares a checkpoint with all that were seen of its log, and keeps it unless it is at odds with
    /// them.
    pub(crate) fn judge(&mut self, shown: &Shown<'_>, now: u64) -> (Judged, Option<Evidence>) {
        let log = shown.key.to_string();
        let (judged, against) = self.compare(&log, shown);
        let evidence = against.map(|seen| Evidence {
            log,
            seen,
            shown: shown.note.into(),
        });
        if evidence.is_none() {
            self.keep(shown.key, shown.note, shown.checkpoint, now);
        }
        (judged, evidence)
    }

    /// The answer, and the note that the one shown is at odds with.
    fn compare(&self, log: &str, shown: &Shown<'_>) -> (Judged, Option<String>) {
        let Checkpoint { size, root, .. } = shown.checkpoint;
        let Some(seen) = self.logs.get(log) else {
            let reason = format!("the first checkpoint of this log that is seen: size {size}");
            return (Judged::Pass(reason), None);
        };
        if let Some(same) = seen.get(&size.0) {
            if same.root == *root {
                let reason = format!("the same root as before at size {size}");
                return (Judged::Pass(reason), None);
            }
            let reason = format!("FORK: the log signed two roots for size {size}");
            return (Judged::Fail(reason), Some(same.note.clone()));
        }
        let mut linked = None;
        for (other, one) in seen {
            let other = (TreeSize(*other), one.root);
            match self.link(other, (*size, *root)) {
                Link::Unknown => {}
                Link::Holds => linked = Some(other.0),
                Link::Forked(at) => {
                    let reason = format!(
                        "FORK: a consistency proof shows that the larger tree's first {at} entries \
                         are not those that the log signed at {at}"
                    );
                    return (Judged::Fail(reason), Some(one.note.clone()));
                }
            }
        }
        if let Some(other) = linked {
            let reason = format!("consistent with size {other}, which was seen before");
            return (Judged::Pass(reason), None);
        }
        self.beyond_proof(seen, shown)
    }

    /// Where no proof links the checkpoint with what was seen.
    fn beyond_proof(
        &self,
        seen: &BTreeMap<u64, One>,
        shown: &Shown<'_>,
    ) -> (Judged, Option<String>) {
        let size = shown.checkpoint.size;
        let larger = seen.range(size.0..).next_back();
        let newer = |at: u64| {
            let issued_at = shown.issued_at?;
            (issued_at > at.saturating_add(MAX_SKEW)).then_some(issued_at)
        };
        if let Some((larger, one)) = larger
            && let Some(issued_at) = newer(one.at)
        {
            let reason = format!(
                "ROLLBACK: the log had {larger} entries when this was last verified at {}, and now \
                 has {size}, one of which says that it was issued later, at {}",
                time_text(one.at.saturating_mul(1000)),
                time_text(issued_at.saturating_mul(1000)),
            );
            return (Judged::Fail(reason), Some(one.note.clone()));
        }
        let last = seen.keys().next_back().copied().unwrap_or_default();
        let how = match last > size.0 {
            true => "smaller than size",
            false => "larger than size",
        };
        let reason = format!(
            "size {size} is {how} {last}, which was seen before; that one extends the other takes a \
             consistency proof"
        );
        (Judged::NotChecked(reason), None)
    }

    /// What the proofs say of two checkpoints.
    fn link(&self, one: (TreeSize, Digest), other: (TreeSize, Digest)) -> Link {
        let (before, after) = if one.0 < other.0 {
            (one, other)
        } else {
            (other, one)
        };
        let mut found = Link::Unknown;
        for proof in self.proofs.iter().filter(|proof| proof.before == before.0) {
            let path = &proof.path;
            if verify_consistency(before.0, &before.1, after.0, &after.1, path).is_ok() {
                return Link::Holds;
            }
            // A proof that leads to the signed larger root shows that tree's own beginning.
            let roots = roots_from_consistency(before.0, &before.1, after.0, path);
            if let Ok((first, second)) = roots
                && second == after.1
                && first != before.1
            {
                found = Link::Forked(before.0);
            }
        }
        found
    }

    fn keep(&mut self, key: &NoteKey, note: &str, checkpoint: &Checkpoint, at: u64) {
        let sizes = self.logs.entry(key.to_string()).or_default();
        sizes.entry(checkpoint.size.0).or_insert_with(|| One {
            root: checkpoint.root,
            note: without_strangers(note, key),
            at,
        });
        while sizes.len() > MAX_PER_LOG {
            sizes.pop_first();
        }
    }
}

impl RevokedRow {
    /// Whose key is revoked from when; the signature must hold.
    fn read(&self) -> Result<(String, KeyId, Revoked), String> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|error| error.to_string());
        let wrong = |error: avouch_cose::Error| format!("a revocation: {error}");
        let by = VerifyingKey::from_der(&decode(&self.by)?).map_err(wrong)?;
        let bytes = decode(&self.statement)?;
        let statement = Statement::parse(&bytes).map_err(wrong)?;
        statement.verify(&by).map_err(wrong)?;
        let said = KeyStatement::of(&statement).map_err(wrong)?;
        let KeyAct::Revoke { from } = said.act else {
            return Err("a revocation that revokes nothing".into());
        };
        let revoked = Revoked {
            text: String::new(),
            from: i64::try_from(from).unwrap_or(i64::MAX),
            said: Some(Said {
                by,
                statement: bytes,
            }),
        };
        Ok((statement.issuer().into(), said.key.id(), revoked))
    }
}

enum Link {
    Holds,
    Forked(TreeSize),
    Unknown,
}

/// The note with its log's signature alone: others may bring any number.
fn without_strangers(note: &str, key: &NoteKey) -> String {
    let alone = || {
        let all = Note::parse(note).ok()?;
        let mut alone = Note::new(all.text()).ok()?;
        let own = all
            .signatures()
            .iter()
            .find(|line| (line.name(), line.key_hash()) == (key.name(), key.key_hash()))?;
        alone.add(own.clone()).ok()?;
        Some(alone.to_string())
    };
    alone().unwrap_or_else(|| note.into())
}
