//! A policy says exactly what it means, or is refused with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::key::Algorithm;
use avouch_verify::{Policy, PolicyError};
use common::*;

/// The error of a policy that is the kit's with something added.
fn error(toml: &str) -> PolicyError {
    Policy::from_toml(toml).unwrap_err()
}

fn says(toml: &str, words: &str) {
    let error = error(toml).to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn unknown_keys_are_refused_by_name_and_line() {
    let issuer = issuer_toml(ISSUER, &issuer_key());
    says(
        &format!("version = 1\nclaims = []\n{issuer}"),
        "unknown field `claims`",
    );
    says(
        &format!("version = 1\n{issuer}\nagent = 'x'"),
        "unknown field `agent`",
    );
    says(&policy_toml("anchor = 1"), "unknown field `anchor`");
    says(
        &policy_toml("logs = true"),
        "expected one of `log`, `witnesses`, `anchors`",
    );
    says(&format!("version = 1\nclaims = []\n{issuer}"), "line 2");
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    says(
        &policy_toml("disclosure = \"some\""),
        "unknown variant `some`",
    );
    says(&policy_toml("log = 1"), "expected a boolean");
    says("version = 1\nissuer = 1", "issuer");
    says("version = 1\n[[issuer]]\nname = 'x'", "missing field `key`");
    says("x", "not a trust policy");
}

#[test]
fn a_policy_without_issuers_is_refused() {
    assert_eq!(error("version = 1"), PolicyError::NoIssuers);
    let log = log_toml(ORIGIN, &log_key());
    assert_eq!(
        error(&format!("version = 1\n{log}")),
        PolicyError::NoIssuers
    );
}

#[test]
fn another_version_is_named_whatever_else_it_has() {
    assert_eq!(error("version = 2"), PolicyError::Version(2));
    assert_eq!(error("version = 2\nanchor = []"), PolicyError::Version(2));
    says(
        &issuer_toml(ISSUER, &issuer_key()),
        "missing field `version`",
    );
}

#[test]
fn a_key_is_pinned_once_and_to_one_role() {
    let (issuer, log) = (issuer_key(), log_key());
    let twice = format!(
        "version = 1\n{}\n{}",
        issuer_toml("a", &issuer),
        issuer_toml("b", &issuer)
    );
    says(&twice, "issuer \"a\" and issuer \"b\" have the same key");
    let roles = format!(
        "version = 1\n{}\n{}",
        issuer_toml("a", &log),
        log_toml(ORIGIN, &log)
    );
    says(
        &roles,
        "issuer \"a\" and log \"log.example/acme\" have the same key",
    );
    let rotated = format!(
        "version = 1\n{}\n{}",
        issuer_toml("a", &issuer),
        issuer_toml("a", &key(Algorithm::P256, 3))
    );
    assert!(Policy::from_toml(&rotated).is_ok());
}

#[test]
fn keys_are_read_as_pem_or_as_base64_der() {
    let pem = issuer_key().verifying_key().to_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let toml = |key: &str| format!("version = 1\n[[issuer]]\nname = 'a'\nkey = '{key}'");
    assert!(Policy::from_toml(&toml(&base64)).is_ok());
    says(&toml("AAAA"), "the key of issuer \"a\" is not a public key");
    says(&toml("?"), "the key of issuer \"a\" is not a public key");
    let private = "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----";
    let toml = format!("version = 1\n[[issuer]]\nname = 'a'\nkey = \"{private}\"");
    says(&toml, "the key of issuer \"a\"");
}

#[test]
fn a_logs_key_bears_its_origin() {
    let issuer = issuer_toml("a", &issuer_key());
    let log = log_toml(ORIGIN, &log_key());
    let other = log.replacen(ORIGIN, "other.example", 1);
    says(
        &format!("version = 1\n{issuer}\n{other}"),
        "has a key named \"log.example/acme\"",
    );
    let mistyped = log.replacen("+", "+0", 1);
    says(
        &format!("version = 1\n{issuer}\n{mistyped}"),
        "not a note verifier key",
    );
}

#[test]
fn a_required_log_must_be_listed() {
    let issuer = issuer_toml("a", &issuer_key());
    assert_eq!(
        error(&format!("version = 1\n{issuer}\n[require]\nlog = true")),
        PolicyError::NoLogs
    );
    // Without logs none is required.
    let policy = Policy::from_toml(&format!(
        "version = 1\n{}",
        issuer_toml(ISSUER, &issuer_key())
    ));
    assert_verified(&run().seal().show_none(), &policy.unwrap());
}

#[test]
fn names_agents_and_times_are_checked() {
    let issuer = |name| issuer_toml(name, &issuer_key());
    says(
        &format!("version = 1\n{}", issuer("")),
        "[[issuer]] 1 has an empty name",
    );
    says(
        &format!("version = 1\n{}\nagents = []", issuer("a")),
        "may speak for no agent",
    );
    for time in ["'soon'", "2026-01-01", "'2026-01-01T00:00:00'", "10:00:00"] {
        says(
            &format!("version = 1\n{}\nrevoked_from = {time}", issuer("a")),
            "is not a time like",
        );
    }
    says(
        &format!("# {}", " ".repeat(1 << 20)),
        "more than the 1 MiB allowed",
    );
}

#[test]
fn a_policy_nested_without_end_is_refused_without_a_crash() {
    for open in ["[", "{a=", "a."] {
        let toml = format!(
            "version = 1\nx{} = {}",
            ".y".repeat(1000),
            open.repeat(100_000)
        );
        assert!(Policy::from_toml(&toml).is_err());
    }
}

#[test]
fn required_claims_are_written_out_or_named_by_their_digest() {
    let gated = "type = 'gated'\nfilter = { kind = ['tool-call'] }";
    let digest = "00".repeat(32);
    let with = |require: &str| Policy::from_toml(&policy_toml(require));
    let claims = |entries: &[&str]| {
        let entries = entries
            .iter()
            .map(|entry| format!("[[require.claim]]\n{entry}\n"));
        with(&entries.collect::<String>())
    };
    let named = format!("name = 'x'\ndigest = '{digest}'");
    assert!(claims(&[gated, &named]).is_ok());
    let refused = |entries: &[&str], words: &str| {
        let error = claims(entries).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&["type = 'gated'"], "filter");
    refused(&["type = 'gate'"], "the types are");
    refused(&["name = 'x'"], "needs a `type`");
    refused(&[gated, gated], "twice");
    refused(&[&named, &named], "twice");
    refused(&["digest = '00'"], "64 lower-case hexadecimal digits");
    refused(
        &[&format!("digest = '{digest}'\ntype = 'gated'")],
        "and not \"type\"",
    );
    // What only proofs are asked for asks for something to prove.
    for line in ["security = 100", "hiding = true"] {
        let error = with(line).unwrap_err().to_string();
        assert!(error.contains("no [[require.claim]]"), "{error}");
    }
    assert!(with(&format!("hiding = true\n[[require.claim]]\n{gated}")).is_ok());
}
