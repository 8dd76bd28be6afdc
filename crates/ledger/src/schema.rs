//! The file: what marks it as a ledger, how connections are set up, and its tables.

use std::time::Duration;

use rusqlite::Connection;

use crate::{Error, Place};

/// "avou": marks the file as ours (SQLite's header, offset 68).
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"avou");
/// The version of `schema.sql`.
pub(crate) const VERSION: i32 = 6;

const TABLES: &str = include_str!("schema.sql");

/// How long a writer waits for another by default: longer than an import of a million events takes.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(300);
/// Kibibytes of page cache, negative as SQLite wants it: as many as the index of a million statement ids takes.
const CACHE_KIB: i64 = -64 * 1024;
/// A WAL that a large import grew is cut back to this.
const WAL_LIMIT: i64 = 16 << 20;
/// Pages in the WAL at which they are moved into the file: as many as the limit holds. Statement ids fall
/// anywhere in their index, so that moving them seldom moves each page of it less often.
const WAL_PAGES: i64 = WAL_LIMIT / 4096;

/// Settings that live in the connection, not in the file.
pub(crate) fn configure(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(64);
    // A commit returns only when the WAL is on disk.
    conn.pragma_update(None, "synchronous", "FULL")?;
    // Where fsync alone leaves it in the drive's cache (macOS).
    conn.pragma_update(None, "fullfsync", true)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", CACHE_KIB)?;
    conn.pragma_update(None, "journal_size_limit", WAL_LIMIT)?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // What an erasure frees is overwritten.
    conn.pragma_update(None, "secure_delete", true)?;
    // The file may come from elsewhere: its schema may not call functions with side effects.
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)
}

/// Makes the tables in an empty database.
pub(crate) fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(TABLES)
}

/// What the file says that it is: application id and schema version.
pub(crate) fn marks(conn: &Connection) -> rusqlite::Result<(i32, i32)> {
    let mark = |name| conn.pragma_query_value(None, name, |row| row.get(0));
    Ok((mark("application_id")?, mark("user_version")?))
}

/// Whether there is nothing in the database at all.
pub(crate) fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)",
        [],
        |row| row.get(0),
    )
}

/// Checks that tables, indices and triggers are exactly those of [`create`], word for word.
pub(crate) fn check(conn: &Connection) -> Result<u64, Error> {
    let fresh = Connection::open_in_memory()?;
    create(&fresh)?;
    let (expected, found) = (objects(&fresh)?, objects(conn)?);
    for object in &expected {
        let [kind, name, ..] = object;
        let same_name = found.iter().find(|other| other[..2] == object[..2]);
        let rule = match same_name {
            Some(other) if other == object => continue,
            Some(_) => "differs from this version's",
            None => "is missing",
        };
        return Err(Error::corrupt(
            Place::Schema(format!("{kind} {name}")),
            rule,
        ));
    }
    match found.iter().find(|object| !expected.contains(object)) {
        Some([kind, name, ..]) => {
            let place = Place::Schema(format!("{kind} {name}"));
            Err(Error::corrupt(place, "is not part of a ledger"))
        }
        None => Ok(expected.len() as u64),
    }
}

/// Type, name, table and text of everything in the schema.
fn objects(conn: &Connection) -> rusqlite::Result<Vec<[String; 4]>> {
    let mut query = conn.prepare(
        "SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_schema ORDER BY type, name",
    )?;
    let rows = query.query_map([], |row| {
        Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
    })?;
    rows.collect()
}
