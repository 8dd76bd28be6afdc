//! `kill -9` while importing and sealing: what was acknowledged is there, what was not left no trace.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

const ROUNDS: u64 = 200;

fn avouch(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(avouch_tests::program("avouch"));
    command.args(args).current_dir(dir);
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn json(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&done(avouch(dir, args)).stdout).unwrap()
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(avouch(dir, &["init"]));
    let mut acknowledged = Vec::new();
    let mut sealed = 0;
    for round in 0..ROUNDS {
        // Several small runs, then a seal of them all, cut off somewhere.
        let files: Vec<String> = (0..4).map(|n| format!("r{round}-{n}.jsonl")).collect();
        for file in &files {
            let line = format!(
                "{{\"kind\":\"note\",\"time\":{},\"fields\":{{\"file\":\"{file}\"}}}}\n",
                round + 1
            );
            fs::write(
                dir.join(file),
                format!(
                    "{{\"avouch\":1,\"run\":{{\"agent\":\"a\"}}}}\n{}",
                    line.repeat(20)
                ),
            )
            .unwrap();
        }
        let mut args = vec!["ingest"];
        args.extend(files.iter().map(String::as_str));
        let sealing = round % 4 == 3;
        let args = if sealing {
            vec!["seal", "--all", "-o", "evidence"]
        } else {
            args
        };
        let mut child = avouch(dir, &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(round * 7_919 % 30_000));
        child.kill().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines: Vec<String> = lines.map_while(Result::ok).collect();
        child.wait().unwrap();
        match sealing {
            true => sealed += u64::from(!lines.is_empty()),
            false => acknowledged.extend(
                lines
                    .iter()
                    .map(|line| line.split(':').next().unwrap().to_owned()),
            ),
        }
        if round % 20 == 19 {
            assert_eq!(
                json(dir, &["fsck", "--json"])["holds"],
                true,
                "after round {round}"
            );
        }
    }
    assert!(
        acknowledged.len() > 20 && sealed > 2,
        "{} imports and {sealed} seals came through",
        acknowledged.len()
    );
    let runs = json(dir, &["runs", "--json"]);
    let runs = runs.as_array().unwrap();
    for name in &acknowledged {
        assert!(
            runs.iter().any(|run| run["name"] == name.as_str()),
            "{name} was acknowledged and is gone"
        );
    }
    assert!(
        runs.iter()
            .all(|run| run["events"] == 22 && run["state"] != "open"),
        "a run is half there"
    );
    // Bundles are whole or absent, and nothing else is left lying about.
    done(avouch(dir, &["seal", "--all", "-o", "evidence"]));
    let mut verify = vec![
        "verify".to_owned(),
        "--trust".into(),
        ".avouch/trust.toml".into(),
    ];
    let bundles = fs::read_dir(dir.join("evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let bundles = bundles.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "avouch")
    });
    verify.extend(bundles.map(|path| path.display().to_string()));
    assert_eq!(verify.len() - 3, runs.len());
    done(avouch(
        dir,
        &verify.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
}
