//! `avouch check` as a person and a CI job use it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

struct Desk(TempDir);

impl Desk {
    /// A home with the agent session in it.
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.expect(0, &["init"]);
        desk.expect(0, &["ingest", &fixture("agent-session.jsonl")]);
        desk
    }

    /// Runs a command that must exit with `code`, and returns (stdout, stderr).
    fn expect(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_avouch"))
            .args(args)
            .current_dir(self.0.path())
            .env_remove("AVOUCH_HOME")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "avouch {args:?}\n{stdout}\n{stderr}"
        );
        (stdout, stderr)
    }

    fn check(&self, code: i32, what: &str, claims: &str) -> (String, String) {
        self.expect(
            code,
            &[
                "check",
                what,
                "--claims",
                &fixture(&format!("claims/{claims}.claims.toml")),
            ],
        )
    }

    fn check_json(&self, code: i32, what: &str, claims: &str) -> Value {
        let claims = fixture(&format!("claims/{claims}.claims.toml"));
        serde_json::from_str(
            &self
                .expect(code, &["check", what, "--claims", &claims, "--json"])
                .0,
        )
        .unwrap()
    }
}

fn fixture(name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    fixtures.join(name).display().to_string()
}

#[test]
fn claims_that_hold_exit_with_0() {
    let desk = Desk::new();
    let (said, _) = desk.check(0, "bill-418", "agent-session");
    assert!(said.starts_with("run bill-418"), "{said}");
    assert!(said.contains("64 events: HOLDS"), "{said}");
    assert_eq!(said.matches("  holds  ").count(), 9, "{said}");
    let json = desk.check_json(0, "bill-418", "agent-session");
    assert_eq!(json["verdict"], "holds");
    assert_eq!(
        json["claims"][0]["name"],
        "every tool call was approved, by an approval of its own"
    );
    assert_eq!(json["claims"][0]["type"], "gated");
}

#[test]
fn a_false_claim_exits_with_1_and_names_the_event_and_why() {
    let desk = Desk::new();
    let (said, _) = desk.check(1, "bill-418", "agent-session-strict");
    assert!(said.contains("DOES NOT HOLD"), "{said}");
    let spend =
        "FALSE  at most 0.30 USD was spent: event 53: with its cost the sum is above the maximum";
    assert!(said.contains(spend), "{said}");
    assert!(
        said.contains("message-in"),
        "the event itself is shown: {said}"
    );
    assert!(said.contains("tool:shell/run"), "by name: {said}");
    assert_eq!(said.matches("  holds  ").count(), 1, "{said}");
    let json = desk.check_json(1, "bill-418", "agent-session-strict");
    assert_eq!(json["verdict"], "does not hold");
    assert_eq!(json["claims"][1]["event"], 51);
    assert_eq!(json["claims"][1]["holds"], false);
    assert_eq!(json["claims"][3]["holds"], true);
}

#[test]
fn a_bundle_is_judged_by_what_it_shows_and_says_so() {
    let desk = Desk::new();
    desk.expect(
        0,
        &[
            "seal",
            "bill-418",
            "-o",
            "evidence",
            "--disclose",
            "headers",
        ],
    );
    let (said, aside) = desk.check(0, "evidence/bill-418.avouch", "agent-session");
    assert!(said.contains("HOLDS"), "{said}");
    assert!(
        aside.contains("not verified") && aside.contains("avouch verify"),
        "{aside}"
    );
    let (said, _) = desk.check(1, "evidence/bill-418.avouch", "agent-session-strict");
    assert!(said.contains("event 17"), "{said}");
    let json = desk.check_json(0, "evidence/bill-418.avouch", "agent-session");
    assert_eq!(json["from"], "bundle");
    assert_eq!(json["verified"], Value::Null);
}

#[test]
fn a_bundle_that_hides_headers_exits_with_3() {
    let desk = Desk::new();
    desk.expect(
        0,
        &[
            "seal",
            "bill-418",
            "-o",
            "evidence",
            "--disclose",
            "seq=0..9",
        ],
    );
    let (said, _) = desk.check(3, "evidence/bill-418.avouch", "agent-session");
    assert!(
        said.contains("INCOMPLETE") && said.contains("10 of 64"),
        "{said}"
    );
    let json = desk.check_json(3, "evidence/bill-418.avouch", "agent-session");
    assert_eq!(json["verdict"], "incomplete");
    assert_eq!(json["claims"][0]["holds"], Value::Null);
}

#[test]
fn misuse_exits_with_2() {
    let desk = Desk::new();
    let (_, error) = desk.check(2, "no-such-run", "agent-session");
    assert!(error.contains("no-such-run"), "{error}");
    let (_, error) = desk.check(2, "bill-418", "absent");
    assert!(error.contains("absent.claims.toml"), "{error}");
    desk.expect(2, &["check", "bill-418"]);
    let claims = desk.0.path().join("claims.toml");
    std::fs::write(&claims, "version = 1\nclaim = []\n").unwrap();
    let (_, error) = desk.expect(2, &["check", "bill-418", "--claims", "claims.toml"]);
    assert!(error.contains("no claim"), "{error}");
}
