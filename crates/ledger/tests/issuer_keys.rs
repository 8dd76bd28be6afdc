//! Who may seal follows from what the log says of the issuer's keys.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cose::{Algorithm, Grant, KeyAct, KeyStatement, Signer, SigningKey, Statement};
use avouch_ledger::{Error, Ledger, RunIndex, Sealer};
use common::*;

const NOW: u64 = 1_700_000_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::generate(Algorithm::P256, &[seed; 32]).unwrap()
}

fn said(act: KeyAct, about: &SigningKey, by: &SigningKey) -> Statement {
    let said = KeyStatement {
        key: about.verifying_key(),
        act,
    };
    said.sign(by, &identity().issuer, NOW).unwrap()
}

fn grant(agents: &[&str], hops: u8) -> KeyAct {
    KeyAct::Delegate(Grant {
        agents: Some(agents.iter().map(|agent| (*agent).into()).collect()),
        until: Some(NOW + 1000),
        hops,
    })
}

fn enter(ledger: &Ledger, act: KeyAct, about: &SigningKey, by: &SigningKey) -> Result<(), String> {
    let entered = ledger.enter(&said(act, about, by), &log_key());
    entered.map(|_| ()).map_err(|error| error.to_string())
}

fn seal_by(ledger: &Ledger, run: RunIndex, by: &dyn Signer, iat: u64) -> Result<(), String> {
    let sealer = Sealer {
        issuer_key: by,
        log_key: &log_key(),
        iat,
    };
    let sealed = ledger.seal(&[run], &sealer, &mut |_| ());
    sealed.map(|_| ()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(result: Result<(), String>, why: &str) {
    let error = result.unwrap_err();
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_delegate_seals_within_its_scope_and_time_and_goes_no_further() {
    let (_folder, path, ledger) = new_ledger();
    let run = |number, agent: &str| closed_run(&ledger, number, agent, agent, 3);
    let (inside, outside) = (run(1, "agent:a"), run(2, "agent:b"));
    refused(seal_by(&ledger, inside, &key(5), NOW), "key");
    enter(&ledger, grant(&["agent:a"], 0), &key(5), &issuer_key()).unwrap();
    seal_by(&ledger, inside, &key(5), NOW).unwrap();
    refused(
        seal_by(&ledger, outside, &key(5), NOW),
        "does not cover agent \"agent:b\"",
    );
    let late = run(3, "agent:a");
    refused(seal_by(&ledger, late, &key(5), NOW + 1000), "has ended");
    refused(
        enter(&ledger, grant(&["agent:a"], 0), &key(6), &key(5)),
        "may not delegate further",
    );
    // The issuer's own key goes on as before.
    seal_by(&ledger, outside, &issuer_key(), NOW).unwrap();
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn each_hop_narrows_what_the_next_may_do() {
    let (_folder, path, ledger) = new_ledger();
    enter(&ledger, grant(&["a", "b"], 1), &key(5), &issuer_key()).unwrap();
    enter(&ledger, grant(&["b", "c"], 7), &key(6), &key(5)).unwrap();
    let keys = ledger.issuer_keys().unwrap();
    let last = keys.get(&key(6).id()).unwrap();
    let granted = last.grant.as_ref().unwrap();
    assert_eq!(granted.agents.as_deref(), Some(&["b".to_owned()][..]));
    assert_eq!((granted.hops, last.by), (0, Some(key(5).id())));
    refused(
        enter(&ledger, grant(&["b"], 0), &key(7), &key(6)),
        "may not delegate further",
    );
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn after_a_rotation_only_the_new_key_seals() {
    let (_folder, path, ledger) = new_ledger();
    let run = closed_run(&ledger, 1, "a", "agent", 3);
    seal_by(&ledger, run, &issuer_key(), NOW).unwrap();
    enter(&ledger, KeyAct::Rotate, &key(5), &issuer_key()).unwrap();
    assert_eq!(
        *ledger.issuer_keys().unwrap().current(),
        key(5).verifying_key()
    );
    let run = closed_run(&ledger, 2, "b", "agent", 3);
    refused(seal_by(&ledger, run, &issuer_key(), NOW), "was rotated");
    seal_by(&ledger, run, &key(5), NOW).unwrap();
    refused(
        enter(&ledger, KeyAct::Rotate, &key(6), &issuer_key()),
        "was rotated",
    );
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_recovery_key_replaces_the_issuers_and_does_nothing_else() {
    let (_folder, path, ledger) = new_ledger();
    refused(
        enter(&ledger, KeyAct::Rotate, &key(6), &key(5)),
        "not one of the issuer's",
    );
    enter(&ledger, KeyAct::Recovery, &key(5), &issuer_key()).unwrap();
    let run = closed_run(&ledger, 1, "a", "agent", 3);
    refused(seal_by(&ledger, run, &key(5), NOW), "is a recovery key");
    refused(
        enter(&ledger, grant(&["a"], 0), &key(6), &key(5)),
        "a recovery key cannot delegate",
    );
    enter(&ledger, KeyAct::Rotate, &key(6), &key(5)).unwrap();
    enter(
        &ledger,
        KeyAct::Revoke { from: NOW },
        &issuer_key(),
        &key(5),
    )
    .unwrap();
    seal_by(&ledger, run, &key(6), NOW).unwrap();
    drop(ledger);
    assert_eq!(fsck(&path).finding, None);
}

#[test]
fn a_revoked_key_seals_no_more_from_its_time_on() {
    let (_folder, _, ledger) = new_ledger();
    enter(&ledger, grant(&["agent"], 0), &key(5), &issuer_key()).unwrap();
    enter(&ledger, grant(&["agent"], 0), &key(6), &issuer_key()).unwrap();
    let revoke = KeyAct::Revoke { from: NOW + 10 };
    refused(
        enter(&ledger, revoke.clone(), &key(5), &key(6)),
        "may not revoke",
    );
    enter(&ledger, revoke, &key(5), &issuer_key()).unwrap();
    let run = closed_run(&ledger, 1, "a", "agent", 3);
    seal_by(&ledger, run, &key(5), NOW + 9).unwrap();
    let run = closed_run(&ledger, 2, "b", "agent", 3);
    refused(seal_by(&ledger, run, &key(5), NOW + 10), "is revoked");
    // What is revoked is not made good by delegating again.
    refused(
        enter(
            &ledger,
            grant(&["agent", "other"], 0),
            &key(5),
            &issuer_key(),
        ),
        "is revoked",
    );
}

#[test]
fn a_key_statement_of_another_issuer_or_of_a_stranger_is_refused() {
    let (_folder, _, ledger) = new_ledger();
    let said = KeyStatement {
        key: key(5).verifying_key(),
        act: KeyAct::Rotate,
    };
    let other = said.sign(&issuer_key(), "https://other.example", NOW);
    let result = ledger.enter(&other.unwrap(), &log_key());
    assert!(
        matches!(result, Err(Error::NotEntered { .. })),
        "{result:?}"
    );
    refused(
        enter(&ledger, KeyAct::Rotate, &key(5), &key(5)),
        "not one of the issuer's",
    );
    assert_eq!(ledger.log_size().unwrap().0, 0);
}
