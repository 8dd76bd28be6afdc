//! What outside services say: that a checkpoint with the statement beneath it existed at some time.

use std::collections::BTreeMap;

use avouch_anchor::{Doubt, Existed, Receipt};
use avouch_bundle::{Anchor, Bundle};
use avouch_cose::{Checkpoint, Statement};
use avouch_merkle::{LeafIndex, hash_leaf, root_from_inclusion};

use crate::judged::{Findings, Judged};
use crate::policy::Policy;
use crate::report::{CheckName, Seal, Sealed};
use crate::text::time_text;

/// What the anchors' check found.
#[derive(Default)]
pub(crate) struct Anchored {
    /// Each receipt, in the bundle's order.
    pub(crate) seals: Vec<Seal>,
    /// By when so many anchors as the policy requires, and at least one, show that the statement was in
    /// the log; seconds since the Unix epoch.
    pub(crate) by: Option<u64>,
}

/// Judges every receipt by the policy's anchors of its kind.
pub(crate) fn check(
    bundle: &Bundle,
    statement: Option<&Statement>,
    checkpoint: Option<&Checkpoint>,
    policy: &Policy,
    findings: &mut Findings,
) -> Anchored {
    let quorum = &policy.require.anchors;
    if bundle.anchors.is_empty() && policy.anchors.is_empty() {
        return Anchored::default();
    }
    // The earliest time by each of the policy's anchors.
    let mut dated: BTreeMap<usize, u64> = BTreeMap::new();
    let mut seals = Vec::new();
    for anchor in &bundle.anchors {
        let (seal, by) = judge(anchor, statement, checkpoint, policy);
        for (at, existed) in by.into_iter().filter(|(at, _)| quorum.among.contains(at)) {
            let earliest = dated.entry(at).or_insert(existed.by);
            *earliest = existed.by.min(*earliest);
        }
        seals.push(seal);
    }
    let judged = summary(&seals, &dated, policy);
    let mut times: Vec<u64> = dated.into_values().collect();
    times.sort_unstable();
    let by = times.get(quorum.needed.max(1) - 1).copied();
    let by = by.filter(|_| !judged.failed());
    findings.add(CheckName::Anchors, quorum.needed > 0, judged);
    Anchored { seals, by }
}

fn summary(seals: &[Seal], dated: &BTreeMap<usize, u64>, policy: &Policy) -> Judged {
    let refused = (1..)
        .zip(seals)
        .find(|(_, seal)| seal.outcome == Sealed::Refused);
    if let Some((number, seal)) = refused {
        return Judged::Fail(format!("anchor {number} ({}): {}", seal.kind, seal.reason));
    }
    let quorum = &policy.require.anchors;
    let names: Vec<String> = dated
        .iter()
        .map(|(at, by)| {
            let name = &policy.anchors[*at].name;
            format!("{name:?} by {}", time_text(by.saturating_mul(1000)))
        })
        .collect();
    let count = match names.len() {
        0 => "no listed anchor dates the statement".into(),
        _ => format!("the statement existed, say {}", names.join(", ")),
    };
    if names.len() >= quorum.needed.max(1) {
        return Judged::Pass(count);
    }
    let mut reasons: Vec<String> = (1..)
        .zip(seals)
        .filter(|(_, seal)| seal.outcome != Sealed::Verified)
        .map(|(number, seal)| {
            format!(
                "anchor {number} ({}) {}: {}",
                seal.kind, seal.outcome, seal.reason
            )
        })
        .collect();
    if seals.is_empty() {
        reasons.push("the bundle has no anchor".into());
    }
    reasons.insert(
        0,
        format!(
            "{count}; {} of {} are required",
            quorum.needed,
            quorum.among.len()
        ),
    );
    Judged::NotChecked(reasons.join("; "))
}

/// A receipt by itself, without a statement: what the policy's anchors say of its checkpoint.
pub(crate) fn judge_alone(receipt: &[u8], policy: &Policy) -> Seal {
    let (seal, _) = judge_bytes(receipt, policy, |_| Ok(()), None);
    seal
}

/// One receipt, and which of the policy's anchors stand behind it.
fn judge(
    anchor: &Anchor,
    statement: Option<&Statement>,
    checkpoint: Option<&Checkpoint>,
    policy: &Policy,
) -> (Seal, Vec<(usize, Existed)>) {
    let about = |receipt: &Receipt| is_about(anchor, receipt, statement);
    judge_bytes(&anchor.receipt, policy, about, checkpoint)
}

