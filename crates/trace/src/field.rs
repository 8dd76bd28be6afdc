//! An event's body: salted fields under a Merkle root.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use avouch_cbor::{Encoder, Item, Kind as CborKind, Value};
use avouch_merkle::{Digest, LeafIndex, TreeSize, hash_leaf, multi_proof, root, root_from_multi};

use crate::Error;

/// A salt's length in bytes.
pub const SALT_LEN: usize = 16;
/// A value whose encoding is longer than this is stored once, by its digest, and the field holds a
/// [`BlobRef`].
pub const BLOB_THRESHOLD: usize = 4096;
/// Names with a meaning of their own: `actor`, `subject` and `cost` must agree with the header,
/// `raw` is the source record's exact bytes. The empty name is leaf 0's.
pub const RESERVED_FIELDS: [&str; 5] = ["", "actor", "subject", "cost", "raw"];

/// 16 random bytes that hide a value behind its leaf hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; SALT_LEN]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// A field, in its one encoding: `[salt: bstr .size 16, name: tstr, value: any]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    encoded: Vec<u8>,
    /// Where the name's text ends and the value begins.
    name_end: usize,
    name_len: usize,
}

/// The bytes before a field's name: 0x83, then the salt and its head.
const BEFORE_NAME: usize = 2 + SALT_LEN;

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Field {
    /// A field of `name` whose value is `value`, one canonical CBOR item.
    pub fn new(salt: Salt, name: &str, value: Item<'_>) -> Self {
        Self::from_encoded_value(salt, name, value.bytes())
    }

    /// A field whose value is `value`.
    pub fn from_value(salt: Salt, name: &str, value: &Value) -> Result<Self, Error> {
        let bytes = value.to_vec().map_err(|source| Error::Cbor {
            what: "a field's value",
            source,
        })?;
        Ok(Self::from_encoded_value(salt, name, &bytes))
    }

    fn from_encoded_value(salt: Salt, name: &str, value: &[u8]) -> Self {
        let mut out = Encoder::with_capacity(BEFORE_NAME + 9 + name.len() + value.len());
        out.array(3).bytes(&salt.0).text(name);
        let name_end = out.len();
        out.raw(value);
        Self {
            encoded: out.into_vec(),
            name_end,
            name_len: name.len(),
        }
    }

    /// Reads a field's encoding, strictly.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let item = Item::parse(bytes).map_err(|source| Error::Cbor {
            what: "a field",
            source,
        })?;
        Self::from_item(item)
    }

    /// Takes a field out of a larger item.
    pub fn from_item(item: Item<'_>) -> Result<Self, Error> {
        let shape = |expected| Error::Shape {
            what: "a field",
            at: item.offset(),
            expected,
        };
        let array = item
            .as_array()
            .ok_or_else(|| shape("an array of salt, name and value"))?;
        let mut parts = array.into_iter();
        let (Some(salt), Some(name), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(shape("exactly three elements: salt, name and value"));
        };
        if salt.as_bytes().is_none_or(|bytes| bytes.len() != SALT_LEN) {
            return Err(shape("a salt of 16 bytes"));
        }
        let text = name.as_text().ok_or_else(|| shape("a name in text"))?;
        Ok(Self {
            encoded: item.bytes().to_vec(),
            name_end: BEFORE_NAME + name.bytes().len(),
            name_len: text.len(),
        })
    }

    /// The encoding.
    pub fn bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// The salt.
    pub fn salt(&self) -> Salt {
        let mut salt = Salt([0; SALT_LEN]);
        salt.0.copy_from_slice(&self.encoded[2..BEFORE_NAME]);
        salt
    }

    /// The name.
    pub fn name(&self) -> &str {
        // Both ways to make a field put UTF-8 here.
        core::str::from_utf8(&self.encoded[self.name_end - self.name_len..self.name_end])
            .unwrap_or_default()
    }

    /// The value's encoding, one canonical CBOR item.
    pub fn value_bytes(&self) -> &[u8] {
        &self.encoded[self.name_end..]
    }

    /// The value. `None` only where [`Field::new`] was given a value nested too deep to sit in a
    /// field.
    pub fn value(&self) -> Option<Item<'_>> {
        Item::parse(self.value_bytes()).ok()
    }

    /// The blob that the value refers to, if it is such a reference.
    pub fn blob(&self) -> Option<BlobRef> {
        self.value().and_then(BlobRef::from_item)
    }

    /// SHA-256(0x00 || field).
    pub fn leaf(&self) -> Digest {
        hash_leaf(&self.encoded)
    }
}

/// A reference to bytes stored apart: `[size, media type, SHA-256]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// How many bytes.
    pub size: u64,
    /// Their media type.
    pub media_type: String,
    /// Their SHA-256.
    pub digest: Digest,
}

