//! Proofs that a contract on an EVM chain accepted a checkpoint.

use std::sync::LazyLock;

use avouch_anchor::evm::{BlockHash, Evm, Proof};
use avouch_anchor::{Receipt, Verifier as _};
use avouch_cose::VerifyingKey;

/// A receipt that a client recorded on a development chain, where this is the anchoring key.
static RECORDED: LazyLock<(Receipt, VerifyingKey)> = LazyLock::new(|| {
    let receipt = include_bytes!("../../../fixtures/anchors/evm.receipt");
    let pem = include_str!("../../../fixtures/anchors/evm.pem");
    (
        Receipt::decode(receipt).expect("the recorded receipt"),
        VerifyingKey::from_pem(pem).expect("its log's anchoring key"),
    )
});

/// A proof that is accepted has exactly one encoding. Whatever block it names is trusted here, so that what lies behind
/// the header is read too; with no block trusted, nothing verifies.
pub(crate) fn proof(data: &[u8]) -> bool {
    let Ok(proof) = Proof::decode(data) else {
        return false;
    };
    assert_eq!(proof.encode(), data);
    let (recorded, key) = &*RECORDED;
    let (Proof::Mined { registry, .. } | Proof::Sent { registry, .. }) = proof;
    let judge = |blocks| {
        let anchor = Evm::new(registry, *key, blocks).expect("an anchor");
        anchor.verify(&recorded.anchored, data)
    };
    assert!(judge(Vec::new()).is_err());
    let Proof::Mined { header, .. } = proof else {
        return true;
    };
    let Ok(block) = BlockHash::of_header(&header) else {
        return false;
    };
    judge(vec![block]).is_ok()
}

/// The recorded proof, and what was before it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (recorded, _) = &*RECORDED;
    let proof = Proof::decode(&recorded.proof).expect("the recorded proof");
    let (Proof::Mined { registry, .. } | Proof::Sent { registry, .. }) = proof;
    let sent = |transaction| Proof::Sent {
        registry,
        transaction,
    };
    vec![
        recorded.proof.clone(),
        sent(None).encode(),
        sent(Some(b"\x02\xc0".to_vec())).encode(),
    ]
}
