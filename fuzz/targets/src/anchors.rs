//! Receipts from outside, and the proofs in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use avouch_anchor::opentimestamps::{Blocks, Header, rewritten};
use avouch_anchor::rfc3161::{Authority, certificates_from_pem};
use avouch_anchor::{Existed, Receipt};
use avouch_merkle::sha256;

/// Bitcoin's first block, in which nobody stamped anything.
pub(crate) const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

/// A receipt that is accepted has exactly one encoding.
pub(crate) fn receipt(data: &[u8]) -> bool {
    let Ok(receipt) = Receipt::decode(data) else {
        return false;
    };
    assert_eq!(receipt.encode().expect("what was decoded encodes"), data);
    true
}

/// Under the root of the seed, nothing is believed but what the seed says.
pub(crate) fn time_stamp(data: &[u8]) -> bool {
    static KNOWN: LazyLock<(Authority, [u8; 32], Existed)> = LazyLock::new(|| {
        let root = include_str!("../seeds/time-stamp-root.pem");
        let roots = certificates_from_pem(root).expect("a root");
        let authority = Authority::new(roots, &[], 60).expect("an authority");
        let digest = sha256(&[include_bytes!("../seeds/time-stamp.txt")]).0;
        let seed = include_bytes!("../seeds/time-stamp.tsr");
        let honest = authority.verify_response(&digest, seed);
        (authority, digest, honest.expect("a time stamp"))
    });
    let (authority, digest, honest) = &*KNOWN;
    assert!(authority.verify_response(&[0; 32], data).is_err());
    match authority.verify_response(digest, data) {
        Ok(existed) => {
            assert_eq!(existed, *honest);
            true
        }
        Err(_) => false,
    }
}

/// A file that is accepted has exactly one form, and leads to no block in which nothing was stamped.
pub(crate) fn bitcoin_proof(data: &[u8]) -> bool {
    static BLOCKS: LazyLock<Blocks> = LazyLock::new(|| {
        let header: Vec<u8> = (0..GENESIS.len() / 2)
            .map(|at| u8::from_str_radix(&GENESIS[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect();
        let header = Header::new(&header).expect("a header");
        Blocks::new(BTreeMap::from([(0, header)])).expect("a block")
    });
    assert!(BLOCKS.verify_file(&sha256(&[b"nothing"]).0, data).is_err());
    let again = rewritten(data);
    let is_file = again.is_some();
    if let Some(again) = again {
        assert_eq!(again, data);
    }
    is_file
}
