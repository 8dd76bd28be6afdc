//! What can be wrong with a key, a signed message or a note.

use alloc::string::String;

use crate::key::{Algorithm, KeyId};

/// Why a key, statement, receipt or note was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The PEM text is not one well-formed block of the expected label.
    #[error("not a {expected} PEM block: {reason}")]
    Pem {
        /// The label or labels that were expected.
        expected: &'static str,
        /// What was found instead.
        reason: String,
    },
    /// The DER or COSE_Key encoding of a key is malformed.
    #[error("malformed key: {0}")]
    MalformedKey(String),
    /// A well-formed key, curve or algorithm that this crate does not implement; it is named.
    #[error("{0} is not supported; use Ed25519 or P-256 (COSE algorithms -8, -19, -7, -9)")]
    Unsupported(String),
    /// An Ed25519 public key of small order, which would verify forged signatures.
    #[error("Ed25519 public key of small order: it would verify forged signatures")]
    WeakKey,
    /// An Ed25519 public key in a second, non-canonical encoding.
    #[error("Ed25519 public key is not canonically encoded")]
    NonCanonicalKey,
    /// The random bytes do not make a P-256 key (chance 2^-32): draw 32 others.
    #[error("these 32 random bytes are not a P-256 scalar: draw others")]
    UnusableSeed,
    /// The private key is encrypted and no passphrase was given.
    #[error("the private key is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// An empty passphrase protects nothing.
    #[error("an empty passphrase protects nothing: give one, or write the key unencrypted")]
    EmptyPassphrase,
    /// The passphrase does not decrypt the private key.
    #[error("wrong passphrase, or the encrypted key is damaged")]
    WrongPassphrase,
    /// The encrypted key asks for more work or memory than any honest one does.
    #[error(
        "the encrypted key asks for too much {what} ({asked}, at most {limit}): refused before doing it"
    )]
    KdfTooCostly {
        /// `scrypt memory`, `scrypt work` or `PBKDF2 iterations`.
        what: &'static str,
        /// How much the key file asks for.
        asked: u128,
        /// How much is allowed.
        limit: u128,
    },
    /// A key that is kept elsewhere did not sign.
    #[error("the key did not sign: {0}")]
    Signer(String),
    /// The payload of a key statement is not of its one form.
    #[error("key statement: {0}")]
    KeyStatement(&'static str),
    /// The message names another algorithm than its key has.
    #[error("signed with {message}, but the key is {key}")]
    AlgorithmMismatch {
        /// The message's algorithm, by name.
        message: String,
        /// The key's algorithm.
        key: Algorithm,
    },
    /// The message names another key.
    #[error("signed by key {message}, not by key {key}")]
    KeyIdMismatch {
        /// The kid in the protected header.
        message: KeyId,
        /// The key that it was checked against.
        key: KeyId,
    },
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// An ECDSA signature in the upper half of its range: a second encoding of a valid one.
    #[error("high-s ECDSA signature: only the low-s form is stored")]
    HighS,
    /// The bytes are not one deterministic CBOR item.
    #[error("not deterministic CBOR: {0}")]
    NotDeterministic(#[from] avouch_cbor::Error),
    /// The bytes are CBOR, but not of the one stored form.
    #[error("{what}: expected {expected}")]
    Form {
        /// Which part of the message.
        what: &'static str,
        /// What the stored form has there.
        expected: &'static str,
    },
    /// Something stands in the unprotected header, where anyone could change it.
    #[error("non-empty unprotected header: nothing unsigned may stand beside a statement")]
    NonEmptyUnprotected,
    /// A foreign message is not a COSE message (RFC 9052).
    #[error("not a COSE message, byte {at}: {reason}")]
    Cose {
        /// Offset in the message, or in its protected header when that is named.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The message carries no payload, and none was given beside it.
    #[error("the payload is detached: give it beside the message")]
    DetachedPayload,
    /// The message carries a payload, and another was given beside it.
    #[error("the message carries its payload: none may be given beside it")]
    AttachedPayload,
    /// The receipt is over a verifiable data structure other than RFC9162_SHA256.
    #[error("verifiable data structure {}", unsupported_vds(*.0))]
    UnsupportedVds(i128),
    /// The receipt's inclusion path does not fit its size and index.
    #[error("inclusion path refused: {0}")]
    Path(#[from] avouch_merkle::Error),
    /// A signed note is malformed.
    #[error("signed note, line {line}: {reason}")]
    Note {
        /// Line number, from 1; 0 when the note as a whole is meant.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A note verifier key (`name+hash+base64`) is malformed.
    #[error("note key: {0}")]
    NoteKey(&'static str),
    /// No signature in the note is by the given key.
    #[error("the note has no signature by {0}")]
    NoSignatureBy(String),
    /// Fewer witnesses than needed have cosigned.
    #[error("{found} of the known witnesses cosigned, {needed} must")]
    NotEnoughCosigners {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// A cosignature that a known witness is said to have made is not one.
    #[error("cosignature by {name}: {reason}")]
    Cosignature {
        /// The witness's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A tlog-proof file is malformed.
    #[error("tlog-proof, line {line}: {reason}")]
    TlogProof {
        /// Line number, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A consistency proof's text is malformed.
    #[error("consistency proof, line {line}: {reason}")]
    ConsistencyProof {
        /// Line number, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A checkpoint's text is malformed.
    #[error("checkpoint, line {line}: {reason}")]
    Checkpoint {
        /// Line number, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The checkpoint belongs to another log than the key that signed it.
    #[error("the checkpoint's origin is {origin:?}, but its key is named {key:?}")]
    OriginMismatch {
        /// The checkpoint's first line.
        origin: String,
        /// The name in the key.
        key: String,
    },
}

/// Names the other structures that one may meet.
fn unsupported_vds(vds: i128) -> String {
    let name = match vds {
        2 => " (CCF_LEDGER_SHA256)",
        _ => "",
    };
    alloc::format!("{vds}{name} is not supported; only 1 (RFC9162_SHA256) is")
}
