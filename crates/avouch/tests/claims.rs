//! The example claims files, and claims about runs and bundles through the library.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use avouch::claim::{Claim, Claims, ClaimsFile, Reason, State, Verdict};
use avouch::importers::Options;
use avouch::trace::Kind;
use avouch::{BundleView, Draft, Error, Home, InitOptions, Judged, NewRun, Selection, read_claims};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

fn home() -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    (dir, home)
}

/// A home with one session in it.
fn home_with(session: &str) -> (TempDir, Home) {
    let (dir, mut home) = home();
    let input = fs::File::open(fixture(session)).unwrap();
    let outcomes = home.ingest(session, input, &Options::default()).unwrap();
    assert_eq!(outcomes.len(), 1, "{session}");
    (dir, home)
}

fn check(home: &Home, claims: &Claims) -> Judged {
    let run = &home.ledger().runs().unwrap()[0];
    home.check_claims(run, claims).unwrap()
}

fn verdict(judged: Judged) -> Verdict {
    match judged {
        Judged::Verdict(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

/// Which of the file's claims are false, in its order: at which event, and why.
fn failures(file: &ClaimsFile, verdict: &Verdict) -> Vec<(usize, Option<u64>, Reason)> {
    let failure = |(number, entry): (usize, &avouch::claim::Entry)| {
        let failure = verdict.failure(entry.claim)?;
        Some((number, failure.event, failure.reason))
    };
    (1..).zip(&file.entries).filter_map(failure).collect()
}

const EXAMPLES: [(&str, &str); 5] = [
    ("agent-session", "agent-session.jsonl"),
    ("agent-session-strict", "agent-session.jsonl"),
    ("claude-code-session", "claude-code-session.jsonl"),
    ("debate", "debate.jsonl"),
    ("payouts", "claims/payouts.jsonl"),
];

/// Claims about other systems' records, which the whole-system tests check.
const SYSTEMS: [&str; 4] = ["arw", "governance-engine", "harombe", "vex"];

#[test]
fn the_example_claims_say_what_their_table_says() {
    for (claims, session) in EXAMPLES {
        let file = read_claims(&fixture(&format!("claims/{claims}.claims.toml"))).unwrap();
        let (_dir, home) = home_with(session);
        let verdict = verdict(check(&home, &file.claims));
        let expected = match claims {
            "agent-session-strict" => vec![
                (1, Some(53), Reason::Overspent),
                (2, Some(51), Reason::RaisedTooMuch),
                (3, Some(17), Reason::NotInSet),
            ],
            _ => vec![],
        };
        assert_eq!(failures(&file, &verdict), expected, "{claims}");
        assert_eq!(verdict.holds(), expected.is_empty(), "{claims}");
    }
}

#[test]
fn the_examples_are_all_there_and_use_every_claim() {
    let mut types = BTreeSet::new();
    let mut files = 0;
    for entry in fs::read_dir(fixture("claims")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let file = read_claims(&path).unwrap();
            types.extend(file.claims.as_slice().iter().map(Claim::name));
            files += 1;
        }
    }
    let systems = SYSTEMS.map(|name| fixture(&format!("claims/{name}.claims.toml")));
    assert!(systems.iter().all(|path| path.is_file()));
    assert_eq!(
        files,
        EXAMPLES.len() + SYSTEMS.len(),
        "each is checked above or in tests/tests/system_claims.rs"
    );
    assert_eq!(types.len(), 11, "{types:?}");
}

/// What another implementation must find for the examples: the canonical form, its digest, and the
/// state's bytes (as SHA-256, with the last one in full where it is short) after 0, 1, half and all events.
fn vectors() -> serde_json::Value {
    let vectors = EXAMPLES.iter().map(|(claims, session)| {
        let file = read_claims(&fixture(&format!("claims/{claims}.claims.toml"))).unwrap();
        let (_dir, home) = home_with(session);
        let run = &home.ledger().runs().unwrap()[0];
        let headers: Vec<_> = home
            .ledger()
            .events(run)
            .map(|event| event.unwrap().header().unwrap())
            .collect();
        let mut state = State::new(&file.claims);
        let mut states = serde_json::Map::new();
        let cuts = [0, 1, headers.len() / 2, headers.len()];
        for index in 0..=headers.len() {
            if cuts.contains(&index) {
                let digest = avouch::merkle::sha256(&[&state.encode()]);
                states.insert(index.to_string(), digest.to_string().into());
            }
            headers.get(index).inspect(|header| state.step(header).unwrap());
        }
        let verdict = state.finish().unwrap();
        let failures = verdict.failures().map(|failure| {
            serde_json::json!({ "claim": failure.claim, "event": failure.event, "reason": failure.reason.number() })
        });
        let last = state.encode();
        serde_json::json!({
            "claims": format!("{claims}.claims.toml"), "session": session,
            "cbor": hex::encode(file.claims.encode()), "digest": file.claims.digest().to_string(),
            "state_length": last.len(), "states_sha256": states,
            "last_state": (last.len() < 500).then(|| hex::encode(&last)),
            "failures": failures.collect::<Vec<_>>(),
        })
    });
    vectors.collect()
}

/// `AVOUCH_REGENERATE=1` writes them anew.
#[test]
fn the_vectors_are_what_the_evaluator_finds() {
    let path = fixture("claims/vectors.json");
    let found = format!("{:#}\n", vectors());
    if std::env::var_os("AVOUCH_REGENERATE").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), found);
}

