//! Passphrase encryption of PKCS#8 keys: PBES2 (RFC 8018 section 6.2), written with scrypt and
//! AES-256-CBC, read with PBKDF2 too.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf, Parameters, Salt, ScryptParams};
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfo, EncryptedPrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::Error;

/// 128 N r bytes of scrypt memory is 16 MiB: openssl 3.0 refuses to read a key that needs more than
/// 32 MiB. The cost that memory cannot carry is made up by p = 5 (OWASP's equivalent of N = 2^17, p = 1).
const SCRYPT_N: u64 = 1 << 14;
const SCRYPT_R: u16 = 8;
const SCRYPT_P: u16 = 5;

/// The limits for reading: what an honest key file could ask for, not what memory it takes to be attacked.
const MAX_SCRYPT_MEMORY: u128 = 256 << 20;
const MAX_SCRYPT_WORK: u128 = 1 << 23;
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

pub(super) fn encrypt(
    der: &[u8],
    passphrase: &[u8],
    salt: &[u8; 16],
    iv: &[u8; 16],
) -> Result<SecretDocument, Error> {
    if passphrase.is_empty() {
        return Err(Error::EmptyPassphrase);
    }
    let malformed = |reason: String| Error::MalformedKey(reason);
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: Salt::new(salt).map_err(|error| malformed(error.to_string()))?,
            cost_parameter: SCRYPT_N,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        }),
        encryption: Cipher::Aes256Cbc { iv: *iv },
    };
    let ciphertext = parameters
        .encrypt(passphrase, der)
        .map_err(|error| malformed(error.to_string()))?;
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: EncryptionScheme::from(parameters),
        encrypted_data: OctetStringRef::new(&ciphertext)
            .map_err(|error| malformed(error.to_string()))?,
    };
    SecretDocument::try_from(&info).map_err(|error| malformed(error.to_string()))
}

pub(super) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|error| {
        Error::MalformedKey(format!(
            "{error}; if openssl reads it, re-encrypt it with `openssl pkcs8 -topk8 -scrypt`"
        ))
    })?;
    match &info.encryption_algorithm {
        EncryptionScheme::Pbes2(parameters) => check_cost(&parameters.kdf)?,
        other => {
            return Err(Error::Unsupported(format!(
                "key encryption {}",
                other.oid()
            )));
        }
    }
    info.encryption_algorithm
        .decrypt(passphrase, info.encrypted_data.as_bytes())
        .map(Zeroizing::new)
        .map_err(|error| match error {
            pkcs5::Error::UnsupportedAlgorithm { oid } => {
                Error::Unsupported(format!("key encryption {oid}"))
            }
            pkcs5::Error::AlgorithmParametersInvalid { .. } => {
                Error::MalformedKey(error.to_string())
            }
            _ => Error::WrongPassphrase,
        })
}

/// Refuses parameters that would eat memory or time before any of either is spent, and those on which
/// the scrypt and PBKDF2 code below would fail.
fn check_cost(kdf: &Kdf) -> Result<(), Error> {
    match kdf {
        Kdf::Scrypt(scrypt) => {
            let (n, r, p) = (
                u128::from(scrypt.cost_parameter),
                u128::from(scrypt.block_size),
                u128::from(scrypt.parallelization),
            );
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(Error::MalformedKey(
                    "scrypt: N is a power of two above 1, r and p are above 0".into(),
                ));
            }
            limit("scrypt memory", 128 * r * (n + p), MAX_SCRYPT_MEMORY)?;
            limit("scrypt work", n * r * p, MAX_SCRYPT_WORK)
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count == 0 => {
            Err(Error::MalformedKey("PBKDF2: no iterations".into()))
        }
        Kdf::Pbkdf2(pbkdf2) => limit(
            "PBKDF2 iterations",
            pbkdf2.iteration_count.into(),
            MAX_PBKDF2_ITERATIONS.into(),
        ),
        other => Err(Error::Unsupported(format!(
            "key derivation {}",
            other.oid()
        ))),
    }
}

fn limit(what: &'static str, asked: u128, limit: u128) -> Result<(), Error> {
    if asked > limit {
        Err(Error::KdfTooCostly { what, asked, limit })
    } else {
        Ok(())
    }
}
