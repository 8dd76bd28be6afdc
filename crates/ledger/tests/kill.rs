//! `kill -9` at any moment loses nothing that was acknowledged, and leaves nothing half-written.
//!
//! This test binary runs itself as a child that writes, prints a line after each commit, and is killed.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use avouch_ledger::{Error, Ledger, RunIndex, State};
use avouch_merkle::{Digest, sha256};
use avouch_trace::Kind;
use common::*;

/// Tells the child what to do: task, ledger, and a number of its own.
const TASK: &str = "AVOUCH_LEDGER_TEST_CHILD";
/// How many events an import has.
const IMPORT: u64 = 40;

/// Not a test: what the child runs.
#[test]
#[ignore = "the other tests run it as a child process"]
fn child() {
    let task = std::env::var(TASK).expect("run by the other tests only");
    let [task, path, number] = task.splitn(3, '\n').collect::<Vec<_>>().try_into().unwrap();
    let number: u64 = number.parse().unwrap();
    match task {
        "create" => {
            Ledger::create(path, &identity()).unwrap();
            acknowledge("created");
        }
        "write" => write_for_ever(&Ledger::open(path).unwrap(), number),
        "seal" => seal_in_turn(&Ledger::open(path).unwrap(), number),
        other => panic!("{other}"),
    }
}

fn command(task: &str, path: &Path, number: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(TASK, format!("{task}\n{}\n{number}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Straight to the pipe: a line that was not written was not acknowledged.
fn acknowledge(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {line}").unwrap();
    out.flush().unwrap();
}

/// Records live, imports, and seals, over and over, until it is killed.
fn write_for_ever(ledger: &Ledger, number: u64) {
    for round in 0.. {
        record_live(ledger, number * 1000 + round);
        import(ledger, number * 1000 + 500 + round);
        let closed: Vec<RunIndex> = ledger
            .runs()
            .unwrap()
            .into_iter()
            .filter(|run| run.state == State::Closed)
            .map(|run| run.index)
            .collect();
        for sealed in seal(ledger, &closed).unwrap() {
            acknowledge(&format!(
                "seal {} {}",
                sealed.log_index, sealed.statement_id
            ));
        }
    }
}

/// One event per commit, in the run that an earlier child left open, or in a new one.
fn record_live(ledger: &Ledger, number: u64) {
    let open = ledger
        .runs()
        .unwrap()
        .into_iter()
        .find(|run| run.state == State::Open);
    let (run, size) = match open {
        Some(run) => (run.index, run.size),
        None => {
            let mut batch = ledger.batch().unwrap();
            let run = batch.new_run(&info(number, "live", "agent")).unwrap();
            batch.commit().unwrap();
            (run, 0)
        }
    };
    for seq in size..=5.max(size) {
        let kind = match seq {
            0 => Kind::RunStart,
            5.. => Kind::RunEnd,
            _ => Kind::Note,
        };
        let mut batch = ledger.batch().unwrap();
        let event = batch.append(run, &header(seq, kind), &body(seq)).unwrap();
        batch.commit().unwrap();
        let name = ledger.run(run).unwrap().info.name;
        acknowledge(&format!("event {name} {seq} {}", event.leaf()));
    }
}

/// A whole run, with a blob, in one commit.
fn import(ledger: &Ledger, number: u64) {
    let mut batch = ledger.batch().unwrap();
    let blob = batch.put_blob(&number.to_be_bytes().repeat(700)).unwrap();
    let run = add_run(
        &mut batch,
        &info(number, "import", "importer"),
        IMPORT,
        true,
    );
    let name = batch.name(run).unwrap();
    batch.commit().unwrap();
    acknowledge(&format!("import {name} {blob}"));
}

/// Runs a child and kills it after `delay`. Returns what it acknowledged.
fn run_and_kill(task: &str, path: &Path, number: u64, delay: Duration) -> Vec<String> {
    let mut child = command(task, path, number).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let lines = stdout.lines().map_while(Result::ok);
        lines
            .filter_map(|line| Some(line.split_once("ack ")?.1.to_owned()))
            .collect()
    });
    thread::sleep(delay);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let killed = output.status.code().is_none();
    let finished = task == "create" && output.status.success();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(killed || finished, "the child failed by itself: {stderr}");
    reader.join().unwrap()
}

/// What was acknowledged is there.
fn check(ledger: &Ledger, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["event", name, seq, leaf] => {
            let run = ledger.resolve(name).expect(line);
            let entry = ledger.event(&run, seq.parse().unwrap()).expect(line);
            assert_eq!(
                entry.event.leaf(),
                leaf.parse::<Digest>().unwrap(),
                "{line}"
            );
        }
        ["import", name, blob] => {
            assert_eq!(ledger.resolve(name).expect(line).size, IMPORT, "{line}");
            assert!(
                ledger.blob(&blob.parse().unwrap()).unwrap().is_some(),
                "{line}"
            );
        }
        ["seal", log_index, id] => {
            let logged = ledger
                .statement_by_id(&id.parse().unwrap())
                .unwrap()
                .expect(line);
            assert_eq!(logged.log_index.to_string(), log_index, "{line}");
        }
        _ => panic!("{line}"),
    }
}

/// Nothing is there by half.
fn check_whole(ledger: &Ledger) {
    for run in ledger.runs().unwrap() {
        if run.info.name.starts_with("import") {
            assert_eq!(run.size, IMPORT, "{}", run.info.name);
            assert_ne!(run.state, State::Open, "{}", run.info.name);
        }
    }
    let signed = ledger
        .checkpoint()
        .unwrap()
        .map(|signed| signed.checkpoint.size);
    assert_eq!(signed.unwrap_or_default(), ledger.log_size().unwrap());
    assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
}

