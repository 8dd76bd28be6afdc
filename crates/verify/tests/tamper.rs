//! Whatever is done to a bundle, it is never verified for what it does not show, and nothing
//! panics.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::Bundle;
use avouch_merkle::sha256;
use avouch_verify::{CheckName, Options, Policy, Report, Unreadable, Verdict, verify};
use common::*;
use proptest::prelude::*;

const STRICT: &str = "disclosure = \"all\"";

fn answer(bytes: &[u8], policy: &Policy) -> Result<Report, Unreadable> {
    verify(bytes, policy, &Options::default())
}

/// A bundle's bytes with the digest at the end made right again.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let before = &bytes[..bytes.len() - 32];
    [before, &sha256(&[before]).0].concat()
}

#[test]
fn no_flipped_byte_is_read() {
    let bytes = run().seal().show_all().encode().unwrap();
    let policy = policy("log = false");
    for at in 0..bytes.len() {
        for bit in [0x01, 0x10, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            assert!(answer(&flipped, &policy).is_err(), "byte {at} ^ {bit:#x}");
        }
    }
}

#[test]
fn no_truncation_is_read_and_the_reason_is_said() {
    let bytes = run().seal().show_all().encode().unwrap();
    let policy = policy("log = false");
    for len in 0..bytes.len() {
        let error = answer(&bytes[..len], &policy).unwrap_err().to_string();
        let reason = if len == 0 {
            "not an avouch bundle"
        } else {
            "cut short"
        };
        assert!(error.contains(reason), "{len}: {error}");
    }
}

#[test]
fn with_the_digest_repaired_no_flipped_byte_passes_where_all_is_required() {
    let bytes = run().seal().show_all().encode().unwrap();
    let policy = policy(STRICT);
    let end = bytes.len() - 32;
    for at in 0..end {
        for bit in [0x01, 0x08, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let report = answer(&repaired(&flipped), &policy);
            let verified = report.as_ref().is_ok_and(Report::is_verified);
            assert!(!verified, "byte {at} ^ {bit:#x}: {}", report.unwrap());
        }
    }
}

#[test]
fn with_the_digest_repaired_a_flip_passes_only_where_nothing_required_was_touched() {
    let original = run().seal().show_all();
    let bytes = original.encode().unwrap();
    let policy = policy("log = false");
    let about = answer(&bytes, &policy).unwrap().about.unwrap();
    let mut passed = 0;
    for at in 0..bytes.len() - 32 {
        for bit in [0x01, 0x08, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let flipped = repaired(&flipped);
            let Ok(report) = answer(&flipped, &policy) else {
                continue;
            };
            if !report.is_verified() {
                continue;
            }
            passed += 1;
            // Only what the log says was touched, and the report no longer says that it is logged.
            let changed = Bundle::decode(&flipped).unwrap();
            assert_eq!(changed.statement, original.statement);
            assert_eq!(changed.disclosures, original.disclosures);
            let found = report.about.as_ref().unwrap();
            assert_eq!(found.statement_id, about.statement_id);
            assert_eq!(found.log, None, "byte {at} ^ {bit:#x}: {report}");
            assert!(report.not_shown.iter().any(|point| point.name == "log"));
        }
    }
    // A receipt's or checkpoint's key id can be turned into that of a log nobody knows.
    assert!(passed > 0);
}

#[test]
fn a_truncation_with_a_digest_of_its_own_is_not_read() {
    let bytes = run().seal().show_all().encode().unwrap();
    let policy = policy("log = false");
    for len in 0..bytes.len() - 34 {
        let head = [&bytes[..len], &[0x58, 32]].concat();
        let whole = [&head[..], &sha256(&[&head]).0].concat();
        assert!(answer(&whole, &policy).is_err(), "{len}");
    }
}

/// Whether taking `to` for `from` would be an improvement.
fn improves(from: Verdict, to: Verdict) -> bool {
    let rank = |verdict| match verdict {
        Verdict::Failed => 0,
        Verdict::Incomplete => 1,
        Verdict::Verified => 2,
    };
    rank(to) > rank(from)
}

