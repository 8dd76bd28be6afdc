//! Agreement with other people's CBOR: ciborium, minicbor and dcbor.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arbitrary;

use avouch_cbor::{Error, Value, validate};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn ciborium_writes_the_same_bytes_and_reads_the_same_value(value in arbitrary::value(true)) {
        let bytes = value.to_vec().unwrap();
        let theirs = to_ciborium(&value);
        let mut written = Vec::new();
        ciborium::into_writer(&theirs, &mut written).unwrap();
        prop_assert_eq!(&written, &bytes);
        let read: ciborium::Value = ciborium::from_reader(&bytes[..]).unwrap();
        prop_assert_eq!(read, theirs);
    }

    #[test]
    fn minicbor_writes_the_same_bytes_and_skips_them_whole(value in arbitrary::value(false)) {
        let bytes = value.to_vec().unwrap();
        let mut encoder = minicbor::Encoder::new(Vec::new());
        write_minicbor(&value, &mut encoder);
        prop_assert_eq!(encoder.writer(), &bytes);
        let mut decoder = minicbor::Decoder::new(&bytes);
        decoder.skip().unwrap();
        prop_assert_eq!(decoder.position(), bytes.len());
    }

    /// Damaged input is accepted exactly when ciborium reads it and, with maps sorted, writes the
    /// very same bytes again.
    #[test]
    fn acceptance_is_that_ciborium_rewrites_the_input(bytes in arbitrary::damaged(true)) {
        if !outside_ciborium(&bytes) {
            let ours = validate(&bytes);
            let same = ciborium_rewrites(&bytes);
            prop_assert_eq!(ours.is_ok(), same, "{:?} {}", ours, hex::encode(&bytes));
        }
    }

    #[test]
    fn what_dcbor_accepts_is_accepted(
        bytes in prop_oneof![arbitrary::damaged(true), arbitrary::damaged(false)]
    ) {
        check_against_dcbor(&bytes);
    }

    #[test]
    fn what_dcbor_writes_is_accepted(value in arbitrary::value(true)) {
        let bytes = to_dcbor(&value).to_cbor_data();
        prop_assert_eq!(validate(&bytes), Ok(()));
        prop_assert_eq!(Value::decode(&bytes).unwrap().to_vec().unwrap(), bytes);
    }
}

#[test]
fn what_dcbor_accepts_in_three_bytes_or_fewer_is_accepted() {
    for first in 0..=u8::MAX {
        check_against_dcbor(&[first]);
        for second in 0..=u8::MAX {
            check_against_dcbor(&[first, second]);
            for third in 0..=u8::MAX {
                check_against_dcbor(&[first, second, third]);
            }
        }
    }
}

/// Two refusals are ours alone: dcbor does not look into bignums and sets no depth.
fn check_against_dcbor(bytes: &[u8]) {
    let ours = validate(bytes);
    if matches!(
        ours,
        Ok(()) | Err(Error::NonPreferredBignum { .. } | Error::TooDeep { .. })
    ) {
        return;
    }
    if dcbor::CBOR::try_from_data(bytes).is_ok() {
        panic!("dcbor accepts {}, we do not: {ours:?}", hex::encode(bytes));
    }
}

/// Its value type has no undefined or simple values, turns bignums into integers, and keeps what a
/// NaN carries.
fn outside_ciborium(bytes: &[u8]) -> bool {
    fn has(value: &Value) -> bool {
        match value {
            Value::Undefined | Value::Simple(_) | Value::Tag(2 | 3, _) => true,
            Value::Array(items) => items.iter().any(has),
            Value::Map(pairs) => pairs.iter().any(|(key, value)| has(key) || has(value)),
            Value::Tag(_, content) => has(content),
            _ => false,
        }
    }
    match Value::decode(bytes) {
        Ok(value) => has(&value),
        Err(error) => matches!(
            error,
            Error::NonPreferredBignum { .. }
                | Error::NonCanonicalNan { .. }
                | Error::TooDeep { .. }
        ),
    }
}

fn ciborium_rewrites(bytes: &[u8]) -> bool {
    let Ok(mut value) = ciborium::from_reader::<ciborium::Value, _>(bytes) else {
        return false;
    };
    let mut written = Vec::new();
    sort_ciborium(&mut value)
        && ciborium::into_writer(&value, &mut written).is_ok()
        && written == bytes
}

