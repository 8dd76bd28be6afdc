//! Transactions of type 2 (EIP-1559).

use crate::evm::rlp::{self, Item, write_bytes, write_uint};
use crate::evm::{Address, Malformed};

/// The type's byte, before the RLP (EIP-2718).
const TYPE: u8 = 2;

/// A transaction that is to be signed. It carries no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    /// The chain's id.
    pub(super) chain: u64,
    /// How many transactions the account sent before.
    pub(super) nonce: u64,
    /// What the block's proposer gets at most, in wei per gas.
    pub(super) max_tip: u64,
    /// What is paid in all at most, in wei per gas.
    pub(super) max_fee: u64,
    /// How much gas it may use.
    pub(super) gas: u64,
    /// The contract that is called; `None` makes a new one.
    pub(super) to: Option<Address>,
    /// The call, or the new contract's code.
    pub(super) data: Vec<u8>,
}

impl Transaction {
    /// What is hashed and signed.
    pub(super) fn unsigned(&self) -> Vec<u8> {
        typed(&self.fields())
    }

    /// The transaction with its signature, as it is sent.
    pub(super) fn signed(&self, is_y_odd: bool, r: &[u8], s: &[u8]) -> Vec<u8> {
        let mut fields = self.fields();
        write_uint(&mut fields, is_y_odd.into());
        write_bytes(&mut fields, without_zeros(r));
        write_bytes(&mut fields, without_zeros(s));
        typed(&fields)
    }

    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 200);
        for number in [self.chain, self.nonce, self.max_tip, self.max_fee, self.gas] {
            write_uint(&mut out, number);
        }
        write_bytes(&mut out, self.to.as_ref().map_or(&[], |to| &to.0));
        write_uint(&mut out, 0); // value
        write_bytes(&mut out, &self.data);
        out.extend_from_slice(&rlp::list(&[])); // access list
        out
    }
}

/// The nonce of a transaction that [`Transaction::signed`] wrote.
pub(super) fn nonce_of(signed: &[u8]) -> Result<u64, Malformed> {
    let Some((&TYPE, rlp)) = signed.split_first() else {
        return Err(Malformed("not a transaction of type 2"));
    };
    let mut fields = Item::parse(rlp)?.list()?;
    fields.required()?.uint()?; // chain
    fields.required()?.uint()
}

fn typed(fields: &[u8]) -> Vec<u8> {
    let mut out = vec![TYPE];
    out.extend_from_slice(&rlp::list(fields));
    out
}

/// A big-endian number as RLP has it.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
