//! Shares in all of their forms, the commitments to them, and key statements.

use avouch_cose::KeyStatement;
use avouch_escrow::{Commitments, Secret, SecretKind, Share, split, text, words};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// A share that is accepted reads back from everything that it is written as.
pub(crate) fn share(data: &[u8]) -> bool {
    if let Ok(share) = Share::from_bytes(data) {
        assert_eq!(*share.to_bytes(), data);
        return true;
    }
    let Ok(given) = core::str::from_utf8(data) else {
        return false;
    };
    let Ok(share) = text::read(given) else {
        return false;
    };
    assert_eq!(text::read(&text::write(&share)), Ok(share.clone()));
    assert_eq!(text::read(&text::compact(&share)), Ok(share.clone()));
    if let Ok(words) = words::write(&share) {
        assert_eq!(text::read(&words), Ok(share));
    }
    true
}

/// Commitments that are accepted have exactly one text.
pub(crate) fn commitments(data: &[u8]) -> bool {
    let read = core::str::from_utf8(data).map(Commitments::parse);
    let Ok(Ok(commitments)) = read else {
        return false;
    };
    assert_eq!(commitments.to_string().as_bytes(), data);
    true
}

/// A key statement's payload that is accepted has exactly one encoding.
pub(crate) fn key_statement(data: &[u8]) -> bool {
    let Ok(said) = KeyStatement::decode(data) else {
        return false;
    };
    assert_eq!(said.encode(), data);
    true
}

/// A set to start from.
pub(crate) fn seeds() -> (Vec<Share>, Commitments) {
    let secret = Secret {
        kind: SecretKind::File,
        bytes: b"seed".to_vec().into(),
    };
    let mut random = ChaCha20Rng::from_seed([1; 32]);
    split(&secret, 2, 3, &mut random).expect("a set of shares")
}
