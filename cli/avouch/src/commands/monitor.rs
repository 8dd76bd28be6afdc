//! `avouch monitor`

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use avouch::cose::NoteKey;
use avouch::http::Client;
use avouch::log::{Caught, Folder, LogSource, Look, NewEntry, Web};
use serde_json::json;

use super::{FAILS, Global, HOLDS};
use crate::args::Monitor;
use crate::output;

pub(crate) fn run(global: &Global, args: &Monitor) -> anyhow::Result<u8> {
    let key: NoteKey = match &args.key {
        Some(key) => key.parse().context("--key")?,
        None => global.home()?.ledger().identity().note_key()?,
    };
    let is_url = args.log.starts_with("http://") || args.log.starts_with("https://");
    let source: Box<dyn LogSource> = match is_url {
        true => Box::new(Web::new(&args.log, Client::default())),
        false => Box::new(Folder::new(&args.log)),
    };
    let mut monitor = avouch::log::Monitor::open(source, key, &args.state)?;
    loop {
        match look(&mut monitor, args) {
            Ok(HOLDS) if !args.once => {}
            // What cannot be read now may be there the next time; what is wrong stays wrong.
            Err(error) if !args.once && is_passing(&error) => {
                eprintln!("avouch: {}", avouch::printable(&format!("{error:#}")));
            }
            ended => return ended,
        }
        thread::sleep(Duration::from_secs(args.every.max(1)));
    }
}

fn look(
    monitor: &mut avouch::log::Monitor<Box<dyn LogSource>>,
    args: &Monitor,
) -> anyhow::Result<u8> {
    let mut shown = Ok(());
    let look = monitor.look(&mut |entry| {
        if shown.is_ok() {
            shown = show(&entry, args);
        }
        Ok(())
    });
    let look = match look {
        Ok(look) => look,
        Err(error @ avouch::Error::Published { .. }) => {
            report(args, "wrong", &error.to_string(), None)?;
            return Ok(FAILS);
        }
        Err(error) => return Err(error.into()),
    };
    shown?;
    match look {
        Look::Followed {
            before,
            checkpoint,
            unseen,
        } => {
            let (size, origin) = (checkpoint.size, &checkpoint.origin);
            match args.json {
                true => output::line(
                    json!({
                        "event": "followed", "origin": origin, "before": before.0, "size": size.0,
                        "entries_unseen": unseen, "root": checkpoint.root.to_string(),
                    })
                    .to_string(),
                )?,
                false => output::line(format!(
                    "{}: followed from {before} to {size}, every step checked",
                    avouch::printable(origin)
                ))?,
            }
            if unseen > 0 && !args.json {
                output::line(format!(
                    "{unseen} new entries whose statements are not published: who issued them cannot be seen"
                ))?;
            }
            Ok(HOLDS)
        }
        Look::Forked(caught) => {
            let why = match &caught.evidence {
                Some(evidence) => format!("the log has forked: {evidence}"),
                None => "the log has forked".into(),
            };
            caught_out(args, "forked", &why, &caught)
        }
        Look::WentBack(caught) => {
            let why = "the log went back: it publishes a smaller tree than it did";
            caught_out(args, "went-back", why, &caught)
        }
    }
}

/// Writes both notes beside the state, as evidence that can be shown to others.
fn caught_out(args: &Monitor, event: &str, why: &str, caught: &Caught) -> anyhow::Result<u8> {
    for (name, note) in [("seen", &caught.seen), ("published", &caught.published)] {
        let mut path = args.state.clone().into_os_string();
        path.push(format!(".{name}.note"));
        avouch::write_file(Path::new(&path), note.to_string().as_bytes())?;
    }
    report(args, event, why, Some(caught))?;
    Ok(FAILS)
}

fn report(args: &Monitor, event: &str, why: &str, caught: Option<&Caught>) -> anyhow::Result<()> {
    if args.json {
        let note = |note: fn(&Caught) -> String| caught.map(note);
        return output::line(
            json!({
                "event": event, "why": why,
                "seen": note(|caught| caught.seen.to_string()),
                "published": note(|caught| caught.published.to_string()),
            })
            .to_string(),
        );
    }
    output::line(format!("ALARM: {}", avouch::printable(why)))?;
    if let Some(caught) = caught {
        let state = args.state.display();
        output::line(format!(
            "both notes, as the log signed them: {state}.seen.note, {state}.published.note"
        ))?;
        output::line(format!(
            "--- seen\n{}--- published\n{}",
            caught.seen, caught.published
        ))?;
    }
    Ok(())
}

fn show(entry: &NewEntry<'_>, args: &Monitor) -> anyhow::Result<()> {
    let Some(statement) = entry.statement else {
        return Ok(());
    };
    let issuer = statement.issuer();
    if !args.issuers.is_empty() && !args.issuers.iter().any(|watched| watched == issuer) {
        return Ok(());
    }
    if args.json {
        return output::line(
            json!({
                "event": "entry", "index": entry.index.0, "issuer": issuer,
                "subject": statement.subject(), "issued_at_s": statement.issued_at(),
                "key_id": statement.key_id().map(hex::encode),
                "statement_id": statement.statement_id().to_string(),
            })
            .to_string(),
        );
    }
    let signed = match statement.issued_at() {
        Some(at) => format!("signed {}", avouch::time_text(at.saturating_mul(1000))),
        None => "signed at no stated time".into(),
    };
    output::line(avouch::printable(&format!(
        "entry {}: {issuer} ({}), {signed}, statement {}, not verified",
        entry.index,
        statement.subject(),
        statement.statement_id(),
    )))
}

/// Whether trying again may help.
fn is_passing(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<avouch::Error>(),
        Some(avouch::Error::Http(_) | avouch::Error::Io { .. })
    )
}
