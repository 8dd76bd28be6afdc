//! What two of three officers must agree to is disclosed when they did, and only then.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::process::Command;

use avouch_tests::{program, repository};

struct Desk(tempfile::TempDir);

impl Desk {
    #[track_caller]
    fn avouch(&self, code: i32, line: &str) -> String {
        let output = Command::new(program("avouch"))
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env_remove("AVOUCH_HOME")
            .env_remove("AVOUCH_PASSPHRASE_FILE")
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "avouch {line}\n{text}");
        text
    }

    fn request(&self, name: &str, select: &str) {
        let line = format!(
            "release request run --select {select} --recipient auditor.example --expires \
             2100-01-01T00:00:00Z -o {name}.request"
        );
        let shown = self.avouch(0, &line);
        assert!(shown.contains("recipient  auditor.example"), "{shown}");
    }

    fn sign(&self, request: &str, officer: &str, as_name: &str) -> String {
        let file = format!("{request}-{officer}-{as_name}.signed");
        self.avouch(
            0,
            &format!("--home officers release sign {request}.request --officer {as_name} --key {officer} -o {file}"),
        );
        file
    }
}

/// A sealed run of an agent whose disclosure takes two of the officers ann, bob and cy; dan is none.
fn desk() -> Desk {
    let desk = Desk(tempfile::tempdir().unwrap());
    desk.avouch(0, "init --issuer https://acme.invalid");
    desk.avouch(0, "--home officers init");
    for name in ["ann", "bob", "cy", "dan"] {
        desk.avouch(0, &format!("--home officers key new {name}"));
        let key = desk.avouch(0, &format!("--home officers key export {name}"));
        fs::write(desk.0.path().join(format!("{name}.pem")), key).unwrap();
    }
    let session = repository().join("fixtures/agent-session.jsonl");
    let session = session.display();
    desk.avouch(0, &format!("ingest {session} --name run --agent agent:a"));
    desk.avouch(0, "seal run -o evidence");
    desk.avouch(
        0,
        "release policy --agent agent:a --threshold 2 --officer bob=bob.pem --officer ann=ann.pem --officer cy=cy.pem",
    );
    desk
}

#[test]
fn two_of_three_officers_release_exactly_what_they_signed() {
    let desk = desk();
    let refused = desk.avouch(2, "seal run -o evidence --disclose headers");
    assert!(
        refused.contains("takes the release of officers"),
        "{refused}"
    );
    desk.request("one", "headers");
    let (ann, bob) = (
        desk.sign("one", "ann", "ann"),
        desk.sign("one", "bob", "bob"),
    );
    desk.avouch(3, &format!("release combine one.request {ann}"));
    desk.avouch(2, "seal run -o evidence --disclose headers");
    desk.avouch(0, &format!("release combine one.request {ann} {bob}"));
    desk.avouch(0, "seal run -o evidence --disclose headers");
    desk.avouch(0, "verify evidence/run.avouch --trust .avouch/trust.toml");
    // Not a field more.
    let refused = desk.avouch(2, "seal run -o evidence --disclose all");
    assert!(
        refused.contains("no release of this selection"),
        "{refused}"
    );
    // Nothing needs no release.
    desk.avouch(0, "seal run -o evidence --disclose none");
    desk.avouch(0, "fsck");
}

