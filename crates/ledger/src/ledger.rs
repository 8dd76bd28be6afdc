//! Creating and opening a ledger.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use avouch_cbor::Encoder;
use avouch_cose::{NoteKey, VerifyingKey, statement::MAX_NAME};
use avouch_merkle::{Digest, sha256};
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior,
    params,
};

use crate::crypt::{self, Keys, Vault};
use crate::{Error, Place, RunIndex, schema};

/// Whose ledger it is. Fixed when the ledger is created, so that no other key can ever sign in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's name, as statements carry it.
    pub issuer: String,
    /// The key that statements are signed with.
    pub issuer_key: VerifyingKey,
    /// The log's name, as checkpoints carry it.
    pub log_origin: String,
    /// The key that checkpoints and receipts are signed with: Ed25519.
    pub log_key: VerifyingKey,
}

impl Identity {
    /// Refuses now what signing would refuse later.
    fn check(&self) -> Result<(), Error> {
        let issuer = &self.issuer;
        if issuer.is_empty() || issuer.len() > MAX_NAME || issuer.contains(char::is_control) {
            return Err(Error::Identity {
                what: "the issuer's name",
                why: format!("expected 1 to {MAX_NAME} bytes without control characters"),
            });
        }
        self.note_key().map(|_| ())
    }

    /// The key that checks the log's checkpoints.
    pub fn note_key(&self) -> Result<NoteKey, Error> {
        NoteKey::new(&self.log_origin, self.log_key).map_err(|error| Error::Identity {
            what: "the log's name and key",
            why: error.to_string(),
        })
    }

    /// What `store.digest` holds and the digests of `runs` begin with.
    fn digest(&self, recipients: &[String]) -> Digest {
        let mut row = Encoder::new();
        row.array(4 + usize::from(!recipients.is_empty()));
        row.text(&self.issuer);
        row.bytes(&self.issuer_key.to_cose_key());
        row.text(&self.log_origin);
        row.bytes(&self.log_key.to_cose_key());
        if !recipients.is_empty() {
            row.array(recipients.len());
            for recipient in recipients {
                row.text(recipient);
            }
        }
        sha256(&[b"avouch/v1/store", row.as_slice()])
    }
}

/// An open ledger. One connection: give each thread its own.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) conn: Connection,
    path: PathBuf,
    identity: Identity,
    pub(crate) vault: Vault,
}

impl Ledger {
    /// Creates a ledger, readable only by its owner, and opens it.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a file already: nothing is ever overwritten.
    pub fn create(path: impl AsRef<Path>, identity: &Identity) -> Result<Self, Error> {
        Self::create_encrypted(path, identity, &[])
    }

