//! What a transparency log says: receipts, the checkpoint, and whether they go together; and who
//! watches the log.

use avouch_bundle::Bundle;
use avouch_cose::note::Note;
use avouch_cose::receipt::{InclusionReceipt, Receipt};
use avouch_cose::{Checkpoint, Error, Statement};
use avouch_merkle::{Digest, hash_leaf};

use super::statement::short;
use crate::judged::{Findings, Judged};
use crate::policy::{Log, Policy};
use crate::report::{CheckName, LogPosition, Witnessed};
use crate::seen::{Evidence, Seen, Shown};

/// A receipt that a pinned log signed for the statement.
struct Receipted<'a> {
    origin: &'a str,
    receipt: InclusionReceipt,
}

/// What the log's checks found.
#[derive(Default)]
pub(crate) struct Logged {
    /// The statement's place, where receipt and checkpoint agree on one.
    pub(crate) position: Option<LogPosition>,
    /// When so many witnesses as the policy requires, and at least one, had seen the log with the
    /// statement in it; seconds since the Unix epoch.
    pub(crate) seen_by: Option<u64>,
    /// The checkpoint, where a pinned log signed it.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// Where the checkpoint is at odds with one that the verifier had seen.
    pub(crate) evidence: Option<Evidence>,
}

/// Judges receipts, checkpoint and cosignatures.
///
/// These rest on the statement's bytes alone: that a log holds them is true whoever signed them.
pub(crate) fn check(
    bundle: &Bundle,
    statement: Option<&Statement>,
    policy: &Policy,
    seen: Option<(&mut Seen, u64)>,
    findings: &mut Findings,
) -> Logged {
    let required = policy.require.log;
    let (receipts, logged) = judge_receipts(&bundle.receipts, statement, policy);
    let (checkpoint, opened) = judge_checkpoint(bundle.checkpoint.as_deref(), policy);
    let (position, mut place) = judge_position(&logged, opened.as_ref());
    let note = bundle.checkpoint.as_deref();
    let in_log = statement.filter(|_| place.is_some());
    let history = seen.map(|seen| judge_history(note, opened.as_ref(), in_log, policy, seen));
    let (witnesses, witnessed) = judge_witnesses(note, opened.is_some(), policy);
    findings.add(CheckName::Receipt, required, receipts);
    findings.add(CheckName::Checkpoint, required, checkpoint);
    findings.add(CheckName::LogPosition, required, position);
    if !policy.witnesses.is_empty() {
        let required = policy.require.witnesses > 0;
        findings.add(CheckName::Witnesses, required, witnesses);
    }
    let mut evidence = None;
    if let Some((judged, against)) = history {
        findings.add(CheckName::LogHistory, false, judged);
        evidence = against;
    }
    let seen_by = seen_by(&witnessed, policy.require.witnesses);
    if let Some(place) = &mut place {
        place.witnesses = witnessed;
    }
    Logged {
        seen_by: seen_by.filter(|_| place.is_some()),
        position: place,
        checkpoint: opened,
        evidence,
    }
}

/// Whether receipts show that this statement, too, is in the log whose checkpoint is shown.
pub(crate) fn holds(
    receipts: &[Vec<u8>],
    statement: &Statement,
    policy: &Policy,
    checkpoint: Option<&Checkpoint>,
) -> Judged {
    match judge_receipts(receipts, Some(statement), policy) {
        (Judged::Pass(_), logged) => judge_position(&logged, checkpoint).0,
        (judged, _) => judged,
    }
}

/// What a log and witnesses say of a statement beside the bundle's own.
pub(crate) struct Dated {
    /// Whether a listed log holds it.
    pub(crate) logged: Judged,
    /// When so many witnesses as the policy requires, and at least one, had seen the log with it.
    pub(crate) seen_by: Option<u64>,
}

/// Judges the receipt of such a statement and the checkpoint that it is under.
pub(crate) fn date(statement: &Statement, logged: Option<(&[u8], &str)>, policy: &Policy) -> Dated {
    let not_dated = |logged| Dated {
        logged,
        seen_by: None,
    };
    let Some((receipt, note)) = logged else {
        return not_dated(Judged::NotChecked("it has no receipt".into()));
    };
    let (judged, receipts) = judge_receipts(&[receipt.to_vec()], Some(statement), policy);
    if !judged.passed() {
        return not_dated(judged);
    }
    let (judged, opened) = judge_checkpoint(Some(note), policy);
    if !judged.passed() {
        return not_dated(judged);
    }
    let (logged, place) = judge_position(&receipts, opened.as_ref());
    let (witnesses, witnessed) = judge_witnesses(Some(note), opened.is_some(), policy);
    if witnesses.failed() {
        return not_dated(witnesses);
    }
    let seen_by = seen_by(&witnessed, policy.require.witnesses);
    Dated {
        seen_by: seen_by.filter(|_| place.is_some()),
        logged,
    }
}

