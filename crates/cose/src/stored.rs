//! What our statements and receipts share: COSE_Sign1 in the one encoding that is ever stored.
//!
//! Tag 18, deterministic CBOR, a protected header of known members, a 64-byte signature that is low-s
//! when it is ECDSA. Whatever has two encodings has two hashes, and a log must hold only one of them.

use alloc::vec::Vec;
use core::ops::Range;

use avouch_cbor::{Encoder, Item, Map};

use crate::Error;
use crate::key::{Algorithm, KeyId, SIGNATURE_LEN, Signer, VerifyingKey, is_high_s};

/// CBOR tag of COSE_Sign1 (RFC 9052 section 2).
const TAG_SIGN1: u64 = 18;

/// Header parameters (RFC 9052 section 3.1, RFC 9597, RFC 9942).
pub(crate) const ALG: i64 = 1;
pub(crate) const CONTENT_TYPE: i64 = 3;
pub(crate) const KID: i64 = 4;
pub(crate) const CWT_CLAIMS: i64 = 15;
pub(crate) const VDS: i64 = 395;
pub(crate) const VDP: i64 = 396;

/// A message of the stored form, taken apart; the signature is not checked yet.
pub(crate) struct Envelope<'a> {
    /// Content of the protected header's byte string, which is signed, and where it lies in the message.
    pub(crate) protected: &'a [u8],
    pub(crate) protected_at: Range<usize>,
    pub(crate) unprotected: Item<'a>,
    pub(crate) payload: Item<'a>,
    pub(crate) seal: Seal,
}

/// Who signed, how, and the signature itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: KeyId,
    pub(crate) signature: [u8; SIGNATURE_LEN],
}

impl<'a> Envelope<'a> {
    /// Takes a message apart, refusing every form but the stored one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let form = |what, expected| Error::Form { what, expected };
        let (TAG_SIGN1, content) = Item::parse(bytes)?
            .as_tag()
            .ok_or(form("message", "tag 18 (COSE_Sign1)"))?
        else {
            return Err(form("message", "tag 18 (COSE_Sign1)"));
        };
        let mut parts = content
            .as_array()
            .filter(|array| array.len() == 4)
            .into_iter()
            .flatten();
        let (Some(protected), Some(unprotected), Some(payload), Some(signature)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form("message", "an array of 4"));
        };
        let protected_at = content_at(&protected);
        let protected = protected
            .as_bytes()
            .ok_or(form("protected header", "a byte string"))?;
        let signature: [u8; SIGNATURE_LEN] = signature
            .as_bytes()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(form("signature", "a byte string of 64"))?;

        let members = protected_members(protected)?;
        let algorithm = members
            .get_int(ALG)
            .and_then(|alg| alg.as_i64())
            .ok_or(form("protected header", "member 1 (alg), an integer"))?;
        let algorithm = Algorithm::from_cose_id(algorithm)?;
        let kid = members
            .get_int(KID)
            .and_then(|kid| kid.as_bytes())
            .and_then(|kid| kid.try_into().ok())
            .map(KeyId)
            .ok_or(form(
                "protected header",
                "member 4 (kid), a byte string of 32",
            ))?;
        if algorithm == Algorithm::P256 && is_high_s(&signature) {
            return Err(Error::HighS);
        }
        Ok(Self {
            protected,
            protected_at,
            unprotected,
            payload,
            seal: Seal {
                algorithm,
                kid,
                signature,
            },
        })
    }

    /// The protected header's members.
    pub(crate) fn members(&self) -> Result<Map<'a>, Error> {
        protected_members(self.protected)
    }
}

/// Where a byte string's content lies in the message: it is what its encoding ends with.
pub(crate) fn content_at(string: &Item<'_>) -> Range<usize> {
    let end = string.offset() + string.bytes().len();
    end - string.as_bytes().map_or(0, <[u8]>::len)..end
}

fn protected_members(protected: &[u8]) -> Result<Map<'_>, Error> {
    Item::parse(protected)?.as_map().ok_or(Error::Form {
        what: "protected header",
        expected: "a map",
    })
}

impl Seal {
    /// Checks the signature, having checked that the message means this key.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        protected: &[u8],
        payload: &[u8],
    ) -> Result<(), Error> {
        if self.algorithm != key.algorithm() {
            return Err(Error::AlgorithmMismatch {
                message: self.algorithm.name().into(),
                key: key.algorithm(),
            });
        }
        if self.kid != key.id() {
            return Err(Error::KeyIdMismatch {
                message: self.kid,
                key: key.id(),
            });
        }
        key.verify(&sig_structure(protected, payload), &self.signature)
    }
}

/// Signs `payload` and writes the stored form. `unprotected` is one encoded map; a detached payload is
/// signed but not written.
pub(crate) fn seal(
    key: &dyn Signer,
    protected: &[u8],
    unprotected: &[u8],
    payload: &[u8],
    detached: bool,
) -> Result<Vec<u8>, Error> {
    let signature = key.try_sign(&sig_structure(protected, payload))?;
    let mut out = Encoder::with_capacity(protected.len() + unprotected.len() + payload.len() + 96);
    out.tag(TAG_SIGN1)
        .array(4)
        .bytes(protected)
        .raw(unprotected);
    if detached {
        out.null()
    } else {
        out.bytes(payload)
    };
    out.bytes(&signature);
    Ok(out.into_vec())
}

/// The bytes that a COSE_Sign1 signature is over, with no external data (RFC 9052 section 4.4).
pub(crate) fn sig_structure(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Encoder::with_capacity(protected.len() + payload.len() + 32);
    out.array(4)
        .text("Signature1")
        .bytes(protected)
        .bytes(&[])
        .bytes(payload);
    out.into_vec()
}
