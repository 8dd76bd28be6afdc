//! The whole trace, when all of it is shown: its rules, and that root and chain cover it alike.

use avouch_bundle::Disclosures;
use avouch_trace::{Checker, Manifest};

use crate::judged::Judged;

/// Judges the trace where every event is shown. That the events are under the root is for the
/// caller to have checked.
pub(crate) fn judge(shown: &Disclosures, manifest: &Manifest) -> Judged {
    let events = &shown.events;
    if events.len() as u64 != manifest.size {
        return Judged::NotChecked(format!(
            "{} of {} events are withheld",
            manifest.size.saturating_sub(events.len() as u64),
            manifest.size
        ));
    }
    let mut checker = Checker::new();
    let mut chain = manifest.chain_start;
    for shown in events {
        if let Err(error) = checker.event(&shown.event) {
            return Judged::Fail(error.to_string());
        }
        chain = shown.event.chain(&chain);
    }
    if let Err(error) = checker.finish() {
        return Judged::Fail(error.to_string());
    }
    if chain != manifest.chain_head {
        return Judged::Fail(format!(
            "the chain over the events shown ends at {chain}, the manifest's at {}",
            manifest.chain_head
        ));
    }
    Judged::Pass("well formed; root and chain were shown to cover the same events".into())
}
