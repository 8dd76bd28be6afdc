//! Field values and blobs encrypted under a key of their run.
//!
//! Headers, body roots and everything that is signed stay in the clear: a store that is locked can still be
//! checked and sealed. Who may read is not decided here: run keys are wrapped and unwrapped by a [`Keys`]
//! that is passed in, and their wrapped forms are kept as they are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::{Digest, sha256};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use rusqlite::{Connection, params};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, Place, RunIndex};

/// A nonce's length in bytes, and a tag's.
const NONCE: usize = 24;

/// What encrypts one run.
#[derive(Clone)]
pub struct RunKey(Zeroizing<[u8; 32]>);

impl RunKey {
    /// The key of these bytes, which must be fresh and random.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes, for wrapping.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// One key for each purpose.
    fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&self.0, &[b"avouch/v1/", purpose.as_bytes()]))
    }

    /// Encrypts. The nonce is made of what is encrypted and what it is bound to, so that it needs no
    /// randomness and never repeats for another text; the same text at the same place gives the same bytes.
    fn seal(&self, purpose: &str, bound_to: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.derive(purpose);
        let nonce_key = self.derive(&format!("{purpose}/nonce"));
        let length = (bound_to.len() as u64).to_be_bytes();
        let nonce = mac(&nonce_key, &[&length, bound_to, plain]);
        let nonce: [u8; NONCE] = nonce[..NONCE].try_into().ok()?;
        let payload = Payload {
            msg: plain,
            aad: bound_to,
        };
        let cipher = XChaCha20Poly1305::new((&*key).into());
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    fn open(&self, purpose: &str, bound_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let key = self.derive(purpose);
        let payload = Payload {
            msg: sealed,
            aad: bound_to,
        };
        let cipher = XChaCha20Poly1305::new((&*key).into());
        cipher.decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// The `digest` column of a blob: its digest alone would confirm a guess.
    pub(crate) fn blob_name(&self, digest: &Digest) -> Digest {
        Digest(mac(&self.derive("blob/name"), &[&digest.0]))
    }

    /// The `bytes` column of the blob of this name.
    pub(crate) fn seal_blob(&self, name: &Digest, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.seal("blob", &name.0, bytes).ok_or(Error::Encrypt)
    }

    /// The bytes of the blob of this name. What does not open, or is not what the name is of, is not this blob.
    pub(crate) fn open_blob(&self, name: &Digest, sealed: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.open("blob", &name.0, sealed)?;
        (self.blob_name(&sha256(&[&bytes])) == *name).then_some(bytes)
    }

    /// The `fields` column of an event: `{1: encrypted fields, ? 2: [leaf hash of each erased field]}`. The leaf
    /// hashes stand outside for the triggers that let fields be erased.
    pub(crate) fn seal_fields(
        &self,
        event: i64,
        fields: &[u8],
        erased: &[Digest],
    ) -> Result<Vec<u8>, Error> {
        let sealed = self.seal("fields", &event.to_be_bytes(), fields);
        let sealed = sealed.ok_or(Error::Encrypt)?;
        let mut out = Encoder::new();
        out.map(1 + usize::from(!erased.is_empty()));
        out.int(1).bytes(&sealed);
        if !erased.is_empty() {
            out.int(2).array(erased.len());
            for leaf in erased {
                out.bytes(&leaf.0);
            }
        }
        Ok(out.into_vec())
    }

    /// What [`RunKey::seal_fields`] was given; `None` where it was not this.
    pub(crate) fn open_fields(&self, event: i64, column: &[u8]) -> Option<Vec<u8>> {
        let sealed = sealed_part(column)?;
        self.open("fields", &event.to_be_bytes(), sealed)
    }
}

/// How much longer an encrypted blob is.
pub(crate) const BLOB_OVERHEAD: u64 = NONCE as u64 + 16;

impl fmt::Debug for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunKey(..)")
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block of SHA-256 is filled up with zeros (RFC 2104).
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// The encrypted part of a `fields` column; `None` where it is in the clear.
pub(crate) fn sealed_part(column: &[u8]) -> Option<&[u8]> {
    // A map of one or two; fields in the clear are an array.
    if !matches!(column.first(), Some(0xa1 | 0xa2)) {
        return None;
    }
    Item::parse(column).ok()?.as_map()?.get_int(1)?.as_bytes()
}

/// Wraps and unwraps run keys.
pub trait Keys: Send {
    /// A fresh key and its wrapped form for each of these recipients, in their order.
    ///
    /// # Errors
    /// A message for people.
    fn new_key(&self, recipients: &[String]) -> Result<(RunKey, Vec<Vec<u8>>), String>;

    /// The key in this wrapped form, if it can be opened here.
    fn unwrap(&self, wrapped: &[u8]) -> Option<RunKey>;

    /// The key wrapped for another recipient.
    ///
    /// # Errors
    /// A message for people.
    fn wrap(&self, key: &RunKey, recipient: &str) -> Result<Vec<u8>, String>;
}

/// The run keys at hand.
pub(crate) struct Vault {
    /// Who reads what is recorded; empty in a store that is not encrypted.
    recipients: Vec<String>,
    keys: RefCell<Option<Box<dyn Keys>>>,
    opened: RefCell<HashMap<i64, RunKey>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}

impl Vault {
    pub(crate) fn read(conn: &Connection) -> Result<Self, Error> {
        let mut query = conn.prepare("SELECT recipient FROM recipients ORDER BY id")?;
        let recipients = query.query_map([], |row| row.get(0))?;
        Ok(Self {
            recipients: recipients.collect::<Result<_, _>>()?,
            keys: RefCell::default(),
            opened: RefCell::default(),
        })
    }

    pub(crate) fn recipients(&self) -> &[String] {
        &self.recipients
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        !self.recipients.is_empty()
    }

    pub(crate) fn set_keys(&self, keys: Box<dyn Keys>) {
        *self.keys.borrow_mut() = Some(keys);
        self.opened.borrow_mut().clear();
    }

    /// Makes the key of a run that begins, in an encrypted store.
    pub(crate) fn begin(&self, conn: &Connection, run: RunIndex) -> Result<Option<RunKey>, Error> {
        if !self.is_encrypted() {
            return Ok(None);
        }
        let keys = self.keys.borrow();
        let keys = keys.as_ref().ok_or(Error::NoKeys)?;
        let (key, wrapped) = keys.new_key(&self.recipients).map_err(Error::Keys)?;
        for (recipient, wrapped) in self.recipients.iter().zip(wrapped) {
            insert_key(conn, run, recipient, &wrapped)?;
        }
        Ok(Some(key))
    }

    /// Keeps the keys of runs that were committed.
    pub(crate) fn remember(&self, keys: HashMap<i64, RunKey>) {
        self.opened.borrow_mut().extend(keys);
    }

    /// The run's key: `Ok(None)` in a store that is not encrypted.
    ///
    /// # Errors
    /// [`Error::Locked`] where no key at hand opens it.
    pub(crate) fn key(&self, conn: &Connection, run: RunIndex) -> Result<Option<RunKey>, Error> {
        if !self.is_encrypted() {
            return Ok(None);
        }
        if let Some(key) = self.opened.borrow().get(&run.0) {
            return Ok(Some(key.clone()));
        }
        if let Some(keys) = &*self.keys.borrow() {
            let sql = "SELECT wrapped FROM run_keys WHERE run = ?1 ORDER BY id";
            let mut query = conn.prepare_cached(sql)?;
            let mut rows = query.query([run.0])?;
            while let Some(row) = rows.next()? {
                if let Some(key) = keys.unwrap(row.get_ref(0)?.as_blob().unwrap_or_default()) {
                    self.opened.borrow_mut().insert(run.0, key.clone());
                    return Ok(Some(key));
                }
            }
        }
        let sql = "SELECT name FROM runs WHERE idx = ?1";
        Err(Error::Locked {
            run: conn.query_row(sql, [run.0], |row| row.get(0))?,
        })
    }

    /// Each of the store's recipients, and in a store in the clear nobody, has the run's key.
    pub(crate) fn check_readers(&self, conn: &Connection, run: RunIndex) -> Result<(), Error> {
        let readers = recipients_of(conn, run)?;
        let wrong = match self.recipients.iter().find(|one| !readers.contains(one)) {
            Some(recipient) => format!("its key is not wrapped for {recipient}"),
            None if !self.is_encrypted() && !readers.is_empty() => {
                "it has a key in a store in the clear".to_owned()
            }
            None => return Ok(()),
        };
        Err(Error::corrupt(Place::Run { index: run.0 }, wrong))
    }

    /// Lets another recipient read a run.
    pub(crate) fn add(
        &self,
        conn: &Connection,
        run: RunIndex,
        recipient: &str,
    ) -> Result<(), Error> {
        let key = self.key(conn, run)?.ok_or(Error::NotEncrypted)?;
        let keys = self.keys.borrow();
        let keys = keys.as_ref().ok_or(Error::NoKeys)?;
        let wrapped = keys.wrap(&key, recipient).map_err(Error::Keys)?;
        insert_key(conn, run, recipient, &wrapped)
    }
}

fn insert_key(
    conn: &Connection,
    run: RunIndex,
    recipient: &str,
    wrapped: &[u8],
) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO run_keys (id, run, recipient, wrapped)
         VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM run_keys), ?1, ?2, ?3)",
    )?
    .execute(params![run.0, recipient, wrapped])?;
    Ok(())
}