fn judge_bytes(
    bytes: &[u8],
    policy: &Policy,
    is_about: impl Fn(&Receipt) -> Result<(), Doubt>,
    checkpoint: Option<&Checkpoint>,
) -> (Seal, Vec<(usize, Existed)>) {
    let mut seal = Seal {
        kind: "unreadable".into(),
        anchors: Vec::new(),
        outcome: Sealed::Refused,
        size: None,
        by: None,
        reason: String::new(),
    };
    let receipt = match Receipt::decode(bytes) {
        Ok(receipt) => receipt,
        Err(error) => {
            seal.reason = format!("the receipt is malformed: {error}");
            return (seal, Vec::new());
        }
    };
    seal.kind.clone_from(&receipt.kind);
    seal.size = Some(receipt.anchored.checkpoint().size.0);
    let judged = is_about(&receipt)
        .and_then(|()| is_of_log(&receipt, checkpoint, policy))
        .and_then(|()| by_any(&receipt, policy));
    match judged {
        Ok(by) => {
            seal.outcome = Sealed::Verified;
            seal.by = by.iter().map(|(_, existed)| existed.by).min();
            let names = by.iter().map(|(at, _)| policy.anchors[*at].name.clone());
            seal.anchors = names.collect();
            let sources: Vec<&str> = by.iter().map(|(_, e)| e.source.as_str()).collect();
            seal.reason = format!("shown by {}", sources.join(", "));
            (seal, by)
        }
        Err(doubt) => {
            seal.reason = doubt.to_string();
            seal.outcome = match doubt {
                Doubt::Pending(_) => Sealed::Pending,
                Doubt::Unknown(_) => Sealed::NotChecked,
                _ => Sealed::Refused,
            };
            (seal, Vec::new())
        }
    }
}

/// The statement is in the anchored tree.
fn is_about(
    anchor: &Anchor,
    receipt: &Receipt,
    statement: Option<&Statement>,
) -> Result<(), Doubt> {
    let Some(statement) = statement else {
        let reason = "the statement that it would be for cannot be read";
        return Err(Doubt::Unknown(reason.into()));
    };
    let Checkpoint { size, root, .. } = receipt.anchored.checkpoint();
    let leaf = hash_leaf(statement.entry().as_bytes());
    match root_from_inclusion(leaf, LeafIndex(anchor.index), *size, &anchor.path) {
        Ok(found) if found == *root => Ok(()),
        _ => Err(Doubt::Refused(
            "the statement is not in the tree whose checkpoint it anchors".into(),
        )),
    }
}

/// A listed log signed the anchored checkpoint, and no other for that size.
fn is_of_log(
    receipt: &Receipt,
    checkpoint: Option<&Checkpoint>,
    policy: &Policy,
) -> Result<(), Doubt> {
    let anchored = receipt.anchored.checkpoint();
    let mut of_log = policy
        .logs
        .iter()
        .filter(|log| log.origin() == anchored.origin);
    let by_log = of_log.find_map(|log| match receipt.anchored.is_signed_by(&log.key) {
        Err(avouch_cose::Error::NoSignatureBy(_)) => None,
        judged => Some((log, judged)),
    });
    match by_log {
        None => {
            let origin = &anchored.origin;
            return Err(Doubt::Unknown(format!(
                "the anchored checkpoint of {origin:?} is signed by no log of the policy's"
            )));
        }
        Some((log, Err(error))) => {
            let origin = log.origin();
            return Err(Doubt::Refused(format!(
                "the anchored checkpoint, by log {origin:?}: {error}"
            )));
        }
        Some((_, Ok(()))) => {}
    }
    let other = checkpoint.filter(|one| one.origin == anchored.origin && one.size == anchored.size);
    match other.is_some_and(|one| one.root != anchored.root) {
        true => Err(Doubt::Refused(format!(
            "FORK: the log signed two roots for size {}: the anchored one and the bundle's",
            anchored.size
        ))),
        false => Ok(()),
    }
}

/// All of the policy's anchors that the receipt satisfies; why not, if there is none.
fn by_any(receipt: &Receipt, policy: &Policy) -> Result<Vec<(usize, Existed)>, Doubt> {
    let mut found = Vec::new();
    let mut doubts = Vec::new();
    let listed = policy.anchors.iter().enumerate();
    for (at, pinned) in listed.filter(|(_, pinned)| pinned.kind() == receipt.kind) {
        match pinned.verify(receipt) {
            Ok(existed) => found.push((at, existed)),
            Err(doubt) => doubts.push(doubt),
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    // What is bad weighs more than what is not known.
    let rank = |doubt: &Doubt| match doubt {
        Doubt::Pending(_) => 1,
        Doubt::Unknown(_) => 2,
        _ => 0,
    };
    doubts.sort_by_key(rank);
    Err(doubts.into_iter().next().unwrap_or_else(|| {
        let kind = &receipt.kind;
        Doubt::Unknown(format!("the policy lists no anchor of kind {kind:?}"))
    }))
}
