//! Recording, sealing and showing through the library.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;

use avouch::cose::Algorithm;
use avouch::ledger::State;
use avouch::trace::{Decision, Flags, Kind};
use avouch::verify::{CheckName, Options, Outcome, Policy, Report, verify};
use avouch::{Draft, Error, Home, InitOptions, NewRun, Randomness, Selection};
use avouch_cbor::Value;
use tempfile::TempDir;

fn home() -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    (dir, home)
}

/// Records a run of one note and ends it.
fn record(home: &mut Home, name: &str, agent: &str) -> String {
    let mut run = home.record(&NewRun::new(name, agent), 1_000).unwrap();
    run.event(
        Draft {
            time: 2_000,
            ..Draft::new(Kind::Note)
        }
        .with("text", name),
    )
    .unwrap();
    run.end(3_000).unwrap()
}

fn report(home: &Home, run: &str, selection: &str) -> Report {
    let signer = home.signer(None).unwrap();
    let run = home.ledger().resolve(run).unwrap();
    let selection: Selection = selection.parse().unwrap();
    let bundle = home
        .bundle(&run, &selection, &signer)
        .unwrap()
        .encode()
        .unwrap();
    let policy = Policy::from_toml(&fs::read_to_string(home.trust_path()).unwrap()).unwrap();
    verify(&bundle, &policy, &Options::default()).unwrap()
}

#[test]
fn two_runs_of_an_agent_share_a_chain_and_another_agent_has_its_own() {
    let (_dir, mut home) = home();
    for (name, agent) in [("one", "a"), ("two", "a"), ("three", "b")] {
        record(&mut home, name, agent);
    }
    let signer = home.signer(None).unwrap();
    let runs = home.ledger().runs().unwrap();
    home.seal(&runs, &signer, &mut |_| {}).unwrap();
    let manifest = |run: usize| {
        home.ledger()
            .statement(runs[run].index)
            .unwrap()
            .unwrap()
            .manifest
    };
    assert_eq!(manifest(0).chain_head, manifest(1).chain_start);
    assert!(manifest(0).previous.is_none() && manifest(1).previous.is_some());
    assert!(manifest(2).previous.is_none());
    assert!(report(&home, "two", "all").is_verified());
}

#[test]
fn a_recorded_event_is_on_disk_when_its_seq_is_known() {
    let (dir, mut home) = home();
    let mut run = home.record(&NewRun::new("live", "a"), 1).unwrap();
    let seq = run
        .event(Draft::new(Kind::ToolCall).by("agent:a").on("tool:x"))
        .unwrap();
    // Another process sees it while the run goes on.
    let other = Home::open(dir.path().join("home")).unwrap();
    let seen = other.ledger().resolve("live").unwrap();
    assert_eq!((seen.size, seen.state), (seq + 1, State::Open));
    let event = other.event(&seen, seq).unwrap();
    assert_eq!(event.subject.as_deref(), Some("tool:x"));
    assert_eq!(
        event.time, 1,
        "an event without a time has the previous one's"
    );
}

#[test]
fn an_open_run_is_not_sealed_and_an_interrupted_one_says_so() {
    let (_dir, mut home) = home();
    drop(home.record(&NewRun::new("cut", "a"), 5).unwrap());
    let signer = home.signer(None).unwrap();
    assert!(matches!(
        home.seal_one("cut", &signer),
        Err(Error::StillOpen { .. })
    ));
    let run = home.ledger().resolve("cut").unwrap();
    home.close_interrupted(&run).unwrap();
    let run = home.seal_one("cut", &signer).unwrap();
    let end = home.event(&run, run.size - 1).unwrap();
    assert_eq!(
        (end.kind, end.flags.as_slice()),
        ("run-end", ["error"].as_slice())
    );
    assert!(report(&home, "cut", "all").is_verified());
}

