//! Each way in which a statement can be wrong, with the check that says so.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::Bundle;
use avouch_cbor::{Encoder, Value};
use avouch_cose::Statement;
use avouch_cose::key::{Algorithm, SigningKey};
use avouch_trace::{RunId, agent_chain_start};
use avouch_verify::{CheckName, Digest, Options, Outcome, Policy, verify};
use common::*;

/// The statement's four parts, changed and put together again.
fn with_parts(statement: &Statement, change: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
    let Value::Tag(18, content) = Value::decode(statement.as_bytes()).unwrap() else {
        panic!("not tagged");
    };
    let Value::Array(mut parts) = *content else {
        panic!("not an array")
    };
    change(&mut parts);
    Value::Tag(18, Box::new(Value::Array(parts)))
        .to_vec()
        .unwrap()
}

fn bytes_of(value: &mut Value) -> &mut Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// A bundle that shows nothing, with these bytes for its statement.
fn only(statement: Vec<u8>) -> Bundle {
    Bundle {
        statement,
        ..Bundle::default()
    }
}

fn no_log() -> Policy {
    policy("log = false")
}

#[test]
fn an_issuer_that_is_not_in_the_policy_is_not_checked() {
    let mut manifest = run().seal().manifest;
    let stranger = key(Algorithm::Ed25519, 9);
    // The name alone opens nothing.
    let statement = sign(&manifest, &stranger, ISSUER);
    let bundle = only(statement.as_bytes().to_vec());
    assert_incomplete(
        &bundle,
        &no_log(),
        CheckName::Issuer,
        "not one that the policy pins",
    );
    manifest.chain_start = agent_chain_start("Globex", AGENT);
    let statement = sign(&manifest, &stranger, "Globex");
    let bundle = only(statement.as_bytes().to_vec());
    assert_incomplete(
        &bundle,
        &no_log(),
        CheckName::Issuer,
        "pins no issuer \"Globex\"",
    );
    assert_incomplete(
        &bundle,
        &no_log(),
        CheckName::Signature,
        "no key to check it with",
    );
}

#[test]
fn nothing_passes_that_rests_on_an_unknown_issuer() {
    let sealed = run().seal();
    let mut bundle = sealed.show_all();
    let statement = sign(&sealed.manifest, &key(Algorithm::Ed25519, 9), ISSUER);
    bundle.statement = statement.as_bytes().to_vec();
    bundle.receipts.clear();
    let options = Options {
        expect_run: Some(sealed.manifest.run),
        ..Options::default()
    };
    let bytes = bundle.encode().unwrap();
    let report = verify(&bytes, &policy("disclosure = \"all\""), &options).unwrap();
    for check in &report.checks {
        let rests = !matches!(check.name, CheckName::Statement | CheckName::Checkpoint);
        assert_eq!(check.outcome == Outcome::NotChecked, rests, "{report}");
    }
    assert_eq!(report.not_shown[0].name, "statement");
    assert!(report.to_string().contains("What it CLAIMS to be about"));
}

#[test]
fn a_key_speaks_only_for_the_issuer_that_it_is_pinned_to() {
    let mut manifest = run().seal().manifest;
    manifest.chain_start = agent_chain_start("Globex", AGENT);
    let statement = sign(&manifest, &issuer_key(), "Globex");
    let bundle = only(statement.as_bytes().to_vec());
    assert_fails(&bundle, &no_log(), CheckName::Issuer, "names \"Globex\"");
}

#[test]
fn a_logs_key_may_not_issue_statements() {
    let statement = sign(&run().seal().manifest, &log_key(), ISSUER);
    let bundle = only(statement.as_bytes().to_vec());
    assert_fails(
        &bundle,
        &no_log(),
        CheckName::Issuer,
        "may not issue statements",
    );
}

#[test]
fn a_changed_payload_fails_the_signature() {
    let statement = with_parts(&run().seal().statement, |parts| {
        let payload = bytes_of(&mut parts[2]);
        let at = payload.windows(3).position(|w| w == b"USD").unwrap();
        payload[at] = b'A';
    });
    assert_fails(
        &only(statement),
        &no_log(),
        CheckName::Signature,
        "does not verify",
    );
}

