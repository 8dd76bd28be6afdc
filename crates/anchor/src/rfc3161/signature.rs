//! Signatures of certificates, revocation lists and tokens: RSA (PKCS #1 v1.5) and ECDSA over P-256 and P-384,
//! each with SHA-2.

use der::Decode;
use der::asn1::UintRef;
use der::oid::ObjectIdentifier as Oid;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::BoxedUint;
use rsa::pkcs1v15::VerifyingKey as RsaKey;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::asn1::{Algorithm, BIT_STRING, INTEGER, Item, OID, SEQUENCE, flaw};
use super::oid;
use crate::Doubt;

/// The shortest RSA modulus that counts, in bits.
const MIN_RSA: u32 = 2048;

/// A hash function of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of(oid: &Oid) -> Option<Self> {
        match *oid {
            oid::SHA_256 => Some(Self::Sha256),
            oid::SHA_384 => Some(Self::Sha384),
            oid::SHA_512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// A public key: the DER of a SubjectPublicKeyInfo.
pub(super) enum PublicKey {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl PublicKey {
    pub(super) fn parse(info: &Item<'_>) -> Result<Self, Doubt> {
        const WHAT: &str = "a certificate's public key";
        let mut fields = info.fields(WHAT)?;
        let algorithm = Algorithm::read(&fields.take(SEQUENCE, WHAT)?, WHAT)?;
        let bits = fields.take(BIT_STRING, WHAT)?;
        fields.finish(WHAT)?;
        let Some((0, bits)) = bits.value.split_first() else {
            return Err(flaw(WHAT, "not whole bytes"));
        };
        match algorithm.oid {
            oid::RSA if algorithm.is_plain() => {
                let mut numbers = Item::parse(bits, SEQUENCE, WHAT)?.fields(WHAT)?;
                let mut number = || {
                    let number = numbers.take(INTEGER, WHAT)?;
                    UintRef::from_der(number.raw).map_err(|error| flaw(WHAT, error))
                };
                let (modulus, exponent) = (uint(number()?.as_bytes()), uint(number()?.as_bytes()));
                numbers.finish(WHAT)?;
                if modulus.bit_width() < MIN_RSA {
                    let bits = modulus.bit_width();
                    let why = format!(
                        "an RSA key of {bits} bits, and less than {MIN_RSA} counts for nothing"
                    );
                    return Err(flaw(WHAT, why));
                }
                let key = rsa::PublicKey::new(modulus, exponent);
                key.map(Self::Rsa).map_err(|error| flaw(WHAT, error))
            }
            oid::EC => {
                let curve = algorithm.parameters.filter(|item| item.tag == OID);
                let curve = curve.map(|item| item.oid(WHAT)).transpose()?;
                match curve {
                    Some(oid::P_256) => p256::ecdsa::VerifyingKey::from_sec1_bytes(bits)
                        .map(Self::P256)
                        .map_err(|error| flaw(WHAT, error)),
                    Some(oid::P_384) => p384::ecdsa::VerifyingKey::from_sec1_bytes(bits)
                        .map(Self::P384)
                        .map_err(|error| flaw(WHAT, error)),
                    _ => Err(Doubt::Unknown("a key on a curve not known here".into())),
                }
            }
            other => Err(Doubt::Unknown(format!(
                "a key of algorithm {other}, which is not known here"
            ))),
        }
    }

    /// Checks a signature. `hash` is the one that goes with an algorithm that names none.
    pub(super) fn verify(
        &self,
        algorithm: &Algorithm<'_>,
        hash: Option<Hash>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Doubt> {
        let (named, is_rsa) = match algorithm.oid {
            oid::RSA => (hash, true),
            oid::RSA_SHA_256 => (Some(Hash::Sha256), true),
            oid::RSA_SHA_384 => (Some(Hash::Sha384), true),
            oid::RSA_SHA_512 => (Some(Hash::Sha512), true),
            oid::ECDSA_SHA_256 => (Some(Hash::Sha256), false),
            oid::ECDSA_SHA_384 => (Some(Hash::Sha384), false),
            oid::ECDSA_SHA_512 => (Some(Hash::Sha512), false),
            _ => (None, false),
        };
        let Some(named) = named else {
            let why = format!("signature algorithm {} is not known here", algorithm.oid);
            return Err(Doubt::Unknown(why));
        };
        let bad = || Doubt::Refused("its signature does not hold".into());
        if !algorithm.is_plain() || hash.is_some_and(|hash| hash != named) {
            return Err(Doubt::Refused(
                "its signature's algorithm is at odds with itself".into(),
            ));
        }
        let digest = named.digest(message);
        let holds = match (self, is_rsa) {
            (Self::Rsa(key), true) => rsa_holds(key, named, &digest, signature),
            (Self::P256(key), false) => p256::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(&digest, &signature))
                .is_ok(),
            (Self::P384(key), false) => p384::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(&digest, &signature))
                .is_ok(),
            _ => false,
        };
        holds.then_some(()).ok_or_else(bad)
    }
}

fn uint(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

/// Public values only: what RUSTSEC-2023-0071 is about (private keys) is not used.
fn rsa_holds(key: &rsa::PublicKey, hash: Hash, digest: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = rsa::pkcs1v15::Signature::try_from(signature) else {
        return false;
    };
    let key = key.clone();
    match hash {
        Hash::Sha256 => RsaKey::<Sha256>::new(key).verify_prehash(digest, &signature),
        Hash::Sha384 => RsaKey::<Sha384>::new(key).verify_prehash(digest, &signature),
        Hash::Sha512 => RsaKey::<Sha512>::new(key).verify_prehash(digest, &signature),
    }
    .is_ok()
}
