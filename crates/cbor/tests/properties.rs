//! Promises that hold for any value and any bytes.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod arbitrary;
mod invariants;

use avouch_cbor::{Encoder, Error, Value, validate};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_keep_every_promise(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        invariants::check(&bytes);
    }

    #[test]
    fn damaged_encodings_keep_every_promise(bytes in arbitrary::damaged(false)) {
        invariants::check(&bytes);
    }

    #[test]
    fn encodings_are_accepted_and_keep_every_promise(value in arbitrary::value(false)) {
        let bytes = value.to_vec().unwrap();
        prop_assert_eq!(validate(&bytes), Ok(()));
        invariants::check(&bytes);
    }

    #[test]
    fn every_truncation_is_refused(value in arbitrary::value(false)) {
        let bytes = value.to_vec().unwrap();
        for end in 0..bytes.len() {
            let error = validate(&bytes[..end]).unwrap_err();
            prop_assert!(
                matches!(error, Error::Truncated { .. } | Error::LengthBeyondInput { .. }),
                "{} of {} bytes: {error}", end, bytes.len()
            );
        }
    }

    #[test]
    fn the_order_of_pairs_does_not_matter(value in arbitrary::value(false), seed: u64) {
        prop_assert_eq!(shuffled(&value, seed).to_vec(), value.to_vec());
    }

    #[test]
    fn a_sorted_map_is_the_map(value in arbitrary::value(false)) {
        if let Value::Map(pairs) = &value {
            let pairs = pairs.iter().rev().map(|(k, v)| (k.to_vec().unwrap(), v.to_vec().unwrap()));
            let mut encoder = Encoder::new();
            encoder.sorted_map(pairs.collect()).unwrap();
            prop_assert_eq!(encoder.into_vec(), value.to_vec().unwrap());
        }
    }
}

/// The same value with every map's pairs in another order.
fn shuffled(value: &Value, seed: u64) -> Value {
    match value {
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| shuffled(item, seed)).collect())
        }
        Value::Tag(number, content) => Value::Tag(*number, Box::new(shuffled(content, seed))),
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs
                .iter()
                .map(|(k, v)| (shuffled(k, seed), shuffled(v, seed)))
                .collect();
            let places = pairs.len().max(1);
            pairs.rotate_left((seed % places as u64) as usize);
            if seed & 1 << 40 != 0 {
                pairs.reverse();
            }
            Value::Map(pairs)
        }
        other => other.clone(),
    }
}

#[test]
fn all_inputs_of_up_to_two_bytes_keep_every_promise() {
    invariants::check(&[]);
    for first in 0..=u8::MAX {
        invariants::check(&[first]);
        for second in 0..=u8::MAX {
            invariants::check(&[first, second]);
        }
    }
}
