//! Encrypted stores and sealed bundles with the programs, and with the age of those who made the format: what the
//! one writes the other reads.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use avouch_bundle::Bundle;
use avouch_tests::desk::Desk;
use rusqlite::Connection;
use serde_json::Value;

/// In a field, and in a blob.
const SECRET: &str = "the-launch-code-is-0000";
/// A field's name, which tells as much.
const NAME: &str = "launch_code_of_the_day";
const ROUNDS: u64 = 40;

/// The reference implementation (Go): its path, and that of what makes its keys.
fn age() -> Option<(PathBuf, PathBuf)> {
    let age = avouch_tests::tool("AVOUCH_AGE", "age")?;
    Some((age, avouch_tests::tool("AVOUCH_AGE_KEYGEN", "age-keygen")?))
}

/// A new identity file, and its recipient.
fn keygen(desk: &Desk, name: &str) -> String {
    let path = desk.path(name);
    let (_, keygen) = age().unwrap();
    let made = Command::new(&keygen).arg("-o").arg(&path).output().unwrap();
    assert!(made.status.success());
    let recipient = Command::new(&keygen).arg("-y").arg(&path).output().unwrap();
    String::from_utf8(recipient.stdout)
        .unwrap()
        .trim()
        .to_owned()
}

/// What a program answers to `input`.
fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

/// Runs something that asks for a passphrase on its terminal.
fn typed(desk: &Desk, passphrase: &str, command: &[&str]) -> bool {
    let python = avouch_tests::tool("AVOUCH_PYTHON", "python3").unwrap();
    let script = avouch_tests::repository().join("tests/tools/type_passphrase.py");
    let mut typed = Command::new(python);
    typed.arg(script).arg(passphrase).args(command);
    let typed = typed.current_dir(desk.path("")).stdin(Stdio::null());
    typed.output().unwrap().status.success()
}

/// A run with the secret in two events, as a file to be imported.
fn write_run(desk: &Desk, name: &str) {
    let note = |time: u32, value: &str| {
        let fields = serde_json::json!({ NAME: value, "long": value.repeat(400) });
        serde_json::json!({ "kind": "note", "time": time, "fields": fields }).to_string()
    };
    let run = r#"{"avouch":1,"run":{"agent":"a"}}"#;
    let lines = [run, &note(1, SECRET), &note(2, name), ""].join("\n");
    fs::write(desk.path(name), lines).unwrap();
}

/// Every file under a folder that holds any of these.
fn holding(folder: &Path, needles: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needles));
        } else if let Ok(bytes) = fs::read(&path) {
            let holds = |needle: &&str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
            if needles.iter().any(holds) {
                found.push(path);
            }
        }
    }
    found
}

/// A sealed run in a home that is encrypted to the identity in `owner.txt`.
fn sealed_run() -> Desk {
    let desk = Desk::bare();
    let owner = keygen(&desk, "owner.txt");
    desk.ok(&["init", "--encrypt-store", "--recipient", &owner]);
    write_run(&desk, "run.jsonl");
    desk.ingest(&desk.path("run.jsonl"));
    // What cannot be shown is not sealed first.
    desk.expect(2, &["seal", "--all", "-o", "evidence", "--disclose", "all"]);
    assert!(desk.ok(&["runs", "--json"]).contains("closed"));
    desk.ok(&["seal", "--all", "-o", "evidence"]);
    desk
}

fn fsck(desk: &Desk, args: &[&str]) -> Value {
    let said = desk.ok(&[&["fsck", "--json"], args].concat());
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["holds"], true, "{report}");
    report["checked"]["locked events"].clone()
}

