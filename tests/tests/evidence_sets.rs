//! Many bundles of a real ledger: an agent's runs are complete or not, and a verifier remembers the log.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use avouch::{Home, InitOptions};
use avouch_tests::growing::grow;
use avouch_tests::program;
use serde_json::Value;

struct World {
    _dir: tempfile::TempDir,
    dir: PathBuf,
}

impl World {
    fn new(size: u64) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let world = Self {
            dir: temporary.path().to_owned(),
            _dir: temporary,
        };
        let home = Home::init(world.dir.join("home"), &InitOptions::default()).unwrap();
        grow(&home, size);
        world
    }

    /// Exit code and standard output of `avouch`.
    fn avouch(&self, args: &[&str]) -> (i32, String) {
        let mut command = Command::new(program("avouch"));
        command.args(["--home", "home"]).args(args);
        let output = command.current_dir(&self.dir).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let out = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code().unwrap(),
            if out.is_empty() { errors } else { out },
        )
    }

    /// Both verifiers' one answer.
    fn verify(&self, args: &[&str]) -> (i32, Value) {
        let args = [args, &["--trust", "home/trust.toml", "--json"]].concat();
        let (code, said) = self.avouch(&[&["verify"], &args[..]].concat());
        let alone = Command::new(program("avouch-verify"))
            .args(&args)
            .current_dir(&self.dir)
            .output()
            .unwrap();
        assert_eq!(alone.status.code(), Some(code));
        let said: Value = serde_json::from_str(&said).unwrap();
        let alone: Value = serde_json::from_slice(&alone.stdout).unwrap();
        if !args.contains(&"--state") {
            assert_eq!(said, alone);
        }
        (code, said)
    }
}

#[test]
fn a_run_left_out_of_a_folder_of_bundles_is_missed() {
    let world = World::new(30);
    assert_eq!(world.avouch(&["seal", "--all", "-o", "out"]).0, 0);
    let judge = || {
        let (code, json) = world.verify(&["out", "--agent", "agent-3"]);
        (code, json["completeness"].clone())
    };
    // Runs 3, 10, 17 and 24 are agent-3's.
    let (code, found) = judge();
    assert_eq!(code, 0, "{found}");
    assert_eq!(found["chains"][0]["runs"], 4);
    assert_eq!(found["chains"][0]["complete"], true);
    assert_eq!(found["other_agents"], 26);
    let last = &found["chains"][0]["segments"][0]["last"];
    assert_eq!(last["bundle"], "out/run-24.avouch");

    fs::remove_file(world.dir.join("out/run-17.avouch")).unwrap();
    let (code, found) = judge();
    assert_eq!(code, 3, "{found}");
    assert_eq!(found["verdict"], "incomplete");
    assert_eq!(
        found["chains"][0]["findings"][0]["name"],
        "missing-statement"
    );
    // Another agent's runs are all there.
    assert_eq!(world.verify(&["out", "--agent", "agent-4"]).0, 0);
}

#[test]
fn a_verifier_remembers_a_log_and_asks_for_a_proof_of_its_growth() {
    let world = World::new(5);
    let seal = |run: &str| assert_eq!(world.avouch(&["seal", run, "-o", "out"]).0, 0);
    let look = |run: &str, more: &[&str]| {
        let bundle = format!("out/{run}.avouch");
        let (code, json) = world.verify(&[&[&bundle, "--state", "seen"], more].concat());
        let checks = json["answers"][0]["report"]["checks"].as_array().unwrap();
        let check = checks
            .iter()
            .find(|check| check["name"] == "log-history")
            .unwrap();
        (code, check["outcome"].as_str().unwrap().to_owned())
    };
    seal("run-0");
    assert_eq!(look("run-0", &[]), (0, "pass".into()));
    grow(&Home::open(world.dir.join("home")).unwrap(), 300);
    seal("run-1");
    let made = world.avouch(&["log", "consistency", "5", "305", "-o", "grown"]);
    assert_eq!(made.0, 0, "{}", made.1);
    assert_eq!(
        look("run-1", &["--consistency", "grown"]),
        (0, "pass".into())
    );
    // From here on it is known.
    assert_eq!(look("run-1", &[]), (0, "pass".into()));
    grow(&Home::open(world.dir.join("home")).unwrap(), 1);
    seal("run-2");
    assert_eq!(look("run-2", &[]).0, 0);
    // Any number of verifiers may share the file.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(look("run-0", &[]), (0, "pass".into())));
        }
    });
}
