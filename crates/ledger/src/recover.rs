//! Recovering a damaged ledger into a new file.
//!
//! What can be derived is derived again: the log's nodes from its statements. What cannot is copied.
//! Statements that are damaged or missing may be given from where the log was published. The new file
//! is kept only if its log has the root that the log's key signed; the old one is never written to.

use std::path::Path;

use avouch_cose::{Checkpoint, CosignerKey, Note, SignedStatement};
use avouch_merkle::{Digest, Frontier, LeafIndex, TreeSize, hash_leaf, sha256};
use avouch_trace::Manifest;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::issuer_keys::IssuerKeys;
use crate::log::{key, open_checkpoint, parse_statement};
use crate::node_row::node_row;
use crate::progress::Meter;
use crate::seal::{insert_node, insert_registered, insert_statement};
use crate::tiles::NODE;
use crate::{
    Error, Identity, Ledger, LogEntry, Place, Progress, RunIndex, Stage, anchors, register,
    run_tree,
};

/// Where the log was published.
pub trait Published {
    /// The newest checkpoint there: a signed note.
    fn checkpoint(&self) -> Option<String>;
    /// The stored form of a statement, if it is there. It is not trusted: the root decides.
    fn statement(&self, index: LeafIndex) -> Option<Vec<u8>>;
}

/// What recovering did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Statements in the new ledger.
    pub statements: u64,
    /// How many of them came from where the log was published.
    pub from_published: u64,
    /// Nodes that the damaged ledger lacked or had wrong.
    pub nodes: u64,
    /// Checkpoints in the new ledger.
    pub checkpoints: u64,
}

impl Ledger {
    /// Copies this ledger into a new file at `to`.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::Corrupt`] naming what can neither be read nor derived nor found in
    /// `published`. The new file is removed then.
    pub fn recover(
        &self,
        to: &Path,
        published: Option<&dyn Published>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovered, Error> {
        let new = Self::create_encrypted(to, self.identity(), self.recipients())?;
        let recovered = Rescue {
            old: &self.conn,
            identity: self.identity(),
            published,
        }
        .copy_to(&new, progress);
        drop(new);
        if recovered.is_err() {
            for suffix in ["", "-wal", "-shm"] {
                let mut path = to.as_os_str().to_owned();
                path.push(suffix);
                // What this call made; what is left is reported by the error itself.
                let _ = std::fs::remove_file(path);
            }
        }
        recovered
    }
}

struct Rescue<'a> {
    old: &'a Connection,
    identity: &'a Identity,
    published: Option<&'a dyn Published>,
}

