//! Heads: an item's initial byte and its argument (RFC 8949 section 3), shortest form only.

use crate::{Error, float};

pub(crate) const UINT: u8 = 0;
pub(crate) const NINT: u8 = 1;
pub(crate) const BYTES: u8 = 2;
pub(crate) const TEXT: u8 = 3;
pub(crate) const ARRAY: u8 = 4;
pub(crate) const MAP: u8 = 5;
pub(crate) const TAG: u8 = 6;
pub(crate) const SIMPLE: u8 = 7;

pub(crate) const FALSE: u8 = 0xf4;
pub(crate) const TRUE: u8 = 0xf5;
pub(crate) const NULL: u8 = 0xf6;
pub(crate) const UNDEFINED: u8 = 0xf7;
pub(crate) const SIMPLE_BYTE: u8 = 0xf8;
pub(crate) const HALF: u8 = 0xf9;
pub(crate) const SINGLE: u8 = 0xfa;
pub(crate) const DOUBLE: u8 = 0xfb;

/// Tags whose content is a big-endian number (section 3.4.3).
pub(crate) const TAG_BIGNUM: u64 = 2;
pub(crate) const TAG_NEGATIVE_BIGNUM: u64 = 3;
/// A number of at most this many bytes fits a plain integer.
pub(crate) const PLAIN_INTEGER_BYTES: u64 = 8;

#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// The initial byte; its upper three bits are the major type.
    pub(crate) initial: u8,
    /// The number, length or tag; for floats the bits.
    pub(crate) argument: u64,
    /// Where the head ends.
    pub(crate) end: usize,
}

/// Reads the head at `at`, refusing every form but the one that deterministic encoding allows.
/// Whether the announced length is there is for the caller to check.
#[inline(always)]
pub(crate) fn read(input: &[u8], at: usize) -> Result<Head, Error> {
    let Some(&initial) = input.get(at) else {
        return Err(Error::Truncated { at });
    };
    if initial & 0x1f < 24 {
        let argument = u64::from(initial & 0x1f);
        return Ok(Head {
            initial,
            argument,
            end: at + 1,
        });
    }
    read_long(input, at, initial)
}

/// Heads of more than one byte.
#[inline(always)]
fn read_long(input: &[u8], at: usize, initial: u8) -> Result<Head, Error> {
    // The least argument that needs 1, 2, 4 and 8 bytes.
    const LEAST: [u64; 4] = [24, 1 << 8, 1 << 16, 1 << 32];
    let width = usize::from(initial & 0x1f) - 24;
    let Some(&least) = LEAST.get(width) else {
        return Err(match initial & 0x1f {
            31 => Error::IndefiniteLength { at },
            _ => Error::ReservedHead { at },
        });
    };
    let size = 1 << width;
    let rest = &input[at + 1..];
    // Away from the end of the input, one load serves all sizes without a branch.
    let argument = match rest.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes) >> (64 - 8 * size),
        None => match rest.get(..size) {
            Some(bytes) => bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            None => return Err(Error::Truncated { at }),
        },
    };
    if initial >> 5 == SIMPLE {
        check_simple_or_float(initial, argument, at)?;
    } else if argument < least {
        return Err(Error::NonShortestHead { at });
    }
    Ok(Head {
        initial,
        argument,
        end: at + 1 + size,
    })
}

fn check_simple_or_float(initial: u8, bits: u64, at: usize) -> Result<(), Error> {
    match initial {
        SIMPLE_BYTE if bits < 32 => Err(Error::ReservedSimple { at }),
        SIMPLE_BYTE => Ok(()),
        HALF => {
            let is_nan = bits & 0x7fff > 0x7c00;
            if is_nan && bits != u64::from(float::NAN) {
                return Err(Error::NonCanonicalNan { at });
            }
            Ok(())
        }
        SINGLE => {
            let value = f32::from_bits(bits as u32);
            if value.is_nan() {
                Err(Error::NonCanonicalNan { at })
            } else if float::half_of(value).is_some() {
                Err(Error::NonShortestFloat { at })
            } else {
                Ok(())
            }
        }
        _ => {
            let value = f64::from_bits(bits);
            if value.is_nan() {
                Err(Error::NonCanonicalNan { at })
            } else if !matches!(float::shortest(value), float::Shortest::Double(_)) {
                Err(Error::NonShortestFloat { at })
            } else {
                Ok(())
            }
        }
    }
}

/// A head's bytes, in shortest form.
pub(crate) struct Bytes {
    buffer: [u8; 9],
    length: usize,
}

impl Bytes {
    pub(crate) fn new(major: u8, argument: u64) -> Self {
        let mut buffer = [0; 9];
        let (info, length) = match argument {
            0..=23 => (argument as u8, 1),
            24..=0xff => (24, 2),
            0x100..=0xffff => (25, 3),
            0x1_0000..=0xffff_ffff => (26, 5),
            _ => (27, 9),
        };
        buffer[0] = major << 5 | info;
        buffer[1..length].copy_from_slice(&argument.to_be_bytes()[9 - length..]);
        Self { buffer, length }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// Major type and argument of an integer.
pub(crate) fn of_int(value: i64) -> Bytes {
    if value < 0 {
        // -1 - n has the two's complement of n's bits.
        Bytes::new(NINT, !value as u64)
    } else {
        Bytes::new(UINT, value as u64)
    }
}