#[test]
fn what_a_header_cannot_say_or_a_field_must_not_is_refused_and_nothing_is_stored() {
    let (_dir, mut home) = home();
    let mut run = home.record(&NewRun::new("strict", "a"), 5).unwrap();
    let draft = || Draft::new(Kind::Note);
    let reference = Value::Array(vec![
        Value::Uint(3),
        Value::from("text/plain"),
        Value::Bytes(vec![0; 32]),
    ]);
    for bad in [
        Draft {
            score: Some(1_000_001),
            ..draft()
        },
        Draft {
            parent: Some(1),
            ..draft()
        },
        draft().with("x", 1u64).with("x", 2u64),
        draft().with("", 1u64),
        draft().by("agent:a").with("actor", "agent:b"),
        Draft {
            cost: Some(5),
            ..draft()
        }
        .with("cost", 6u64),
        draft().with("looks-like-a-blob", reference),
        Draft {
            kind: Kind::RunStart,
            ..draft()
        },
    ] {
        let what = format!("{bad:?}");
        assert!(run.event(bad).is_err(), "{what}");
    }
    assert_eq!(
        run.event(
            Draft {
                cost: Some(5),
                ..draft()
            }
            .with("cost", 5u64)
        )
        .unwrap(),
        1
    );
}

#[test]
fn long_values_are_stored_once_and_shown_whole() {
    let (_dir, mut home) = home();
    let text = "long ".repeat(2_000);
    let deep = (0..31).fold(Value::from("x".repeat(5_000)), |value, _| {
        Value::Array(vec![value])
    });
    let mut run = home.record(&NewRun::new("long", "a"), 5).unwrap();
    for _ in 0..2 {
        run.event(
            Draft::new(Kind::Note)
                .with("text", text.clone())
                .with("deep", deep.clone()),
        )
        .unwrap();
    }
    run.end(6).unwrap();
    let signer = home.signer(None).unwrap();
    let run = home.seal_one("long", &signer).unwrap();
    let bundle = home.bundle(&run, &Selection::all(), &signer).unwrap();
    let shown = bundle.disclosures.as_ref().unwrap();
    assert_eq!(
        shown.blobs.len(),
        2,
        "each value once, though two events hold it"
    );
    assert!(
        shown
            .blobs
            .iter()
            .any(|(_, bytes)| bytes == text.as_bytes())
    );
    assert!(report(&home, "long", "all").is_verified());
    let headers = home.bundle(&run, &Selection::headers(), &signer).unwrap();
    assert!(headers.disclosures.unwrap().blobs.is_empty());
}

#[test]
fn values_nested_as_deep_as_the_format_allows_can_be_shown() {
    let (_dir, mut home) = home();
    let nested = |levels| (0..levels).fold(Value::Null, |value, _| Value::Array(vec![value]));
    let mut run = home.record(&NewRun::new("deep", "a"), 5).unwrap();
    assert!(
        run.event(Draft::new(Kind::Note).with("deep", nested(33)))
            .is_err()
    );
    run.event(Draft::new(Kind::Note).with("deep", nested(31)))
        .unwrap();
    run.end(6).unwrap();
    home.seal_one("deep", &home.signer(None).unwrap()).unwrap();
    assert!(report(&home, "deep", "all").is_verified());
}

#[test]
fn withheld_values_are_nowhere_in_the_bundle() {
    let (_dir, mut home) = home();
    let mut run = home.record(&NewRun::new("secret", "a"), 5).unwrap();
    let secret = "the launch code is 0000";
    run.event(
        Draft::new(Kind::ToolCall)
            .with("input", secret)
            .with("note", "shown"),
    )
    .unwrap();
    run.end(6).unwrap();
    let signer = home.signer(None).unwrap();
    let run = home.seal_one("secret", &signer).unwrap();
    let contains = |selection: &str, needle: &str| {
        let bundle = home
            .bundle(&run, &selection.parse().unwrap(), &signer)
            .unwrap()
            .encode()
            .unwrap();
        bundle
            .windows(needle.len())
            .any(|window| window == needle.as_bytes())
    };
    assert!(contains("all", secret));
    assert!(!contains("field=note", secret) && contains("field=note", "shown"));
    assert!(!contains("headers", "shown") && !contains("none", "shown"));
    // Nor is its salt, without which it cannot be guessed either.
    let entry = home.ledger().event(&run, 1).unwrap();
    let (_, field) = entry.body.get("input").unwrap();
    let salt = field.salt().0;
    let bundle = home
        .bundle(&run, &"field=note".parse().unwrap(), &signer)
        .unwrap()
        .encode()
        .unwrap();
    assert!(!bundle.windows(16).any(|window| window == salt));
}

