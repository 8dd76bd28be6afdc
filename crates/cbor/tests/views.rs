//! Reading through `Item`, writing through `Encoder`, and what `Value` converts.
#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_cbor::{Encoder, Item, Kind, Value};

/// `{1: [h'0102', "é", -5], -1: 1(1760000000), "k": {}, 2.5: [true, null, undefined, simple(16)]}`
fn example() -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.map(4);
    encoder.uint(1).array(3).bytes(&[1, 2]).text("é").int(-5);
    encoder.nint(0).tag(1).uint(1_760_000_000);
    encoder.text("k").map(0);
    encoder
        .float(2.5)
        .array(4)
        .bool(true)
        .null()
        .undefined()
        .raw(&[0xf0]);
    encoder.into_vec()
}

#[test]
fn items_know_their_kind_their_bytes_and_their_place() {
    let bytes = example();
    let item = Item::parse(&bytes).unwrap();
    assert_eq!(
        (item.kind(), item.offset(), item.bytes()),
        (Kind::Map, 0, &bytes[..])
    );
    let map = item.as_map().unwrap();
    assert_eq!((map.len(), map.is_empty(), map.iter().len()), (4, false, 4));
    let parts: Vec<_> = map
        .iter()
        .map(|(k, v)| (k.kind(), k.offset(), v.kind(), v.offset()))
        .collect();
    assert_eq!(
        parts,
        [
            (Kind::Uint, 1, Kind::Array, 2),
            (Kind::Nint, 10, Kind::Tag, 11),
            (Kind::Text, 17, Kind::Map, 19),
            (Kind::Float, 20, Kind::Array, 23),
        ]
    );
    let array = map.get_int(1).unwrap().as_array().unwrap();
    assert_eq!((array.len(), array.iter().len()), (3, 3));
    let parts: Vec<_> = array
        .into_iter()
        .map(|item| (item.offset(), item.bytes()))
        .collect();
    assert_eq!(
        parts,
        [(3, &bytes[3..6]), (6, &bytes[6..9]), (9, &bytes[9..10])]
    );
}

#[test]
fn accessors_read_the_values() {
    let bytes = example();
    let map = Item::parse(&bytes).unwrap().as_map().unwrap();
    let mut array = map.get_int(1).unwrap().as_array().unwrap().iter();
    assert_eq!(array.next().unwrap().as_bytes(), Some(&[1, 2][..]));
    assert_eq!(array.next().unwrap().as_text(), Some("é"));
    assert_eq!(array.next().unwrap().as_i64(), Some(-5));
    assert_eq!(array.next(), None);
    let (tag, content) = map.get_int(-1).unwrap().as_tag().unwrap();
    assert_eq!(
        (tag, content.as_u64(), content.offset()),
        (1, Some(1_760_000_000), 12)
    );
    assert!(map.get_text("k").unwrap().as_map().unwrap().is_empty());
    let last = map.iter().last().unwrap();
    assert_eq!(last.0.as_f64(), Some(2.5));
    let last: Vec<_> = last.1.as_array().unwrap().iter().collect();
    assert_eq!(last[0].as_bool(), Some(true));
    assert!(last[1].is_null());
    assert_eq!(last[2].kind(), Kind::Undefined);
    assert_eq!(last[3].as_simple(), Some(16));
}

#[test]
fn integers_at_the_edges() {
    let read = |bytes: &[u8]| {
        let item = Item::parse(bytes).unwrap();
        (item.as_u64(), item.as_i64(), item.as_int().unwrap())
    };
    let encode = |value: Value| value.to_vec().unwrap();
    assert_eq!(
        read(&encode(Value::Uint(u64::MAX))),
        (Some(u64::MAX), None, i128::from(u64::MAX))
    );
    assert_eq!(
        read(&encode(Value::Nint(u64::MAX))),
        (None, None, -(1 << 64))
    );
    for int in [0, 23, 24, -1, -24, -25, i64::MAX, i64::MIN] {
        let bytes = encode(Value::from(int));
        assert_eq!(
            read(&bytes),
            (u64::try_from(int).ok(), Some(int), i128::from(int))
        );
        let mut encoder = Encoder::new();
        encoder.int(int);
        assert_eq!(encoder.as_slice(), bytes);
    }
}

