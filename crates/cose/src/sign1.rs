//! A checker for other people's COSE_Sign1 and COSE_Sign messages (RFC 9052 section 4).
//!
//! It accepts what RFC 9052 allows, tagged or not, in any well-formed CBOR, and verifies Ed25519 and
//! P-256 signatures; other algorithms are refused by name. Our own statements and receipts do not come
//! through here: they have one stored form.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Encoder, Value};

use crate::key::{Algorithm, VerifyingKey, algorithm_name};
use crate::stored::{ALG, CONTENT_TYPE, KID};
use crate::{Error, lax};

/// Most header parameters, protected and not, of one signer.
const MAX_HEADERS: usize = 256;

const CRIT: i64 = 2;
const TAG_SIGN1: u64 = 18;
const TAG_SIGN: u64 = 98;

/// A COSE_Sign1 message: one payload, one signer.
#[derive(Clone, Debug)]
pub struct Sign1 {
    headers: Headers,
    payload: Option<Vec<u8>>,
    signature: Vec<u8>,
}

impl Sign1 {
    /// Reads a COSE_Sign1, with tag 18 or without a tag.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let [protected, unprotected, payload, signature] = body(bytes, TAG_SIGN1)?;
        Ok(Self {
            headers: Headers::parse(protected, unprotected)?,
            payload: payload_of(payload)?,
            signature: bytes_of(signature, "the signature is not a byte string")?,
        })
    }

    /// The message's headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The payload, unless it is detached. Nobody's word until the signature is verified.
    pub fn payload(&self) -> Option<&[u8]> {
        self.payload.as_deref()
    }

    /// Checks the signature over the message's own payload, and returns that.
    pub fn verify(&self, key: &VerifyingKey, external_aad: &[u8]) -> Result<&[u8], Error> {
        let payload = self.payload.as_deref().ok_or(Error::DetachedPayload)?;
        self.check(key, external_aad, payload)?;
        Ok(payload)
    }

    /// Checks the signature over a payload that travelled beside the message.
    pub fn verify_detached(
        &self,
        key: &VerifyingKey,
        external_aad: &[u8],
        payload: &[u8],
    ) -> Result<(), Error> {
        if self.payload.is_some() {
            return Err(Error::AttachedPayload);
        }
        self.check(key, external_aad, payload)
    }

    fn check(&self, key: &VerifyingKey, external_aad: &[u8], payload: &[u8]) -> Result<(), Error> {
        self.headers.check(key)?;
        key.verify(&self.to_be_signed(external_aad, payload), &self.signature)
    }

    /// The Sig_structure (RFC 9052 section 4.4).
    pub(crate) fn to_be_signed(&self, external_aad: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut signed = Encoder::new();
        signed
            .array(4)
            .text("Signature1")
            .bytes(&self.headers.protected_bytes);
        signed.bytes(external_aad).bytes(payload);
        signed.into_vec()
    }
}

/// A COSE_Sign message: one payload, any number of signers.
#[derive(Clone, Debug)]
pub struct Sign {
    headers: Headers,
    payload: Option<Vec<u8>>,
    signers: Vec<Signer>,
}

#[derive(Clone, Debug)]
struct Signer {
    headers: Headers,
    signature: Vec<u8>,
}

impl Sign {
    /// Reads a COSE_Sign, with tag 98 or without a tag.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let [protected, unprotected, payload, signers] = body(bytes, TAG_SIGN)?;
        let Value::Array(signers) = signers else {
            return Err(malformed("the signatures are not an array"));
        };
        if signers.is_empty() {
            return Err(malformed("no signatures"));
        }
        let signer = |value| {
            let Value::Array(parts) = value else {
                return Err(malformed("a signature is not an array of 3"));
            };
            let [protected, unprotected, signature] = <[Value; 3]>::try_from(parts)
                .map_err(|_| malformed("a signature is not an array of 3"))?;
            Ok(Signer {
                headers: Headers::parse(protected, unprotected)?,
                signature: bytes_of(signature, "a signature is not a byte string")?,
            })
        };
        Ok(Self {
            headers: Headers::parse(protected, unprotected)?,
            payload: payload_of(payload)?,
            signers: signers.into_iter().map(signer).collect::<Result<_, _>>()?,
        })
    }

    /// Headers of the message as a whole.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Each signer's own headers, in order.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = &Headers> {
        self.signers.iter().map(|signer| &signer.headers)
    }

    /// Checks that signer number `index` signed the message's own payload with `key`, and returns that.
    pub fn verify(
        &self,
        index: usize,
        key: &VerifyingKey,
        external_aad: &[u8],
    ) -> Result<&[u8], Error> {
        let payload = self.payload.as_deref().ok_or(Error::DetachedPayload)?;
        let signer = self
            .signers
            .get(index)
            .ok_or(malformed("no signer of that number"))?;
        self.headers.check_critical()?;
        signer.headers.check(key)?;
        let mut signed = Encoder::new();
        signed
            .array(5)
            .text("Signature")
            .bytes(&self.headers.protected_bytes);
        signed
            .bytes(&signer.headers.protected_bytes)
            .bytes(external_aad)
            .bytes(payload);
        key.verify(signed.as_slice(), &signer.signature)?;
        Ok(payload)
    }
}

/// Protected and unprotected header parameters (RFC 9052 section 3).
#[derive(Clone, Debug)]
pub struct Headers {
    /// What is signed: empty when the map is, however that was written.
    protected_bytes: Vec<u8>,
    protected: Vec<(Value, Value)>,
    unprotected: Vec<(Value, Value)>,
}

