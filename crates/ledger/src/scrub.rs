//! Getting rid of what SQLite keeps of rows that were changed.
//!
//! An old version of a page may be in the write-ahead log, on a free page, or in the unused part of a used
//! one. `secure_delete` overwrites what is freed from now on; emptying the WAL and building the file anew
//! (VACUUM) takes care of the rest. A file beside the ledger says that this is still to be done.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::{Error, Ledger, ledger};

/// Ending of the file that says that an erasure is not finished.
const SUFFIX: &str = "-erasing";

/// The mark, from before the transaction until nothing is left to scrub.
pub(crate) struct Marker {
    path: PathBuf,
    /// Whether an earlier erasure had left it.
    was_there: bool,
}

fn path_of(ledger: &Path) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

impl Marker {
    /// Makes the mark last before anything else does.
    pub(crate) fn set(ledger: &Path) -> Result<Self, Error> {
        let path = path_of(ledger);
        let was_there = path.exists();
        File::create(&path)
            .and_then(|file| file.sync_all())
            .map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
        ledger::sync_folder_of(&path)?;
        Ok(Self { path, was_there })
    }

    /// Takes it back where nothing was done.
    pub(crate) fn unset(self) {
        if !self.was_there {
            // One that stays costs a scrub that finds nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Ledger {
    /// Whether an erasure was interrupted before what SQLite kept of the erased was gone.
    pub fn needs_scrub(&self) -> bool {
        path_of(self.path()).exists()
    }

    /// Empties the WAL and builds the file anew, so that nothing of rows that were changed is left in either.
    /// Takes as much free space as the file has; no other process may be reading meanwhile.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process uses the ledger for too long: try again when it has finished.
    pub fn scrub(&self) -> Result<(), Error> {
        if !self.conn.is_autocommit() {
            return Err(Error::BatchOpen);
        }
        self.empty_wal()?;
        self.conn.execute_batch("VACUUM")?;
        self.empty_wal()?;
        let marker = path_of(self.path());
        match fs::remove_file(&marker) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Io {
                path: marker,
                source,
            }),
            _ => ledger::sync_folder_of(self.path()),
        }
    }

    fn empty_wal(&self) -> Result<(), Error> {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = self.conn.query_row(sql, [], |row| row.get(0))?;
        match busy {
            0 => Ok(()),
            _ => Err(Error::Busy),
        }
    }
}
