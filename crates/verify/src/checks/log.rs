//! What a transparency log says: receipts, the checkpoint, and whether they go together.

use avouch_bundle::Bundle;
use avouch_cose::note::Note;
use avouch_cose::receipt::{InclusionReceipt, Receipt};
use avouch_cose::{Checkpoint, Error, Statement};
use avouch_merkle::{Digest, hash_leaf};

use super::statement::short;
use crate::judged::{Findings, Judged};
use crate::policy::Policy;
use crate::report::{CheckName, LogPosition};

/// A receipt that a pinned log signed for the statement.
struct Logged<'a> {
    origin: &'a str,
    receipt: InclusionReceipt,
}

/// Judges receipts and checkpoint; returns the statement's place where they agree on one.
///
/// These rest on the statement's bytes alone: that a log holds them is true whoever signed them.
pub(crate) fn check(
    bundle: &Bundle,
    statement: Option<&Statement>,
    policy: &Policy,
    findings: &mut Findings,
) -> Option<LogPosition> {
    let required = policy.require.log;
    let (receipts, logged) = judge_receipts(&bundle.receipts, statement, policy);
    let (checkpoint, opened) = judge_checkpoint(bundle.checkpoint.as_deref(), policy);
    let (position, place) = judge_position(&logged, opened.as_ref());
    findings.add(CheckName::Receipt, required, receipts);
    findings.add(CheckName::Checkpoint, required, checkpoint);
    findings.add(CheckName::LogPosition, required, position);
    place
}

fn judge_receipts<'a>(
    receipts: &[Vec<u8>],
    statement: Option<&Statement>,
    policy: &'a Policy,
) -> (Judged, Vec<Logged<'a>>) {
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
) -> Result<Result<Logged<'a>, String>, String> {
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
        Ok(receipt) => Ok(Ok(Logged {
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
    logged: &[Logged<'_>],
    checkpoint: Option<&Checkpoint>,
) -> (Judged, Option<LogPosition>) {
    let Some(checkpoint) = checkpoint else {
        let reason = "an index counts only beside a verified checkpoint";
        return (Judged::NotChecked(reason.into()), None);
    };
    let mut other = None;
    for Logged { origin, receipt } in logged.iter().filter(|one| one.origin == checkpoint.origin) {
        if receipt.size == checkpoint.size && receipt.root == checkpoint.root {
            let (index, size) = (receipt.index.get(), receipt.size.get());
            let place = LogPosition {
                origin: (*origin).into(),
                index,
                size,
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
