//! Public keys: SPKI in and out, and the strict signature checks.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::pkcs8::spki::EncodePublicKey as _;
use p256::ecdsa::signature::Verifier as _;
use pkcs8::der::{Decode as _, Document};
use pkcs8::{LineEnding, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{Algorithm, KeyId, SIGNATURE_LEN, cose_key};
use crate::Error;

const LABEL: &str = "PUBLIC KEY";
/// Far more than any key here needs.
const MAX_PEM: usize = 4096;

pub(super) const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(super) const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A public key that can check signatures. It was itself checked when it was made: on its curve,
/// canonically encoded, not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(Inner);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(p256::ecdsa::VerifyingKey),
}

impl VerifyingKey {
    /// An Ed25519 key from its 32 bytes (RFC 8032 section 5.1.5).
    pub fn from_ed25519(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
            .map_err(|_| Error::MalformedKey("not a point of edwards25519".into()))?;
        // Decompression reduces y modulo p and ignores the sign of x = 0, so a few points have a second
        // encoding; with two, one key would have two ids.
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(Error::NonCanonicalKey);
        }
        if key.is_weak() {
            return Err(Error::WeakKey);
        }
        Ok(Self(Inner::Ed25519(key)))
    }

    /// A P-256 key from its affine coordinates.
    pub fn from_p256(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, Error> {
        let mut sec1 = [0; 65];
        sec1[0] = 4;
        sec1[1..33].copy_from_slice(x);
        sec1[33..].copy_from_slice(y);
        Self::from_sec1(&sec1)
    }

    fn from_sec1(bytes: &[u8]) -> Result<Self, Error> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes)
            .map(|key| Self(Inner::P256(key)))
            .map_err(|_| Error::MalformedKey("not a point of P-256".into()))
    }

    pub(super) fn from_p256_key(key: p256::ecdsa::VerifyingKey) -> Self {
        Self(Inner::P256(key))
    }

    /// Reads a SubjectPublicKeyInfo PEM block (`-----BEGIN PUBLIC KEY-----`).
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        if pem.len() > MAX_PEM {
            return Err(Error::Pem {
                expected: LABEL,
                reason: format!("longer than {MAX_PEM} bytes"),
            });
        }
        let (label, document) = Document::from_pem(pem.trim()).map_err(|error| Error::Pem {
            expected: LABEL,
            reason: error.to_string(),
        })?;
        if label != LABEL {
            return Err(Error::Pem {
                expected: LABEL,
                reason: format!("found {label:?}"),
            });
        }
        Self::from_der(document.as_bytes())
    }

    /// Reads a DER SubjectPublicKeyInfo (RFC 8410 for Ed25519, RFC 5480 for P-256).
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let spki = SubjectPublicKeyInfoRef::from_der(der)
            .map_err(|error| Error::MalformedKey(error.to_string()))?;
        let bits = spki
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| Error::MalformedKey("public key bits are not whole bytes".into()))?;
        match spki.algorithm.oid {
            OID_ED25519 if spki.algorithm.parameters.is_some() => Err(Error::MalformedKey(
                "Ed25519 takes no parameters (RFC 8410 section 3)".into(),
            )),
            OID_ED25519 => Self::from_ed25519(bits.try_into().map_err(|_| {
                Error::MalformedKey(format!("Ed25519 key of {} bytes", bits.len()))
            })?),
            OID_EC => match spki.algorithm.parameters_oid() {
                Ok(OID_P256) => Self::from_sec1(bits),
                Ok(curve) => Err(Error::Unsupported(curve_name(curve))),
                Err(_) => Err(Error::MalformedKey("EC key without a named curve".into())),
            },
            oid => Err(Error::Unsupported(curve_name(oid))),
        }
    }

    /// Writes the key as SubjectPublicKeyInfo PEM, which `openssl pkey -pubin` reads.
    pub fn to_pem(&self) -> String {
        let pem = match &self.0 {
            Inner::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Inner::P256(key) => key.to_public_key_pem(LineEnding::LF),
        };
        // Only a length beyond DER's limits can fail here, and both lengths are fixed.
        pem.unwrap_or_default()
    }

    /// Writes the key as DER SubjectPublicKeyInfo.
    pub fn to_der(&self) -> Vec<u8> {
        let der = match &self.0 {
            Inner::Ed25519(key) => key.to_public_key_der(),
            Inner::P256(key) => key.to_public_key_der(),
        };
        der.map(Document::into_vec).unwrap_or_default()
    }

    /// Reads a COSE_Key (RFC 9052 section 7) in deterministic CBOR: public members only.
    pub fn from_cose_key(bytes: &[u8]) -> Result<Self, Error> {
        cose_key::decode(bytes)
    }

    /// Writes the key as a deterministic COSE_Key with its required members only.
    pub fn to_cose_key(&self) -> Vec<u8> {
        match &self.0 {
            Inner::Ed25519(key) => cose_key::encode_okp(key.as_bytes()),
            Inner::P256(key) => {
                let (x, y) = affine(key);
                cose_key::encode_ec2(&x, &y)
            }
        }
    }

    /// Writes the key as a deterministic COSE_Key that also names itself: by its thumbprint (kid) and by its
    /// algorithm, as key sets list it.
    pub fn to_named_cose_key(&self) -> Vec<u8> {
        cose_key::encode_named(self)
    }

    /// What the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Inner::Ed25519(_) => Algorithm::Ed25519,
            Inner::P256(_) => Algorithm::P256,
        }
    }

    /// The key's thumbprint (RFC 9679), which statements and receipts carry as their kid.
    pub fn id(&self) -> KeyId {
        KeyId(avouch_merkle::sha256(&[&self.to_cose_key()]).0)
    }

    /// The 32 bytes of an Ed25519 key; `None` for P-256.
    pub fn as_ed25519(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Inner::Ed25519(key) => Some(key.as_bytes()),
            Inner::P256(_) => None,
        }
    }

    /// The affine coordinates of a P-256 key; `None` for Ed25519.
    pub fn as_p256(&self) -> Option<([u8; 32], [u8; 32])> {
        match &self.0 {
            Inner::Ed25519(_) => None,
            Inner::P256(key) => Some(affine(key)),
        }
    }

    /// Checks a 64-byte signature over `message`.
    ///
    /// Ed25519 is checked strictly: canonical S and R, no small-order points, no cofactor. An ECDSA
    /// signature may be high-s, as RFC 9053 allows; stored forms of ours refuse that before they come here.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let signature: &[u8; SIGNATURE_LEN] =
            signature.try_into().map_err(|_| Error::BadSignature)?;
        let verified = match &self.0 {
            Inner::Ed25519(key) => key
                .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                .is_ok(),
            Inner::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        };
        if verified {
            Ok(())
        } else {
            Err(Error::BadSignature)
        }
    }
}

