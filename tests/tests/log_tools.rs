//! Other people's tools accept the published log, its proofs and its receipts.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use avouch::{Home, InitOptions};
use avouch_tests::growing::grow;
use avouch_tests::{program, repository, tool};
use serde_json::Value;

/// A home whose log has grown in two steps, its published form, and the files that the commands write.
struct Log {
    _dir: tempfile::TempDir,
    dir: PathBuf,
    home: Home,
    key: String,
}

impl Log {
    /// Grows to `first`, keeps that checkpoint as `old`, and grows by `more`.
    fn new(first: u64, more: u64) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_owned();
        let home = Home::init(dir.join("home"), &InitOptions::default()).unwrap();
        let key = home.ledger().identity().note_key().unwrap().to_string();
        let log = Self {
            _dir: temporary,
            dir,
            home,
            key,
        };
        grow(&log.home, first);
        log.avouch(&["log", "publish", "published"]);
        let old = log.avouch(&["log", "checkpoint"]).stdout;
        fs::write(log.dir.join("old"), old).unwrap();
        grow(&log.home, more);
        log.avouch(&["log", "publish", "published"]);
        log
    }

    fn avouch(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program("avouch"));
        command.args(["--home", "home"]).args(args);
        succeeds(command.current_dir(&self.dir))
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_slice(&self.avouch(args).stdout).unwrap()
    }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// Go's golang.org/x/mod/sumdb, behind tests/tools/sumdb. `go version` is its way to say that it is there.
fn sumdb(dir: &Path) -> Option<PathBuf> {
    let go = std::env::var_os("AVOUCH_GO").unwrap_or_else(|| "go".into());
    // Where Debian's golang-golang-x-mod-dev has the sources.
    let path = std::env::var_os("AVOUCH_GOPATH").unwrap_or_else(|| "/usr/share/gocode".into());
    let sources = Path::new(&path).join("src/golang.org/x/mod/sumdb/tlog");
    if !sources.is_dir() || Command::new(&go).arg("version").output().is_err() {
        assert!(
            std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
            "Go and golang.org/x/mod are required and absent"
        );
        eprintln!("SKIPPED: Go and golang.org/x/mod are absent");
        return None;
    }
    let binary = dir.join("sumdb");
    succeeds(
        Command::new(go)
            .args(["build", "-o"])
            .arg(&binary)
            .arg(repository().join("tests/tools/sumdb/main.go"))
            .env("GO111MODULE", "off")
            .env("GOPATH", path)
            .env("GOCACHE", dir.join("go-cache")),
    );
    Some(binary)
}

#[test]
fn gos_sumdb_packages_accept_the_log_and_its_proofs() {
    let tools = tempfile::tempdir().unwrap();
    let Some(sumdb) = sumdb(tools.path()) else {
        return;
    };
    for (first, more) in [(1, 1), (3, 4), (256, 1), (300, 400)] {
        let log = Log::new(first, more);
        let size = first + more;
        log.avouch(&[
            "log",
            "consistency",
            "old",
            &size.to_string(),
            "-o",
            "grown",
        ]);
        for n in [0, first - 1, size - 1] {
            let run = format!("run-{n}");
            log.avouch(&["log", "proof", &run, "--statement", "-o", "proof"]);
            let mut check = Command::new(&sumdb);
            check
                .args([&log.key, "published", "proof", "grown", "old"])
                .current_dir(&log.dir);
            let said = String::from_utf8(succeeds(&mut check).stdout).unwrap();
            assert_eq!(
                said,
                format!("{size} entries, 1 inclusion proof, 1 consistency proof\n")
            );
            // It does look: one hash, one tile, one signature changed are each refused.
            for file in ["proof", "published/tile/0/000", "published/checkpoint"] {
                let path = log.dir.join(file);
                let Ok(good) = fs::read(&path) else {
                    continue;
                };
                let mut bad = good.clone();
                let at = if file == "proof" {
                    good.len() / 2
                } else {
                    good.len() - 9
                };
                bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
                fs::write(&path, bad).unwrap();
                assert!(!check.output().unwrap().status.success(), "{file}");
                fs::write(&path, good).unwrap();
            }
        }
    }
}

