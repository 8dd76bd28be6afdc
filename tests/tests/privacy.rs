//! Real sessions, shown in part, partly forgotten, and scanned for secrets, with the programs.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn try_run(program: &str, dir: &Path, args: &[&str]) -> Output {
    Command::new(avouch_tests::program(program))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn run(program: &str, dir: &Path, args: &[&str]) -> Output {
    let output = try_run(program, dir, args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    output
}

fn json(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&run("avouch", dir, args).stdout).unwrap()
}

fn verify(dir: &Path, bundle: &str) -> Value {
    let args = [bundle, "--trust", ".avouch/trust.toml", "--json"];
    let answers: Value = serde_json::from_slice(&run("avouch-verify", dir, &args).stdout).unwrap();
    answers["answers"][0]["report"].clone()
}

/// Every file of the store that holds these bytes.
fn holding(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir.join(".avouch")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// A home with a sealed session of Claude Code.
fn session(dir: &Path) -> Option<()> {
    let data = avouch_tests::shared_data()?;
    let file = data.join("sessions/claude-opus-4-6.jsonl");
    run("avouch", dir, &["init"]);
    run(
        "avouch",
        dir,
        &["ingest", file.to_str().unwrap(), "--name", "session"],
    );
    run(
        "avouch",
        dir,
        &["seal", "session", "-o", "evidence", "--disclose", "all"],
    );
    Some(())
}

#[test]
fn a_real_session_is_disclosed_three_ways_and_each_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    if session(dir).is_none() {
        return;
    }
    fs::write(
        dir.join("part.toml"),
        "[[show]]\nkind = ['tool-call', 'tool-result']\nwithout = ['raw']\n\n[[show]]\nseq = [0]\nheaders = true\n",
    )
    .unwrap();
    let ways: [(&str, &[&str]); 3] = [
        ("headers.avouch", &["--select", "headers"]),
        ("part.avouch", &["--select-file", "part.toml"]),
        ("one.avouch", &["--select", "seq=5..9 field=actor"]),
    ];
    let whole = fs::metadata(dir.join("evidence/session.avouch"))
        .unwrap()
        .len();
    for (name, how) in ways {
        let args = [&["disclose", "session", "--json", "-o", name], how].concat();
        let made = json(dir, &args);
        let report = verify(dir, name);
        assert_eq!(report["verdict"], "verified", "{report}");
        let shown = &report["about"]["shown"];
        assert_eq!(shown["events"], made["shown_events"]);
        assert_eq!(shown["fields"], made["shown_fields"]);
        assert!(made["bytes"].as_u64().unwrap() < whole);
        println!(
            "{name}: {} of {} events, {} bytes of {whole}",
            made["shown_events"], made["events"], made["bytes"]
        );
        let text = run("avouch", dir, &["show", name]).stdout;
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.contains("no field is shown") || text.contains("withheld"),
            "{text}"
        );
    }
}

#[test]
fn a_field_of_a_real_session_is_erased_from_every_file_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    if session(dir).is_none() {
        return;
    }
    // The first message with a text that is not too long for a field.
    let shown = json(dir, &["show", "session", "--json"]);
    let (seq, text) = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|event| {
            let text = event["fields"]["text"]
                .as_str()
                .filter(|text| text.len() > 24)?;
            Some((event["seq"].clone(), text.to_owned()))
        })
        .expect("a message with a text");
    let needle = text.trim().as_bytes()[..24].to_vec();
    assert!(!holding(dir, text.trim().as_bytes()).is_empty());
    let seq = seq.to_string();
    let args = [
        "redact", "session", "--event", &seq, "--field", "text", "--json",
    ];
    let planned = json(dir, &[&args[..], &["--dry-run"]].concat());
    assert!(
        !holding(dir, text.trim().as_bytes()).is_empty(),
        "a dry run erases nothing"
    );
    let erased = json(
        dir,
        &[&args[..], &["--reason", "asked to be forgotten"]].concat(),
    );
    assert_eq!(planned["fields"], erased["fields"]);
    println!(
        "erased {} fields, {} blobs",
        erased["fields"].as_array().unwrap().len(),
        erased["blobs"]
    );
    assert_eq!(holding(dir, text.trim().as_bytes()), Vec::<String>::new());
    let quoted = serde_json::to_string(text.trim()).unwrap();
    assert_eq!(
        holding(dir, &quoted.as_bytes()[1..quoted.len() - 1]),
        Vec::<String>::new()
    );
    drop(needle);
    // Everything still holds.
    let fsck = json(dir, &["fsck", "--json"]);
    assert_eq!(fsck["holds"], true, "{fsck}");
    assert_eq!(fsck["checked"]["redactions"], 1);
    assert_eq!(
        verify(dir, "evidence/session.avouch")["verdict"],
        "verified"
    );
    run(
        "avouch",
        dir,
        &[
            "disclose",
            "session",
            "--select",
            "all",
            "-o",
            "after.avouch",
        ],
    );
    let report = verify(dir, "after.avouch");
    assert_eq!(report["verdict"], "verified", "{report}");
    let fields = erased["fields"].as_array().unwrap().len();
    assert_eq!(report["about"]["shown"]["erased_fields"], fields);
    let bytes = fs::read(dir.join("after.avouch")).unwrap();
    assert!(
        !bytes
            .windows(text.trim().len())
            .any(|w| w == text.trim().as_bytes())
    );
    // The same bytes are not imported again.
    let data = avouch_tests::shared_data().unwrap();
    let file = data.join("sessions/claude-opus-4-6.jsonl");
    let again = json(dir, &["ingest", "--json", file.to_str().unwrap()]);
    assert_eq!(again[0]["new"], false);
}

#[test]
fn the_scanner_hits_little_in_real_sessions_and_destroys_no_digest() {
    let Some(data) = avouch_tests::shared_data() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run("avouch", dir, &["init"]);
    let mut hits = String::new();
    let mut files = 0;
    for folder in ["sessions", "swe-agent", "tau-bench", "debate"] {
        for entry in fs::read_dir(data.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let args = ["ingest", "--scan", "warn", path.to_str().unwrap()];
            let output = try_run("avouch", dir, &args);
            if !output.status.success() {
                continue; // Not a record of an agent.
            }
            files += 1;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            println!("{name}: {}", error.trim());
            hits.push_str(&error);
        }
    }
    assert!(files > 5);
    // Whatever these sessions hold, no key, card or private key of anybody is among it; addresses are.
    for rule in [
        "payment-card",
        "private-key",
        "assigned-secret",
        "authorization-header",
        "aws-",
    ] {
        assert!(!hits.contains(rule), "{rule}: {hits}");
    }
}
