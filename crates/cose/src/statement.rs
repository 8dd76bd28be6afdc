//! Statements: an issuer's signed word about a subject, SCITT-shaped (RFC 9943).
//!
//! ```text
//! 18([ << { 1: alg, 3: content type, 4: kid, 15: { 1: issuer, 2: subject, 6: issued at } } >>,
//!      {}, payload, signature ])
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use avouch_cbor::{Encoder, Item, Kind};
use avouch_merkle::{Digest, sha256};

use crate::Error;
use crate::key::{Algorithm, KeyId, Signer, VerifyingKey};
use crate::stored::{
    ALG, CONTENT_TYPE, CWT_CLAIMS, Envelope, KID, Seal, content_at, seal, sig_structure,
};

/// CWT claims (RFC 8392 section 4).
pub(crate) const ISS: i64 = 1;
pub(crate) const SUB: i64 = 2;
pub(crate) const IAT: i64 = 6;

/// Most bytes a stored statement may have.
pub const MAX_STATEMENT: usize = 1 << 20;
/// Most bytes of an issuer, subject or content type.
pub const MAX_NAME: usize = 1024;

/// A statement in its stored form. Its form was checked when it was made; its signature is checked by
/// [`verify`](Self::verify), and until then everything it says is only a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    bytes: Vec<u8>,
    protected: Range<usize>,
    payload: Range<usize>,
    seal: Seal,
    content_type: String,
    issuer: String,
    subject: String,
    issued_at: u64,
}

impl Statement {
    /// Signs a statement by `issuer` about `subject`, issued at `issued_at` (seconds since the Unix epoch).
    ///
    /// # Errors
    /// [`Error::Form`] when a name is empty, over [`MAX_NAME`] bytes or holds control characters, or
    /// when the whole would be over [`MAX_STATEMENT`] bytes; [`Error::Signer`] when the key does not sign.
    pub fn sign(
        key: &dyn Signer,
        issuer: &str,
        subject: &str,
        issued_at: u64,
        content_type: &str,
        payload: &[u8],
    ) -> Result<Self, Error> {
        UnsignedStatement::new(key, issuer, subject, issued_at, content_type, payload).sign(key)
    }

    /// Reads a stored statement, refusing every encoding but the stored one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let form = |what, expected| Error::Form { what, expected };
        if bytes.len() > MAX_STATEMENT {
            return Err(form("statement", "at most 1 MiB"));
        }
        let envelope = Envelope::parse(bytes)?;
        let unprotected = envelope
            .unprotected
            .as_map()
            .ok_or(form("unprotected header", "an empty map"))?;
        if !unprotected.is_empty() {
            return Err(Error::NonEmptyUnprotected);
        }
        let members = envelope.members()?;
        let (Some(content_type), Some(claims), 4) = (
            members.get_int(CONTENT_TYPE),
            members.get_int(CWT_CLAIMS),
            members.len(),
        ) else {
            return Err(form(
                "protected header",
                "exactly the members 1, 3, 4 and 15",
            ));
        };
        let claims = claims.as_map().ok_or(form("CWT claims (15)", "a map"))?;
        let (Some(issuer), Some(subject), Some(issued_at), 3) = (
            claims.get_int(ISS),
            claims.get_int(SUB),
            claims.get_int(IAT),
            claims.len(),
        ) else {
            return Err(form("CWT claims (15)", "exactly the claims 1, 2 and 6"));
        };
        if envelope.payload.kind() != Kind::Bytes {
            return Err(form("payload", "a byte string"));
        }
        Ok(Self {
            protected: envelope.protected_at,
            payload: content_at(&envelope.payload),
            seal: envelope.seal,
            content_type: name(content_type, "content type (3)")?,
            issuer: name(issuer, "issuer (claim 1)")?,
            subject: name(subject, "subject (claim 2)")?,
            issued_at: issued_at
                .as_u64()
                .ok_or(form("issued at (claim 6)", "an unsigned integer"))?,
            bytes: bytes.to_vec(),
        })
    }

    /// Checks that `key` signed this statement: its algorithm and kid are the key's, and the signature holds.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        self.seal.verify(key, self.protected(), self.payload())
    }

    /// SHA-256 of the Sig_structure: names what was said, whatever the signature over it.
    pub fn statement_id(&self) -> Digest {
        sha256(&[&sig_structure(self.protected(), self.payload())])
    }

    /// SHA-256 of the stored form: what a log commits to.
    pub fn entry(&self) -> Digest {
        sha256(&[&self.bytes])
    }

    /// The stored form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Who says it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When it was issued, by the issuer's word: seconds since the Unix epoch.
    pub fn issued_at(&self) -> u64 {
        self.issued_at
    }

    /// Media type of the payload.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Thumbprint of the key that it names.
    pub fn key_id(&self) -> KeyId {
        self.seal.kid
    }

    /// What that key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.seal.algorithm
    }

    /// What is said.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload.clone()]
    }

    fn protected(&self) -> &[u8] {
        &self.bytes[self.protected.clone()]
    }
}

/// A statement that is still to be signed. Its id is known already: it names what is said.
#[derive(Clone, Debug)]
pub struct UnsignedStatement {
    key: KeyId,
    protected: Vec<u8>,
    payload: Vec<u8>,
}

impl UnsignedStatement {
    /// What [`Statement::sign`] would sign.
    pub fn new(
        key: &dyn Signer,
        issuer: &str,
        subject: &str,
        issued_at: u64,
        content_type: &str,
        payload: &[u8],
    ) -> Self {
        let id = key.id();
        let mut protected = Encoder::new();
        protected.map(4);
        protected.int(ALG).int(key.algorithm().cose_id());
        protected.int(CONTENT_TYPE).text(content_type);
        protected.int(KID).bytes(id.as_bytes());
        protected.int(CWT_CLAIMS).map(3);
        protected
            .int(ISS)
            .text(issuer)
            .int(SUB)
            .text(subject)
            .int(IAT)
            .uint(issued_at);
        Self {
            key: id,
            protected: protected.into_vec(),
            payload: payload.to_vec(),
        }
    }

    /// The signed statement's id.
    pub fn statement_id(&self) -> Digest {
        sha256(&[&sig_structure(&self.protected, &self.payload)])
    }

    /// Signs it with the key that it was made for.
    ///
    /// # Errors
    /// [`Error::KeyIdMismatch`] for another key, and those of [`Statement::sign`].
    pub fn sign(&self, key: &dyn Signer) -> Result<Statement, Error> {
        if key.id() != self.key {
            return Err(Error::KeyIdMismatch {
                message: self.key,
                key: key.id(),
            });
        }
        // An empty map is the one byte a0.
        let stored = seal(key, &self.protected, &[0xa0], &self.payload, false)?;
        Statement::parse(&stored)
    }
}

/// Whether a name can be shown on a terminal as it is.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.contains(char::is_control)
}

fn name(item: Item<'_>, what: &'static str) -> Result<String, Error> {
    match item.as_text() {
        Some(text) if is_name(text) => Ok(text.into()),
        _ => Err(Error::Form {
            what,
            expected: "text of 1 to 1024 bytes without control characters",
        }),
    }
}
