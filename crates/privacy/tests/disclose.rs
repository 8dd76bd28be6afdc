//! What a disclosure shows is proven; what it withholds cannot be learnt from it.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashSet;

use avouch_cbor::Value;
use avouch_merkle::{Digest, LeafIndex, hash_leaf, sha256, verify_multi};
use avouch_trace::{Body, Field, Salt};
use common::*;

/// Runs of these events with one withheld field of `value` in event 1, and one hidden event 2.
fn events(name: &'static str, value: Value, hidden: Value) -> Vec<Fields> {
    vec![
        vec![("text", "start".into())],
        vec![("shown", "seen".into()), (name, value)],
        vec![("text", hidden)],
        vec![],
    ]
}

const SHOWN: &str = "seq=1 field=shown";

#[test]
fn what_is_shown_leads_to_the_signed_root() {
    let (_folder, _, ledger) = new_ledger();
    let run = add_run(
        &ledger,
        "run",
        &events("secret", "yes".into(), 7_u64.into()),
        0,
    );
    let run = seal(&ledger, run);
    let manifest = ledger.statement(run.index).unwrap().unwrap().manifest;
    let shown = bundle(&ledger, &run, SHOWN).disclosures.unwrap();
    let event = &shown.events[0];
    let leaves = [(LeafIndex(event.seq), event.event.leaf())];
    verify_multi(4.into(), &leaves, &shown.proof, &manifest.root).unwrap();
    let openings = event.openings.as_ref().unwrap();
    let count = Body::verify(&event.event.body, &openings.fields, &openings.proof).unwrap();
    assert_eq!(
        (count, openings.fields.len()),
        (2, 2),
        "leaf 0 and one of two"
    );
}

/// Every leaf hash that a reader can make of a guessed value with the salts that the bundle gives away,
/// and with none.
fn guesses(bytes: &[u8], name: &str, value: &Value) -> HashSet<Digest> {
    let mut found: HashSet<Digest> = bytes
        .windows(16)
        .map(|salt| Salt(salt.try_into().unwrap()))
        .chain([Salt([0; 16])])
        .map(|salt| Field::from_value(salt, name, value).unwrap().leaf())
        .collect();
    let value = value.to_vec().unwrap();
    found.extend([
        sha256(&[&value]),
        hash_leaf(&value),
        sha256(&[name.as_bytes(), &value]),
    ]);
    found
}

#[test]
fn a_withheld_value_of_two_that_are_possible_cannot_be_guessed() {
    let (_folder, _, ledger) = new_ledger();
    let run = add_run(
        &ledger,
        "run",
        &events("approved", true.into(), "hidden".into()),
        0,
    );
    let run = seal(&ledger, run);
    let bytes = bundle(&ledger, &run, SHOWN).encode().unwrap();
    let hashes: HashSet<Digest> = digests(&bytes).collect();
    for guess in [true, false] {
        let made = guesses(&bytes, "approved", &guess.into());
        assert!(made.is_disjoint(&hashes), "{guess}");
    }
    let made = guesses(&bytes, "text", &"hidden".into());
    assert!(made.is_disjoint(&hashes));
    assert!(!contains(&bytes, b"approved") && !contains(&bytes, b"hidden"));
    // With the salt the guess succeeds: it is the salt alone that hides the value.
    let leaf = Field::from_value(salt(1, 1, 0), "approved", &true.into())
        .unwrap()
        .leaf();
    assert!(hashes.contains(&leaf));
    assert!(!contains(&bytes, &salt(1, 1, 0).0));
}

#[test]
fn nothing_but_the_number_of_withheld_fields_can_be_told_from_a_bundle() {
    let disclosed = |name, value: Value, hidden: Value| {
        let (_folder, _, ledger) = new_ledger();
        let run = add_run(&ledger, "run", &events(name, value, hidden), 0);
        let run = seal(&ledger, run);
        let bundle = bundle(&ledger, &run, SHOWN);
        (bundle.encode().unwrap(), bundle.disclosures.unwrap())
    };
    let long = "x".repeat(4000);
    let (first, shown) = disclosed("a", 0_u64.into(), Value::Null);
    for (name, value, hidden) in [
        ("b", Value::from(1_u64), Value::Null),
        ("approved_by", "nobody at all".into(), "short".into()),
        ("z", long.as_str().into(), long.as_str().into()),
        ("a", "blob ".repeat(1000).as_str().into(), true.into()),
    ] {
        let (other, other_shown) = disclosed(name, value, hidden);
        assert_eq!(first.len(), other.len(), "{name}: the length tells nothing");
        // All that differs is hashes, and the place that a hash gives the shown field among its siblings.
        let (a, b) = (&shown.events[0], &other_shown.events[0]);
        assert_eq!(a.event.header, b.event.header);
        let fields = |shown: &avouch_bundle::Shown| {
            let fields = shown.fields().map(|field| field.bytes().to_vec());
            fields.collect::<Vec<_>>()
        };
        assert_eq!(fields(a), fields(b));
        assert_eq!(shown.proof.len(), other_shown.proof.len());
    }
}

#[test]
fn a_field_s_place_is_that_of_its_hash_and_not_of_its_name() {
    // Fields stand in the order of their salted leaf hashes, so an index says nothing about a name.
    let (_folder, _, ledger) = new_ledger();
    let mut places = HashSet::new();
    for seed in 0..40 {
        let name = format!("run-{seed}");
        let run = add_run(
            &ledger,
            &name,
            &events("secret", "yes".into(), 7_u64.into()),
            seed,
        );
        let run = seal(&ledger, run);
        let shown = bundle(&ledger, &run, SHOWN).disclosures.unwrap();
        let openings = shown.events[0].openings.clone().unwrap();
        places.insert(openings.fields[1].0);
    }
    assert_eq!(places, HashSet::from([1, 2]));
}

#[test]
fn a_hidden_event_gives_away_nothing_but_its_place() {
    let (_folder, _, ledger) = new_ledger();
    let run = add_run(
        &ledger,
        "run",
        &events("secret", "yes".into(), "hidden".into()),
        0,
    );
    let run = seal(&ledger, run);
    let bytes = bundle(&ledger, &run, "seq=1|3 headers").encode().unwrap();
    for seq in [0, 2] {
        let event = ledger.event(&run, seq).unwrap().event;
        assert!(!contains(&bytes, &event.header) && !contains(&bytes, &event.body.0));
        assert!(contains(&bytes, &event.leaf().0), "only its leaf hash");
    }
}

#[test]
fn a_selection_that_matches_nothing_is_an_error_and_none_is_not() {
    let (_folder, _, ledger) = new_ledger();
    let run = add_run(
        &ledger,
        "run",
        &events("secret", 1_u64.into(), 7_u64.into()),
        0,
    );
    let run = seal(&ledger, run);
    assert!(bundle(&ledger, &run, "none").disclosures.is_none());
    for text in ["seq=4..9", "kind=vote", "actor=agent:nobody"] {
        let selection = text.parse().unwrap();
        let refused = avouch_privacy::disclose(&ledger, &run, &selection);
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("matches none"), "{text}: {message}");
    }
}
