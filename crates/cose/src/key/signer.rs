//! Whatever signs: a key in memory, or one that never leaves its token.

use alloc::vec::Vec;
use core::fmt;

use super::{Algorithm, KeyId, SIGNATURE_LEN, SigningKey, VerifyingKey};
use crate::Error;

/// A private key, wherever it lives. Sealing asks for nothing else, from a thread of its own.
///
/// `Debug` must not show a secret.
pub trait Signer: fmt::Debug + Sync {
    /// The public half.
    fn verifying_key(&self) -> VerifyingKey;

    /// Signs `message`: 64 bytes, R || S for Ed25519, r || s with a low s for P-256. Who signs
    /// elsewhere checks what came back: a token can sign with another key than it showed.
    ///
    /// # Errors
    /// [`Error::Signer`] where the key is out of reach, refuses, or is not the one that was shown.
    fn try_sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error>;

    /// The same as systems without COSE carry it: Ed25519's 64 bytes, ECDSA as DER (RFC 3279).
    ///
    /// # Errors
    /// As [`Signer::try_sign`].
    fn try_sign_der(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.try_sign(message)?;
        Ok(match self.algorithm() {
            Algorithm::Ed25519 => signature.to_vec(),
            Algorithm::P256 => ecdsa(&signature)?.to_der().as_bytes().to_vec(),
        })
    }

    /// What the key signs with.
    fn algorithm(&self) -> Algorithm {
        self.verifying_key().algorithm()
    }

    /// The key's thumbprint.
    fn id(&self) -> KeyId {
        self.verifying_key().id()
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> VerifyingKey {
        self.verifying_key()
    }

    fn try_sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error> {
        Ok(self.sign(message))
    }
}

/// The low-s form of an ECDSA signature, which is the only one that is stored: tokens give either.
pub fn to_low_s(signature: &[u8; SIGNATURE_LEN]) -> Result<[u8; SIGNATURE_LEN], Error> {
    Ok(ecdsa(signature)?.normalize_s().to_bytes().into())
}

fn ecdsa(signature: &[u8; SIGNATURE_LEN]) -> Result<p256::ecdsa::Signature, Error> {
    p256::ecdsa::Signature::from_slice(signature).map_err(|_| Error::BadSignature)
}
