//! What the contract and its clients agree on: a log's id, what its key signs, and the event. The constants are the
//! contract's own (`contracts/CheckpointRegistry.sol`).

use core::fmt;

use avouch_cose::{Checkpoint, VerifyingKey};
use avouch_merkle::sha256;

use super::keccak::keccak256;
use super::receipt::Event;
use super::{Address, Malformed};

const LOG_DOMAIN: &[u8] = b"avouch/v1/evm-log";
#[cfg(any(test, feature = "submit"))]
const MESSAGE_DOMAIN: &[u8] = b"avouch/v1/evm-checkpoint";
const EVENT: &[u8] = b"CheckpointAnchored(bytes32,uint64,bytes32)";

/// A registry: the contract at an address of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The chain's id (EIP-155).
    pub chain: u64,
    /// The contract's address.
    pub contract: Address,
}

/// A log's id in registries: SHA-256 over its anchoring key and its origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub [u8; 32]);

impl LogId {
    /// The id of the log of this origin whose anchoring key this is; `None` if that is no P-256 key.
    pub fn new(key: &VerifyingKey, origin: &str) -> Option<Self> {
        let (x, y) = key.as_p256()?;
        let origin = origin_hash(origin);
        Some(Self(sha256(&[LOG_DOMAIN, &x, &y, &origin]).0))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of an origin, which stands for it in the contract.
pub(crate) fn origin_hash(origin: &str) -> [u8; 32] {
    sha256(&[origin.as_bytes()]).0
}

impl Registry {
    /// What the anchoring key signs, so that this registry accepts the checkpoint.
    #[cfg(any(test, feature = "submit"))]
    pub(crate) fn message(&self, log: &LogId, checkpoint: &Checkpoint) -> Vec<u8> {
        [
            MESSAGE_DOMAIN,
            &word(self.chain),
            &self.contract.0,
            &log.0,
            &checkpoint.size.get().to_be_bytes(),
            checkpoint.root.as_bytes(),
        ]
        .concat()
    }

    /// Checks that one of a transaction's events is this registry's about this checkpoint.
    pub(crate) fn check(
        &self,
        events: &[Event<'_>],
        log: &LogId,
        checkpoint: &Checkpoint,
    ) -> Result<(), Malformed> {
        let [anchored, _, size] = topics(log, checkpoint.size.get());
        let ours = events
            .iter()
            .filter(|event| *event.contract == self.contract.0);
        let ours: Vec<_> = ours
            .filter(|event| event.topics.len() == 3 && *event.topics[0] == anchored)
            .collect();
        if ours.is_empty() {
            return Err(Malformed("the transaction has no event of the registry"));
        }
        let mut ours = ours
            .iter()
            .filter(|event| *event.topics[1] == log.0)
            .peekable();
        if ours.peek().is_none() {
            return Err(Malformed("the registry's event is about another log"));
        }
        match ours.any(|event| *event.topics[2] == size && event.data == checkpoint.root.as_bytes())
        {
            true => Ok(()),
            false => Err(Malformed(
                "the registry's event is about another checkpoint of the log",
            )),
        }
    }
}

/// What the event of a log's checkpoint is indexed by.
pub(crate) fn topics(log: &LogId, size: u64) -> [[u8; 32]; 3] {
    [keccak256(EVENT), log.0, word(size)]
}

/// A number as the EVM's 32 bytes.
pub(crate) fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}
