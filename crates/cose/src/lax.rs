//! A tolerant CBOR decoder for other people's messages: any well-formed encoding is read (RFC 8949
//! section 3), with indefinite lengths, long heads and maps in any order. Ours are read by avouch-cbor alone.
//!
//! Why not coset: its parser follows counter-signatures through nested protected headers without a limit,
//! and a message of 27 kB overflows the stack. Here a header is decoded once, to a fixed depth.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Item, MAX_DEPTH, Value};

use crate::Error;

/// Decodes exactly one well-formed item.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.item(0)?;
    if reader.at < bytes.len() {
        return Err(reader.error("bytes after the message"));
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// An initial byte with its argument; `None` for an indefinite length.
struct Head {
    major: u8,
    info: u8,
    argument: Option<u64>,
}

impl Reader<'_> {
    fn error(&self, reason: &'static str) -> Error {
        Error::Cose {
            at: self.at,
            reason,
        }
    }

    fn take(&mut self, len: u64) -> Result<&[u8], Error> {
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len));
        match end.and_then(|end| Some((end, self.bytes.get(self.at..end)?))) {
            Some((end, bytes)) => {
                self.at = end;
                Ok(bytes)
            }
            None => Err(self.error("the message ends inside an item")),
        }
    }

    fn head(&mut self) -> Result<Head, Error> {
        let initial = self.take(1)?[0];
        let (major, info) = (initial >> 5, initial & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(
                    bytes
                        .iter()
                        .fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
                )
            }
            31 if (2..=5).contains(&major) || major == 7 => None,
            _ => return Err(self.error("a reserved initial byte")),
        };
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    /// Whether an indefinite-length item ends here; eats the break.
    fn at_break(&mut self) -> bool {
        let ends = self.bytes.get(self.at) == Some(&0xff);
        self.at += usize::from(ends);
        ends
    }

    fn item(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(self.error("nested too deep"));
        }
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(n)) => Ok(Value::Uint(n)),
            (1, Some(n)) => Ok(Value::Nint(n)),
            (2, _) => self.string(&head).map(Value::Bytes),
            (3, _) => match String::from_utf8(self.string(&head)?) {
                Ok(text) => Ok(Value::Text(text)),
                Err(_) => Err(self.error("text is not UTF-8")),
            },
            (4, len) => {
                let mut items = Vec::new();
                while self.more(len, items.len()) {
                    items.push(self.item(depth + 1)?);
                }
                Ok(Value::Array(items))
            }
            (5, len) => {
                let mut pairs = Vec::new();
                while self.more(len, pairs.len()) {
                    pairs.push((self.item(depth + 1)?, self.item(depth + 1)?));
                }
                Ok(Value::Map(pairs))
            }
            (6, Some(tag)) => Ok(Value::Tag(tag, Box::new(self.item(depth + 1)?))),
            (7, Some(argument)) => self.simple(head.info, argument),
            _ => Err(self.error("a break outside an indefinite length")),
        }
    }

    fn more(&mut self, len: Option<u64>, so_far: usize) -> bool {
        match len {
            Some(len) => (so_far as u64) < len,
            None => !self.at_break(),
        }
    }

    /// The content of a string, its chunks joined when it has them.
    fn string(&mut self, head: &Head) -> Result<Vec<u8>, Error> {
        if let Some(len) = head.argument {
            return Ok(self.take(len)?.to_vec());
        }
        let mut whole = Vec::new();
        while !self.at_break() {
            let chunk = self.head()?;
            let (true, Some(len)) = (chunk.major == head.major, chunk.argument) else {
                return Err(self.error("a chunk of another kind than its string"));
            };
            whole.extend_from_slice(self.take(len)?);
        }
        Ok(whole)
    }

    fn simple(&self, info: u8, argument: u64) -> Result<Value, Error> {
        Ok(match info {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 => Value::Null,
            23 => Value::Undefined,
            24 if argument < 32 => return Err(self.error("a reserved simple value")),
            0..=24 => Value::Simple(argument as u8),
            // Three bytes of half float are their own shortest form, so the strict decoder converts them;
            // all it refuses is a NaN with a payload.
            25 => {
                let [.., high, low] = argument.to_be_bytes();
                let half = [0xf9, high, low];
                Value::Float(
                    Item::parse(&half)
                        .ok()
                        .and_then(|item| item.as_f64())
                        .unwrap_or(f64::NAN),
                )
            }
            26 => Value::Float(f32::from_bits(argument as u32).into()),
            _ => Value::Float(f64::from_bits(argument)),
        })
    }
}
