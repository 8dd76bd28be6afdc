//! Cosignatures (c2sp.org/tlog-cosignature, version 1): a witness's timed word that a checkpoint is
//! consistent with every other that it has seen of that log.
//!
//! ```text
//! message   = "cosignature/v1\ntime " seconds "\n" note text
//! signature = seconds (8 bytes, big-endian) || Ed25519(message)
//! ```
//! The message does not name the witness, so one key under two names is still one witness: quorums
//! count keys.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::Error;
use crate::checkpoint::Checkpoint;
use crate::key::{SigningKey, VerifyingKey};
use crate::note::{Note, NoteSignature, fmt_key, key_hash, parse_key};

/// Signature type of a timestamped Ed25519 cosignature.
pub(crate) const COSIGNATURE: u8 = 4;
/// The largest time that the specification allows.
const MAX_TIME: u64 = i64::MAX as u64;

/// A witness's named key. Its text form is `name+hash+base64(4 || key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerKey {
    name: String,
    hash: [u8; 4],
    key: VerifyingKey,
}

impl CosignerKey {
    /// Names an Ed25519 key.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, Error> {
        Ok(Self {
            name: name.into(),
            hash: key_hash(COSIGNATURE, name, &key)?,
            key,
        })
    }

    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name || 0x0A || 0x04 || public key).
    pub fn key_hash(&self) -> [u8; 4] {
        self.hash
    }

    /// The key without its name.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_key(f, COSIGNATURE, &self.name, self.hash, &self.key)
    }
}

impl FromStr for CosignerKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, key) = parse_key(text, COSIGNATURE)?;
        Self::new(name, key)
    }
}

/// A witness that cosigned, and when it says that it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosigned<'k> {
    /// The witness.
    pub by: &'k CosignerKey,
    /// Seconds since the Unix epoch.
    pub time: u64,
}

impl NoteSignature {
    /// Cosigns a checkpoint at `time`, in seconds since the Unix epoch, as the witness `name`. The
    /// witness has checked first that the log signed it and that it extends what it cosigned before.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the note is no checkpoint, [`Error::Unsupported`] for a key other than
    /// Ed25519, [`Error::NoteKey`] for a malformed name, [`Error::Cosignature`] for a time beyond 2^63 - 1.
    pub fn cosign(note: &Note, name: &str, key: &SigningKey, time: u64) -> Result<Self, Error> {
        Checkpoint::parse(note.text())?;
        let cosigner = CosignerKey::new(name, key.verifying_key())?;
        if time > MAX_TIME {
            return Err(refused(name, "the time is beyond 2^63 - 1"));
        }
        let mut signature = time.to_be_bytes().to_vec();
        signature.extend_from_slice(&key.sign(&message(note.text(), time)));
        Ok(Self::new(name, cosigner.hash, signature))
    }
}

impl Note {
    /// Adds a cosignature by `key`; see [`NoteSignature::cosign`].
    pub fn cosign(&mut self, name: &str, key: &SigningKey, time: u64) -> Result<(), Error> {
        let signature = NoteSignature::cosign(self, name, key, time)?;
        self.add(signature)
    }

    /// When the witness cosigned, in seconds since the Unix epoch; the earliest time if it did so more
    /// than once. A cosignature that names this key and fails refuses the note, even beside one that holds.
    ///
    /// # Errors
    /// [`Error::NoSignatureBy`] if it did not, [`Error::Cosignature`] or [`Error::BadSignature`].
    pub fn verify_cosignature(&self, cosigner: &CosignerKey) -> Result<u64, Error> {
        let mut earliest = None;
        for line in self.signatures() {
            if line.name() != cosigner.name || line.key_hash() != cosigner.hash {
                continue;
            }
            let (time, signature) = line.signature().split_first_chunk::<8>().ok_or_else(|| {
                refused(&cosigner.name, "shorter than the time that it starts with")
            })?;
            let time = u64::from_be_bytes(*time);
            if time > MAX_TIME {
                return Err(refused(&cosigner.name, "the time is beyond 2^63 - 1"));
            }
            cosigner
                .key
                .verify(&message(self.text(), time), signature)?;
            earliest = Some(earliest.map_or(time, |other: u64| other.min(time)));
        }
        earliest.ok_or_else(|| Error::NoSignatureBy(cosigner.name.clone()))
    }

    /// Which of these witnesses cosigned. Each key counts once, under whichever names it is listed.
    ///
    /// # Errors
    /// As [`Note::verify_cosignature`] when a cosignature by one of them is bad.
    pub fn cosigners<'k>(&self, known: &'k [CosignerKey]) -> Result<Vec<Cosigned<'k>>, Error> {
        let mut found: Vec<Cosigned<'k>> = Vec::new();
        for by in known {
            match self.verify_cosignature(by) {
                Ok(time) if found.iter().all(|other| other.by.key != by.key) => {
                    found.push(Cosigned { by, time });
                }
                Ok(_) | Err(Error::NoSignatureBy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Checks that at least `needed` of these witnesses cosigned, and says which did.
    ///
    /// # Errors
    /// [`Error::NotEnoughCosigners`], and as [`Note::cosigners`].
    pub fn quorum<'k>(
        &self,
        known: &'k [CosignerKey],
        needed: usize,
    ) -> Result<Vec<Cosigned<'k>>, Error> {
        let cosigners = self.cosigners(known)?;
        match cosigners.len() {
            found if found < needed => Err(Error::NotEnoughCosigners { needed, found }),
            _ => Ok(cosigners),
        }
    }
}

fn message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

fn refused(name: &str, reason: &'static str) -> Error {
    Error::Cosignature {
        name: name.into(),
        reason,
    }
}
