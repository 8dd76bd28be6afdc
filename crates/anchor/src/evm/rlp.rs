//! RLP, strictly: every value has one encoding, and no other is read (Ethereum yellow paper, appendix B).

use super::Malformed;

/// A value: bytes, or a list of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A string of bytes.
    Bytes(&'a [u8]),
    /// A list, by the encodings of its elements one after the other.
    List(List<'a>),
}

/// A list's elements, each checked when it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List<'a>(&'a [u8]);

impl<'a> Item<'a> {
    /// Reads one value that is all of the input.
    pub(crate) fn parse(input: &'a [u8]) -> Result<Self, Malformed> {
        match split(input)? {
            (item, []) => Ok(item),
            _ => Err(Malformed("bytes follow the RLP value")),
        }
    }

    /// The bytes, if it is no list.
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::List(_) => Err(Malformed("a list where bytes are expected")),
        }
    }

    /// The elements, if it is a list.
    pub(crate) fn list(self) -> Result<List<'a>, Malformed> {
        match self {
            Self::Bytes(_) => Err(Malformed("bytes where a list is expected")),
            Self::List(list) => Ok(list),
        }
    }

    /// A number: big-endian without leading zeros.
    pub(crate) fn uint(self) -> Result<u64, Malformed> {
        let bytes = self.bytes()?;
        if bytes.first() == Some(&0) {
            return Err(Malformed("a number with leading zeros"));
        }
        big_endian(bytes).ok_or(Malformed("a number of more than 64 bits"))
    }

    /// Bytes of a fixed length.
    pub(crate) fn array<const N: usize>(self) -> Result<&'a [u8; N], Malformed> {
        self.bytes()?
            .try_into()
            .map_err(|_| Malformed("bytes of a wrong length"))
    }
}

impl<'a> List<'a> {
    /// Takes the next element.
    pub(crate) fn next(&mut self) -> Result<Option<Item<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let (item, rest) = split(self.0)?;
        self.0 = rest;
        Ok(Some(item))
    }

    /// Takes the next element, which has to be there.
    pub(crate) fn required(&mut self) -> Result<Item<'a>, Malformed> {
        self.next()?
            .ok_or(Malformed("a list with too few elements"))
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Malformed("a list with too many elements")),
        }
    }

    /// How long the list is with its head, if that is one byte: at least this long, if it is more.
    pub(crate) fn encoded_len(&self) -> usize {
        self.0.len() + 1
    }

    /// All elements.
    pub(crate) fn to_vec(mut self) -> Result<Vec<Item<'a>>, Malformed> {
        let mut items = Vec::new();
        while let Some(item) = self.next()? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Splits the first value off.
fn split(input: &[u8]) -> Result<(Item<'_>, &[u8]), Malformed> {
    let (&head, rest) = input
        .split_first()
        .ok_or(Malformed("an RLP value is cut off"))?;
    let (is_list, (payload, rest)) = match head {
        0..0x80 => (false, input.split_at(1)),
        0x80..0xb8 => (false, take(rest, u64::from(head - 0x80))?),
        0xb8..0xc0 => (false, take_long(rest, head - 0xb7)?),
        0xc0..0xf8 => (true, take(rest, u64::from(head - 0xc0))?),
        0xf8.. => (true, take_long(rest, head - 0xf7)?),
    };
    match (is_list, payload) {
        (true, payload) => Ok((Item::List(List(payload)), rest)),
        (false, [0..0x80]) if head == 0x81 => {
            Err(Malformed("a byte that is not in its shortest form"))
        }
        (false, payload) => Ok((Item::Bytes(payload), rest)),
    }
}

/// Splits off a payload whose length is written in `len_of_len` bytes, because it exceeds 55.
fn take_long(input: &[u8], len_of_len: u8) -> Result<(&[u8], &[u8]), Malformed> {
    let (len, rest) = take(input, u64::from(len_of_len))?;
    match big_endian(len) {
        Some(len @ 56..) if len_bytes(len) == usize::from(len_of_len) => take(rest, len),
        _ => Err(Malformed("a length that is not in its shortest form")),
    }
}

fn take(input: &[u8], len: u64) -> Result<(&[u8], &[u8]), Malformed> {
    usize::try_from(len)
        .ok()
        .and_then(|len| input.split_at_checked(len))
        .ok_or(Malformed("an RLP value is cut off"))
}

fn big_endian(bytes: &[u8]) -> Option<u64> {
    let mut whole = [0; 8];
    let start = whole.len().checked_sub(bytes.len())?;
    whole[start..].copy_from_slice(bytes);
    Some(u64::from_be_bytes(whole))
}

/// How many bytes a number has without leading zeros.
fn len_bytes(number: u64) -> usize {
    8 - number.leading_zeros() as usize / 8
}

/// Writes bytes.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    if !matches!(bytes, [0..0x80]) {
        write_head(out, 0x80, bytes.len());
    }
    out.extend_from_slice(bytes);
}

/// Writes a number: big-endian without leading zeros.
pub(crate) fn write_uint(out: &mut Vec<u8>, number: u64) {
    write_bytes(out, &number.to_be_bytes()[8 - len_bytes(number)..]);
}

/// Writes a list of elements that are encoded already.
#[cfg(any(test, feature = "submit"))]
pub(crate) fn list(elements: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(elements.len() + 9);
    write_head(&mut out, 0xc0, elements.len());
    out.extend_from_slice(elements);
    out
}

fn write_head(out: &mut Vec<u8>, base: u8, len: usize) {
    match u8::try_from(len) {
        Ok(len @ 0..56) => out.push(base + len),
        _ => {
            let bytes = (len as u64).to_be_bytes();
            let bytes = &bytes[8 - len_bytes(len as u64)..];
            // At most 8: the length's own bytes.
            out.push(base + 55 + bytes.len() as u8);
            out.extend_from_slice(bytes);
        }
    }
}
