//! Entering checkpoints in a registry, over a node's JSON-RPC.
//!
//! The contract accepts a checkpoint once. So whatever is sent twice, by whomever, has its effect once, and
//! a client that has forgotten what it sent finds it there.

mod account;
mod block;
mod contract;
mod node;
mod rpc;
mod transaction;

use std::fmt;

use avouch_cose::{Checkpoint, SigningKey};
use avouch_merkle::{Digest, TreeSize, verify_consistency};
use serde_json::json;

use super::keccak::keccak256;
use super::registry::topics;
use super::{AnchorError, BlockHash, Evm, KIND, LogId, Proof, Registry, trie};
use crate::{Anchored, Backend, Receipt, State, SubmitError, Verifier as _};

pub use account::{Account, KeyError};
use contract::Head;
use node::Mined;
pub use node::Node;
use rpc::to_data;
use transaction::nonce_of;

/// Longest description of a block's receipts.
const MAX_RECEIPTS: usize = 1 << 26;

/// Makes the consistency proof between two sizes of the log, or says why it cannot.
pub type Growth = dyn Fn(TreeSize, TreeSize) -> Result<Vec<Digest>, String> + Send + Sync;

/// A registry that checkpoints of one log are entered in.
pub struct Submitter {
    node: Node,
    registry: Registry,
    key: SigningKey,
    growth: Box<Growth>,
    confirmations: u64,
}

impl Submitter {
    /// Enters checkpoints in this registry by way of this node. `key` is the log's P-256 anchoring key. A receipt is
    /// complete when the node's chain has `confirmations` blocks from the checkpoint's own on: 1 as soon as it is mined.
    ///
    /// # Errors
    /// [`AnchorError::NotP256`]; [`AnchorError::OtherChain`] if the node is said to be of another chain.
    pub fn new(
        node: Node,
        registry: Registry,
        key: SigningKey,
        growth: Box<Growth>,
        confirmations: u64,
    ) -> Result<Self, AnchorError> {
        if key.verifying_key().as_p256().is_none() {
            return Err(AnchorError::NotP256);
        }
        if node.chain() != registry.chain {
            return Err(AnchorError::OtherChain {
                node: node.chain(),
                registry: registry.chain,
            });
        }
        Ok(Self {
            node,
            registry,
            key,
            growth,
            confirmations,
        })
    }

    fn log(&self, checkpoint: &Checkpoint) -> Result<LogId, SubmitError> {
        LogId::new(&self.key.verifying_key(), &checkpoint.origin)
            .ok_or_else(|| SubmitError::Config(AnchorError::NotP256.to_string()))
    }

    /// Whether the registry's last checkpoint is this very one or a later one; a fork is refused.
    fn covers(&self, head: &Head, checkpoint: &Checkpoint) -> Result<bool, SubmitError> {
        if head.size == checkpoint.size && head.root != checkpoint.root {
            return Err(self.forked(format!(
                "the registry has another root for size {}",
                head.size
            )));
        }
        Ok(head.size >= checkpoint.size)
    }

    /// The transaction that entered this checkpoint, where the registry has it or a later one: refused if a later one
    /// was entered without it. `None` while the node does not show the event, which it may do later than the state.
    fn find(
        &self,
        log: &LogId,
        head: &Head,
        checkpoint: &Checkpoint,
    ) -> Result<Option<[u8; 32]>, SubmitError> {
        let size = checkpoint.size;
        let found = self
            .node
            .find_event(&self.registry, &topics(log, size.get()))?;
        if found.is_none() && head.size > size {
            return Err(SubmitError::Overtaken {
                url: self.node.rpc.shown().into(),
                why: format!(
                    "the registry has size {} already, and never had {size}: anchor the newest checkpoint",
                    head.size
                ),
            });
        }
        Ok(found)
    }

    fn pending(&self, anchored: &Anchored, transaction: Option<Vec<u8>>) -> Receipt {
        Receipt {
            kind: KIND.into(),
            anchored: anchored.clone(),
            state: State::Pending,
            proof: Proof::Sent {
                registry: self.registry,
                transaction,
            }
            .encode(),
        }
    }

