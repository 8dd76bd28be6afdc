//! `avouch ingest`

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use anyhow::Context;
use avouch::Home;
use avouch::importers::{Options, Outcome};
use serde_json::{Value, json};

use super::{Global, HOLDS};
use crate::args::Ingest;
use crate::output;

pub(crate) fn run(global: &Global, args: &Ingest) -> anyhow::Result<u8> {
    let mut home = global.home()?;
    let mut all = Vec::new();
    // What was recorded before a file that is refused stays recorded, and is told.
    let done = args
        .files
        .iter()
        .try_for_each(|path| one_file(&mut home, args, path, &mut all));
    if args.output.json {
        output::json(&all)?;
    }
    done.map(|()| HOLDS)
}

fn one_file(
    home: &mut Home,
    args: &Ingest,
    path: &Path,
    all: &mut Vec<Value>,
) -> anyhow::Result<()> {
    let outcomes = if path.as_os_str() == "-" {
        one(home, args, "stdin", spool(io::stdin().lock())?)?
    } else {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        // A pipe cannot be read twice.
        let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let file = if regular { file } else { spool(file)? };
        one(home, args, &path.to_string_lossy(), file)?
    };
    outcomes
        .iter()
        .try_for_each(|outcome| report(path, outcome, args.output.json, all))
}

fn one(
    home: &mut Home,
    args: &Ingest,
    name: &str,
    input: impl Read + Seek,
) -> anyhow::Result<Vec<Outcome>> {
    let bar = output::byte_bar(name.to_owned());
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let options = Options {
        format: args.format,
        name: args.name.clone(),
        agent: args.agent.clone(),
        skip_bad: args.skip_bad,
        on_progress: Some(&progress),
        ..Options::default()
    };
    let outcomes = home.ingest(name, input, &options);
    bar.finish_and_clear();
    Ok(outcomes?)
}

fn report(path: &Path, outcome: &Outcome, json: bool, all: &mut Vec<Value>) -> anyhow::Result<()> {
    let file = path.to_string_lossy();
    if json {
        all.push(match outcome {
            Outcome::Ingested {
                name,
                events,
                records,
                skipped,
            } => json!({
                "file": file, "run": name, "new": true,
                "events": events, "records": records, "skipped": skipped,
            }),
            Outcome::AlreadyKnown(name) => json!({ "file": file, "run": name, "new": false }),
            _ => json!({ "file": file }),
        });
        return Ok(());
    }
    let text = match outcome {
        Outcome::Ingested {
            name,
            events,
            records,
            skipped,
        } => {
            let bad = if *skipped > 0 {
                format!(", {skipped} malformed")
            } else {
                String::new()
            };
            format!("{name}: {events} events from {records} records{bad}")
        }
        Outcome::AlreadyKnown(name) => format!("{name}: these bytes are known; nothing was done"),
        _ => return Ok(()),
    };
    output::line(avouch::printable(&text))
}

/// Copies what cannot be read twice into a nameless temporary file.
fn spool(mut input: impl Read) -> anyhow::Result<File> {
    let mut file = avouch::temporary_file()?;
    io::copy(&mut input, &mut file)?;
    file.flush()?;
    Ok(file)
}
