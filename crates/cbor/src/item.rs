//! A view of one validated encoding.

use crate::{Array, Error, Limits, Map, collection::Items, float, head, validate_with};

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An unsigned integer (major type 0).
    Uint,
    /// A negative integer (major type 1).
    Nint,
    /// A byte string.
    Bytes,
    /// A text string.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A tag with its content.
    Tag,
    /// `false` or `true`.
    Bool,
    /// `null`.
    Null,
    /// `undefined`.
    Undefined,
    /// Any other simple value.
    Simple,
    /// A float of any width.
    Float,
}

/// One validated item's encoding. It can only be made by validating, so reading it cannot fail;
/// two items are equal exactly when their bytes are.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl PartialEq for Item<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Item<'_> {}

impl<'a> Item<'a> {
    /// Validates `bytes` as exactly one strict item.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_with(bytes, Limits::default())
    }

    /// [`Item::parse`] under tighter limits.
    pub fn parse_with(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        validate_with(bytes, limits)?;
        Ok(Self::validated(bytes, 0))
    }

    /// A view of bytes that are known to be one strict item.
    pub(crate) fn validated(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// The item's encoding.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the item begins in the input that was parsed, for messages.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What the item is.
    pub fn kind(&self) -> Kind {
        let initial = self.initial();
        match initial >> 5 {
            head::UINT => Kind::Uint,
            head::NINT => Kind::Nint,
            head::BYTES => Kind::Bytes,
            head::TEXT => Kind::Text,
            head::ARRAY => Kind::Array,
            head::MAP => Kind::Map,
            head::TAG => Kind::Tag,
            _ => match initial {
                head::FALSE | head::TRUE => Kind::Bool,
                head::NULL => Kind::Null,
                head::UNDEFINED => Kind::Undefined,
                head::HALF | head::SINGLE | head::DOUBLE => Kind::Float,
                _ => Kind::Simple,
            },
        }
    }

    /// An unsigned integer.
    pub fn as_u64(&self) -> Option<u64> {
        Some(self.head_of(head::UINT)?.argument)
    }

    /// An integer that fits an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        i64::try_from(self.as_int()?).ok()
    }

    /// Any integer of major types 0 and 1: from -2^64 to 2^64 - 1. Bignums are tags.
    pub fn as_int(&self) -> Option<i128> {
        match self.head_of(head::UINT) {
            Some(head) => Some(i128::from(head.argument)),
            None => Some(-1 - i128::from(self.head_of(head::NINT)?.argument)),
        }
    }

    /// A byte string's content.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.head_of(head::BYTES)?.end..)
    }

    /// A text string's content.
    pub fn as_text(&self) -> Option<&'a str> {
        let head = self.head_of(head::TEXT)?;
        core::str::from_utf8(self.bytes.get(head.end..)?).ok()
    }

    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.initial() {
            head::FALSE => Some(false),
            head::TRUE => Some(true),
            _ => None,
        }
    }

    /// Whether the item is `null`.
    pub fn is_null(&self) -> bool {
        self.initial() == head::NULL
    }

    /// A simple value that is not `false`, `true`, `null` or `undefined`.
    pub fn as_simple(&self) -> Option<u8> {
        match self.kind() {
            Kind::Simple => Some(self.head_of(head::SIMPLE)?.argument as u8),
            _ => None,
        }
    }

    /// A float of any width.
    pub fn as_f64(&self) -> Option<f64> {
        let head = self.head_of(head::SIMPLE)?;
        match head.initial {
            head::HALF => Some(float::half_to_f64(head.argument as u16)),
            head::SINGLE => Some(f64::from(f32::from_bits(head.argument as u32))),
            head::DOUBLE => Some(f64::from_bits(head.argument)),
            _ => None,
        }
    }

    /// A tag's number and content.
    pub fn as_tag(&self) -> Option<(u64, Item<'a>)> {
        let head = self.head_of(head::TAG)?;
        let content = Self::validated(self.bytes.get(head.end..)?, self.offset + head.end);
        Some((head.argument, content))
    }

    /// An array's elements.
    pub fn as_array(&self) -> Option<Array<'a>> {
        let head = self.head_of(head::ARRAY)?;
        let items = Items::new(self.bytes.get(head.end..)?, self.offset + head.end);
        Some(Array::new(items, head.argument as usize))
    }

    /// A map's pairs.
    pub fn as_map(&self) -> Option<Map<'a>> {
        let head = self.head_of(head::MAP)?;
        let items = Items::new(self.bytes.get(head.end..)?, self.offset + head.end);
        Some(Map::new(items, head.argument as usize))
    }

    fn initial(&self) -> u8 {
        // A validated item is never empty; 0 only keeps this free of a panic.
        self.bytes.first().copied().unwrap_or(0)
    }

    /// The head, where the item is of this major type.
    fn head_of(&self, major: u8) -> Option<head::Head> {
        if self.initial() >> 5 != major {
            return None;
        }
        head::read(self.bytes, 0).ok()
    }
}
