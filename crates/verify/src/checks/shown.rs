//! What is shown of the run: events, fields and blobs, each against what was signed.

use std::collections::BTreeMap;

use avouch_bundle::{Disclosures, Openings, Shown};
use avouch_cose::{Checkpoint, Statement};
use avouch_merkle::{Digest, LeafIndex, TreeSize, verify_multi};
use avouch_trace::{Body, Field, Header, Kind, Manifest, NameId};

use super::keys::Authority;
use super::statement::{Spoken, UNPROVEN};
use super::{redactions, trace};
use crate::judged::{Findings, Judged};
use crate::policy::{Disclosure, Policy};
use crate::report::{CheckName, ShownCounts};
use crate::text::count;

/// Judges all that is shown. Returns how much that is, and whether root and chain were shown to
/// cover the same events.
pub(crate) fn check(
    disclosures: Option<&Disclosures>,
    (spoken, authority): (&Spoken, &Authority<'_>),
    policy: &Policy,
    checkpoint: Option<&Checkpoint>,
    findings: &mut Findings,
) -> (ShownCounts, bool) {
    let require = policy.require.disclosure;
    let (Some(shown), Some(manifest)) = (disclosures, &spoken.manifest) else {
        let reason = match disclosures {
            None => "nothing of the run is shown",
            Some(_) => "there is no readable manifest to check against",
        };
        for name in PARTS {
            let required = name != CheckName::Trace && disclosures.is_some();
            findings.add(name, required, Judged::NotChecked(reason.into()));
        }
        if require != Disclosure::None {
            let reason = format!("the policy requires {}, but {reason}", requirement(require));
            findings.add(CheckName::Disclosure, true, Judged::NotChecked(reason));
        }
        return (ShownCounts::default(), false);
    };
    let mut counts = ShownCounts {
        events: shown.events.len() as u64,
        ..Default::default()
    };
    let events = judge_events(shown, manifest).resting_on(spoken.proven, UNPROVEN);
    let in_run = events.passed();
    let fields = judge_fields(shown, &mut counts).resting_on(in_run, UNPROVEN_EVENTS);
    let in_events = fields.passed();
    let header = judge_header_fields(shown).resting_on(in_events, UNPROVEN_FIELDS);
    let blobs = judge_blobs(shown, &mut counts).resting_on(in_events, UNPROVEN_FIELDS);
    let trace = trace::judge(shown, manifest).resting_on(in_run, UNPROVEN_EVENTS);
    let agree = trace.passed();
    let enough = judge_disclosure(require, manifest, &counts);
    let proven = in_run && in_events && blobs.passed();
    for (name, judged) in PARTS
        .into_iter()
        .zip([events, fields, header, blobs, trace])
    {
        findings.add(name, name != CheckName::Trace, judged);
    }
    let issuer = spoken.statement.as_ref().map_or("", Statement::issuer);
    if let Some(erased) =
        redactions::judge(shown, manifest, (issuer, authority), policy, checkpoint)
    {
        let erased = erased.resting_on(in_events, UNPROVEN_FIELDS);
        findings.add(CheckName::Redactions, true, erased);
    }
    if let Some(enough) = enough {
        let enough = enough.resting_on(proven, "what is shown is not proven");
        findings.add(CheckName::Disclosure, true, enough);
    }
    (counts, agree)
}

/// The checks on what is shown, in the report's order.
const PARTS: [CheckName; 5] = [
    CheckName::Events,
    CheckName::Fields,
    CheckName::HeaderFields,
    CheckName::Blobs,
    CheckName::Trace,
];

const UNPROVEN_EVENTS: &str = "the events themselves are not proven";
const UNPROVEN_FIELDS: &str = "the fields themselves are not proven";

/// Every event is at its place under the root, and what it says of itself fits that place.
fn judge_events(shown: &Disclosures, manifest: &Manifest) -> Judged {
    Judged::from(
        shown
            .events
            .iter()
            .try_for_each(|event| fits(event, manifest))
            .and_then(|()| {
                let leaves: Vec<(LeafIndex, Digest)> = shown
                    .events
                    .iter()
                    .map(|shown| (LeafIndex(shown.seq), shown.event.leaf()))
                    .collect();
                verify_multi(
                    TreeSize(manifest.size),
                    &leaves,
                    &shown.proof,
                    &manifest.root,
                )
                .map(|()| {
                    format!(
                        "{} of {} events are under the root",
                        leaves.len(),
                        manifest.size
                    )
                })
                .map_err(|error| format!("the events shown are not those under the root: {error}"))
            }),
    )
}

/// What can be said of one event alone: its header, its seq, and what its place demands.
fn fits(shown: &Shown, manifest: &Manifest) -> Result<(), String> {
    let seq = shown.seq;
    let last = manifest.size.saturating_sub(1);
    if seq > last {
        return Err(format!(
            "event {seq} is shown, but the run has only {} events",
            manifest.size
        ));
    }
    let header = shown
        .event
        .header()
        .map_err(|error| format!("event {seq}: {error}"))?;
    let Header {
        kind, time, parent, ..
    } = header;
    if header.seq != seq {
        return Err(format!(
            "event {seq} says in its header that it is event {}",
            header.seq
        ));
    }
    if parent.is_some_and(|parent| u64::from(parent) >= seq) {
        return Err(format!(
            "event {seq} has a parent that is not an earlier event"
        ));
    }
    if (kind == Kind::RunStart) != (seq == 0) {
        return Err(format!(
            "event {seq} is a {kind}: event 0 is the run-start, and no other"
        ));
    }
    if (kind == Kind::RunEnd) != (seq == last) {
        return Err(format!(
            "event {seq} is a {kind}: event {last} is the run-end, and no other"
        ));
    }
    if seq == 0 && time != manifest.first_time {
        return Err(format!(
            "event 0 has time {time}, the manifest {}",
            manifest.first_time
        ));
    }
    if seq == last && time != manifest.last_time {
        return Err(format!(
            "event {seq} has time {time}, the manifest {}",
            manifest.last_time
        ));
    }
    Ok(())
}

/// Every field is under its event's body. Counts what is shown and what is withheld.
fn judge_fields(shown: &Disclosures, counts: &mut ShownCounts) -> Judged {
    for Shown {
        seq,
        event,
        openings,
    } in &shown.events
    {
        let Some(openings) = openings else {
            continue;
        };
        let Openings { fields, proof, .. } = openings;
        match Body::verify_with(&event.body, fields, &openings.hash_only(), proof) {
            Ok(all) => {
                // Leaf 0 is among those opened, and is not one of those it counts.
                let opened = (fields.len() as u64).saturating_sub(1);
                counts.opened_events += 1;
                let (erased, sealed) = (openings.erased.len(), openings.sealed.len());
                counts.fields += opened;
                counts.erased_fields += erased as u64;
                counts.sealed_fields += sealed as u64;
                let told = opened + erased as u64 + sealed as u64;
                // The count is the issuer's number, and may be any.
                counts.withheld_fields = counts
                    .withheld_fields
                    .saturating_add(all.saturating_sub(told));
            }
            Err(error) => return Judged::Fail(format!("event {seq}: {error}")),
        }
    }
    let ShownCounts {
        opened_events,
        fields,
        withheld_fields,
        erased_fields,
        sealed_fields,
        ..
    } = counts;
    let mut reason = match opened_events {
        0 => return Judged::Pass("no field is shown".into()),
        events => format!(
            "{} of {} in their bodies; {withheld_fields} withheld there",
            count(*fields, "field"),
            count(*events, "event")
        ),
    };
    for (number, what) in [
        (sealed_fields, "sealed to chosen readers"),
        (erased_fields, "erased"),
    ] {
        if *number > 0 {
            reason.push_str(&format!(", {number} {what}"));
        }
    }
    Judged::Pass(reason)
}

/// Fields that repeat what the header says, or spell out its ids.
fn judge_header_fields(shown: &Disclosures) -> Judged {
    let mut compared = 0_u64;
    for event in &shown.events {
        // A header that cannot be read has failed under `events`.
        let Ok(header) = event.event.header() else {
            return Judged::NotChecked(format!("event {} has no readable header", event.seq));
        };
        for field in event.fields() {
            let agrees = match field.name() {
                "actor" => is_name_of(field, header.actor),
                "subject" => is_name_of(field, header.subject),
                "cost" => is_cost(field, header.cost),
                _ => continue,
            };
            if !agrees {
                return Judged::Fail(format!(
                    "event {}: the field {:?} says something else than the header",
                    event.seq,
                    field.name()
                ));
            }
            compared += 1;
        }
    }
    Judged::Pass(match compared {
        0 => "no field that repeats the header is shown".into(),
        _ => format!(
            "{} compared with the headers, all agree",
            count(compared, "field")
        ),
    })
}

fn is_name_of(field: &Field, id: NameId) -> bool {
    field
        .value()
        .and_then(|value| value.as_text())
        .is_some_and(|name| NameId::of(name) == id)
}

/// The header's micro-units, or null where the header has them as unknown.
fn is_cost(field: &Field, cost: Option<u64>) -> bool {
    field.value().is_some_and(|value| match cost {
        Some(cost) => value.as_u64() == Some(cost),
        None => value.is_null(),
    })
}

/// Every blob is the one that a field refers to, of the length that the field gives.
fn judge_blobs(shown: &Disclosures, counts: &mut ShownCounts) -> Judged {
    let mut wanted = BTreeMap::new();
    for (seq, field) in shown.fields() {
        let Some(reference) = field.blob() else {
            continue;
        };
        let bytes = shown.blobs.get(&reference.digest);
        if let Some(bytes) = bytes
            && bytes.len() as u64 != reference.size
        {
            return Judged::Fail(format!(
                "event {seq}, field {:?}: the blob is said to be {} bytes long, but {} hashes to \
                 {} bytes",
                field.name(),
                reference.size,
                reference.digest,
                bytes.len()
            ));
        }
        wanted.insert(reference.digest, bytes.is_some());
    }
    counts.blobs = shown.blobs.len() as u64;
    counts.withheld_blobs = wanted.values().filter(|shown| !**shown).count() as u64;
    Judged::Pass(match wanted.len() {
        0 => "no field that is shown refers to a blob".into(),
        all => format!(
            "{} shown of {all} that fields refer to",
            count(counts.blobs, "blob")
        ),
    })
}

fn requirement(require: Disclosure) -> &'static str {
    match require {
        Disclosure::None => "nothing to be shown",
        Disclosure::Headers => "every event to be shown",
        Disclosure::All => "every event, field and blob to be shown",
    }
}

