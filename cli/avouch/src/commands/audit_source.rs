//! `avouch audit-source`

use avouch::importers::{self, Audited, Integrity, Options};
use serde_json::json;

use super::ingest::{Input, source_keys};
use super::{FAILS, HOLDS};
use crate::args::AuditSource;
use crate::output;

pub(crate) fn run(args: &AuditSource) -> anyhow::Result<u8> {
    let options = Options {
        format: args.format,
        skip_bad: args.skip_bad,
        source_keys: source_keys(&args.source_keys)?,
        ..Options::default()
    };
    let input = Input::open(&args.file)?;
    let name = input.name(&args.file);
    let audited = match input {
        Input::File => importers::audit_file(&args.file, &options)?,
        Input::Spooled(file) => importers::audit(&name, file, &options)?,
    };
    if args.output.json {
        print_json(&name, &audited)?;
    } else {
        print(&name, &audited)?;
    }
    let held = audited.integrity.and_then(|integrity| integrity.held);
    Ok(if held == Some(false) { FAILS } else { HOLDS })
}

fn print_json(name: &str, audited: &Audited) -> anyhow::Result<()> {
    let integrity = audited.integrity.clone().unwrap_or_default();
    let findings = integrity.findings.iter().map(|finding| {
        let place = finding.place.map(|place| place.to_string());
        json!({ "place": place, "record": finding.record, "rule": finding.rule })
    });
    output::json(&json!({
        "file": name,
        "format": audited.format.name(),
        "held": integrity.held,
        "checked": integrity.checked,
        "broken": integrity.broken,
        "findings": findings.collect::<Vec<_>>(),
        "covers": integrity.covers,
        "does_not_cover": integrity.does_not_cover,
        "not_checked": integrity.not_checked,
    }))
}

fn print(name: &str, audited: &Audited) -> anyhow::Result<()> {
    let line = |text: String| output::line(avouch::printable(&text));
    line(format!("{name}: {}", audited.format))?;
    let Some(integrity) = &audited.integrity else {
        return line("This format has no integrity protection of its own.".to_owned());
    };
    line(verdict(integrity))?;
    for finding in &integrity.findings {
        line(format!("  BROKEN {finding}"))?;
    }
    let more = integrity.broken - integrity.findings.len() as u64;
    if more > 0 {
        line(format!("  ... and {more} more"))?;
    }
    let lists = [
        ("Its own integrity covers:", &integrity.covers),
        ("It does not cover:", &integrity.does_not_cover),
        ("Not checked here:", &integrity.not_checked),
    ];
    for (title, items) in lists {
        if !items.is_empty() {
            line(title.to_owned())?;
        }
        for item in items {
            line(format!("  - {item}"))?;
        }
    }
    Ok(())
}

fn verdict(integrity: &Integrity) -> String {
    let checked = integrity.checked;
    match integrity.held {
        Some(true) => {
            format!("Its own integrity holds: {checked} hashes, links and signatures recomputed.")
        }
        Some(false) => format!(
            "Its own integrity does NOT hold: {} broken, {checked} hashes, links and signatures recomputed.",
            integrity.broken
        ),
        None => "Nothing in it is protected by the system that made it.".to_owned(),
    }
}
