//! `avouch disclose`

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use avouch::{Recipient, Selection};
use clap::Args;
use serde_json::json;

use super::{Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Disclose {
    /// A sealed run: name, id, or the first digits of its id
    #[arg(value_name = "RUN")]
    run: String,
    /// What to show: all, headers, none, or clauses such as
    /// 'kind=tool-call|tool-result field=input; seq=0..3 headers'
    #[arg(long, value_name = "EXPR", required_unless_present = "select_file")]
    select: Option<Selection>,
    /// The same in TOML, for names that have spaces in them
    #[arg(long, value_name = "FILE", conflicts_with = "select")]
    select_file: Option<PathBuf>,
    /// Encrypt the field values to this age recipient (age1...; may be given more than once): anyone can verify
    /// the file, and only they read the values
    #[arg(long = "to", value_name = "AGE1")]
    recipients: Vec<Recipient>,
    /// The evidence file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, args: &Disclose) -> anyhow::Result<u8> {
    let selection = match (&args.select, &args.select_file) {
        (Some(selection), _) => selection.clone(),
        (None, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Selection::from_toml(&text).with_context(|| path.display().to_string())?
        }
        (None, None) => bail!("say what to show: --select or --select-file"),
    };
    let home = global.showing_home(&selection)?;
    let run = home.ledger().resolve(&args.run)?;
    let passphrase = global.passphrase_for(&home, None)?;
    let signer = home.signer(passphrase.as_ref())?;
    let bundle = match args.recipients.is_empty() {
        true => home.bundle(&run, &selection, &signer)?,
        false => home.bundle_to(&run, &selection, &args.recipients, &signer)?,
    };
    let (events, fields, sealed) = bundle.disclosures.as_ref().map_or((0, 0, 0), |shown| {
        let fields = shown.fields().filter(|(_, field)| !field.name().is_empty());
        let openings = shown
            .events
            .iter()
            .filter_map(|event| event.openings.as_ref());
        let sealed = openings.map(|openings| openings.sealed.len()).sum();
        (shown.events.len(), fields.count(), sealed)
    });
    let bytes = bundle.encode().context("the bundle cannot be written")?;
    avouch::write_file(&args.output, &bytes)?;
    if args.json {
        output::json(&json!({
            "run": run.info.id.to_string(), "name": run.info.name,
            "bundle": args.output.to_string_lossy(), "bytes": bytes.len(),
            "events": run.size, "shown_events": events, "shown_fields": fields,
            "sealed_fields": sealed,
        }))?;
    } else {
        output::line(format!(
            "{}: {events} of {} events and {fields} fields shown{}, {} bytes, {}",
            avouch::printable(&run.info.name),
            run.size,
            match sealed {
                0 => String::new(),
                count => format!(", {count} sealed"),
            },
            bytes.len(),
            args.output.display()
        ))?;
    }
    Ok(HOLDS)
}