#[test]
fn a_changed_signature_fails() {
    let statement = with_parts(&run().seal().statement, |parts| {
        bytes_of(&mut parts[3])[5] ^= 1
    });
    assert_fails(
        &only(statement),
        &no_log(),
        CheckName::Signature,
        "does not verify",
    );
}

#[test]
fn a_revoked_key_fails_however_good_the_signature() {
    let bundle = run().seal().show_none();
    let issuer = issuer_toml(ISSUER, &issuer_key());
    for time in ["2030-01-01T00:00:00Z", "\"2030-01-01T00:00:00+02:00\""] {
        let toml = format!("version = 1\n{issuer}\nrevoked_from = {time}");
        let policy = Policy::from_toml(&toml).unwrap();
        assert_fails(
            &bundle,
            &policy,
            CheckName::Signature,
            "is revoked from 2030-01-01",
        );
    }
}

#[test]
fn a_high_s_signature_is_refused() {
    // The order of P-256's group, SEC 2 section 2.4.2.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let issuer = key(Algorithm::P256, 3);
    let statement = sign(&run().seal().manifest, &issuer, ISSUER);
    let high = with_parts(&statement, |parts| {
        let s = &mut bytes_of(&mut parts[3])[32..];
        let mut borrow = 0;
        for at in (0..32).rev() {
            let difference = i16::from(ORDER[at]) - i16::from(s[at]) - borrow;
            borrow = i16::from(difference < 0);
            s[at] = difference.rem_euclid(256) as u8;
        }
    });
    let policy = format!("version = 1\n{}", issuer_toml(ISSUER, &issuer));
    let policy = Policy::from_toml(&policy).unwrap();
    assert_verified(&only(statement.as_bytes().to_vec()), &policy);
    assert_fails(&only(high), &policy, CheckName::Statement, "high-s");
}

#[test]
fn a_non_empty_unprotected_header_is_refused() {
    let statement = with_parts(&run().seal().statement, |parts| {
        parts[1] = Value::Map(vec![(Value::Uint(4), Value::Bytes(vec![0; 32]))]);
    });
    assert_fails(
        &only(statement),
        &no_log(),
        CheckName::Statement,
        "unprotected",
    );
}

#[test]
fn other_encodings_of_the_same_statement_are_refused() {
    let statement = run().seal().statement;
    let untagged = statement.as_bytes()[1..].to_vec();
    let longer = [statement.as_bytes(), &[0]].concat();
    let wide = [&[0xd8, 18], &statement.as_bytes()[1..]].concat();
    for bytes in [untagged, longer, wide, Vec::new()] {
        let report = judge(&only(bytes), &no_log());
        assert_eq!(
            report.check(CheckName::Statement).unwrap().outcome,
            Outcome::Fail,
            "{report}"
        );
        assert!(report.about.is_none());
    }
}

/// Signs a protected header of any algorithm with any key, as an attacker would who holds one.
fn forge(key: &SigningKey, alg: i64, kid: &[u8], payload: &[u8], sub: &str, iat: u64) -> Vec<u8> {
    let mut protected = Encoder::new();
    protected.map(4).int(1).int(alg);
    protected
        .int(3)
        .text("application/vnd.avouch.manifest+cbor")
        .int(4)
        .bytes(kid);
    protected
        .int(15)
        .map(3)
        .int(1)
        .text(ISSUER)
        .int(2)
        .text(sub)
        .int(6)
        .uint(iat);
    let protected = protected.into_vec();
    let mut signed = Encoder::new();
    signed
        .array(4)
        .text("Signature1")
        .bytes(&protected)
        .bytes(&[])
        .bytes(payload);
    let signature = key.sign(signed.as_slice());
    let mut out = Encoder::new();
    out.tag(18)
        .array(4)
        .bytes(&protected)
        .map(0)
        .bytes(payload)
        .bytes(&signature);
    out.into_vec()
}