#[test]
fn no_file_of_an_encrypted_home_says_what_was_recorded() {
    if age().is_none() {
        return;
    }
    let desk = sealed_run();
    let home = desk.path(".avouch");
    let secrets = [SECRET, NAME];
    assert_eq!(holding(&desk.path(""), &secrets), [desk.path("run.jsonl")]);
    // The same file again is known without any key, and headers are shown, checked and proven without one.
    let again: Value = serde_json::from_str(&desk.ok(&["ingest", "--json", "run.jsonl"])).unwrap();
    assert_eq!(again[0]["new"], false);
    desk.ok(&["disclose", "run", "--select", "headers", "-o", "h.avouch"]);
    assert_eq!(fsck(&desk, &[]), 4);
    let claim = "version = 1\n[[claim]]\nname = 'no notes'\ntype = 'count'\nfilter = { kind = ['note'] }\nmax = 0\n";
    fs::write(desk.path("no-notes.toml"), claim).unwrap();
    let (out, _) = desk.expect(1, &["check", "run", "--claims", "no-notes.toml"]);
    assert!(out.contains("note"), "{out}");
    let owner = ["--identity", "owner.txt"];
    assert_eq!(fsck(&desk, &owner), 0);
    // What reads values says what it lacks.
    let out = |command: &'static [&'static str]| {
        let (_, error) = desk.expect(2, command);
        assert!(error.contains("no identity at hand opens it"), "{error}");
        desk.ok(&[command, &owner].concat())
    };
    assert!(out(&["show", "run", "--event", "1"]).contains(SECRET));
    out(&["export", "run", "--format", "agent-record-json", "-o", "-"]);
    out(&["report", "settlement", "run", "--csv"]);
    out(&["disclose", "run", "--select", "all", "-o", "all.avouch"]);
    out(&[
        "redact",
        "run",
        "--event",
        "2",
        "--field",
        NAME,
        "--dry-run",
    ]);
    fs::remove_file(desk.path("all.avouch")).unwrap();
    // Killed at any time.
    for round in 0..ROUNDS {
        let name = format!("r{round}.jsonl");
        write_run(&desk, &name);
        let args = match round % 4 {
            3 => vec!["seal", "--all", "-o", "evidence"],
            _ => vec!["ingest", name.as_str()],
        };
        let mut child = Command::new(avouch_tests::program("avouch"))
            .args(args)
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(round * 7_919 % 30_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(
            holding(&home, &secrets),
            [""; 0].map(PathBuf::from),
            "{round}"
        );
    }
    desk.ok(&[
        &[
            "redact", "run", "--event", "1", "--field", NAME, "--reason", "told to",
        ],
        &owner[..],
    ]
    .concat());
    desk.ok(&["recover"]);
    assert_eq!(holding(&home, &secrets), [""; 0].map(PathBuf::from));
    assert_eq!(fsck(&desk, &owner), 0);
    let shown = desk.ok(&[&["show", "run", "--event", "1"], &owner[..]].concat());
    assert!(
        !shown.contains(SECRET) && shown.contains("erased"),
        "{shown}"
    );
}

#[test]
fn the_key_of_a_store_is_split_and_a_run_goes_on_under_it() {
    let desk = Desk::bare();
    desk.ok(&["init", "--encrypt-store"]);
    let kept = ".avouch/keys/store.age";
    let mode = fs::metadata(desk.path(kept)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let hook = r#"{"session_id":"s","cwd":"/","transcript_path":"","hook_event_name":"UserPromptSubmit","prompt":"TEXT"}"#;
    let heard = |text: &str| {
        let mut hook_command = Command::new(avouch_tests::program("avouch"));
        hook_command
            .args(["hook", "claude-code"])
            .current_dir(desk.path(""));
        piped(&mut hook_command, hook.replace("TEXT", text).as_bytes());
    };
    heard(SECRET);
    heard("and on");
    assert!(holding(&desk.path(""), &[SECRET]).is_empty());
    let runs: Value = serde_json::from_str(&desk.ok(&["runs", "--json"])).unwrap();
    let run = runs[0]["name"].as_str().unwrap();
    desk.ok(&[
        "key",
        "split",
        "--file",
        kept,
        "--threshold",
        "2",
        "--shares",
        "3",
        "-o",
        "shares",
    ]);
    fs::remove_file(desk.path(kept)).unwrap();
    let (_, error) = desk.expect(2, &["show", run]);
    assert!(error.contains("no identity at hand"), "{error}");
    let mut shares: Vec<String> = fs::read_dir(desk.path("shares"))
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".share"))
        .collect();
    shares.truncate(2);
    let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
    desk.ok(&[&["key", "combine", "-o", "store.txt"], &shares[..]].concat());
    let shown = desk.ok(&["show", run, "--json", "--identity", "store.txt"]);
    assert!(shown.contains(SECRET) && shown.contains("and on"));
    // Spans would wait in the clear.
    let (_, error) = desk.expect(2, &["otlp", "serve", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("--spool"), "{error}");
}

