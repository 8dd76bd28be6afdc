//! What somebody says of a message at the end of a path.

use core::cmp::Ordering;

/// The longest address of a calendar, in bytes.
const MAX_URI_LEN: usize = 1000;

const BITCOIN: [u8; 8] = [0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01];
const PENDING: [u8; 8] = [0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e];

/// An attestation. Their order is that of their tags and then of what they say, as in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attestation {
    /// The message is the Merkle root of the Bitcoin block at this height.
    Bitcoin(u64),
    /// A calendar's promise to have the message attested.
    Pending(String),
    /// Another, of which only the form is known.
    Other([u8; 8], Vec<u8>),
}

impl Attestation {
    pub(super) fn tag(&self) -> [u8; 8] {
        match self {
            Self::Bitcoin(_) => BITCOIN,
            Self::Pending(_) => PENDING,
            Self::Other(tag, _) => *tag,
        }
    }

    pub(super) fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Bitcoin(height) => push_uint(&mut out, *height),
            Self::Pending(uri) => push_bytes(&mut out, uri.as_bytes()),
            Self::Other(_, payload) => out.extend(payload),
        }
        out
    }

    /// Reads a payload; says what is wrong with it.
    pub(super) fn read(tag: [u8; 8], payload: &[u8]) -> Result<Self, &'static str> {
        let mut rest = payload;
        let read = match tag {
            BITCOIN => {
                let height = take_uint(&mut rest).ok_or("a block's height is no number")?;
                Self::Bitcoin(height)
            }
            PENDING => {
                let uri = take_bytes(&mut rest, MAX_URI_LEN).ok_or("a calendar's address")?;
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._/:".contains(byte);
                match core::str::from_utf8(uri) {
                    Ok(text) if uri.iter().all(plain) => Self::Pending(text.into()),
                    _ => {
                        return Err(
                            "a calendar's address has other characters than A-Za-z0-9-._/:",
                        );
                    }
                }
            }
            _ => return Ok(Self::Other(tag, payload.to_vec())),
        };
        match rest {
            [] => Ok(read),
            _ => Err("something follows an attestation's payload"),
        }
    }
}

impl Ord for Attestation {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bitcoin(one), Self::Bitcoin(other)) => one.cmp(other),
            (Self::Pending(one), Self::Pending(other)) => one.cmp(other),
            _ => (self.tag(), self.payload()).cmp(&(other.tag(), other.payload())),
        }
    }
}

impl PartialOrd for Attestation {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// LEB128: seven bits a byte, the lowest first.
pub(super) fn push_uint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The shortest form only, of at most 63 bits.
pub(super) fn take_uint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

pub(super) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_uint(out, bytes.len() as u64);
    out.extend(bytes);
}

pub(super) fn take_bytes<'a>(rest: &mut &'a [u8], max: usize) -> Option<&'a [u8]> {
    let length = usize::try_from(take_uint(rest)?).ok()?;
    if length > max {
        return None;
    }
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}
