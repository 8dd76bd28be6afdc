//! Views of validated encodings, and cheap navigation inside them.

use core::cmp::Ordering;

use crate::{Error, Limits, float, head, validate_with};

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
        Ok(Self { bytes, offset: 0 })
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
        Some((head.argument, self.from(head.end)?))
    }

    /// An array's elements.
    pub fn as_array(&self) -> Option<Array<'a>> {
        let head = self.head_of(head::ARRAY)?;
        let items = Items {
            rest: self.bytes.get(head.end..)?,
            offset: self.offset + head.end,
        };
        Some(Array {
            items,
            len: head.argument as usize,
        })
    }

    /// A map's pairs.
    pub fn as_map(&self) -> Option<Map<'a>> {
        let head = self.head_of(head::MAP)?;
        let items = Items {
            rest: self.bytes.get(head.end..)?,
            offset: self.offset + head.end,
        };
        Some(Map {
            items,
            len: head.argument as usize,
        })
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

    /// The rest of this item's bytes, as an item.
    fn from(&self, start: usize) -> Option<Item<'a>> {
        Some(Item {
            bytes: self.bytes.get(start..)?,
            offset: self.offset + start,
        })
    }
}

/// Validated items one after another.
#[derive(Clone, Copy, Debug)]
struct Items<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Items<'a> {
    #[inline]
    fn take(&mut self) -> Option<Item<'a>> {
        let (bytes, rest) = self.rest.split_at_checked(extent(self.rest)?)?;
        let item = Item {
            bytes,
            offset: self.offset,
        };
        self.offset += bytes.len();
        self.rest = rest;
        Some(item)
    }
}

/// The length of the first item of `input`, which is validated. Without a stack: it only counts
/// how many items are still to come.
#[inline]
fn extent(input: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    let mut pending = 1_u64;
    while pending > 0 {
        let head = head::read(input, at).ok()?;
        at = head.end;
        pending -= 1;
        match head.initial >> 5 {
            head::BYTES | head::TEXT => at += head.argument as usize,
            head::ARRAY => pending += head.argument,
            head::MAP => pending += 2 * head.argument,
            head::TAG => pending += 1,
            _ => {}
        }
    }
    Some(at)
}

/// A view of an array's elements.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    items: Items<'a>,
    len: usize,
}

impl<'a> Array<'a> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, in order.
    pub fn iter(&self) -> ArrayIter<'a> {
        ArrayIter {
            items: self.items,
            left: self.len,
        }
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Item<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// Iterates over an array's elements.
#[derive(Clone, Debug)]
pub struct ArrayIter<'a> {
    items: Items<'a>,
    left: usize,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.items.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}

/// A view of a map's pairs.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    items: Items<'a>,
    len: usize,
}

impl<'a> Map<'a> {
    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pairs, in the order of their keys' encodings.
    pub fn iter(&self) -> MapIter<'a> {
        MapIter {
            items: self.items,
            left: self.len,
        }
    }

    /// The value under an integer key.
    pub fn get_int(&self, key: i64) -> Option<Item<'a>> {
        self.find(head::of_int(key).as_slice(), &[])
    }

    /// The value under a text key.
    pub fn get_text(&self, key: &str) -> Option<Item<'a>> {
        self.find(
            head::Bytes::new(head::TEXT, key.len() as u64).as_slice(),
            key.as_bytes(),
        )
    }

    /// The value under the key whose encoding is `start` then `rest`. Keys are sorted, so the
    /// search ends at the first that is greater.
    fn find(&self, start: &[u8], rest: &[u8]) -> Option<Item<'a>> {
        for (key, value) in self.iter() {
            let (key_start, key_rest) = key.bytes.split_at(start.len().min(key.bytes.len()));
            match key_start.cmp(start).then_with(|| key_rest.cmp(rest)) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

impl<'a> IntoIterator for Map<'a> {
    type Item = (Item<'a>, Item<'a>);
    type IntoIter = MapIter<'a>;

    fn into_iter(self) -> MapIter<'a> {
        self.iter()
    }
}

/// Iterates over a map's pairs.
#[derive(Clone, Debug)]
pub struct MapIter<'a> {
    items: Items<'a>,
    left: usize,
}

impl<'a> Iterator for MapIter<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        self.left = self.left.checked_sub(1)?;
        Some((self.items.take()?, self.items.take()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for MapIter<'_> {}
