//! Signed notes (c2sp.org/signed-note): text, a blank line, and one line per signature.
//!
//! Here, plain Ed25519 signatures (type 1) are made and checked, and in [`crate::cosignature`] those of
//! witnesses (type 4); those of other types and unknown keys are kept as they are, as the specification
//! asks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use avouch_merkle::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::key::{SigningKey, VerifyingKey};

/// Signature type of plain Ed25519.
pub(crate) const ED25519: u8 = 1;
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Most bytes in a note: room for dozens of post-quantum signatures.
pub const MAX_NOTE: usize = 1_000_000;
/// Most signatures in a note.
pub const MAX_SIGNATURES: usize = 100;

/// A note's text with its signatures, none of which is checked until [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    hash: [u8; 4],
    signature: Vec<u8>,
}

impl NoteSignature {
    /// Name of the key that it claims to be by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Key hash of the key that it claims to be by.
    pub fn key_hash(&self) -> [u8; 4] {
        self.hash
    }

    /// The signature's bytes.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    pub(crate) fn new(name: &str, hash: [u8; 4], signature: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            hash,
            signature,
        }
    }
}

impl fmt::Display for NoteSignature {
    /// Writes the line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blob = self.hash.to_vec();
        blob.extend_from_slice(&self.signature);
        write!(
            f,
            "{SIGNATURE_PREFIX}{} {}",
            self.name,
            STANDARD.encode(blob)
        )
    }
}

impl FromStr for NoteSignature {
    type Err = Error;

    /// Reads one line, without its newline.
    fn from_str(line: &str) -> Result<Self, Error> {
        check_text(line)
            .and_then(|()| parse_signature(line).map_err(|reason| Error::Note { line: 1, reason }))
    }
}

impl Note {
    /// An unsigned note.
    ///
    /// # Errors
    /// [`Error::Note`] unless the text ends in a newline and holds no control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        check_text(&text)?;
        if !text.ends_with('\n') {
            return Err(whole("the text must end in a newline"));
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a signed note.
    pub fn parse(note: &str) -> Result<Self, Error> {
        check_text(note)?;
        // The last blank line separates the text from the signatures.
        let split = note
            .rfind("\n\n")
            .ok_or(whole("no blank line before the signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let first = text.lines().count() + 2;
        let Some(lines) = lines.strip_suffix('\n') else {
            return Err(whole(
                "a signature line must follow the blank line, and the last line end in a newline",
            ));
        };
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            let bad = |reason| Error::Note {
                line: first + number,
                reason,
            };
            if number == MAX_SIGNATURES {
                return Err(bad("more than 100 signatures"));
            }
            signatures.push(parse_signature(line).map_err(bad)?);
        }
        Ok(Self {
            text: text.into(),
            signatures,
        })
    }

    /// The signed text, with its last newline. Nobody's word until a signature is verified.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, known or not, in the order of their lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature by `key` under `name`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a key other than Ed25519, [`Error::NoteKey`] for a malformed name.
    pub fn sign(&mut self, name: &str, key: &SigningKey) -> Result<(), Error> {
        let note_key = NoteKey::new(name, key.verifying_key())?;
        let signature = key.sign(self.text.as_bytes()).to_vec();
        self.add(NoteSignature::new(name, note_key.hash, signature))
    }

    /// Adds a signature that someone else made, unchecked. One that is there already is not repeated.
    ///
    /// # Errors
    /// [`Error::Note`] when there are [`MAX_SIGNATURES`] already.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), Error> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(whole("more than 100 signatures"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Checks that the note is signed by `key`. Signatures by others are passed over; one that names
    /// this key and fails refuses the note, even beside one that holds.
    pub fn verify(&self, key: &NoteKey) -> Result<(), Error> {
        let mut signed = false;
        for line in &self.signatures {
            if line.name == key.name && line.hash == key.hash {
                key.key.verify(self.text.as_bytes(), &line.signature)?;
                signed = true;
            }
        }
        if signed {
            Ok(())
        } else {
            Err(Error::NoSignatureBy(key.name.clone()))
        }
    }
}

impl fmt::Display for Note {
    /// Writes the note as it is stored and sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Note {
    type Err = Error;

    fn from_str(note: &str) -> Result<Self, Error> {
        Self::parse(note)
    }
}

/// A named key that checks notes. Its text form is `name+hash+base64(type || key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    hash: [u8; 4],
    key: VerifyingKey,
}

impl NoteKey {
    /// Names an Ed25519 key.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, Error> {
        Ok(Self {
            name: name.into(),
            hash: key_hash(ED25519, name, &key)?,
            key,
        })
    }

