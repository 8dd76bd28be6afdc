//! What verifiers see of a run from which something was erased.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;

use avouch::bundle::Bundle;
use avouch::merkle::Digest;
use avouch::trace::{Flags, Kind};
use avouch::verify::{CheckName, Options, Outcome, Policy, Report, Verdict, verify};
use avouch::{Draft, Home, InitOptions, NewRun, ScanMode, Scanner, Selection};
use avouch_cbor::Value;
use tempfile::TempDir;

const SECRET: &str = "Jane Doe, 1 Elm Street";

/// A home with a sealed run, and its bundle from before anything was erased.
fn sealed() -> (TempDir, Home, Bundle) {
    let dir = tempfile::tempdir().unwrap();
    let mut home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    for name in ["run", "other"] {
        let mut run = home.record(&NewRun::new(name, "agent"), 1_000).unwrap();
        let note = |text: &str| {
            Draft::new(Kind::Note)
                .with("text", text)
                .with("kept", "kept")
        };
        run.event(note(SECRET)).unwrap();
        run.event(note("nothing personal")).unwrap();
        run.event(note(&format!("as said: {SECRET}"))).unwrap();
        run.end(3_000).unwrap();
        let signer = home.signer(None).unwrap();
        home.seal_one(name, &signer).unwrap();
    }
    let before = bundle(&home, "run", "all");
    (dir, home, before)
}

fn bundle(home: &Home, run: &str, selection: &str) -> Bundle {
    let signer = home.signer(None).unwrap();
    let run = home.ledger().resolve(run).unwrap();
    let selection: Selection = selection.parse().unwrap();
    home.bundle(&run, &selection, &signer).unwrap()
}

fn erase(home: &mut Home, run: &str) {
    let signer = home.signer(None).unwrap();
    let run = home.ledger().resolve(run).unwrap();
    let targets = home.find_value(&run, 1, "text").unwrap();
    assert_eq!(targets.len(), 2);
    home.redact(&run, &targets, Some("dpo@acme"), "art. 17", &signer)
        .unwrap();
}

fn judge(home: &Home, bundle: &Bundle) -> Report {
    let policy = Policy::from_toml(&fs::read_to_string(home.trust_path()).unwrap()).unwrap();
    verify(&bundle.encode().unwrap(), &policy, &Options::default()).unwrap()
}

fn assert_fails(home: &Home, bundle: &Bundle, check: CheckName, words: &str) {
    let report = judge(home, bundle);
    assert_eq!(report.verdict, Verdict::Failed, "{report}");
    let found = report.check(check).unwrap();
    assert_eq!(found.outcome, Outcome::Fail, "{report}");
    assert!(found.reason.contains(words), "{}", found.reason);
}

#[test]
fn old_bundles_keep_verifying_and_new_ones_show_what_was_erased() {
    let (_dir, mut home, before) = sealed();
    erase(&mut home, "run");
    assert!(judge(&home, &before).is_verified());
    for selection in ["all", "seq=1", "seq=1|3 field=text"] {
        let after = bundle(&home, "run", selection);
        let report = judge(&home, &after);
        assert!(report.is_verified(), "{selection}: {report}");
        let check = report.check(CheckName::Redactions).unwrap();
        assert_eq!(check.outcome, Outcome::Pass);
        let shown = report.about.as_ref().unwrap().shown;
        let erased = if selection == "seq=1" { 1 } else { 2 };
        assert_eq!(shown.erased_fields, erased, "{selection}");
        assert!(
            report
                .not_shown
                .iter()
                .any(|point| point.name == "erased-fields")
        );
        let bytes = after.encode().unwrap();
        assert!(!bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes()));
    }
    // Nothing is said where nothing is shown of an event that lost something.
    let report = judge(&home, &bundle(&home, "run", "seq=2"));
    assert!(report.is_verified() && report.check(CheckName::Redactions).is_none());
    let report = judge(&home, &bundle(&home, "run", "headers"));
    assert!(report.is_verified() && report.check(CheckName::Redactions).is_none());
}

#[test]
fn a_policy_that_wants_everything_is_told_what_was_erased() {
    let (_dir, mut home, before) = sealed();
    erase(&mut home, "run");
    let text = fs::read_to_string(home.trust_path()).unwrap();
    let policy = Policy::from_toml(&format!("{text}disclosure = \"all\"\n")).unwrap();
    let judge =
        |bundle: &Bundle| verify(&bundle.encode().unwrap(), &policy, &Options::default()).unwrap();
    assert!(judge(&before).is_verified());
    let report = judge(&bundle(&home, "run", "all"));
    assert_eq!(report.verdict, Verdict::Incomplete);
    let reason = &report.check(CheckName::Disclosure).unwrap().reason;
    assert!(reason.contains("2 fields that were erased"), "{reason}");
}

#[test]
fn a_withheld_field_does_not_pass_as_an_erased_one() {
    let (_dir, mut home, before) = sealed();
    // Take a whole event's field away and call it erased, without any redaction.
    let mut forged = before.clone();
    let shown = forged.disclosures.as_mut().unwrap();
    let openings = shown.events[1].openings.as_mut().unwrap();
    let (index, field) = openings.fields.pop().unwrap();
    openings.erased.push((index, field.leaf()));
    assert_fails(
        &home,
        &forged,
        CheckName::Redactions,
        "no redaction is about it",
    );
    // With the redaction of another run, or one of other fields.
    erase(&mut home, "other");
    let other = bundle(&home, "other", "all").disclosures.unwrap();
    let shown = forged.disclosures.as_mut().unwrap();
    shown.redactions = other.redactions;
    shown.redactions[0].tombstones = vec![(0, 1, index)];
    assert_fails(&home, &forged, CheckName::Redactions, "not this one");
    erase(&mut home, "run");
    let mine = bundle(&home, "run", "seq=1").disclosures.unwrap();
    let mut forged = bundle(&home, "run", "seq=2");
    let shown = forged.disclosures.as_mut().unwrap();
    let openings = shown.events[0].openings.as_mut().unwrap();
    let (index, field) = openings.fields.pop().unwrap();
    openings.erased.push((index, field.leaf()));
    shown.redactions = mine.redactions;
    shown.redactions[0].tombstones = vec![(0, 2, index)];
    assert_fails(
        &home,
        &forged,
        CheckName::Redactions,
        "not those that it is about",
    );
}

