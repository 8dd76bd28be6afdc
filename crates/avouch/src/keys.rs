//! Private keys on disk: PKCS#8 PEM files that only their owner can read.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};

#[cfg(feature = "pkcs11")]
use avouch_cose::Signer as _;
use avouch_cose::{Algorithm, SigningKey, VerifyingKey};
use avouch_escrow::{Secret as EscrowSecret, SecretKind};
use zeroize::Zeroizing;

use crate::random::os_random;
use crate::{Error, TokenUri, durable};

/// Secret text (a passphrase, a private key's PEM): wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

const PRIVATE: &str = "pem";
const PUBLIC: &str = "pub.pem";
const TOKEN: &str = "pkcs11";
/// Bounds what is read before it is known to be a key.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// A folder of named keys: `NAME.pem` (private, mode 0600) beside `NAME.pub.pem`.
#[derive(Clone, Debug)]
pub struct KeyStore {
    dir: PathBuf,
}

/// What is known of a key without its passphrase.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Its local name.
    pub name: String,
    /// Its public half.
    pub public: VerifyingKey,
    /// Whether the private half is encrypted.
    pub encrypted: bool,
    /// The token that holds the private half (a PKCS#11 URI), if no file does.
    pub token: Option<String>,
}

impl KeyStore {
    /// The keys in `dir`, which is made when the first key is.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Makes a new key. Refuses a name that is taken.
    pub fn generate(
        &self,
        name: &str,
        algorithm: Algorithm,
        passphrase: Option<&Secret>,
    ) -> Result<KeyInfo, Error> {
        loop {
            let seed = Zeroizing::new(os_random()?);
            match SigningKey::generate(algorithm, &seed) {
                Ok(key) => return self.store(name, &key, passphrase),
                // One draw in 2^32 is no P-256 scalar.
                Err(avouch_cose::Error::UnusableSeed) => {}
                Err(source) => return Err(source.into()),
            }
        }
    }

    /// Takes in a PKCS#8 PEM key made elsewhere; `from` decrypts it, `to` encrypts the stored copy.
    pub fn import(
        &self,
        name: &str,
        pem: &Secret,
        from: Option<&Secret>,
        to: Option<&Secret>,
    ) -> Result<KeyInfo, Error> {
        let key = SigningKey::from_pem(pem, from.map(|phrase| phrase.as_bytes()))?;
        self.store(name, &key, to)
    }

    /// A private key as a secret to be split.
    pub fn to_secret(
        &self,
        name: &str,
        passphrase: Option<&Secret>,
    ) -> Result<EscrowSecret, Error> {
        let key = self.open(name, passphrase)?;
        Ok(EscrowSecret {
            kind: match key.algorithm() {
                Algorithm::Ed25519 => SecretKind::Ed25519Key,
                Algorithm::P256 => SecretKind::P256Key,
            },
            bytes: Zeroizing::new(key.secret_bytes().to_vec()),
        })
    }

    /// Takes in a private key that shares gave back; `to` encrypts the stored copy.
    pub fn import_secret(
        &self,
        name: &str,
        secret: &EscrowSecret,
        to: Option<&Secret>,
    ) -> Result<KeyInfo, Error> {
        self.store(name, &key_of(secret)?, to)
    }

    fn store(
        &self,
        name: &str,
        key: &SigningKey,
        passphrase: Option<&Secret>,
    ) -> Result<KeyInfo, Error> {
        check_name(name)?;
        let token = self.path(name, TOKEN);
        if token.exists() {
            return Err(Error::Exists { path: token });
        }
        let pem = match passphrase {
            None => key.to_pem()?,
            Some(phrase) => Zeroizing::new(key.to_encrypted_pem(
                phrase.as_bytes(),
                &os_random()?,
                &os_random()?,
            )?),
        };
        fs::create_dir_all(&self.dir).map_err(|source| Error::io(&self.dir, source))?;
        durable::create_new(
            &self.path(name, PRIVATE),
            pem.as_bytes(),
            durable::Access::OwnerOnly,
        )?;
        let public = key.verifying_key();
        durable::replace(&self.path(name, PUBLIC), public.to_pem().as_bytes())?;
        Ok(KeyInfo {
            name: name.to_owned(),
            public,
            encrypted: passphrase.is_some(),
            token: None,
        })
    }

