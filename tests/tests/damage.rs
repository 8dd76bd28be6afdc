//! A bundle that was changed in any way is never verified, never a panic, and answered at once.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::time::{Duration, Instant};

use avouch::verify::{Options, Policy, Report, Unreadable, Verdict, verify};
use avouch::{Home, InitOptions, Selection};
use avouch_bundle::Bundle;
use avouch_merkle::sha256;

/// A small generator (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// The fixtures' session, sealed: its evidence and the policy.
fn evidence(selection: &str) -> (Vec<u8>, Policy) {
    let dir = tempfile::tempdir().unwrap();
    let mut home = Home::init(dir.path().join("home"), &InitOptions::default()).unwrap();
    let input =
        fs::File::open(avouch_tests::repository().join("fixtures/agent-session.jsonl")).unwrap();
    home.ingest("agent-session.jsonl", input, &Default::default())
        .unwrap();
    let signer = home.signer(None).unwrap();
    let run = home.seal_one("bill-418", &signer).unwrap();
    let selection: Selection = selection.parse().unwrap();
    let bundle = home
        .bundle(&run, &selection, &signer)
        .unwrap()
        .encode()
        .unwrap();
    let policy = Policy::from_toml(&fs::read_to_string(home.trust_path()).unwrap()).unwrap();
    (bundle, policy)
}

fn timed(bytes: &[u8], policy: &Policy) -> Result<Report, Unreadable> {
    let start = Instant::now();
    let report = verify(bytes, policy, &Options::default());
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "an answer took {:?}",
        start.elapsed()
    );
    report
}

fn is_verified(report: &Result<Report, Unreadable>) -> bool {
    report
        .as_ref()
        .is_ok_and(|report| report.verdict == Verdict::Verified)
}

/// Makes the digest at the end fit again, as any forger can.
fn repair(bytes: &mut [u8]) {
    let at = bytes.len() - 32;
    let digest = sha256(&[&bytes[..at]]);
    bytes[at..].copy_from_slice(&digest.0);
}

#[test]
fn two_thousand_changed_bytes_are_never_verified() {
    let (good, policy) = evidence("all");
    assert!(is_verified(&timed(&good, &policy)));
    let mut random = Random(20_261_121);
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        let at = random.below(bytes.len());
        bytes[at] ^= 1 + random.below(255) as u8;
        assert!(!is_verified(&timed(&bytes, &policy)), "byte {at}");
    }
}

#[test]
fn two_hundred_truncations_are_never_verified() {
    let (good, policy) = evidence("all");
    let mut random = Random(7);
    for _ in 0..200 {
        let length = random.below(good.len());
        assert!(
            !is_verified(&timed(&good[..length], &policy)),
            "{length} bytes"
        );
        if length > 32 {
            let mut bytes = good[..length].to_vec();
            repair(&mut bytes);
            assert!(
                !is_verified(&timed(&bytes, &policy)),
                "{length} bytes, repaired"
            );
        }
    }
}

#[test]
fn with_the_digest_repaired_a_change_is_verified_only_where_nothing_required_was_touched() {
    for selection in ["all", "kind=tool-call field=input", "none"] {
        let (good, policy) = evidence(selection);
        let whole = Bundle::decode(&good).unwrap();
        let honest = timed(&good, &policy).unwrap();
        let mut random = Random(42);
        let mut verified = 0;
        for _ in 0..2_000 {
            let mut bytes = good.clone();
            let at = random.below(bytes.len() - 32);
            bytes[at] ^= 1 + random.below(255) as u8;
            repair(&mut bytes);
            let report = timed(&bytes, &policy);
            if !is_verified(&report) {
                continue;
            }
            verified += 1;
            // What is left to change without being noticed is what no signature or hash covers and no
            // verdict rests on; the report says the same of the run, and shows the same.
            let changed = Bundle::decode(&bytes).unwrap();
            assert_eq!(changed.statement, whole.statement, "byte {at}");
            assert_eq!(changed.disclosures, whole.disclosures, "byte {at}");
            let report = report.unwrap();
            let about = |report: &Report| serde_json::to_value(&report.about).unwrap();
            assert_eq!(about(&report), about(&honest), "byte {at}");
        }
        assert!(
            verified < 40,
            "{verified} of 2000 changes to the bundle of {selection} went unnoticed"
        );
    }
}