/// Sorts all maps; false when one has a key twice.
fn sort_ciborium(value: &mut ciborium::Value) -> bool {
    use ciborium::Value as Theirs;
    let encode = |key: &Theirs| {
        let mut bytes = Vec::new();
        ciborium::into_writer(key, &mut bytes).unwrap();
        bytes
    };
    match value {
        Theirs::Array(items) => items.iter_mut().all(sort_ciborium),
        Theirs::Tag(_, content) => sort_ciborium(content),
        Theirs::Map(pairs) => {
            let sound = pairs
                .iter_mut()
                .all(|(key, value)| sort_ciborium(key) && sort_ciborium(value));
            pairs.sort_by_cached_key(|(key, _)| encode(key));
            sound
                && pairs
                    .windows(2)
                    .all(|two| encode(&two[0].0) != encode(&two[1].0))
        }
        _ => true,
    }
}

fn sorted(pairs: &[(Value, Value)]) -> Vec<&(Value, Value)> {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort_by_key(|(key, _)| key.to_vec().unwrap());
    pairs
}

fn to_ciborium(value: &Value) -> ciborium::Value {
    use ciborium::Value as Theirs;
    match value {
        Value::Uint(n) => Theirs::from(*n),
        Value::Nint(n) => Theirs::Integer((-1 - i128::from(*n)).try_into().unwrap()),
        Value::Bytes(bytes) => Theirs::Bytes(bytes.clone()),
        Value::Text(text) => Theirs::Text(text.clone()),
        Value::Array(items) => Theirs::Array(items.iter().map(to_ciborium).collect()),
        Value::Map(pairs) => Theirs::Map(
            sorted(pairs)
                .into_iter()
                .map(|(k, v)| (to_ciborium(k), to_ciborium(v)))
                .collect(),
        ),
        Value::Bool(value) => Theirs::Bool(*value),
        Value::Null => Theirs::Null,
        Value::Float(value) => Theirs::Float(*value),
        Value::Tag(..) | Value::Undefined | Value::Simple(_) => unreachable!("not in plain values"),
    }
}

fn to_dcbor(value: &Value) -> dcbor::CBOR {
    use dcbor::CBOR;
    match value {
        Value::Uint(n) => (*n).into(),
        Value::Nint(n) => dcbor::CBORCase::Negative(*n).into(),
        Value::Bytes(bytes) => CBOR::to_byte_string(bytes),
        Value::Text(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_dcbor).collect::<Vec<_>>().into(),
        Value::Map(pairs) => {
            let mut map = dcbor::Map::new();
            pairs
                .iter()
                .for_each(|(k, v)| map.insert(to_dcbor(k), to_dcbor(v)));
            map.into()
        }
        Value::Bool(value) => (*value).into(),
        Value::Null => CBOR::null(),
        Value::Float(value) => (*value).into(),
        Value::Tag(..) | Value::Undefined | Value::Simple(_) => unreachable!("not in plain values"),
    }
}

fn write_minicbor(value: &Value, out: &mut minicbor::Encoder<Vec<u8>>) {
    match value {
        Value::Uint(n) => drop(out.u64(*n).unwrap()),
        Value::Nint(n) => {
            out.int((-1 - i128::from(*n)).try_into().unwrap()).unwrap();
        }
        Value::Bytes(bytes) => drop(out.bytes(bytes).unwrap()),
        Value::Text(text) => drop(out.str(text).unwrap()),
        Value::Array(items) => {
            out.array(items.len() as u64).unwrap();
            items.iter().for_each(|item| write_minicbor(item, out));
        }
        Value::Map(pairs) => {
            out.map(pairs.len() as u64).unwrap();
            for (key, value) in sorted(pairs) {
                write_minicbor(key, out);
                write_minicbor(value, out);
            }
        }
        Value::Tag(number, content) => {
            out.tag(minicbor::data::Tag::new(*number)).unwrap();
            write_minicbor(content, out);
        }
        Value::Bool(value) => drop(out.bool(*value).unwrap()),
        Value::Null => drop(out.null().unwrap()),
        Value::Undefined => drop(out.undefined().unwrap()),
        Value::Simple(value) => drop(out.simple(*value).unwrap()),
        Value::Float(value) => write_shortest_float(*value, out),
    }
}

/// minicbor writes the width that it is told; this tries the shorter ones by reading them back.
fn write_shortest_float(value: f64, out: &mut minicbor::Encoder<Vec<u8>>) {
    if value.is_nan() {
        out.f16(f32::NAN).unwrap();
        return;
    }
    let single = value as f32;
    let mut half = minicbor::Encoder::new(Vec::new());
    half.f16(single).unwrap();
    let back = minicbor::Decoder::new(half.writer()).f16().unwrap();
    if f64::from(back).to_bits() == value.to_bits() {
        out.f16(single).unwrap();
    } else if f64::from(single).to_bits() == value.to_bits() {
        out.f32(single).unwrap();
    } else {
        out.f64(value).unwrap();
    }
}