impl BlobRef {
    /// Reads a reference. A value of exactly this shape is always one.
    pub fn from_item(item: Item<'_>) -> Option<Self> {
        if item.kind() != CborKind::Array {
            return None;
        }
        let mut parts = item.as_array()?.into_iter();
        let (size, media_type, digest) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            size: size.as_u64()?,
            media_type: media_type.as_text()?.into(),
            digest: Digest(digest.as_bytes()?.try_into().ok()?),
        })
    }

    /// The value that a field holds.
    pub fn to_value(&self) -> Value {
        Value::Array(alloc::vec![
            Value::Uint(self.size),
            Value::Text(self.media_type.clone()),
            Value::Bytes(self.digest.0.to_vec()),
        ])
    }
}

/// Leaf 0 of a body: the field `["", n]` that says how many follow.
pub fn count_field(salt: Salt, count: usize) -> Field {
    let mut value = Encoder::new();
    value.uint(count as u64);
    Field::from_encoded_value(salt, "", value.as_slice())
}

/// An event's body: leaf 0, then the fields sorted by leaf hash. Of a field that was erased only the leaf
/// hash is left, so that the root stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    fields: Vec<Field>,
    /// Where each of the fields stands; without gaps unless some were erased.
    indices: Vec<u64>,
    leaves: Vec<Digest>,
}

/// A place in a stored body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A field.
    Field(Field),
    /// The leaf hash of one that was erased.
    Erased(Digest),
}

impl Body {
    /// Makes a body of `fields`, in any order. Refuses the empty name and a name used twice.
    pub fn new(count_salt: Salt, mut fields: Vec<Field>) -> Result<Self, Error> {
        refuse_bad_names(&fields)?;
        let mut hashed: Vec<(Digest, Field)> = fields
            .drain(..)
            .map(|field| (field.leaf(), field))
            .collect();
        hashed.sort_by_key(|(leaf, _)| *leaf);
        let count = count_field(count_salt, hashed.len());
        let mut leaves = Vec::with_capacity(hashed.len() + 1);
        leaves.push(count.leaf());
        fields.push(count);
        for (leaf, field) in hashed {
            leaves.push(leaf);
            fields.push(field);
        }
        Ok(Self {
            indices: (0..fields.len() as u64).collect(),
            fields,
            leaves,
        })
    }

    /// Takes back a whole body from its stored fields, leaf 0 first. Refuses what [`Body::new`] could not
    /// have made.
    pub fn from_stored(fields: Vec<Field>) -> Result<Self, Error> {
        Self::from_slots(fields.into_iter().map(Slot::Field).collect())
    }

    /// Takes back a body of which fields may have been erased; leaf 0 never is.
    pub fn from_slots(slots: Vec<Slot>) -> Result<Self, Error> {
        let mut body = Self {
            fields: Vec::with_capacity(slots.len()),
            indices: Vec::with_capacity(slots.len()),
            leaves: Vec::with_capacity(slots.len()),
        };
        for (index, slot) in (0..).zip(slots) {
            match slot {
                Slot::Field(field) => {
                    body.leaves.push(field.leaf());
                    body.indices.push(index);
                    body.fields.push(field);
                }
                Slot::Erased(leaf) => body.leaves.push(leaf),
            }
        }
        body.check_layout().map_err(|why| Error::Body {
            body: body.root(),
            why,
        })?;
        refuse_bad_names(&body.fields[1..])?;
        Ok(body)
    }

