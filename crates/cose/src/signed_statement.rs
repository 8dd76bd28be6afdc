//! Signed statements by anyone (RFC 9943), as a transparency service registers them: whoever made them, their bytes
//! are kept as they are.
//!
//! ```text
//! 18([ << { 1: alg, 15: { 1: issuer, 2: subject, ... }, ... } >>, {}, payload, signature ])
//! ```
//! The protected header may hold more, in any encoding that RFC 9052 allows: its bytes are signed. What is around it
//! is deterministic CBOR and the unprotected header is empty, so that whoever finds a statement with receipts in
//! that header knows which bytes were registered.

use alloc::string::String;
use alloc::vec::Vec;

use avouch_cbor::{Item, Value};
use avouch_merkle::{Digest, sha256};

use crate::Error;
use crate::key::VerifyingKey;
use crate::sign1::{Sign1, int};
use crate::statement::{IAT, ISS, MAX_STATEMENT, SUB, is_name};
use crate::stored::CWT_CLAIMS;

/// A signed statement in the form in which it is registered. Its signature is checked by [`verify`](Self::verify);
/// until then everything it says is only a claim.
#[derive(Clone, Debug)]
pub struct SignedStatement {
    bytes: Vec<u8>,
    message: Sign1,
    issuer: String,
    subject: String,
}

impl SignedStatement {
    /// Reads one.
    ///
    /// # Errors
    /// [`Error::DetachedPayload`], [`Error::NonEmptyUnprotected`], and what else keeps it from being registered.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let form = |what, expected| Error::Form { what, expected };
        if bytes.len() > MAX_STATEMENT {
            return Err(form("statement", "at most 1 MiB"));
        }
        let Some((18, content)) = Item::parse(bytes)?.as_tag() else {
            return Err(form("message", "tag 18 (COSE_Sign1)"));
        };
        let unprotected = content
            .as_array()
            .and_then(|parts| parts.into_iter().nth(1));
        match unprotected.and_then(|unprotected| unprotected.as_map()) {
            Some(map) if map.is_empty() => {}
            Some(_) => return Err(Error::NonEmptyUnprotected),
            None => return Err(form("unprotected header", "an empty map")),
        }
        let message = Sign1::parse(bytes)?;
        if message.payload().is_none() {
            return Err(Error::DetachedPayload);
        }
        let Some(Value::Map(claims)) = message.headers().protected(CWT_CLAIMS) else {
            return Err(form(
                "protected header",
                "member 15 (CWT claims), with the issuer and the subject",
            ));
        };
        let (issuer, subject) = (
            name(claims, ISS, "issuer (claim 1)")?,
            name(claims, SUB, "subject (claim 2)")?,
        );
        Ok(Self {
            bytes: bytes.to_vec(),
            message,
            issuer,
            subject,
        })
    }

    /// Checks that `key` signed it.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        self.message.verify(key, &[]).map(drop)
    }

    /// SHA-256 of the Sig_structure: names what was said, whatever the signature over it.
    pub fn statement_id(&self) -> Digest {
        let payload = self.message.payload().unwrap_or_default();
        sha256(&[&self.message.to_be_signed(&[], payload)])
    }

    /// SHA-256 of the bytes: what a log commits to.
    pub fn entry(&self) -> Digest {
        sha256(&[&self.bytes])
    }

    /// The bytes, as they were registered.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Who says it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// When it was issued, by the issuer's word and where it says so in whole seconds since the Unix epoch.
    pub fn issued_at(&self) -> Option<u64> {
        let Some(Value::Map(claims)) = self.message.headers().protected(CWT_CLAIMS) else {
            return None;
        };
        match claims.iter().find(|(claim, _)| int(claim) == Some(IAT)) {
            Some((_, Value::Uint(at))) => Some(*at),
            _ => None,
        }
    }

    /// The key that it names, if any: a hint.
    pub fn key_id(&self) -> Option<&[u8]> {
        self.message.headers().key_id()
    }

    /// What it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The claim with this label, a name.
fn name(claims: &[(Value, Value)], label: i64, what: &'static str) -> Result<String, Error> {
    let mut found = claims.iter().filter(|(claim, _)| int(claim) == Some(label));
    match (found.next(), found.next()) {
        (Some((_, Value::Text(text))), None) if is_name(text) => Ok(text.clone()),
        _ => Err(Error::Form {
            what,
            expected: "text of 1 to 1024 bytes without control characters, once",
        }),
    }
}
