//! `avouch fsck`

use serde_json::json;

use super::{FAILS, Global, HOLDS};
use crate::output;

pub(crate) fn run(global: &Global, as_json: bool) -> anyhow::Result<u8> {
    let home = global.checking_home()?;
    let bar = output::counter(String::new());
    let report = home.ledger().fsck(&mut |progress| {
        bar.set_message(progress.stage.to_string());
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    });
    bar.finish_and_clear();
    let report = report?;
    let finding = report.finding.as_ref().map(ToString::to_string);
    let counts = [
        ("runs", report.counts.runs),
        ("events", report.counts.events),
        ("fields", report.counts.fields),
        ("locked events", report.counts.locked),
        ("erased fields", report.counts.erased),
        ("blobs", report.counts.blobs),
        ("statements", report.counts.statements),
        ("nodes", report.counts.nodes),
        ("checkpoints", report.counts.checkpoints),
        ("cosignatures", report.counts.cosignatures),
        ("anchors", report.counts.anchors),
        ("registrations", report.counts.registrations),
        ("redactions", report.counts.redactions),
    ];
    if as_json {
        let checked: serde_json::Map<_, _> = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), json!(count)))
            .collect();
        output::json(
            &json!({ "holds": finding.is_none(), "first_wrong": finding, "checked": checked }),
        )?;
    } else {
        let checked: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let checked = checked.join(", ");
        output::line(match &finding {
            None => format!("holds: {checked}"),
            Some(finding) => {
                format!(
                    "DOES NOT HOLD: {}\nchecked before it: {checked}",
                    avouch::printable(finding)
                )
            }
        })?;
    }
    Ok(if finding.is_none() { HOLDS } else { FAILS })
}
