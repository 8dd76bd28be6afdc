//! RLP of ours and alloy's agree on what is one, and on what it says.

use alloy_rlp::{Decodable as _, Header};
use proptest::collection::vec;
use proptest::prelude::*;

use super::rlp::{Item, list, write_bytes, write_uint};

/// A tree of values.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Bytes(Vec<u8>),
    List(Vec<Value>),
}

impl Value {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => {
                let mut out = Vec::new();
                write_bytes(&mut out, bytes);
                out
            }
            Self::List(values) => list(&values.iter().flat_map(Self::encode).collect::<Vec<_>>()),
        }
    }

    fn by_alloy(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => alloy_rlp::encode(bytes.as_slice()),
            Self::List(values) => {
                let payload: Vec<u8> = values.iter().flat_map(Self::by_alloy).collect();
                let (list, payload_length) = (true, payload.len());
                let mut out = Vec::new();
                Header {
                    list,
                    payload_length,
                }
                .encode(&mut out);
                [out, payload].concat()
            }
        }
    }

    fn decode(item: Item<'_>) -> Option<Self> {
        Some(match item {
            Item::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Item::List(list) => Self::List(
                list.to_vec()
                    .ok()?
                    .into_iter()
                    .map(Self::decode)
                    .collect::<Option<_>>()?,
            ),
        })
    }

    /// Reads all of the input by alloy.
    fn decode_by_alloy(input: &mut &[u8]) -> Option<Self> {
        let mut payload = *input;
        let header = Header::decode(&mut payload).ok()?;
        // Its header leaves a single byte in place, which is its own encoding.
        let (mut inside, rest) = payload.split_at_checked(header.payload_length)?;
        *input = rest;
        if !header.list {
            return Some(Self::Bytes(inside.to_vec()));
        }
        let mut values = Vec::new();
        while !inside.is_empty() {
            values.push(Self::decode_by_alloy(&mut inside)?);
        }
        Some(Self::List(values))
    }
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..3),
        vec(any::<u8>(), 50..70),
        vec(any::<u8>(), 250..300)
    ];
    bytes
        .prop_map(Value::Bytes)
        .prop_recursive(4, 40, 6, |inner| vec(inner, 0..6).prop_map(Value::List))
}

proptest! {
    #[test]
    fn values_are_written_as_alloy_writes_them_and_read_back(value in value()) {
        let bytes = value.encode();
        prop_assert_eq!(&bytes, &value.by_alloy());
        prop_assert_eq!(Value::decode(Item::parse(&bytes).unwrap()), Some(value));
    }

    #[test]
    fn numbers_are_written_as_alloy_writes_them(number in any::<u64>(), shift in 0..64) {
        let number = number >> shift;
        let mut bytes = Vec::new();
        write_uint(&mut bytes, number);
        prop_assert_eq!(&bytes, &alloy_rlp::encode(number));
        prop_assert_eq!(Item::parse(&bytes).and_then(Item::uint), Ok(number));
    }

    #[test]
    fn damaged_values_are_read_as_alloy_reads_them(
        value in value(),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = value.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() * 4).max(1));
        let ours = Item::parse(&bytes).ok().and_then(Value::decode);
        let mut input = bytes.as_slice();
        let theirs = Value::decode_by_alloy(&mut input).filter(|_| input.is_empty());
        prop_assert_eq!(&ours, &theirs);
        // One value, one encoding.
        if let Some(value) = ours {
            prop_assert_eq!(value.encode(), bytes);
        }
    }

    #[test]
    fn bytes_that_are_a_number_here_are_one_for_alloy(bytes in vec(any::<u8>(), 0..10)) {
        let ours = Item::parse(&bytes).and_then(Item::uint).ok();
        let mut input = bytes.as_slice();
        let theirs = u64::decode(&mut input).ok().filter(|_| input.is_empty());
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn other_encodings_are_refused() {
    for bad in [
        "",                     // nothing
        "8100",                 // one byte below 0x80 with a head
        "b800",                 // a long form for a short length
        "b837",                 // cut off
        "b90001",               // a length with a leading zero
        "f800",                 // the same for lists
        "bfffffffffffffffff00", // a length beyond memory
        "ffffffffffffffffff00",
        "8080", // two values
        "c281", // a list cut off inside
    ] {
        let bytes = hex::decode(bad).unwrap();
        let value = Item::parse(&bytes).ok().and_then(Value::decode);
        assert_eq!(value, None, "{bad}");
    }
}
