//! Content-addressed values: each kept once, under its SHA-256.

use std::io::Read as _;

use avouch_merkle::{Digest, Sha256, sha256};
use avouch_trace::{BlobRef, Body};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::erase::erased_blob;
use crate::progress::Meter;
use crate::{Error, Ledger, Place};

/// The longest value that SQLite keeps (SQLITE_MAX_LENGTH), less room for the row around it.
const MAX: usize = 1_000_000_000 - 1024;

impl Ledger {
    /// A blob's bytes; `None` if it is not stored.
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
        conn.prepare_cached(
            "INSERT INTO blobs (id, digest, bytes)
             VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM blobs), ?1, ?2)",
        )?
        .execute(params![digest.0, bytes])?;
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
        if size(conn, &digest)? != Some(stated) {
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
pub(crate) fn check_all(conn: &Connection, meter: &mut Meter<'_>) -> Result<u64, Error> {
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
