//! A home: the folder with a ledger, its keys and the trust policy for others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use avouch_cose::{Algorithm, SigningKey, VerifyingKey};
use avouch_ledger::{BUSY_TIMEOUT, Identity, Ledger};

use avouch_privacy::{Identities, Recipient};

use crate::encrypted::STORE_IDENTITY;
use crate::keys::{KeyInfo, KeyStore, Secret};
use crate::random::Randomness;
use crate::scan::Scan;
use crate::{Error, ScanMode, ScanReport, Scanner, TokenUri, durable};

pub(crate) const LEDGER: &str = "ledger.db";
const KEYS: &str = "keys";
const TRUST: &str = "trust.toml";
/// The key that statements are signed with.
pub const ISSUER_KEY: &str = "issuer";
/// The key that checkpoints and receipts are signed with.
pub const LOG_KEY: &str = "log";

/// How long ending an interrupted erasure waits for others.
const SCRUB_TIMEOUT: Duration = Duration::from_secs(1);

/// How to make a home.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// The issuer's name, a URI by convention; made from the issuer's key when absent.
    pub issuer: Option<String>,
    /// The log's name, a schema-less URL by convention; made from the log's key when absent.
    pub log_origin: Option<String>,
    /// What the issuer's new key signs with; Ed25519 unless told. The log's is always Ed25519.
    pub algorithm: Option<Algorithm>,
    /// An existing issuer key in PKCS#8 PEM to use in place of a new one.
    pub issuer_pem: Option<Secret>,
    /// Encrypts field values and blobs in the ledger to these recipients; to an identity that is made for it, and
    /// kept with the keys, where there are none.
    pub encrypt_to: Option<Vec<Recipient>>,
    /// A token's key to use in place of a new one.
    pub issuer_token: Option<TokenUri>,
    /// Encrypts the private keys on disk, and opens `issuer_pem` if that is encrypted.
    pub passphrase: Option<Secret>,
}

/// An open home.
pub struct Home {
    dir: PathBuf,
    pub(crate) ledger: Ledger,
    pub(crate) randomness: Randomness,
    pub(crate) scan: Option<Scan>,
}

/// The private keys of a home, unlocked.
pub struct Signer {
    pub(crate) issuer: Box<dyn avouch_cose::Signer>,
    pub(crate) log: SigningKey,
}

impl Home {
    /// Makes a home in `dir`: an empty ledger, two keys and `trust.toml`.
    ///
    /// # Errors
    /// [`Error::Exists`] when `dir` is there and not empty. Everything is made beside it first, so
    /// a failure leaves nothing half made.
    pub fn init(dir: impl Into<PathBuf>, options: &InitOptions) -> Result<Self, Error> {
        let dir = dir.into();
        if fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) || dir.is_file() {
            return Err(Error::Exists { path: dir });
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|source| Error::io(parent, source))?;
        let draft = tempfile::Builder::new()
            .prefix(".avouch-init-")
            .tempdir_in(parent)
            .map_err(|source| Error::io(parent, source))?;
        build(draft.path(), options)?;
        // Over an empty folder this is one atomic step; over anything else it fails.
        fs::rename(draft.path(), &dir).map_err(|source| Error::io(&dir, source))?;
        // Nothing is left under the draft's name to remove.
        let _ = draft.keep();
        Self::open(dir)
    }

    /// Opens a home.
    ///
    /// # Errors
    /// [`Error::NoHome`] when there is none in `dir`.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let path = dir.join(LEDGER);
        if !path.is_file() {
            return Err(Error::NoHome { dir });
        }
        let ledger = Ledger::open(path)?;
        if ledger.needs_scrub() {
            finish_erasure(&ledger)?;
        }
        let home = Self {
            ledger,
            dir,
            randomness: Randomness::from_os(),
            scan: None,
        };
        if home.is_encrypted() {
            home.set_keys(None);
        }
        Ok(home)
    }

    /// Draws salts and run ids from `randomness` from now on.
    pub fn set_randomness(&mut self, randomness: Randomness) {
        self.randomness = randomness;
    }

    /// Looks for secrets in everything that is recorded from now on.
    pub fn set_scanner(&mut self, scanner: Scanner, mode: ScanMode) {
        self.scan = Some(Scan::new(scanner, mode));
    }

    /// What the scanner has found since it was set.
    pub fn scan_report(&self) -> ScanReport {
        self.scan.as_ref().map(Scan::report).unwrap_or_default()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The ledger's file.
    pub fn ledger_path(&self) -> PathBuf {
        self.dir.join(LEDGER)
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The keys.
    pub fn keys(&self) -> KeyStore {
        KeyStore::new(self.keys_dir())
    }

    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.dir.join(KEYS)
    }

    /// The policy for whoever verifies this home's evidence.
    pub fn trust_path(&self) -> PathBuf {
        self.dir.join(TRUST)
    }

    /// Opens the private keys, for sealing and for making bundles: the issuer's of today, and the log's.
    pub fn signer(&self, passphrase: Option<&Secret>) -> Result<Signer, Error> {
        self.signer_with(None, passphrase)
    }

    /// The same with another key that may speak for the issuer: one of the home's, by name, or a token's, by
    /// its PKCS#11 URI.
    pub fn signer_with(
        &self,
        key: Option<&str>,
        passphrase: Option<&Secret>,
    ) -> Result<Signer, Error> {
        let keys = self.keys();
        let issuer = match key {
            Some(key) => keys.signer(key, passphrase)?,
            None => keys.signer(&self.current_key()?, passphrase)?,
        };
        Ok(Signer {
            issuer,
            log: keys.open(LOG_KEY, passphrase)?,
        })
    }

    /// Whether signing with this key of the home's (the issuer's of today if `None`) takes a passphrase.
    pub fn needs_passphrase(&self, key: Option<&str>) -> Result<bool, Error> {
        let keys = self.keys();
        let encrypted = match key {
            Some(key) if TokenUri::is_uri(key) => false,
            Some(key) => keys.info(key)?.encrypted,
            None => keys.info(&self.current_key()?)?.encrypted,
        };
        Ok(encrypted || keys.info(LOG_KEY)?.encrypted)
    }
}

