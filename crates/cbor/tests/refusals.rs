//! Every refusal that the documentation promises, with the byte that it names, beside the nearest
//! encoding that is accepted.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_cbor::{Encoder, Error, Item, Limits, MAX_DEPTH, Value, validate, validate_with};

#[track_caller]
fn refused(encoding: &str, error: Error) {
    assert_eq!(
        validate(&hex::decode(encoding).unwrap()),
        Err(error),
        "{encoding}"
    );
}

#[track_caller]
fn accepted(encoding: &str) {
    let bytes = hex::decode(encoding).unwrap();
    assert_eq!(validate(&bytes), Ok(()), "{encoding}");
    assert_eq!(Value::decode(&bytes).unwrap().to_vec().unwrap(), bytes);
}

#[test]
fn heads_that_are_not_the_shortest() {
    // Each argument just below and at the least that needs the width, for all seven major types.
    for (too_small, least) in [
        ("1817", "1818"),
        ("1900ff", "190100"),
        ("1a0000ffff", "1a00010000"),
        ("1b00000000ffffffff", "1b0000000100000000"),
    ] {
        for major in 0..=6_u8 {
            let with_major = |head: &str| {
                let mut bytes = hex::decode(head).unwrap();
                bytes[0] |= major << 5;
                bytes
            };
            let head = with_major(too_small);
            assert_eq!(
                validate(&head),
                Err(Error::NonShortestHead { at: 0 }),
                "{too_small} {major}"
            );
            // What follows is missing where the argument is a length.
            let result = validate(&with_major(least));
            match major {
                0 | 1 => assert_eq!(result, Ok(())),
                6 => assert!(matches!(result, Err(Error::Truncated { .. }))),
                _ => assert_eq!(result, Err(Error::LengthBeyondInput { at: 0 })),
            }
        }
    }
    refused("82001800", Error::NonShortestHead { at: 2 });
}

#[test]
fn floats_that_fit_a_shorter_float() {
    refused("fa3f800000", Error::NonShortestFloat { at: 0 }); // 1.0
    refused("fb3ff0000000000000", Error::NonShortestFloat { at: 0 }); // 1.0
    refused("fb3ff8000020000000", Error::NonShortestFloat { at: 0 }); // fits a single
    refused("fa80000000", Error::NonShortestFloat { at: 0 }); // -0.0
    refused("fa7f800000", Error::NonShortestFloat { at: 0 }); // infinity
    refused("fbfff0000000000000", Error::NonShortestFloat { at: 0 }); // -infinity
    refused("fa33800000", Error::NonShortestFloat { at: 0 }); // 2^-24, the least half
    refused("fb36a0000000000000", Error::NonShortestFloat { at: 0 }); // 2^-149, the least single
    accepted("f93c00"); // 1.0, not reduced to 1
    accepted("f98000"); // -0.0
    accepted("fa33000000"); // 2^-25
    accepted("fa00000001"); // 2^-149
    accepted("fb3690000000000000"); // 2^-150
    accepted("fa3f801000"); // 1 + 2^-11, half a step of the halves
    accepted("fb3ff8000010000000");
    accepted("fa477fe100"); // just above the greatest half
    accepted("fb47efffffe0000001"); // just above the greatest single
}

#[test]
fn any_nan_but_one() {
    accepted("f97e00");
    for nan in [
        "f97e01",
        "f97c01",
        "f9fe00",
        "f97fff",
        "fa7fc00000",
        "fa7f800001",
        "faffc00000",
        "fb7ff8000000000000",
        "fb7ff0000000000001",
        "fbfff8000000000000",
    ] {
        refused(nan, Error::NonCanonicalNan { at: 0 });
    }
}

#[test]
fn keys_out_of_order_or_twice() {
    accepted("a201000200");
    refused("a202000100", Error::UnsortedKey { at: 3 });
    refused("a201000100", Error::DuplicateKey { at: 3 });
    // Bytewise order of the encodings, not "shorter first" (RFC 7049): 24 before -1, "b" before "aa".
    accepted("a21818002000");
    refused("a22000181800", Error::UnsortedKey { at: 3 });
    accepted("a261620062616100");
    refused("a262616100616200", Error::UnsortedKey { at: 5 });
    // Keys may be anything; a difference may lie deep inside them.
    accepted("a2810100810200");
    refused("a2810200810100", Error::UnsortedKey { at: 4 });
    refused("a2810200810200", Error::DuplicateKey { at: 4 });
    // The third key against the second; and an inner map.
    refused("a3010002000100", Error::UnsortedKey { at: 5 });
    refused("81a201000100", Error::DuplicateKey { at: 4 });
    refused("a100a201000100", Error::DuplicateKey { at: 5 });
}

#[test]
fn indefinite_lengths_and_breaks() {
    for encoding in [
        "5f4100ff", "7f6161ff", "9f00ff", "bf0000ff", "ff", "1f", "3f", "df",
    ] {
        refused(encoding, Error::IndefiniteLength { at: 0 });
    }
    refused("8200ff", Error::IndefiniteLength { at: 2 });
}

