//! Key statements: what a policy that pins only the issuer's key makes of others that speak in its name.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_bundle::{Bundle, KeyEvidence, KeyLink};
use avouch_cose::key::{Algorithm, SigningKey};
use avouch_cose::{CosignerKey, Grant, KeyAct, KeyStatement, Note, Statement};
use avouch_verify::{CheckName, Options, Outcome, Policy, PolicyError, Seen, Verdict, verify_seen};
use common::*;

/// 2026-01-01T00:00:00Z, after the kit's statements.
const NEW_YEAR: u64 = 1_767_225_600;
const WITNESS: &str = "witness.example/w11";

fn delegate_key() -> SigningKey {
    key(Algorithm::P256, 21)
}

fn second_key() -> SigningKey {
    key(Algorithm::Ed25519, 22)
}

fn recovery_key() -> SigningKey {
    key(Algorithm::Ed25519, 23)
}

fn witness_toml() -> String {
    let key = key(Algorithm::Ed25519, 11).verifying_key();
    let key = CosignerKey::new(WITNESS, key).unwrap();
    format!("[[witness]]\nname = {WITNESS:?}\nkey = \"{key}\"\n")
}

/// The kit's policy and one witness, with more lines for the issuer and at the end.
fn policy_with(issuer: &str, end: &str) -> Policy {
    let text = policy_toml(&format!("witnesses = 0\n{}{end}", witness_toml()));
    let text = text.replacen("[[log]]", &format!("{issuer}\n[[log]]"), 1);
    Policy::from_toml(&text).unwrap()
}

fn cosigned(note: &str, at: Option<u64>) -> String {
    let mut note = Note::parse(note).unwrap();
    if let Some(at) = at {
        note.cosign(WITNESS, &key(Algorithm::Ed25519, 11), at)
            .unwrap();
    }
    note.to_string()
}

fn said(act: KeyAct, about: &SigningKey, by: &SigningKey) -> Statement {
    let key = about.verifying_key();
    KeyStatement { key, act }
        .sign(by, ISSUER, 1_760_000_000)
        .unwrap()
}

/// A link in the kit's log, seen there at this time.
fn link(statement: &Statement, seen: Option<u64>) -> KeyLink {
    let (receipt, note) = enter(statement, 4, &log_key(), ORIGIN);
    KeyLink {
        statement: statement.as_bytes().to_vec(),
        logged: Some((receipt.as_bytes().to_vec(), cosigned(&note, seen))),
    }
}

fn grant(agents: &[&str], until: Option<u64>, hops: u8) -> KeyAct {
    KeyAct::Delegate(Grant {
        agents: Some(agents.iter().map(|agent| (*agent).into()).collect()),
        until,
        hops,
    })
}

/// The kit's run, signed by this key and seen at this time, with this evidence of keys.
fn signed_by(key: &SigningKey, seen: Option<u64>, chain: Vec<KeyLink>) -> Bundle {
    let sealed = run().seal();
    let statement = sign(&sealed.manifest, key, ISSUER);
    let (receipt, note) = enter(&statement, 5, &log_key(), ORIGIN);
    let keys = KeyEvidence {
        chain,
        others: Vec::new(),
    };
    Bundle {
        statement: statement.as_bytes().to_vec(),
        receipts: vec![receipt.as_bytes().to_vec()],
        checkpoint: Some(cosigned(&note, seen)),
        keys: (!keys.chain.is_empty()).then_some(keys),
        ..sealed.show_all()
    }
}

fn with_revocation(mut bundle: Bundle, revocation: &Statement) -> Bundle {
    let keys = bundle.keys.get_or_insert_default();
    keys.others.push(revocation.as_bytes().to_vec());
    bundle
}

/// A run by a delegate for the kit's agent, whose delegation ends at new year.
fn delegated(seen: Option<u64>) -> Bundle {
    let by = said(
        grant(&[AGENT], Some(NEW_YEAR), 0),
        &delegate_key(),
        &issuer_key(),
    );
    signed_by(&delegate_key(), seen, vec![link(&by, None)])
}

