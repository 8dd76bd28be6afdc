//! age: whom something is encrypted to, and what opens it.
//!
//! X25519 recipients (`age1...`) and identities (`AGE-SECRET-KEY-1...`), as the `age` tool makes and reads them;
//! an identity file may itself be encrypted with a passphrase (scrypt).

use std::fmt;
use std::io::{Read as _, Write as _};
use std::str::FromStr;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use avouch_ledger::{Keys, RunKey};
use zeroize::Zeroizing;

use crate::Error;

/// What an age file begins with.
const MAGIC: &[u8] = b"age-encryption.org/v1";
/// The longest identity file, in bytes.
pub const MAX_IDENTITY_FILE: usize = 64 * 1024;
/// The most work that an identity file may ask of a passphrase: 2^20 blocks, a few seconds and 1 GiB.
const MAX_WORK: u8 = 20;

/// Whom something is encrypted to.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let recipient = text.trim().parse().map_err(|why: &str| Error::Recipient {
            text: text.trim().chars().take(80).collect(),
            why: why.to_owned(),
        })?;
        Ok(Self(recipient))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

/// What opens things: private keys.
#[derive(Clone)]
pub struct Identities(Vec<x25519::Identity>);

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({})", self.0.len())
    }
}

/// Whether an identity file asks for a passphrase.
pub fn is_locked(file: &[u8]) -> bool {
    file.starts_with(MAGIC)
}

impl Identities {
    /// A new one.
    pub fn generate() -> Self {
        Self(vec![x25519::Identity::generate()])
    }

    /// Reads an identity file: one `AGE-SECRET-KEY-1...` a line, `#` begins a comment. One that is encrypted with
    /// a passphrase needs it.
    pub fn read(file: &[u8], passphrase: Option<&str>) -> Result<Self, Error> {
        if file.len() > MAX_IDENTITY_FILE {
            return Err(Error::Identity("it is longer than 64 KiB".into()));
        }
        if !is_locked(file) {
            return Self::parse(file);
        }
        let passphrase =
            passphrase.ok_or_else(|| Error::Identity("it needs a passphrase".into()))?;
        let mut identity = scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
        identity.set_max_work_factor(MAX_WORK);
        let opened = decrypt(file, &[&identity]).map_err(|error| match error {
            Error::Decrypt(why) => Error::Identity(format!(
                "the passphrase does not open it, or it was damaged: {why}"
            )),
            other => other,
        })?;
        Self::parse(&opened)
    }

    fn parse(text: &[u8]) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Identity(why.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is not text"))?;
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Vec<_> = keys
            .map(|line| line.parse::<x25519::Identity>().map_err(wrong))
            .collect::<Result<_, _>>()?;
        match identities.is_empty() {
            true => Err(wrong("it holds no key")),
            false => Ok(Self(identities)),
        }
    }

    /// The identity file, encrypted if there is a passphrase. `work` is the logarithm of scrypt's N; what takes
    /// about a second here when absent.
    pub fn write(
        &self,
        passphrase: Option<&str>,
        work: Option<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        // Room for all of it: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(256 * self.0.len()));
        for identity in &self.0 {
            text.extend(format!("# public key: {}\n", identity.to_public()).bytes());
            text.extend(identity.to_string().expose_secret().bytes());
            text.push(b'\n');
        }
        let Some(passphrase) = passphrase else {
            return Ok(text);
        };
        let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
        if let Some(work) = work {
            recipient.set_work_factor(work);
        }
        encrypt(&text, &[&recipient]).map(Zeroizing::new)
    }

    /// Whom to encrypt to, so that these open it.
    pub fn recipients(&self) -> Vec<Recipient> {
        let public = self.0.iter().map(|one| Recipient(one.to_public()));
        public.collect()
    }

    /// Opens an age file.
    pub fn open(&self, file: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let identities: Vec<&dyn age::Identity> = self.0.iter().map(|one| one as _).collect();
        decrypt(file, &identities)
    }
}

