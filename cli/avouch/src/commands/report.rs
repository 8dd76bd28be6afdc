//! `avouch report`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use avouch::{Settlement, SettlementTotal, Settling, printable};
use clap::{Args, Subcommand};

use super::{ABSENT, Global, HOLDS};

#[derive(Subcommand)]
pub(crate) enum Report {
    /// The contribution and revenue ledger of sealed runs: each line names the signed event that it comes
    /// from. Exit codes: 0 it is whole; 3 a bundle withholds fields, so that contributions or payees may
    /// be missing
    Settlement(SettlementArgs),
}

#[derive(Args)]
pub(crate) struct SettlementArgs {
    /// Sealed runs (names, ids, or the first digits of ids), or bundles that show every event
    #[arg(required = true, value_name = "RUN|BUNDLE")]
    what: Vec<String>,
    /// Print one CSV table
    #[arg(long)]
    csv: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// The trust policy that bundles have to pass; the home's when absent
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, command: &Report) -> anyhow::Result<u8> {
    match command {
        Report::Settlement(args) => settlement(global, args),
    }
}

fn settlement(global: &Global, args: &SettlementArgs) -> anyhow::Result<u8> {
    let mut settling = Settling::default();
    // Opened at the first run, so that a passphrase is asked for once, and only if it is needed.
    let mut home = None;
    for what in &args.what {
        match Path::new(what) {
            path if path.is_file() => {
                let trust = match &args.trust {
                    Some(trust) => trust.clone(),
                    None => global.home()?.trust_path(),
                };
                settling.add_bundle(path, &avouch::read_policy(&trust)?)?;
            }
            _ => {
                let opened = match home.take() {
                    Some(opened) => opened,
                    None => global.reading_home()?,
                };
                settling.add_run(&opened, what)?;
                home = Some(opened);
            }
        }
    }
    let settlement = settling.finish()?;
    let bytes = match (args.csv, args.json) {
        (true, _) => settlement.to_csv()?,
        (_, true) => {
            let mut json = serde_json::to_vec_pretty(&settlement)?;
            json.push(b'\n');
            json
        }
        _ => summary(&settlement).into_bytes(),
    };
    match &args.output {
        Some(path) => avouch::write_file(path, &bytes)?,
        None => io::stdout().lock().write_all(&bytes)?,
    }
    if settlement.withheld > 0 {
        eprintln!(
            "avouch: {} events withhold fields: contributions and payees may be missing",
            settlement.withheld
        );
        return Ok(ABSENT);
    }
    Ok(HOLDS)
}

/// The sums, for people.
fn summary(settlement: &Settlement) -> String {
    let mut text = format!(
        "{} lines, in all {} {}",
        settlement.entries.len(),
        settlement.total,
        printable(&settlement.currency)
    );
    if settlement.unknown_costs > 0 {
        text += &format!(
            "; {} events do not say what they cost",
            settlement.unknown_costs
        );
    }
    text.push('\n');
    let lists = [
        ("spent", &settlement.spent),
        ("received", &settlement.received),
        ("contributed", &settlement.contributed),
    ];
    for (title, totals) in lists {
        for SettlementTotal {
            party,
            item,
            unit,
            sum,
            entries,
        } in totals
        {
            let word = |word: &Option<String>| printable(word.as_deref().unwrap_or("nobody"));
            let item = item
                .as_ref()
                .map_or(String::new(), |item| format!(" {}", printable(item)));
            let (party, unit) = (
                word(party),
                unit.as_deref().map_or(String::new(), printable),
            );
            text += &format!("  {title:<11} {party}{item}: {sum} {unit} ({entries} lines)\n");
        }
    }
    text
}