/// Ends an erasure that was interrupted. While others use the ledger, its end waits for the next time.
fn finish_erasure(ledger: &Ledger) -> Result<(), Error> {
    ledger.set_busy_timeout(SCRUB_TIMEOUT)?;
    let done = ledger.scrub();
    ledger.set_busy_timeout(BUSY_TIMEOUT)?;
    match done {
        Err(avouch_ledger::Error::Busy) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(feature = "pkcs11")]
fn link_token(keys: &KeyStore, options: &InitOptions) -> Result<KeyInfo, Error> {
    match &options.issuer_token {
        Some(uri) => keys.link_token(ISSUER_KEY, uri),
        None => keys.info(ISSUER_KEY),
    }
}

#[cfg(not(feature = "pkcs11"))]
fn link_token(keys: &KeyStore, options: &InitOptions) -> Result<KeyInfo, Error> {
    if let Some(uri) = &options.issuer_token {
        let why = "this program was built without PKCS#11".into();
        let uri = uri.to_string();
        return Err(Error::Token { uri, why });
    }
    keys.info(ISSUER_KEY)
}

fn build(dir: &Path, options: &InitOptions) -> Result<(), Error> {
    let keys = KeyStore::new(dir.join(KEYS));
    let passphrase = options.passphrase.as_ref();
    let issuer = match &options.issuer_pem {
        _ if options.issuer_token.is_some() => link_token(&keys, options)?,
        Some(pem) => keys.import(ISSUER_KEY, pem, passphrase, passphrase)?,
        None => {
            let algorithm = options.algorithm.unwrap_or(Algorithm::Ed25519);
            keys.generate(ISSUER_KEY, algorithm, passphrase)?
        }
    };
    let log = keys.generate(LOG_KEY, Algorithm::Ed25519, passphrase)?;
    let short = |key: &VerifyingKey| hex::encode(&key.id().0[..8]);
    let identity = Identity {
        issuer: options
            .issuer
            .clone()
            .unwrap_or_else(|| format!("urn:avouch:issuer:{}", short(&issuer.public))),
        issuer_key: issuer.public,
        log_origin: options
            .log_origin
            .clone()
            .unwrap_or_else(|| format!("avouch.invalid/log/{}", short(&log.public))),
        log_key: log.public,
    };
    let recipients = match &options.encrypt_to {
        Some(recipients) if recipients.is_empty() => {
            let made = Identities::generate();
            let file = made.write(passphrase.map(|phrase| &**phrase), None)?;
            let path = dir.join(KEYS).join(STORE_IDENTITY);
            durable::create_new(&path, &file, durable::Access::OwnerOnly)?;
            made.recipients()
        }
        Some(recipients) => recipients.clone(),
        None => Vec::new(),
    };
    let mut recipients: Vec<String> = recipients.iter().map(Recipient::to_string).collect();
    recipients.sort();
    recipients.dedup();
    drop(Ledger::create_encrypted(
        dir.join(LEDGER),
        &identity,
        &recipients,
    )?);
    durable::create_new(
        &dir.join(TRUST),
        trust_toml(&identity)?.as_bytes(),
        durable::Access::Default,
    )
}

/// The policy that accepts what this identity signs and logs.
fn trust_toml(identity: &Identity) -> Result<String, Error> {
    // A JSON string without control characters, which an identity refuses, is a TOML string too.
    let string = |text: &str| serde_json::Value::from(text).to_string();
    Ok(format!(
        "# What evidence of this home is checked against. Give it to whoever verifies, over a channel\n\
         # that they trust: who holds the keys named here is believed.\n\
         version = 1\n\n\
         [[issuer]]\n\
         name = {issuer}\n\
         key = \"\"\"\n{key}\"\"\"\n\n\
         [[log]]\n\
         origin = {origin}\n\
         key = {note_key}\n\n\
         [require]\n\
         log = true\n",
        issuer = string(&identity.issuer),
        key = identity.issuer_key.to_pem(),
        origin = string(&identity.log_origin),
        note_key = string(&identity.note_key()?.to_string()),
    ))
}

/// Seconds since the Unix epoch, by this machine's clock: what a statement's `iat` says.
pub(crate) fn now() -> Result<u64, Error> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .map_err(|_| Error::Clock)
}