impl Rescue<'_> {
    fn copy_to(
        &self,
        new: &Ledger,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovered, Error> {
        let tx = new.begin(TransactionBehavior::Immediate)?;
        // In the order in which rows refer to each other; the triggers want each table's own order.
        for (table, columns) in [
            ("blobs", 3),
            ("runs", 12),
            ("run_keys", 4),
            ("run_blobs", 2),
            ("events", 4),
        ] {
            self.copy_rows(&tx, table, columns, "")?;
        }
        let recovered = self.copy_log(&tx, progress)?;
        self.copy_cosignatures(&tx)?;
        anchors::copy(self.old, &tx)?;
        register::copy(self.old, &tx, self.identity)?;
        tx.commit()?;
        Ok(recovered)
    }

    fn copy_rows(
        &self,
        tx: &Transaction<'_>,
        table: &str,
        columns: usize,
        only: &str,
    ) -> Result<(), Error> {
        let mut query = self
            .old
            .prepare(&format!("SELECT * FROM {table} {only} ORDER BY 1"))?;
        let marks = vec!["?"; columns].join(", ");
        let mut insert = tx.prepare(&format!("INSERT INTO {table} VALUES ({marks})"))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                insert
                    .raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
            }
            insert.raw_execute()?;
        }
        Ok(())
    }

    fn copy_log(
        &self,
        tx: &Transaction<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovered, Error> {
        let signed = self.checkpoints()?;
        let Some(last) = signed.last().map(|(checkpoint, _)| checkpoint.size) else {
            return Ok(Recovered::default());
        };
        let mut recovered = Recovered::default();
        let mut leaves = Frontier::new();
        let mut keys = IssuerKeys::first(self.identity);
        let mut signed = signed.into_iter().peekable();
        let mut meter = Meter::new(Stage::Statements, last.0, progress);
        while leaves.size() < last {
            let index = leaves.next_index();
            let (rescued, found) = self.statement(index, &mut keys)?;
            recovered.from_published += u64::from(found);
            for (table, columns) in [("tombstones", 4), ("erased_blobs", 3)] {
                let only = format!("WHERE log_index = {}", key(index.0));
                self.copy_rows(tx, table, columns, &only)?;
            }
            let entry = rescued.insert(tx, index)?;
            let mut nodes = Vec::new();
            leaves.push_with(hash_leaf(&entry.0), |node| nodes.push(node));
            for node in nodes {
                let was = self.node(node.level, node.index);
                recovered.nodes += u64::from(was != Some(node.digest));
                insert_node(tx, &node)?;
            }
            recovered.statements += 1;
            if let Some((checkpoint, note)) =
                signed.next_if(|(checkpoint, _)| checkpoint.size == leaves.size())
            {
                if checkpoint.root != leaves.root() {
                    return Err(Error::corrupt(
                        Place::Checkpoint {
                            size: checkpoint.size.0,
                        },
                        "the statements at hand do not lead to the root that the log signed; \
                         give a copy of what was published",
                    ));
                }
                recovered.checkpoints += 1;
                tx.execute(
                    "INSERT INTO checkpoints (id, size, note) VALUES (?1, ?2, ?3)",
                    params![key(recovered.checkpoints), key(checkpoint.size.0), note],
                )?;
            }
            meter.tick();
        }
        Ok(recovered)
    }

    /// The cosignatures that can be read and hold. What is lost can be asked of the witnesses again.
    fn copy_cosignatures(&self, tx: &Transaction<'_>) -> Result<(), Error> {
        let sql = "SELECT size, witness, line FROM cosignatures ORDER BY id";
        let mut query = self.old.prepare(sql)?;
        let mut rows = query.query([])?;
        let mut id = 0;
        while let Ok(Some(row)) = rows.next() {
            let (Ok(size), Ok(witness), Ok(line)) = (
                row.get::<_, i64>(0),
                row.get::<_, String>(1),
                row.get::<_, String>(2),
            ) else {
                continue;
            };
            let note: Option<String> = tx
                .query_row(
                    "SELECT note FROM checkpoints WHERE size = ?1",
                    [size],
                    |row| row.get(0),
                )
                .optional()?;
            if note.is_some_and(|note| cosigned(&note, &witness, &line)) {
                id += 1;
                tx.execute(
                    "INSERT INTO cosignatures (id, size, witness, line) VALUES (?1, ?2, ?3, ?4)",
                    params![id, size, witness, line],
                )?;
            }
        }
        Ok(())
    }

    /// Everything that the log's key has signed, as far as it can be read: here, and at the end what was
    /// published beyond it.
    fn checkpoints(&self) -> Result<Vec<(Checkpoint, String)>, Error> {
        let note_key = self.identity.note_key()?;
        let mut query = self
            .old
            .prepare("SELECT size, note FROM checkpoints ORDER BY size")?;
        let mut rows = query.query([])?;
        let mut signed: Vec<(Checkpoint, String)> = Vec::new();
        while let Some(row) = rows.next()? {
            let size: i64 = row.get(0)?;
            // A damaged row is left out; the log's last checkpoint must be there in the end.
            if let Ok(note) = row.get::<_, String>(1)
                && let Ok(read) = open_checkpoint(&note_key, size as u64, note)
            {
                signed.push((read.checkpoint, read.note));
            }
        }
        let last = signed.last().map_or(TreeSize(0), |(last, _)| last.size);
        if let Some(note) = self.published.and_then(Published::checkpoint)
            && let Ok(checkpoint) = Checkpoint::open(&note, &note_key)
            && checkpoint.size > last
        {
            // The log's own signature alone: cosignatures are not part of this table.
            let text = checkpoint.to_string();
            let own = note
                .strip_prefix(&text)
                .and_then(|rest| {
                    let name = format!("\u{2014} {} ", checkpoint.origin);
                    rest.lines().find(|line| line.starts_with(&name))
                })
                .map(|line| format!("{text}\n{line}\n"));
            if let Some(note) = own {
                signed.push((checkpoint, note));
            }
        }
        let size: i64 = self.old.query_row(
            "SELECT COALESCE(MAX(log_index) + 1, 0) FROM statements",
            [],
            |row| row.get(0),
        )?;
        let last = signed.last().map_or(0, |(last, _)| last.size.0);
        if last < size as u64 {
            return Err(Error::corrupt(
                Place::Checkpoint { size: size as u64 },
                "the last checkpoint cannot be read; give a copy of what was published",
            ));
        }
        Ok(signed)
    }

    /// The statement at this index, and whether it came from what was published.
    fn statement(&self, index: LeafIndex, keys: &mut IssuerKeys) -> Result<(Rescued, bool), Error> {
        let sql = "SELECT stored FROM statements WHERE log_index = ?1";
        let stored: Option<Vec<u8>> = self
            .old
            .prepare_cached(sql)?
            .query_row([key(index.0)], |row| row.get(0))
            .optional()
            .unwrap_or_default();
        let published = self
            .published
            .and_then(|published| published.statement(index));
        // Where they differ, the leaf that the nodes still have says which is right.
        let leaf = self.node(0, index.0);
        let is_leaf = |bytes: &Vec<u8>| Some(hash_leaf(&sha256(&[bytes]).0)) == leaf;
        let mut candidates: Vec<(Vec<u8>, bool)> = stored
            .into_iter()
            .map(|bytes| (bytes, false))
            .chain(published.into_iter().map(|bytes| (bytes, true)))
            .collect();
        candidates.sort_by_key(|(bytes, _)| !is_leaf(bytes));
        let registered: bool = self
            .old
            .prepare_cached("SELECT registered FROM statements WHERE log_index = ?1")?
            .query_row([key(index.0)], |row| row.get(0))
            .unwrap_or(false);
        for (bytes, found) in candidates {
            // Another key's signature is not ours to check; the root that the log signed decides.
            if !registered
                && let Ok(logged) = parse_statement(index, &bytes)
                && match &logged.manifest {
                    Some(manifest) => keys.check(&logged.statement, Some(&manifest.agent)),
                    None => keys.admit(&logged.statement, &self.identity.issuer, index),
                }
                .is_ok()
            {
                return Ok((Rescued::Own(Box::new(logged)), found));
            }
            if let Ok(statement) = SignedStatement::parse(&bytes)
                && statement.issuer() != self.identity.issuer
            {
                return Ok((Rescued::Registered(statement), found));
            }
        }
        Err(Error::corrupt(
            Place::Statement { log_index: index.0 },
            "it cannot be read; give a copy of what was published",
        ))
    }

    fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let hash = self
            .old
            .prepare_cached(NODE)
            .and_then(|mut query| query.query_row([node_row(level, index)], |row| row.get(0)));
        hash.ok().map(Digest)
    }
}

