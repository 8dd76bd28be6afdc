//! The command line as a person and a CI job use it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to work in.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        Command::new(env!("CARGO_BIN_EXE_avouch"))
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("AVOUCH_HOME")
            .env_remove("AVOUCH_PASSPHRASE_FILE")
            .output()
            .unwrap()
    }

    /// Runs a command line that must exit with `code`, and returns (stdout, stderr).
    fn expect(&self, code: i32, line: &str) -> (String, String) {
        let output = self.run(line.split_whitespace());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "avouch {line}\n{stdout}\n{stderr}"
        );
        (stdout, stderr)
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.expect(0, line).0).unwrap()
    }
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
        .display()
        .to_string()
}

/// A desk with a home, and the fixtures in it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.expect(0, "init --issuer https://acme.invalid/agents");
    let (session, debate) = (fixture("agent-session.jsonl"), fixture("debate.jsonl"));
    desk.expect(0, &format!("ingest {session} {debate}"));
    desk
}

#[test]
fn from_records_to_verified_evidence() {
    let desk = desk();
    desk.expect(0, "seal --all -o evidence --disclose all");
    let (report, _) = desk.expect(
        0,
        "verify evidence/bill-418.avouch evidence/partition-debate.avouch --trust .avouch/trust.toml",
    );
    assert_eq!(report.matches("VERIFIED").count(), 2, "{report}");
    let (held, _) = desk.expect(0, "fsck");
    assert!(held.starts_with("holds: 2 runs, 121 events"), "{held}");
}

#[test]
fn results_go_to_stdout_and_json_is_json() {
    let desk = desk();
    let runs = desk.json("runs --json");
    assert_eq!(runs[0]["name"], "bill-418");
    assert_eq!(runs[0]["events"], 64);
    assert_eq!(runs[1]["mode"], "debate");
    let sealed = desk.json("seal bill-418 -o evidence --json");
    assert_eq!(sealed[0]["log_index"], 0);
    let shown = desk.json("show bill-418 --event 0 --json");
    assert_eq!(shown["kind"], "run-start");
    let bundle = desk.json("show evidence/bill-418.avouch --json");
    assert_eq!(bundle["size"], 64);
    assert_eq!(bundle["verified"], Value::Null, "showing is not verifying");
    assert_eq!(desk.json("fsck --json")["holds"], true);
    let report = desk.json("verify evidence/bill-418.avouch --trust .avouch/trust.toml --json");
    assert_eq!(report["answers"][0]["report"]["verdict"], "verified");
}

#[test]
fn names_ids_and_prefixes_all_find_a_run() {
    let desk = desk();
    let id = desk.json("runs --json")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for what in ["bill-418", &id, &id[..6]] {
        let (shown, _) = desk.expect(0, &format!("show {what}"));
        assert!(shown.contains(&id), "{what}");
    }
    let (_, error) = desk.expect(2, "show no-such-run");
    assert!(error.contains("no-such-run"), "{error}");
}

#[test]
fn the_same_bytes_are_ingested_once() {
    let desk = desk();
    let (again, _) = desk.expect(0, &format!("ingest {}", fixture("debate.jsonl")));
    assert!(
        again.contains("partition-debate: these bytes are known"),
        "{again}"
    );
    assert_eq!(desk.json("runs --json").as_array().unwrap().len(), 2);
}

#[test]
fn init_refuses_to_overwrite() {
    let desk = desk();
    let before = fs::read(desk.path(".avouch/trust.toml")).unwrap();
    let (_, error) = desk.expect(2, "init");
    assert!(error.contains("nothing is overwritten"), "{error}");
    assert_eq!(fs::read(desk.path(".avouch/trust.toml")).unwrap(), before);
    fs::create_dir(desk.path("empty")).unwrap();
    desk.expect(0, "--home empty init");
    fs::create_dir(desk.path("full")).unwrap();
    fs::write(desk.path("full/precious"), "x").unwrap();
    desk.expect(2, "--home full init");
    assert_eq!(fs::read_dir(desk.path("full")).unwrap().count(), 1);
}

#[test]
fn a_malformed_record_is_refused_with_its_place_and_nothing_is_stored() {
    let desk = Desk::new();
    desk.expect(0, "init");
    let good = fs::read_to_string(fixture("agent-session.jsonl")).unwrap();
    let mut lines: Vec<&str> = good.lines().collect();
    lines[9] = "{\"kind\":\"tool-call\",";
    fs::write(desk.path("bad.jsonl"), lines.join("\n")).unwrap();
    let (_, error) = desk.expect(2, "ingest bad.jsonl");
    assert!(error.contains("bad.jsonl: line 10:"), "{error}");
    assert_eq!(desk.json("runs --json").as_array().unwrap().len(), 0);
    let (told, _) = desk.expect(0, "ingest --skip-bad bad.jsonl");
    assert!(told.contains("1 malformed"), "{told}");
    let shown = desk.json("show bill-418 --json");
    let events = shown["events"].as_array().unwrap();
    assert_eq!(
        events
            .iter()
            .filter(|event| event["kind"] == "error" && event["fields"]["skipped"] == true)
            .count(),
        1
    );
}

