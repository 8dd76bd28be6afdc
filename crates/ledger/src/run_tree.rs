//! The tree of a sealed run: its larger nodes are stored, the smaller ones made from its events.

use std::cell::RefCell;

use avouch_merkle::{
    Digest, Frontier, LeafIndex, Node, NodeReader, TreeSize, multi_from_nodes, root,
    root_from_nodes,
};
use avouch_trace::Event;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::log::key;
use crate::{Error, Ledger, Place, Run, RunIndex};

/// The lowest level that is stored. Below it a node is made from at most this power of two events, which is
/// less work than a row for each would be to write.
pub(crate) const STORED_LEVEL: u8 = 8;

impl Ledger {
    /// The multi-leaf proof that leads from these events (strictly ascending) to a sealed run's root.
    ///
    /// # Errors
    /// [`Error::Merkle`] if there is no such event, [`Error::Corrupt`] if a node is missing.
    pub fn prove_events(&self, run: &Run, seqs: &[LeafIndex]) -> Result<Vec<Digest>, Error> {
        self.with_tree(run, |tree| multi_from_nodes(tree, seqs, TreeSize(run.size)))
    }

    /// A sealed run's root, from the stored nodes and the events beside them.
    pub fn run_root(&self, run: &Run) -> Result<Digest, Error> {
        self.with_tree(run, |tree| root_from_nodes(tree, TreeSize(run.size)))
    }

    /// All reads of one proof are one transaction, which takes the read lock once.
    fn with_tree<T>(
        &self,
        run: &Run,
        make: impl FnOnce(&RunTree<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _tx = match self.begin(TransactionBehavior::Deferred) {
            Err(Error::BatchOpen) => None,
            tx => Some(tx?),
        };
        make(&RunTree::new(&self.conn, run)?)
    }
}

/// Reads nodes of one run's tree.
struct RunTree<'c> {
    run: RunIndex,
    name: String,
    nodes: RefCell<CachedStatement<'c>>,
    events: RefCell<CachedStatement<'c>>,
    /// The leaves read last, and which stored node they are of: proofs go from left to right.
    block: RefCell<Option<(u64, Vec<Digest>)>>,
}

impl<'c> RunTree<'c> {
    fn new(conn: &'c Connection, run: &Run) -> Result<Self, Error> {
        let nodes = "SELECT hash FROM run_nodes WHERE run = ?1 AND level = ?2 AND idx = ?3";
        let events = "SELECT id, event FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
        Ok(Self {
            run: run.index,
            name: run.info.name.clone(),
            nodes: RefCell::new(conn.prepare_cached(nodes)?),
            events: RefCell::new(conn.prepare_cached(events)?),
            block: RefCell::default(),
        })
    }

    fn stored(&self, level: u8, index: u64) -> Result<Digest, Error> {
        let mut query = self.nodes.borrow_mut();
        let node = query.query_row(params![self.run.0, level, key(index)], |row| row.get(0));
        node.optional()?.map(Digest).ok_or_else(|| {
            let place = Place::RunNode {
                index: self.run.0,
                run: self.name.clone(),
                level,
                node: index,
            };
            Error::corrupt(place, "the row is missing")
        })
    }

    /// The leaves of the stored node `block`, as far as there are events.
    fn leaves(&self, block: u64) -> Result<Vec<Digest>, Error> {
        let first = block << STORED_LEVEL;
        let last = first + (1 << STORED_LEVEL) - 1;
        let mut query = self.events.borrow_mut();
        let mut rows = query.query(params![self.run.event_id(first), self.run.event_id(last)])?;
        let mut leaves = Vec::with_capacity(1 << STORED_LEVEL);
        while let Some(row) = rows.next()? {
            let seq = first + leaves.len() as u64;
            let wrong = |rule: String| {
                let place = Place::Event {
                    index: self.run.0,
                    run: self.name.clone(),
                    seq,
                };
                Error::corrupt(place, rule)
            };
            if row.get::<_, i64>(0)? != self.run.event_id(seq) {
                return Err(wrong("the row is missing".into()));
            }
            let packed = row.get_ref(1)?.as_blob().unwrap_or_default();
            let event = Event::from_packed(packed).map_err(|error| wrong(error.to_string()))?;
            leaves.push(event.leaf());
        }
        Ok(leaves)
    }
}

