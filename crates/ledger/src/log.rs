//! Reading the log: statements, checkpoints, receipts and proofs.

use std::fmt::Display;

use avouch_cose::key_statement::KEY_CONTENT_TYPE;
use avouch_cose::{Checkpoint, NoteKey, Receipt, SigningKey, Statement, VerifyingKey};
use avouch_merkle::{
    Digest, LeafIndex, NodeReader, TreeSize, consistency_from_nodes, hash_leaf,
    inclusion_from_nodes, root_from_inclusion, sha256,
};
use avouch_trace::{MANIFEST_CONTENT_TYPE, Manifest};
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::cosignatures::with_cosignatures;
use crate::tiles::NodeQuery;
use crate::{Error, Identity, Ledger, Place, RunIndex};

/// A statement of any kind and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its position.
    pub log_index: LeafIndex,
    /// The statement.
    pub statement: Statement,
    /// Its payload, if it is about a run.
    pub manifest: Option<Manifest>,
}

/// A run's statement and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedStatement {
    /// Its position.
    pub log_index: LeafIndex,
    /// The statement.
    pub statement: Statement,
    /// Its payload.
    pub manifest: Manifest,
}

/// A size and root that the log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The signed note, with the cosignatures that it has.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
}

impl Ledger {
    /// How many statements the log has.
    pub fn log_size(&self) -> Result<TreeSize, Error> {
        log_size(&self.conn)
    }

    /// The statement about a run; `None` if it is not sealed.
    pub fn statement(&self, run: RunIndex) -> Result<Option<LoggedStatement>, Error> {
        statement_where(&self.conn, "run = ?1", [run.0])
    }

    /// The statement at a position in the log; `None` also where a registered one is.
    pub fn statement_at(&self, log_index: LeafIndex) -> Result<Option<LogEntry>, Error> {
        entry_where(
            &self.conn,
            "log_index = ?1 AND registered = 0",
            [key(log_index.0)],
        )
    }

    /// What the log holds beside statements about runs, in its order.
    pub fn other_statements(&self) -> Result<Vec<LogEntry>, Error> {
        entries_where(&self.conn, OTHER, [])
    }

    /// The statement with this id; `None` also if it was registered.
    pub fn statement_by_id(&self, statement_id: &Digest) -> Result<Option<LogEntry>, Error> {
        entry_where(
            &self.conn,
            "statement_id = ?1 AND registered = 0",
            [statement_id.0],
        )
    }

    /// The log's last checkpoint, checked; `None` while the log is empty.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is not signed by the log's key.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, Error> {
        last_checkpoint(&self.conn, self.identity())
    }

    /// The checkpoint for this size, checked. Not every size has one: sealing signs one at its end.
    ///
    /// # Errors
    /// As [`Ledger::checkpoint`].
    pub fn checkpoint_at(&self, size: TreeSize) -> Result<Option<SignedCheckpoint>, Error> {
        checkpoint_where(&self.conn, self.identity(), "size = ?1", [key(size.0)])
    }

    /// A receipt (RFC 9942) for the statement at `log_index`, in the tree of the last checkpoint;
    /// `None` if there is no such statement.
    ///
    /// # Errors
    /// [`Error::WrongKey`]; [`Error::Corrupt`] if the stored nodes do not lead from the statement to
    /// the checkpoint's root: nothing is signed then.
    pub fn receipt(
        &self,
        log_index: LeafIndex,
        log_key: &SigningKey,
    ) -> Result<Option<Receipt>, Error> {
        match self.checkpoint()? {
            Some(checkpoint) => self.receipt_under(&checkpoint, log_index, log_key),
            None => Ok(None),
        }
    }

    /// The same in the tree of another of the log's checkpoints; `None` if the statement is not in it.
    ///
    /// # Errors
    /// As [`Ledger::receipt`].
    pub fn receipt_under(
        &self,
        checkpoint: &SignedCheckpoint,
        log_index: LeafIndex,
        log_key: &SigningKey,
    ) -> Result<Option<Receipt>, Error> {
        same_key("log", &self.identity().log_key, log_key)?;
        let Checkpoint { size, root, .. } = checkpoint.checkpoint;
        if log_index.0 >= size.0 {
            return Ok(None);
        }
        let stored = self.stored_statements(log_index, 1)?;
        let entry = sha256(&[stored.first().map(Vec::as_slice).unwrap_or_default()]);
        let path = self.inclusion(log_index, size)?;
        let leaf = hash_leaf(&entry.0);
        if root_from_inclusion(leaf, log_index, size, &path)? != root {
            let place = Place::Checkpoint { size: size.0 };
            let rule =
                format!("the log's nodes do not lead from statement {log_index} to this root");
            return Err(Error::corrupt(place, rule));
        }
        Ok(Some(Receipt::sign_inclusion(
            log_key, size, log_index, &path, &root,
        )?))
    }

    /// The hashes that lead from a statement's leaf to the root of the first `size` leaves.
    pub fn inclusion(&self, log_index: LeafIndex, size: TreeSize) -> Result<Vec<Digest>, Error> {
        self.prove(|nodes| inclusion_from_nodes(nodes, log_index, size))
    }

    /// The hashes that show that the first `second` leaves begin with the first `first`.
    pub fn consistency(&self, first: TreeSize, second: TreeSize) -> Result<Vec<Digest>, Error> {
        self.prove(|nodes| consistency_from_nodes(nodes, first, second))
    }
}

impl NodeReader for Ledger {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, Error> {
        Nodes(&self.conn).node(level, index)
    }
}

/// The log's nodes, also inside a transaction.
pub(crate) struct Nodes<'c>(pub(crate) &'c Connection);

