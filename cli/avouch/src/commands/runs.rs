//! `avouch runs` and `avouch show`

use std::path::Path;

use anyhow::{Context, bail};
use avouch::ledger::{Run, State};
use avouch::{BundleView, EventView};
use serde_json::{Value, json};

use super::{Global, HOLDS};
use crate::args::Show;
use crate::output;

pub(crate) fn list(global: &Global, as_json: bool) -> anyhow::Result<u8> {
    let runs = global.home()?.ledger().runs()?;
    if as_json {
        output::json(&runs.iter().map(run_json).collect::<Vec<_>>())?;
        return Ok(HOLDS);
    }
    let width = runs
        .iter()
        .map(|run| run.info.name.chars().count())
        .max()
        .unwrap_or(0);
    for run in &runs {
        let name = avouch::printable(&run.info.name);
        output::line(format!(
            "{}  {name:<width$}  {:>9} events  {:<8} {:<12} {}",
            &run.info.id.to_string()[..8],
            run.size,
            state(run),
            run.info.source.format,
            avouch::printable(&run.info.agent),
        ))?;
    }
    Ok(HOLDS)
}

fn state(run: &Run) -> String {
    match run.state {
        State::Sealed { log_index } => format!("log #{log_index}"),
        other => other.name().to_owned(),
    }
}

fn run_json(run: &Run) -> Value {
    let info = &run.info;
    let log_index = match run.state {
        State::Sealed { log_index } => Some(log_index.0),
        _ => None,
    };
    json!({
        "id": info.id.to_string(), "name": info.name, "agent": info.agent, "mode": info.mode.name(),
        "currency": info.currency, "format": info.source.format,
        "source_integrity": info.source.integrity, "events": run.size, "state": run.state.name(),
        "log_index": log_index,
    })
}

pub(crate) fn show(global: &Global, args: &Show) -> anyhow::Result<u8> {
    let path = Path::new(&args.what);
    if path.is_file() {
        return show_bundle(global, path, args);
    }
    let home = global.reading_home()?;
    let run = home.ledger().resolve(&args.what)?;
    if let Some(seq) = args.event {
        return one_event(&home.event(&run, seq)?, args.output.json);
    }
    if args.output.json {
        let events = home.events(&run).collect::<Result<Vec<_>, _>>()?;
        output::json(&json!({ "run": run_json(&run), "events": events }))?;
        return Ok(HOLDS);
    }
    output::line(format!(
        "run {} ({}), {} events, {}",
        avouch::printable(&run.info.name),
        run.info.id,
        run.size,
        state(&run)
    ))?;
    for event in home.events(&run) {
        output::line(event?.summary())?;
    }
    Ok(HOLDS)
}

fn show_bundle(global: &Global, path: &Path, args: &Show) -> anyhow::Result<u8> {
    let mut bundle = BundleView::read(path)?;
    if bundle.is_sealed()
        && let Some(identities) = global.identities()?
    {
        bundle
            .open(&identities)
            .with_context(|| path.display().to_string())?;
    }
    if let Some(output) = &args.output_bundle {
        avouch::write_file(output, &bundle.to_bytes()?)?;
    }
    let events = || bundle.events();
    if let Some(seq) = args.event {
        for event in events() {
            let event = event?;
            if event.seq == seq {
                return one_event(&event, args.output.json);
            }
        }
        bail!("{}: the bundle does not show event {seq}", path.display());
    }
    let (statement, manifest) = (&bundle.statement, &bundle.manifest);
    if args.output.json {
        let events = events().collect::<Result<Vec<_>, _>>()?;
        output::json(&json!({
            "verified": Value::Null,
            "statement_id": statement.statement_id().to_string(),
            "issuer": statement.issuer(), "issued_at": statement.issued_at(),
            "run": manifest.run.to_string(), "agent": manifest.agent, "mode": manifest.mode.name(),
            "size": manifest.size, "root": manifest.root.to_string(), "currency": manifest.currency,
            "format": manifest.source.format, "source_integrity": manifest.source.integrity,
            "events": events,
        }))?;
        return Ok(HOLDS);
    }
    eprintln!("What the file says, not verified; `avouch verify` checks it.");
    output::line(format!(
        "run {} of {}, {} events, by {}",
        manifest.run,
        avouch::printable(&manifest.agent),
        manifest.size,
        avouch::printable(statement.issuer()),
    ))?;
    let mut shown = 0;
    let mut next = 0;
    for event in events() {
        let event = event?;
        hidden(next, event.seq)?;
        output::line(event.summary())?;
        output::line(format!("        {}", event.coverage()))?;
        shown += 1;
        next = event.seq.saturating_add(1);
    }
    hidden(next, manifest.size)?;
    output::line(format!("{shown} of {} events are shown", manifest.size))?;
    Ok(HOLDS)
}

/// The events before `end` that are hidden: of them the bundle holds no more than hashes.
fn hidden(first: u64, end: u64) -> anyhow::Result<()> {
    match end.saturating_sub(first) {
        0 => Ok(()),
        1 => output::line(format!("{first:>6}  withheld")),
        count => {
            let last = end - 1;
            output::line(format!("{first:>6}  to {last}: {count} events withheld"))
        }
    }
}

fn one_event(event: &EventView, as_json: bool) -> anyhow::Result<u8> {
    if as_json {
        output::json(event)?;
    } else {
        output::line(event.to_string().trim_end())?;
    }
    Ok(HOLDS)
}
