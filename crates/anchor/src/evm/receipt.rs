//! Receipts of transactions: whether one succeeded, and the events that it left.

use super::Malformed;
use super::rlp::{Item, List};

/// An event that a contract left in a transaction's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Which contract.
    pub(crate) contract: &'a [u8; 20],
    /// What it is indexed by; the first says which event it is.
    pub(crate) topics: Vec<&'a [u8; 32]>,
    /// The rest of it.
    pub(crate) data: &'a [u8],
}

/// The events of a transaction that succeeded, from its receipt as the receipts' trie holds it: RLP with a type byte before
/// it (EIP-2718), or without one.
pub(crate) fn events(encoded: &[u8]) -> Result<Vec<Event<'_>>, Malformed> {
    let rlp = match encoded {
        [1..0x80, rlp @ ..] => rlp,
        rlp => rlp,
    };
    let mut fields = Item::parse(rlp)?.list()?;
    let status = fields.required()?;
    fields.required()?.uint()?; // gas used in the block up to here
    fields.required()?.array::<256>()?; // the bloom filter of its logs
    let logs = fields.required()?.list()?;
    fields.end()?;
    match status.bytes()? {
        [1] => {}
        [] => return Err(Malformed("the transaction failed")),
        // Before Byzantium, a state root, which says nothing about success.
        _ => return Err(Malformed("the receipt has no status")),
    }
    logs.to_vec()?.into_iter().map(event).collect()
}

fn event(log: Item<'_>) -> Result<Event<'_>, Malformed> {
    let mut fields = log.list()?;
    let event = Event {
        contract: fields.required()?.array()?,
        topics: topics(fields.required()?.list()?)?,
        data: fields.required()?.bytes()?,
    };
    fields.end()?;
    Ok(event)
}

fn topics(list: List<'_>) -> Result<Vec<&[u8; 32]>, Malformed> {
    list.to_vec()?.into_iter().map(Item::array).collect()
}
