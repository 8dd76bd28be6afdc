//! A copy of an SQLite database as it was at one moment, without touching it.
//!
//! Opening a database in write-ahead mode, even only to read, may create files beside it and needs a
//! directory that can be written to. So the file is copied together with its write-ahead log and its
//! rollback journal, then all of it is read again. Where it is still the same, the copy is what a power
//! cut would have left between the two readings, and SQLite recovers its last whole transaction from that.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// How often it is tried to find the database at rest, and the longest pause between two tries.
const TRIES: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A copy in a folder of its own, which goes away with it.
pub(crate) struct Snapshot {
    folder: TempDir,
}

impl Snapshot {
    fn new() -> io::Result<Self> {
        Ok(Self {
            folder: TempDir::with_prefix("avouch-source-")?,
        })
    }

    /// The copy's file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("copy.db")
    }
}

/// Copies a database that is given as bytes.
pub(crate) fn spool<R: Read + Seek>(reader: &mut R) -> io::Result<Snapshot> {
    let taken = Snapshot::new()?;
    reader.seek(SeekFrom::Start(0))?;
    io::copy(reader, &mut File::create(taken.path())?)?;
    Ok(taken)
}

/// Copies the database at this path. `None` where it was never found at rest.
pub(crate) fn take(path: &Path) -> io::Result<Option<Snapshot>> {
    // SQLite, too, looks for the log beside the file that a link leads to.
    let path = fs::canonicalize(path)?;
    for attempt in 0..TRIES {
        sleep((Duration::from_millis(10) * attempt).min(LONGEST_PAUSE));
        let taken = Snapshot::new()?;
        // A log only grows, and any first part of it is whole: later transactions are not ours. It
        // is copied after the file, so that nothing is in neither.
        let parts = [("", false), ("-journal", false), ("-wal", true)];
        let mut first = Vec::new();
        for (suffix, _) in parts {
            let to = beside(&taken.path(), suffix);
            first.push(copy(&beside(&path, suffix), &mut || File::create(&to))?);
        }
        let mut at_rest = true;
        for ((suffix, grows), seen) in parts.into_iter().zip(first) {
            let from = beside(&path, suffix);
            at_rest &= match (seen, grows) {
                (None, true) => true,
                (None, false) => !from.try_exists()?,
                (Some((length, digest)), grows) => is_same(&from, length, digest, grows)?,
            };
        }
        if at_rest {
            return Ok(Some(taken));
        }
    }
    Ok(None)
}

/// The path with something added to the file's name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

type Seen = (u64, [u8; 32]);

/// Copies a file, if there is one; its length and SHA-256.
fn copy(from: &Path, to: &mut dyn FnMut() -> io::Result<File>) -> io::Result<Option<Seen>> {
    match File::open(from) {
        Ok(file) => read(file, &mut to()?).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a file still has these bytes, and nothing after them unless it `grows`.
fn is_same(path: &Path, length: u64, digest: [u8; 32], grows: bool) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => {
            let most = if grows { length } else { u64::MAX };
            Ok(read(file.take(most), &mut io::sink())? == (length, digest))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(mut from: impl Read, to: &mut impl Write) -> io::Result<Seen> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok((length, hasher.finalize().into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        length += count as u64;
    }
}
