//! `avouch redact`

use avouch::Target;
use avouch::ledger::{Erased, Run};
use clap::Args;
use serde_json::json;

use super::{Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Redact {
    /// The run: name, id, or the first digits of its id
    #[arg(value_name = "RUN")]
    run: String,
    /// The event that holds the value
    #[arg(long, value_name = "N")]
    event: u64,
    /// The field that holds it
    #[arg(long, value_name = "NAME")]
    field: String,
    /// Why: it is signed, and public in the log
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    reason: Option<String>,
    /// Who had it done, public too; the issuer when absent
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Only say what would be erased
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, args: &Redact) -> anyhow::Result<u8> {
    let mut home = global.reading_home()?;
    let run = home.ledger().resolve(&args.run)?;
    let targets = home.find_value(&run, args.event, &args.field)?;
    let reason = args.reason.as_deref().filter(|_| !args.dry_run);
    let Some(reason) = reason else {
        return planned(&run, &targets, args.json);
    };
    let passphrase = global.passphrase_for(&home, None)?;
    let signer = home.signer(passphrase.as_ref())?;
    let erased = home.redact(&run, &targets, args.by.as_deref(), reason, &signer)?;
    report(&run, &targets, &erased, args.json)
}

fn planned(run: &Run, targets: &[Target], as_json: bool) -> anyhow::Result<u8> {
    if as_json {
        output::json(
            &json!({ "run": run.info.id.to_string(), "erased": false, "fields": fields(targets) }),
        )?;
    } else {
        let name = avouch::printable(&run.info.name);
        output::line(format!("{name}: would erase {} fields", targets.len()))?;
        list(targets)?;
    }
    Ok(HOLDS)
}

fn report(run: &Run, targets: &[Target], erased: &Erased, as_json: bool) -> anyhow::Result<u8> {
    if as_json {
        let shared: Vec<_> = erased
            .shared
            .iter()
            .map(|blob| json!({ "blob": blob.digest.to_string(), "run": blob.run, "event": blob.seq, "field": blob.field }))
            .collect();
        output::json(&json!({
            "run": run.info.id.to_string(), "erased": true, "fields": fields(targets),
            "blobs": erased.blobs, "still_held": shared,
            "log_index": erased.log_index.0, "statement_id": erased.statement_id.to_string(),
        }))?;
        return Ok(HOLDS);
    }
    output::line(format!(
        "{}: erased {} fields and {} blobs; the log says so at #{}",
        avouch::printable(&run.info.name),
        targets.len(),
        erased.blobs,
        erased.log_index
    ))?;
    list(targets)?;
    for blob in &erased.shared {
        eprintln!(
            "avouch: blob {} stays: run {} event {} field {} holds it too",
            blob.digest,
            avouch::printable(&blob.run),
            blob.seq,
            avouch::printable(&blob.field)
        );
    }
    eprintln!(
        "Not reached: bundles that were given out, escrowed shares and what they open, the files that the run \
         was imported from, backups, and what a disk or file system keeps of overwritten blocks."
    );
    Ok(HOLDS)
}

fn list(targets: &[Target]) -> anyhow::Result<()> {
    targets.iter().try_for_each(|target| {
        output::line(format!(
            "  event {} field {}: {}",
            target.seq,
            avouch::printable(&target.name),
            target.why.text()
        ))
    })
}

fn fields(targets: &[Target]) -> Vec<serde_json::Value> {
    targets
        .iter()
        .map(
            |target| json!({ "event": target.seq, "field": target.name, "why": target.why.text() }),
        )
        .collect()
}
