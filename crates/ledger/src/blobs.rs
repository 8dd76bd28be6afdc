//! Content-addressed values: each kept once, under its SHA-256.

use std::io::Read as _;

use avouch_merkle::{Digest, Sha256, sha256};
use avouch_trace::{BlobRef, Body};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::crypt::{BLOB_OVERHEAD, Vault};
use crate::erase::erased_blob;
use crate::progress::Meter;
use crate::{Error, Ledger, Place, RunIndex, RunKey};

/// The longest value that SQLite keeps (SQLITE_MAX_LENGTH), less room for the row around it.
const MAX: usize = 1_000_000_000 - 1024;

impl Ledger {
    /// The bytes of a blob that a field of this run refers to; `None` if it is not stored.
    ///
    /// # Errors
    /// As [`Ledger::blob`]; [`Error::Locked`] in an encrypted store.
    pub fn run_blob(&self, run: RunIndex, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let Some(key) = self.vault.key(&self.conn, run)? else {
            return self.blob(digest);
        };
        let name = key.blob_name(digest);
        let sql = "SELECT id, bytes FROM blobs WHERE digest = ?1";
        let row = self.conn.prepare_cached(sql)?.query_row([name.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        match row.optional()? {
            None => Ok(None),
            Some((index, sealed)) => match key.open_blob(&name, &sealed) {
                Some(bytes) => Ok(Some(bytes)),
                None => Err(not_encrypted(index, name)),
            },
        }
    }

    /// A blob's bytes, in a store in the clear; `None` if it is not stored.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the stored bytes have another digest.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT id, bytes FROM blobs WHERE digest = ?1";
        let row = self.conn.prepare_cached(sql)?.query_row([digest.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        match row.optional()? {
            Some((index, bytes)) if sha256(&[&bytes]) != *digest => Err(wrong(index, *digest)),
            row => Ok(row.map(|(_, bytes)| bytes)),
        }
    }
}

fn wrong(index: i64, digest: Digest) -> Error {
    Error::corrupt(
        Place::Blob { index, digest },
        "the bytes do not have this digest",
    )
}

fn not_encrypted(index: i64, digest: Digest) -> Error {
    Error::corrupt(
        Place::Blob { index, digest },
        "not encrypted under the key of its run",
    )
}

/// Keeps `bytes` under a run's key, unless the run has them already.
pub(crate) fn put_encrypted(
    conn: &Connection,
    run: RunIndex,
    key: &RunKey,
    bytes: &[u8],
) -> Result<Digest, Error> {
    let max = MAX - BLOB_OVERHEAD as usize;
    if bytes.len() > max {
        let size = bytes.len();
        return Err(Error::BlobTooLarge { size, max });
    }
    let digest = sha256(&[bytes]);
    let name = key.blob_name(&digest);
    if size(conn, &name)?.is_none() {
        insert(conn, &name, &key.seal_blob(&name, bytes)?)?;
        let sql = "INSERT INTO run_blobs (blob, run) VALUES ((SELECT MAX(id) FROM blobs), ?1)";
        conn.prepare_cached(sql)?.execute([run.0])?;
    }
    Ok(digest)
}

fn insert(conn: &Connection, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
    conn.prepare_cached(
        "INSERT INTO blobs (id, digest, bytes)
         VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM blobs), ?1, ?2)",
    )?
    .execute(params![digest.0, bytes])?;
    Ok(())
}

/// Keeps `bytes` unless they are there already.
pub(crate) fn put(conn: &Connection, bytes: &[u8]) -> Result<Digest, Error> {
    if bytes.len() > MAX {
        return Err(Error::BlobTooLarge {
            size: bytes.len(),
            max: MAX,
        });
    }
    let digest = sha256(&[bytes]);
    if size(conn, &digest)?.is_none() {
        insert(conn, &digest, bytes)?;
    }
    Ok(digest)
}

/// A blob's size, without reading it.
fn size(conn: &Connection, digest: &Digest) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT length(bytes) FROM blobs WHERE digest = ?1";
    let size = conn
        .prepare_cached(sql)?
        .query_row([digest.0], |row| row.get::<_, i64>(0));
    Ok(size.optional()?.map(|size| size as u64))
}

