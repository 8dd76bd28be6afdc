//! What the general COSE checker tolerates, and what it does not, where no example says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::Encoder;
use avouch_cose::{Algorithm, Error, Sign1};
use common::key;

/// Signs over `protected` as it is to be written in the Sig_structure.
fn signature(protected: &[u8], payload: &[u8]) -> [u8; 64] {
    let mut signed = Encoder::new();
    signed
        .array(4)
        .text("Signature1")
        .bytes(protected)
        .bytes(&[])
        .bytes(payload);
    key(Algorithm::Ed25519, 1).sign(signed.as_slice())
}

fn message(protected: &[u8], unprotected: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
    let mut out = Encoder::new();
    out.array(4).bytes(protected).raw(unprotected);
    match payload {
        Some(payload) => out.bytes(payload),
        None => out.null(),
    };
    out.bytes(&signature(protected, b"payload"));
    out.into_vec()
}

fn verify(message: &[u8]) -> Result<(), Error> {
    let public = key(Algorithm::Ed25519, 1).verifying_key();
    Sign1::parse(message)?
        .verify(&public, &[])
        .map(|payload| assert_eq!(payload, b"payload"))
}

const EDDSA: &[u8] = &[0xa1, 0x01, 0x27];
const NONE: &[u8] = &[0xa0];

#[test]
fn indefinite_lengths_long_heads_and_unsorted_maps_are_read() {
    verify(&message(EDDSA, NONE, Some(b"payload"))).unwrap();
    // { 4: h'31', 1: -8 }, unsorted; then { _ 1: -8 } with a long head for the value.
    verify(&message(
        &[0xa2, 0x04, 0x41, 0x31, 0x01, 0x27],
        NONE,
        Some(b"payload"),
    ))
    .unwrap();
    verify(&message(
        &[0xbf, 0x01, 0x38, 0x07, 0xff],
        NONE,
        Some(b"payload"),
    ))
    .unwrap();

    // The outer array of indefinite length, with the payload in two chunks.
    let mut chunked = vec![0x9f, 0x43];
    chunked.extend_from_slice(EDDSA);
    chunked.extend_from_slice(b"\xa0\x5f\x43pay\x44load\xff\x58\x40");
    chunked.extend_from_slice(&signature(EDDSA, b"payload"));
    chunked.push(0xff);
    verify(&chunked).unwrap();
}

#[test]
fn fully_specified_algorithms_are_read_and_must_fit_the_key() {
    verify(&message(&[0xa1, 0x01, 0x32], NONE, Some(b"payload"))).expect("Ed25519, -19");
    let refused = verify(&message(&[0xa1, 0x01, 0x28], NONE, Some(b"payload"))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "signed with ESP256, but the key is ed25519"
    );
    let refused = verify(&message(&[0xa1, 0x01, 0x38, 0x22], NONE, Some(b"payload"))).unwrap_err();
    assert!(matches!(refused, Error::Unsupported(name) if name == "ES384"));
    assert!(
        verify(&message(&[], NONE, Some(b"payload")))
            .unwrap_err()
            .to_string()
            .contains("no algorithm")
    );
}

#[test]
fn a_detached_payload_comes_from_beside_the_message_or_not_at_all() {
    let public = key(Algorithm::Ed25519, 1).verifying_key();
    let detached = Sign1::parse(&message(EDDSA, NONE, None)).unwrap();
    detached.verify_detached(&public, &[], b"payload").unwrap();
    assert!(matches!(
        detached.verify_detached(&public, &[], b"another"),
        Err(Error::BadSignature)
    ));
    assert!(matches!(
        detached.verify(&public, &[]),
        Err(Error::DetachedPayload)
    ));
    let attached = Sign1::parse(&message(EDDSA, NONE, Some(b"payload"))).unwrap();
    assert!(matches!(
        attached.verify_detached(&public, &[], b"payload"),
        Err(Error::AttachedPayload)
    ));
}

