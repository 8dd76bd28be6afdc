//! Proofs that a signed commit holds a checkpoint.

use std::sync::LazyLock;

use avouch_anchor::git::{Proof, Signers, read_public_key};
use avouch_anchor::{Receipt, Verifier as _};

/// A receipt that a client recorded in a repository, and the key that signed it.
static RECORDED: LazyLock<(Receipt, Signers)> = LazyLock::new(|| {
    let receipt = include_bytes!("../../../fixtures/anchors/git.receipt");
    let key = read_public_key(include_str!("../../../fixtures/anchors/git.pub"));
    (
        Receipt::decode(receipt).expect("the recorded receipt"),
        Signers::new(vec![key.expect("its key")]).expect("an Ed25519 key"),
    )
});

/// A proof that is read has exactly one encoding, and of those that are like the recorded one, only that one verifies:
/// another would be a forged signature. With no key trusted, nothing does.
pub(crate) fn proof(data: &[u8]) -> bool {
    let Ok(proof) = Proof::decode(data) else {
        return false;
    };
    assert_eq!(proof.encode(), data);
    let (recorded, signers) = &*RECORDED;
    let nobody = Signers::new(Vec::new()).expect("no key");
    assert!(nobody.verify(&recorded.anchored, data).is_err());
    let holds = signers.verify(&recorded.anchored, data).is_ok();
    assert_eq!(holds, recorded.proof == data);
    true
}

/// The recorded proof.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![RECORDED.0.proof.clone()]
}