impl NodeReader for RunTree<'_> {
    type Error = Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, Error> {
        if level >= STORED_LEVEL {
            return self.stored(level, index);
        }
        let block = index >> (STORED_LEVEL - level);
        let mut read = self.block.borrow_mut();
        let leaves = match read.take() {
            Some((of, leaves)) if of == block => leaves,
            _ => self.leaves(block)?,
        };
        let first = ((index << level) - (block << STORED_LEVEL)) as usize;
        let node = leaves.get(first..first + (1 << level));
        let node = node.map(|leaves| root(leaves.iter().copied()));
        *read = Some((block, leaves));
        node.ok_or_else(|| {
            Error::Merkle(avouch_merkle::Error::IndexOutOfRange {
                index: index << level,
                size: block << STORED_LEVEL,
            })
        })
    }
}

/// Keeps a node of a run that is being sealed.
pub(crate) fn insert(conn: &Connection, run: RunIndex, node: &Node) -> Result<(), Error> {
    conn.prepare_cached("INSERT INTO run_nodes (run, level, idx, hash) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![run.0, node.level, key(node.index), node.digest.0])?;
    Ok(())
}

/// Makes the nodes of a run again from its events, and keeps them.
pub(crate) fn derive(conn: &Connection, run: RunIndex) -> Result<(), Error> {
    let sql = "SELECT event FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(<[i64; 2]>::from(run.event_ids()))?;
    let mut leaves = Frontier::new();
    let mut nodes = Vec::new();
    while let Some(row) = rows.next()? {
        // An event that cannot be read is named by the check of the whole ledger.
        let Ok(event) = Event::from_packed(row.get_ref(0)?.as_blob().unwrap_or_default()) else {
            return Ok(());
        };
        leaves.push_with(event.leaf(), |node| {
            if node.level >= STORED_LEVEL {
                nodes.push(node);
            }
        });
        for node in nodes.drain(..) {
            insert(conn, run, &node)?;
        }
    }
    Ok(())
}

/// Checks that the stored nodes of a run are these, and no others.
pub(crate) fn check(
    conn: &Connection,
    run: RunIndex,
    name: &str,
    mut expected: Vec<Node>,
) -> Result<u64, Error> {
    expected.sort_unstable_by_key(|node| (node.level, node.index));
    let mut expected = expected.into_iter();
    let sql = "SELECT level, idx, hash FROM run_nodes WHERE run = ?1 ORDER BY level, idx";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query([run.0])?;
    let mut checked = 0;
    let wrong = |level, node, rule: &str| {
        let place = Place::RunNode {
            index: run.0,
            run: name.into(),
            level,
            node,
        };
        Error::corrupt(place, rule)
    };
    loop {
        let row = match rows.next()? {
            Some(row) => Some((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?)),
            None => None,
        };
        match (expected.next(), row) {
            (None, None) => return Ok(checked),
            (Some(node), Some((level, index, hash)))
                if (node.level, node.index) == (level, index) =>
            {
                if node.digest != Digest(hash) {
                    let rule = "the hash is not that of the events below it";
                    return Err(wrong(level, index, rule));
                }
            }
            (expected, Some((level, index, _)))
                if expected.is_none_or(|node| (node.level, node.index) > (level, index)) =>
            {
                return Err(wrong(level, index, "the run has no such node"));
            }
            (Some(node), _) => return Err(wrong(node.level, node.index, "the row is missing")),
            // A row without an expected node was named above.
            (None, Some(_)) => {}
        }
        checked += 1;
    }
}
