//! The trust policy's anchor on an EVM chain: which registry, whose key, and which blocks.

use avouch_cose::VerifyingKey;

use super::header::Header;
use super::proof::events_of;
use super::{BlockHash, KIND, LogId, Proof, Registry};
use crate::{Anchored, Doubt, Existed, Verifier};

/// Why an anchor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// Registries check P-256 signatures only.
    #[error("a log's key in an EVM registry is a P-256 key, and this is an Ed25519 key")]
    NotP256,
    /// The registry is on another chain than the node.
    #[error("the node is of chain {node} and the registry on chain {registry}")]
    OtherChain {
        /// The node's chain.
        node: u64,
        /// The registry's chain.
        registry: u64,
    },
}

/// An EVM anchor that a trust policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evm {
    registry: Registry,
    key: VerifyingKey,
    blocks: Vec<BlockHash>,
}

impl Evm {
    /// The anchor at a registry, for the log that signs for it with this key. `blocks` are blocks of that
    /// chain; what was anchored in others is not known.
    pub fn new(
        registry: Registry,
        key: VerifyingKey,
        blocks: Vec<BlockHash>,
    ) -> Result<Self, AnchorError> {
        match key.as_p256() {
            Some(_) => Ok(Self {
                registry,
                key,
                blocks,
            }),
            None => Err(AnchorError::NotP256),
        }
    }

    /// The registry whose events count.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Verifier for Evm {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn verify(&self, anchored: &Anchored, proof: &[u8]) -> Result<Existed, Doubt> {
        let refused =
            |what: &str, why: &dyn std::fmt::Display| Doubt::Refused(format!("{what}: {why}"));
        let proof = Proof::decode(proof).map_err(|why| refused("the proof", &why))?;
        let (registry, header, index, path) = match proof {
            Proof::Mined {
                registry,
                header,
                index,
                path,
            } => (registry, header, index, path),
            Proof::Sent { .. } => {
                return Err(Doubt::Refused(
                    "it holds no proof, only the transaction that was sent".into(),
                ));
            }
        };
        if registry != self.registry {
            return Err(Doubt::Unknown(format!(
                "it is about the contract {} on chain {}, and the policy's is {} on chain {}",
                registry.contract, registry.chain, self.registry.contract, self.registry.chain
            )));
        }
        let checkpoint = anchored.checkpoint();
        if !checkpoint.extensions.is_empty() {
            return Err(Doubt::Refused(
                "the checkpoint has extension lines, which a registry does not anchor".into(),
            ));
        }
        let header = Header::parse(&header).map_err(|why| refused("the block's header", &why))?;
        let (number, hash, chain) = (header.number, header.hash, registry.chain);
        if !self.blocks.contains(&hash) {
            return Err(Doubt::Unknown(format!(
                "block {number} ({hash}) is not among the blocks of chain {chain} that the policy trusts"
            )));
        }
        let log = LogId::new(&self.key, &checkpoint.origin)
            .ok_or_else(|| Doubt::Unknown(AnchorError::NotP256.to_string()))?;
        let events = events_of(&header, index, &path)
            .map_err(|why| refused("the transaction's receipt", &why))?;
        registry
            .check(&events, &log, checkpoint)
            .map_err(|why| Doubt::Refused(why.to_string()))?;
        Ok(Existed {
            by: header.time,
            source: format!("block {number} ({hash}) of chain {chain}"),
        })
    }
}