#[test]
fn a_delegates_run_verifies_under_a_policy_that_pins_only_the_issuers_key() {
    let policy = policy_with("", "");
    let report = assert_verified(&delegated(Some(NEW_YEAR - 1)), &policy);
    for name in [
        CheckName::Issuer,
        CheckName::Signature,
        CheckName::KeyChain,
        CheckName::Agent,
    ] {
        assert!(passed(&report, name), "{report}");
    }
    // Without its delegation the key is a stranger's.
    let bare = Bundle {
        keys: None,
        ..delegated(Some(NEW_YEAR - 1))
    };
    assert_incomplete(
        &bare,
        &policy,
        CheckName::Issuer,
        "is not one that the policy",
    );
}

#[test]
fn a_delegation_that_nobody_dates_before_its_end_is_not_enough() {
    let policy = policy_with("", "");
    for seen in [None, Some(NEW_YEAR), Some(NEW_YEAR + 9)] {
        let why = "no listed witness or anchor shows that this was made before";
        assert_incomplete(&delegated(seen), &policy, CheckName::KeyChain, why);
    }
    // One that ended before the statement's own date fails whoever dates it.
    let by = said(
        grant(&[AGENT], Some(1_760_000_100), 0),
        &delegate_key(),
        &issuer_key(),
    );
    let late = signed_by(&delegate_key(), Some(5), vec![link(&by, None)]);
    assert_fails(
        &late,
        &policy,
        CheckName::KeyChain,
        "after the delegation's end",
    );
    // One without an end needs no date.
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    assert_verified(
        &signed_by(&delegate_key(), None, vec![link(&by, None)]),
        &policy,
    );
}

#[test]
fn a_delegate_speaks_for_no_other_agent() {
    let by = said(
        grant(&["agent:other"], None, 0),
        &delegate_key(),
        &issuer_key(),
    );
    let bundle = signed_by(&delegate_key(), None, vec![link(&by, None)]);
    let why = "do not let the key that signed speak for \"agent:support\"";
    assert_fails(&bundle, &policy_with("", ""), CheckName::Agent, why);
    // Nor may the policy's own list of agents be passed by.
    let by = said(
        KeyAct::Delegate(Grant::root()),
        &delegate_key(),
        &issuer_key(),
    );
    let bundle = signed_by(&delegate_key(), None, vec![link(&by, None)]);
    let policy = policy_with("agents = [\"agent:other\"]", "");
    assert_fails(&bundle, &policy, CheckName::Agent, "does not let");
}

#[test]
fn hops_are_counted_and_scopes_only_narrow() {
    let chain = |first: KeyAct, second: KeyAct| {
        let one = said(first, &delegate_key(), &issuer_key());
        let two = said(second, &second_key(), &delegate_key());
        signed_by(
            &second_key(),
            None,
            vec![link(&one, None), link(&two, None)],
        )
    };
    let policy = policy_with("", "");
    assert_verified(
        &chain(grant(&[AGENT], None, 1), grant(&[AGENT], None, 0)),
        &policy,
    );
    let too_far = chain(grant(&[AGENT], None, 0), grant(&[AGENT], None, 0));
    assert_fails(&too_far, &policy, CheckName::KeyChain, "hop limit");
    let wider = chain(grant(&["agent:other"], None, 1), grant(&[AGENT], None, 0));
    assert_fails(&wider, &policy, CheckName::Agent, "do not let the key");
    // A sub-delegate lives no longer than its delegate.
    let longer = chain(
        grant(&[AGENT], Some(1_760_000_050), 1),
        grant(&[AGENT], None, 0),
    );
    assert_fails(
        &longer,
        &policy,
        CheckName::KeyChain,
        "after the delegation's end",
    );
}

#[test]
fn a_rotated_key_stands_where_the_old_one_stood() {
    let by = said(KeyAct::Rotate, &second_key(), &issuer_key());
    let bundle = signed_by(&second_key(), None, vec![link(&by, None)]);
    assert_verified(&bundle, &policy_with("", ""));
    // A policy that pins the new key needs no chain, and does not mind one.
    let text = policy_toml("").replacen(
        &issuer_toml(ISSUER, &issuer_key()),
        &issuer_toml(ISSUER, &second_key()),
        1,
    );
    let report = assert_verified(&bundle, &Policy::from_toml(&text).unwrap());
    let check = report.check(CheckName::KeyChain).unwrap();
    assert_eq!(
        (check.required, check.outcome),
        (false, Outcome::NotChecked)
    );
}