#[test]
fn reserved_heads() {
    for initial in 0..=u8::MAX {
        if matches!(initial & 0x1f, 28..=30) {
            assert_eq!(validate(&[initial]), Err(Error::ReservedHead { at: 0 }));
        }
    }
}

#[test]
fn reserved_simple_values() {
    for value in 0..=u8::MAX {
        let expected = if value < 32 {
            Err(Error::ReservedSimple { at: 0 })
        } else {
            Ok(())
        };
        assert_eq!(validate(&[0xf8, value]), expected, "{value}");
    }
    for value in 0..=23 {
        assert_eq!(validate(&[0xe0 | value]), Ok(()), "{value}");
    }
}

#[test]
fn text_that_is_not_utf8() {
    accepted("64f0908080"); // the first character beyond 16 bits
    refused("61ff", Error::InvalidUtf8 { at: 1 });
    refused("62c0af", Error::InvalidUtf8 { at: 1 }); // overlong
    refused("6461eda080", Error::InvalidUtf8 { at: 2 }); // a surrogate
    refused("64f4908080", Error::InvalidUtf8 { at: 1 }); // beyond 10ffff
    refused("8262c3a961c3", Error::InvalidUtf8 { at: 5 }); // ends inside a character
    accepted("41ff"); // bytes are not text
}

#[test]
fn bignums_that_are_not_needed_or_not_numbers() {
    for tag in ["c2", "c3"] {
        accepted(&format!("{tag}49010000000000000000"));
        for content in [
            "40",                     // zero
            "420003",                 // 3, with a leading zero
            "4103",                   // 3
            "48ffffffffffffffff",     // 2^64 - 1
            "4900ffffffffffffffff",   // the same, with a leading zero
            "4a00010000000000000000", // 2^64, with a leading zero
            "05",                     // not a byte string
            "69616263646566676869",
            "c249010000000000000000",
        ] {
            refused(
                &format!("{tag}{content}"),
                Error::NonPreferredBignum { at: 0 },
            );
        }
        refused(&format!("{tag}4901"), Error::LengthBeyondInput { at: 1 });
        refused(&format!("{tag}49"), Error::LengthBeyondInput { at: 1 });
        refused(tag, Error::Truncated { at: 1 });
    }
    refused("81c24103", Error::NonPreferredBignum { at: 1 });
    accepted("c105"); // other tags are not interpreted
    accepted("c40a");
}

#[test]
fn lengths_beyond_the_input() {
    for encoding in ["4100", "6161", "8100", "a10000", "c000"] {
        accepted(encoding);
    }
    refused("4200", Error::LengthBeyondInput { at: 0 });
    refused("6261", Error::LengthBeyondInput { at: 0 });
    refused("8200", Error::LengthBeyondInput { at: 0 });
    refused("a100", Error::LengthBeyondInput { at: 0 });
    // Room for two pairs as far as the head can tell, but the first is longer.
    refused("a200420102", Error::Truncated { at: 5 });
    // Lengths that would overflow.
    for initial in ["5b", "7b", "9b", "bb"] {
        refused(
            &format!("{initial}ffffffffffffffff00"),
            Error::LengthBeyondInput { at: 0 },
        );
        refused(
            &format!("{initial}7fffffffffffffff00"),
            Error::LengthBeyondInput { at: 0 },
        );
        refused(
            &format!("81{initial}8000000000000001"),
            Error::LengthBeyondInput { at: 1 },
        );
    }
}

#[test]
fn input_that_ends_inside_an_item() {
    refused("", Error::Truncated { at: 0 });
    for head in [
        "18",
        "19ff",
        "1affffff",
        "1bffffffffffffff",
        "f8",
        "f97e",
        "fa7f8000",
        "c1",
    ] {
        let at = usize::from(head == "c1");
        refused(head, Error::Truncated { at });
    }
    refused("82011a0000", Error::Truncated { at: 2 });
}

#[test]
fn bytes_after_the_item() {
    refused("0000", Error::TrailingBytes { at: 1 });
    refused("810000", Error::TrailingBytes { at: 2 });
    refused("6161ff", Error::TrailingBytes { at: 2 });
}

/// `levels` arrays, maps (in key and value position) and tags around a 0, by turns.
fn nested(levels: usize) -> Vec<u8> {
    let openings: [&[u8]; 4] = [&[0x81], &[0xa1, 0x00], &[0xc1], &[0xa1]];
    let mut bytes = Vec::new();
    let mut values_due = 0;
    for level in 0..levels {
        bytes.extend_from_slice(openings[level % 4]);
        values_due += usize::from(level % 4 == 3);
    }
    bytes.extend(std::iter::repeat_n(0, 1 + values_due));
    bytes
}

