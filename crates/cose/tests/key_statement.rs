//! Key statements have one form, and a grant only narrows.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use avouch_cbor::Encoder;
use avouch_cose::key_statement::{KEY_CONTENT_TYPE, MAX_HOPS};
use avouch_cose::{Algorithm, Error, Grant, KeyAct, KeyStatement, SigningKey, Statement};

fn key(seed: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[seed; 32]).unwrap()
}

fn grant(agents: Option<&[&str]>, until: Option<u64>, hops: u8) -> Grant {
    Grant {
        agents: agents.map(|agents| agents.iter().map(|agent| (*agent).into()).collect()),
        until,
        hops,
    }
}

fn about(act: KeyAct) -> KeyStatement {
    let key = key(1).verifying_key();
    KeyStatement { key, act }
}

#[test]
fn every_act_reads_back_as_it_was_signed() {
    for act in [
        KeyAct::Delegate(grant(Some(&["a", "b"]), Some(9), 3)),
        KeyAct::Delegate(grant(None, None, 0)),
        KeyAct::Rotate,
        KeyAct::Revoke { from: 0 },
        KeyAct::Recovery,
    ] {
        let said = about(act);
        let signed = said.sign(&key(2), "issuer", 7).unwrap();
        assert_eq!(KeyStatement::of(&signed).unwrap(), said);
        assert_eq!(signed.subject(), format!("urn:avouch:key:{}", key(1).id()));
        signed.verify(&key(2).verifying_key()).unwrap();
    }
}

/// A payload of these members, each already encoded.
fn payload(members: &[(i64, &[u8])]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.map(members.len());
    for (label, value) in members {
        out.int(*label).raw(value);
    }
    out.into_vec()
}

#[test]
fn members_that_an_act_does_not_have_are_refused() {
    let mut cose_key = Encoder::new();
    cose_key.bytes(&key(1).verifying_key().to_cose_key());
    let cose_key = cose_key.as_slice();
    let (one, two, three) = (&[1][..], &[2][..], &[3][..]);
    let agents: &[u8] = b"\x82\x61a\x61b";
    assert!(KeyStatement::decode(&payload(&[(1, one), (2, two), (3, cose_key)])).is_ok());
    for (members, why) in [
        (&[(1, two), (2, two), (3, cose_key)][..], "version"),
        (&[(1, one), (2, &[5]), (3, cose_key)], "act"),
        (&[(1, one), (2, &[0]), (3, cose_key)], "act"),
        (&[(1, one), (2, two)], "member 3"),
        (&[(1, one), (2, two), (3, two)], "member 3"),
        (
            &[(1, one), (2, two), (3, cose_key), (7, one)],
            "does not have",
        ),
        (&[(1, one), (2, three), (3, cose_key)], "member 7"),
        (
            &[(1, one), (2, three), (3, cose_key), (5, one), (7, one)],
            "does not have",
        ),
        (&[(1, one), (2, one), (3, cose_key)], "member 6"),
        (&[(1, one), (2, one), (3, cose_key), (6, &[9])], "member 6"),
        (
            &[(1, one), (2, one), (3, cose_key), (5, &[0x20]), (6, one)],
            "member 5",
        ),
        (
            &[(1, one), (2, one), (3, cose_key), (4, &[0x80]), (6, one)],
            "member 4",
        ),
        (
            &[
                (1, one),
                (2, one),
                (3, cose_key),
                (4, b"\x82\x61b\x61a"),
                (6, one),
            ],
            "member 4",
        ),
        (
            &[
                (1, one),
                (2, one),
                (3, cose_key),
                (4, b"\x82\x61a\x61a"),
                (6, one),
            ],
            "member 4",
        ),
        (
            &[
                (1, one),
                (2, one),
                (3, cose_key),
                (4, b"\x81\x60"),
                (6, one),
            ],
            "member 4",
        ),
        (
            &[
                (1, one),
                (2, one),
                (3, cose_key),
                (4, agents),
                (6, one),
                (8, one),
            ],
            "does not have",
        ),
    ] {
        let error = KeyStatement::decode(&payload(members)).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

#[test]
fn a_statement_about_another_key_or_of_another_type_is_none() {
    let payload = about(KeyAct::Rotate).encode();
    let other = format!("urn:avouch:key:{}", key(9).id());
    for (subject, content_type) in [
        (about(KeyAct::Rotate).subject(), "text/plain"),
        (other, KEY_CONTENT_TYPE),
    ] {
        let signed = Statement::sign(&key(2), "i", &subject, 1, content_type, &payload).unwrap();
        assert!(matches!(
            KeyStatement::of(&signed),
            Err(Error::KeyStatement(_))
        ));
    }
}

#[test]
fn what_cannot_be_read_back_is_not_signed() {
    for bad in [
        grant(Some(&["b", "a"]), None, 0),
        grant(Some(&[]), None, 0),
        grant(None, None, MAX_HOPS + 1),
    ] {
        assert!(about(KeyAct::Delegate(bad)).sign(&key(2), "i", 1).is_err());
    }
}

#[test]
fn a_delegate_gets_no_more_than_its_delegator_has() {
    let narrow = |own: &Grant, to: &Grant| own.delegated(to).unwrap();
    let root = Grant::root();
    let some = grant(Some(&["a", "b"]), Some(10), 2);
    assert_eq!(narrow(&root, &some), some);
    let wide = grant(None, None, MAX_HOPS);
    assert_eq!(narrow(&some, &wide), grant(Some(&["a", "b"]), Some(10), 1));
    let other = grant(Some(&["b", "c"]), Some(20), 0);
    assert_eq!(narrow(&some, &other), grant(Some(&["b"]), Some(10), 0));
    assert_eq!(narrow(&some, &other).delegated(&wide), None);
    let nobody = narrow(&some, &grant(Some(&["c"]), None, 0));
    assert!(!nobody.covers("a") && !nobody.covers("c"));
}