    /// The key's name; for a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name || 0x0A || 0x01 || public key).
    pub fn key_hash(&self) -> [u8; 4] {
        self.hash
    }

    /// The key without its name.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_key(f, ED25519, &self.name, self.hash, &self.key)
    }
}

impl FromStr for NoteKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, key) = parse_key(text, ED25519)?;
        Self::new(name, key)
    }
}

/// First four bytes of SHA-256(name || 0x0A || signature type || public key).
pub(crate) fn key_hash(kind: u8, name: &str, key: &VerifyingKey) -> Result<[u8; 4], Error> {
    check_name(name).map_err(Error::NoteKey)?;
    let Some(bytes) = key.as_ed25519() else {
        return Err(Error::Unsupported(format!(
            "{} in signed notes",
            key.algorithm()
        )));
    };
    let digest = sha256(&[name.as_bytes(), b"\n", &[kind], bytes]);
    let [a, b, c, d, ..] = digest.0;
    Ok([a, b, c, d])
}

/// Writes a verifier key (vkey): `name+hash+base64(type || key)`.
pub(crate) fn fmt_key(
    f: &mut fmt::Formatter<'_>,
    kind: u8,
    name: &str,
    hash: [u8; 4],
    key: &VerifyingKey,
) -> fmt::Result {
    let mut blob = Vec::from([kind]);
    blob.extend_from_slice(key.as_ed25519().map_or(&[], |key| key.as_slice()));
    write!(f, "{name}+{}+{}", hex::encode(hash), STANDARD.encode(blob))
}

/// Reads a verifier key of this signature type, and checks its hash.
pub(crate) fn parse_key(text: &str, kind: u8) -> Result<(&str, VerifyingKey), Error> {
    // Standard base64 may hold a plus itself, so only the first two separate.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(blob)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::NoteKey("expected name+hash+base64"));
    };
    if name == "PRIVATE" {
        return Err(Error::NoteKey(
            "this is a private key: keep it secret, and give the public one",
        ));
    }
    let blob = STANDARD
        .decode(blob)
        .map_err(|_| Error::NoteKey("the key is not base64"))?;
    let key = match blob.split_first() {
        Some((&found, key)) if found == kind => key
            .try_into()
            .map_err(|_| Error::NoteKey("an Ed25519 key has 32 bytes"))?,
        Some((&crate::cosignature::COSIGNATURE, _)) => {
            return Err(Error::NoteKey(
                "this is a witness's key (type 4), and a log's (type 1) is needed",
            ));
        }
        Some((&ED25519, _)) => {
            return Err(Error::NoteKey(
                "this is a log's key (type 1), and a witness's (type 4) is needed",
            ));
        }
        Some((other, _)) => {
            return Err(Error::Unsupported(format!("note signature type {other}")));
        }
        None => return Err(Error::NoteKey("the key is empty")),
    };
    let key = VerifyingKey::from_ed25519(key)?;
    if hash != hex::encode(key_hash(kind, name, &key)?) {
        return Err(Error::NoteKey(
            "the hash does not fit the name and key: one of them is mistyped",
        ));
    }
    Ok((name, key))
}

fn whole(reason: &'static str) -> Error {
    Error::Note { line: 0, reason }
}

fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > MAX_NOTE {
        return Err(whole("longer than 1,000,000 bytes"));
    }
    match text.bytes().position(|byte| byte < 0x20 && byte != b'\n') {
        None => Ok(()),
        Some(at) => Err(Error::Note {
            line: 1 + text.as_bytes()[..at]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count(),
            reason: "a control character",
        }),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("the key name is empty")
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
        Err("a key name holds no spaces, control characters or plus signs")
    } else {
        Ok(())
    }
}

fn parse_signature(line: &str) -> Result<NoteSignature, &'static str> {
    let line = line
        .strip_prefix(SIGNATURE_PREFIX)
        .ok_or("a signature line starts with an em dash and a space")?;
    let (name, blob) = line
        .split_once(' ')
        .ok_or("expected an em dash, a key name and base64")?;
    check_name(name)?;
    // The decoder refuses missing padding and stray bits, so a line has one encoding.
    let blob = STANDARD
        .decode(blob)
        .map_err(|_| "the signature is not base64")?;
    match blob.split_first_chunk::<4>() {
        Some((hash, signature)) if !signature.is_empty() => Ok(NoteSignature {
            name: name.into(),
            hash: *hash,
            signature: signature.to_vec(),
        }),
        _ => Err("the signature is shorter than a key hash and one byte"),
    }
}