    /// Where the checkpoint was entered, by the transaction of the pending receipt or by another's; `None` while
    /// it was not. A transaction that the node has forgotten is sent again.
    fn entered(
        &self,
        checkpoint: &Checkpoint,
        transaction: Option<&[u8]>,
    ) -> Result<Option<Mined>, SubmitError> {
        let log = self.log(checkpoint)?;
        let sent = transaction.map(|signed| (keccak256(signed), signed));
        let own = || match &sent {
            Some((hash, _)) => self.node.mined(hash),
            None => Ok(None),
        };
        let mined = own()?;
        if mined.is_some_and(|mined| mined.has_succeeded) {
            return Ok(mined);
        }
        let head = self.node.head(&self.registry, &log)?;
        if self.covers(&head, checkpoint)? {
            // It may have been mined since.
            return match own()? {
                Some(mined) if mined.has_succeeded => Ok(Some(mined)),
                _ => match self.find(&log, &head, checkpoint)? {
                    Some(hash) => self.node.mined(&hash),
                    None => Ok(None),
                },
            };
        }
        let Some((hash, signed)) = sent else {
            return Err(self.lost("the checkpoint was in the registry and is not any more"));
        };
        if self.is_lost(&hash, signed)? {
            return Err(self.lost(format!(
                "the transaction {} failed, or the account used its number for another",
                to_data(&hash)
            )));
        }
        if !self.node.knows(&hash)? {
            self.node.send(signed)?;
        }
        Ok(None)
    }

    /// Whether a transaction failed, or never can be mined because its number is used up.
    fn is_lost(&self, hash: &[u8; 32], signed: &[u8]) -> Result<bool, SubmitError> {
        let is_used = match nonce_of(signed) {
            Ok(nonce) => self.node.has_used(nonce)?,
            Err(_) => true,
        };
        // Asked last, so that it is not taken for lost while it is being mined.
        let mined = self.node.mined(hash)?;
        Ok(is_used && mined.is_none_or(|mined| !mined.has_succeeded))
    }

    /// The proof that the transaction at this place entered the checkpoint, checked as a verifier checks it.
    fn prove(&self, anchored: &Anchored, mined: &Mined) -> Result<Receipt, SubmitError> {
        const BLOCK: &str = "eth_getBlockByHash";
        const RECEIPTS: &str = "eth_getBlockReceipts";
        let rpc = &self.node.rpc;
        let hash = to_data(&mined.block);
        let block = rpc.call(BLOCK, json!([hash, false]))?;
        let header = block::header(&block).map_err(|why| rpc.bad(BLOCK, why))?;
        if keccak256(&header) != mined.block {
            let why =
                "the block's members do not make its hash: this version may not know all of them";
            return Err(rpc.bad(BLOCK, why));
        }
        let receipts = rpc.call_within(RECEIPTS, json!([hash]), MAX_RECEIPTS)?;
        let receipts: Vec<Vec<u8>> = receipts
            .as_array()
            .ok_or_else(|| rpc.bad(RECEIPTS, "it is not an array"))?
            .iter()
            .map(block::receipt)
            .collect::<Result<_, _>>()
            .map_err(|why| rpc.bad(RECEIPTS, why))?;
        let (_, path) = trie::build::indexed(&receipts, mined.index);
        let proof = Proof::Mined {
            registry: self.registry,
            header,
            index: mined.index,
            path,
        }
        .encode();
        // A proof is published only if it would convince somebody who trusts this block.
        Evm::new(
            self.registry,
            self.key.verifying_key(),
            vec![BlockHash(mined.block)],
        )
        .map_err(|error| SubmitError::Config(error.to_string()))?
        .verify(anchored, &proof)
        .map_err(|doubt| rpc.bad(RECEIPTS, doubt))?;
        Ok(Receipt {
            kind: KIND.into(),
            anchored: anchored.clone(),
            state: State::Complete,
            proof,
        })
    }

