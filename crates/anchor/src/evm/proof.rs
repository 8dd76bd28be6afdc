//! The proof's canonical form (`docs/evm.md`): what was sent, or what came of it.

use avouch_cbor::{Array, Encoder, Item};

use super::header::Header;
use super::receipt::{Event, events};
use super::{Address, Malformed, Registry, rlp, trie};

/// Most nodes in a path: a transaction's index is at most 9 bytes of RLP, two half-bytes each, and its end.
const MAX_NODES: usize = 19;

/// A receipt's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The checkpoint is on its way into a registry: a promise.
    Sent {
        /// Which registry, by the receipt's own word.
        registry: Registry,
        /// The signed transaction; none if the checkpoint was there already.
        transaction: Option<Vec<u8>>,
    },
    /// The registry accepted the checkpoint in a block.
    Mined {
        /// Which registry, by the receipt's own word.
        registry: Registry,
        /// The block's header, in RLP.
        header: Vec<u8>,
        /// The transaction's index in the block.
        index: u64,
        /// The nodes of the receipts' trie, from the root to the transaction's receipt.
        path: Vec<Vec<u8>>,
    },
}

impl Proof {
    /// Reads a proof, strictly. Nothing is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::Error> {
        const EXPECTED: &str =
            "[chain, contract, transaction] or [chain, contract, header, index, path]";
        let item = Item::parse(bytes)?;
        let shape = |item: Item<'_>, expected| crate::Error::Shape {
            at: item.offset(),
            expected,
        };
        let parts: Vec<_> = item
            .as_array()
            .ok_or_else(|| shape(item, EXPECTED))?
            .into_iter()
            .collect();
        let (&[chain, contract], rest) = parts
            .split_first_chunk()
            .ok_or_else(|| shape(item, EXPECTED))?;
        let registry = Registry {
            chain: chain.as_u64().ok_or_else(|| shape(chain, "a chain's id"))?,
            contract: fixed(contract)
                .map(Address)
                .ok_or_else(|| shape(contract, "an address of 20 bytes"))?,
        };
        match *rest {
            [transaction] => Ok(Self::Sent {
                registry,
                transaction: match transaction.is_null() {
                    true => None,
                    false => Some(
                        transaction
                            .as_bytes()
                            .ok_or_else(|| shape(transaction, "a transaction's bytes, or null"))?
                            .to_vec(),
                    ),
                },
            }),
            [header, index, path] => Ok(Self::Mined {
                registry,
                header: header
                    .as_bytes()
                    .ok_or_else(|| shape(header, "a header's bytes"))?
                    .to_vec(),
                index: index
                    .as_u64()
                    .ok_or_else(|| shape(index, "a transaction's index"))?,
                path: path
                    .as_array()
                    .and_then(nodes)
                    .ok_or_else(|| shape(path, "1 to 19 trie nodes"))?,
            }),
            _ => Err(shape(item, EXPECTED)),
        }
    }

    /// The proof's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        let mut begin = |len, registry: &Registry| {
            out.array(len).uint(registry.chain);
            out.bytes(&registry.contract.0);
        };
        match self {
            Self::Sent {
                registry,
                transaction,
            } => {
                begin(3, registry);
                match transaction {
                    Some(signed) => out.bytes(signed),
                    None => out.null(),
                };
            }
            Self::Mined {
                registry,
                header,
                index,
                path,
            } => {
                begin(5, registry);
                out.bytes(header).uint(*index).array(path.len());
                for node in path {
                    out.bytes(node);
                }
            }
        }
        out.into_vec()
    }
}

fn fixed<const N: usize>(item: Item<'_>) -> Option<[u8; N]> {
    item.as_bytes()?.try_into().ok()
}

fn nodes(path: Array<'_>) -> Option<Vec<Vec<u8>>> {
    if !(1..=MAX_NODES).contains(&path.len()) {
        return None;
    }
    path.into_iter()
        .map(|node| node.as_bytes().map(<[u8]>::to_vec))
        .collect()
}

/// The events of the transaction at `index` of the block, which succeeded, by the path from the block's header.
pub(crate) fn events_of<'a>(
    header: &Header,
    index: u64,
    path: &'a [Vec<u8>],
) -> Result<Vec<Event<'a>>, Malformed> {
    let mut key = Vec::new();
    rlp::write_uint(&mut key, index);
    events(trie::value_at(&header.receipts_root, &key, path)?)
}