#[test]
fn nesting_deeper_than_the_limit() {
    assert_eq!(validate(&nested(MAX_DEPTH)), Ok(()));
    assert!(matches!(
        validate(&nested(MAX_DEPTH + 1)),
        Err(Error::TooDeep { .. })
    ));
    for initial in [0x81, 0xa1, 0xc1] {
        let deep = vec![initial; 1_000_000];
        assert_eq!(validate(&deep), Err(Error::TooDeep { at: MAX_DEPTH }));
    }
    // An empty array is a level too.
    let mut bytes = vec![0x81; MAX_DEPTH];
    bytes.push(0x80);
    assert_eq!(validate(&bytes), Err(Error::TooDeep { at: MAX_DEPTH }));
}

#[test]
fn a_callers_own_limits() {
    let depth = |max_depth| Limits {
        max_depth,
        ..Limits::default()
    };
    assert_eq!(validate_with(&[0x81, 0x81, 0x00], depth(2)), Ok(()));
    assert_eq!(
        validate_with(&[0x81, 0x81, 0x00], depth(1)),
        Err(Error::TooDeep { at: 1 })
    );
    assert_eq!(
        validate_with(&[0x80], depth(0)),
        Err(Error::TooDeep { at: 0 })
    );
    assert_eq!(validate_with(&[0x00], depth(0)), Ok(()));
    // The crate's own limit cannot be lifted.
    let deep = nested(MAX_DEPTH + 1);
    assert!(matches!(
        validate_with(&deep, depth(usize::MAX)),
        Err(Error::TooDeep { .. })
    ));

    let length = |max_len| Limits {
        max_len,
        ..Limits::default()
    };
    assert_eq!(validate_with(&[0x41, 0x00], length(2)), Ok(()));
    assert_eq!(
        validate_with(&[0x41, 0x00], length(1)),
        Err(Error::TooLong { max: 1 })
    );
    assert_eq!(
        Item::parse_with(&[0x41, 0x00], length(1)),
        Err(Error::TooLong { max: 1 })
    );
}

#[test]
fn values_that_have_no_encoding() {
    let encode = |value: &Value| value.to_vec().unwrap_err();
    let pair = |key: &Value| (key.clone(), Value::Null);

    let keys = [Value::Uint(2), Value::Uint(1), Value::Uint(2)];
    assert_eq!(
        encode(&Value::Map(keys.iter().map(pair).collect())),
        Error::DuplicateKey { at: 5 }
    );
    // -0.0 and 0.0 differ, all NaNs are one.
    let zeros = [Value::Float(0.0), Value::Float(-0.0)];
    assert!(
        Value::Map(zeros.iter().map(pair).collect())
            .to_vec()
            .is_ok()
    );
    let nans = [
        Value::Float(f64::NAN),
        Value::Float(f64::from_bits(0xfff8_0000_0000_0001)),
    ];
    assert!(matches!(
        encode(&Value::Map(nans.iter().map(pair).collect())),
        Error::DuplicateKey { .. }
    ));

    for simple in 20..=31 {
        assert_eq!(
            encode(&Value::Simple(simple)),
            Error::ReservedSimple { at: 0 }
        );
    }
    for content in [
        Value::Uint(1),
        Value::Bytes(vec![1; 8]),
        Value::Bytes(vec![0; 9]),
    ] {
        let value = Value::Array(vec![Value::Null, Value::Tag(3, Box::new(content))]);
        assert_eq!(encode(&value), Error::NonPreferredBignum { at: 2 });
    }
    let mut deep = Value::Null;
    for _ in 0..MAX_DEPTH {
        deep = Value::Array(vec![deep]);
    }
    assert!(deep.to_vec().is_ok());
    assert_eq!(
        encode(&Value::Tag(0, Box::new(deep))),
        Error::TooDeep { at: MAX_DEPTH }
    );
}

#[test]
fn a_refused_value_leaves_the_encoder_as_it_was() {
    let mut encoder = Encoder::new();
    encoder.text("before");
    let before = encoder.clone();
    let twice = Value::Map(vec![(Value::Null, Value::Null), (Value::Null, Value::Null)]);
    assert!(
        Value::Array(vec![Value::Uint(1), twice])
            .encode(&mut encoder)
            .is_err()
    );
    assert_eq!(encoder, before);
    let pair = || (vec![0xf6], vec![0xf6]);
    assert_eq!(
        encoder.sorted_map(vec![pair(), pair()]).err(),
        Some(Error::DuplicateKey { at: 10 })
    );
    assert_eq!(encoder, before);
}

#[test]
fn messages_say_where_and_what() {
    let message = validate(&[0x82, 0x00, 0x18, 0x00]).unwrap_err().to_string();
    assert_eq!(
        message,
        "byte 2: a number, length or tag is not in its shortest form"
    );
    let error: Box<dyn std::error::Error> = Box::new(Error::TooLong { max: 7 });
    assert_eq!(
        error.to_string(),
        "the input is longer than the 7 bytes allowed"
    );
}