/// Whether the checkpoint goes together with what the verifier has seen of its log.
fn judge_history(
    note: Option<&str>,
    opened: Option<&Checkpoint>,
    statement: Option<&Statement>,
    policy: &Policy,
    (seen, now): (&mut Seen, u64),
) -> (Judged, Option<Evidence>) {
    let log = opened.and_then(|checkpoint| {
        let by = |log: &&Log| note.is_some_and(|note| Checkpoint::open(note, &log.key).is_ok());
        Some((policy.logs.iter().find(by)?, checkpoint))
    });
    // Only what a pinned issuer signed says when it was issued: anyone else could lead the log astray.
    let statement = statement.filter(|statement| {
        let issuer = policy.issuer(&statement.key_id());
        issuer.is_some_and(|issuer| statement.verify(&issuer.key).is_ok())
    });
    let (Some(note), Some((log, checkpoint))) = (note, log) else {
        let reason = "there is no checkpoint that a listed log signed";
        return (Judged::NotChecked(reason.into()), None);
    };
    let shown = Shown {
        key: &log.key,
        note,
        checkpoint,
        issued_at: statement.map(Statement::issued_at),
    };
    seen.judge(&shown, now)
}

/// How many of the policy's witnesses cosigned the checkpoint, and when.
fn judge_witnesses(note: Option<&str>, opened: bool, policy: &Policy) -> (Judged, Vec<Witnessed>) {
    let note = note.and_then(|text| Note::parse(text).ok());
    let Some(note) = note.filter(|_| opened) else {
        let reason = "a cosignature counts only on a checkpoint that a listed log signed";
        return (Judged::NotChecked(reason.into()), Vec::new());
    };
    let found = match note.cosigners(&policy.witnesses) {
        Ok(found) => found,
        Err(error) => {
            let reason = format!("a cosignature by a listed witness is bad: {error}");
            return (Judged::Fail(reason), Vec::new());
        }
    };
    let (listed, needed) = (policy.witnesses.len(), policy.require.witnesses);
    let names: Vec<String> = found
        .iter()
        .map(|cosigned| format!("{:?}", cosigned.by.name()))
        .collect();
    let reason = match found.len() {
        0 => format!("none of the {listed} listed witnesses cosigned the checkpoint"),
        count => format!(
            "{count} of {listed} listed witnesses cosigned the checkpoint: {}",
            names.join(", ")
        ),
    };
    let witnessed = found.iter().map(|cosigned| Witnessed {
        name: cosigned.by.name().into(),
        time: cosigned.time,
    });
    let witnessed = witnessed.collect();
    if found.len() < needed.max(1) {
        let reason = format!("{reason}; {needed} are required");
        return (Judged::NotChecked(reason), witnessed);
    }
    (Judged::Pass(reason), witnessed)
}

/// The time by which so many of them had cosigned: one alone could be in league with the log.
fn seen_by(witnessed: &[Witnessed], needed: usize) -> Option<u64> {
    let mut times: Vec<u64> = witnessed.iter().map(|witnessed| witnessed.time).collect();
    times.sort_unstable();
    times.get(needed.max(1) - 1).copied()
}

fn judge_receipts<'a>(
    receipts: &[Vec<u8>],
    statement: Option<&Statement>,
    policy: &'a Policy,
) -> (Judged, Vec<Receipted<'a>>) {
    if receipts.is_empty() {
        return (
            Judged::NotChecked("the bundle has no receipt".into()),
            Vec::new(),
        );
    }
    let Some(statement) = statement else {
        let reason = "the statement that it would be for cannot be read";
        return (Judged::NotChecked(reason.into()), Vec::new());
    };
    // The log's entry is the hash of the stored form; its leaf is the hash of that entry.
    let leaf = hash_leaf(statement.entry().as_bytes());
    let mut logged = Vec::new();
    let mut unknown = Vec::new();
    for (number, bytes) in (1..).zip(receipts) {
        match judge_receipt(bytes, leaf, policy) {
            Ok(Ok(found)) => logged.push(found),
            Ok(Err(reason)) => unknown.push(format!("receipt {number} {reason}")),
            Err(reason) => {
                return (
                    Judged::Fail(format!("receipt {number} {reason}")),
                    Vec::new(),
                );
            }
        }
    }
    let judged = match logged.first() {
        Some(found) => Judged::Pass(format!(
            "log {:?} signed a tree that holds this statement",
            found.origin
        )),
        None => Judged::NotChecked(unknown.join("; ")),
    };
    (judged, logged)
}

