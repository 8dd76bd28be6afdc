//! Owned values.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::Range;

use crate::{Encoder, Error, Item, Kind, MAX_DEPTH, head};

/// An owned CBOR value.
///
/// A small item takes up to 32 bytes here for its one byte of input: where memory matters, read
/// through [`Item`], or set [`Limits`](crate::Limits) first.
///
/// Equality is that of the parts: a NaN differs from itself, and maps with the same pairs in
/// another order differ. Compare encodings where that matters.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer.
    Uint(u64),
    /// The negative integer `-1 - n`.
    Nint(u64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map; encoding puts the pairs in order.
    Map(Vec<(Value, Value)>),
    /// A tag's number and content.
    Tag(u64, Box<Value>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// `undefined`.
    Undefined,
    /// A simple value without a variant of its own: 0 to 19 and 32 to 255.
    Simple(u8),
    /// A float; encoding takes the shortest width that keeps the value.
    Float(f64),
}

impl Value {
    /// The value's one deterministic encoding.
    ///
    /// Refuses what has none: duplicate map keys, a bignum that is not one, the simple values 20
    /// to 31, and nesting deeper than [`MAX_DEPTH`]. What it returns, [`Value::decode`] accepts.
    pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
        let mut encoder = Encoder::new();
        self.encode(&mut encoder)?;
        Ok(encoder.into_vec())
    }

    /// Appends the encoding to `encoder`, or nothing when the value is refused.
    pub fn encode(&self, encoder: &mut Encoder) -> Result<(), Error> {
        let start = encoder.len();
        let result = self.encode_at(encoder, 0);
        if result.is_err() {
            encoder.out().truncate(start);
        }
        result
    }

    /// Decodes exactly one strict item.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Item::parse(bytes).map(Self::from)
    }

    fn encode_at(&self, encoder: &mut Encoder, depth: usize) -> Result<(), Error> {
        let at = encoder.len();
        if matches!(self, Self::Array(_) | Self::Map(_) | Self::Tag(..)) && depth >= MAX_DEPTH {
            return Err(Error::TooDeep { at });
        }
        match self {
            Self::Uint(n) => encoder.uint(*n),
            Self::Nint(n) => encoder.nint(*n),
            Self::Bytes(bytes) => encoder.bytes(bytes),
            Self::Text(text) => encoder.text(text),
            Self::Array(items) => {
                encoder.array(items.len());
                for item in items {
                    item.encode_at(encoder, depth + 1)?;
                }
                encoder
            }
            Self::Map(pairs) => {
                encoder.map(pairs.len());
                return encode_pairs(pairs, encoder, depth + 1);
            }
            Self::Tag(number, content) => {
                if matches!(*number, head::TAG_BIGNUM | head::TAG_NEGATIVE_BIGNUM)
                    && !is_bignum(content)
                {
                    return Err(Error::NonPreferredBignum { at });
                }
                encoder.tag(*number);
                return content.encode_at(encoder, depth + 1);
            }
            Self::Bool(value) => encoder.bool(*value),
            Self::Null => encoder.null(),
            Self::Undefined => encoder.undefined(),
            Self::Simple(20..=31) => return Err(Error::ReservedSimple { at }),
            Self::Simple(value) => encoder.head(head::SIMPLE, u64::from(*value)),
            Self::Float(value) => encoder.float(*value),
        };
        Ok(())
    }
}

fn is_bignum(content: &Value) -> bool {
    match content {
        Value::Bytes(bytes) => {
            bytes.len() as u64 > head::PLAIN_INTEGER_BYTES && bytes.first() != Some(&0)
        }
        _ => false,
    }
}

/// Writes pairs in place; pairs that were not in order are put in order afterwards.
fn encode_pairs(
    pairs: &[(Value, Value)],
    encoder: &mut Encoder,
    depth: usize,
) -> Result<(), Error> {
    struct Pair {
        key: Range<usize>,
        end: usize,
    }
    let start = encoder.len();
    let mut written = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let key_start = encoder.len();
        key.encode_at(encoder, depth)?;
        let key = key_start..encoder.len();
        value.encode_at(encoder, depth)?;
        written.push(Pair {
            key,
            end: encoder.len(),
        });
    }
    let out = encoder.out();
    if written.is_sorted_by(|a, b| out[a.key.clone()] < out[b.key.clone()]) {
        return Ok(());
    }
    let unsorted = out.split_off(start);
    let key = |pair: &Pair| &unsorted[pair.key.start - start..pair.key.end - start];
    written.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    let mut previous: &[u8] = &[];
    for pair in &written {
        if key(pair) == previous {
            return Err(Error::DuplicateKey { at: out.len() });
        }
        previous = key(pair);
        out.extend_from_slice(&unsorted[pair.key.start - start..pair.end - start]);
    }
    Ok(())
}

impl From<Item<'_>> for Value {
    fn from(item: Item<'_>) -> Self {
        let value = match item.kind() {
            Kind::Uint => item.as_u64().map(Self::Uint),
            // -1 - n and n have opposite bits.
            Kind::Nint => item.as_int().map(|value| Self::Nint(!value as u64)),
            Kind::Bytes => item.as_bytes().map(|bytes| Self::Bytes(bytes.into())),
            Kind::Text => item.as_text().map(Self::from),
            Kind::Array => item
                .as_array()
                .map(|array| Self::Array(array.iter().map(Self::from).collect())),
            Kind::Map => item.as_map().map(|map| {
                Self::Map(
                    map.iter()
                        .map(|(key, value)| (key.into(), value.into()))
                        .collect(),
                )
            }),
            Kind::Tag => item
                .as_tag()
                .map(|(number, content)| Self::Tag(number, Box::new(content.into()))),
            Kind::Bool => item.as_bool().map(Self::Bool),
            Kind::Null => Some(Self::Null),
            Kind::Undefined => Some(Self::Undefined),
            Kind::Simple => item.as_simple().map(Self::Simple),
            Kind::Float => item.as_f64().map(Self::Float),
        };
        // Every accessor answers for its own kind, so there is always a value.
        value.unwrap_or(Self::Undefined)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Uint(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Uint(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        if value < 0 {
            Self::Nint(!value as u64)
        } else {
            Self::Uint(value as u64)
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.into())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::Array(value)
    }
}