    fn lost(&self, why: impl Into<String>) -> SubmitError {
        SubmitError::Lost {
            url: self.node.rpc.shown().into(),
            why: why.into(),
        }
    }

    fn forked(&self, why: String) -> SubmitError {
        SubmitError::Forked {
            url: self.node.rpc.shown().into(),
            why,
        }
    }

    fn refused(&self, why: impl Into<String>) -> SubmitError {
        self.node.rpc.refused(why)
    }
}

impl Backend for Submitter {
    fn kind(&self) -> &'static str {
        KIND
    }

    /// Makes the transaction: empty if the registry has the checkpoint already.
    fn prepare(&self, anchored: &Anchored, _: &[u8; 32]) -> Result<Vec<u8>, SubmitError> {
        let checkpoint = anchored.checkpoint();
        if !checkpoint.extensions.is_empty() {
            return Err(self
                .refused("the checkpoint has extension lines, which a registry does not anchor"));
        }
        if checkpoint.size == TreeSize(0) {
            return Err(self.refused("the log is empty: there is nothing to anchor"));
        }
        self.node.check_chain()?;
        self.node.check_code(&self.registry)?;
        let log = self.log(checkpoint)?;
        let head = self.node.head(&self.registry, &log)?;
        if self.covers(&head, checkpoint)? {
            self.find(&log, &head, checkpoint)?;
            return Ok(Vec::new());
        }
        let proof = match head.size {
            TreeSize(0) => Vec::new(),
            size => {
                let proof = (self.growth)(size, checkpoint.size).map_err(|why| {
                    self.refused(format!("no consistency proof from size {size}: {why}"))
                })?;
                verify_consistency(size, &head.root, checkpoint.size, &checkpoint.root, &proof)
                    .map_err(|why| {
                        self.forked(format!(
                        "it does not begin with what the registry has of it at size {size}: {why}"
                    ))
                    })?;
                proof
            }
        };
        let call = contract::anchor(&self.registry, &self.key, checkpoint, &proof)
            .ok_or_else(|| SubmitError::Config(AnchorError::NotP256.to_string()))?;
        self.node.prepare(Some(self.registry.contract), call)
    }

    fn submit(&self, anchored: &Anchored, prepared: &[u8]) -> Result<Receipt, SubmitError> {
        if prepared.is_empty() {
            return Ok(self.pending(anchored, None));
        }
        let pending = self.pending(anchored, Some(prepared.to_vec()));
        let sent = self.node.send(prepared);
        let hash = keccak256(prepared);
        let is_lost = self.is_lost(&hash, prepared)?;
        if sent.is_ok() && !is_lost {
            return Ok(pending);
        }
        // Another may have brought the checkpoint there, so that this would fail.
        let checkpoint = anchored.checkpoint();
        let head = self.node.head(&self.registry, &self.log(checkpoint)?)?;
        match (self.covers(&head, checkpoint)?, is_lost) {
            (true, _) => Ok(pending),
            (false, true) => Err(self.lost(format!(
                "the transaction {} failed, or the account used its number for another",
                to_data(&hash)
            ))),
            (false, false) => sent.map(|_| pending),
        }
    }

    fn upgrade(&self, receipt: &Receipt) -> Result<Option<Receipt>, SubmitError> {
        let (registry, transaction) = match Proof::decode(&receipt.proof)? {
            Proof::Sent {
                registry,
                transaction,
            } => (registry, transaction),
            Proof::Mined { .. } => return Ok(None),
        };
        if registry != self.registry {
            return Err(SubmitError::Config(format!(
                "the receipt is of the contract {} on chain {}",
                registry.contract, registry.chain
            )));
        }
        let anchored = &receipt.anchored;
        match self.entered(anchored.checkpoint(), transaction.as_deref())? {
            Some(mined) if self.node.is_deep(&mined, self.confirmations)? => {
                self.prove(anchored, &mined).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter")
            .field("node", &self.node)
            .field("registry", &self.registry)
            .field("key", &self.key)
            .field("confirmations", &self.confirmations)
            .finish_non_exhaustive()
    }
}