    /// The keys, by name.
    pub fn list(&self) -> Result<Vec<KeyInfo>, Error> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::io(&self.dir, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::io(&self.dir, source))?;
            let file = entry.file_name().to_string_lossy().into_owned();
            let name = file
                .strip_suffix(".pem")
                .filter(|name| !name.ends_with(".pub"))
                .or_else(|| file.strip_suffix(".pkcs11"));
            names.extend(name.map(str::to_owned));
        }
        names.sort();
        names.iter().map(|name| self.info(name)).collect()
    }

    /// What is known of one key.
    pub fn info(&self, name: &str) -> Result<KeyInfo, Error> {
        let token = self.token(name)?;
        let encrypted = match token {
            Some(_) => false,
            None => self.read_private(name)?.contains("ENCRYPTED PRIVATE KEY"),
        };
        Ok(KeyInfo {
            name: name.to_owned(),
            public: VerifyingKey::from_pem(&self.export(name)?)?,
            encrypted,
            token: token.map(|uri| uri.to_string()),
        })
    }

    /// The public half of a key, as PEM.
    pub fn export(&self, name: &str) -> Result<String, Error> {
        check_name(name)?;
        let path = self.path(name, PUBLIC);
        fs::read_to_string(&path).map_err(|source| self.missing(name, &path, source))
    }

    /// Keeps a token's key under a name: its URI, which has no PIN, and its public half.
    #[cfg(feature = "pkcs11")]
    pub fn link_token(&self, name: &str, uri: &TokenUri) -> Result<KeyInfo, Error> {
        check_name(name)?;
        let public = crate::TokenKey::open(uri)?.verifying_key();
        let private = self.path(name, PRIVATE);
        if private.exists() {
            return Err(Error::Exists { path: private });
        }
        fs::create_dir_all(&self.dir).map_err(|source| Error::io(&self.dir, source))?;
        let text = format!("{uri}\n");
        let path = self.path(name, TOKEN);
        durable::create_new(&path, text.as_bytes(), durable::Access::OwnerOnly)?;
        durable::replace(&self.path(name, PUBLIC), public.to_pem().as_bytes())?;
        Ok(KeyInfo {
            name: name.to_owned(),
            public,
            encrypted: false,
            token: Some(uri.to_string()),
        })
    }

    /// The token that holds this key, if one does.
    fn token(&self, name: &str) -> Result<Option<TokenUri>, Error> {
        check_name(name)?;
        let path = self.path(name, TOKEN);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end().parse()?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io(&path, source)),
        }
    }

    /// Opens whatever signs under this name, or the token's key that a PKCS#11 URI names.
    ///
    /// # Errors
    /// As [`KeyStore::open`], and [`Error::Token`].
    pub fn signer(
        &self,
        name: &str,
        passphrase: Option<&Secret>,
    ) -> Result<Box<dyn avouch_cose::Signer>, Error> {
        let uri = match TokenUri::is_uri(name) {
            true => Some(name.parse()?),
            false => self.token(name)?,
        };
        let Some(uri) = uri else {
            return Ok(Box::new(self.open(name, passphrase)?));
        };
        let key = open_token(&uri)?;
        let other = !TokenUri::is_uri(name)
            && VerifyingKey::from_pem(&self.export(name)?)?.id() != key.id();
        match other {
            true => Err(Error::KeyPair {
                path: self.path(name, PUBLIC),
            }),
            false => Ok(key),
        }
    }

    /// Opens a private key. Refuses one that others can read, and one whose public file is another's.
    pub fn open(&self, name: &str, passphrase: Option<&Secret>) -> Result<SigningKey, Error> {
        let pem = self.read_private(name)?;
        let key = SigningKey::from_pem(&pem, passphrase.map(|phrase| phrase.as_bytes())).map_err(
            |source| Error::Key {
                name: name.to_owned(),
                source,
            },
        )?;
        if VerifyingKey::from_pem(&self.export(name)?)?.id() != key.id() {
            return Err(Error::KeyPair {
                path: self.path(name, PUBLIC),
            });
        }
        Ok(key)
    }

    fn read_private(&self, name: &str) -> Result<Zeroizing<String>, Error> {
        check_name(name)?;
        let path = self.path(name, PRIVATE);
        let metadata = fs::metadata(&path).map_err(|source| self.missing(name, &path, source))?;
        durable::refuse_shared(&path, &metadata)?;
        if metadata.len() > MAX_KEY_FILE {
            return Err(Error::io(
                &path,
                std::io::Error::other("too large to be a key"),
            ));
        }
        fs::read_to_string(&path)
            .map(Zeroizing::new)
            .map_err(|source| Error::io(&path, source))
    }

    fn missing(&self, name: &str, path: &Path, source: std::io::Error) -> Error {
        match source.kind() {
            ErrorKind::NotFound => Error::NoSuchKey {
                name: name.to_owned(),
                dir: self.dir.clone(),
            },
            _ => Error::io(path, source),
        }
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.dir.join(format!("{name}.{extension}"))
    }
}

#[cfg(feature = "pkcs11")]
fn open_token(uri: &TokenUri) -> Result<Box<dyn avouch_cose::Signer>, Error> {
    Ok(Box::new(crate::TokenKey::open(uri)?))
}

#[cfg(not(feature = "pkcs11"))]
fn open_token(uri: &TokenUri) -> Result<Box<dyn avouch_cose::Signer>, Error> {
    Err(Error::Token {
        uri: uri.to_string(),
        why: "this program was built without PKCS#11".into(),
    })
}

/// The private key that a combined secret is.
pub(crate) fn key_of(secret: &EscrowSecret) -> Result<SigningKey, Error> {
    let (wanted, is) = ("a private key", "a file");
    let algorithm = match secret.kind {
        SecretKind::Ed25519Key => Algorithm::Ed25519,
        SecretKind::P256Key => Algorithm::P256,
        SecretKind::File => return Err(Error::OtherSecret { is, wanted }),
    };
    let seed: &[u8; 32] = secret.bytes.as_slice().try_into().map_err(|_| {
        let is = "a key of another length";
        Error::OtherSecret { is, wanted }
    })?;
    Ok(SigningKey::generate(algorithm, seed)?)
}

/// A key's name becomes a file's name.
fn check_name(name: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(Error::KeyName(name.to_owned()));
    }
    Ok(())
}
