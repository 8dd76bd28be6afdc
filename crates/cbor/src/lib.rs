//! Strict deterministic CBOR: one value has one encoding, and nothing else is read or written.
//!
//! The encoding is the core deterministic encoding of RFC 8949 section 4.2.1, with NaN only as
//! `f97e00`. [`validate`] and [`Item::parse`] check an encoding in a single pass, without
//! allocating; an [`Item`] is then a cheap view of it. With the feature `alloc` (on by default)
//! there are also an `Encoder` and the owned `Value`.
//!
//! # What is refused
//! Each refusal is an [`Error`] that names the byte:
//! - an integer, length or tag number that is not in its shortest form (section 4.2.1);
//! - a float that fits a shorter float exactly, and any NaN but `f97e00` (section 4.2.2);
//! - a map whose keys are not in bytewise order of their encodings, or with a key twice;
//! - indefinite lengths and a lone "break";
//! - the reserved additional information 28 to 30, and two-byte simple values below 32
//!   (section 3.3);
//! - text that is not UTF-8;
//! - a bignum (tag 2 or 3) whose content is not a byte string of more than 8 bytes that begins
//!   with a non-zero byte: its number has a shorter encoding (section 3.4.3), or it has none;
//! - lengths beyond the end of the input, and bytes after the item;
//! - arrays, maps and tags nested deeper than [`MAX_DEPTH`], or an input longer than the caller's
//!   [`Limits`].
//!
//! All else that is well-formed is accepted: 1.0 stays apart from 1, -0.0 from 0.0, and tags
//! other than bignums are not interpreted. What is accepted re-encodes to the same bytes.
//!
//! ```
//! # #[cfg(feature = "alloc")] {
//! use avouch_cbor::{Encoder, Error, Item};
//!
//! let mut encoder = Encoder::new();
//! encoder.map(2).uint(1).text("hello").int(-1).float(1.5);
//! let item = Item::parse(encoder.as_slice())?;
//! let map = item.as_map().ok_or("not a map")?;
//! assert_eq!(map.get_int(1).and_then(|value| value.as_text()), Some("hello"));
//! assert_eq!(map.get_int(-1).and_then(|value| value.as_f64()), Some(1.5));
//!
//! // 23 in two bytes: the same number, but not the same bytes.
//! assert_eq!(Item::parse(&[0x18, 23]), Err(Error::NonShortestHead { at: 0 }));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this is not
//! No serde, no derive, no streaming from a reader, no CBOR sequences.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod collection;
#[cfg(feature = "alloc")]
mod encode;
mod error;
mod float;
mod head;
mod item;
mod validate;
#[cfg(feature = "alloc")]
mod value;

pub use collection::{Array, ArrayIter, Map, MapIter};
#[cfg(feature = "alloc")]
pub use encode::Encoder;
pub use error::Error;
pub use item::{Item, Kind};
pub use validate::{Limits, MAX_DEPTH, validate, validate_with};
#[cfg(feature = "alloc")]
pub use value::Value;
