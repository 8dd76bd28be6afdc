//! Other people's records, from file to verified evidence, counted by another program.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(program: &str, dir: &Path, args: &[&str]) -> Output {
    let output = Command::new(avouch_tests::program(program))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    output
}

/// What `tests/tools/count_events.py` counts: events per run, by file.
fn counted(data: &Path) -> Option<BTreeMap<String, Vec<u64>>> {
    let python = avouch_tests::tool("AVOUCH_PYTHON", "python3")?;
    let script = avouch_tests::repository().join("tests/tools/count_events.py");
    let output = Command::new(python).arg(script).arg(data).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn every_file_is_ingested_sealed_and_verified_with_the_counts_of_another_program() {
    let Some(data) = avouch_tests::shared_data() else {
        return;
    };
    let Some(counted) = counted(&data) else {
        return;
    };
    assert_eq!(counted.len(), 11, "files of other people");
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run("avouch", dir, &["init"]);
    let (mut runs, mut events) = (0, 0);
    for (file, expected) in &counted {
        let path = data.join(file);
        let output = run("avouch", dir, &["ingest", "--json", path.to_str().unwrap()]);
        let ingested: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let found: Vec<u64> = ingested
            .iter()
            .map(|run| run["events"].as_u64().unwrap())
            .collect();
        assert_eq!(&found, expected, "{file}");
        println!(
            "{file}: {} runs, {} events",
            found.len(),
            found.iter().sum::<u64>()
        );
        runs += found.len();
        events += found.iter().sum::<u64>();
        let again = run("avouch", dir, &["ingest", "--json", path.to_str().unwrap()]);
        let again: Vec<Value> = serde_json::from_slice(&again.stdout).unwrap();
        assert!(again.iter().all(|run| run["new"] == false), "{file} again");
    }
    run(
        "avouch",
        dir,
        &["seal", "--all", "-o", "evidence", "--disclose", "all"],
    );
    let fsck: Value =
        serde_json::from_slice(&run("avouch", dir, &["fsck", "--json"]).stdout).unwrap();
    assert_eq!(fsck["checked"]["events"], events);
    let bundles: Vec<String> = std::fs::read_dir(dir.join("evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(bundles.len(), runs);
    // Everything has to be shown, and the standalone verifier has to agree.
    let trust = std::fs::read_to_string(dir.join(".avouch/trust.toml")).unwrap();
    std::fs::write(dir.join("strict.toml"), trust + "disclosure = \"all\"\n").unwrap();
    let mut args = vec!["--trust", "strict.toml", "--json"];
    args.extend(bundles.iter().map(String::as_str));
    let report: Value = serde_json::from_slice(&run("avouch-verify", dir, &args).stdout).unwrap();
    let answers = report["answers"].as_array().unwrap();
    let shown = |answer: &Value| {
        answer["report"]["about"]["shown"]["events"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(answers.iter().map(shown).sum::<u64>(), events);
    assert!(
        answers
            .iter()
            .all(|answer| answer["report"]["about"]["root_and_chain_agree"] == true)
    );
    println!("in all: {runs} runs, {events} events, all verified with everything shown");
}
