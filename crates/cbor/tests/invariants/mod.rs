//! What must hold for any bytes at all. The property tests call it, and so may a fuzz target.

use avouch_cbor::{Error, Item, Kind, Value, validate};

/// Panics when some bytes break a promise of the crate.
pub(crate) fn check(bytes: &[u8]) {
    let item = match Item::parse(bytes) {
        Ok(item) => item,
        Err(error) => {
            assert_eq!(validate(bytes), Err(error));
            assert!(
                error.at().expect("no length limit is set") <= bytes.len(),
                "{error}"
            );
            return;
        }
    };
    assert_eq!(validate(bytes), Ok(()));
    assert_eq!((item.bytes(), item.offset()), (bytes, 0));

    // Decode, then encode: the same bytes.
    let value = Value::decode(bytes).expect("validated");
    assert_eq!(value.to_vec().as_deref(), Ok(bytes));

    // No other length of it is an item.
    assert!(validate(&bytes[..bytes.len() - 1]).is_err());
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert_eq!(
        validate(&longer),
        Err(Error::TrailingBytes { at: bytes.len() })
    );

    check_item(&item, bytes);
}

/// Every part is an item in its own right, lies where it says, and answers for its kind alone.
fn check_item(item: &Item<'_>, whole: &[u8]) {
    assert_eq!(&whole[item.offset()..][..item.bytes().len()], item.bytes());
    assert_eq!(
        validate(item.bytes())
            .err()
            .filter(|e| !matches!(e, Error::TooDeep { .. })),
        None
    );

    let kind = item.kind();
    assert_eq!(item.as_u64().is_some(), kind == Kind::Uint);
    assert_eq!(
        item.as_int().is_some(),
        matches!(kind, Kind::Uint | Kind::Nint)
    );
    assert_eq!(item.as_bytes().is_some(), kind == Kind::Bytes);
    assert_eq!(item.as_text().is_some(), kind == Kind::Text);
    assert_eq!(item.as_bool().is_some(), kind == Kind::Bool);
    assert_eq!(item.is_null(), kind == Kind::Null);
    assert_eq!(item.as_simple().is_some(), kind == Kind::Simple);
    assert_eq!(item.as_f64().is_some(), kind == Kind::Float);
    assert_eq!(item.as_tag().is_some(), kind == Kind::Tag);
    assert_eq!(item.as_array().is_some(), kind == Kind::Array);
    assert_eq!(item.as_map().is_some(), kind == Kind::Map);

    if let Some((_, content)) = item.as_tag() {
        check_item(&content, whole);
    }
    if let Some(array) = item.as_array() {
        assert_eq!(array.iter().count(), array.len());
        array.iter().for_each(|element| check_item(&element, whole));
    }
    if let Some(map) = item.as_map() {
        assert_eq!(map.iter().count(), map.len());
        for (key, value) in map {
            check_item(&key, whole);
            check_item(&value, whole);
            if let Some(text) = key.as_text() {
                assert_eq!(map.get_text(text), Some(value));
            }
            if let Some(int) = key.as_i64() {
                assert_eq!(map.get_int(int), Some(value));
            }
        }
    }
}