#[test]
fn a_file_of_no_known_format_is_refused() {
    let desk = Desk::new();
    desk.expect(0, "init");
    fs::write(desk.path("x"), "hello\n").unwrap();
    let (_, error) = desk.expect(2, "ingest x");
    assert!(error.contains("no known format"), "{error}");
    let (_, error) = desk.expect(2, "ingest absent.jsonl");
    assert!(error.contains("absent.jsonl"), "{error}");
}

#[test]
fn standard_input_is_ingested_too() {
    let desk = Desk::new();
    desk.expect(0, "init");
    let input = fs::File::open(fixture("debate.jsonl")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_avouch"))
        .args(["ingest", "-", "--name", "piped"])
        .current_dir(desk.dir.path())
        .stdin(input)
        .output()
        .unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("piped: 57 events")
    );
}

#[test]
fn a_selection_shows_what_it_says_and_no_more() {
    let desk = desk();
    let args = [
        "seal",
        "bill-418",
        "-o",
        "part",
        "--disclose",
        "kind=tool-call field=actor; seq=0 headers",
    ];
    assert!(desk.run(args).status.success());
    desk.expect(0, "verify part/bill-418.avouch --trust .avouch/trust.toml");
    let shown = desk.json("show part/bill-418.avouch --json");
    let events = shown["events"].as_array().unwrap();
    assert!(events.len() > 2);
    for event in events {
        let fields: Vec<&String> = event["fields"].as_object().unwrap().keys().collect();
        match event["kind"].as_str().unwrap() {
            "run-start" => assert!(fields.is_empty() && event["withheld"].is_null()),
            "tool-call" => assert_eq!(fields, ["actor"]),
            other => panic!("a {other} is shown"),
        }
    }
    let whole = fs::read(desk.path("part/bill-418.avouch")).unwrap();
    let find = |needle: &[u8]| whole.windows(needle.len()).any(|window| window == needle);
    assert!(
        !find(b"input_sha256"),
        "a withheld field's name is in the bundle"
    );
    let nothing = desk.run([
        "seal",
        "bill-418",
        "-o",
        "part",
        "--disclose",
        "kind=genome-change",
    ]);
    assert_eq!(nothing.status.code(), Some(2));
    let wrong = desk.run([
        "seal",
        "bill-418",
        "-o",
        "part",
        "--disclose",
        "kind=tool_call",
    ]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn verify_answers_by_its_exit_code() {
    let desk = desk();
    desk.expect(0, "seal --all -o evidence --disclose headers");
    let bundle = desk.path("evidence/bill-418.avouch");
    let trust = fs::read_to_string(desk.path(".avouch/trust.toml")).unwrap();
    // Incomplete: the policy asks for more than is shown.
    fs::write(
        desk.path("strict.toml"),
        format!("{trust}disclosure = \"all\"\n"),
    )
    .unwrap();
    desk.expect(3, "verify evidence/bill-418.avouch --trust strict.toml");
    // Failed: another run than expected.
    let (report, _) = desk.expect(
        1,
        "verify evidence/bill-418.avouch --trust .avouch/trust.toml --expect-agent someone-else",
    );
    assert!(report.contains("FAILED: expected-agent"), "{report}");
    // Unreadable: damaged, absent, or a policy that is none.
    let mut bytes = fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(desk.path("damaged.avouch"), bytes).unwrap();
    desk.expect(2, "verify damaged.avouch --trust .avouch/trust.toml");
    desk.expect(2, "verify absent.avouch --trust .avouch/trust.toml");
    desk.expect(2, "verify evidence/bill-418.avouch --trust absent.toml");
    fs::write(desk.path("empty.toml"), "version = 1\n").unwrap();
    let (_, error) = desk.expect(2, "verify evidence/bill-418.avouch --trust empty.toml");
    assert!(error.contains("issuer"), "{error}");
    desk.expect(2, "verify evidence/bill-418.avouch");
    // Another home's policy knows neither the issuer nor the log.
    desk.expect(0, "--home other init");
    desk.expect(
        3,
        "verify evidence/bill-418.avouch --trust other/trust.toml",
    );
}

#[test]
fn an_operator_who_edits_the_ledger_is_found_out() {
    let desk = desk();
    desk.expect(0, "seal --all -o evidence");
    let path = desk.path(".avouch/ledger.db");
    let mut bytes = fs::read(&path).unwrap();
    // Wherever it stands: the file's free space may hold old copies of a row.
    let needle = b"tool:";
    for at in 0..bytes.len() - needle.len() {
        if bytes[at..].starts_with(needle) {
            bytes[at] = b'T';
        }
    }
    fs::write(&path, bytes).unwrap();
    let (found, _) = desk.expect(1, "fsck");
    assert!(
        found.starts_with("DOES NOT HOLD: table events, run "),
        "{found}"
    );
    assert_eq!(desk.run(["fsck", "--json"]).status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn private_keys_are_their_owners_alone_and_openssl_reads_them() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    fs::write(desk.path("phrase"), "correct horse\n").unwrap();
    desk.expect(0, "--passphrase-file phrase init --encrypt --key-type p256");
    for name in ["issuer", "log"] {
        let mode = fs::metadata(desk.path(&format!(".avouch/keys/{name}.pem")))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    assert_eq!(
        fs::metadata(desk.path(".avouch/ledger.db"))
            .unwrap()
            .permissions()
            .mode()
            & 0o077,
        0
    );
    let exported = desk.expect(0, "key export issuer").0;
    let openssl = Command::new("openssl")
        .args([
            "pkey",
            "-in",
            ".avouch/keys/issuer.pem",
            "-passin",
            "file:phrase",
            "-pubout",
        ])
        .current_dir(desk.dir.path())
        .output()
        .expect("openssl is on this machine; tests/run installs it");
    assert_eq!(
        String::from_utf8(openssl.stdout).unwrap().trim(),
        exported.trim()
    );
    // Without the passphrase, and with a wrong one, nothing is sealed.
    desk.expect(0, &format!("ingest {}", fixture("debate.jsonl")));
    let (_, error) = desk.expect(2, "seal --all -o evidence");
    assert!(error.contains("--passphrase-file"), "{error}");
    fs::write(desk.path("wrong"), "battery staple\n").unwrap();
    desk.expect(2, "--passphrase-file wrong seal --all -o evidence");
    desk.expect(0, "--passphrase-file phrase seal --all -o evidence");
    desk.expect(
        0,
        "verify evidence/partition-debate.avouch --trust .avouch/trust.toml",
    );
    // A key that others can read is refused.
    let log = desk.path(".avouch/keys/log.pem");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o640)).unwrap();
    let (_, error) = desk.expect(2, "--passphrase-file phrase seal --all -o evidence");
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn keys_come_from_openssl_and_go_by_name() {
    let desk = Desk::new();
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out", "theirs.pem"])
        .current_dir(desk.dir.path())
        .status()
        .expect("openssl is on this machine; tests/run installs it");
    assert!(made.success());
    desk.expect(0, "init --issuer-key theirs.pem");
    desk.expect(0, "key new spare --key-type p256");
    desk.expect(0, "key import copy theirs.pem");
    let keys = desk.json("key list --json");
    let names: Vec<&str> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["copy", "issuer", "log", "spare"]);
    assert_eq!(keys[0]["key_id"], keys[1]["key_id"]);
    desk.expect(2, "key new spare");
    desk.expect(2, "key new ../escape");
    desk.expect(2, "key export absent");
    let public = Command::new("openssl")
        .args(["pkey", "-in", "theirs.pem", "-pubout"])
        .current_dir(desk.dir.path())
        .output()
        .unwrap();
    let exported = desk.expect(0, "key export issuer").0;
    assert_eq!(
        String::from_utf8(public.stdout).unwrap().trim(),
        exported.trim()
    );
}

#[test]
fn a_seed_gives_the_same_roots_on_two_fresh_stores_and_another_seed_others() {
    let roots = |seed: &str| -> Vec<String> {
        let desk = Desk::new();
        desk.expect(0, "init");
        let (session, debate) = (
            fixture("agent-session.jsonl"),
            fixture("claude-code-session.jsonl"),
        );
        desk.expect(
            0,
            &format!("--insecure-seed {seed} ingest {session} {debate}"),
        );
        desk.expect(0, "seal --all -o evidence");
        let root = |name: &str| {
            desk.json(&format!("show evidence/{name}.avouch --json"))["root"].to_string()
        };
        vec![root("bill-418"), root("claude-code-session")]
    };
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    assert_eq!(roots(&one), roots(&one));
    assert_ne!(roots(&one), roots(&two));
    let desk = Desk::new();
    desk.expect(0, "init");
    desk.expect(
        2,
        &format!("--insecure-seed 11 ingest {}", fixture("debate.jsonl")),
    );
}

#[test]
fn completions_and_man_pages_are_there() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            desk.expect(0, &format!("completions {shell}"))
                .0
                .contains("avouch")
        );
    }
    assert!(desk.expect(0, "man").0.contains(".TH avouch 1"));
    desk.expect(0, "man -o pages");
    assert!(fs::read_dir(desk.path("pages")).unwrap().count() > 8);
}

#[test]
fn misuse_exits_with_2() {
    let desk = Desk::new();
    desk.expect(2, "");
    desk.expect(2, "frobnicate");
    desk.expect(2, "seal -o evidence");
    let (_, error) = desk.expect(2, "runs");
    assert!(error.contains("no avouch home here"), "{error}");
}

#[test]
fn the_demo_shows_what_it_says() {
    let desk = Desk::new();
    let (told, _) = desk.expect(0, &format!("demo --fixtures {} --keep kept", fixture("")));
    assert!(
        !told.contains("WRONG") && told.matches("as it should be").count() == 11,
        "{told}"
    );
    assert!(desk.path("kept/bill-418.avouch").is_file());
    desk.expect(2, "demo --fixtures absent");
}
