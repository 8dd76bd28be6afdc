//! Shares in all of their forms, the commitments to them, key statements and releases.

use avouch_cose::{KeyStatement, SigningKey, Statement};
use avouch_escrow::{Commitments, Secret, SecretKind, Share, split, text, words};
use avouch_merkle::Digest;
use avouch_privacy::release::{OFFICER_CONTENT_TYPE, Release, ReleasePolicy, ReleaseRequest};
use avouch_trace::RunId;
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

/// A release policy, request or release that is accepted has exactly one encoding.
pub(crate) fn release(data: &[u8]) -> bool {
    let policy = ReleasePolicy::decode(data).map(|policy| policy.encode());
    let request = ReleaseRequest::decode(data).map(|request| request.encode());
    let release = Release::decode(data).map(|release| release.encode());
    let read: Vec<Vec<u8>> = [policy, request, release].into_iter().flatten().collect();
    assert!(read.iter().all(|bytes| bytes == data));
    !read.is_empty()
}

/// One of each to start from.
pub(crate) fn release_seeds(key: &SigningKey) -> Vec<Vec<u8>> {
    let policy = ReleasePolicy {
        agent: "agent:a".into(),
        threshold: 1,
        officers: vec![("ann".into(), key.verifying_key())],
    };
    let request = ReleaseRequest {
        run: RunId([1; 16]),
        statement: Digest([2; 32]),
        selection: Digest([3; 32]),
        recipient: "auditor".into(),
        expires: 1_800_000_000,
        policy: Digest([4; 32]),
        nonce: [5; 16],
    };
    let (subject, payload) = (request.subject(), request.encode());
    let signed = Statement::sign(key, "ann", &subject, 7, OFFICER_CONTENT_TYPE, &payload);
    let signed = vec![signed.expect("an agreement")];
    let encoded = [policy.encode(), payload];
    let release = Release { request, signed };
    encoded.into_iter().chain([release.encode()]).collect()
}
