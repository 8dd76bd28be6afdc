//! Encrypted stores, and evidence whose values only chosen readers open.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use avouch_bundle::Bundle;
use avouch_ledger::Run;
use avouch_privacy::{
    AgeKeys, Identities, MAX_IDENTITY_FILE, Recipient, is_locked, open_fields, seal_fields,
};
use zeroize::Zeroizing;

use crate::home::Signer;
use crate::keys::Secret;
use crate::random::os_random;
use crate::{Error, Home, Selection, durable};

/// The file in the keys' folder with the identity that opens the store.
pub(crate) const STORE_IDENTITY: &str = "store.age";

/// An age identity file that was read, but not opened.
#[derive(Debug)]
pub struct IdentityFile {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
}

impl IdentityFile {
    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::SharedKey`] where others can read it and no passphrase protects it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::io(path, source);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_IDENTITY_FILE + 1));
        file.take(MAX_IDENTITY_FILE as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if !is_locked(&bytes) {
            durable::refuse_shared(path, &metadata)?;
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    /// Whether it asks for a passphrase.
    pub fn is_locked(&self) -> bool {
        is_locked(&self.bytes)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds.
    pub fn open(&self, passphrase: Option<&Secret>) -> Result<Identities, Error> {
        let phrase = passphrase.map(|phrase| &**phrase);
        Identities::read(&self.bytes, phrase).map_err(|source| Error::Identity {
            path: self.path.clone(),
            source: Box::new(source),
        })
    }
}

impl Home {
    /// Whether field values and blobs are encrypted in the ledger.
    pub fn is_encrypted(&self) -> bool {
        self.ledger.is_encrypted()
    }

    /// Reads what is encrypted with these identities from now on.
    pub fn unlock(&mut self, identities: Identities) {
        self.set_keys(Some(identities));
    }

    /// The identity that was made with an encrypted home, where it is still with the keys.
    pub fn identity_file(&self) -> Result<Option<IdentityFile>, Error> {
        let path = self.keys_dir().join(STORE_IDENTITY);
        match IdentityFile::read(&path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Recording needs no identity: a run's key is made, and wrapped for whoever may read it.
    pub(crate) fn set_keys(&self, identities: Option<Identities>) {
        let fresh = || os_random().map_err(|error| error.to_string());
        self.ledger
            .set_keys(Box::new(AgeKeys::new(identities, fresh)));
    }

    /// Lets another recipient read a run of an encrypted store. It cannot be taken back.
    pub fn add_recipient(&mut self, run: &Run, recipient: &Recipient) -> Result<(), Error> {
        Ok(self
            .ledger
            .add_recipient(run.index, &recipient.to_string())?)
    }

    /// As [`Home::bundle`], with every field value encrypted to these recipients: anyone can verify the bundle,
    /// and they alone read what it shows.
    pub fn bundle_to(
        &self,
        run: &Run,
        selection: &Selection,
        recipients: &[Recipient],
        signer: &Signer,
    ) -> Result<Bundle, Error> {
        let mut bundle = self.bundle(run, selection, signer)?;
        match &mut bundle.disclosures {
            Some(shown) => seal_fields(shown, recipients)?,
            None => return Err(avouch_privacy::Error::NothingToSeal.into()),
        }
        Ok(bundle)
    }
}

/// The bundle with its sealed fields opened, each compared with the hash that stands for it. `None` where it
/// has none.
pub(crate) fn open_bundle(bytes: &[u8], identities: &Identities) -> Result<Option<Vec<u8>>, Error> {
    // One that cannot be read is its verifier's to judge.
    let Ok(mut bundle) = Bundle::decode(bytes) else {
        return Ok(None);
    };
    let shown = bundle.disclosures.as_mut();
    let Some(shown) = shown.filter(|shown| shown.sealed.is_some()) else {
        return Ok(None);
    };
    open_fields(shown, identities)?;
    bundle.encode().map(Some).map_err(Error::MakeBundle)
}