impl NodeReader for Nodes<'_> {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, Error> {
        NodeQuery::new(self.0)?.node(level, index)
    }
}

/// An index or size as SQLite holds it. None of ours is beyond 2^62; one that someone made up matches
/// nothing.
pub(crate) fn key(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(-1)
}

pub(crate) fn log_size(conn: &Connection) -> Result<TreeSize, Error> {
    let sql = "SELECT COALESCE(MAX(log_index) + 1, 0) FROM statements";
    let size: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(TreeSize(size as u64))
}

/// The first statement about a run that meets the condition.
pub(crate) fn statement_where(
    conn: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Option<LoggedStatement>, Error> {
    let Some(entry) = entry_where(conn, condition, params)? else {
        return Ok(None);
    };
    match entry.about_run() {
        Ok(logged) => Ok(Some(logged)),
        Err(entry) => {
            let log_index = entry.log_index.0;
            let rule = "columns run and agent are set, but the statement is about no run";
            Err(Error::corrupt(Place::Statement { log_index }, rule))
        }
    }
}

/// The condition for statements that are about no run, in the log's order.
pub(crate) const OTHER: &str = "run IS NULL AND registered = 0 ORDER BY log_index";

/// The first statement of any kind that meets the condition.
pub(crate) fn entry_where(
    conn: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Option<LogEntry>, Error> {
    let sql = format!("SELECT log_index, stored FROM statements WHERE {condition}");
    let mut query = conn.prepare_cached(&sql)?;
    let mut rows = query.query(params)?;
    rows.next()?.map(read_entry).transpose()
}

/// All statements of any kind that meet the condition.
pub(crate) fn entries_where(
    conn: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Vec<LogEntry>, Error> {
    let sql = format!("SELECT log_index, stored FROM statements WHERE {condition}");
    let mut query = conn.prepare_cached(&sql)?;
    let mut rows = query.query(params)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read_entry(row)?);
    }
    Ok(entries)
}

/// Reads a row of `log_index, stored`.
fn read_entry(row: &Row<'_>) -> Result<LogEntry, Error> {
    let log_index: i64 = row.get(0)?;
    let stored = row.get_ref(1)?.as_blob().unwrap_or_default();
    parse_statement(LeafIndex(log_index as u64), stored)
}

/// Whether a statement is about one of the issuer's keys.
pub(crate) fn is_about_key(statement: &Statement) -> bool {
    statement.content_type() == KEY_CONTENT_TYPE
}

/// Reads the `stored` column. The signature is not checked here.
pub(crate) fn parse_statement(log_index: LeafIndex, stored: &[u8]) -> Result<LogEntry, Error> {
    let statement = Statement::parse(stored).map_err(|error| wrong(log_index, error))?;
    Ok(LogEntry {
        log_index,
        manifest: read_manifest(log_index, &statement)?,
        statement,
    })
}

/// The payload of a statement about a run.
pub(crate) fn read_manifest(
    log_index: LeafIndex,
    statement: &Statement,
) -> Result<Option<Manifest>, Error> {
    if statement.content_type() != MANIFEST_CONTENT_TYPE {
        return Ok(None);
    }
    let manifest = Manifest::decode(statement.payload());
    Ok(Some(manifest.map_err(|error| wrong(log_index, error))?))
}

fn wrong(log_index: LeafIndex, error: impl Display) -> Error {
    let log_index = log_index.0;
    Error::corrupt(Place::Statement { log_index }, error.to_string())
}

impl LogEntry {
    /// The entry as the statement about a run that it is; itself where it is of another kind.
    pub(crate) fn about_run(self) -> Result<LoggedStatement, Box<Self>> {
        match self.manifest {
            Some(manifest) => Ok(LoggedStatement {
                log_index: self.log_index,
                statement: self.statement,
                manifest,
            }),
            None => Err(Box::new(self)),
        }
    }
}

pub(crate) fn last_checkpoint(
    conn: &Connection,
    identity: &Identity,
) -> Result<Option<SignedCheckpoint>, Error> {
    checkpoint_where(conn, identity, "1 ORDER BY size DESC LIMIT 1", [])
}

fn checkpoint_where(
    conn: &Connection,
    identity: &Identity,
    condition: &str,
    params: impl Params,
) -> Result<Option<SignedCheckpoint>, Error> {
    let sql = format!("SELECT size, note FROM checkpoints WHERE {condition}");
    let row = conn
        .prepare_cached(&sql)?
        .query_row(params, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
    let row: Option<(i64, String)> = row.optional()?;
    let Some((size, note)) = row else {
        return Ok(None);
    };
    let mut signed = open_checkpoint(&identity.note_key()?, size as u64, note)?;
    signed.note = with_cosignatures(conn, size as u64, signed.note)?;
    Ok(Some(signed))
}

/// Reads a row of `checkpoints` and checks its signature.
pub(crate) fn open_checkpoint(
    key: &NoteKey,
    size: u64,
    note: String,
) -> Result<SignedCheckpoint, Error> {
    let wrong = |rule: String| Error::corrupt(Place::Checkpoint { size }, rule);
    let checkpoint = Checkpoint::open(&note, key).map_err(|error| wrong(error.to_string()))?;
    if checkpoint.size != TreeSize(size) {
        return Err(wrong(format!("the note is for size {}", checkpoint.size)));
    }
    Ok(SignedCheckpoint { note, checkpoint })
}

/// Refuses a key that is not the one that the ledger was made with.
pub(crate) fn same_key(
    role: &'static str,
    expected: &VerifyingKey,
    given: &SigningKey,
) -> Result<(), Error> {
    if given.verifying_key() == *expected {
        return Ok(());
    }
    Err(Error::WrongKey {
        role,
        expected: expected.id(),
        given: given.id(),
    })
}
