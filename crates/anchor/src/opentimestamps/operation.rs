//! The operations on the way from a digest to a block: each takes one message to the next.

use avouch_merkle::sha256;

/// The longest message, and the longest argument, in bytes.
pub(super) const MAX_MESSAGE_LEN: usize = 4096;

/// One step. Their order is that of their tags, which is the order in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Sha1,
    Ripemd160,
    Sha256,
    Keccak256,
    Append(Vec<u8>),
    Prepend(Vec<u8>),
    Reverse,
    Hexlify,
}

impl Operation {
    pub(super) fn tag(&self) -> u8 {
        match self {
            Self::Sha1 => 0x02,
            Self::Ripemd160 => 0x03,
            Self::Sha256 => 0x08,
            Self::Keccak256 => 0x67,
            Self::Append(_) => 0xf0,
            Self::Prepend(_) => 0xf1,
            Self::Reverse => 0xf2,
            Self::Hexlify => 0xf3,
        }
    }

    pub(super) fn argument(&self) -> Option<&[u8]> {
        match self {
            Self::Append(bytes) | Self::Prepend(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The operation with this tag; `argument` reads the bytes that two of them have.
    pub(super) fn read<E>(
        tag: u8,
        argument: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Option<Self>, E> {
        Ok(Some(match tag {
            0x02 => Self::Sha1,
            0x03 => Self::Ripemd160,
            0x08 => Self::Sha256,
            0x67 => Self::Keccak256,
            0xf0 => Self::Append(argument()?),
            0xf1 => Self::Prepend(argument()?),
            0xf2 => Self::Reverse,
            0xf3 => Self::Hexlify,
            _ => return Ok(None),
        }))
    }

    /// The next message; `None` where it would be too long, or where the operation is one that calendars do
    /// not use and that is not carried out here.
    pub(super) fn apply(&self, message: &[u8]) -> Option<Vec<u8>> {
        let next = match self {
            Self::Sha256 => sha256(&[message]).0.to_vec(),
            Self::Append(bytes) => [message, bytes].concat(),
            Self::Prepend(bytes) => [bytes, message].concat(),
            Self::Reverse if !message.is_empty() => message.iter().rev().copied().collect(),
            Self::Hexlify if !message.is_empty() => hex::encode(message).into_bytes(),
            _ => return None,
        };
        (next.len() <= MAX_MESSAGE_LEN).then_some(next)
    }
}
