//! DER as time stamps use it: fields in sequence, with their exact bytes at hand.
//!
//! Sets are not asked to be sorted: authorities in use write the certificates of a token as they come,
//! and nothing is ever encoded again here, only hashed as it stands.

use der::oid::ObjectIdentifier as Oid;
use der::{Decode, Header, Reader, SliceReader};

use crate::Doubt;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// `[n]`, constructed.
pub(super) const fn tagged(n: u8) -> u8 {
    0xa0 | n
}

/// `[n] IMPLICIT` of something primitive.
pub(super) const fn implicit(n: u8) -> u8 {
    0x80 | n
}

/// One value with its tag and length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) tag: u8,
    pub(super) value: &'a [u8],
    /// Tag and length included.
    pub(super) raw: &'a [u8],
}

impl<'a> Item<'a> {
    /// Exactly one value.
    pub(super) fn parse(bytes: &'a [u8], tag: u8, what: &str) -> Result<Self, Doubt> {
        let mut fields = Fields::new(bytes, what)?;
        let item = fields.take(tag, what)?;
        fields.finish(what)?;
        Ok(item)
    }

    /// What is inside.
    pub(super) fn fields(&self, what: &str) -> Result<Fields<'a>, Doubt> {
        Fields::new(self.value, what)
    }

    /// As a type that the `der` crate reads.
    pub(super) fn decode<T: Decode<'a>>(&self, what: &str) -> Result<T, Doubt>
    where
        T::Error: core::fmt::Display,
    {
        T::from_der(self.raw).map_err(|error| flaw(what, error))
    }

    pub(super) fn oid(&self, what: &str) -> Result<Oid, Doubt> {
        self.decode(what)
    }
}

/// Values one after the other.
#[derive(Clone)]
pub(super) struct Fields<'a>(SliceReader<'a>);

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &str) -> Result<Self, Doubt> {
        SliceReader::new(bytes)
            .map(Self)
            .map_err(|error| flaw(what, error))
    }

    pub(super) fn next(&mut self, what: &str) -> Result<Option<Item<'a>>, Doubt> {
        if self.0.is_finished() {
            return Ok(None);
        }
        let mut read = || {
            let raw = self.0.tlv_bytes()?;
            let mut inner = SliceReader::new(raw)?;
            Header::decode(&mut inner)?;
            let value = inner.read_slice(inner.remaining_len())?;
            Ok((raw, value))
        };
        let (raw, value) = read().map_err(|error: der::Error| flaw(what, error))?;
        let tag = raw.first().copied().unwrap_or_default();
        Ok(Some(Item { tag, value, raw }))
    }

    /// The next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8, what: &str) -> Result<Item<'a>, Doubt> {
        match self.next(what)? {
            Some(item) if item.tag == tag => Ok(item),
            Some(item) => Err(flaw(
                what,
                format_args!("tag {:#04x} where {tag:#04x} must be", item.tag),
            )),
            None => Err(flaw(what, "something is missing")),
        }
    }

    /// The next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8, what: &str) -> Result<Option<Item<'a>>, Doubt> {
        let before = self.clone();
        match self.next(what)? {
            Some(item) if item.tag == tag => Ok(Some(item)),
            _ => {
                *self = before;
                Ok(None)
            }
        }
    }

    /// All that is left.
    pub(super) fn rest(&mut self, what: &str) -> Result<Vec<Item<'a>>, Doubt> {
        let mut items = Vec::new();
        while let Some(item) = self.next(what)? {
            items.push(item);
        }
        Ok(items)
    }

    pub(super) fn finish(mut self, what: &str) -> Result<(), Doubt> {
        match self.next(what)? {
            None => Ok(()),
            Some(_) => Err(flaw(what, "something follows its end")),
        }
    }
}

/// An algorithm's identifier and its parameters.
pub(super) struct Algorithm<'a> {
    pub(super) oid: Oid,
    pub(super) parameters: Option<Item<'a>>,
}

impl<'a> Algorithm<'a> {
    pub(super) fn read(item: &Item<'a>, what: &str) -> Result<Self, Doubt> {
        let mut fields = item.fields(what)?;
        let oid = fields.take(OID, what)?.oid(what)?;
        let parameters = fields.next(what)?;
        fields.finish(what)?;
        Ok(Self { oid, parameters })
    }

    /// Whether the parameters are absent or NULL.
    pub(super) fn is_plain(&self) -> bool {
        self.parameters.is_none_or(|item| item.raw == [0x05, 0])
    }
}

/// Something is not as its specification has it.
pub(super) fn flaw(what: &str, why: impl core::fmt::Display) -> Doubt {
    Doubt::Refused(format!("{what}: {why}"))
}