#[test]
fn less_shown_is_less_checked_and_never_more_verified() {
    let (_dir, mut home) = home();
    let mut run = home.record(&NewRun::new("part", "a"), 5).unwrap();
    let asked = Draft {
        decision: Decision::Deny,
        flags: Flags::HUMAN,
        ..Draft::new(Kind::ApprovalGiven)
    };
    run.event(asked.by("human:op").on("tool:x")).unwrap();
    run.end(6).unwrap();
    home.seal_one("part", &home.signer(None).unwrap()).unwrap();
    for (selection, trace) in [
        ("all", Outcome::Pass),
        ("headers", Outcome::Pass),
        ("seq=1", Outcome::NotChecked),
        ("none", Outcome::NotChecked),
    ] {
        let report = report(&home, "part", selection);
        assert!(report.is_verified(), "{selection}");
        let found = report
            .check(CheckName::Trace)
            .map_or(Outcome::NotChecked, |check| check.outcome);
        assert_eq!(found, trace, "{selection}");
    }
}

#[test]
fn seeded_homes_agree_and_seeded_runs_do_not_share_salts() {
    let roots = || {
        let (_dir, mut home) = home();
        home.set_randomness(Randomness::insecure_seeded([7; 32]));
        let runs = [record(&mut home, "one", "a"), record(&mut home, "two", "a")];
        let salt = |name: &String| {
            let run = home.ledger().resolve(name).unwrap();
            home.ledger().event(&run, 1).unwrap().body.fields()[0].salt()
        };
        runs.each_ref().map(salt)
    };
    let [one, two] = roots();
    assert_ne!(one, two);
    assert_eq!(roots(), [one, two]);
}

#[test]
fn keys_of_either_kind_open_with_their_passphrase_only() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let dir = tempfile::tempdir().unwrap();
        let phrase = avouch::Secret::new("correct horse".into());
        let options = InitOptions {
            algorithm: Some(algorithm),
            passphrase: Some(phrase.clone()),
            ..InitOptions::default()
        };
        let mut home = Home::init(dir.path().join("home"), &options).unwrap();
        assert!(home.needs_passphrase(None).unwrap());
        assert!(home.signer(None).is_err());
        let wrong = avouch::Secret::new("battery staple".into());
        assert!(home.signer(Some(&wrong)).is_err());
        let signer = home.signer(Some(&phrase)).unwrap();
        record(&mut home, "run", "a");
        home.seal_one("run", &signer).unwrap();
    }
}

#[test]
fn another_homes_keys_cannot_seal_here() {
    let (dir, mut home) = home();
    let other = Home::init(dir.path().join("other"), &InitOptions::default()).unwrap();
    record(&mut home, "run", "a");
    assert!(home.seal_one("run", &other.signer(None).unwrap()).is_err());
    assert_eq!(home.ledger().log_size().unwrap().0, 0);
}

#[test]
fn a_failed_init_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let options = InitOptions {
        issuer: Some("bad\nissuer".into()),
        ..InitOptions::default()
    };
    assert!(Home::init(dir.path().join("home"), &options).is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    assert!(matches!(
        Home::init(&file, &InitOptions::default()),
        Err(Error::Exists { .. })
    ));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    assert!(matches!(
        Home::open(Path::new("nowhere")),
        Err(Error::NoHome { .. })
    ));
}

#[test]
fn hostile_names_stay_inside_the_folder() {
    let (dir, mut home) = home();
    for name in ["../../escape", ".hidden", "a/b", "CON:", "tab\u{202e}evil"] {
        record(&mut home, name, "a");
    }
    let signer = home.signer(None).unwrap();
    let runs = home.ledger().runs().unwrap();
    home.seal(&runs, &signer, &mut |_| {}).unwrap();
    let out = dir.path().join("out");
    for run in home.ledger().runs().unwrap() {
        let path = home
            .write_bundle(&run, &Selection::none(), &signer, &out)
            .unwrap();
        assert_eq!(path.parent(), Some(out.as_path()));
        assert!(!path.file_name().unwrap().to_string_lossy().starts_with('.'));
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "home and out");
}
