//! The log in pieces, as it is published: tiles of nodes, runs of statements, and signed sizes.

use std::cell::RefCell;

use avouch_merkle::{Digest, LeafIndex, NodeReader, Tile, TileReader, TreeSize};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, TransactionBehavior};

use crate::log::key;
use crate::node_row::node_row;
use crate::{Error, Ledger, Place};

/// Reads a node by its [`node_row`].
pub(crate) const NODE: &str = "SELECT hash FROM nodes WHERE id = ?1";

/// The log's nodes behind one prepared query: a proof asks for dozens of them.
pub(crate) struct NodeQuery<'c>(RefCell<CachedStatement<'c>>);

impl<'c> NodeQuery<'c> {
    pub(crate) fn new(conn: &'c Connection) -> Result<Self, Error> {
        Ok(Self(RefCell::new(conn.prepare_cached(NODE)?)))
    }
}

impl NodeReader for NodeQuery<'_> {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, Error> {
        let mut query = self.0.borrow_mut();
        let node = query.query_row([node_row(level, index)], |row| row.get(0));
        node.optional()?
            .map(Digest)
            .ok_or_else(|| Error::corrupt(Place::Node { level, index }, "the row is missing"))
    }
}

impl TileReader for Ledger {
    type Error = Error;

    fn tile(&self, tile: Tile) -> Result<Vec<Digest>, Error> {
        let (level, first) = tile.first_node();
        let end = first + u64::from(tile.width());
        // Between the tile's own nodes, which are its lowest, lie those above them.
        let sql = "SELECT id, hash FROM nodes WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        let mut query = self.conn.prepare_cached(sql)?;
        let mut rows = query.query([node_row(level, first), node_row(level, end - 1)])?;
        let mut hashes = Vec::with_capacity(usize::from(tile.width()));
        for index in first..end {
            let id = node_row(level, index);
            let hash = loop {
                match rows.next()? {
                    Some(row) if row.get::<_, i64>(0)? < id => {}
                    Some(row) if row.get::<_, i64>(0)? == id => break row.get(1)?,
                    _ => {
                        let place = Place::Node { level, index };
                        return Err(Error::corrupt(place, "the row is missing"));
                    }
                }
            };
            hashes.push(Digest(hash));
        }
        Ok(hashes)
    }
}

impl Ledger {
    /// Makes a proof from the nodes. All of its reads are one transaction, which takes the read lock once.
    pub(crate) fn prove<T>(
        &self,
        make: impl FnOnce(&NodeQuery<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Inside a batch there is a transaction already.
        let _tx = match self.begin(TransactionBehavior::Deferred) {
            Err(Error::BatchOpen) => None,
            tx => Some(tx?),
        };
        make(&NodeQuery::new(&self.conn)?)
    }

    /// The stored forms of `count` statements from `first`. They are read, not checked.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if one is missing.
    pub fn stored_statements(&self, first: LeafIndex, count: u64) -> Result<Vec<Vec<u8>>, Error> {
        let sql =
            "SELECT log_index, stored FROM statements WHERE log_index >= ?1 AND log_index < ?2
                   ORDER BY log_index";
        let end = first.0.saturating_add(count);
        let mut query = self.conn.prepare_cached(sql)?;
        let mut rows = query.query([key(first.0), key(end)])?;
        let mut statements = Vec::new();
        for log_index in first.0..end {
            match rows.next()? {
                Some(row) if row.get::<_, i64>(0)? == key(log_index) => {
                    statements.push(row.get(1)?);
                }
                _ => {
                    let place = Place::Statement { log_index };
                    return Err(Error::corrupt(place, "the row is missing"));
                }
            }
        }
        Ok(statements)
    }

    /// The sizes above `after` that the log has signed, ascending.
    pub fn signed_sizes(&self, after: TreeSize) -> Result<Vec<TreeSize>, Error> {
        let sql = "SELECT size FROM checkpoints WHERE size > ?1 ORDER BY size";
        let mut query = self.conn.prepare_cached(sql)?;
        let sizes = query.query_map([key(after.0)], |row| row.get::<_, i64>(0))?;
        sizes
            .map(|size| Ok(TreeSize(size? as u64)))
            .collect::<Result<_, Error>>()
    }
}