#[test]
fn maps_find_what_they_hold_and_nothing_else() {
    let ints = [
        0,
        7,
        23,
        24,
        255,
        256,
        65_536,
        1 << 32,
        -1,
        -24,
        -25,
        i64::MIN,
    ];
    let texts = ["", "a", "aa", "b", "a text of more than twenty-three bytes"];
    let keys = ints
        .iter()
        .map(|i| Value::from(*i))
        .chain(texts.iter().map(|t| Value::from(*t)));
    let pairs = keys
        .enumerate()
        .map(|(n, key)| (key, Value::Uint(n as u64)))
        .collect();
    let bytes = Value::Map(pairs).to_vec().unwrap();
    let map = Item::parse(&bytes).unwrap().as_map().unwrap();
    for (n, key) in ints.iter().enumerate() {
        assert_eq!(map.get_int(*key).unwrap().as_u64(), Some(n as u64), "{key}");
    }
    for (n, key) in texts.iter().enumerate() {
        let found = map.get_text(key).unwrap().as_u64();
        assert_eq!(found, Some((ints.len() + n) as u64), "{key}");
    }
    for key in [1, 25, 257, -2, -26, i64::MAX] {
        assert_eq!(map.get_int(key), None, "{key}");
    }
    for key in [
        "c",
        "ab",
        "aaa",
        "another text of more than twenty-three bytes",
    ] {
        assert_eq!(map.get_text(key), None, "{key}");
    }
    // A byte string is not a text.
    let bytes = Value::Map(vec![(Value::from(&b"a"[..]), Value::Null)])
        .to_vec()
        .unwrap();
    assert_eq!(
        Item::parse(&bytes).unwrap().as_map().unwrap().get_text("a"),
        None
    );
}

#[test]
fn floats_are_written_in_the_shortest_width_that_keeps_them() {
    for (value, expected) in [
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.0, "f93c00"),
        (65504.0, "f97bff"),
        (5.960464477539063e-8, "f90001"),
        (100_000.0, "fa47c35000"),
        (3.4028234663852886e38, "fa7f7fffff"),
        (1.1, "fb3ff199999999999a"),
        (5e-324, "fb0000000000000001"),
        (f64::INFINITY, "f97c00"),
        (f64::NEG_INFINITY, "f9fc00"),
        (f64::NAN, "f97e00"),
        (-f64::NAN, "f97e00"),
        (f64::from_bits(0x7ff7_fc00_0000_0000), "f97e00"),
    ] {
        let bytes = Value::Float(value).to_vec().unwrap();
        assert_eq!(hex::encode(&bytes), expected);
        let back = Item::parse(&bytes).unwrap().as_f64().unwrap();
        assert!(
            back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()),
            "{value}"
        );
    }
}

#[test]
fn values_are_made_from_what_they_hold() {
    assert_eq!(Value::from(7_u64), Value::Uint(7));
    assert_eq!(Value::from(7_u32), Value::Uint(7));
    assert_eq!(Value::from(-1_i64), Value::Nint(0));
    assert_eq!(Value::from(i64::MIN), Value::Nint(i64::MAX as u64));
    assert_eq!(Value::from("a"), Value::Text("a".into()));
    assert_eq!(Value::from(vec![1_u8]), Value::from(&[1_u8][..]));
    assert_eq!(
        Value::from(vec![Value::Null]),
        Value::Array(vec![Value::Null])
    );
    assert_eq!(Value::from(true), Value::Bool(true));
    assert_eq!(Value::from(0.5), Value::Float(0.5));
}

#[test]
fn an_encoder_appends_to_what_it_was_given() {
    let mut encoder = Encoder::from(vec![0x82]);
    encoder.uint(500).bytes(&[0; 300]);
    assert_eq!(encoder.len(), 1 + 3 + 3 + 300);
    let bytes = Vec::from(encoder.clone());
    assert!(Item::parse(&bytes).is_ok());
    encoder.clear();
    assert!(encoder.is_empty());
}
