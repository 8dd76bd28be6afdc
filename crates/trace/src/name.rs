//! Names and their 16-byte ids.

use core::fmt;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The domain that keeps name ids apart from every other hash of the project.
const DOMAIN: &[u8] = b"avouch/v1/name";

/// The id of a qualified name (`tool:server/read_file`): the first 16 bytes of
/// SHA-256("avouch/v1/name" || name in NFC). All zero means "none".
///
/// Finding a second name for an id takes about 2^128 work, finding any two names that collide 2^64.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub [u8; 16]);

impl NameId {
    /// No name.
    pub const NONE: Self = Self([0; 16]);

    /// The id of a name. The empty name is [`NameId::NONE`]. Case matters; NFC is applied first.
    pub fn of(name: &str) -> Self {
        if name.is_empty() {
            return Self::NONE;
        }
        let digest = if name.is_ascii() || is_nfc_quick(name.chars()) == IsNormalized::Yes {
            avouch_merkle::sha256(&[DOMAIN, name.as_bytes()])
        } else {
            let normal: alloc::string::String = name.nfc().collect();
            avouch_merkle::sha256(&[DOMAIN, normal.as_bytes()])
        };
        let mut id = [0; 16];
        id.copy_from_slice(&digest.0[..16]);
        Self(id)
    }

    /// Whether this is the zero id, "none".
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl fmt::Display for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NameId({self})")
    }
}
