//! What speaks for the key that signed the statement, and against it.

use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Encoder, Item};

use crate::decode::{array_of, bytes_of, shape, some_of};
use crate::model::limit;
use crate::{Error, MAX_CHECKPOINT_LEN, MAX_RECEIPT_LEN, MAX_STATEMENT_LEN};

/// The most links of a chain of key statements.
pub const MAX_LINKS: usize = 16;
/// The most other key statements.
pub const MAX_OTHERS: usize = 64;

const CHAIN: i64 = 1;
const OTHERS: i64 = 2;

/// Key statements: a chain that leads from a key that verifiers know to the one that signed, and what else is said
/// of the issuer's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyEvidence {
    /// Delegations and rotations, each signed by the key that the one before it is about.
    pub chain: Vec<KeyLink>,
    /// Revocations, and the rotations that lead to who signed them, in the log's order: each in its stored form.
    pub others: Vec<Vec<u8>>,
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLink {
    /// The key statement, in its stored form.
    pub statement: Vec<u8>,
    /// A receipt for it, and the checkpoint that the receipt is under.
    pub logged: Option<(Vec<u8>, String)>,
}

impl KeyEvidence {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.chain.is_empty() && self.others.is_empty() {
            return Err(Error::NoKeyStatements);
        }
        limit("the number of links", self.chain.len(), MAX_LINKS)?;
        let others = self.others.len();
        limit("the number of other key statements", others, MAX_OTHERS)?;
        let statement = |bytes: &Vec<u8>| {
            limit(
                "a key statement's length in bytes",
                bytes.len(),
                MAX_STATEMENT_LEN,
            )
        };
        self.others.iter().try_for_each(statement)?;
        for link in &self.chain {
            statement(&link.statement)?;
            if let Some((receipt, checkpoint)) = &link.logged {
                limit(
                    "a receipt's length in bytes",
                    receipt.len(),
                    MAX_RECEIPT_LEN,
                )?;
                let note = checkpoint.len();
                limit("the checkpoint's length in bytes", note, MAX_CHECKPOINT_LEN)?;
            }
        }
        Ok(())
    }

    pub(crate) fn write(&self, out: &mut Encoder) {
        out.map(usize::from(!self.chain.is_empty()) + usize::from(!self.others.is_empty()));
        if !self.chain.is_empty() {
            out.int(CHAIN).array(self.chain.len());
            for link in &self.chain {
                out.array(if link.logged.is_some() { 3 } else { 1 });
                out.bytes(&link.statement);
                if let Some((receipt, checkpoint)) = &link.logged {
                    out.bytes(receipt).text(checkpoint);
                }
            }
        }
        if !self.others.is_empty() {
            out.int(OTHERS).array(self.others.len());
            for statement in &self.others {
                out.bytes(statement);
            }
        }
    }

    pub(crate) fn read(item: Item<'_>) -> Result<Self, Error> {
        const EXPECTED: &str = "a map of a chain (1), other key statements (2) or both";
        let map = item.as_map().ok_or_else(|| shape(item, EXPECTED))?;
        let mut keys = Self::default();
        for (name, value) in map {
            match name.as_i64() {
                Some(CHAIN) => keys.chain = some_of(value, "at least one link", read_link)?,
                Some(OTHERS) => {
                    keys.others = some_of(value, "at least one key statement", |statement| {
                        Ok(bytes_of(statement, "a key statement's bytes")?.to_vec())
                    })?;
                }
                _ => return Err(shape(name, EXPECTED)),
            }
        }
        match map.is_empty() {
            true => Err(shape(item, EXPECTED)),
            false => Ok(keys),
        }
    }
}

/// `[statement]` or `[statement, receipt, checkpoint]`
fn read_link(item: Item<'_>) -> Result<KeyLink, Error> {
    const EXPECTED: &str = "[statement] or [statement, receipt, checkpoint]";
    let mut parts = array_of(item, EXPECTED)?.into_iter();
    let statement = parts.next().ok_or_else(|| shape(item, EXPECTED))?;
    let statement = bytes_of(statement, "a key statement's bytes")?.to_vec();
    let logged = match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) => None,
        (Some(receipt), Some(checkpoint), None) => {
            let text = checkpoint.as_text();
            let text = text.ok_or_else(|| shape(checkpoint, "the checkpoint's text"))?;
            let receipt = bytes_of(receipt, "a receipt's bytes")?.to_vec();
            Some((receipt, String::from(text)))
        }
        _ => return Err(shape(item, EXPECTED)),
    };
    Ok(KeyLink { statement, logged })
}
