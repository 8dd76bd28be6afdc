//! The standalone verifier: its size, and its CPU time on evidence that shows everything.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::child;
use crate::ledger::write_session;
use crate::table::{median, row, title};

const EVENTS: u64 = 1_000;
const RUNS: u32 = 40;

pub(crate) fn run() -> Result<()> {
    let avouch = child::build("avouch-cli", "avouch")?;
    let verifier = child::build("avouch-verify-cli", "avouch-verify")?;
    let folder = tempfile::tempdir()?;
    write_session(&folder.path().join("session.jsonl"), EVENTS)?;
    let setup: [&[&str]; 3] = [
        &["init"],
        &["ingest", "session.jsonl"],
        &["seal", "--all", "-o", "evidence", "--disclose", "all"],
    ];
    for arguments in setup {
        let mut command = Command::new(&avouch);
        command
            .arg("--home")
            .arg("home")
            .args(arguments)
            .current_dir(folder.path());
        child::run(&mut command)?;
    }
    let bundle = only_file(folder.path().join("evidence"))?;
    let trust = folder.path().join("home/trust.toml");

    let before = child::cpu_of_children();
    let mut walls = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        let status = Command::new(&verifier)
            .arg(&bundle)
            .arg("--trust")
            .arg(&trust)
            .stdout(Stdio::null())
            .status()?;
        walls.push(begun.elapsed());
        ensure!(status.success(), "avouch-verify: {status}");
    }
    let cpu = child::cpu_of_children()
        .zip(before)
        .map(|(after, before)| (after - before) / RUNS);

    let kilobytes = std::fs::metadata(&bundle)?.len() as f64 / 1e3;
    title(&format!(
        "avouch-verify, {EVENTS} events all shown in {kilobytes:.0} kB, {RUNS} runs"
    ));
    let cpu = cpu.map_or_else(
        || "unknown here".into(),
        |cpu| format!("{:.1} ms", cpu.as_secs_f64() * 1e3),
    );
    row("CPU time, mean", &cpu, Some("<= 50 ms"));
    row(
        "wall time, median",
        &format!("{:.1} ms", median(walls).as_secs_f64() * 1e3),
        None,
    );
    let size = std::fs::metadata(&verifier)?.len() as f64 / 1e6;
    row(
        "size of the stripped binary",
        &format!("{size:.2} MB"),
        Some("<= 4 MB"),
    );
    Ok(())
}

fn only_file(folder: PathBuf) -> Result<PathBuf> {
    let entry = std::fs::read_dir(&folder)?
        .next()
        .context("seal wrote no file")??;
    Ok(entry.path())
}
