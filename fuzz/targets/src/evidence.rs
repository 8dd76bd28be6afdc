//! The evidence file, the trust policy, and the verifier that brings them together.

use std::sync::LazyLock;

use avouch_bundle::Bundle;
use avouch_verify::{Options, Policy, verify};

use crate::seeds;

/// A bundle that is accepted has exactly one encoding.
pub(crate) fn bundle(data: &[u8]) -> bool {
    let Ok(bundle) = Bundle::decode(data) else {
        return false;
    };
    assert_eq!(bundle.encode().expect("what was decoded encodes"), data);
    for shown in bundle.disclosures.iter().flat_map(|shown| &shown.events) {
        assert_eq!(bundle.event(shown.seq), Some(shown));
    }
    true
}

/// A policy is read or refused.
pub(crate) fn policy(data: &[u8]) -> bool {
    core::str::from_utf8(data).is_ok_and(|text| Policy::from_toml(text).is_ok())
}

/// Under the policy that fits the seeds, nothing verifies but what their keys signed, and what is shown
/// then is what happened.
pub(crate) fn verifier(data: &[u8]) -> bool {
    static KNOWN: LazyLock<(Policy, Bundle)> = LazyLock::new(|| {
        let policy = Policy::from_toml(&seeds::policy()).expect("the seeds' policy");
        (policy, seeds::full_bundle())
    });
    let (policy, honest) = &*KNOWN;
    let Ok(report) = verify(data, policy, &Options::default()) else {
        return false;
    };
    assert!(!report.to_string().is_empty());
    assert!(serde_json::to_string(&report).is_ok());
    if report.is_verified() {
        let bundle = Bundle::decode(data).expect("what was verified was read");
        assert_eq!(bundle.statement, honest.statement);
        for shown in bundle.disclosures.iter().flat_map(|shown| &shown.events) {
            let original = honest.event(shown.seq).expect("an event of the run");
            assert_eq!(shown.event, original.event);
            for field in shown.fields() {
                assert!(original.fields().any(|other| other == field));
            }
        }
    }
    report.is_verified()
}
