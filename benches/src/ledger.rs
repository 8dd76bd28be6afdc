//! Ingesting and sealing a synthetic session of a million small events.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::child;
use crate::table::{row, title};

const EVENTS: u64 = 1_000_000;

pub(crate) fn run() -> Result<()> {
    let avouch = child::build("avouch-cli", "avouch")?;
    let folder = tempfile::tempdir()?;
    let session = folder.path().join("session.jsonl");
    write_session(&session, EVENTS)?;
    let bytes = std::fs::metadata(&session)?.len();

    let home = folder.path().join("home");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&avouch);
        command
            .arg("--home")
            .arg(&home)
            .args(arguments)
            .current_dir(folder.path());
        command
    };
    child::run(&mut command(&["init"]))?;
    let ingest = child::run(&mut command(&["ingest", "session.jsonl"]))?;
    let seal = child::run(&mut command(&["seal", "--all", "-o", "evidence"]))?;
    let fsck = child::run(&mut command(&["fsck"]))?;

    title(&format!(
        "ledger, {EVENTS} events with four fields each, {} MB of JSON lines",
        bytes / 1_000_000
    ));
    let rate = |seconds: f64| format!("{:.0} events/s", EVENTS as f64 / seconds);
    let both = ingest.wall + seal.wall;
    row("ingest", &rate(ingest.wall.as_secs_f64()), None);
    row("seal", &rate(seal.wall.as_secs_f64()), None);
    row(
        "ingest and seal",
        &rate(both.as_secs_f64()),
        Some(">= 25000 events/s (aim 50000)"),
    );
    row(
        "peak memory, ingest",
        &child::megabytes(ingest.peak),
        Some("<= 300 MB"),
    );
    row(
        "peak memory, seal",
        &child::megabytes(seal.peak),
        Some("<= 300 MB"),
    );
    row("fsck", &rate(fsck.wall.as_secs_f64()), None);
    row("peak memory, fsck", &child::megabytes(fsck.peak), None);
    let mut stored = 0;
    for entry in std::fs::read_dir(&home)? {
        stored += entry?.metadata()?.len();
    }
    row(
        "stored per event",
        &format!("{:.0} bytes", stored as f64 / EVENTS as f64),
        None,
    );
    Ok(())
}

/// Writes a session of `events` events, run-start and run-end included, in avouch's own JSON lines.
pub(crate) fn write_session(path: &Path, events: u64) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(
        out,
        r#"{{"avouch":1,"run":{{"name":"session","agent":"synthetic","currency":"USD"}}}}"#
    )?;
    let time = |n: u64| {
        let (seconds, millis) = (n / 100, n % 100 * 10);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let (day, hour) = (1 + hours / 24, hours % 24);
        format!("2026-09-{day:02}T{hour:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
    };
    writeln!(
        out,
        r#"{{"kind":"run-start","time":"{}","cost":0}}"#,
        time(0)
    )?;
    for n in 1..events.saturating_sub(1) {
        let kind = if n % 2 == 1 {
            "tool-call"
        } else {
            "tool-result"
        };
        writeln!(
            out,
            concat!(
                r#"{{"kind":"{}","time":"{}","actor":"agent:synthetic","subject":"tool:workspace/read_file","#,
                r#""cost":{},"parent":{},"fields":{{"path":"src/module_{}/file.py","lines":{},"ok":true,"digest":"{:016x}"}}}}"#
            ),
            kind,
            time(n),
            n % 977,
            n - 1,
            n % 89,
            n % 700,
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        )?;
    }
    writeln!(
        out,
        r#"{{"kind":"run-end","time":"{}","cost":0}}"#,
        time(events)
    )?;
    out.flush()?;
    Ok(())
}
