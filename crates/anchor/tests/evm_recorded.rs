//! A receipt that a client recorded on a development chain verifies with nothing else at hand.
#![cfg(feature = "evm")]
#![allow(clippy::unwrap_used, missing_docs)]

use avouch_anchor::evm::{BlockHash, Evm, KIND, Proof, Registry};
use avouch_anchor::{Doubt, Receipt, State};
use avouch_cose::VerifyingKey;

const RECEIPT: &[u8] = include_bytes!("../../../fixtures/anchors/evm.receipt");
const KEY: &str = include_str!("../../../fixtures/anchors/evm.pem");
/// The block's hash, number and time.
const BLOCK: &str = include_str!("../../../fixtures/anchors/evm.block");
/// Where the first transaction of a development node's first account puts a contract.
const CONTRACT: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

fn anchor(contract: &str, block: &str) -> Evm {
    let registry = Registry {
        chain: 31337,
        contract: contract.parse().unwrap(),
    };
    let key = VerifyingKey::from_pem(KEY).unwrap();
    Evm::new(registry, key, vec![block.parse().unwrap()]).unwrap()
}

#[test]
fn the_recorded_receipt_verifies() {
    let words: Vec<&str> = BLOCK.split_whitespace().collect();
    let &[hash, number, time] = words.as_slice() else {
        panic!("a hash, a number and a time");
    };
    let receipt = Receipt::decode(RECEIPT).unwrap();
    assert_eq!(
        (receipt.kind.as_str(), receipt.state),
        (KIND, State::Complete)
    );
    let existed = receipt.verify(&anchor(CONTRACT, hash)).unwrap();
    assert_eq!(
        existed.source,
        format!("block {number} ({hash}) of chain 31337")
    );
    assert_eq!(existed.by.to_string(), time);
    let Proof::Mined { header, .. } = Proof::decode(&receipt.proof).unwrap() else {
        panic!("a complete proof");
    };
    assert_eq!(BlockHash::of_header(&header).unwrap().to_string(), hash);
    // What the policy says decides, not what the receipt says.
    let other = format!("0x{}", "11".repeat(32));
    for anchor in [
        anchor(CONTRACT, &other),
        anchor("0x0000000000000000000000000000000000000001", hash),
    ] {
        assert!(matches!(receipt.verify(&anchor), Err(Doubt::Unknown(_))));
    }
}