/// Checks that every blob that a body refers to is stored, in the size that the field gives.
pub(crate) fn check_references(
    conn: &Connection,
    body: &Body,
    key: Option<&RunKey>,
    run: &str,
    seq: u64,
) -> Result<u64, Error> {
    let mut references = 0;
    // Leaf 0 holds a number.
    for field in body.fields().iter().skip(1) {
        // An array of three: all references begin so, and few other values do.
        if field.value_bytes().first() != Some(&0x83) {
            continue;
        }
        let Some(BlobRef {
            size: stated,
            digest,
            ..
        }) = field.blob()
        else {
            continue;
        };
        let found = match key {
            None => size(conn, &digest)?,
            Some(key) => size(conn, &key.blob_name(&digest))?
                .and_then(|size| size.checked_sub(BLOB_OVERHEAD)),
        };
        if found != Some(stated) {
            return Err(Error::NoSuchBlob {
                run: run.into(),
                seq,
                field: field.name().into(),
                digest,
                size: stated,
            });
        }
        references += 1;
    }
    Ok(references)
}

/// Hashes every blob a piece at a time, in order, and names the first that is wrong.
pub(crate) fn check_all(
    conn: &Connection,
    vault: &Vault,
    meter: &mut Meter<'_>,
) -> Result<u64, Error> {
    let mut query = conn.prepare("SELECT id, digest FROM blobs ORDER BY id")?;
    let mut rows = query.query([])?;
    let mut buffer = vec![0; 64 * 1024];
    while let Some(row) = rows.next()? {
        let (index, digest): (i64, [u8; 32]) = (row.get(0)?, row.get(1)?);
        let digest = Digest(digest);
        if index != meter.done() as i64 + 1 {
            let place = Place::Blob { index, digest };
            return Err(Error::corrupt(place, "the row before it is missing"));
        }
        if is_erased(conn, index, digest)? {
            meter.tick();
            continue;
        }
        if vault.is_encrypted() {
            check_encrypted(conn, vault, index, digest)?;
            meter.tick();
            continue;
        }
        let mut blob = conn.blob_open("main", "blobs", "bytes", index, true)?;
        let mut hash = Sha256::new();
        loop {
            let read = blob.read(&mut buffer).map_err(|error| {
                Error::corrupt(Place::Blob { index, digest }, error.to_string())
            })?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
        }
        if hash.finish() != digest {
            return Err(wrong(index, digest));
        }
        meter.tick();
    }
    Ok(meter.done())
}

/// Whether the row is what an erasure leaves of a blob. One that says so and is not is an error.
fn is_erased(conn: &Connection, index: i64, digest: Digest) -> Result<bool, Error> {
    let sql = "SELECT digest FROM erased_blobs WHERE blob = ?1";
    let mark: Option<[u8; 32]> = conn
        .prepare_cached(sql)?
        .query_row([index], |row| row.get(0))
        .optional()?;
    let Some(mark) = mark else { return Ok(false) };
    let wrong = |rule| Err(Error::corrupt(Place::ErasedBlob { index }, rule));
    if Digest(mark) != erased_blob(index) {
        return wrong("the digest is not that of an erased blob's row");
    }
    let sql = "SELECT length(bytes) FROM blobs WHERE id = ?1";
    let length: i64 = conn
        .prepare_cached(sql)?
        .query_row([index], |row| row.get(0))?;
    if digest != Digest(mark) || length != 0 {
        return Err(Error::corrupt(
            Place::Blob { index, digest },
            "the row is not empty, though the blob was erased",
        ));
    }
    Ok(true)
}

/// An encrypted blob opens under its run's key, if that is at hand.
fn check_encrypted(
    conn: &Connection,
    vault: &Vault,
    index: i64,
    name: Digest,
) -> Result<(), Error> {
    let sql = "SELECT run FROM run_blobs WHERE blob = ?1";
    let run: Option<i64> = conn
        .prepare_cached(sql)?
        .query_row([index], |row| row.get(0))
        .optional()?;
    let place = Place::Blob {
        index,
        digest: name,
    };
    let run = run.ok_or_else(|| Error::corrupt(place, "it has no row in run_blobs"))?;
    let key = match vault.key(conn, RunIndex(run)) {
        // The events of the run are counted as locked.
        Err(Error::Locked { .. }) => return Ok(()),
        key => key?,
    };
    let sql = "SELECT bytes FROM blobs WHERE id = ?1";
    let sealed: Vec<u8> = conn
        .prepare_cached(sql)?
        .query_row([index], |row| row.get(0))?;
    match key.and_then(|key| key.open_blob(&name, &sealed)) {
        Some(_) => Ok(()),
        None => Err(not_encrypted(index, name)),
    }
}