#[test]
fn an_auditor_alone_reads_what_anyone_verifies() {
    let Some((age, _)) = age() else {
        return;
    };
    let desk = sealed_run();
    let auditor = keygen(&desk, "auditor.txt");
    keygen(&desk, "other.txt");
    let disclose = |select: &str, output: &str| {
        desk.ok(&[
            "disclose",
            "run",
            "--select",
            select,
            "--to",
            &auditor,
            "-o",
            output,
            "--identity",
            "owner.txt",
        ]);
    };
    disclose("all", "sealed.avouch");
    disclose("seq=2", "part.avouch");
    let secrets = [SECRET, NAME];
    assert_eq!(holding(&desk.path(""), &secrets), [desk.path("run.jsonl")]);
    // Anyone.
    let trust = [".avouch/trust.toml", "--json"];
    let verified = desk.run(
        "avouch-verify",
        &["sealed.avouch", "--trust", trust[0], trust[1]],
    );
    let answers: Value = serde_json::from_slice(&verified.stdout).unwrap();
    let report = &answers["answers"][0]["report"];
    assert_eq!(report["verdict"], "verified", "{report}");
    assert_eq!(report["about"]["shown"]["fields"], 0);
    let sealed_fields = report["about"]["shown"]["sealed_fields"].as_u64().unwrap();
    assert!(sealed_fields >= 4);
    assert!(report["not_shown"].to_string().contains("sealed-fields"));
    let shown = desk.ok(&["show", "sealed.avouch"]);
    assert!(shown.contains("sealed to chosen readers"), "{shown}");
    // The auditor, from a file that others may not read.
    let show = [
        "show",
        "sealed.avouch",
        "--event",
        "1",
        "--identity",
        "auditor.txt",
    ];
    assert!(desk.ok(&show).contains(SECRET));
    let verify = |bundle: &'static str, identity: &'static str| {
        [
            "verify",
            bundle,
            "--trust",
            ".avouch/trust.toml",
            "--identity",
            identity,
        ]
    };
    desk.ok(&verify("sealed.avouch", "auditor.txt"));
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(desk.path("auditor.txt"), open).unwrap();
    let (_, error) = desk.expect(2, &show);
    assert!(error.contains("chmod 600"), "{error}");
    fs::set_permissions(desk.path("auditor.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    // Another.
    let refused = |bundle: &'static str, identity: &'static str, why: &str| {
        let (out, error) = desk.expect(2, &["show", bundle, "--identity", identity]);
        assert!(error.contains(why) && out.is_empty(), "{out}{error}");
        let (out, error) = desk.expect(2, &verify(bundle, identity));
        assert!(out.contains(why) || error.contains(why), "{out}{error}");
    };
    refused("sealed.avouch", "other.txt", "encrypted to others");

    // age opens what we sealed, and what age seals we open.
    let bytes = fs::read(desk.path("sealed.avouch")).unwrap();
    let mut bundle = Bundle::decode(&bytes).unwrap();
    let with = |bundle: &Bundle, sealed: Vec<u8>, name: &str| {
        let mut changed = bundle.clone();
        changed.disclosures.as_mut().unwrap().sealed = Some(sealed);
        fs::write(desk.path(name), changed.encode().unwrap()).unwrap();
    };
    let sealed = bundle.disclosures.as_mut().unwrap().sealed.clone().unwrap();
    let mut decrypt = Command::new(&age);
    decrypt.arg("-d").arg("-i").arg(desk.path("auditor.txt"));
    let plain = piped(&mut decrypt, &sealed);
    assert!(plain.windows(SECRET.len()).any(|w| w == SECRET.as_bytes()));
    let theirs = piped(Command::new(&age).args(["-r", &auditor]), &plain);
    with(&bundle, theirs, "theirs.avouch");
    desk.ok(&verify("theirs.avouch", "auditor.txt"));
    assert!(
        desk.ok(&[
            "show",
            "theirs.avouch",
            "--event",
            "1",
            "--identity",
            "auditor.txt"
        ])
        .contains(SECRET)
    );

    // Another disclosure's openings, cut and changed ones: verified as what they are to anyone, and refused by
    // who could read them.
    let part = Bundle::decode(&fs::read(desk.path("part.avouch")).unwrap()).unwrap();
    let other = part.disclosures.unwrap().sealed.unwrap();
    with(&bundle, other, "swapped.avouch");
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    with(&bundle, flipped, "flipped.avouch");
    with(&bundle, sealed[..sealed.len() - 20].to_vec(), "cut.avouch");
    for (name, why) in [
        ("swapped.avouch", "is missing"),
        ("flipped.avouch", "damaged or changed"),
        ("cut.avouch", "damaged or changed"),
    ] {
        desk.ok(&["verify", name, "--trust", ".avouch/trust.toml"]);
        refused(name, "auditor.txt", why);
    }
    // A field that is another under the right place, and one whose hash is not under the body.
    let mut forged = plain.clone();
    let at = forged.windows(4).position(|w| w == b"0000").unwrap();
    forged[at] = b'1';
    let forged = piped(Command::new(&age).args(["-r", &auditor]), &forged);
    with(&bundle, forged, "forged.avouch");
    refused("forged.avouch", "auditor.txt", "is another");
}

#[test]
fn passphrases_and_wrapped_keys_are_ages_own() {
    let Some((age, keygen_program)) = age() else {
        return;
    };
    let age = age.to_str().unwrap();
    let desk = sealed_run();
    // Its locked identity file opens our store.
    assert!(typed(
        &desk,
        "correct horse",
        &[age, "-p", "-o", "locked.txt", "owner.txt"]
    ));
    fs::write(desk.path("phrase"), "correct horse\n").unwrap();
    fs::write(desk.path("wrong"), "battery staple\n").unwrap();
    let show = |phrase: &'static str| {
        [
            "show",
            "run",
            "--event",
            "1",
            "--identity",
            "locked.txt",
            "--passphrase-file",
            phrase,
        ]
    };
    assert!(desk.ok(&show("phrase")).contains(SECRET));
    let (_, error) = desk.expect(2, &show("wrong"));
    assert!(
        error.contains("locked.txt") && error.contains("does not open it"),
        "{error}"
    );
    // Our locked identity opens in age, and a run's key with it.
    let args = ["--home", "locked", "--passphrase-file", "phrase"];
    desk.ok(&[&["init", "--encrypt", "--encrypt-store"], &args[..]].concat());
    desk.ok(&[&["ingest", "run.jsonl"], &args[..2]].concat());
    let kept = "locked/keys/store.age";
    assert!(!typed(
        &desk,
        "battery staple",
        &[age, "-d", "-o", "no.txt", kept]
    ));
    assert!(typed(
        &desk,
        "correct horse",
        &[age, "-d", "-o", "ours.txt", kept]
    ));
    let recipient = Command::new(keygen_program)
        .arg("-y")
        .arg(desk.path("ours.txt"))
        .output();
    let recipient = String::from_utf8(recipient.unwrap().stdout).unwrap();
    let list = desk.ok(&["recipient", "list", "run", "--home", "locked"]);
    assert_eq!(list, recipient);
    let store = Connection::open(desk.path("locked/ledger.db")).unwrap();
    let wrapped: Vec<u8> = store
        .query_row("SELECT wrapped FROM run_keys", [], |row| row.get(0))
        .unwrap();
    let mut decrypt = Command::new(age);
    decrypt.arg("-d").arg("-i").arg(desk.path("ours.txt"));
    assert_eq!(piped(&mut decrypt, &wrapped).len(), 32);
    // A reader who was added, by age's own name.
    let auditor = keygen(&desk, "auditor.txt");
    let add = ["recipient", "add", "run", &auditor];
    let (_, error) = desk.expect(2, &add);
    assert!(error.contains("no identity at hand"), "{error}");
    desk.ok(&[&add[..], &["--identity", "owner.txt"]].concat());
    let shown = desk.ok(&["show", "run", "--event", "1", "--identity", "auditor.txt"]);
    assert!(shown.contains(SECRET));
}