/// Whether as much is shown as the policy requires; `None` when it requires nothing.
fn judge_disclosure(
    require: Disclosure,
    manifest: &Manifest,
    counts: &ShownCounts,
) -> Option<Judged> {
    let size = manifest.size;
    let mut missing = Vec::new();
    if counts.events != size {
        missing.push(format!(
            "{} of {size} events",
            size.saturating_sub(counts.events)
        ));
    }
    match require {
        Disclosure::None => return None,
        Disclosure::Headers => {}
        Disclosure::All => {
            if counts.opened_events != counts.events {
                let closed = counts.events - counts.opened_events;
                missing.push(format!("the bodies of {}", count(closed, "event")));
            }
            if counts.withheld_fields > 0 {
                missing.push(count(counts.withheld_fields, "field"));
            }
            if counts.erased_fields > 0 {
                missing.push(format!(
                    "{} that were erased",
                    count(counts.erased_fields, "field")
                ));
            }
            if counts.sealed_fields > 0 {
                missing.push(format!(
                    "{} that are sealed",
                    count(counts.sealed_fields, "field")
                ));
            }
            if counts.withheld_blobs > 0 {
                missing.push(count(counts.withheld_blobs, "blob"));
            }
        }
    }
    let required = requirement(require);
    Some(if missing.is_empty() {
        Judged::Pass(format!("the policy requires {required}, and it is"))
    } else {
        let missing = missing.join(", ");
        Judged::NotChecked(format!(
            "the policy requires {required}, but these are withheld: {missing}"
        ))
    })
}
