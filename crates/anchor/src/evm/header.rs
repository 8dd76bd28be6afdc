//! Block headers: what their hash binds, and what of it an anchor needs.

use super::keccak::keccak256;
use super::rlp::Item;
use super::{BlockHash, Malformed};

/// What is read of a block header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Keccak-256 of the header: the block's hash.
    pub(crate) hash: BlockHash,
    /// Root of the trie over the receipts of its transactions.
    pub(crate) receipts_root: [u8; 32],
    /// The block's number.
    pub(crate) number: u64,
    /// The block's time, seconds since the Unix epoch.
    pub(crate) time: u64,
}

impl Header {
    /// Reads a header: the fifteen fields of every fork (yellow paper, section 4.4), then those that later forks
    /// appended, whatever they are. The hash covers all of them, so nothing can be added to a header whose hash is
    /// trusted.
    pub(crate) fn parse(rlp: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Item::parse(rlp)?.list()?;
        // Parent, ommers, beneficiary, state, transactions.
        fields.required()?.array::<32>()?;
        fields.required()?.array::<32>()?;
        fields.required()?.array::<20>()?;
        fields.required()?.array::<32>()?;
        fields.required()?.array::<32>()?;
        let receipts_root = *fields.required()?.array::<32>()?;
        // Logs bloom, difficulty.
        fields.required()?.array::<256>()?;
        fields.required()?.bytes()?;
        let number = fields.required()?.uint()?;
        // Gas limit and gas used.
        fields.required()?.uint()?;
        fields.required()?.uint()?;
        let time = fields.required()?.uint()?;
        // Extra data, mix hash, nonce, and what came later.
        fields.required()?.bytes()?;
        fields.required()?.array::<32>()?;
        fields.required()?.array::<8>()?;
        while let Some(field) = fields.next()? {
            field.bytes()?;
        }
        Ok(Self {
            hash: BlockHash(keccak256(rlp)),
            receipts_root,
            number,
            time,
        })
    }
}
