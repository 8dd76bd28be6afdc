//! Encrypted homes, and bundles whose values one auditor reads while anyone verifies them.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::Path;

use avouch::trace::Kind;
use avouch::verify::{CheckName, Options, Outcome, Policy, Report, verify};
use avouch::{BundleView, Draft, Home, Identities, InitOptions, NewRun, Selection};
use tempfile::TempDir;

const SECRET: &str = "only the auditor may read this";

/// An encrypted home with a sealed run. It was recorded without any identity at hand.
fn sealed() -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let options = InitOptions {
        encrypt_to: Some(Vec::new()),
        ..InitOptions::default()
    };
    let mut home = Home::init(dir.path().join("home"), &options).unwrap();
    let mut run = home.record(&NewRun::new("run", "agent"), 1_000).unwrap();
    let long = format!("{SECRET} {}", "x".repeat(6000));
    let note = Draft::new(Kind::Note)
        .with("text", SECRET)
        .with("long", long);
    run.event(note).unwrap();
    run.end(3_000).unwrap();
    let signer = home.signer(None).unwrap();
    home.seal_one("run", &signer).unwrap();
    (dir, home)
}

/// With the identity that was made with the home.
fn unlock(home: &mut Home) {
    let file = home.identity_file().unwrap().unwrap();
    assert!(!file.is_locked());
    home.unlock(file.open(None).unwrap());
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

fn judge(home: &Home, bundle: &[u8]) -> Report {
    let policy = Policy::from_toml(&fs::read_to_string(home.trust_path()).unwrap()).unwrap();
    verify(bundle, &policy, &Options::default()).unwrap()
}

#[test]
fn an_encrypted_home_keeps_its_values_from_who_has_no_identity() {
    let (dir, home) = sealed();
    drop(home);
    for name in ["ledger.db", "ledger.db-wal"] {
        let bytes = fs::read(dir.path().join("home").join(name)).unwrap_or_default();
        assert!(!holds(&bytes, SECRET), "{name}");
    }
    let mut home = Home::open(dir.path().join("home")).unwrap();
    let run = home.ledger().resolve("run").unwrap();
    let locked = home.event(&run, 1).unwrap_err().to_string();
    assert!(locked.contains("no identity at hand"), "{locked}");
    unlock(&mut home);
    let event = home.event(&run, 1).unwrap();
    assert_eq!(event.fields["text"], SECRET);
    assert_eq!(home.ledger().fsck(&mut |_| {}).unwrap().finding, None);
}

#[test]
fn a_bundle_for_an_auditor_is_verified_by_anyone_and_read_by_them_alone() {
    let (dir, mut home) = sealed();
    unlock(&mut home);
    let signer = home.signer(None).unwrap();
    let run = home.ledger().resolve("run").unwrap();
    let auditor = Identities::generate();
    let open = home.bundle(&run, &Selection::all(), &signer).unwrap();
    let sealed = home
        .bundle_to(&run, &Selection::all(), &auditor.recipients(), &signer)
        .unwrap();
    let (open, sealed) = (open.encode().unwrap(), sealed.encode().unwrap());
    assert!(holds(&open, SECRET) && !holds(&sealed, SECRET));
    let report = judge(&home, &sealed);
    assert!(report.is_verified(), "{report}");
    let shown = report.about.as_ref().unwrap().shown;
    assert_eq!((shown.events, shown.fields, shown.sealed_fields), (3, 0, 2));
    assert_eq!(shown.withheld_fields, 0);
    assert!(
        report
            .not_shown
            .iter()
            .any(|point| point.name == "sealed-fields")
    );
    // A sealed hash that is another fails, whoever looks.
    let mut forged = avouch::bundle::Bundle::decode(&sealed).unwrap();
    let shown = forged.disclosures.as_mut().unwrap();
    let openings = shown.events[1].openings.as_mut().unwrap();
    openings.sealed[0].1 = avouch::merkle::Digest([1; 32]);
    let report = judge(&home, &forged.encode().unwrap());
    assert_eq!(
        report.check(CheckName::Fields).unwrap().outcome,
        Outcome::Fail
    );

    // The auditor opens it, and has the bundle as if it had never been sealed.
    let path = dir.path().join("sealed.avouch");
    fs::write(&path, &sealed).unwrap();
    let mut view = BundleView::read(&path).unwrap();
    assert!(view.open(&Identities::generate()).is_err());
    view.open(&auditor).unwrap();
    assert_eq!(view.to_bytes().unwrap(), open);
    let trust = home.trust_path();
    let answers = |identities: Option<&Identities>| {
        let paths = [path.clone()];
        avouch::verify_files_opened(&paths, &trust, &Options::default(), None, identities)
            .unwrap()
            .exit_code()
    };
    assert_eq!(answers(None), 0);
    assert_eq!(answers(Some(&auditor)), 0);
    assert_eq!(
        answers(Some(&Identities::generate())),
        2,
        "unreadable to them"
    );
}

#[test]
fn a_reader_who_is_added_reads_the_run_from_the_store() {
    let (dir, mut home) = sealed();
    unlock(&mut home);
    let run = home.ledger().resolve("run").unwrap();
    let auditor = Identities::generate();
    let recipient = auditor.recipients().remove(0);
    home.add_recipient(&run, &recipient).unwrap();
    assert_eq!(home.ledger().recipients_of(run.index).unwrap().len(), 2);
    drop(home);
    let reads = |path: &Path| {
        let mut home = Home::open(path).unwrap();
        home.unlock(auditor.clone());
        let run = home.ledger().resolve("run").unwrap();
        home.event(&run, 1).unwrap().fields["text"] == SECRET
    };
    assert!(reads(&dir.path().join("home")));
}

#[test]
fn erasing_works_on_what_is_encrypted() {
    let (_dir, mut home) = sealed();
    unlock(&mut home);
    let signer = home.signer(None).unwrap();
    let run = home.ledger().resolve("run").unwrap();
    let targets = home.find_value(&run, 1, "text").unwrap();
    assert_eq!(
        targets.len(),
        2,
        "the field, and the blob that holds the same"
    );
    let erased = home
        .redact(&run, &targets, None, "asked for", &signer)
        .unwrap();
    assert_eq!(erased.blobs, 1);
    let bundle = home.bundle(&run, &Selection::all(), &signer).unwrap();
    let bytes = bundle.encode().unwrap();
    assert!(!holds(&bytes, SECRET));
    assert!(judge(&home, &bytes).is_verified());
}
