//! Re-deriving everything in the ledger, and naming the first row that is wrong.

mod erasures;
mod journal;
mod log;

use rusqlite::{Connection, TransactionBehavior};

use crate::progress::Meter;
use crate::{
    Error, Finding, Ledger, Place, Progress, Stage, anchors, blobs, cosignatures, register, schema,
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How much was checked, up to the first wrong row if there is one.
    pub counts: Counts,
    /// The first wrong row; `None` if everything is as it must be.
    pub finding: Option<Finding>,
}

/// How many rows were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Tables, indices and triggers.
    pub schema: u64,
    /// Runs.
    pub runs: u64,
    /// Events.
    pub events: u64,
    /// Fields of events.
    pub fields: u64,
    /// Events whose fields are encrypted to others, and so were not checked.
    pub locked: u64,
    /// Fields of which an erasure left the leaf hash.
    pub erased: u64,
    /// References from fields to blobs.
    pub references: u64,
    /// Blobs.
    pub blobs: u64,
    /// Statements.
    pub statements: u64,
    /// Nodes of the log.
    pub nodes: u64,
    /// Redactions.
    pub redactions: u64,
    /// Nodes of runs' trees.
    pub run_nodes: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Cosignatures of witnesses.
    pub cosignatures: u64,
    /// Receipts of anchors.
    pub anchors: u64,
    /// Statements that wait for the log.
    pub registrations: u64,
}

impl Ledger {
    /// Re-derives everything: the schema, every run's row, every event with its body and running
    /// digest, every blob, every statement with its signature, manifest and agent's chain, the log's
    /// nodes and every checkpoint, and SQLite's own structures last.
    ///
    /// It looks at one state of the ledger, while others may go on writing, and holds a page of rows at
    /// a time. A wrong row is no error: it is in the report.
    ///
    /// # Errors
    /// Only what keeps the ledger from being read at all.
    pub fn fsck(&self, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
        let mut counts = Counts::default();
        // One snapshot for all queries.
        let snapshot = self.begin(TransactionBehavior::Deferred)?;
        let finding = match self.check(&snapshot, &mut counts, progress) {
            Ok(()) => None,
            Err(Error::Corrupt(finding)) => Some(*finding),
            Err(error) => return Err(error),
        };
        Ok(Report { counts, finding })
    }

    fn check(
        &self,
        conn: &Connection,
        counts: &mut Counts,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        counts.schema = schema::check(conn)?;
        self.check_identity(conn)?;
        journal::check_runs(conn, self.store_digest(), counts, progress)?;
        let mut meter = Meter::new(Stage::Blobs, count(conn, "blobs")?, progress);
        counts.blobs = blobs::check_all(conn, &self.vault, &mut meter)?;
        journal::check_events(conn, self, counts, progress)?;
        log::check(conn, self.identity(), counts, progress)?;
        erasures::check_all(conn, self.identity(), counts)?;
        counts.cosignatures = cosignatures::check_all(conn)?;
        counts.anchors = anchors::check_all(conn)?;
        counts.registrations = register::check_all(conn, self.identity())?;
        let mut meter = Meter::new(Stage::Storage, 1, progress);
        check_storage(conn)?;
        meter.tick();
        Ok(())
    }
}

/// SQLite's own check: pages, indices against tables, column constraints, foreign keys.
fn check_storage(conn: &Connection) -> Result<(), Error> {
    let verdict: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Error::corrupt(Place::Storage, verdict));
    }
    if conn.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return Err(Error::corrupt(
            Place::Storage,
            "a row refers to one that is missing",
        ));
    }
    Ok(())
}

fn count(conn: &Connection, table: &str) -> rusqlite::Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    conn.query_row(&sql, [], |row| row.get::<_, i64>(0))
        .map(|count| count as u64)
}