    /// As [`Ledger::create`]. Field values and blobs of everything that is recorded are encrypted to these
    /// recipients, if there are any: that cannot be changed later, but each run can get more readers.
    /// [`Ledger::set_keys`] comes before recording.
    ///
    /// # Errors
    /// As [`Ledger::create`].
    pub fn create_encrypted(
        path: impl AsRef<Path>,
        identity: &Identity,
        recipients: &[String],
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        identity.check()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.into() },
            _ => io(path, source),
        })?;
        let made = Self::create_in(path, identity, recipients);
        if made.is_err() {
            // Only what this call made: an empty file, perhaps with tables that nobody has seen.
            let _ = fs::remove_file(path);
        }
        made
    }

    fn create_in(path: &Path, identity: &Identity, recipients: &[String]) -> Result<Self, Error> {
        let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        schema::configure(&conn)?;
        // The marks and the tables come in one transaction: a ledger is whole or not there.
        let tx = conn.transaction()?;
        tx.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", schema::VERSION)?;
        schema::create(&tx)?;
        for (id, recipient) in (1_i64..).zip(recipients) {
            tx.execute(
                "INSERT INTO recipients (id, recipient) VALUES (?1, ?2)",
                params![id, recipient],
            )?;
        }
        tx.execute(
            "INSERT INTO store (one, issuer, issuer_key, log_origin, log_key, digest)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                identity.issuer,
                identity.issuer_key.to_cose_key(),
                identity.log_origin,
                identity.log_key.to_cose_key(),
                identity.digest(recipients).0,
            ],
        )?;
        tx.commit()?;
        sync_folder_of(path)?;
        Ok(Self {
            vault: Vault::read(&conn)?,
            conn,
            path: path.into(),
            identity: identity.clone(),
        })
    }

    /// Opens a ledger for reading and writing.
    ///
    /// # Errors
    /// [`Error::NotALedger`] if the file is something else or of another version, and
    /// [`Error::Corrupt`] if the row that says whose ledger it is was changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a ledger for reading only. Nothing that it offers can then write.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path.as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Self, Error> {
        // SQLite's own message for a missing file names neither the file nor the reason.
        let length = fs::metadata(path).map_err(|source| io(path, source))?.len();
        let not_a_ledger = |why: String| {
            Err(Error::NotALedger {
                path: path.into(),
                why,
            })
        };
        let empty = "an empty file: creating a ledger here was interrupted before anything was \
                     recorded; remove it and create the ledger again";
        if length == 0 {
            return not_a_ledger(empty.into());
        }
        let conn = connect(path, flags)?;
        let marks = schema::configure(&conn).and_then(|()| schema::marks(&conn));
        let known = (schema::APPLICATION_ID, schema::VERSION);
        match marks {
            Ok(marks) if marks == known => {}
            Ok((id, version)) if id == known.0 => {
                let known = known.1;
                return not_a_ledger(format!(
                    "a ledger of version {version}; this program knows {known}"
                ));
            }
            Ok(_) if schema::is_empty(&conn)? => return not_a_ledger(empty.into()),
            Ok(_) => return not_a_ledger("not an avouch ledger".into()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
                return not_a_ledger("not an avouch ledger".into());
            }
            Err(error) => return Err(error.into()),
        }
        if flags == OpenFlags::SQLITE_OPEN_READ_WRITE {
            // It is already, unless another program changed that.
            conn.pragma_update(None, "journal_mode", "WAL")?;
        }
        let identity = read_identity(&conn)?;
        Ok(Self {
            vault: Vault::read(&conn)?,
            conn,
            path: path.into(),
            identity,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose ledger it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the digests of `runs` begin with.
    pub(crate) fn store_digest(&self) -> Digest {
        self.identity.digest(self.vault.recipients())
    }

    /// Whether field values and blobs are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.vault.is_encrypted()
    }

    /// Whom everything that is recorded is encrypted to.
    pub fn recipients(&self) -> &[String] {
        self.vault.recipients()
    }

    /// Who can read a run: the store's recipients, and those that were added.
    pub fn recipients_of(&self, run: RunIndex) -> Result<Vec<String>, Error> {
        crypt::recipients_of(&self.conn, run)
    }

    /// That the values of a run can be read here.
    ///
    /// # Errors
    /// [`Error::Locked`] where they cannot.
    pub fn require_key(&self, run: RunIndex) -> Result<(), Error> {
        self.vault.key(&self.conn, run).map(drop)
    }

    /// Wraps and unwraps run keys with `keys` from now on.
    pub fn set_keys(&self, keys: Box<dyn Keys>) {
        self.vault.set_keys(keys);
    }

    /// Lets another recipient read a run: its key is wrapped once more, and nothing else is written. Who can
    /// read cannot be taken back.
    ///
    /// # Errors
    /// [`Error::NotEncrypted`], [`Error::Locked`] if the run's key cannot be opened here.
    pub fn add_recipient(&self, run: RunIndex, recipient: &str) -> Result<(), Error> {
        let tx = self.begin(TransactionBehavior::Immediate)?;
        if !crypt::recipients_of(&tx, run)?
            .iter()
            .any(|known| known == recipient)
        {
            self.vault.add(&tx, run, recipient)?;
        }
        Ok(tx.commit()?)
    }

    /// Begins a transaction. The borrow is shared, so that a batch and its ledger can be kept side by
    /// side; that there is only one at a time is checked here instead.
    pub(crate) fn begin(&self, behavior: TransactionBehavior) -> Result<Transaction<'_>, Error> {
        if !self.conn.is_autocommit() {
            return Err(Error::BatchOpen);
        }
        Ok(Transaction::new_unchecked(&self.conn, behavior)?)
    }

    /// The row that says whose ledger it is still says so, and is alone.
    pub(crate) fn check_identity(&self, conn: &Connection) -> Result<(), Error> {
        let rows: i64 = conn.query_row("SELECT COUNT(*) FROM store", [], |row| row.get(0))?;
        if rows != 1 || read_identity(conn)? != self.identity {
            return Err(Error::corrupt(
                Place::Store,
                "the row is not the one that was opened",
            ));
        }
        Ok(())
    }

    /// How long a write waits for another process before it gives up with [`Error::Busy`]:
    /// five minutes unless told.
    pub fn set_busy_timeout(&self, timeout: Duration) -> Result<(), Error> {
        Ok(self.conn.busy_timeout(timeout)?)
    }
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Error> {
    // No SQLITE_OPEN_URI and no SQLITE_OPEN_CREATE: a path is a path, and a typo makes no new file.
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| Error::NotALedger {
        path: path.into(),
        why: error.to_string(),
    })
}

fn read_identity(conn: &Connection) -> Result<Identity, Error> {
    let wrong = |rule: String| Error::corrupt(Place::Store, rule);
    let row = conn
        .query_row(
            "SELECT issuer, issuer_key, log_origin, log_key, digest FROM store WHERE one = 1",
            [],
            |row| {
                let keys: (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(3)?);
                Ok((row.get(0)?, keys, row.get(2)?, row.get::<_, [u8; 32]>(4)?))
            },
        )
        .optional()?;
    let Some((issuer, (issuer_key, log_key), log_origin, digest)) = row else {
        return Err(wrong("the row is missing".into()));
    };
    let key = |name: &str, bytes: &[u8]| {
        VerifyingKey::from_cose_key(bytes).map_err(|error| wrong(format!("{name}: {error}")))
    };
    let identity = Identity {
        issuer,
        issuer_key: key("issuer_key", &issuer_key)?,
        log_origin,
        log_key: key("log_key", &log_key)?,
    };
    let recipients = Vault::read(conn)?;
    if identity.digest(recipients.recipients()).0 != digest {
        return Err(wrong("the row's digest is another".into()));
    }
    Ok(identity)
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        path: path.into(),
        source,
    }
}

/// Makes the new file's name last, not only its bytes.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| io(path, source))?;
    }
    Ok(())
}
