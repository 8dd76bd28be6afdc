//! Showing one event of many: how large the file is, and how long it takes with the command.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::child;
use crate::ledger::write_session;
use crate::table::{median, row, title};

const EVENTS: u64 = 100_000;
const ROUNDS: u32 = 20;

pub(crate) fn run() -> Result<()> {
    let avouch = child::build("avouch-cli", "avouch")?;
    let verifier = child::build("avouch-verify-cli", "avouch-verify")?;
    let folder = tempfile::tempdir()?;
    write_session(&folder.path().join("session.jsonl"), EVENTS)?;
    let command = |program: &std::path::Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("AVOUCH_HOME", folder.path().join("home"))
            .stdout(Stdio::null());
        command
    };
    for arguments in [
        &["init"][..],
        &["ingest", "session.jsonl", "--name", "session"],
        &["seal", "--all", "-o", "evidence"],
    ] {
        child::run(&mut command(&avouch, arguments))?;
    }
    title(&format!("disclosing 1 of {EVENTS} events, {ROUNDS} runs"));
    let one = folder.path().join("one.avouch");
    let show = [
        "disclose",
        "session",
        "--select",
        "seq=77777",
        "-o",
        "one.avouch",
    ];
    let mut walls = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let status = command(&avouch, &show).status()?;
        walls.push(begun.elapsed());
        ensure!(status.success(), "avouch disclose: {status}");
    }
    let wall = median(walls).as_secs_f64() * 1e3;
    row(
        "wall time of the command, median",
        &format!("{wall:.1} ms"),
        Some("<= 100 ms"),
    );
    let bytes = std::fs::metadata(&one)?.len();
    row(
        "size of the file",
        &format!("{bytes} bytes"),
        Some("<= 10000 bytes"),
    );
    let begun = Instant::now();
    let by_kind = [
        "disclose",
        "session",
        "--select",
        "kind=run-end",
        "-o",
        "end.avouch",
    ];
    child::run(&mut command(&avouch, &by_kind))?;
    let wall = begun.elapsed().as_secs_f64() * 1e3;
    row(
        "the same by kind, which reads every header",
        &format!("{wall:.1} ms"),
        None,
    );
    child::run(&mut command(
        &verifier,
        &["one.avouch", "--trust", "home/trust.toml"],
    ))?;
    Ok(())
}