#[test]
fn a_recovery_key_rotates_only_where_the_policy_pins_it() {
    let by = said(KeyAct::Rotate, &second_key(), &recovery_key());
    let bundle = signed_by(&second_key(), None, vec![link(&by, None)]);
    let recovery = recovery_key().verifying_key().to_pem();
    let pinned = policy_with(&format!("recovery = '''\n{recovery}'''"), "");
    assert_verified(&bundle, &pinned);
    let why = "no link is signed by a key that the policy pins";
    assert_incomplete(&bundle, &policy_with("", ""), CheckName::KeyChain, why);
    // It does nothing else: no delegation, no run.
    let by = said(grant(&[AGENT], None, 0), &second_key(), &recovery_key());
    let bundle = signed_by(&second_key(), None, vec![link(&by, None)]);
    assert_fails(
        &bundle,
        &pinned,
        CheckName::KeyChain,
        "a delegation by a recovery key",
    );
    let own = signed_by(&recovery_key(), None, Vec::new());
    assert_incomplete(
        &own,
        &pinned,
        CheckName::Issuer,
        "is not one that the policy",
    );
}

#[test]
fn a_chain_that_was_tampered_with_fails() {
    let policy = policy_with("", "");
    let good = || said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let fails = |chain: Vec<KeyLink>, why: &str| {
        let bundle = signed_by(&delegate_key(), None, chain);
        assert_fails(&bundle, &policy, CheckName::KeyChain, why);
    };
    // Someone else signs in the issuer's name.
    let mut forged = good().as_bytes().to_vec();
    let at = forged.len() - 40;
    forged[at] ^= 1;
    let forged = Statement::parse(&forged).unwrap();
    fails(vec![link(&forged, None)], "does not verify");
    // The chain leads elsewhere.
    let other = said(grant(&[AGENT], None, 0), &second_key(), &issuer_key());
    fails(vec![link(&other, None)], "the chain ends in key");
    // A link is missing.
    let two = said(grant(&[AGENT], None, 0), &delegate_key(), &second_key());
    fails(
        vec![link(&good(), None), link(&two, None)],
        "but the chain has led to key",
    );
    // It is another issuer's, another kind of statement, or no statement.
    let key = delegate_key().verifying_key();
    let act = KeyAct::Rotate;
    let theirs = KeyStatement { key, act }
        .sign(&issuer_key(), "Globex", 1)
        .unwrap();
    fails(vec![link(&theirs, None)], "is by \"Globex\"");
    let revoke = said(KeyAct::Revoke { from: 1 }, &delegate_key(), &issuer_key());
    fails(vec![link(&revoke, None)], "neither delegates nor rotates");
    let statement = vec![1, 2, 3];
    let logged = None;
    fails(vec![KeyLink { statement, logged }], "link 1 is malformed");
    // Its receipt is for another statement.
    let mut swapped = link(&good(), None);
    swapped.logged = link(&other, None).logged;
    fails(vec![swapped], "did not sign the root");
}

#[test]
fn a_link_that_is_not_in_the_log_is_not_enough_where_the_policy_wants_a_log() {
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let mut unlogged = link(&by, None);
    unlogged.logged = None;
    let bundle = signed_by(&delegate_key(), None, vec![unlogged]);
    let why = "is not shown to be in a listed log";
    assert_incomplete(&bundle, &policy_with("", ""), CheckName::KeyChain, why);
}

fn revoked_at_new_year(about: &SigningKey, by: &SigningKey) -> Statement {
    said(KeyAct::Revoke { from: NEW_YEAR }, about, by)
}

