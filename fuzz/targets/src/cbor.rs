//! Canonical CBOR.

use avouch_cbor::{Item, Value, validate};

/// The three readers agree on what is accepted, and encoding what was read gives the same bytes.
pub(crate) fn cbor(data: &[u8]) -> bool {
    let valid = validate(data).is_ok();
    let item = Item::parse(data);
    let value = Value::decode(data);
    assert_eq!(valid, item.is_ok(), "validate and Item::parse disagree");
    assert_eq!(valid, value.is_ok(), "validate and Value::decode disagree");
    if let (Ok(item), Ok(value)) = (item, value) {
        assert_eq!(item.bytes(), data);
        assert_eq!(count(item), count_value(&value));
        assert_eq!(value.to_vec().expect("what was decoded encodes"), data);
    }
    valid
}

/// How many items there are, each visited through the borrowed view.
fn count(item: Item<'_>) -> usize {
    let inner = if let Some(array) = item.as_array() {
        assert_eq!(array.len(), array.into_iter().count());
        array.into_iter().map(count).sum()
    } else if let Some(map) = item.as_map() {
        assert_eq!(map.len(), map.into_iter().count());
        map.into_iter()
            .map(|(key, value)| count(key) + count(value))
            .sum()
    } else if let Some((_, inner)) = item.as_tag() {
        count(inner)
    } else {
        0
    };
    inner + 1
}

fn count_value(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count_value).sum(),
        Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| count_value(key) + count_value(value))
            .sum(),
        Value::Tag(_, inner) => count_value(inner),
        _ => 0,
    }
}
