//! The contract as its callers see it: its code, its calls and its errors.

use std::sync::LazyLock;

use avouch_cose::{Checkpoint, SigningKey, VerifyingKey};
use avouch_merkle::{Digest, TreeSize};
use serde_json::Value;

use crate::evm::keccak::keccak256;
use crate::evm::registry::{origin_hash, word};
use crate::evm::{LogId, Registry};

/// What `tests/tools/evm/compile.cjs` made of the source; a test compiles it again.
const ARTIFACT: &str = include_str!("../../../contracts/CheckpointRegistry.json");

const ANCHOR: &str = "anchor((bytes32,bytes32),bytes32,uint64,bytes32,bytes32[],(bytes32,bytes32))";
const HEADS: &str = "heads(bytes32)";
const ERRORS: [(&str, &str); 4] = [
    (
        "NotLarger(uint64)",
        "the registry has a checkpoint of this size or a later one",
    ),
    (
        "Inconsistent()",
        "the tree does not begin with the one that the registry has last",
    ),
    (
        "BadSignature()",
        "the signature is not the log's, or the chain cannot check P-256 signatures (EIP-7951)",
    ),
    ("HashFailed()", "out of gas"),
];

/// The contract's code: what deploys it, and what a chain then holds.
pub(super) struct Code {
    /// The code that deploys it.
    pub(super) creation: Vec<u8>,
    /// The code at its address.
    pub(super) runtime: Vec<u8>,
}

/// The committed artifact's code. Its tests show that it is there.
pub(super) static CODE: LazyLock<Code> = LazyLock::new(|| {
    let artifact: Value = serde_json::from_str(ARTIFACT).unwrap_or_default();
    let code = |name: &str| {
        let digits = artifact[name].as_str().unwrap_or_default();
        hex::decode(digits).unwrap_or_default()
    };
    Code {
        creation: code("bytecode"),
        runtime: code("runtime"),
    }
});

/// The last checkpoint of a log in a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its size; 0 if there is none.
    pub(super) size: TreeSize,
    /// Its root.
    pub(super) root: Digest,
}

/// The call that asks for a log's last checkpoint.
pub(super) fn heads(log: &LogId) -> Vec<u8> {
    [selector(HEADS).as_slice(), &log.0].concat()
}

/// What that call returns.
pub(super) fn read_head(returned: &[u8]) -> Option<Head> {
    let (size, root) = returned.split_first_chunk::<32>()?;
    let (zeros, size) = size.split_last_chunk()?;
    Some(Head {
        size: TreeSize(u64::from_be_bytes(*size)),
        root: Digest(root.try_into().ok()?),
    })
    .filter(|_| zeros.iter().all(|byte| *byte == 0))
}

/// The call that enters a checkpoint, signed for this registry; `None` if the key is no P-256 key.
pub(super) fn anchor(
    registry: &Registry,
    key: &SigningKey,
    checkpoint: &Checkpoint,
    proof: &[Digest],
) -> Option<Vec<u8>> {
    let public: VerifyingKey = key.verifying_key();
    let (x, y) = public.as_p256()?;
    let log = LogId::new(&public, &checkpoint.origin)?;
    let signature = key.sign(&registry.message(&log, checkpoint));
    let (r, s) = signature.split_at(32);
    // Eight words, of which the sixth says where the proof begins: after them.
    let head = [
        x,
        y,
        origin_hash(&checkpoint.origin),
        word(checkpoint.size.get()),
        checkpoint.root.0,
        word(8 * 32),
    ];
    let mut call = selector(ANCHOR).to_vec();
    call.extend_from_slice(head.as_flattened());
    call.extend_from_slice(r);
    call.extend_from_slice(s);
    call.extend_from_slice(&word(proof.len() as u64));
    for hash in proof {
        call.extend_from_slice(hash.as_bytes());
    }
    Some(call)
}

/// What the contract meant by what a reverted call returned.
pub(super) fn error(returned: &[u8]) -> Option<&'static str> {
    let selected = |(name, _): &&(&str, &str)| returned.starts_with(&selector(name));
    ERRORS.iter().find(selected).map(|(_, meaning)| *meaning)
}

fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature.as_bytes());
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifact_has_the_functions_errors_and_code_that_are_used_here() {
        let artifact: Value = serde_json::from_str(ARTIFACT).unwrap();
        for signature in [ANCHOR, HEADS] {
            assert_eq!(
                artifact["selectors"][signature],
                hex::encode(selector(signature))
            );
        }
        let of_kind = |kind: &str| {
            let abi = artifact["abi"].as_array().unwrap();
            abi.iter().filter(|entry| entry["type"] == kind).count()
        };
        assert_eq!((of_kind("error"), of_kind("event")), (ERRORS.len(), 1));
        for (name, meaning) in ERRORS {
            assert_eq!(
                error(&[&selector(name), [0; 32].as_slice()].concat()),
                Some(meaning)
            );
            let name = name.split('(').next();
            let abi = artifact["abi"].as_array().unwrap();
            assert!(abi.iter().any(|entry| entry["name"].as_str() == name));
        }
        assert!(CODE.creation.ends_with(&CODE.runtime) && CODE.runtime.len() > 1000);
    }
}
