//! One share, and its bytes.

use std::fmt;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::{Digest, sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Error, MAX_SECRET};

const VERSION: u64 = 1;
/// What the shared value has beside the secret: kind, salt and hash.
pub(crate) const OVERHEAD: usize = 1 + 16 + 8;
/// Bytes of checksum at a share's end.
const CHECKSUM: usize = 4;

/// A set's name: what its commitments hash to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(pub [u8; 16]);

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetId({self})")
    }
}

/// One of a set's shares. Its value is wiped from memory when it is dropped, and never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub(crate) set: SetId,
    pub(crate) threshold: u8,
    pub(crate) count: u8,
    pub(crate) index: u8,
    pub(crate) salt: [u8; 16],
    pub(crate) value: Zeroizing<Vec<u8>>,
}

impl Share {
    /// The set that it is of.
    pub fn set(&self) -> SetId {
        self.set
    }

    /// How many shares give the secret.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many shares the set has.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// Which one it is, from 1.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// What the set's commitments hold for it.
    pub(crate) fn commitment(&self) -> Digest {
        let mut out = Zeroizing::new(Vec::with_capacity(self.value.len() + 64));
        out.extend([self.threshold, self.count, self.index]);
        out.extend(self.salt);
        out.extend(self.value.iter());
        sha256(&[b"avouch/v1/escrow-share", &out])
    }

    /// Canonical CBOR and a checksum: `[1, set, threshold, count, index, salt, value]`, then the first four
    /// bytes of its hash.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Encoder::with_capacity(self.value.len() + 64);
        out.array(7).uint(VERSION).bytes(&self.set.0);
        out.uint(self.threshold.into()).uint(self.count.into());
        out.uint(self.index.into());
        out.bytes(&self.salt).bytes(&self.value);
        let mut bytes = Zeroizing::new(out.into_vec());
        let checksum = checksum(&bytes);
        // Room for it was reserved: growing would leave a copy behind.
        bytes.extend(checksum);
        bytes
    }

    /// Reads what [`Share::to_bytes`] writes, and nothing else.
    ///
    /// # Errors
    /// [`Error::Checksum`] and [`Error::NotAShare`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = Error::NotAShare;
        let (content, sum) = bytes
            .split_last_chunk::<CHECKSUM>()
            .ok_or(wrong("it is too short"))?;
        if checksum(content) != *sum {
            return Err(Error::Checksum);
        }
        let item = Item::parse(content).map_err(|_| wrong("it is not canonical CBOR"))?;
        let shape = wrong("it is not [1, set, threshold, count, index, salt, value]");
        let parts = item.as_array().filter(|array| array.len() == 7);
        let mut parts = parts.ok_or(shape.clone())?.into_iter();
        let mut next = || parts.next().ok_or(shape.clone());
        let byte = |item: Item<'_>| item.as_u64().and_then(|number| u8::try_from(number).ok());
        let sixteen = |item: Item<'_>| item.as_bytes().and_then(|bytes| bytes.try_into().ok());
        let version = next()?.as_u64();
        let set = sixteen(next()?);
        let (threshold, count, index) = (byte(next()?), byte(next()?), byte(next()?));
        let salt = sixteen(next()?);
        let value = next()?;
        if version != Some(VERSION) {
            return Err(wrong("it is of another version"));
        }
        let (Some(set), Some(threshold), Some(count), Some(index), Some(salt), Some(value)) =
            (set, threshold, count, index, salt, value.as_bytes())
        else {
            return Err(shape);
        };
        if !(2..=count).contains(&threshold) || !(1..=count).contains(&index) {
            return Err(wrong("its threshold, count and index do not go together"));
        }
        if value.len() <= OVERHEAD || value.len() > MAX_SECRET + OVERHEAD {
            return Err(wrong("its value has another length than any share's"));
        }
        Ok(Self {
            set: SetId(set),
            threshold,
            count,
            index,
            salt,
            value: Zeroizing::new(value.to_vec()),
        })
    }
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let mut digest = sha256(&[b"avouch/v1/escrow-checksum", content]).0;
    let mut short = [0; CHECKSUM];
    short.copy_from_slice(&digest[..CHECKSUM]);
    digest.zeroize();
    short
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Share({} of {}, {} needed, set {}, value not shown)",
            self.index, self.count, self.threshold, self.set
        )
    }
}