#[test]
fn a_label_may_stand_only_once_in_both_headers() {
    for (protected, unprotected) in [
        (EDDSA, &[0xa1, 0x01, 0x27][..]),
        (EDDSA, &[0xa2, 0x04, 0x40, 0x04, 0x40]),
    ] {
        let refused = verify(&message(protected, unprotected, Some(b"payload"))).unwrap_err();
        assert!(
            refused.to_string().contains("a header label twice"),
            "{refused}"
        );
    }
    let refused = verify(&message(EDDSA, &[0xa1, 0x41, 0x01, 0x01], Some(b"payload"))).unwrap_err();
    assert!(refused.to_string().contains("neither an integer nor text"));
    let mut crowd = vec![0xb9, 0x01, 0x01];
    (0..257_u16).for_each(|label| crowd.extend([0x19, 1 + (label >> 8) as u8, label as u8, 0xf6]));
    assert!(
        verify(&message(EDDSA, &crowd, Some(b"payload")))
            .unwrap_err()
            .to_string()
            .contains("more than 256")
    );
}

#[test]
fn critical_parameters_must_be_signed_present_and_understood() {
    // { 1: -8, 2: [1] }
    verify(&message(
        &[0xa2, 0x01, 0x27, 0x02, 0x81, 0x01],
        NONE,
        Some(b"payload"),
    ))
    .unwrap();
    let refused = |protected: &[u8], unprotected: &[u8]| {
        verify(&message(protected, unprotected, Some(b"payload")))
            .unwrap_err()
            .to_string()
    };
    assert!(
        refused(&[0xa2, 0x01, 0x27, 0x02, 0x81, 0x18, 0x63], NONE)
            .contains("critical header parameter 99")
    );
    assert!(
        refused(&[0xa2, 0x01, 0x27, 0x02, 0x81, 0x61, 0x78], NONE)
            .contains("critical header parameter \"x\"")
    );
    assert!(
        refused(&[0xa2, 0x01, 0x27, 0x02, 0x81, 0x04], NONE)
            .contains("critical header parameter 4"),
        "absent"
    );
    assert!(refused(&[0xa2, 0x01, 0x27, 0x02, 0x80], NONE).contains("not a non-empty array"));
    assert!(refused(EDDSA, &[0xa1, 0x02, 0x81, 0x01]).contains("not protected"));
}

#[test]
fn what_is_no_cose_sign1_is_refused() {
    let refused = |bytes: &[u8]| match Sign1::parse(bytes) {
        Err(Error::Cose { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), "the message ends inside an item");
    assert_eq!(refused(&[0xf6]), "not an array of 4");
    assert_eq!(
        refused(&[0x84, 0x40, 0xa0, 0x40]),
        "the message ends inside an item"
    );
    assert_eq!(
        refused(&[0x84, 0x40, 0xa0, 0x40, 0x40, 0x00]),
        "bytes after the message"
    );
    assert_eq!(
        refused(&[0x84, 0xa0, 0xa0, 0x40, 0x40]),
        "the protected header is not a byte string"
    );
    assert_eq!(
        refused(&[0x84, 0x41, 0x80, 0xa0, 0x40, 0x40]),
        "the protected header is not a map"
    );
    assert_eq!(
        refused(&[0x84, 0x40, 0x80, 0x40, 0x40]),
        "the unprotected header is not a map"
    );
    assert_eq!(
        refused(&[0x84, 0x40, 0xa0, 0x60, 0x40]),
        "the payload is neither a byte string nor nil"
    );
    assert_eq!(
        refused(&[0x84, 0x40, 0xa0, 0x40, 0xf6]),
        "the signature is not a byte string"
    );
    assert_eq!(refused(&[0xd8, 0x62, 0x80]), "this is a COSE_Sign (tag 98)");
    assert_eq!(refused(&[0xff]), "a break outside an indefinite length");
    assert_eq!(
        refused(&[0x5f, 0x61, 0x61, 0xff]),
        "a chunk of another kind than its string"
    );
    assert_eq!(refused(&[0x1c]), "a reserved initial byte");
    assert_eq!(refused(&[0xf8, 0x18]), "a reserved simple value");
    assert_eq!(refused(&[0x61, 0xff]), "text is not UTF-8");
    assert_eq!(refused(&[0x81; 1000]), "nested too deep");
    assert_eq!(
        refused(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        "the message ends inside an item"
    );
}