#[test]
fn a_bundle_is_judged_by_the_headers_that_it_shows() {
    let (dir, mut home) = home_with("agent-session.jsonl");
    let signer = home.signer(None).unwrap();
    let runs = home.ledger().runs().unwrap();
    home.seal(&runs, &signer, &mut |_| {}).unwrap();
    let run = &home.ledger().runs().unwrap()[0];
    let judge = |selection: &str, claims: &Claims| {
        let selection: Selection = selection.parse().unwrap();
        let bundle = home.bundle(run, &selection, &signer).unwrap();
        let path = dir.path().join("evidence.avouch");
        fs::write(&path, bundle.encode().unwrap()).unwrap();
        BundleView::read(&path)
            .unwrap()
            .check_claims(claims)
            .unwrap()
    };
    for name in ["agent-session", "agent-session-strict"] {
        let file = read_claims(&fixture(&format!("claims/{name}.claims.toml"))).unwrap();
        let from_ledger = home.check_claims(run, &file.claims).unwrap();
        for selection in ["headers", "all"] {
            assert_eq!(
                judge(selection, &file.claims),
                from_ledger,
                "{name} {selection}"
            );
        }
        let hidden = |first, shown| Judged::NotShown { first, shown };
        assert_eq!(judge("none", &file.claims), hidden(0, 0));
        assert_eq!(judge("seq=0..62", &file.claims), hidden(63, 63));
        assert_eq!(judge("seq=0..3; seq=5..63", &file.claims), hidden(4, 63));
    }
}

#[test]
fn an_open_run_has_no_verdict() {
    let (_dir, mut home) = home();
    let mut run = home.record(&NewRun::new("open", "agent"), 1_000).unwrap();
    run.event(Draft::new(Kind::Note)).unwrap();
    drop(run);
    let claims = Claims::new([Claim::Halt]).unwrap();
    assert_eq!(check(&home, &claims), Judged::Open);
}

#[test]
fn a_file_that_is_no_claims_file_is_named() {
    let (dir, _home) = home();
    let path = dir.path().join("claims.toml");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        read_claims(&path).unwrap_err().to_string()
    };
    let error = refused("version = 1\n[[claim]]\ntype = \"spend\"\nmaximum = 1\n");
    assert!(
        error.contains("claims.toml: [[claim]] 1") && error.contains("maximum"),
        "{error}"
    );
    assert!(matches!(
        read_claims(&dir.path().join("absent")),
        Err(Error::Io { .. })
    ));
}

#[test]
fn the_document_s_example_is_a_claims_file() {
    let page = fs::read_to_string(fixture("../docs/claims.md")).unwrap();
    let (_, after) = page.split_once("```toml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let file = ClaimsFile::from_toml(example).unwrap();
    assert_eq!(file.entries.len(), 2);
}