#[test]
fn a_revoked_key_counts_before_its_time_and_not_after() {
    let policy = policy_with("", "");
    let why = "is revoked from 2026-01-01T00:00:00Z, and nothing shows";
    for (of, by) in [
        (delegate_key(), issuer_key()),
        (delegate_key(), delegate_key()),
    ] {
        let revocation = revoked_at_new_year(&of, &by);
        let by = said(grant(&[AGENT], None, 0), &of, &issuer_key());
        let run = |seen| {
            let bundle = signed_by(&of, seen, vec![link(&by, None)]);
            with_revocation(bundle, &revocation)
        };
        assert_verified(&run(Some(NEW_YEAR - 1)), &policy);
        for seen in [Some(NEW_YEAR), Some(NEW_YEAR + 1), None] {
            assert_fails(&run(seen), &policy, CheckName::Signature, why);
        }
    }
    // The issuer's own key, by itself or by the one that came in its place.
    let own = |seen| signed_by(&issuer_key(), seen, Vec::new());
    let by_itself = revoked_at_new_year(&issuer_key(), &issuer_key());
    let rotation = said(KeyAct::Rotate, &second_key(), &issuer_key());
    let by_the_next = revoked_at_new_year(&issuer_key(), &second_key());
    for statements in [vec![&by_itself], vec![&rotation, &by_the_next]] {
        let shown = |bundle| {
            statements
                .iter()
                .fold(bundle, |all, one| with_revocation(all, one))
        };
        assert_verified(&shown(own(Some(NEW_YEAR - 1))), &policy);
        assert_fails(&shown(own(None)), &policy, CheckName::Signature, why);
    }
    // Whoever has no rotation to show came in nobody's place.
    assert_verified(&with_revocation(own(None), &by_the_next), &policy);
}

#[test]
fn a_chain_does_not_turn_back_and_takes_no_key_of_another_role() {
    let policy = policy_with("", "");
    let wide = || grant(&[AGENT], None, 8);
    let out = said(wide(), &delegate_key(), &issuer_key());
    let on = said(wide(), &second_key(), &delegate_key());
    let back = said(wide(), &delegate_key(), &second_key());
    let chain = [&out, &on, &back].map(|statement| link(statement, None));
    let around = signed_by(&delegate_key(), None, chain.to_vec());
    let why = "link 3 leads back to key";
    assert_fails(&around, &policy, CheckName::KeyChain, why);
    let itself = said(KeyAct::Rotate, &delegate_key(), &delegate_key());
    let chain = [&out, &itself].map(|statement| link(statement, None));
    let around = signed_by(&delegate_key(), None, chain.to_vec());
    let why = "link 2 leads back to key";
    assert_fails(&around, &policy, CheckName::KeyChain, why);
    for role in [log_key(), key(Algorithm::Ed25519, 11)] {
        let by = said(wide(), &role, &issuer_key());
        let bundle = signed_by(&role, None, vec![link(&by, None)]);
        let report = judge(&bundle, &policy);
        assert_eq!(report.verdict, Verdict::Failed, "{report}");
        let chain = report.check(CheckName::KeyChain).unwrap();
        assert_eq!(chain.outcome, Outcome::Fail, "{report}");
        let why = "which the policy gives to a log or a witness";
        assert!(chain.reason.contains(why), "{report}");
    }
}

#[test]
fn what_a_revoked_key_delegated_before_its_time_still_counts() {
    let policy = policy_with("", "");
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let revocation = revoked_at_new_year(&issuer_key(), &issuer_key());
    let run = |seen_link| {
        // The run itself was seen long after.
        let bundle = signed_by(
            &delegate_key(),
            Some(NEW_YEAR + 99),
            vec![link(&by, seen_link)],
        );
        with_revocation(bundle, &revocation)
    };
    assert_verified(&run(Some(NEW_YEAR - 1)), &policy);
    let why = "which is revoked from 2026-01-01T00:00:00Z, and nothing shows that it is older";
    for seen in [None, Some(NEW_YEAR)] {
        assert_fails(&run(seen), &policy, CheckName::KeyChain, why);
    }
}

#[test]
fn a_revocation_counts_only_by_who_may_revoke() {
    let policy = policy_with("", "");
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let run = || signed_by(&delegate_key(), None, vec![link(&by, None)]);
    // A stranger's, and a delegate's about the key above it, are passed over.
    for revocation in [
        revoked_at_new_year(&delegate_key(), &second_key()),
        revoked_at_new_year(&issuer_key(), &delegate_key()),
    ] {
        assert_verified(&with_revocation(run(), &revocation), &policy);
    }
    // A forged one is evidence of fraud.
    let mut forged = revoked_at_new_year(&delegate_key(), &issuer_key())
        .as_bytes()
        .to_vec();
    let at = forged.len() - 40;
    forged[at] ^= 1;
    let forged = Statement::parse(&forged).unwrap();
    let bad = with_revocation(run(), &forged);
    assert_fails(
        &bad,
        &policy,
        CheckName::KeyChain,
        "key statement 1 beside the chain is bad: the signature does not verify",
    );
    // So is one that is none.
    let none = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let bad = with_revocation(run(), &none);
    assert_fails(
        &bad,
        &policy,
        CheckName::KeyChain,
        "key statement 1 beside the chain neither revokes nor rotates",
    );
    // Nor is another issuer's word about this one's keys.
    let act = KeyAct::Revoke { from: NEW_YEAR };
    let key = delegate_key().verifying_key();
    let theirs = KeyStatement { key, act }
        .sign(&issuer_key(), "Globex", 1)
        .unwrap();
    assert_fails(
        &with_revocation(run(), &theirs),
        &policy,
        CheckName::KeyChain,
        "is by \"Globex\"",
    );
}

