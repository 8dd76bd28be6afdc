//! Bundles of entries, and of statements: length-prefixed, side by side.

/// How long a bundle's length prefixes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Two bytes, big-endian: entry bundles (c2sp.org/tlog-tiles).
    Two,
    /// Four bytes, big-endian: our statement bundles.
    Four,
}

impl Prefix {
    fn len(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// Appends an item.
pub(super) fn push(bundle: &mut Vec<u8>, prefix: Prefix, item: &[u8]) {
    // Our entries have 32 bytes and our statements at most 2^20.
    match prefix {
        Prefix::Two => bundle.extend((item.len() as u16).to_be_bytes()),
        Prefix::Four => bundle.extend((item.len() as u32).to_be_bytes()),
    }
    bundle.extend(item);
}

/// The first `width` items of a bundle that has `total`; why not, if it is not exactly such a bundle.
pub(super) fn split(
    bundle: &[u8],
    prefix: Prefix,
    total: u16,
    width: u16,
) -> Result<Vec<&[u8]>, String> {
    let mut items = Vec::with_capacity(usize::from(total));
    let mut rest = bundle;
    for number in 0..total {
        let cut = || format!("ends within item {number} of {total}");
        let (length, after) = rest.split_at_checked(prefix.len()).ok_or_else(cut)?;
        let length = length
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (item, after) = after.split_at_checked(length).ok_or_else(cut)?;
        items.push(item);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes follow the last item", rest.len()));
    }
    items.truncate(usize::from(width));
    Ok(items)
}
