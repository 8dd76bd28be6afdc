//! The one stored form of a statement: made, read back, and everything else refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_cbor::{Encoder, Value};
use avouch_cose::{Algorithm, Error, SigningKey, Statement, UnsignedStatement};
use avouch_merkle::sha256;
use common::{ALGORITHMS, key};
use coset::TaggedCborSerializable as _;

fn statement(key: &SigningKey) -> Statement {
    Statement::sign(
        key,
        "urn:example:issuer",
        "urn:avouch:run:00112233445566778899aabbccddeeff",
        1_800_000_000,
        "application/vnd.avouch.manifest+cbor",
        b"\xa1\x01\x01",
    )
    .unwrap()
}

#[test]
fn a_statement_reads_back_as_it_was_signed() {
    for algorithm in ALGORITHMS {
        let key = key(algorithm, 1);
        let signed = statement(&key);
        let read = Statement::parse(signed.as_bytes()).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.issuer(), "urn:example:issuer");
        assert_eq!(
            read.subject(),
            "urn:avouch:run:00112233445566778899aabbccddeeff"
        );
        assert_eq!(read.issued_at(), 1_800_000_000);
        assert_eq!(read.content_type(), "application/vnd.avouch.manifest+cbor");
        assert_eq!(read.payload(), b"\xa1\x01\x01");
        assert_eq!(read.algorithm(), algorithm);
        assert_eq!(read.key_id(), key.id());
        assert_eq!(read.entry(), sha256(&[signed.as_bytes()]));
        read.verify(&key.verifying_key()).unwrap();
    }
}

#[test]
fn an_unsigned_statement_has_the_id_of_the_signed_one_and_takes_no_other_key() {
    for algorithm in ALGORITHMS {
        let (own, other) = (key(algorithm, 1), key(algorithm, 2));
        let signed = statement(&own);
        let unsigned = UnsignedStatement::new(
            &own,
            signed.issuer(),
            signed.subject(),
            signed.issued_at(),
            signed.content_type(),
            signed.payload(),
        );
        assert_eq!(unsigned.statement_id(), signed.statement_id());
        assert_eq!(unsigned.sign(&own).unwrap(), signed);
        let error = unsigned.sign(&other).unwrap_err();
        assert!(
            matches!(error, Error::KeyIdMismatch { message, key } if message == own.id() && key == other.id())
        );
    }
}

/// The parts of a stored message, to be put together wrongly.
#[derive(Clone)]
struct Parts {
    tag: u64,
    protected: Vec<(i64, Value)>,
    unprotected: Value,
    payload: Value,
    high_s: bool,
}

fn claims(pairs: &[(i64, Value)]) -> Value {
    Value::Map(
        pairs
            .iter()
            .map(|(label, value)| (Value::from(*label), value.clone()))
            .collect(),
    )
}

impl Parts {
    fn good(key: &SigningKey) -> Self {
        Self {
            tag: 18,
            protected: vec![
                (1, Value::from(key.algorithm().cose_id())),
                (3, Value::from("text/plain")),
                (4, Value::from(key.id().0.to_vec())),
                (
                    15,
                    claims(&[
                        (1, Value::from("i")),
                        (2, Value::from("s")),
                        (6, Value::from(7_u64)),
                    ]),
                ),
            ],
            unprotected: Value::Map(Vec::new()),
            payload: Value::Bytes(b"p".to_vec()),
            high_s: false,
        }
    }