#[test]
fn a_redaction_is_the_issuers_whole_and_in_the_log() {
    let (_dir, mut home, _) = sealed();
    erase(&mut home, "run");
    let good = bundle(&home, "run", "all");
    let edited = |edit: &dyn Fn(&mut Bundle)| {
        let mut bundle = good.clone();
        edit(&mut bundle);
        bundle
    };
    let redactions = |bundle: &mut Bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        std::mem::take(&mut shown.redactions)
    };
    let without = edited(&|bundle| drop(redactions(bundle)));
    assert_fails(
        &home,
        &without,
        CheckName::Redactions,
        "no redaction is about it",
    );
    let twice = edited(&|bundle| {
        let one = redactions(bundle);
        bundle.disclosures.as_mut().unwrap().redactions = [one.clone(), one].concat();
    });
    assert_fails(
        &home,
        &twice,
        CheckName::Redactions,
        "not shown as erased, or twice",
    );
    let first = |bundle: &mut Bundle, edit: &dyn Fn(&mut avouch::bundle::Redacted)| {
        edit(&mut bundle.disclosures.as_mut().unwrap().redactions[0]);
    };
    // A byte of the signature.
    let unsigned = edited(&|bundle| {
        first(bundle, &|one| {
            let at = one.statement.len() - 40;
            one.statement[at] ^= 1;
        });
    });
    assert_fails(&home, &unsigned, CheckName::Redactions, "redaction 1");
    let leaf = edited(&|bundle| {
        let shown = bundle.disclosures.as_mut().unwrap();
        let openings = shown.events[1].openings.as_mut().unwrap();
        openings.erased[0].1 = Digest([7; 32]);
    });
    assert_fails(&home, &leaf, CheckName::Fields, "");
    let manifest = edited(&|bundle| {
        let statement = bundle.statement.clone();
        first(bundle, &|one| one.statement = statement.clone());
    });
    assert_fails(&home, &manifest, CheckName::Redactions, "content type");
    let proof = edited(&|bundle| first(bundle, &|one| one.proof.push(Digest([1; 32]))));
    assert_fails(
        &home,
        &proof,
        CheckName::Redactions,
        "not those that it is about",
    );
    // Not shown to be in the log: nothing is wrong, something is missing.
    let unlogged = edited(&|bundle| first(bundle, &|one| one.receipts.clear()));
    let report = judge(&home, &unlogged);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    let other_receipt = edited(&|bundle| {
        let receipts = bundle.receipts.clone();
        first(bundle, &|one| one.receipts = receipts.clone());
    });
    assert_fails(&home, &other_receipt, CheckName::Redactions, "receipt 1");
}

#[test]
fn an_interrupted_erasure_is_finished_when_the_home_is_opened() {
    let (dir, mut home, _) = sealed();
    erase(&mut home, "run");
    drop(home);
    // As a process that was killed after the transaction leaves it.
    let marker = dir.path().join("home/ledger.db-erasing");
    fs::write(&marker, b"").unwrap();
    let home = Home::open(dir.path().join("home")).unwrap();
    assert!(!marker.exists());
    assert_eq!(home.ledger().fsck(&mut |_| {}).unwrap().finding, None);
}

#[test]
fn what_a_scanner_hits_is_redacted_at_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let mut home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    let token = format!(
        "ghp_{}",
        "a8Kd03nQzR7bXw5YtE1mVc9LsG2hPu6JfT4oNiB".split_at(36).0
    );
    for (mode, kept) in [(ScanMode::Warn, true), (ScanMode::Redact, false)] {
        home.set_scanner(Scanner::builtin().unwrap(), mode);
        let mut run = home.record(&NewRun::new("run", "agent"), 1_000).unwrap();
        let draft = Draft::new(Kind::ToolCall)
            .with("input", format!("use {token}"))
            .with("plain", "nothing here")
            .with(
                "raw",
                Value::Bytes(format!("{{\"input\":\"use {token}\"}}").into_bytes()),
            );
        run.event(draft).unwrap();
        let name = run.end(2_000).unwrap();
        assert_eq!(home.scan_report().hits["github-token"], 2);
        let run = home.ledger().resolve(&name).unwrap();
        let entry = home.ledger().event(&run, 1).unwrap();
        let header = entry.event.header_at(1).unwrap();
        assert_eq!(header.flags.contains(Flags::REDACTED), !kept);
        let text: Vec<u8> = entry
            .body
            .fields()
            .iter()
            .flat_map(|f| f.bytes().to_vec())
            .collect();
        let has = |needle: &str| text.windows(needle.len()).any(|w| w == needle.as_bytes());
        assert_eq!(has(&token), kept);
        assert_eq!(has("[redacted:github-token]"), !kept);
        assert_eq!(entry.body.get("redacted").is_some(), !kept);
        assert!(has("nothing here"));
    }
}
