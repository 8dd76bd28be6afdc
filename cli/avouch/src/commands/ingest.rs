//! `avouch ingest`

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use avouch::importers::{Options, Outcome, SourceKey};
use avouch::{Home, ScanMode, Scanner};
use serde_json::{Value, json};

use super::{Global, HOLDS};
use crate::args::{Ingest, Scan};
use crate::output;

pub(crate) fn run(global: &Global, args: &Ingest) -> anyhow::Result<u8> {
    let mut home = global.home()?;
    set_scanner(&mut home, args)?;
    let mut all = Vec::new();
    // What was recorded before a file that is refused stays recorded, and is told.
    let done = args
        .files
        .iter()
        .try_for_each(|path| one_file(&mut home, args, path, &mut all));
    tell_hits(&home, args.scan);
    if args.output.json {
        output::json(&all)?;
    }
    done.map(|()| HOLDS)
}

fn set_scanner(home: &mut Home, args: &Ingest) -> anyhow::Result<()> {
    let mode = match args.scan {
        Scan::Off => return Ok(()),
        Scan::Warn => ScanMode::Warn,
        Scan::Redact => ScanMode::Redact,
    };
    let scanner = match &args.scan_rules {
        None => Scanner::builtin()?,
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Scanner::with_toml(&text).with_context(|| path.display().to_string())?
        }
    };
    home.set_scanner(scanner, mode);
    Ok(())
}

/// Says what the scanner found; never what it was.
fn tell_hits(home: &Home, scan: Scan) {
    let report = home.scan_report();
    if report.events == 0 {
        return;
    }
    let rules: Vec<String> = report
        .hits
        .iter()
        .map(|(rule, count)| format!("{rule} {count}"))
        .collect();
    let what = match scan {
        Scan::Redact => "redacted before recording",
        _ => "WARNING: recorded as they are (--scan redact takes them out)",
    };
    let (events, rules) = (report.events, rules.join(", "));
    eprintln!("avouch: possible secrets in {events} events: {rules}; {what}");
}

fn one_file(
    home: &mut Home,
    args: &Ingest,
    path: &Path,
    all: &mut Vec<Value>,
) -> anyhow::Result<()> {
    let input = Input::open(path)?;
    let name = input.name(path);
    let bar = output::byte_bar(name.clone());
    let progress = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let options = Options {
        format: args.format,
        name: args.name.clone(),
        agent: args.agent.clone(),
        skip_bad: args.skip_bad,
        strict_source: args.strict_source,
        source_keys: source_keys(&args.source_keys)?,
        on_progress: Some(&progress),
        ..Options::default()
    };
    let outcomes = match input {
        Input::File => home.ingest_file(path, &options),
        Input::Spooled(file) => home.ingest(&name, file, &options),
    };
    bar.finish_and_clear();
    let outcomes = outcomes?;
    outcomes
        .iter()
        .try_for_each(|outcome| report(path, outcome, args.output.json, all))
}

/// Where an input's bytes are.
pub(super) enum Input {
    /// In the file that was named.
    File,
    /// In a nameless copy, because a pipe cannot be read twice.
    Spooled(File),
}

impl Input {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return spool(io::stdin().lock()).map(Self::Spooled);
        }
        let metadata = fs::metadata(path).with_context(|| path.display().to_string())?;
        if metadata.is_file() {
            return Ok(Self::File);
        }
        let file = File::open(path).with_context(|| path.display().to_string())?;
        spool(file).map(Self::Spooled)
    }

    pub(super) fn name(&self, path: &Path) -> String {
        match path.as_os_str() == "-" {
            true => "stdin".to_owned(),
            false => path.to_string_lossy().into_owned(),
        }
    }
}

/// Reads the files with the source system's public keys.
pub(super) fn source_keys(files: &[PathBuf]) -> anyhow::Result<Vec<SourceKey>> {
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        text.parse().with_context(|| file.display().to_string())
    };
    files.iter().map(read).collect()
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
                source_held,
            } => json!({
                "file": file, "run": name, "new": true, "events": events, "records": records,
                "skipped": skipped, "source_held": source_held,
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
            source_held,
        } => {
            let bad = if *skipped > 0 {
                format!(", {skipped} malformed")
            } else {
                String::new()
            };
            let source = match source_held {
                Some(true) => "; the source's own integrity holds",
                Some(false) => {
                    "; the source's own integrity does NOT hold (see avouch audit-source)"
                }
                None => "",
            };
            format!("{name}: {events} events from {records} records{bad}{source}")
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
