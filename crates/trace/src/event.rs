//! Events and what they are hashed into.

use avouch_cbor::Encoder;
use avouch_merkle::{Digest, hash_leaf, sha256};

use crate::{Error, HEADER_LEN, Header, HeaderError};

/// The tag byte of a chain step; 0x00 and 0x01 are RFC 9162's leaf and node.
const CHAIN_TAG: &[u8] = &[0x02];

/// One event: its header's bytes and its body's root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The header's 80 bytes.
    pub header: [u8; HEADER_LEN],
    /// The RFC 9162 root over the event's fields.
    pub body: Digest,
}

impl Event {
    /// The length of an event's CBOR encoding.
    pub const CBOR_LEN: usize = 117;
    /// The length of the journal's form: header, then body.
    pub const PACKED_LEN: usize = HEADER_LEN + 32;

    /// Puts a header and a body together.
    pub fn new(header: &Header, body: Digest) -> Self {
        Self {
            header: header.encode(),
            body,
        }
    }

    /// The header, parsed.
    pub fn header(&self) -> Result<Header, HeaderError> {
        Header::decode(&self.header)
    }

    /// The header, parsed; a malformed one is named as that of the run's event `index`.
    pub fn header_at(&self, index: u64) -> Result<Header, Error> {
        self.header()
            .map_err(|source| Error::Header { index, source })
    }

    /// `[header: bstr .size 80, body: bstr .size 32]`: always 117 bytes, 0x82 first.
    pub fn to_cbor(&self) -> [u8; Self::CBOR_LEN] {
        let mut out = [0; Self::CBOR_LEN];
        out[..3].copy_from_slice(&[0x82, 0x58, 80]);
        out[3..83].copy_from_slice(&self.header);
        out[83..85].copy_from_slice(&[0x58, 32]);
        out[85..].copy_from_slice(&self.body.0);
        out
    }

    /// Reads exactly [`Event::to_cbor`]'s bytes. The header's contents are not judged here.
    pub fn from_cbor(bytes: &[u8]) -> Result<Self, Error> {
        let framed = bytes.len() == Self::CBOR_LEN
            && bytes[..3] == [0x82, 0x58, 80]
            && bytes[83..85] == [0x58, 32];
        if !framed {
            return Err(Error::EventFrame { len: bytes.len() });
        }
        let (header, body) = (&bytes[3..83], &bytes[85..]);
        Self::from_parts(header, body)
    }

    /// The journal's form: header, then body, 112 bytes.
    pub fn to_packed(&self) -> [u8; Self::PACKED_LEN] {
        let mut out = [0; Self::PACKED_LEN];
        out[..HEADER_LEN].copy_from_slice(&self.header);
        out[HEADER_LEN..].copy_from_slice(&self.body.0);
        out
    }

    /// Reads the journal's form.
    pub fn from_packed(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != Self::PACKED_LEN {
            return Err(Error::EventFrame { len: bytes.len() });
        }
        Self::from_parts(&bytes[..HEADER_LEN], &bytes[HEADER_LEN..])
    }

    fn from_parts(header: &[u8], body: &[u8]) -> Result<Self, Error> {
        match (header.try_into(), body.try_into()) {
            (Ok(header), Ok(body)) => Ok(Self {
                header,
                body: Digest(body),
            }),
            _ => Err(Error::EventFrame {
                len: header.len() + body.len(),
            }),
        }
    }

    /// The event's leaf in the run's tree: SHA-256(0x00 || event), two compressions.
    pub fn leaf(&self) -> Digest {
        hash_leaf(&self.to_cbor())
    }

    /// The chain's next value: SHA-256(0x02 || previous || event), three compressions.
    pub fn chain(&self, previous: &Digest) -> Digest {
        sha256(&[CHAIN_TAG, &previous.0, &self.to_cbor()])
    }
}

/// Where an agent's chain begins: SHA-256("avouch/v1/chain" || CBOR `[issuer, agent]`).
pub fn agent_chain_start(issuer: &str, agent: &str) -> Digest {
    let mut pair = Encoder::new();
    pair.array(2).text(issuer).text(agent);
    sha256(&[b"avouch/v1/chain", pair.as_slice()])
}

/// Where an open run's running digest begins: SHA-256("avouch/v1/journal" || run id). Each event
/// then takes one [`Event::chain`] step.
pub fn journal_start(run: &crate::RunId) -> Digest {
    sha256(&[b"avouch/v1/journal", &run.0])
}
