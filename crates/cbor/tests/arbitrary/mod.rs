//! Random values and random damage.

use avouch_cbor::Value;
use proptest::prelude::*;

/// Integers whose size in bytes is itself random.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift)
}

/// Floats of all widths: random bits seldom fit a shorter one.
fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<u32>().prop_map(|bits| f64::from(f32::from_bits(bits))),
        (-2048_i32..2048, -30_i32..30).prop_map(|(n, e)| f64::from(n) * 2_f64.powi(e)),
        any::<f64>(),
    ]
}

/// A value that has an encoding. `plain` leaves out what the peers cannot say: undefined, other
/// simple values, tags and NaN.
pub(crate) fn value(plain: bool) -> BoxedStrategy<Value> {
    let common = prop_oneof![
        number().prop_map(Value::Uint),
        number().prop_map(Value::Nint),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        "[a-z]{0,30}".prop_map(Value::Text),
        "\\PC{0,5}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        float()
            .prop_filter("NaN", move |f| !plain || !f.is_nan())
            .prop_map(Value::Float),
    ];
    let leaf = if plain {
        common.boxed()
    } else {
        let bignum =
            (1_u8.., prop::collection::vec(any::<u8>(), 8..20)).prop_map(|(first, mut rest)| {
                rest.insert(0, first);
                Box::new(Value::Bytes(rest))
            });
        prop_oneof![
            8 => common,
            1 => Just(Value::Undefined),
            1 => (0_u8..20).prop_map(Value::Simple),
            1 => (32_u8..).prop_map(Value::Simple),
            1 => (2_u64..4, bignum).prop_map(|(tag, content)| Value::Tag(tag, content)),
        ]
        .boxed()
    };
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let array = prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array);
        let map = prop::collection::vec((inner.clone(), inner.clone()), 0..6).prop_map(distinct);
        if plain {
            return prop_oneof![array, map].boxed();
        }
        let number = number().prop_filter("bignum", |n| !matches!(n, 2 | 3));
        let tag =
            (number, inner).prop_map(|(number, content)| Value::Tag(number, Box::new(content)));
        prop_oneof![2 => array, 2 => map, 1 => tag].boxed()
    })
    .boxed()
}

/// A map of the pairs, less those whose key has come before.
fn distinct(pairs: Vec<(Value, Value)>) -> Value {
    let mut seen = std::collections::BTreeSet::new();
    let fresh = |(key, _): &(Value, Value)| seen.insert(key.to_vec().expect("encodable"));
    Value::Map(pairs.into_iter().filter(fresh).collect())
}

/// An encoding, damaged in up to three places so that it often stays well-formed.
pub(crate) fn damaged(plain: bool) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..5);
    (value(plain), prop::collection::vec(edit, 1..4)).prop_map(|(value, edits)| {
        let mut bytes = value.to_vec().expect("encodable");
        for (index, byte, how) in edits {
            let at = index
                .index(bytes.len().max(1))
                .min(bytes.len().saturating_sub(1));
            match how {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 if !bytes.is_empty() => bytes[at] ^= 1 << (byte % 8),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 => bytes.insert(at, byte),
                _ => bytes.insert(
                    at,
                    [0x18, 0x19, 0x1a, 0xf8, 0xf9, 0xfa, 0xc2, 0x80][usize::from(byte % 8)],
                ),
            }
        }
        bytes
    })
}