#[test]
fn wrong_double_and_misled_officers_are_refused_by_name() {
    let desk = desk();
    desk.request("one", "headers");
    desk.request("two", "all");
    let ann = desk.sign("one", "ann", "ann");
    let refused = |code: i32, files: &str, why: &str| {
        let said = desk.avouch(code, &format!("release combine one.request {files}"));
        assert!(said.contains(why), "{said}");
    };
    refused(1, &format!("{ann} {ann}"), "officer \"ann\" signed twice");
    let dan = desk.sign("one", "dan", "dan");
    refused(1, &format!("{ann} {dan}"), "\"dan\" with key");
    let in_bobs_name = desk.sign("one", "dan", "bob");
    refused(1, &format!("{ann} {in_bobs_name}"), "\"bob\" with key");
    let other = desk.sign("two", "bob", "bob");
    refused(
        1,
        &format!("{ann} {other}"),
        "officer \"bob\" signed another request",
    );
    refused(3, &ann, "1 of the 2 officers");
    // A signature that was tampered with.
    let bob = desk.sign("one", "bob", "bob");
    let mut bytes = fs::read(desk.0.path().join(&bob)).unwrap();
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(desk.0.path().join("forged"), bytes).unwrap();
    refused(
        1,
        &format!("{ann} forged"),
        "officer \"bob\": the signature does not verify",
    );
    // And what is no statement at all.
    refused(2, &format!("{ann} one.request"), "one.request: ");
    desk.avouch(2, "seal run -o evidence --disclose headers");
    desk.avouch(0, &format!("release combine one.request {ann} {bob}"));
}

#[test]
fn requests_that_are_over_altered_or_under_another_policy_are_refused() {
    let desk = desk();
    let line = "release request run --select headers --recipient x --expires 2001-01-01T00:00:00Z -o late.request";
    assert!(desk.avouch(2, line).contains("the release ended"));
    let line = "release request run --select nonsense --recipient x --expires 2100-01-01T00:00:00Z -o bad.request";
    assert!(desk.avouch(2, line).contains("is not key=value"));
    desk.request("one", "headers");
    let bytes = fs::read(desk.0.path().join("one.request")).unwrap();
    // The words say another selection than the digest.
    let at = bytes
        .windows(7)
        .position(|part| part == b"headers")
        .unwrap();
    let mut altered = bytes.clone();
    altered.truncate(at - 1);
    altered.extend(b"\x63all");
    fs::write(desk.0.path().join("altered.request"), altered).unwrap();
    let line = "--home officers release sign altered.request --officer ann --key ann -o x";
    assert!(
        desk.avouch(2, line)
            .contains("another selection than its words say")
    );
    let (ann, bob) = (
        desk.sign("one", "ann", "ann"),
        desk.sign("one", "bob", "bob"),
    );
    // The policy changes before they are combined.
    desk.avouch(
        0,
        "release policy --agent agent:a --threshold 1 --officer ann=ann.pem",
    );
    let said = desk.avouch(1, &format!("release combine one.request {ann} {bob}"));
    assert!(said.contains("under another release policy"), "{said}");
    for (line, why) in [
        (
            "release policy --agent agent:a --threshold 3 --officer ann=ann.pem",
            "the threshold does not fit",
        ),
        (
            "release policy --agent agent:a --threshold 0 --officer ann=ann.pem",
            "the threshold does not fit",
        ),
        (
            "release policy --agent a --threshold 1 --officer ann=ann.pem --officer ann=bob.pem",
            "each once",
        ),
        (
            "release policy --agent a --threshold 1 --officer ann=ann.pem --officer bob=ann.pem",
            "two officers have one key",
        ),
        (
            "release policy --agent a --threshold 1 --officer ann",
            "is not NAME=FILE",
        ),
    ] {
        let said = desk.avouch(2, line);
        assert!(said.contains(why), "{line}: {said}");
    }
}

#[test]
fn an_agent_without_a_policy_needs_no_officers() {
    let desk = Desk(tempfile::tempdir().unwrap());
    desk.avouch(0, "init");
    let session = repository().join("fixtures/agent-session.jsonl");
    let session = session.display();
    desk.avouch(0, &format!("ingest {session} --name run --agent agent:a"));
    desk.avouch(0, "seal run -o evidence --disclose all");
    let line = "release request run --select all --recipient x --expires 2100-01-01T00:00:00Z -o r";
    assert!(desk.avouch(2, line).contains("has no release policy"));
}