/// Every way to take something away from a bundle.
fn removals(bundle: &Bundle) -> Vec<Bundle> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut Bundle)| {
        let mut bundle = bundle.clone();
        change(&mut bundle);
        all.push(bundle);
    };
    without(&|bundle| bundle.receipts.clear());
    without(&|bundle| bundle.checkpoint = None);
    without(&|bundle| {
        bundle.receipts.clear();
        bundle.checkpoint = None;
    });
    without(&|bundle| bundle.disclosures = None);
    without(&|bundle| {
        *bundle = Bundle {
            statement: bundle.statement.clone(),
            ..Bundle::default()
        }
    });
    if let Some(shown) = &bundle.disclosures {
        for at in 0..shown.events.len() {
            without(&|bundle| {
                let shown = bundle.disclosures.as_mut().unwrap();
                shown.events[at].openings = None;
                shown.blobs = Default::default();
            });
        }
        without(&|bundle| bundle.disclosures.as_mut().unwrap().blobs = Default::default());
    }
    all
}

#[test]
fn taking_evidence_away_never_improves_a_verdict_beyond_what_is_required() {
    let sealed = run().seal();
    let everything = [
        "",
        "log = false",
        STRICT,
        "log = false\ndisclosure = \"headers\"",
    ];
    for require in everything {
        let policy = policy(require);
        for bundle in [sealed.show_all(), sealed.show_headers(), sealed.show_none()] {
            let before = judge(&bundle, &policy).verdict;
            for less in removals(&bundle) {
                let report = judge(&less, &policy);
                assert!(!improves(before, report.verdict), "{require}: {report}");
            }
        }
    }
    // Evidence that is bad and required is missed once it is gone.
    let mut bad = sealed.show_all();
    bad.checkpoint = bad
        .checkpoint
        .map(|note| note.replacen("\n5\n", "\n6\n", 1));
    bad.disclosures.as_mut().unwrap().events[2].event.header[7] ^= 1;
    for less in removals(&bad) {
        assert_ne!(judge(&less, &policy(STRICT)).verdict, Verdict::Verified);
    }
}

#[test]
fn what_is_shown_of_another_run_does_not_count() {
    let mut other = run();
    other.drafts[5].fields[0].1 = avouch_cbor::Value::Text("Something else.".into());
    let mut bundle = run().seal().show_all();
    bundle.disclosures = other.seal().show_all().disclosures;
    assert!(!passed(&judge(&bundle, &policy("")), CheckName::Events));
    assert_eq!(judge(&bundle, &policy("")).verdict, Verdict::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_are_never_verified(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Bundle::decode(&bytes).is_err());
        prop_assert!(answer(&bytes, &policy("log = false")).is_err());
    }

    #[test]
    fn arbitrary_bytes_in_a_bundles_frame_are_never_verified(
        sections in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let head = [b"\x84\x66avouch\x01", &sections[..], &[0x58, 32]].concat();
        let whole = [&head[..], &sha256(&[&head]).0].concat();
        let verified = answer(&whole, &policy("log = false")).is_ok_and(|report| report.is_verified());
        prop_assert!(!verified);
    }

    #[test]
    fn arbitrary_statements_and_receipts_are_never_verified(
        statement in prop::collection::vec(any::<u8>(), 0..200),
        receipt in prop::collection::vec(any::<u8>(), 0..200),
        checkpoint in "\\PC{0,80}",
    ) {
        let receipts = vec![receipt];
        let bundle = Bundle { statement, receipts, checkpoint: Some(checkpoint), ..Bundle::default() };
        prop_assert_eq!(judge(&bundle, &policy("")).verdict, Verdict::Failed);
    }

    #[test]
    fn many_changed_bytes_are_never_verified(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let bytes = run().seal().show_all().encode().unwrap();
        let mut changed = bytes.clone();
        for (at, byte) in changes {
            changed[at.index(bytes.len() - 34)] = byte;
        }
        let report = answer(&repaired(&changed), &policy(STRICT));
        prop_assert!(changed == bytes || !report.is_ok_and(|report| report.is_verified()));
    }

    #[test]
    fn arbitrary_text_is_no_policy(text in "\\PC{0,200}") {
        prop_assert!(Policy::from_toml(&text).is_err());
    }
}
