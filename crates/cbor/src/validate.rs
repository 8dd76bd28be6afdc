//! The strict validator: one pass, no allocation, recursion bounded by the depth limit.

use core::cmp::Ordering;

use crate::{Error, head};

/// The deepest nesting of arrays, maps and tags that is ever accepted. An item that holds no
/// other is at depth 0.
pub const MAX_DEPTH: usize = 32;

/// Limits that a caller sets for inputs that it does not trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most levels of arrays, maps and tags; above [`MAX_DEPTH`] it counts as [`MAX_DEPTH`].
    pub max_depth: usize,
    /// Most bytes of the whole input.
    pub max_len: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: MAX_DEPTH,
            max_len: usize::MAX,
        }
    }
}

/// Checks that `bytes` are exactly one strict deterministic item, with nothing after it.
pub fn validate(bytes: &[u8]) -> Result<(), Error> {
    validate_with(bytes, Limits::default())
}

/// [`validate`] under tighter limits.
pub fn validate_with(bytes: &[u8], limits: Limits) -> Result<(), Error> {
    if bytes.len() > limits.max_len {
        return Err(Error::TooLong {
            max: limits.max_len,
        });
    }
    let validator = Validator {
        input: bytes,
        max_depth: limits.max_depth.min(MAX_DEPTH),
    };
    let end = validator.item(0, 0)?;
    if end < bytes.len() {
        return Err(Error::TrailingBytes { at: end });
    }
    Ok(())
}

struct Validator<'a> {
    input: &'a [u8],
    max_depth: usize,
}

impl Validator<'_> {
    /// Checks the item at `at`, which `depth` others enclose, and returns where it ends.
    // Leaves are inlined into the loops over their parents; only what nests is a call.
    #[inline(always)]
    fn item(&self, at: usize, depth: usize) -> Result<usize, Error> {
        let head = head::read(self.input, at)?;
        match head.initial >> 5 {
            head::UINT | head::NINT | head::SIMPLE => Ok(head.end),
            head::BYTES => self.end_of_string(&head, at),
            head::TEXT => {
                let end = self.end_of_string(&head, at)?;
                check_utf8(&self.input[head.end..end], head.end)?;
                Ok(end)
            }
            _ => self.nest(&head, at, depth),
        }
    }

    /// Checks the array, map or tag at `at`.
    fn nest(&self, head: &head::Head, at: usize, depth: usize) -> Result<usize, Error> {
        if depth >= self.max_depth {
            return Err(Error::TooDeep { at });
        }
        match head.initial >> 5 {
            head::ARRAY => {
                self.check_room(head, at, 1)?;
                self.elements(head.end, head.argument, depth + 1)
            }
            head::MAP => {
                self.check_room(head, at, 2)?;
                self.pairs(head.end, head.argument, depth + 1)
            }
            _ => {
                if matches!(head.argument, head::TAG_BIGNUM | head::TAG_NEGATIVE_BIGNUM) {
                    self.check_bignum(head.end, at)?;
                }
                self.item(head.end, depth + 1)
            }
        }
    }

    fn elements(&self, start: usize, count: u64, depth: usize) -> Result<usize, Error> {
        let mut at = start;
        for _ in 0..count {
            at = self.item(at, depth)?;
        }
        Ok(at)
    }

    /// Checks a map's pairs: keys strictly ascending by the bytes of their encodings.
    fn pairs(&self, start: usize, count: u64, depth: usize) -> Result<usize, Error> {
        let mut at = start;
        // No encoding is empty, so the first key sorts after this.
        let mut previous: &[u8] = &[];
        for _ in 0..count {
            let key_end = self.item(at, depth)?;
            let key = &self.input[at..key_end];
            // Mostly the heads already decide, without a call to compare the rest.
            if previous.first() >= key.first() {
                match previous.cmp(key) {
                    Ordering::Less => {}
                    Ordering::Equal => return Err(Error::DuplicateKey { at }),
                    Ordering::Greater => return Err(Error::UnsortedKey { at }),
                }
            }
            previous = key;
            at = self.item(key_end, depth)?;
        }
        Ok(at)
    }

    #[inline(always)]
    fn end_of_string(&self, head: &head::Head, at: usize) -> Result<usize, Error> {
        self.check_room(head, at, 1)?;
        // At most the input's length, so it neither truncates nor overflows.
        Ok(head.end + head.argument as usize)
    }

    /// Every byte, element or pair takes at least `least` bytes of what is left.
    #[inline(always)]
    fn check_room(&self, head: &head::Head, at: usize, least: usize) -> Result<(), Error> {
        let room = (self.input.len() - head.end) / least;
        if head.argument > room as u64 {
            return Err(Error::LengthBeyondInput { at });
        }
        Ok(())
    }

    /// The content of tag 2 or 3 must be a number that no plain integer can hold. Whether its
    /// bytes are all there is checked as for any byte string.
    fn check_bignum(&self, content: usize, at: usize) -> Result<(), Error> {
        let head = head::read(self.input, content)?;
        let preferred = head.initial >> 5 == head::BYTES
            && head.argument > head::PLAIN_INTEGER_BYTES
            && self.input.get(head.end) != Some(&0);
        if preferred {
            Ok(())
        } else {
            Err(Error::NonPreferredBignum { at })
        }
    }
}

#[inline(always)]
fn check_utf8(text: &[u8], start: usize) -> Result<(), Error> {
    if text.is_ascii() {
        return Ok(());
    }
    match core::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::InvalidUtf8 {
            at: start + error.valid_up_to(),
        }),
    }
}
