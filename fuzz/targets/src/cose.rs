//! Keys, statements, receipts, signed notes, and other people's COSE.

use std::sync::LazyLock;

use avouch_cose::{
    Algorithm, Checkpoint, ConsistencyProof, ConsistencyReceipt, CosignerKey, Note, NoteKey,
    Receipt, Sign, Sign1, SignedStatement, SigningKey, Statement, TlogProof, VerifyingKey,
};
use avouch_merkle::hash_leaf;

/// Keys that no input is signed with, so that nothing may verify under them.
static STRANGERS: LazyLock<[VerifyingKey; 2]> = LazyLock::new(|| {
    [Algorithm::Ed25519, Algorithm::P256].map(|algorithm| {
        SigningKey::generate(algorithm, &[0x5a; 32])
            .expect("a key from fixed bytes")
            .verifying_key()
    })
});

/// A statement that is accepted has exactly one encoding.
pub(crate) fn statement(data: &[u8]) -> bool {
    let Ok(statement) = Statement::parse(data) else {
        return false;
    };
    assert_eq!(statement.as_bytes(), data);
    for key in STRANGERS.iter() {
        assert!(statement.verify(key).is_err());
    }
    true
}

/// A receipt, for inclusion or for consistency, that is accepted has exactly one encoding.
pub(crate) fn receipt(data: &[u8]) -> bool {
    let inclusion = Receipt::parse(data);
    if let Ok(receipt) = &inclusion {
        assert_eq!(receipt.as_bytes(), data);
        for key in STRANGERS.iter() {
            assert!(receipt.verify(hash_leaf(data), key).is_err());
        }
    }
    let consistency = ConsistencyReceipt::parse(data);
    if let Ok(receipt) = &consistency {
        assert_eq!(receipt.as_bytes(), data);
        for key in STRANGERS.iter() {
            assert!(receipt.verify(&hash_leaf(data), key).is_err());
        }
    }
    assert!(
        inclusion.is_err() || consistency.is_err(),
        "a receipt that is both"
    );
    inclusion.is_ok() || consistency.is_ok()
}

/// A proof file that is accepted has exactly one text.
pub(crate) fn log_proof(data: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(data) else {
        return false;
    };
    let stranger = stranger();
    let inclusion = TlogProof::parse(text);
    if let Ok(proof) = &inclusion {
        assert_eq!(proof.to_string(), text);
        assert!(proof.verify(hash_leaf(data), &stranger).is_err());
    }
    let consistency = ConsistencyProof::parse(text);
    if let Ok(proof) = &consistency {
        assert_eq!(proof.to_string(), text);
        assert!(proof.verify(&hash_leaf(data), &stranger).is_err());
    }
    inclusion.is_ok() || consistency.is_ok()
}

/// A note key that signed nothing.
fn stranger() -> NoteKey {
    NoteKey::new("log.example/other", STRANGERS[0]).expect("a note key")
}

/// A note, a checkpoint or a note key that is accepted has exactly one text.
pub(crate) fn note(data: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(data) else {
        return false;
    };
    let note = Note::parse(text);
    if let Ok(note) = &note {
        assert_eq!(note.to_string(), text);
        assert!(note.verify(&stranger()).is_err());
        assert!(Checkpoint::open(text, &stranger()).is_err());
    }
    let checkpoint = Checkpoint::parse(text);
    if let Ok(checkpoint) = &checkpoint {
        assert_eq!(checkpoint.to_string(), text);
    }
    let key = text.parse::<NoteKey>();
    if let Ok(key) = &key {
        assert_eq!(key.to_string(), text);
    }
    let cosigner = text.parse::<CosignerKey>();
    if let Ok(key) = &cosigner {
        assert_eq!(key.to_string(), text);
    }
    note.is_ok() || checkpoint.is_ok() || key.is_ok() || cosigner.is_ok()
}

/// A key that is accepted is the same key after it is written again. (Encrypted keys are read up to
/// where the passphrase would be stretched: that is slow by design.)
pub(crate) fn key(data: &[u8]) -> bool {
    let text = core::str::from_utf8(data).ok();
    let public = [
        VerifyingKey::from_der(data).ok(),
        VerifyingKey::from_cose_key(data).ok(),
        text.and_then(|text| VerifyingKey::from_pem(text).ok()),
    ];
    for key in public.iter().flatten() {
        let again = [
            VerifyingKey::from_der(&key.to_der()),
            VerifyingKey::from_cose_key(&key.to_cose_key()),
            VerifyingKey::from_pem(&key.to_pem()),
        ];
        assert!(again.iter().all(|again| again.as_ref().ok() == Some(key)));
    }
    let private = text.and_then(|text| SigningKey::from_pem(text, None).ok());
    if let Some(key) = &private {
        let written = key.to_pem().expect("a key that was read can be written");
        let again = SigningKey::from_pem(&written, None).expect("our own file");
        assert_eq!(again.id(), key.id());
    }
    private.is_some() || public.iter().any(Option::is_some)
}

/// Other people's COSE_Sign1 and COSE_Sign, which may be encoded loosely.
pub(crate) fn sign1(data: &[u8]) -> bool {
    let one = Sign1::parse(data);
    if let Ok(message) = &one {
        for key in STRANGERS.iter() {
            assert!(message.verify(key, &[]).is_err());
            assert!(message.verify_detached(key, &[], data).is_err());
        }
    }
    if let Ok(statement) = SignedStatement::parse(data) {
        assert_eq!(statement.as_bytes(), data);
        for key in STRANGERS.iter() {
            assert!(statement.verify(key).is_err());
        }
        let _ = (statement.statement_id(), statement.issued_at());
    }
    let many = Sign::parse(data);
    if let Ok(message) = &many {
        for key in STRANGERS.iter() {
            for signer in 0..message.signers().len().min(4) {
                assert!(message.verify(signer, key, &[]).is_err());
            }
        }
    }
    one.is_ok() || many.is_ok()
}
