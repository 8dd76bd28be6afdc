//! What was erased: that each erased field is under a redaction that the issuer signed.

use std::collections::BTreeMap;

use avouch_bundle::{Disclosures, Redacted};
use avouch_cose::{Checkpoint, Statement};
use avouch_merkle::{Digest, LeafIndex, TreeSize, verify_multi};
use avouch_trace::{Manifest, REDACTION_CONTENT_TYPE, Redaction, Tombstone};

use super::keys::Authority;
use super::log;
use crate::judged::Judged;
use crate::policy::Policy;
use crate::text::count;

/// The leaf hash of each erased field, by event and index.
type Erased = BTreeMap<(u64, u64), Digest>;

/// Judges the redactions; `None` where nothing is shown as erased, and nothing says that it was.
pub(crate) fn judge(
    shown: &Disclosures,
    manifest: &Manifest,
    (issuer, authority): (&str, &Authority<'_>),
    policy: &Policy,
    checkpoint: Option<&Checkpoint>,
) -> Option<Judged> {
    let mut erased = Erased::new();
    for event in &shown.events {
        for (index, leaf) in event.openings.iter().flat_map(|open| &open.erased) {
            erased.insert((event.seq, *index), *leaf);
        }
    }
    if erased.is_empty() && shown.redactions.is_empty() {
        return None;
    }
    let all = erased.len() as u64;
    let mut unproven = Vec::new();
    for (number, redacted) in (1..).zip(&shown.redactions) {
        match judge_one(
            redacted,
            &mut erased,
            manifest,
            (issuer, authority),
            policy,
            checkpoint,
        ) {
            Judged::Pass(_) => {}
            Judged::NotChecked(reason) => unproven.push(format!("redaction {number}: {reason}")),
            Judged::Fail(reason) => {
                return Some(Judged::Fail(format!("redaction {number}: {reason}")));
            }
        }
    }
    Some(if let Some((seq, index)) = erased.keys().next() {
        Judged::Fail(format!(
            "event {seq}, field {index} is shown as erased, but no redaction is about it"
        ))
    } else if let Some(reason) = unproven.into_iter().next() {
        Judged::NotChecked(reason)
    } else {
        let redactions = count(shown.redactions.len() as u64, "redaction");
        Judged::Pass(format!(
            "{} erased under {redactions} by the issuer",
            count(all, "field")
        ))
    })
}

/// Judges one, and takes what it is about out of `erased`.
fn judge_one(
    redacted: &Redacted,
    erased: &mut Erased,
    manifest: &Manifest,
    (issuer, authority): (&str, &Authority<'_>),
    policy: &Policy,
    checkpoint: Option<&Checkpoint>,
) -> Judged {
    let read = read(redacted, erased, manifest, issuer);
    let statement = match read {
        Ok(statement) => statement,
        Err(reason) => return Judged::Fail(reason),
    };
    let id = statement.key_id();
    let key = match (policy.issuer(&id), authority.other(&id)) {
        (Some(pinned), _) if pinned.name != issuer => {
            return Judged::Fail(format!(
                "its key is that of {:?}, not of the run's issuer",
                pinned.name
            ));
        }
        (Some(pinned), _) => pinned.key,
        (None, Some((_, grant))) if grant.until.is_some() || !grant.covers(&manifest.agent) => {
            return Judged::NotChecked(
                "its key speaks for another agent, or only until a time and nothing dates it"
                    .into(),
            );
        }
        (None, Some((key, _))) => *key,
        (None, None) => {
            let reason = "the policy holds no key to check its signature with";
            return Judged::NotChecked(reason.into());
        }
    };
    if let Err(error) = statement.verify(&key) {
        return Judged::Fail(format!("by the key of {issuer:?}: {error}"));
    }
    if let Some(revoked) = authority.revoked(&id) {
        let from = revoked.text;
        return Judged::NotChecked(format!(
            "its key is revoked from {from}, and nothing shows that it is older"
        ));
    }
    match log::holds(&redacted.receipts, &statement, policy, checkpoint) {
        Judged::Fail(reason) => Judged::Fail(reason),
        Judged::NotChecked(reason) if policy.require.log => {
            Judged::NotChecked(format!("it is not shown to be in the log: {reason}"))
        }
        _ => Judged::Pass("signed".into()),
    }
}

/// What holds for a redaction whoever signed it.
fn read(
    redacted: &Redacted,
    erased: &mut Erased,
    manifest: &Manifest,
    issuer: &str,
) -> Result<Statement, String> {
    let statement = Statement::parse(&redacted.statement).map_err(|error| error.to_string())?;
    if statement.content_type() != REDACTION_CONTENT_TYPE {
        return Err(format!(
            "its content type is {:?}, but a redaction has {REDACTION_CONTENT_TYPE:?}",
            statement.content_type()
        ));
    }
    let redaction = Redaction::decode(statement.payload()).map_err(|error| error.to_string())?;
    if redaction.run != manifest.run || statement.subject() != manifest.subject() {
        return Err(format!("it is about run {}, not this one", redaction.run));
    }
    if statement.issuer() != issuer {
        return Err(format!("it names the issuer {:?}", statement.issuer()));
    }
    let mut leaves = Vec::with_capacity(redacted.tombstones.len());
    for (place, seq, index) in &redacted.tombstones {
        let Some(leaf) = erased.remove(&(*seq, *index)) else {
            return Err(format!(
                "event {seq}, field {index} is not shown as erased, or twice"
            ));
        };
        let tombstone = Tombstone {
            seq: *seq,
            index: *index,
            leaf,
        };
        leaves.push((LeafIndex(*place), tombstone.hash()));
    }
    verify_multi(
        TreeSize(redaction.count),
        &leaves,
        &redacted.proof,
        &redaction.root,
    )
    .map_err(|error| format!("the erased fields are not those that it is about: {error}"))?;
    Ok(statement)
}
