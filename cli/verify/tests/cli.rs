//! The program itself: what it prints where, and how it exits.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../crates/verify/tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use avouch_bundle::Bundle;
use common::*;
use tempfile::TempDir;

/// A folder with a policy and bundles of each kind.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let good = run().seal().show_all();
    write("trust.toml", policy_toml("disclosure = \"all\"").as_bytes());
    write("good", &good.encode().unwrap());
    let unlogged = Bundle {
        receipts: Vec::new(),
        ..good.clone()
    };
    write("incomplete", &unlogged.encode().unwrap());
    let failed = Bundle {
        checkpoint: Some("x".into()),
        ..good.clone()
    };
    write("failed", &failed.encode().unwrap());
    write("cut", &good.encode().unwrap()[..500]);
    folder
}

fn avouch_verify(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_avouch-verify"))
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap()
}

/// Exit code, standard output, standard error.
fn answer(folder: &TempDir, args: &[&str]) -> (i32, String, String) {
    let output = avouch_verify(folder.path(), args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn each_answer_has_its_exit_code() {
    let folder = folder();
    for (bundle, code, words) in [
        ("good", 0, "good: VERIFIED"),
        ("failed", 1, "failed: FAILED: checkpoint: "),
        ("incomplete", 3, "incomplete: INCOMPLETE: "),
    ] {
        let (found, out, errors) = answer(&folder, &[bundle, "--trust", "trust.toml"]);
        assert_eq!((found, errors.as_str()), (code, ""), "{out}");
        assert!(out.starts_with(words), "{out}");
    }
    let (code, out, errors) = answer(&folder, &["cut", "--trust", "trust.toml"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(errors.starts_with("error: cut: cut short"), "{errors}");
}

#[test]
fn several_bundles_exit_with_the_worst_answer() {
    let folder = folder();
    let code = |bundles: &[&str]| {
        let args = [bundles, &["--trust", "trust.toml"]].concat();
        avouch_verify(folder.path(), &args).status.code().unwrap()
    };
    assert_eq!(code(&["good", "good"]), 0);
    assert_eq!(code(&["good", "incomplete"]), 3);
    assert_eq!(code(&["incomplete", "cut"]), 2);
    assert_eq!(code(&["incomplete", "absent", "failed", "good"]), 1);
}

#[test]
fn json_is_one_document_for_all_bundles() {
    let folder = folder();
    let args = ["good", "absent", "--trust", "trust.toml", "--json"];
    let (code, out, errors) = answer(&folder, &args);
    assert_eq!((code, errors.as_str()), (2, ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["exit_code"], 2);
    assert_eq!(json["answers"][0]["report"]["verdict"], "verified");
    assert_eq!(json["answers"][1]["report"], serde_json::Value::Null);
}

#[test]
fn another_run_is_refused_where_one_is_expected() {
    let folder = folder();
    let with = |flag, value| answer(&folder, &["good", "--trust", "trust.toml", flag, value]);
    let (run, other) = ("07".repeat(16), "08".repeat(16));
    assert_eq!(with("--expect-run", &run).0, 0);
    let (code, out, _) = with("--expect-run", &other);
    assert_eq!(code, 1);
    assert!(
        out.starts_with("good: FAILED: expected-run: the run is 0707"),
        "{out}"
    );
    assert_eq!(with("--expect-agent", AGENT).0, 0);
    assert_eq!(with("--expect-agent", "x").0, 1);
    assert_eq!(with("--expect-root", &"00".repeat(32)).0, 1);
}

#[test]
fn wrong_usage_exits_2_with_the_reason_on_standard_error() {
    let folder = folder();
    fs::write(
        folder.path().join("bad.toml"),
        "version = 1\nissuers = []\n",
    )
    .unwrap();
    for (args, words) in [
        (&["good"][..], "--trust FILE is missing"),
        (&["good", "--trust", "absent.toml"], "absent.toml: "),
        (
            &["good", "--trust", "bad.toml"],
            "bad.toml: not a trust policy",
        ),
        (&["good", "--trust", "good"], "good: not UTF-8 text"),
        (&["--trust", "trust.toml"], "no bundle is named"),
        (
            &["good", "--trust", "trust.toml", "--fast"],
            "unknown option \"--fast\"",
        ),
    ] {
        let (code, out, errors) = answer(&folder, args);
        assert_eq!((code, out.as_str()), (2, ""), "{errors}");
        assert!(
            errors.starts_with("error: ") && errors.contains(words),
            "{errors}"
        );
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let folder = folder();
    let (code, out, errors) = answer(&folder, &["--help"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    for flag in [
        "--trust",
        "--json",
        "--expect-run",
        "--expect-agent",
        "--expect-root",
    ] {
        assert!(out.contains(flag));
    }
    assert_eq!(
        answer(&folder, &["-V"]).1,
        format!("avouch-verify {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_folder_stands_for_its_bundles_and_an_agents_runs_are_judged_together() {
    let folder = folder();
    let runs = folder.path().join("runs");
    fs::create_dir(&runs).unwrap();
    let good = run().seal();
    let second = good.with_manifest(|manifest| {
        manifest.run.0 = [8; 16];
        manifest.previous = Some(good.statement.statement_id());
        manifest.chain_start = good.manifest.chain_head;
    });
    let bytes = |sealed: &Sealed| sealed.show_all().encode().unwrap();
    fs::write(runs.join("a.avouch"), bytes(&good)).unwrap();
    fs::write(runs.join("notes.txt"), "not a bundle").unwrap();
    let ask = |args: &[&str]| {
        let args = [args, &["runs", "--trust", "trust.toml", "--agent", AGENT]].concat();
        answer(&folder, &args)
    };
    let (code, out, errors) = ask(&[]);
    assert_eq!((code, errors.as_str()), (0, ""), "{out}");
    assert!(out.contains("agent agent:support: COMPLETE up to the newest statement"));
    fs::remove_file(runs.join("a.avouch")).unwrap();
    let (code, _, errors) = ask(&[]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("a folder without .avouch files"),
        "{errors}"
    );
    fs::write(runs.join("b.avouch"), second.show_none().encode().unwrap()).unwrap();
    let (code, out, _) = ask(&["--json"]);
    // The policy wants everything shown, and the first run is missing: nothing is wrong.
    assert_eq!(code, 3);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let chain = &json["completeness"]["chains"][0];
    assert_eq!(chain["findings"][0]["name"], "missing-statement");
}

#[test]
fn a_state_remembers_logs_and_a_fork_is_written_out() {
    let folder = folder();
    let good = run().seal();
    // The same statement in a log of the same size with other entries before it.
    let other = {
        let mut leaves: Vec<_> = (0..5_u64)
            .map(|n| avouch_merkle::hash_leaf(&[n as u8, 7]))
            .collect();
        leaves[2] = avouch_merkle::hash_leaf(good.statement.entry().as_bytes());
        let (index, size) = (avouch_merkle::LeafIndex(2), avouch_merkle::TreeSize(5));
        let path = avouch_merkle::inclusion_proof(&leaves, index).unwrap();
        let root = avouch_merkle::root(leaves);
        let receipt =
            avouch_cose::Receipt::sign_inclusion(&log_key(), size, index, &path, &root).unwrap();
        let checkpoint = avouch_cose::Checkpoint {
            origin: ORIGIN.into(),
            size,
            root,
            extensions: Vec::new(),
        };
        Bundle {
            receipts: vec![receipt.as_bytes().to_vec()],
            checkpoint: Some(checkpoint.sign(&log_key()).unwrap().to_string()),
            ..good.show_all()
        }
    };
    fs::write(folder.path().join("forked"), other.encode().unwrap()).unwrap();
    let ask = |bundle: &str| {
        let args = [bundle, "--trust", "trust.toml", "--state", "seen"];
        answer(&folder, &args)
    };
    assert_eq!(ask("good").0, 0);
    assert_eq!(ask("good").0, 0);
    let (code, out, errors) = ask("forked");
    assert_eq!(code, 1, "{out}");
    assert!(
        out.starts_with("forked: FAILED: log-history: FORK"),
        "{out}"
    );
    let notes: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.strip_prefix("evidence: "))
        .collect();
    let [seen, shown] = &notes[..] else {
        panic!("{errors}")
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read(seen), good.checkpoint);
    assert_eq!(Some(read(shown)), other.checkpoint);
    // The good one still is, and a state that is none is no verdict.
    assert_eq!(ask("good").0, 0);
    fs::write(folder.path().join("seen"), "{}").unwrap();
    let (code, _, errors) = ask("good");
    assert_eq!(code, 2);
    assert!(errors.contains("seen: not a verifier's state"), "{errors}");
    let args = [
        "good",
        "--trust",
        "trust.toml",
        "--state",
        "fresh",
        "--consistency",
        "good",
    ];
    assert_eq!(answer(&folder, &args).0, 2);
}