/// Numbers that differ enough for delays.
fn random(seed: u64, below: u64) -> u64 {
    let digest = sha256(&[b"kill", &seed.to_be_bytes()]);
    u64::from_be_bytes(digest.0[..8].try_into().unwrap()) % below
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    const LEDGERS: u64 = 8;
    const KILLS: u64 = 30;
    let (mut kills, mut with_events, mut lines) = (0, 0, [0; 3]);
    for number in 0..LEDGERS {
        let (_folder, path, ledger) = new_ledger();
        drop(ledger);
        let mut acknowledged = Vec::new();
        for kill in 0..KILLS {
            let seed = number * KILLS + kill;
            // From before the child has begun until well after its first seal.
            let delay = Duration::from_micros(2_000 + random(seed, 80_000));
            let new = run_and_kill("write", &path, seed, delay);
            kills += 1;
            with_events += u64::from(!new.is_empty());
            let ledger = Ledger::open(&path).unwrap();
            new.iter().for_each(|line| check(&ledger, line));
            check_whole(&ledger);
            acknowledged.extend(new);
        }
        // Later kills lost nothing of the earlier ones either.
        let ledger = Ledger::open(&path).unwrap();
        acknowledged.iter().for_each(|line| check(&ledger, line));
        for (count, word) in lines.iter_mut().zip(["event", "import", "seal"]) {
            *count += acknowledged
                .iter()
                .filter(|line| line.starts_with(word))
                .count();
        }
    }
    assert!(kills >= 200);
    println!(
        "{kills} kills, {with_events} after an acknowledgement; events, imports, seals: {lines:?}"
    );
    // Otherwise the delays say nothing about this machine; a busy one is slow to begin.
    assert!(
        with_events >= kills / 4 && lines.iter().all(|count| *count > 20),
        "{lines:?}"
    );
}

#[test]
fn a_killed_creation_is_whole_or_says_that_it_was_interrupted() {
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let delay = Duration::from_micros(random(seed, 25_000));
        let acknowledged = run_and_kill("create", &path, seed, delay);
        match Ledger::open(&path) {
            Ok(ledger) => check_whole(&ledger),
            Err(_) if !acknowledged.is_empty() => panic!("an acknowledged ledger is lost"),
            Err(Error::NotALedger { why, .. }) => assert!(why.contains("interrupted"), "{why}"),
            Err(Error::Io { .. }) if !path.exists() => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// How many runs each of two processes makes and seals.
const TURNS: u64 = 15;

fn seal_in_turn(ledger: &Ledger, number: u64) {
    for turn in 0..TURNS {
        let run = closed_run(ledger, number * 1000 + turn, "run", "agent", 3);
        // Also what the other process has closed but not sealed yet.
        let mut runs: Vec<RunIndex> = ledger
            .runs()
            .unwrap()
            .into_iter()
            .filter(|run| run.state == State::Closed)
            .map(|run| run.index)
            .collect();
        runs.push(run);
        seal(ledger, &runs).unwrap();
    }
}

#[test]
fn two_processes_that_seal_at_once_do_not_fork_the_log() {
    let (_folder, path, ledger) = new_ledger();
    drop(ledger);
    let children = [1, 2].map(|number| command("seal", &path, number).spawn().unwrap());
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let report = fsck(&path);
    assert_eq!(report.finding, None);
    assert_eq!(report.counts.statements, 2 * TURNS);
    // One agent: one chain through all of them.
    let ledger = Ledger::open(&path).unwrap();
    let logged = |index: u64| ledger.statement_at(index.into()).unwrap().unwrap();
    for index in 1..2 * TURNS {
        let (before, after) = (logged(index - 1), logged(index));
        let previous = Some(before.statement.statement_id());
        let (before, after) = (before.manifest.unwrap(), after.manifest.unwrap());
        assert_eq!(after.previous, previous);
        assert_eq!(after.chain_start, before.chain_head);
    }
}

#[test]
fn a_wal_cut_at_any_byte_gives_a_state_that_was_committed() {
    let (folder, path, ledger) = new_ledger();
    // Closing moves the tables from the WAL into the file.
    drop(ledger);
    let ledger = Ledger::open(&path).unwrap();
    let mut committed = vec![0];
    for number in 0..12 {
        import(&ledger, number);
        committed.push(IMPORT * (number + 1));
        if number % 4 == 3 {
            let runs: Vec<RunIndex> = ledger.runs().unwrap().iter().map(|run| run.index).collect();
            seal(&ledger, &runs).unwrap();
        }
    }
    let file = std::fs::read(&path).unwrap();
    let wal = std::fs::read(folder.path().join("ledger.db-wal")).unwrap();
    let cuts = tempfile::tempdir().unwrap();
    let cut_path = cuts.path().join("ledger.db");
    let mut seen = Vec::new();
    for cut in (0..=wal.len()).rev().step_by(wal.len() / 300) {
        for leftover in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = std::fs::remove_file(cuts.path().join(leftover));
        }
        std::fs::write(&cut_path, &file).unwrap();
        std::fs::write(cuts.path().join("ledger.db-wal"), &wal[..cut]).unwrap();
        let ledger = Ledger::open(&cut_path).unwrap();
        check_whole(&ledger);
        let events = ledger.fsck(&mut |_| ()).unwrap().counts.events;
        assert!(committed.contains(&events), "{events}");
        seen.push(events);
    }
    assert_eq!(seen[0], *committed.last().unwrap());
    assert!(seen.is_sorted_by(|longer, shorter| longer >= shorter));
    seen.dedup();
    assert!(seen.len() > 8, "{seen:?}");
}
