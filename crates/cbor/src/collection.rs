//! The elements of an array and the pairs of a map, inside a validated encoding.

use core::cmp::Ordering;

use crate::{Item, head};

/// Validated items one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Items<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Items<'a> {
    pub(crate) fn new(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, offset }
    }

    #[inline]
    fn take(&mut self) -> Option<Item<'a>> {
        let (bytes, rest) = self.rest.split_at_checked(extent(self.rest)?)?;
        let item = Item::validated(bytes, self.offset);
        self.offset += bytes.len();
        self.rest = rest;
        Some(item)
    }
}

/// The length of the first item of `input`, which is validated. Without a stack: it only counts
/// how many items are still to come.
#[inline]
fn extent(input: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    let mut pending = 1_u64;
    while pending > 0 {
        let head = head::read(input, at).ok()?;
        at = head.end;
        pending -= 1;
        match head.initial >> 5 {
            head::BYTES | head::TEXT => at += head.argument as usize,
            head::ARRAY => pending += head.argument,
            head::MAP => pending += 2 * head.argument,
            head::TAG => pending += 1,
            _ => {}
        }
    }
    Some(at)
}

/// A view of an array's elements.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a> {
    items: Items<'a>,
    len: usize,
}

impl<'a> Array<'a> {
    pub(crate) fn new(items: Items<'a>, len: usize) -> Self {
        Self { items, len }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The elements, in order.
    pub fn iter(&self) -> ArrayIter<'a> {
        ArrayIter {
            items: self.items,
            left: self.len,
        }
    }
}

impl<'a> IntoIterator for Array<'a> {
    type Item = Item<'a>;
    type IntoIter = ArrayIter<'a>;

    fn into_iter(self) -> ArrayIter<'a> {
        self.iter()
    }
}

/// Iterates over an array's elements.
#[derive(Clone, Debug)]
pub struct ArrayIter<'a> {
    items: Items<'a>,
    left: usize,
}

impl<'a> Iterator for ArrayIter<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.items.take()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}

/// A view of a map's pairs.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    items: Items<'a>,
    len: usize,
}

impl<'a> Map<'a> {
    pub(crate) fn new(items: Items<'a>, len: usize) -> Self {
        Self { items, len }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pairs, in the order of their keys' encodings.
    pub fn iter(&self) -> MapIter<'a> {
        MapIter {
            items: self.items,
            left: self.len,
        }
    }

    /// The value under an integer key.
    pub fn get_int(&self, key: i64) -> Option<Item<'a>> {
        self.find(head::of_int(key).as_slice(), &[])
    }

    /// The value under a text key.
    pub fn get_text(&self, key: &str) -> Option<Item<'a>> {
        self.find(
            head::Bytes::new(head::TEXT, key.len() as u64).as_slice(),
            key.as_bytes(),
        )
    }

    /// The value under the key whose encoding is `start` then `rest`. Keys are sorted, so the
    /// search ends at the first that is greater.
    fn find(&self, start: &[u8], rest: &[u8]) -> Option<Item<'a>> {
        for (key, value) in self.iter() {
            let key = key.bytes();
            let (key_start, key_rest) = key.split_at(start.len().min(key.len()));
            match key_start.cmp(start).then_with(|| key_rest.cmp(rest)) {
                Ordering::Less => {}
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

impl<'a> IntoIterator for Map<'a> {
    type Item = (Item<'a>, Item<'a>);
    type IntoIter = MapIter<'a>;

    fn into_iter(self) -> MapIter<'a> {
        self.iter()
    }
}

/// Iterates over a map's pairs.
#[derive(Clone, Debug)]
pub struct MapIter<'a> {
    items: Items<'a>,
    left: usize,
}

impl<'a> Iterator for MapIter<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        self.left = self.left.checked_sub(1)?;
        Some((self.items.take()?, self.items.take()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for MapIter<'_> {}
