//! `avouch log`

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context, bail};
use avouch::cose::{ConsistencyProof, Note, NoteKey};
use avouch::log::{Comparison, Folder, Hints, LogSource, Point, compare};
use avouch::merkle::TreeSize;
use serde_json::json;

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::args::{CheckFork, Consistency, Log, LogCheckpoint, LogFile, LogProof, Publish};
use crate::output;

pub(crate) fn run(global: &Global, command: &Log) -> anyhow::Result<u8> {
    match command {
        Log::Checkpoint(args) => checkpoint(global, args),
        Log::Key => key(global),
        Log::Proof(args) => proof(global, args),
        Log::Receipt(args) => receipt(global, args),
        Log::Publish(args) => publish(global, args),
        Log::Consistency(args) => consistency(global, args),
        Log::CheckFork(args) => check_fork(global, args),
        Log::Witness(args) => super::witness::ask(global, args),
    }
}

fn checkpoint(global: &Global, args: &LogCheckpoint) -> anyhow::Result<u8> {
    let signed = global.home()?.checkpoint(args.size.map(TreeSize))?;
    if args.json {
        let checkpoint = &signed.checkpoint;
        output::json(&json!({
            "origin": checkpoint.origin, "size": checkpoint.size.0,
            "root": checkpoint.root.to_string(), "note": signed.note,
        }))?;
    } else {
        io::stdout().lock().write_all(signed.note.as_bytes())?;
    }
    Ok(HOLDS)
}

fn key(global: &Global) -> anyhow::Result<u8> {
    let key = global.home()?.ledger().identity().note_key()?;
    output::line(key.to_string())?;
    Ok(HOLDS)
}

fn proof(global: &Global, args: &LogProof) -> anyhow::Result<u8> {
    let home = global.home()?;
    let run = home.ledger().resolve(&args.run)?;
    let proof = home.log_proof(&run, args.statement)?;
    write(&args.output, proof.to_string().as_bytes())
}

fn receipt(global: &Global, args: &LogFile) -> anyhow::Result<u8> {
    let home = global.home()?;
    let run = home.ledger().resolve(&args.run)?;
    let passphrase = global.passphrase_for(&home, None)?;
    let receipt = home.log_receipt(&run, &home.signer(passphrase.as_ref())?)?;
    write(&args.output, receipt.as_bytes())
}

fn publish(global: &Global, args: &Publish) -> anyhow::Result<u8> {
    let home = global.home()?;
    let cosigned = args.checkpoint.as_deref().map(read_note).transpose()?;
    let bar = output::counter("files written".into());
    let mut progress = |done| bar.set_position(done);
    let published = match args.rewrite {
        true => home.republish(&args.dir, &mut progress),
        false => home.publish(&args.dir, cosigned.as_ref(), &mut progress),
    };
    bar.finish_and_clear();
    let published = published?;
    if args.json {
        output::json(&json!({
            "before": published.before.0, "size": published.size.0,
            "files": published.files, "removed": published.removed,
        }))?;
    } else {
        output::line(format!(
            "{}: size {} (before: {}), {} files written, {} partial tiles removed",
            args.dir.display(),
            published.size,
            published.before,
            published.files,
            published.removed
        ))?;
    }
    Ok(HOLDS)
}

fn consistency(global: &Global, args: &Consistency) -> anyhow::Result<u8> {
    let home = global.home()?;
    let proof = match home.log_consistency(&point(&args.old)?, &point(&args.new)?) {
        Err(error @ avouch::Error::OtherHistory { .. }) => {
            output::line(format!("DOES NOT HOLD: {error}"))?;
            return Ok(FAILS);
        }
        proof => proof?,
    };
    if let Some(file) = &args.receipt {
        let passphrase = global.passphrase_for(&home, None)?;
        let signer = home.signer(passphrase.as_ref())?;
        let receipt = home.consistency_receipt(&proof, &signer)?;
        write(file, receipt.as_bytes())?;
    }
    match &args.output {
        Some(file) => write(file, proof.to_string().as_bytes()),
        None => {
            io::stdout()
                .lock()
                .write_all(proof.to_string().as_bytes())?;
            Ok(HOLDS)
        }
    }
}

fn check_fork(global: &Global, args: &CheckFork) -> anyhow::Result<u8> {
    let key: NoteKey = match &args.key {
        Some(key) => key.parse().context("--key")?,
        None => global.home()?.ledger().identity().note_key()?,
    };
    let proof = args
        .proof
        .as_deref()
        .map(|file| {
            read_text(file)?
                .parse::<ConsistencyProof>()
                .context(named(file))
        })
        .transpose()?;
    let folder = args.log.as_ref().map(Folder::new);
    let hints = Hints {
        proof: proof.as_ref(),
        log: folder.as_ref().map(|folder| folder as &dyn LogSource),
    };
    let compared = compare(&read_note(&args.a)?, &read_note(&args.b)?, &key, &hints)?;
    let (answer, code) = match &compared {
        Comparison::Same => ("same".into(), HOLDS),
        Comparison::Grown => ("grown: the later extends the earlier".into(), HOLDS),
        Comparison::Forked(evidence) => (format!("FORKED: {evidence}"), FAILS),
        Comparison::Undecided => {
            let hint = "undecided: give a consistency proof (--proof) or the log's tiles (--log)";
            (hint.into(), ABSENT)
        }
    };
    output::line(answer)?;
    Ok(code)
}

/// A size in decimal, or a file with a checkpoint.
fn point(text: &str) -> anyhow::Result<Point> {
    match text.parse() {
        Ok(size) => Ok(Point::Size(TreeSize(size))),
        Err(_) => Ok(Point::Checkpoint(Box::new(read_note(Path::new(text))?))),
    }
}

fn read_note(path: &Path) -> anyhow::Result<Note> {
    read_text(path)?.parse().context(named(path))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let limit = avouch::cose::note::MAX_NOTE as u64;
    if fs::metadata(path).context(named(path))?.len() > 2 * limit {
        bail!("{}: too long to be a checkpoint or a proof", path.display());
    }
    fs::read_to_string(path).context(named(path))
}

fn named(path: &Path) -> String {
    path.display().to_string()
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<u8> {
    avouch::write_file(path, bytes)?;
    Ok(HOLDS)
}