fn affine(key: &p256::ecdsa::VerifyingKey) -> ([u8; 32], [u8; 32]) {
    let point = key.to_sec1_point(false);
    let (mut x, mut y) = ([0; 32], [0; 32]);
    // Tag byte, x, y: an affine point that is not the identity is always 65 bytes here.
    x.copy_from_slice(&point.as_bytes()[1..33]);
    y.copy_from_slice(&point.as_bytes()[33..]);
    (x, y)
}

impl From<&ed25519_dalek::SigningKey> for VerifyingKey {
    fn from(key: &ed25519_dalek::SigningKey) -> Self {
        // Made from a clamped scalar, so canonical and of full order.
        Self(Inner::Ed25519(key.verifying_key()))
    }
}

/// Whether an ECDSA signature is the larger of its two forms (s above half the group order).
pub(crate) fn is_high_s(signature: &[u8; SIGNATURE_LEN]) -> bool {
    p256::ecdsa::Signature::from_slice(signature)
        .is_ok_and(|signature| signature.normalize_s() != signature)
}

/// Names the curves that one may meet in a key file.
pub(super) fn curve_name(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.3.132.0.34" => "P-384".into(),
        "1.3.132.0.35" => "P-521".into(),
        "1.3.132.0.10" => "secp256k1".into(),
        "1.3.101.113" => "Ed448".into(),
        "1.3.101.110" => "X25519".into(),
        "1.2.840.113549.1.1.1" => "RSA".into(),
        other => format!("key type {other}"),
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.algorithm(), self.id())
    }
}
