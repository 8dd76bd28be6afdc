//! An SQLite file of spans that were acknowledged, until each trace is recorded.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::Error;
use crate::request::SpanLine;

const APPLICATION_ID: i32 = 0x6176_6f74; // "avot"
/// How long a span that is sent again is known to have been recorded, in milliseconds.
const REMEMBERED: i64 = 24 * 3600 * 1000;

const SCHEMA: &str = "
CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    trace BLOB NOT NULL,
    digest BLOB NOT NULL,
    root INTEGER NOT NULL,
    line TEXT NOT NULL,
    received INTEGER NOT NULL,
    -- Set once the span belongs to a run that is being recorded, so that a crash repeats the very same bytes;
    -- negative once that failed.
    batch INTEGER,
    UNIQUE (trace, digest)
) STRICT;
CREATE TABLE recorded (
    trace BLOB NOT NULL,
    digest BLOB NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (trace, digest)
) STRICT, WITHOUT ROWID;
";

/// The spool. One process at a time has it open.
pub struct Spool {
    conn: Connection,
}

/// A trace that is ready to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: i64,
    /// The trace.
    pub trace: [u8; 16],
    /// Its spans, one a line.
    pub lines: String,
}

impl Spool {
    /// Opens the spool in this file, which is made where it is absent.
    ///
    /// # Errors
    /// [`Error::InUse`] while another process has it open.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let conn = Connection::open(path)?;
        conn.busy_timeout(Duration::from_millis(200))?;
        // Whoever holds the lock of an exclusive connection is the only one who can use the file.
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        let in_use = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Error::InUse(path.display().to_string())
            }
            Some(rusqlite::ErrorCode::NotADatabase) => Error::NotASpool(path.display().to_string()),
            _ => Error::Spool(error),
        };
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))
            .map_err(in_use)?;
        // An acknowledged span survives a power cut.
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.execute_batch("BEGIN IMMEDIATE").map_err(in_use)?;
        let id: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let tables: i64 =
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        match (id, tables) {
            (APPLICATION_ID, _) => {}
            (0, 0) => {
                conn.pragma_update(None, "application_id", APPLICATION_ID)?;
                conn.execute_batch(SCHEMA)?;
            }
            _ => return Err(Error::NotASpool(path.display().to_string())),
        }
        // What could not be recorded before is tried again.
        conn.execute_batch("UPDATE spans SET batch = -batch WHERE batch < 0; COMMIT")?;
        Ok(Self { conn })
    }

    /// Keeps spans, all in one transaction: they are on disk once this has returned. Those that are there
    /// or were recorded lately are there once. Returns how many were new.
    pub fn put<'a>(
        &mut self,
        spans: impl IntoIterator<Item = &'a SpanLine>,
        now: i64,
    ) -> Result<u64, Error> {
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut new = 0;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO spans (trace, digest, root, line, received) SELECT ?1, ?2, ?3, ?4, ?5
                 WHERE NOT EXISTS (SELECT 1 FROM recorded WHERE trace = ?1 AND digest = ?2)
                 ON CONFLICT DO NOTHING",
            )?;
            for span in spans {
                let SpanLine {
                    trace,
                    digest,
                    is_root,
                    line,
                } = span;
                new += insert.execute(params![trace, digest, is_root, line, now])? as u64;
            }
        }
        transaction.commit()?;
        Ok(new)
    }

    /// The next trace that is to be recorded: one that was begun to be recorded; one whose root has ended and that
    /// got nothing new since `quiet`; or one that got nothing new since `end_after`, with or without a root.
    pub fn next(&mut self, quiet: i64, end_after: i64) -> Result<Option<Batch>, Error> {
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let begun = "SELECT batch, trace FROM spans WHERE batch > 0 ORDER BY batch LIMIT 1";
        let read =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?));
        let mut found = transaction.query_row(begun, [], read).optional()?;
        if found.is_none() {
            let due = "SELECT min(id), trace FROM spans WHERE batch IS NULL GROUP BY trace
                       HAVING (max(root) AND max(received) <= ?1) OR max(received) <= ?2 ORDER BY 1 LIMIT 1";
            found = transaction
                .query_row(due, params![quiet, end_after], read)
                .optional()?;
            if let Some((batch, trace)) = found {
                transaction.execute(
                    "UPDATE spans SET batch = ?1 WHERE trace = ?2 AND batch IS NULL",
                    params![batch, trace],
                )?;
            }
        }
        let Some((id, trace)) = found else {
            return Ok(None);
        };
        let mut lines = String::new();
        {
            let mut select = transaction
                .prepare_cached("SELECT line FROM spans WHERE batch = ?1 ORDER BY id")?;
            let mut rows = select.query([id])?;
            while let Some(row) = rows.next()? {
                lines.push_str(row.get_ref(0)?.as_str().unwrap_or_default());
                lines.push('\n');
            }
        }
        transaction.commit()?;
        Ok(Some(Batch { id, trace, lines }))
    }

    /// Forgets a trace's spans once its run is in the ledger, but for what tells them again.
    pub fn done(&mut self, batch: &Batch, now: i64) -> Result<(), Error> {
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR IGNORE INTO recorded (trace, digest, time) SELECT trace, digest, ?2 FROM spans WHERE batch = ?1",
            params![batch.id, now],
        )?;
        transaction.execute("DELETE FROM spans WHERE batch = ?1", [batch.id])?;
        transaction.execute("DELETE FROM recorded WHERE time < ?1", [now - REMEMBERED])?;
        Ok(transaction.commit()?)
    }

    /// Sets a trace aside that cannot be recorded, so that it is not in the others' way. It is tried again when
    /// the spool is opened next.
    pub fn set_aside(&mut self, batch: &Batch) -> Result<(), Error> {
        let sql = "UPDATE spans SET batch = -batch WHERE batch = ?1";
        self.conn.execute(sql, [batch.id])?;
        Ok(())
    }

    /// How many traces and spans wait, and how many bytes of them.
    pub fn waiting(&self) -> Result<(u64, u64, u64), Error> {
        let sql =
            "SELECT count(DISTINCT trace), count(*), coalesce(sum(length(line)), 0) FROM spans";
        let count = |row: &rusqlite::Row<'_>, at| {
            // SQLite counts in 64 bits with a sign; none of these is negative.
            row.get::<_, i64>(at).map(i64::unsigned_abs)
        };
        let read = |row: &rusqlite::Row<'_>| Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?));
        Ok(self.conn.query_row(sql, [], read)?)
    }
}
