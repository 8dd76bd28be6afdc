//! SSH signatures (OpenSSH's PROTOCOL.sshsig) by Ed25519 keys over SHA-512, for the namespace `git`.

use avouch_cose::VerifyingKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const NAMESPACE: &[u8] = b"git";
const HASH: &[u8] = b"sha512";
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// How long ssh-keygen makes the lines.
const COLUMNS: usize = 70;

/// A signature and the key that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) key: VerifyingKey,
    pub(super) bytes: [u8; 64],
}

impl Signature {
    #[cfg(feature = "submit")]
    pub(super) fn make(
        key: &avouch_cose::SigningKey,
        message: &[u8],
    ) -> Result<Self, super::NotEd25519> {
        let public = key.verifying_key();
        match public.as_ed25519() {
            Some(_) => Ok(Self {
                key: public,
                bytes: key.sign(&to_be_signed(message)),
            }),
            None => Err(super::NotEd25519),
        }
    }

    pub(super) fn verify(&self, message: &[u8]) -> Result<(), avouch_cose::Error> {
        self.key.verify(&to_be_signed(message), &self.bytes)
    }

    /// Its lines as ssh-keygen writes them.
    pub(super) fn armored(&self) -> Vec<String> {
        let mut blob = MAGIC.to_vec();
        blob.extend(VERSION.to_be_bytes());
        string(&mut blob, &public_blob(&self.key));
        string(&mut blob, NAMESPACE);
        string(&mut blob, b"");
        string(&mut blob, HASH);
        let mut signature = Vec::new();
        string(&mut signature, KEY_TYPE);
        string(&mut signature, &self.bytes);
        string(&mut blob, &signature);
        let text = STANDARD.encode(blob);
        let mut lines = vec![BEGIN.to_owned()];
        let chunks = text.as_bytes().chunks(COLUMNS);
        lines.extend(chunks.map(|chunk| String::from_utf8_lossy(chunk).into_owned()));
        lines.push(END.to_owned());
        lines
    }

    /// Reads the lines. The signature is not checked, and that the lines are the ones that [`Self::armored`] makes is
    /// the caller's to see to.
    pub(super) fn parse(lines: &[&str]) -> Result<Self, &'static str> {
        let [BEGIN, body @ .., END] = lines else {
            return Err("it holds no SSH signature");
        };
        let blob = STANDARD
            .decode(body.concat())
            .map_err(|_| "its signature is not base64")?;
        let mut rest = blob
            .strip_prefix(MAGIC)
            .ok_or("its signature is not of SSH")?;
        if rest.split_off(..4) != Some(&VERSION.to_be_bytes()[..]) {
            return Err("its signature is of a version that is not known");
        }
        let mut next = || take(&mut rest).ok_or("its signature is cut off");
        let key = next()?;
        for (found, expected, why) in [
            (next()?, NAMESPACE, "it is signed for another use than git"),
            (next()?, &b""[..], "its signature has something reserved"),
            (next()?, HASH, "it is signed with another hash than sha512"),
        ] {
            if found != expected {
                return Err(why);
            }
        }
        let mut signature = next()?;
        if !rest.is_empty() {
            return Err("its signature goes on after its end");
        }
        let kind = take(&mut signature);
        let bytes = take(&mut signature).and_then(|bytes| bytes.try_into().ok());
        match (kind, bytes, signature) {
            (Some(KEY_TYPE), Some(bytes), []) => Ok(Self {
                key: read_blob(key).ok_or("it is signed with a key that is not Ed25519")?,
                bytes,
            }),
            _ => Err("its signature is not Ed25519"),
        }
    }
}

fn to_be_signed(message: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    string(&mut out, NAMESPACE);
    string(&mut out, b"");
    string(&mut out, HASH);
    string(&mut out, &Sha512::digest(message));
    out
}

/// A key as OpenSSH writes it: `ssh-ed25519 AAAA...`, with or without a comment.
pub fn read_public_key(text: &str) -> Option<VerifyingKey> {
    let mut words = text.split_ascii_whitespace();
    if words.next()?.as_bytes() != KEY_TYPE {
        return None;
    }
    read_blob(&STANDARD.decode(words.next()?).ok()?)
}

/// The key as OpenSSH writes it, for `allowed_signers`. Meant for Ed25519 keys.
pub fn write_public_key(key: &VerifyingKey) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(public_blob(key)))
}

fn public_blob(key: &VerifyingKey) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, KEY_TYPE);
    string(&mut out, key.as_ed25519().map_or(&[][..], |key| &key[..]));
    out
}

fn read_blob(mut blob: &[u8]) -> Option<VerifyingKey> {
    let kind = take(&mut blob)?;
    let key = take(&mut blob)?.try_into().ok()?;
    match (kind, blob) {
        (KEY_TYPE, []) => VerifyingKey::from_ed25519(key).ok(),
        _ => None,
    }
}

/// An SSH string (RFC 4251, section 5): its length in four bytes, and the bytes.
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (bytes, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(bytes)
}
