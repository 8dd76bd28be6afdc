//! Private keys: made from random bytes, kept as PKCS#8 PEM, zeroized when dropped.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::KeypairBytes;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::{EncodePrivateKey as _, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::verifying::{OID_EC, OID_ED25519, OID_P256, curve_name};
use super::{Algorithm, KeyId, SIGNATURE_LEN, VerifyingKey, encryption};
use crate::Error;

const LABEL: &str = "PRIVATE KEY";
const LABEL_ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const LABELS: &str = "PRIVATE KEY or ENCRYPTED PRIVATE KEY";
/// Far more than any key here needs.
const MAX_PEM: usize = 8192;

/// A private key. Its memory is zeroized on drop and `Debug` shows only its public half.
#[derive(Clone)]
pub struct SigningKey(Inner);

#[derive(Clone)]
enum Inner {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SigningKey {
    /// Makes a key of 32 fresh random bytes, which the caller draws from the operating system.
    ///
    /// # Errors
    /// [`Error::UnusableSeed`] for the one in 2^32 draws that is no P-256 scalar: draw again.
    pub fn generate(algorithm: Algorithm, random: &[u8; 32]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::Ed25519 => Ok(Self(Inner::Ed25519(ed25519_dalek::SigningKey::from_bytes(
                random,
            )))),
            Algorithm::P256 => p256::ecdsa::SigningKey::from_slice(random)
                .map(|key| Self(Inner::P256(key)))
                .map_err(|_| Error::UnusableSeed),
        }
    }

    /// Reads a PKCS#8 PEM block, encrypted or not. A passphrase given for an unencrypted key is ignored.
    ///
    /// # Errors
    /// [`Error::PassphraseNeeded`] when the key is encrypted and no passphrase was given, so that the
    /// caller may ask for one; [`Error::WrongPassphrase`]; [`Error::KdfTooCostly`].
    pub fn from_pem(pem: &str, passphrase: Option<&[u8]>) -> Result<Self, Error> {
        let malformed = |reason: String| Error::Pem {
            expected: LABELS,
            reason,
        };
        if pem.len() > MAX_PEM {
            return Err(malformed(format!("longer than {MAX_PEM} bytes")));
        }
        let (label, document) =
            SecretDocument::from_pem(pem.trim()).map_err(|error| malformed(error.to_string()))?;
        match label {
            LABEL => Self::from_pkcs8(document.as_bytes()),
            LABEL_ENCRYPTED => {
                let passphrase = passphrase.ok_or(Error::PassphraseNeeded)?;
                let der = encryption::decrypt(document.as_bytes(), passphrase)?;
                // One wrong passphrase in 256 leaves valid padding, and then garbage.
                Self::from_pkcs8(&der).map_err(|error| match error {
                    Error::MalformedKey(_) => Error::WrongPassphrase,
                    other => other,
                })
            }
            "EC PRIVATE KEY" => Err(malformed(
                "found SEC1; convert it with `openssl pkcs8 -topk8`".into(),
            )),
            _ => Err(malformed(format!("found {label:?}"))),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::from_der(der)
            .map_err(|error| Error::MalformedKey(error.to_string()))?;
        match info.algorithm.oid {
            OID_ED25519 => ed25519_dalek::SigningKey::try_from(info)
                .map(|key| Self(Inner::Ed25519(key)))
                .map_err(|error| Error::MalformedKey(error.to_string())),
            OID_EC => match info.algorithm.parameters_oid() {
                Ok(OID_P256) => p256::ecdsa::SigningKey::try_from(info)
                    .map(|key| Self(Inner::P256(key)))
                    .map_err(|error| Error::MalformedKey(error.to_string())),
                Ok(curve) => Err(Error::Unsupported(curve_name(curve))),
                Err(_) => Err(Error::MalformedKey("EC key without a named curve".into())),
            },
            oid => Err(Error::Unsupported(curve_name(oid))),
        }
    }

    /// Writes the key as unencrypted PKCS#8 PEM. Whoever stores it keeps it unreadable to others.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, Error> {
        self.to_pkcs8()?
            .to_pem(LABEL, LineEnding::LF)
            .map_err(|error| Error::MalformedKey(error.to_string()))
    }

    /// Writes the key as PKCS#8 PEM encrypted with PBES2: scrypt and AES-256-CBC (RFC 8018, RFC 7914).
    /// `salt` and `iv` are fresh random bytes.
    pub fn to_encrypted_pem(
        &self,
        passphrase: &[u8],
        salt: &[u8; 16],
        iv: &[u8; 16],
    ) -> Result<String, Error> {
        encryption::encrypt(self.to_pkcs8()?.as_bytes(), passphrase, salt, iv)?
            .to_pem(LABEL_ENCRYPTED, LineEnding::LF)
            .map(|mut pem| core::mem::take(&mut *pem))
            .map_err(|error| Error::MalformedKey(error.to_string()))
    }

    fn to_pkcs8(&self) -> Result<SecretDocument, Error> {
        match &self.0 {
            // Without the public key, so that the version is 1: openssl 3.0 does not read version 2.
            Inner::Ed25519(key) => KeypairBytes {
                secret_key: key.to_bytes(),
                public_key: None,
            }
            .to_pkcs8_der(),
            Inner::P256(key) => key.to_pkcs8_der(),
        }
        .map_err(|error| Error::MalformedKey(error.to_string()))
    }

    /// The 32 secret bytes that [`generate`](Self::generate) makes this key of: a seed or a scalar. For
    /// escrow alone; files hold PKCS#8.
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(match &self.0 {
            Inner::Ed25519(key) => key.to_bytes(),
            Inner::P256(key) => key.to_bytes().into(),
        })
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        match &self.0 {
            Inner::Ed25519(key) => VerifyingKey::from(key),
            Inner::P256(key) => VerifyingKey::from_p256_key(*key.verifying_key()),
        }
    }

    /// What the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Inner::Ed25519(_) => Algorithm::Ed25519,
            Inner::P256(_) => Algorithm::P256,
        }
    }

    /// The key's thumbprint.
    pub fn id(&self) -> KeyId {
        self.verifying_key().id()
    }

    /// Signs `message`. Deterministic for both algorithms (RFC 8032; RFC 6979, then low-s).
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        match &self.0 {
            Inner::Ed25519(key) => key.sign(message).to_bytes(),
            Inner::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.normalize_s().to_bytes().into()
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SigningKey({}, {}, secret not shown)",
            self.algorithm(),
            self.id()
        )
    }
}
