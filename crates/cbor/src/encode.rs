//! The encoder: appends shortest-form items to a byte vector.

use alloc::vec::Vec;

use crate::{
    Error,
    float::{self, Shortest},
    head,
};

/// Writes deterministic CBOR, item by item.
///
/// Heads and floats always take their shortest form. What cannot be checked item by item is the
/// caller's part: as many items as [`array`](Encoder::array), [`map`](Encoder::map) and
/// [`tag`](Encoder::tag) announce, and a map's keys in order; [`Encoder::sorted_map`] and
/// [`Value`](crate::Value) take care of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// An empty encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty encoder with room for `bytes` bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    /// What was written so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.out
    }

    /// What was written.
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    /// How many bytes were written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(head::UINT, value)
    }

    /// The negative integer `-1 - n`.
    pub fn nint(&mut self, n: u64) -> &mut Self {
        self.head(head::NINT, n)
    }

    /// An integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.raw(head::of_int(value).as_slice())
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(head::BYTES, value.len() as u64).raw(value)
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(head::TEXT, value.len() as u64)
            .raw(value.as_bytes())
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(&[if value { head::TRUE } else { head::FALSE }])
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[head::NULL])
    }

    /// `undefined`.
    pub fn undefined(&mut self) -> &mut Self {
        self.raw(&[head::UNDEFINED])
    }

    /// A float, in the shortest width that keeps its value; any NaN becomes `f97e00`.
    pub fn float(&mut self, value: f64) -> &mut Self {
        match float::shortest(value) {
            Shortest::Half(bits) => self.raw(&[head::HALF]).raw(&bits.to_be_bytes()),
            Shortest::Single(bits) => self.raw(&[head::SINGLE]).raw(&bits.to_be_bytes()),
            Shortest::Double(bits) => self.raw(&[head::DOUBLE]).raw(&bits.to_be_bytes()),
        }
    }

    /// A tag; its content must follow.
    pub fn tag(&mut self, number: u64) -> &mut Self {
        self.head(head::TAG, number)
    }

    /// The head of an array; `len` items must follow.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(head::ARRAY, len as u64)
    }

    /// The head of a map; `len` keys, each with its value, must follow, in the order of the keys'
    /// encodings. Ascending unsigned integers, then -1, -2 and so on, then texts (shorter first,
    /// equally long ones bytewise) are in that order.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(head::MAP, len as u64)
    }

    /// Bytes that are already one item's deterministic encoding.
    pub fn raw(&mut self, item: &[u8]) -> &mut Self {
        self.out.extend_from_slice(item);
        self
    }

    /// A map of already encoded keys and values, in any order. Refuses a key that comes twice,
    /// and then writes nothing.
    pub fn sorted_map(&mut self, mut pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Result<&mut Self, Error> {
        pairs.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let start = self.len();
        self.map(pairs.len());
        let mut previous: &[u8] = &[];
        for (key, value) in &pairs {
            if key == previous {
                let at = self.len();
                self.out.truncate(start);
                return Err(Error::DuplicateKey { at });
            }
            previous = key;
            self.raw(key).raw(value);
        }
        Ok(self)
    }

    pub(crate) fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        if argument < 24 {
            self.out.push(major << 5 | argument as u8);
            return self;
        }
        self.raw(head::Bytes::new(major, argument).as_slice())
    }

    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl From<Vec<u8>> for Encoder {
    /// An encoder that appends to `out`.
    fn from(out: Vec<u8>) -> Self {
        Self { out }
    }
}

impl From<Encoder> for Vec<u8> {
    fn from(encoder: Encoder) -> Self {
        encoder.out
    }
}