#[test]
fn the_policy_revokes_keys_that_it_does_not_pin() {
    let id = delegate_key().id();
    let end = format!("[[revoked]]\nkey_id = \"{id}\"\nfrom = 2026-01-01T00:00:00Z\n");
    let policy = policy_with("", &end);
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let run = |seen| signed_by(&delegate_key(), seen, vec![link(&by, None)]);
    assert_verified(&run(Some(NEW_YEAR - 1)), &policy);
    assert_fails(&run(None), &policy, CheckName::Signature, "is revoked from");
    for (end, why) in [
        (
            "[[revoked]]\nkey_id = \"00\"\nfrom = 2026-01-01T00:00:00Z\n",
            "[[revoked]] 1: ",
        ),
        (
            &*format!("[[revoked]]\nkey_id = \"{id}\"\nfrom = \"soon\"\n"),
            "is not a time",
        ),
        (
            &*format!("[[revoked]]\nkey_id = \"{id}\"\n"),
            "missing field `from`",
        ),
        (
            "[[revoked]]\nfrom = 2026-01-01T00:00:00Z\n",
            "missing field `key_id`",
        ),
    ] {
        let error = Policy::from_toml(&policy_toml(end)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_recovery_key_has_one_role() {
    let pem = log_key().verifying_key().to_pem();
    let text =
        policy_toml("").replacen("[[log]]", &format!("recovery = '''\n{pem}'''\n[[log]]"), 1);
    let error = Policy::from_toml(&text).unwrap_err();
    assert!(matches!(error, PolicyError::SameKey { .. }), "{error}");
    let text = policy_toml("").replacen("[[log]]", "recovery = \"AAAA\"\n[[log]]", 1);
    let error = Policy::from_toml(&text).unwrap_err();
    assert!(matches!(error, PolicyError::RecoveryKey { .. }), "{error}");
}

#[test]
fn a_revocation_that_was_seen_once_is_remembered() {
    let policy = policy_with("", "");
    let by = said(grant(&[AGENT], None, 0), &delegate_key(), &issuer_key());
    let run = |seen| signed_by(&delegate_key(), seen, vec![link(&by, None)]);
    let with = with_revocation(
        run(None),
        &revoked_at_new_year(&delegate_key(), &issuer_key()),
    );
    let mut state = Seen::default();
    let look = |bundle: &Bundle, state: &mut Seen| {
        let bytes = bundle.encode().unwrap();
        verify_seen(&bytes, &policy, &Options::default(), state, 1_770_000_000).unwrap()
    };
    assert_eq!(look(&run(None), &mut state).verdict, Verdict::Verified);
    assert_eq!(look(&with, &mut state).verdict, Verdict::Failed);
    // The bundle without it no longer passes, also after the state was written and read.
    let mut state = Seen::from_json(&state.to_json()).unwrap();
    assert_only_fails(
        &look(&run(None), &mut state),
        CheckName::Signature,
        "is revoked from",
    );
    let early = look(&run(Some(NEW_YEAR - 1)), &mut state);
    assert_eq!(early.verdict, Verdict::Verified, "{early}");
    // Strangers who revoke themselves in the issuer's name do not fill it.
    let kept = state.to_json();
    let stranger = key(Algorithm::Ed25519, 77);
    look(
        &with_revocation(run(None), &revoked_at_new_year(&stranger, &stranger)),
        &mut state,
    );
    assert_eq!(
        kept.matches("statement").count(),
        state.to_json().matches("statement").count()
    );
    // A state in which somebody wrote a revocation of their own is refused.
    let text = state.to_json();
    let at = text.find("\"by\": \"").unwrap() + 20;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    let altered = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
    assert!(Seen::from_json(&altered).is_err());
}