impl Headers {
    fn parse(protected: Value, unprotected: Value) -> Result<Self, Error> {
        let mut protected_bytes = bytes_of(protected, "the protected header is not a byte string")?;
        let protected = match protected_bytes.as_slice() {
            [] => Vec::new(),
            bytes => map_of(lax::decode(bytes)?, "the protected header is not a map")?,
        };
        if protected.is_empty() {
            protected_bytes.clear();
        }
        let unprotected = map_of(unprotected, "the unprotected header is not a map")?;
        // Bounds the search for duplicates below; no real message comes near.
        if protected.len() + unprotected.len() > MAX_HEADERS {
            return Err(malformed("more than 256 header parameters"));
        }
        let both = || protected.iter().chain(&unprotected).map(|(label, _)| label);
        for (nth, label) in both().enumerate() {
            if !matches!(label, Value::Uint(_) | Value::Nint(_) | Value::Text(_)) {
                return Err(malformed("a header label is neither an integer nor text"));
            }
            if both().take(nth).any(|earlier| earlier == label) {
                return Err(malformed("a header label twice"));
            }
        }
        Ok(Self {
            protected_bytes,
            protected,
            unprotected,
        })
    }

    /// A signed parameter.
    pub fn protected(&self, label: i64) -> Option<&Value> {
        find(&self.protected, label)
    }

    /// A parameter that anyone could have changed.
    pub fn unprotected(&self, label: i64) -> Option<&Value> {
        find(&self.unprotected, label)
    }

    /// The signer's hint at its key, signed or not.
    pub fn key_id(&self) -> Option<&[u8]> {
        match self.protected(KID).or_else(|| self.unprotected(KID)) {
            Some(Value::Bytes(kid)) => Some(kid),
            _ => None,
        }
    }

    /// The algorithm by its COSE identifier. It may stand in either header: the key decides what is
    /// checked, and a message that names another algorithm is refused.
    fn algorithm(&self) -> Result<i64, Error> {
        match self.protected(ALG).or_else(|| self.unprotected(ALG)) {
            Some(Value::Text(name)) => Err(Error::Unsupported(format!("COSE algorithm {name:?}"))),
            Some(value) => {
                int(value).ok_or(malformed("the algorithm is neither an integer nor text"))
            }
            None => Err(malformed("no algorithm")),
        }
    }

    /// Checks that the signer means an algorithm of this key and demands nothing unknown.
    fn check(&self, key: &VerifyingKey) -> Result<(), Error> {
        self.check_critical()?;
        let id = self.algorithm()?;
        if Algorithm::from_cose_id(id)? != key.algorithm() {
            return Err(Error::AlgorithmMismatch {
                message: algorithm_name(id),
                key: key.algorithm(),
            });
        }
        Ok(())
    }

    /// Parameters marked critical must be signed, present and understood.
    fn check_critical(&self) -> Result<(), Error> {
        if self.unprotected(CRIT).is_some() {
            return Err(malformed("the critical list (2) is not protected"));
        }
        let labels = match self.protected(CRIT) {
            None => return Ok(()),
            Some(Value::Array(labels)) if !labels.is_empty() => labels,
            Some(_) => return Err(malformed("the critical list (2) is not a non-empty array")),
        };
        for label in labels {
            match int(label) {
                Some(known @ (ALG | CONTENT_TYPE | KID)) if self.protected(known).is_some() => {}
                _ => {
                    return Err(Error::Unsupported(format!(
                        "critical header parameter {}",
                        show(label)
                    )));
                }
            }
        }
        Ok(())
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::Cose { at: 0, reason }
}

/// The four parts that COSE_Sign1 and COSE_Sign have, under their tag or bare.
fn body(bytes: &[u8], tag: u64) -> Result<[Value; 4], Error> {
    let content = match lax::decode(bytes)? {
        Value::Tag(found, content) if found == tag => *content,
        Value::Tag(TAG_SIGN, _) => return Err(malformed("this is a COSE_Sign (tag 98)")),
        Value::Tag(TAG_SIGN1, _) => return Err(malformed("this is a COSE_Sign1 (tag 18)")),
        Value::Tag(..) => {
            return Err(malformed(
                "a tag other than 18 (COSE_Sign1) and 98 (COSE_Sign)",
            ));
        }
        bare => bare,
    };
    match content {
        Value::Array(parts) => {
            <[Value; 4]>::try_from(parts).map_err(|_| malformed("not an array of 4"))
        }
        _ => Err(malformed("not an array of 4")),
    }
}

fn bytes_of(value: Value, otherwise: &'static str) -> Result<Vec<u8>, Error> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(malformed(otherwise)),
    }
}

fn payload_of(value: Value) -> Result<Option<Vec<u8>>, Error> {
    match value {
        Value::Null => Ok(None),
        value => bytes_of(value, "the payload is neither a byte string nor nil").map(Some),
    }
}

fn map_of(value: Value, otherwise: &'static str) -> Result<Vec<(Value, Value)>, Error> {
    match value {
        Value::Map(pairs) => Ok(pairs),
        _ => Err(malformed(otherwise)),
    }
}

fn find(pairs: &[(Value, Value)], label: i64) -> Option<&Value> {
    pairs
        .iter()
        .find(|(found, _)| int(found) == Some(label))
        .map(|(_, value)| value)
}

pub(crate) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Uint(n) => i64::try_from(*n).ok(),
        Value::Nint(n) => i64::try_from(*n).ok().map(|n| -1 - n),
        _ => None,
    }
}

fn show(label: &Value) -> String {
    match (label, int(label)) {
        (Value::Text(text), _) => format!("{text:?}"),
        (_, Some(label)) => format!("{label}"),
        _ => "of no valid type".into(),
    }
}