/// `Err` is a fail, `Ok(Err)` a receipt by a key that the policy does not know.
fn judge_receipt<'a>(
    bytes: &[u8],
    leaf: Digest,
    policy: &'a Policy,
) -> Result<Result<Receipted<'a>, String>, String> {
    let receipt = Receipt::parse(bytes).map_err(|error| format!("is malformed: {error}"))?;
    let key = short(&receipt.key_id());
    let Some(log) = policy.log(&receipt.key_id()) else {
        return match policy.issuer(&receipt.key_id()) {
            Some(issuer) => Err(format!(
                "is signed by the key of issuer {:?}, which may not speak for a log",
                issuer.name
            )),
            None => Ok(Err(format!(
                "is by key {key}, which is no log of the policy's"
            ))),
        };
    };
    match receipt.verify(leaf, log.key.key()) {
        Ok(receipt) => Ok(Ok(Receipted {
            origin: log.origin(),
            receipt,
        })),
        Err(Error::BadSignature) => Err(format!(
            "is not for this statement: log {:?} did not sign the root that it leads to",
            log.origin()
        )),
        Err(error) => Err(format!("by log {:?}: {error}", log.origin())),
    }
}

fn judge_checkpoint(note: Option<&str>, policy: &Policy) -> (Judged, Option<Checkpoint>) {
    let Some(text) = note else {
        return (
            Judged::NotChecked("the bundle has no checkpoint".into()),
            None,
        );
    };
    // Malformed is malformed, whoever signed it.
    let parsed = Note::parse(text).and_then(|note| Checkpoint::parse(note.text()));
    let claimed = match parsed {
        Ok(checkpoint) => checkpoint.origin,
        Err(error) => return (Judged::Fail(error.to_string()), None),
    };
    let mut opened = None;
    for log in &policy.logs {
        match Checkpoint::open(text, &log.key) {
            Ok(checkpoint) => opened = Some(checkpoint),
            Err(Error::NoSignatureBy(_)) => {}
            Err(error) => {
                return (
                    Judged::Fail(format!("by log {:?}: {error}", log.origin())),
                    None,
                );
            }
        }
    }
    let judged = match &opened {
        Some(checkpoint) => Judged::Pass(format!(
            "log {:?} signed its size {} and root",
            checkpoint.origin, checkpoint.size
        )),
        None => Judged::NotChecked(format!(
            "the checkpoint of {claimed:?} is signed by no log of the policy's"
        )),
    };
    (judged, opened)
}

/// A receipt signs only a root: its size and index count beside a checkpoint of the same tree.
fn judge_position(
    logged: &[Receipted<'_>],
    checkpoint: Option<&Checkpoint>,
) -> (Judged, Option<LogPosition>) {
    let Some(checkpoint) = checkpoint else {
        let reason = "an index counts only beside a verified checkpoint";
        return (Judged::NotChecked(reason.into()), None);
    };
    let mut other = None;
    for Receipted { origin, receipt } in logged.iter().filter(|one| one.origin == checkpoint.origin)
    {
        if receipt.size == checkpoint.size && receipt.root == checkpoint.root {
            let (index, size) = (receipt.index.get(), receipt.size.get());
            let place = LogPosition {
                origin: (*origin).into(),
                index,
                size,
                witnesses: Vec::new(),
            };
            let reason = format!("entry {index} of {size} in log {origin:?}");
            return (Judged::Pass(reason), Some(place));
        }
        other = Some(receipt);
    }
    let judged = match other {
        Some(receipt) if receipt.size == checkpoint.size => Judged::Fail(format!(
            "receipt and checkpoint give the log two roots at the one size {}",
            checkpoint.size
        )),
        Some(receipt) => Judged::Fail(format!(
            "the receipt is for a log of {} entries, the checkpoint for one of {}: they do not \
             belong together",
            receipt.size, checkpoint.size
        )),
        None => Judged::NotChecked("no verified receipt is of the checkpoint's log".into()),
    };
    (judged, None)
}
