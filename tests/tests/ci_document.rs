//! The commands of `docs/ci.md` do what the page says.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use avouch_tests::{program, repository};

/// The lines of the fence that starts with this word, without the fence.
fn fence(page: &str, language: &str) -> String {
    let begin = format!("```{language}\n");
    let (_, rest) = page.split_once(&begin).expect("a fence of this language");
    rest.split_once("```").unwrap().0.to_owned()
}

/// The script of the job's step of this name: a YAML block scalar, indented more than its `run: |`.
fn step(job: &str, name: &str) -> String {
    let (_, rest) = job
        .split_once(&format!("- name: {name}\n"))
        .expect("a step of this name");
    let (head, script) = rest.split_once("run: |\n").expect("a script");
    let indent = head.len() - head.rfind('\n').map_or(0, |at| at + 1);
    script
        .lines()
        .take_while(|line| line.trim().is_empty() || line.starts_with(&" ".repeat(indent + 1)))
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

fn bash(folder: &Path, script: &str) -> Output {
    let programs = program("avouch").parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(programs).chain(std::env::split_paths(&path));
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("AVOUCH_HOME", folder.join("home"))
        .env("GITHUB_RUN_ID", "42")
        .output()
        .unwrap()
}

fn succeeds(folder: &Path, script: &str) {
    let output = bash(folder, script);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{said}");
}

#[test]
fn the_job_seals_and_verifies() {
    let page = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    let job = fence(&page, "yaml");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let session = repository().join("fixtures/claude-code-session.jsonl");
    fs::copy(session, folder.join("session.jsonl")).unwrap();

    succeeds(folder, &fence(&page, "sh"));
    succeeds(folder, &step(&job, "Seal what it did"));
    let verify = step(&job, "Verify");
    succeeds(folder, &verify);
    let report = fs::read_to_string(folder.join("report.json")).unwrap();
    assert!(report.contains("\"verified\""), "{report}");

    // A job that is run again seals the same run, under its first name.
    succeeds(folder, &step(&job, "Seal what it did"));

    let evidence = folder.join("evidence/ci-42.avouch");
    let mut bytes = fs::read(&evidence).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&evidence, bytes).unwrap();
    assert!(
        !bash(folder, &verify).status.success(),
        "changed evidence passed"
    );
}