    /// Builds the message, correctly signed over whatever it says, so that only its form is wrong.
    fn build(&self, key: &SigningKey) -> Vec<u8> {
        let protected = claims(&self.protected).to_vec().unwrap();
        let payload = match &self.payload {
            Value::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        let mut signed = Encoder::new();
        signed
            .array(4)
            .text("Signature1")
            .bytes(&protected)
            .bytes(&[])
            .bytes(&payload);
        let mut signature = key.sign(signed.as_slice());
        if self.high_s {
            signature = common::high_s(signature);
        }
        let mut out = Encoder::new();
        out.tag(self.tag).array(4).bytes(&protected);
        out.raw(&self.unprotected.to_vec().unwrap())
            .raw(&self.payload.to_vec().unwrap());
        out.bytes(&signature);
        out.into_vec()
    }
}

fn refused(change: impl Fn(&mut Parts)) -> Error {
    let key = key(Algorithm::P256, 2);
    let mut parts = Parts::good(&key);
    let good = Statement::parse(&parts.build(&key)).expect("the unchanged parts are good");
    good.verify(&key.verifying_key()).unwrap();
    change(&mut parts);
    Statement::parse(&parts.build(&key)).expect_err("refused")
}

#[test]
fn a_non_empty_unprotected_header_is_refused() {
    let error = refused(|parts| parts.unprotected = claims(&[(4, Value::from(vec![1_u8]))]));
    assert!(matches!(error, Error::NonEmptyUnprotected));
}

#[test]
fn a_high_s_signature_is_refused() {
    assert!(matches!(refused(|parts| parts.high_s = true), Error::HighS));
}

#[test]
fn another_tag_or_shape_is_refused() {
    for tag in [17, 98] {
        let error = refused(|parts| parts.tag = tag);
        assert!(
            matches!(
                error,
                Error::Form {
                    what: "message",
                    ..
                }
            ),
            "{error}"
        );
    }
    let key = key(Algorithm::P256, 2);
    let stored = Parts::good(&key).build(&key);
    assert_eq!(stored[..2], [0xd2, 0x84], "tag 18, an array of 4");
    assert!(
        matches!(
            Statement::parse(&stored[1..]),
            Err(Error::Form {
                what: "message",
                ..
            })
        ),
        "untagged"
    );
    let mut five = stored.clone();
    five[1] = 0x85;
    five.push(0xf6);
    assert!(matches!(
        Statement::parse(&five),
        Err(Error::Form {
            what: "message",
            ..
        })
    ));
    assert!(matches!(
        Statement::parse(&vec![0; (1 << 20) + 1]),
        Err(Error::Form {
            what: "statement",
            ..
        })
    ));
}

#[test]
fn other_protected_members_than_the_four_are_refused() {
    for member in 0..4 {
        let error = refused(|parts| {
            parts.protected.remove(member);
        });
        assert!(
            matches!(
                error,
                Error::Form {
                    what: "protected header",
                    ..
                }
            ),
            "{error}"
        );
    }
    let error = refused(|parts| parts.protected.push((16, Value::from("one more"))));
    assert!(
        matches!(
            error,
            Error::Form {
                what: "protected header",
                ..
            }
        ),
        "{error}"
    );
    let error = refused(|parts| parts.protected[1].1 = Value::from(50_u64));
    assert!(
        matches!(
            error,
            Error::Form {
                what: "content type (3)",
                ..
            }
        ),
        "{error}"
    );
    let error = refused(|parts| parts.protected[2].1 = Value::from(vec![0_u8; 31]));
    assert!(
        matches!(
            error,
            Error::Form {
                what: "protected header",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn other_claims_than_the_three_are_refused() {
    let (iss, sub, iat) = (
        (1, Value::from("i")),
        (2, Value::from("s")),
        (6, Value::from(7_u64)),
    );
    let wrong = [
        claims(&[iss.clone(), sub.clone()]),
        claims(&[iss.clone(), iat.clone()]),
        claims(&[sub.clone(), iat.clone()]),
        claims(&[
            iss.clone(),
            sub.clone(),
            (4, Value::from(9_u64)),
            iat.clone(),
        ]),
        Value::from("no map"),
    ];
    for claims in wrong {
        let error = refused(|parts| parts.protected[3].1 = claims.clone());
        assert!(
            matches!(
                error,
                Error::Form {
                    what: "CWT claims (15)",
                    ..
                }
            ),
            "{error}"
        );
    }
    let error = refused(|parts| {
        parts.protected[3].1 = claims(&[iss.clone(), sub.clone(), (6, Value::Float(7.5))])
    });
    assert!(
        matches!(
            error,
            Error::Form {
                what: "issued at (claim 6)",
                ..
            }
        ),
        "{error}"
    );
    for name in ["", "two\nlines", "\u{1b}[31mred", &"x".repeat(1025)] {
        let issuer = (1, Value::from(name));
        let error = refused(|parts| {
            parts.protected[3].1 = claims(&[issuer.clone(), sub.clone(), iat.clone()])
        });
        assert!(
            matches!(
                error,
                Error::Form {
                    what: "issuer (claim 1)",
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            Statement::sign(&key(Algorithm::P256, 2), name, "s", 7, "text/plain", b"").is_err()
        );
    }
}

#[test]
fn a_detached_payload_is_refused() {
    let error = refused(|parts| parts.payload = Value::Null);
    assert!(
        matches!(
            error,
            Error::Form {
                what: "payload",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn non_deterministic_cbor_is_refused_outside_and_inside() {
    let key = key(Algorithm::P256, 2);
    let mut long_head = Parts::good(&key).build(&key);
    long_head.splice(1..2, [0x98, 0x04]);
    assert!(
        matches!(
            Statement::parse(&long_head),
            Err(Error::NotDeterministic(_))
        ),
        "array head in two bytes"
    );
    let mut trailing = Parts::good(&key).build(&key);
    trailing.push(0);
    assert!(matches!(
        Statement::parse(&trailing),
        Err(Error::NotDeterministic(_))
    ));

    // The protected header is a byte string, so that its content is checked by its own parse.
    let mut unsorted = Encoder::new();
    unsorted.map(2).int(3).text("text/plain").int(1).int(-7);
    let mut message = Encoder::new();
    message
        .tag(18)
        .array(4)
        .bytes(unsorted.as_slice())
        .map(0)
        .bytes(b"p")
        .bytes(&[1; 64]);
    assert!(matches!(
        Statement::parse(message.as_slice()),
        Err(Error::NotDeterministic(_))
    ));
}

#[test]
fn algorithms_are_accepted_by_both_names_and_others_refused_by_theirs() {
    for (ours, fully_specified) in [(Algorithm::Ed25519, -19_i64), (Algorithm::P256, -9)] {
        let key = key(ours, 3);
        let mut parts = Parts::good(&key);
        parts.protected[0].1 = Value::from(fully_specified);
        let read = Statement::parse(&parts.build(&key)).unwrap();
        assert_eq!(read.algorithm(), ours);
        read.verify(&key.verifying_key()).unwrap();
    }
    for (id, name) in [
        (-35_i64, "ES384"),
        (-36, "ES512"),
        (-53, "Ed448"),
        (-999, "COSE algorithm -999"),
    ] {
        match refused(|parts| parts.protected[0].1 = Value::from(id)) {
            Error::Unsupported(found) => assert_eq!(found, name),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_statement_verifies_under_its_own_key_alone() {
    let ours = key(Algorithm::Ed25519, 1);
    let signed = statement(&ours);
    let other = key(Algorithm::Ed25519, 2).verifying_key();
    assert!(matches!(
        signed.verify(&other),
        Err(Error::KeyIdMismatch { .. })
    ));
    let other = key(Algorithm::P256, 1).verifying_key();
    assert!(matches!(
        signed.verify(&other),
        Err(Error::AlgorithmMismatch { .. })
    ));

    // Signed by one key in another's name.
    let mut parts = Parts::good(&ours);
    parts.protected[2].1 = Value::from(key(Algorithm::Ed25519, 2).id().0.to_vec());
    let forged = Statement::parse(&parts.build(&ours)).unwrap();
    assert!(matches!(
        forged.verify(&key(Algorithm::Ed25519, 2).verifying_key()),
        Err(Error::BadSignature)
    ));
    assert!(matches!(
        forged.verify(&ours.verifying_key()),
        Err(Error::KeyIdMismatch { .. })
    ));
}

/// The id is of what was said, the entry is of the bytes: two signatures over one claim share the
/// one and not the other.
#[test]
fn the_statement_id_covers_the_claim_and_the_entry_the_signature_too() {
    let key = key(Algorithm::Ed25519, 1);
    let signed = statement(&key);
    let mut resigned = signed.as_bytes().to_vec();
    *resigned.last_mut().unwrap() ^= 1;
    let resigned = Statement::parse(&resigned).unwrap();
    assert_eq!(resigned.statement_id(), signed.statement_id());
    assert_ne!(resigned.entry(), signed.entry());
    assert!(matches!(
        resigned.verify(&key.verifying_key()),
        Err(Error::BadSignature)
    ));

    let sig_structure = coset::CoseSign1::from_tagged_slice(signed.as_bytes())
        .unwrap()
        .tbs_data(&[]);
    assert_eq!(
        signed.statement_id(),
        sha256(&[&sig_structure]),
        "as coset builds it"
    );
}