/// Whether this line is this witness's signature beneath the note.
fn cosigned(note: &str, witness: &str, line: &str) -> bool {
    let (Ok(mut note), Ok(witness), Ok(line)) = (
        note.parse::<Note>(),
        witness.parse::<CosignerKey>(),
        line.parse(),
    ) else {
        return false;
    };
    note.add(line).is_ok() && note.verify_cosignature(&witness).is_ok()
}

/// A statement that can be entered again.
enum Rescued {
    Own(Box<LogEntry>),
    Registered(SignedStatement),
}

impl Rescued {
    /// Its entry.
    fn insert(&self, tx: &Transaction<'_>, index: LeafIndex) -> Result<Digest, Error> {
        match self {
            Self::Own(logged) => {
                insert_own(tx, logged)?;
                Ok(logged.statement.entry())
            }
            Self::Registered(statement) => {
                insert_registered(tx, index, statement)?;
                Ok(statement.entry())
            }
        }
    }
}

/// Enters a statement: one about a run beside that run, which is in the new ledger.
fn insert_own(tx: &Transaction<'_>, logged: &LogEntry) -> Result<(), Error> {
    let about = match &logged.manifest {
        Some(manifest) => {
            let run = RunIndex(run_of(tx, logged, manifest)?);
            run_tree::derive(tx, run)?;
            Some((run, manifest.agent.as_str()))
        }
        None => None,
    };
    let LogEntry {
        log_index,
        statement,
        ..
    } = logged;
    let id = statement.statement_id();
    insert_statement(tx, *log_index, &id, about, statement.as_bytes())
}

fn run_of(tx: &Transaction<'_>, logged: &LogEntry, manifest: &Manifest) -> Result<i64, Error> {
    let run: Option<i64> = tx
        .prepare_cached("SELECT idx FROM runs WHERE run_id = ?1")?
        .query_row([manifest.run.0], |row| row.get(0))
        .optional()?;
    run.ok_or_else(|| {
        let place = Place::Statement {
            log_index: logged.log_index.0,
        };
        Error::corrupt(place, format!("the ledger has no run {}", manifest.run))
    })
}
