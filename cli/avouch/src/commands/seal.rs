//! `avouch seal`

use avouch::Home;
use avouch::ledger::{Run, State};
use serde_json::json;

use super::{Global, HOLDS};
use crate::args::Seal;
use crate::output;

pub(crate) fn run(global: &Global, args: &Seal) -> anyhow::Result<u8> {
    // Ending a run writes an event, under the run's key.
    let mut home = match args.interrupted {
        true => global.reading_home()?,
        false => global.showing_home(&args.disclose)?,
    };
    let runs = chosen(&mut home, args)?;
    if args.disclose.shows_fields() {
        // Before anything is signed, not after.
        runs.iter()
            .try_for_each(|run| home.ledger().require_key(run.index))?;
    }
    let passphrase = global.passphrase_for(&home, args.key.as_deref())?;
    let signer = home.signer_with(args.key.as_deref(), passphrase.as_ref())?;
    // Before anything is sealed: what may not be shown is not sealed on the way to showing it.
    for run in &runs {
        home.check_release(run, &args.disclose)?;
    }
    let bar = output::counter("events committed to".into());
    let sealed = home.seal(&runs, &signer, &mut |progress| {
        bar.set_position(progress.done)
    });
    bar.finish_and_clear();
    let mut all = Vec::new();
    for (run, sealed) in runs.iter().zip(sealed?) {
        let path = home.write_bundle(run, &args.disclose, &signer, &args.output)?;
        let name = avouch::printable(&run.info.name);
        if args.json {
            all.push(json!({
                "run": run.info.id.to_string(), "name": run.info.name, "new": sealed.new,
                "log_index": sealed.log_index.0, "statement_id": sealed.statement_id.to_string(),
                "bundle": path.to_string_lossy(),
            }));
        } else {
            let was = if sealed.new { "sealed" } else { "was sealed" };
            let (index, events) = (sealed.log_index, run.size);
            output::line(format!(
                "{name}: {was}, {events} events, log #{index}, {}",
                path.display()
            ))?;
        }
    }
    if args.json {
        output::json(&all)?;
    }
    Ok(HOLDS)
}

/// The runs that were asked for. With `--interrupted`, those that are open are ended first.
fn chosen(home: &mut Home, args: &Seal) -> anyhow::Result<Vec<Run>> {
    let mut runs: Vec<Run> = if args.all {
        home.ledger().runs()?
    } else {
        args.runs
            .iter()
            .map(|name| home.ledger().resolve(name))
            .collect::<Result<_, _>>()?
    };
    if args.interrupted {
        for run in runs.iter_mut().filter(|run| run.state == State::Open) {
            home.close_interrupted(run)?;
            *run = home.ledger().run(run.index)?;
        }
    } else if args.all {
        let open = runs.iter().filter(|run| run.state == State::Open).count();
        if open > 0 {
            eprintln!("avouch: {open} open runs are left out; --interrupted ends and seals them");
        }
        runs.retain(|run| run.state != State::Open);
    }
    Ok(runs)
}
