//! The form of a batch proof's bytes: what serde sees, with every number at its full width.
//!
//! Numbers are little-endian, sequences have their length before them (4 bytes), options a byte that
//! is 0 or 1; structs and tuples are their members. Equal proofs have equal bytes and different bytes
//! are different proofs: nothing has two forms. A length beyond the bytes that are left is refused
//! before anything is allocated for it, so a reader's memory is bounded by its input.

use core::fmt;

use alloc::string::{String, ToString};
#[cfg(feature = "prove")]
use alloc::vec::Vec;

use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};
use serde::ser;
#[cfg(feature = "prove")]
use serde::ser::Serialize;

/// Why bytes are no proof.
#[derive(Debug)]
pub(crate) struct WireError(String);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for WireError {}

impl de::Error for WireError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl ser::Error for WireError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unused<T>() -> Result<T, WireError> {
    Err(WireError("a type that no proof has".into()))
}

/// The value, if the bytes are exactly one.
pub(crate) fn from_bytes<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T, WireError> {
    let mut reader = Reader { bytes };
    let value = T::deserialize(&mut reader)?;
    if reader.bytes.is_empty() {
        Ok(value)
    } else {
        Err(WireError("bytes after its end".into()))
    }
}

/// The value's bytes.
#[cfg(feature = "prove")]
pub(crate) fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let mut writer = Writer { bytes: Vec::new() };
    value.serialize(&mut writer)?;
    Ok(writer.bytes)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or_else(|| WireError("it ends too early".into()))?;
        self.bytes = rest;
        Ok(*taken)
    }
}

/// A sequence of known length. Each element takes at least a byte, except where the type is empty,
/// which no element in a proof is.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = WireError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, WireError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

macro_rules! refuse {
    ($($name:ident)*) => { $(
        fn $name<V: Visitor<'de>>(self, _: V) -> Result<V::Value, WireError> {
            unused()
        }
    )* };
}

macro_rules! read {
    ($($name:ident $visit:ident $type:ty;)*) => { $(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WireError> {
            visitor.$visit(<$type>::from_le_bytes(self.take()?))
        }
    )* };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'_> {
    type Error = WireError;

    read! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    refuse! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WireError> {
        match self.take()? {
            [0] => visitor.visit_none(),
            [1] => visitor.visit_some(self),
            _ => Err(WireError(
                "an option that is neither there nor absent".into(),
            )),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WireError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, WireError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, WireError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WireError> {
        let left = u32::from_le_bytes(self.take()?) as usize;
        if left > self.bytes.len() {
            return Err(WireError("a sequence longer than what is left".into()));
        }
        visitor.visit_seq(Elements { reader: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, WireError> {
        visitor.visit_seq(Elements {
            reader: self,
            left: len,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, WireError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, WireError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, WireError> {
        unused()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

#[cfg(feature = "prove")]
struct Writer {
    bytes: Vec<u8>,
}

#[cfg(feature = "prove")]
mod writing {
    use super::*;
    use serde::ser::Impossible;

    macro_rules! write_numbers {
        ($($name:ident $type:ty;)*) => { $(
            fn $name(self, value: $type) -> Result<(), WireError> {
                self.bytes.extend(value.to_le_bytes());
                Ok(())
            }
        )* };
    }

    macro_rules! refuse_values {
        ($($name:ident $type:ty;)*) => { $(
            fn $name(self, _: $type) -> Result<(), WireError> {
                unused()
            }
        )* };
    }

    impl ser::Serializer for &mut Writer {
        type Ok = ();
        type Error = WireError;
        type SerializeSeq = Self;
        type SerializeTuple = Self;
        type SerializeTupleStruct = Self;
        type SerializeTupleVariant = Impossible<(), WireError>;
        type SerializeMap = Impossible<(), WireError>;
        type SerializeStruct = Self;
        type SerializeStructVariant = Impossible<(), WireError>;

        write_numbers! {
            serialize_u8 u8;
            serialize_u16 u16;
            serialize_u32 u32;
            serialize_u64 u64;
        }

        refuse_values! {
            serialize_bool bool;
            serialize_i8 i8;
            serialize_i16 i16;
            serialize_i32 i32;
            serialize_i64 i64;
            serialize_f32 f32;
            serialize_f64 f64;
            serialize_char char;
            serialize_str &str;
            serialize_bytes &[u8];
        }

        fn serialize_none(self) -> Result<(), WireError> {
            self.bytes.push(0);
            Ok(())
        }

        fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WireError> {
            self.bytes.push(1);
            value.serialize(self)
        }

        fn serialize_unit(self) -> Result<(), WireError> {
            Ok(())
        }

        fn serialize_unit_struct(self, _: &'static str) -> Result<(), WireError> {
            Ok(())
        }

        fn serialize_unit_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
        ) -> Result<(), WireError> {
            unused()
        }

        fn serialize_newtype_struct<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            value: &T,
        ) -> Result<(), WireError> {
            value.serialize(self)
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), WireError> {
            unused()
        }

        fn serialize_seq(self, len: Option<usize>) -> Result<Self, WireError> {
            let len = len.and_then(|len| u32::try_from(len).ok());
            let len = len.ok_or_else(|| WireError("a sequence of unknown length".into()))?;
            self.bytes.extend(len.to_le_bytes());
            Ok(self)
        }

        fn serialize_tuple(self, _: usize) -> Result<Self, WireError> {
            Ok(self)
        }

        fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, WireError> {
            Ok(self)
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, WireError> {
            unused()
        }

        fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, WireError> {
            unused()
        }

        fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, WireError> {
            Ok(self)
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, WireError> {
            unused()
        }

        fn is_human_readable(&self) -> bool {
            false
        }
    }

    macro_rules! members {
        ($($trait:ident $name:ident;)*) => { $(
            impl ser::$trait for &mut Writer {
                type Ok = ();
                type Error = WireError;

                fn $name<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WireError> {
                    value.serialize(&mut **self)
                }

                fn end(self) -> Result<(), WireError> {
                    Ok(())
                }
            }
        )* };
    }

    members! {
        SerializeSeq serialize_element;
        SerializeTuple serialize_element;
        SerializeTupleStruct serialize_field;
    }

    impl ser::SerializeStruct for &mut Writer {
        type Ok = ();
        type Error = WireError;

        fn serialize_field<T: Serialize + ?Sized>(
            &mut self,
            _: &'static str,
            value: &T,
        ) -> Result<(), WireError> {
            value.serialize(&mut **self)
        }

        fn end(self) -> Result<(), WireError> {
            Ok(())
        }
    }
}