#[test]
fn an_independent_reader_finds_the_tiles_where_the_specification_puts_them() {
    let Some(python) = tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let log = Log::new(257, 800);
    let reader = repository().join("tests/tools/read_tiles.py");
    let mut read = Command::new(python);
    read.arg(reader)
        .args([&log.key, "published"])
        .current_dir(&log.dir);
    if std::env::var_os("AVOUCH_PYTHON").is_none() {
        eprintln!("SKIPPED: AVOUCH_PYTHON names no Python with `cryptography`");
        return;
    }
    let seen: Value = serde_json::from_slice(&succeeds(&mut read).stdout).unwrap();
    assert_eq!(seen["size"], 1057);
    assert_eq!(seen["entries"].as_array().unwrap().len(), 1057);
    let signed = log.json(&["log", "checkpoint", "--json"]);
    assert!(
        signed["note"]
            .as_str()
            .unwrap()
            .contains(seen["root"].as_str().unwrap())
    );
    let tile = log.dir.join("published/tile/1/000.p/4");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[5] ^= 1;
    fs::write(&tile, bytes).unwrap();
    assert!(!read.output().unwrap().status.success());
}

/// Every receipt of a log, by its own log's key and no other.
#[test]
fn scitt_cose_accepts_every_receipt() {
    const SCRIPT: &str = r#"
import sys, scitt_cose
pem, entry, receipt = open(sys.argv[1]).read(), sys.argv[2], open(sys.argv[3], "rb").read()
shown = scitt_cose.verify_receipt(receipt, leaf_entry_hex=entry, log_public_key_pem=pem)
sys.exit(0 if shown.ok else 1)
"#;
    let Some(python) = std::env::var_os("AVOUCH_PYTHON") else {
        assert!(std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none());
        eprintln!("SKIPPED: AVOUCH_PYTHON names no Python with scitt-cose");
        return;
    };
    let log = Log::new(5, 8);
    let verify = |entry: &str, receipt: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", SCRIPT, "home/keys/log.pub.pem", entry, receipt]);
        command.current_dir(&log.dir).output().unwrap()
    };
    let ledger = log.home.ledger();
    for run in ledger.runs().unwrap() {
        log.avouch(&["log", "receipt", &run.info.name, "-o", "receipt"]);
        let entry = ledger.statement(run.index).unwrap().unwrap();
        let entry = entry.statement.entry().to_string();
        let output = verify(&entry, "receipt");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", run.info.name);
        let other = entry.replace(&entry[..1], if entry.starts_with('0') { "1" } else { "0" });
        assert!(!verify(&other, "receipt").status.success());
    }
}

#[test]
fn a_fork_made_on_purpose_is_caught_by_the_command() {
    let log = Log::new(4, 5);
    let key = log.home.keys().open(avouch::LOG_KEY, None).unwrap();
    let signed = log.home.checkpoint(None).unwrap();
    let fork = avouch::cose::Checkpoint {
        root: avouch::merkle::Digest([7; 32]),
        ..signed.checkpoint.clone()
    };
    fs::write(log.dir.join("new"), &signed.note).unwrap();
    fs::write(log.dir.join("fork"), fork.sign(&key).unwrap().to_string()).unwrap();
    let check = |args: &[&str]| {
        let mut command = Command::new(program("avouch"));
        // No home: whoever has the two notes and the key can tell.
        command.args(["log", "check-fork"]).args(args);
        let output = command.current_dir(&log.dir).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), said)
    };
    let key = ["--key", &log.key];
    let (code, said) = check(&[&["new", "fork"], &key[..]].concat());
    assert_eq!(
        (code, said.as_str()),
        (1, "FORKED: the log signed two roots for size 9\n")
    );
    assert_eq!(check(&[&["new", "new"], &key[..]].concat()).0, 0);
    assert_eq!(check(&[&["old", "new"], &key[..]].concat()).0, 3);
    let tiles = ["--log", "published"];
    assert_eq!(check(&[&["old", "new"], &key[..], &tiles].concat()).0, 0);
    let (code, said) = check(&[&["new", "absent"], &key[..]].concat());
    assert_eq!((code, said.as_str()), (2, ""));
    // A note that is nobody's is unreadable input, not a fork.
    let text = fs::read_to_string(log.dir.join("new")).unwrap();
    fs::write(log.dir.join("forged"), text.replacen("\n9\n", "\n8\n", 1)).unwrap();
    assert_eq!(check(&[&["new", "forged"], &key[..]].concat()).0, 2);
}