    fn check_layout(&self) -> Result<(), &'static str> {
        let mut fields = self.indexed_fields().peekable();
        let laid_out = (0..).zip(&self.leaves).map(|(index, leaf)| {
            let field = fields.next_if(|(at, _)| *at == index);
            (index, field.map(|(_, field)| field), *leaf)
        });
        check_layout(laid_out, self.leaves.len() as u64)
    }

    /// All fields that are there, leaf 0 first.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// All fields that are there, each with its index in the body.
    pub fn indexed_fields(&self) -> impl Iterator<Item = (u64, &Field)> {
        self.indices.iter().copied().zip(&self.fields)
    }

    /// Index and leaf hash of every field that was erased, ascending.
    pub fn erased(&self) -> impl Iterator<Item = (u64, Digest)> {
        let mut present = self.indices.iter().peekable();
        (0..).zip(&self.leaves).filter_map(move |(index, leaf)| {
            match present.next_if(|at| **at == index) {
                Some(_) => None,
                None => Some((index, *leaf)),
            }
        })
    }

    /// How many fields the event had when it was recorded, leaf 0 not counted.
    pub fn count(&self) -> u64 {
        self.leaves.len() as u64 - 1
    }

    /// Erases the field at `index`, so that only its leaf hash is left, which is returned. `None` where there
    /// is no such field, or only the leaf 0 that counts them.
    pub fn erase(&mut self, index: u64) -> Option<Digest> {
        let at = self
            .indices
            .binary_search(&index)
            .ok()
            .filter(|at| *at > 0)?;
        self.indices.remove(at);
        self.fields.remove(at);
        self.leaves.get(usize::try_from(index).ok()?).copied()
    }

    /// The field of this name and its index.
    pub fn get(&self, name: &str) -> Option<(usize, &Field)> {
        self.indexed_fields()
            .skip(1)
            .find(|(_, field)| field.name() == name)
            .map(|(index, field)| (index as usize, field))
    }

    /// The body's root.
    pub fn root(&self) -> Digest {
        root(self.leaves.iter().copied())
    }

    /// The hashes that open the fields at `indices` (strictly ascending, 0 first) against the root.
    pub fn proof(&self, indices: &[LeafIndex]) -> Result<Vec<Digest>, Error> {
        multi_proof(&self.leaves, indices).map_err(|_| Error::Body {
            body: self.root(),
            why: "the indices to open must be ascending and inside the body",
        })
    }

    /// Checks that these fields are in the body of root `body`, leaf 0 among them.
    ///
    /// `opened` holds (index, field) with the indices strictly ascending from 0; `proof` is
    /// [`Body::proof`]'s. Returns how many fields the whole body has, leaf 0 not counted.
    pub fn verify(body: &Digest, opened: &[(u64, Field)], proof: &[Digest]) -> Result<u64, Error> {
        Self::verify_with(body, opened, &[], proof)
    }

    /// As [`Body::verify`], where of some more fields the leaf hashes are known: (index, leaf hash), the indices
    /// strictly ascending, none of them among those of `opened`.
    pub fn verify_with(
        body: &Digest,
        opened: &[(u64, Field)],
        known: &[(u64, Digest)],
        proof: &[Digest],
    ) -> Result<u64, Error> {
        let refuse = |why| Error::Body { body: *body, why };
        let count = match opened.first() {
            Some((0, first)) => read_count(first).map_err(refuse)?,
            _ => {
                return Err(refuse(
                    "leaf 0, which says how many fields there are, is not opened",
                ));
            }
        };
        let size = count
            .checked_add(1)
            .ok_or_else(|| refuse("leaf 0's number is too large"))?;
        let opened_leaves = opened
            .iter()
            .map(|(index, field)| (*index, Some(field), field.leaf()));
        let mut all: Vec<(u64, Option<&Field>, Digest)> = opened_leaves
            .chain(known.iter().map(|(index, leaf)| (*index, None, *leaf)))
            .collect();
        // Each list must ascend by itself; an index that both have stands twice now, which is refused below.
        if known.windows(2).any(|pair| pair[0].0 >= pair[1].0)
            || opened.windows(2).any(|pair| pair[0].0 >= pair[1].0)
        {
            return Err(refuse("the indices must be in ascending order"));
        }
        all.sort_by_key(|(index, ..)| *index);
        let leaves: Vec<(LeafIndex, Digest)> = all
            .iter()
            .map(|(index, _, leaf)| (LeafIndex(*index), *leaf))
            .collect();
        check_layout(all.into_iter(), size).map_err(refuse)?;
        let mut names: Vec<&str> = opened
            .iter()
            .skip(1)
            .map(|(_, field)| field.name())
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::DuplicateField(pair[0].into()));
        }
        match root_from_multi(TreeSize(size), &leaves, proof) {
            Ok(root) if root == *body => Ok(count),
            Ok(_) => Err(refuse("the root that they lead to is another")),
            Err(_) => Err(refuse(
                "the proof does not have the shape that these indices need",
            )),
        }
    }
}

/// Leaf 0's number.
fn read_count(field: &Field) -> Result<u64, &'static str> {
    if !field.name().is_empty() {
        return Err("leaf 0 must have the empty name");
    }
    field
        .value()
        .and_then(|value| value.as_u64())
        .ok_or("leaf 0 must hold a number")
}

/// What holds for the leaves of every body of `size` leaves: leaf 0 counts the rest, no other has
/// the empty name, and the rest are sorted by hash.
fn check_layout<'a>(
    leaves: impl Iterator<Item = (u64, Option<&'a Field>, Digest)>,
    size: u64,
) -> Result<(), &'static str> {
    let mut last: Option<(u64, Digest)> = None;
    let mut seen = false;
    for (index, field, leaf) in leaves {
        seen = true;
        if index == 0 {
            let count = field.ok_or("leaf 0, which says how many fields there are, is missing")?;
            if read_count(count)?.checked_add(1) != Some(size) {
                return Err("leaf 0 gives another number of fields");
            }
            continue;
        }
        if field.is_some_and(|field| field.name().is_empty()) {
            return Err("only leaf 0 may have the empty name");
        }
        if last.is_some_and(|(before, hash)| before >= index || hash >= leaf) {
            return Err("fields must be in ascending order of their leaf hashes");
        }
        last = Some((index, leaf));
    }
    if seen {
        Ok(())
    } else {
        Err("there is no leaf 0")
    }
}

fn refuse_bad_names(fields: &[Field]) -> Result<(), Error> {
    for (at, field) in fields.iter().enumerate() {
        let name = field.name();
        if name.is_empty() {
            return Err(Error::EmptyFieldName);
        }
        // Bodies have a handful of fields: comparing pairs is cheaper than a set.
        if fields[..at].iter().any(|earlier| earlier.name() == name) {
            return Err(Error::DuplicateField(name.into()));
        }
    }
    Ok(())
}
