//! Records that another system protects: what it finds of an edit, and what is found after sealing.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The exit code, and what was printed.
fn run(program: &str, dir: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(avouch_tests::program(program))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// VEX's exports: ours, and theirs where they are there. For each, something of a tool's event that its
/// hash covers, and something that it does not, with what it is changed to.
fn exports() -> Vec<(PathBuf, [&'static str; 2], [&'static str; 2])> {
    let ours = avouch_tests::repository().join("fixtures/sources/vex.json");
    let mut exports = vec![(
        ours,
        ["\"cost_usd\":0.0126", "\"cost_usd\":0.0001"],
        ["00:00:08.123456789Z", "00:00:08.999999999Z"],
    )];
    if let Some(data) = avouch_tests::shared_data() {
        exports.push((
            data.join("seed-systems/vex-audit.json"),
            ["\"cost_usd\":0.0126", "\"cost_usd\":0.0001"],
            [
                "2026-11-21T00:34:28.871603242Z",
                "2026-11-21T00:34:28.999999999Z",
            ],
        ));
    }
    exports
}

#[test]
fn an_edit_that_the_source_does_not_notice_is_noticed_once_it_is_sealed() {
    for (path, covered, uncovered) in exports() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let original = fs::read_to_string(&path).unwrap();
        let edit = |name: &str, [from, to]: [&str; 2]| {
            assert!(original.contains(from), "{from}");
            fs::write(dir.join(name), original.replacen(from, to, 1)).unwrap();
        };
        fs::write(dir.join("log.json"), &original).unwrap();
        edit("covered.json", covered);
        edit("uncovered.json", uncovered);
        assert_eq!(run("avouch", dir, &["init"]).0, 0);

        // The source notices the one and not the other.
        let (code, text) = run("avouch", dir, &["audit-source", "covered.json"]);
        assert!(
            code == 1 && text.contains("BROKEN record") && text.contains("its hash is"),
            "{text}"
        );
        let (code, text) = run(
            "avouch",
            dir,
            &["ingest", "--strict-source", "covered.json"],
        );
        assert!(code == 2 && text.contains("does not hold"), "{text}");
        let (code, text) = run("avouch", dir, &["audit-source", "--json", "uncovered.json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &report["held"]), (0, &Value::Bool(true)));

        // Sealed, the evidence shows the record as it was, and no other.
        assert_eq!(
            run("avouch", dir, &["ingest", "--strict-source", "log.json"]).0,
            0
        );
        let sealed = run(
            "avouch",
            dir,
            &["seal", "--all", "-o", "evidence", "--disclose", "all"],
        );
        assert_eq!(sealed.0, 0, "{}", sealed.1);
        let evidence = fs::read_dir(dir.join("evidence"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let verify = || {
            run(
                "avouch-verify",
                dir,
                &["evidence", "--trust", ".avouch/trust.toml"],
            )
        };
        let (code, text) = verify();
        assert_eq!(code, 0, "{text}");
        let (code, text) = run("avouch", dir, &["ingest", "--json", "log.json"]);
        assert!(code == 0 && text.contains("\"new\": false"), "{text}");
        let (code, text) = run("avouch", dir, &["ingest", "--json", "uncovered.json"]);
        assert!(code == 0 && text.contains("\"new\": true"), "{text}");

        // The same edit in the evidence, with the file's digest made anew, is found.
        let mut bytes = fs::read(&evidence).unwrap();
        let from = uncovered[0].as_bytes();
        let at = bytes.windows(from.len()).position(|window| window == from);
        let at = at.expect("the record is disclosed");
        bytes[at..at + from.len()].copy_from_slice(uncovered[1].as_bytes());
        let end = bytes.len() - 32;
        let digest = avouch_merkle::sha256(&[&bytes[..end]]);
        bytes[end..].copy_from_slice(digest.as_bytes());
        fs::write(&evidence, bytes).unwrap();
        let (code, text) = verify();
        assert_eq!(code, 1, "{text}");
    }
}