#[test]
fn the_pinned_key_decides_the_algorithm() {
    let manifest = run().seal().manifest;
    let (payload, subject) = (manifest.encode(), manifest.subject());
    let pinned = issuer_key();
    let forge = |key, algorithm| {
        // Half of all bytes read as ECDSA are high-s, and refused for that: a later date helps.
        let (id, policy) = (pinned.id(), no_log());
        let dated = |iat| {
            only(forge(
                key,
                algorithm,
                id.as_bytes(),
                &payload,
                &subject,
                iat,
            ))
        };
        let is_low = |bundle: &Bundle| {
            let report = judge(bundle, &policy);
            !report
                .check(CheckName::Statement)
                .unwrap()
                .reason
                .contains("high-s")
        };
        (0..64).map(dated).find(is_low).unwrap()
    };
    // As it should be, with both names of the algorithm.
    assert_verified(&forge(&pinned, -8), &no_log());
    assert_verified(&forge(&pinned, -19), &no_log());
    // The Ed25519 key under another algorithm's name, and another algorithm under its id.
    assert_fails(
        &forge(&pinned, -7),
        &no_log(),
        CheckName::Signature,
        "signed with",
    );
    let ecdsa = key(Algorithm::P256, 3);
    assert_fails(
        &forge(&ecdsa, -7),
        &no_log(),
        CheckName::Signature,
        "signed with",
    );
    assert_fails(
        &forge(&ecdsa, -8),
        &no_log(),
        CheckName::Signature,
        "does not verify",
    );
    assert_fails(
        &forge(&pinned, -37),
        &no_log(),
        CheckName::Statement,
        "PS256",
    );
    assert_fails(
        &forge(&pinned, 5),
        &no_log(),
        CheckName::Statement,
        "not supported",
    );
}

#[test]
fn the_subject_must_be_the_manifests_run() {
    let manifest = run().seal().manifest;
    let other = "urn:avouch:run:00000000000000000000000000000000";
    let key = issuer_key();
    let bytes = forge(&key, -8, key.id().as_bytes(), &manifest.encode(), other, 1);
    assert_fails(
        &only(bytes),
        &no_log(),
        CheckName::Manifest,
        "but its manifest is about",
    );
}

#[test]
fn a_payload_that_is_no_manifest_fails() {
    let key = issuer_key();
    let bytes = forge(
        &key,
        -8,
        key.id().as_bytes(),
        &[0xa0],
        "urn:avouch:run:00",
        1,
    );
    assert_fails(&only(bytes), &no_log(), CheckName::Manifest, "version 1");
}

#[test]
fn a_statement_of_another_kind_fails() {
    let manifest = run().seal().manifest;
    let (subject, payload) = (manifest.subject(), manifest.encode());
    let statement =
        Statement::sign(&issuer_key(), ISSUER, &subject, 1, "text/plain", &payload).unwrap();
    let bundle = only(statement.as_bytes().to_vec());
    assert_fails(
        &bundle,
        &no_log(),
        CheckName::Statement,
        "content type is \"text/plain\"",
    );
}

#[test]
fn an_agents_first_chain_starts_where_its_chain_begins() {
    let sealed = run()
        .seal()
        .with_manifest(|manifest| manifest.chain_start = Digest([5; 32]));
    assert_fails(
        &sealed.show_none(),
        &policy(""),
        CheckName::Manifest,
        "the chain must start at",
    );
}

#[test]
fn another_runs_bundle_is_refused_where_one_is_expected() {
    let sealed = run().seal();
    let bytes = sealed.show_all().encode().unwrap();
    let expect = |options: Options, name, words| {
        assert_only_fails(&verify(&bytes, &policy(""), &options).unwrap(), name, words);
    };
    let run = Options {
        expect_run: Some(RunId([8; 16])),
        ..Options::default()
    };
    expect(run, CheckName::ExpectedRun, "08080808");
    let agent = Options {
        expect_agent: Some("agent:sales".into()),
        ..Options::default()
    };
    expect(agent, CheckName::ExpectedAgent, "agent:sales was expected");
    let root = Options {
        expect_root: Some(Digest([8; 32])),
        ..Options::default()
    };
    expect(root, CheckName::ExpectedRoot, "the root is");
}
