//! What the evidence does not show, said in every report.

use avouch_bundle::Disclosures;
use avouch_trace::Manifest;

use crate::dated::Dated;
use crate::report::{About, NotShown};
use crate::text::count;

/// How many stretches of withheld events are named before the rest is only counted.
const MAX_RANGES: usize = 8;

/// The list for one report. `proven` says whether the statement itself was.
pub(crate) fn list(
    about: Option<&About>,
    proven: bool,
    disclosures: Option<&Disclosures>,
    dated: Option<Dated>,
    claims_required: bool,
) -> Vec<NotShown> {
    let mut list = Vec::new();
    let mut add = |name, text: String| list.push(NotShown { name, text });
    if !proven {
        let text = "Anything that the statement says: who said it, or what it says, is not proven.";
        add("statement", text.into());
    }
    add(
        "truth",
        "That the record is true or that nothing was left out of it: it is what the issuer \
         vouches for."
            .into(),
    );
    let nobody = "Nothing outside the issuer dates this statement (no anchor, no witness).";
    let dated = match dated {
        Some(dated) => {
            let sentence = dated.sentence();
            let (first, rest) = sentence.split_at(1);
            let first = first.to_ascii_uppercase();
            format!("{first}{rest}; that it was made shortly before is not shown.")
        }
        None => nobody.into(),
    };
    add(
        "time",
        format!("When it happened: all times are the issuer's word. {dated}"),
    );
    add("claims", rules(about, claims_required));
    add(
        "revocation",
        "That the issuer's key is still good: revocations come from the trust policy, the state and the \
         bundle, and their absence proves nothing."
            .into(),
    );
    let Some(about) = about else {
        return list;
    };
    match &about.log {
        Some(log) if !log.witnesses.is_empty() => add(
            "log-history",
            format!(
                "That log {:?} shows everyone the same history, beyond the word of the witnesses \
                 that cosigned.",
                log.origin
            ),
        ),
        Some(log) => add(
            "log-history",
            format!(
                "That log {:?} shows everyone the same history: no listed witness has \
                 cosigned its checkpoint.",
                log.origin
            ),
        ),
        None => add(
            "log",
            "That the statement is at a known place in a trusted log.".into(),
        ),
    }
    if let Some(manifest) = &about.manifest {
        of_run(manifest, about, disclosures, &mut add);
    }
    list
}

/// The rules that a proof showed the run to have kept are all that it is known to have kept.
fn rules(about: Option<&About>, claims_required: bool) -> String {
    let proven = about.map_or(0, |about| {
        let claims = about.proven.iter().flat_map(|one| one.claims.as_slice());
        claims.count() as u64
    });
    match proven {
        0 if claims_required => {
            "That the run kept to any rule but those that the check `claims` passes on.".into()
        }
        0 => "That the run kept to any rule: no claim was asked for or proven.".into(),
        _ => format!(
            "That the run kept to any rule but the {} proven.",
            count(proven, "claim")
        ),
    }
}

fn of_run(
    manifest: &Manifest,
    about: &About,
    disclosures: Option<&Disclosures>,
    add: &mut impl FnMut(&'static str, String),
) {
    let shown = &about.shown;
    let withheld = manifest.size.saturating_sub(shown.events);
    if withheld > 0 {
        let which = ranges(manifest.size, disclosures);
        add(
            "withheld-events",
            format!("{withheld} of {} events: {which}.", manifest.size),
        );
    }
    let closed = shown.events.saturating_sub(shown.opened_events);
    if closed > 0 {
        add(
            "withheld-bodies",
            format!("The bodies of {} shown.", count(closed, "event")),
        );
    }
    if shown.withheld_fields > 0 {
        let fields = count(shown.withheld_fields, "field");
        let text = format!("{fields} of the events whose bodies are shown.");
        add("withheld-fields", text);
    }
    if shown.erased_fields > 0 {
        let fields = count(shown.erased_fields, "field");
        let text =
            format!("{fields} that the issuer says it erased; that no copy is left is its word.");
        add("erased-fields", text);
    }
    if shown.sealed_fields > 0 {
        let fields = count(shown.sealed_fields, "field");
        let text = format!(
            "{fields} that only chosen readers open: in their places, but whether what is encrypted gives them, only these readers see."
        );
        add("sealed-fields", text);
    }
    if shown.withheld_blobs > 0 {
        let blobs = count(shown.withheld_blobs, "blob");
        let text = format!("The content of {blobs} that shown fields refer to.");
        add("withheld-blobs", text);
    }
    if !about.root_and_chain_agree {
        add(
            "root-and-chain",
            "That root and chain cover the same events, which takes all events being shown, or a proof \
             that is about the chain too."
                .into(),
        );
    }
    if interrupted(manifest, disclosures) {
        let text = "What happened after the recording broke off: the run's last event says that \
                    it was interrupted.";
        add("interrupted", text.into());
    }
    if manifest.previous.is_some() {
        let text = "The agent's previous statement, where its chain comes from: it is not here.";
        add("previous", text.into());
    }
    if !manifest.parents.is_empty() {
        let runs = count(manifest.parents.len() as u64, "run");
        let text = format!("Where this run is said to come from: {runs}, not here.");
        add("parents", text);
    }
    match manifest.source.integrity {
        Some(true) => add(
            "source",
            "That the source's own integrity held when it was imported: this is the issuer's word."
                .into(),
        ),
        Some(false) => add(
            "source",
            "An unharmed source: the issuer says that the source's own integrity did NOT hold."
                .into(),
        ),
        None => {}
    }
}

/// Whether the run's end is shown, and says that recording was interrupted.
fn interrupted(manifest: &Manifest, disclosures: Option<&Disclosures>) -> bool {
    let last = disclosures.and_then(|shown| shown.events.last());
    last.filter(|shown| shown.seq == manifest.size.saturating_sub(1))
        .and_then(|shown| shown.event.header().ok())
        .is_some_and(|header| header.is_interrupted_end())
}

/// The withheld events as ranges, the first few of them.
fn ranges(size: u64, disclosures: Option<&Disclosures>) -> String {
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    let mut next = 0;
    let shown = disclosures
        .into_iter()
        .flat_map(|shown| &shown.events)
        .map(|shown| shown.seq);
    // Seqs ascend; one beyond the run has failed its check, and ends nothing here.
    for seq in shown.filter(|seq| *seq < size).chain([size]) {
        if seq > next {
            gaps.push((next, seq - 1));
        }
        next = seq + 1;
    }
    let named = gaps
        .iter()
        .take(MAX_RANGES)
        .map(|&(first, last)| match last - first {
            0 => first.to_string(),
            _ => format!("{first} to {last}"),
        });
    let mut text = named.collect::<Vec<_>>().join(", ");
    let rest: u64 = gaps
        .iter()
        .skip(MAX_RANGES)
        .map(|(first, last)| last - first + 1)
        .sum();
    if rest > 0 {
        text.push_str(&format!(" and {rest} more"));
    }
    text
}
