//! The last checkpoint of each log, in a file that only ever goes forward.
//!
//! Reading the old checkpoint and writing the new one are one transaction under SQLite's write lock, so
//! that two processes on one file cannot step back past each other; a commit returns when it is on disk.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use avouch_cose::CosignerKey;
use avouch_merkle::{Digest, TreeSize};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};

use crate::Error;
use crate::protocol::Held;

/// "avwi": marks the file as ours (SQLite's header, offset 68).
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"avwi");
/// The version of `state.sql`.
const VERSION: i32 = 1;
const TABLES: &str = include_str!("state.sql");
/// How long a request waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A witness's state.
#[derive(Debug)]
pub struct State {
    conn: Connection,
}

impl State {
    /// Makes the state of a witness that has never cosigned anything, readable only by its owner.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a file already.
    pub fn create(path: &Path, key: &CosignerKey) -> Result<(), Error> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.into() },
            _ => Error::io(path, source),
        })?;
        let made = Self::fill(path, key);
        if made.is_err() {
            // Only what this call made, and nobody has seen.
            let _ = fs::remove_file(path);
        }
        made
    }

    fn fill(path: &Path, key: &CosignerKey) -> Result<(), Error> {
        let mut conn = connect(path)?;
        let tx = conn.transaction()?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", VERSION)?;
        tx.execute_batch(TABLES)?;
        tx.execute(
            "INSERT INTO witness (one, key) VALUES (1, ?1)",
            [key.to_string()],
        )?;
        tx.commit()?;
        sync_folder_of(path)
    }

    /// Opens a witness's state.
    ///
    /// # Errors
    /// [`Error::NoState`] if there is none: it is never made silently, because a witness that starts over
    /// can be shown a second history. [`Error::OtherWitness`] if it is another's.
    pub fn open(path: &Path, key: &CosignerKey) -> Result<Self, Error> {
        if !path.is_file() {
            return Err(Error::NoState { path: path.into() });
        }
        let not_ours = |why: String| Error::NotAState {
            path: path.into(),
            why,
        };
        let conn = connect(path).map_err(|error| not_ours(error.to_string()))?;
        let mark = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let marks = (mark("application_id"), mark("user_version"));
        match marks {
            (Ok(APPLICATION_ID), Ok(VERSION)) => {}
            (Ok(APPLICATION_ID), Ok(version)) => {
                let why = format!("version {version}; this program knows {VERSION}");
                return Err(not_ours(why));
            }
            _ => return Err(not_ours("another kind of file".into())),
        }
        let found: Option<String> = conn
            .query_row("SELECT key FROM witness", [], |row| row.get(0))
            .optional()?;
        let (found, expected) = (found.unwrap_or_default(), key.to_string());
        if found != expected {
            return Err(Error::OtherWitness {
                path: path.into(),
                found,
                expected,
            });
        }
        Ok(Self { conn })
    }

    /// The last checkpoint cosigned of a log.
    pub fn held(&self, origin: &str) -> Result<Option<Held>, Error> {
        held(&self.conn, origin)
    }

    /// Both notes, where a log was caught signing two roots for one size.
    pub fn fork(&self, origin: &str) -> Result<Option<(String, String)>, Error> {
        let sql = "SELECT held, other FROM forks WHERE origin = ?1";
        let mut query = self.conn.prepare_cached(sql)?;
        let row = query.query_row([origin], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(row.optional()?)
    }

    /// One compare-and-swap: `decide` sees the last checkpoint of the log and returns the next, which is on
    /// disk when this returns; or it refuses, and nothing changes.
    pub(crate) fn advance<T, R>(
        &mut self,
        decide: impl FnOnce(&dyn Fn(&str) -> Result<Option<Held>, Error>) -> Result<Step<T, R>, Error>,
    ) -> Result<Result<T, R>, Error> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        match decide(&|origin| held(&tx, origin))? {
            Step::Refuse(refusal) => Ok(Err(refusal)),
            Step::Fork {
                origin,
                held,
                other,
                refusal,
            } => {
                let sql = "INSERT INTO forks (origin, held, other) SELECT ?1, ?2, ?3
                           WHERE NOT EXISTS (SELECT 1 FROM forks WHERE origin = ?1)";
                tx.execute(sql, params![origin, held, other])?;
                tx.commit()?;
                Ok(Err(refusal))
            }
            Step::Go {
                origin,
                next,
                value,
            } => {
                let row = params![
                    origin,
                    next.size.0 as i64,
                    next.root.0,
                    next.note,
                    next.time as i64
                ];
                let update =
                    "UPDATE logs SET size = ?2, root = ?3, note = ?4, time = ?5 WHERE origin = ?1";
                if tx.execute(update, row)? == 0 {
                    let insert = "INSERT INTO logs (origin, size, root, note, time) VALUES (?1, ?2, ?3, ?4, ?5)";
                    tx.execute(insert, row)?;
                }
                tx.commit()?;
                Ok(Ok(value))
            }
        }
    }
}

/// What [`State::advance`] shall do.
pub(crate) enum Step<T, R> {
    /// Keep the new checkpoint.
    Go {
        origin: String,
        next: Held,
        value: T,
    },
    /// Change nothing.
    Refuse(R),
    /// Keep the evidence.
    Fork {
        origin: String,
        held: String,
        other: String,
        refusal: R,
    },
}

fn connect(path: &Path) -> Result<Connection, Error> {
    // No SQLITE_OPEN_CREATE: a typo makes no new state.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // A commit returns only when it is on disk, in the drive's cache nowhere (macOS).
    conn.pragma_update(None, "synchronous", "EXTRA")?;
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    Ok(conn)
}

fn held(conn: &Connection, origin: &str) -> Result<Option<Held>, Error> {
    let sql = "SELECT size, root, note, time FROM logs WHERE origin = ?1";
    let mut query = conn.prepare_cached(sql)?;
    let row = query.query_row([origin], |row| {
        let (size, time): (i64, i64) = (row.get(0)?, row.get(3)?);
        Ok(Held {
            size: TreeSize(size as u64),
            root: Digest(row.get(1)?),
            note: row.get(2)?,
            time: time as u64,
        })
    });
    Ok(row.optional()?)
}

/// Makes the new file's name last, not only its bytes.
fn sync_folder_of(path: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| Error::io(path, source))?;
    }
    Ok(())
}