/// Who can open the key of a run, in the order in which they were added.
pub(crate) fn recipients_of(conn: &Connection, run: RunIndex) -> Result<Vec<String>, Error> {
    let mut query =
        conn.prepare_cached("SELECT recipient FROM run_keys WHERE run = ?1 ORDER BY id")?;
    let recipients = query.query_map([run.0], |row| row.get(0))?;
    Ok(recipients.collect::<Result<_, _>>()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_under_its_key_and_in_its_place() {
        let key = RunKey::new([1; 32]);
        let column = key.seal_fields(7, b"fields", &[Digest([9; 32])]).unwrap();
        assert_eq!(key.open_fields(7, &column).unwrap(), b"fields");
        assert!(key.open_fields(8, &column).is_none());
        assert!(RunKey::new([2; 32]).open_fields(7, &column).is_none());
        for at in 4..column.len() - 36 {
            let mut bad = column.clone();
            bad[at] ^= 1;
            assert!(key.open_fields(7, &bad).is_none(), "{at}");
        }
        let name = key.blob_name(&sha256(&[b"bytes"]));
        let blob = key.seal_blob(&name, b"bytes").unwrap();
        assert_eq!(blob.len() as u64, 5 + BLOB_OVERHEAD);
        assert_eq!(key.open_blob(&name, &blob).unwrap(), b"bytes");
        assert!(key.open_blob(&Digest([4; 32]), &blob).is_none());
        let other = key.seal_blob(&name, b"other").unwrap();
        assert!(key.open_blob(&name, &other).is_none());
    }

    #[test]
    fn nonces_differ_where_text_or_place_do() {
        let key = RunKey::new([1; 32]);
        let nonce = |event, text: &[u8]| {
            let column = key.seal_fields(event, text, &[]).unwrap();
            sealed_part(&column).unwrap()[..NONCE].to_vec()
        };
        assert_ne!(nonce(1, b"a"), nonce(1, b"b"));
        assert_ne!(nonce(1, b"a"), nonce(2, b"a"));
        assert_eq!(nonce(1, b"a"), nonce(1, b"a"));
    }
}
