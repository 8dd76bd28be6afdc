//! Keys: their algorithms, their names, and the two halves of a pair.

mod cose_key;
mod encryption;
mod signer;
mod signing;
mod verifying;

use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::Error;

pub use signer::{Signer, to_low_s};
pub use signing::SigningKey;
pub use verifying::VerifyingKey;
pub(crate) use verifying::is_high_s;

/// Length of every signature made or accepted here: r || s, or R || S.
pub const SIGNATURE_LEN: usize = 64;

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// EdDSA over edwards25519 (RFC 8032), checked strictly.
    Ed25519,
    /// ECDSA over NIST P-256 with SHA-256.
    P256,
}

impl Algorithm {
    /// The COSE algorithm that our signatures name: EdDSA (-8) or ES256 (-7), RFC 9053 section 2.
    pub fn cose_id(self) -> i64 {
        match self {
            Self::Ed25519 => -8,
            Self::P256 => -7,
        }
    }

    /// The algorithm that a COSE identifier means: ours, or the fully-specified Ed25519 (-19) and
    /// ESP256 (-9) of RFC 9864. EdDSA (-8) leaves the curve to the key, and Ed25519 is the only one here.
    pub fn from_cose_id(id: i64) -> Result<Self, Error> {
        match id {
            -8 | -19 => Ok(Self::Ed25519),
            -7 | -9 => Ok(Self::P256),
            _ => Err(Error::Unsupported(algorithm_name(id))),
        }
    }

    /// Short name, as used in policies and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "p256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "ed25519" => Ok(Self::Ed25519),
            "p256" => Ok(Self::P256),
            _ => Err(Error::Unsupported(format!("algorithm {name:?}"))),
        }
    }
}

/// Names the COSE signature algorithms that one may meet, so that a refusal says which it was.
pub(crate) fn algorithm_name(id: i64) -> String {
    match id {
        -7 => "ES256".into(),
        -8 => "EdDSA".into(),
        -9 => "ESP256".into(),
        -19 => "Ed25519".into(),
        -35 => "ES384".into(),
        -36 => "ES512".into(),
        -37 => "PS256".into(),
        -38 => "PS384".into(),
        -39 => "PS512".into(),
        -47 => "ES256K".into(),
        -48 => "ML-DSA-44".into(),
        -49 => "ML-DSA-65".into(),
        -50 => "ML-DSA-87".into(),
        -51 => "ESP384".into(),
        -52 => "ESP512".into(),
        -53 => "Ed448".into(),
        _ => format!("COSE algorithm {id}"),
    }
}

/// A key's name: its COSE Key Thumbprint, the SHA-256 of the deterministic COSE_Key holding only the
/// required members (RFC 9679).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 32]);

impl KeyId {
    /// The thumbprint's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|error| {
            Error::MalformedKey(format!("key id {text:?}: {error}; expected 64 hex digits"))
        })?;
        Ok(Self(bytes))
    }
}