/// An age file that only these open.
pub fn seal_to(plain: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, Error> {
    let recipients: Vec<&dyn age::Recipient> = recipients.iter().map(|one| &one.0 as _).collect();
    encrypt(plain, &recipients)
}

fn encrypt(plain: &[u8], recipients: &[&dyn age::Recipient]) -> Result<Vec<u8>, Error> {
    let failed = |why: String| Error::Encrypt(why);
    let encryptor = Encryptor::with_recipients(recipients.iter().copied())
        .map_err(|error| failed(error.to_string()))?;
    let mut file = Vec::new();
    let written = encryptor.wrap_output(&mut file).and_then(|mut writer| {
        writer.write_all(plain)?;
        writer.finish()
    });
    written.map_err(|error| failed(error.to_string()))?;
    Ok(file)
}

fn decrypt(file: &[u8], identities: &[&dyn age::Identity]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |error: DecryptError| match error {
        DecryptError::NoMatchingKeys => Error::NotOurs,
        other => Error::Decrypt(other.to_string()),
    };
    let decryptor = Decryptor::new(file).map_err(failed)?;
    let mut reader = decryptor
        .decrypt(identities.iter().copied())
        .map_err(failed)?;
    // Longer than what it holds: a buffer that grows leaves copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(file.len()));
    reader
        .read_to_end(&mut plain)
        .map_err(|error| Error::Decrypt(error.to_string()))?;
    Ok(plain)
}

/// Run keys wrapped with age: one file for each recipient, so that adding one adds one.
pub struct AgeKeys {
    identities: Option<Identities>,
    fresh: Box<dyn Fn() -> Result<[u8; 32], String> + Send>,
}

impl AgeKeys {
    /// Wraps keys that `fresh` draws, and opens what `identities` open.
    pub fn new(
        identities: Option<Identities>,
        fresh: impl Fn() -> Result<[u8; 32], String> + Send + 'static,
    ) -> Self {
        Self {
            identities,
            fresh: Box::new(fresh),
        }
    }
}

impl Keys for AgeKeys {
    fn new_key(&self, recipients: &[String]) -> Result<(RunKey, Vec<Vec<u8>>), String> {
        let key = RunKey::new((self.fresh)()?);
        let wrapped = recipients
            .iter()
            .map(|recipient| self.wrap(&key, recipient));
        let wrapped = wrapped.collect::<Result<_, _>>()?;
        Ok((key, wrapped))
    }

    fn unwrap(&self, wrapped: &[u8]) -> Option<RunKey> {
        let opened = self.identities.as_ref()?.open(wrapped).ok()?;
        Some(RunKey::new(opened.as_slice().try_into().ok()?))
    }

    fn wrap(&self, key: &RunKey, recipient: &str) -> Result<Vec<u8>, String> {
        let recipient: Recipient = recipient
            .parse()
            .map_err(|error: Error| error.to_string())?;
        seal_to(key.as_bytes(), &[recipient]).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recipient_opens() {
        let (one, other) = (Identities::generate(), Identities::generate());
        let file = seal_to(b"plain", &one.recipients()).unwrap();
        assert_eq!(one.open(&file).unwrap().as_slice(), b"plain");
        assert!(other.open(&file).is_err());
        assert!(one.open(&file[..file.len() - 1]).is_err());
        let both = [one.recipients(), other.recipients()].concat();
        let file = seal_to(b"plain", &both).unwrap();
        assert!(one.open(&file).is_ok() && other.open(&file).is_ok());
        assert!(seal_to(b"plain", &[]).is_err());
    }

    #[test]
    fn an_identity_file_reads_back_with_and_without_a_passphrase() {
        let one = Identities::generate();
        let names = |of: &Identities| -> Vec<String> {
            of.recipients().iter().map(Recipient::to_string).collect()
        };
        let open = one.write(None, None).unwrap();
        assert_eq!(names(&Identities::read(&open, None).unwrap()), names(&one));
        let locked = one.write(Some("phrase"), Some(2)).unwrap();
        assert!(is_locked(&locked) && !is_locked(&open));
        let read = Identities::read(&locked, Some("phrase")).unwrap();
        assert_eq!(names(&read), names(&one));
        assert!(Identities::read(&locked, Some("other")).is_err());
        assert!(Identities::read(&locked, None).is_err());
    }

    #[test]
    fn what_is_no_identity_or_recipient_is_refused() {
        for file in [
            &b""[..],
            b"# only a comment\n",
            b"AGE-SECRET-KEY-1X\n",
            b"\xff",
            b"age1x",
        ] {
            assert!(Identities::read(file, None).is_err());
        }
        for text in ["", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA"] {
            assert!(text.parse::<Recipient>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_run_key_is_wrapped_for_each_recipient() {
        let (one, other) = (Identities::generate(), Identities::generate());
        let names: Vec<String> = [&one, &other]
            .map(|of| of.recipients()[0].to_string())
            .to_vec();
        let keys = |of: &Identities| AgeKeys::new(Some(of.clone()), || Ok([7; 32]));
        let (key, wrapped) = keys(&one).new_key(&names).unwrap();
        assert_eq!(
            keys(&one).unwrap(&wrapped[0]).unwrap().as_bytes(),
            key.as_bytes()
        );
        assert_eq!(
            keys(&other).unwrap(&wrapped[1]).unwrap().as_bytes(),
            key.as_bytes()
        );
        assert!(keys(&other).unwrap(&wrapped[0]).is_none());
        assert!(
            AgeKeys::new(None, || Ok([7; 32]))
                .unwrap(&wrapped[0])
                .is_none()
        );
    }
}
