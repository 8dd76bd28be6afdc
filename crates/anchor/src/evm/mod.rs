//! EVM chains: checkpoints entered in a `CheckpointRegistry`, the contract in `contracts/` (see `docs/evm.md`).
//!
//! The contract accepts a log's checkpoint only with the log's P-256 signature and a proof that its tree begins with the
//! last one entered, so a registry holds one history of a log. That it accepted one is an event in a block.
//! A complete proof here is that block's header, the receipt of the transaction, and the path from the one to the
//! other; an [`Evm`] anchor judges it against block hashes that the trust policy gives.
//!
//! # What this is not
//! No consensus: which blocks are a chain's is for whoever writes the policy to find out. No look at the
//! contract's code, which a block header does not show without its state: the policy's word too.

mod address;
mod header;
mod keccak;
mod proof;
mod receipt;
mod registry;
mod rlp;
#[cfg(test)]
mod rlp_tests;
#[cfg(feature = "submit")]
mod submit;
#[cfg(test)]
mod tests;
mod trie;
mod verifier;

pub use address::{Address, BlockHash, ParseError};
pub use proof::Proof;
pub use registry::{LogId, Registry};
#[cfg(feature = "submit")]
pub use submit::{Account, Growth, KeyError, Node, Submitter};
pub use verifier::{AnchorError, Evm};

/// The kind of these receipts.
pub const KIND: &str = "evm";

/// What is wrong with bytes of Ethereum's formats, in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);
