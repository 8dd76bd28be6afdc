//! Statements, the log's nodes and its checkpoints.

use avouch_cose::{Checkpoint, NoteKey, SignedStatement};
use avouch_merkle::{
    Digest, Frontier, LeafIndex, Node, NodeReader as _, hash_leaf, inclusion_from_nodes,
    root_from_inclusion,
};
use avouch_trace::agent_chain_start;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Counts, count};
use crate::issuer_keys::IssuerKeys;
use crate::log::{
    LogEntry, LoggedStatement, Nodes, key, last_checkpoint, open_checkpoint, parse_statement,
    statement_where,
};
use crate::lookup::stored_run;
use crate::node_row::{node_of_row, node_row};
use crate::progress::Meter;
use crate::{Error, Identity, Place, Progress, RunIndex, Stage};

/// Goes through the statements in the log's order, builds its tree again, and compares every node and
/// every checkpoint on the way.
pub(super) fn check(
    conn: &Connection,
    identity: &Identity,
    counts: &mut Counts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let mut meter = Meter::new(Stage::Statements, count(conn, "statements")?, progress);
    let mut checkpoints = Checkpoints::new(conn, identity)?;
    let mut leaves = Frontier::new();
    let mut keys = IssuerKeys::first(identity);
    let sql = "SELECT log_index, statement_id, run, agent, stored, registered FROM statements ORDER BY log_index";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let log_index = leaves.next_index();
        if row.get::<_, i64>(0)? != key(log_index.0) {
            return Err(wrong(log_index, "the row is missing"));
        }
        let stored = row.get_ref(4)?.as_blob().unwrap_or_default();
        let columns = Columns {
            statement_id: Digest(row.get(1)?),
            run: row.get::<_, Option<i64>>(2)?.map(RunIndex),
            agent: row.get(3)?,
        };
        let entry = match row.get(5)? {
            true => check_registered(log_index, stored, &columns)?,
            false => {
                let logged = parse_statement(log_index, stored)?;
                check_entry(conn, identity, &mut keys, &logged, &columns)?;
                logged.statement.entry()
            }
        };
        push(conn, identity, &mut leaves, entry, counts)?;
        counts.statements += 1;
        checkpoints.check(&leaves)?;
        counts.checkpoints = checkpoints.checked;
        meter.tick();
    }
    checkpoints.finish(&leaves)?;
    check_no_stray_nodes(conn, leaves.size().0)
}

fn wrong(log_index: LeafIndex, rule: impl Into<String>) -> Error {
    let log_index = log_index.0;
    Error::corrupt(Place::Statement { log_index }, rule)
}

/// What `statements` holds beside the statement itself.
struct Columns {
    statement_id: Digest,
    run: Option<RunIndex>,
    agent: Option<String>,
}

/// The columns are the statement's own, and what it says holds as far as its kind is known here.
fn check_entry(
    conn: &Connection,
    identity: &Identity,
    keys: &mut IssuerKeys,
    entry: &LogEntry,
    columns: &Columns,
) -> Result<(), Error> {
    let wrong = |rule: &str| Err(wrong(entry.log_index, rule));
    if columns.statement_id != entry.statement.statement_id() {
        return wrong("column statement_id is not the statement's id");
    }
    match entry.clone().about_run() {
        Ok(logged) => check_statement(conn, identity, keys, &logged, columns),
        Err(_) if columns.run.is_some() || columns.agent.is_some() => {
            wrong("columns run and agent are set, but the statement is about no run")
        }
        Err(entry) => keys
            .admit(&entry.statement, &identity.issuer, entry.log_index)
            .or_else(|why| wrong(&why)),
    }
}

/// A registered statement is one by its form, and the columns are its own. Whose word it is, the log does not say;
/// its entry.
fn check_registered(
    log_index: LeafIndex,
    stored: &[u8],
    columns: &Columns,
) -> Result<Digest, Error> {
    let statement = SignedStatement::parse(stored);
    let statement = statement.map_err(|error| wrong(log_index, error.to_string()))?;
    if columns.statement_id != statement.statement_id() {
        let rule = "column statement_id is not the statement's id";
        return Err(wrong(log_index, rule));
    }
    if columns.run.is_some() || columns.agent.is_some() {
        let rule = "columns run and agent are set, but the statement was registered";
        return Err(wrong(log_index, rule));
    }
    Ok(statement.entry())
}

/// The statement is the issuer's, about the run that its row names, and continues its agent's chain.
fn check_statement(
    conn: &Connection,
    identity: &Identity,
    keys: &IssuerKeys,
    logged: &LoggedStatement,
    columns: &Columns,
) -> Result<(), Error> {
    let LoggedStatement {
        log_index,
        statement,
        manifest,
    } = logged;
    let wrong = |rule: &str| Err(wrong(*log_index, rule));
    if let Err(why) = keys.check(statement, Some(&manifest.agent)) {
        return wrong(&why);
    }
    if statement.issuer() != identity.issuer {
        return wrong("the statement is another issuer's");
    }
    if statement.subject() != manifest.subject() {
        return wrong("the statement's subject is not that of its manifest");
    }
    if columns.agent.as_ref() != Some(&manifest.agent) {
        return wrong("column agent is not the manifest's");
    }
    let run = columns.run.map(|run| stored_run(conn, run)).transpose()?;
    match run.flatten() {
        Some((_, info, _)) if info.id == manifest.run => {}
        _ => return wrong("column run is not the run that the manifest is about"),
    }
    let condition = "agent = ?1 AND log_index < ?2 ORDER BY log_index DESC LIMIT 1";
    let previous = statement_where(conn, condition, (&manifest.agent, key(log_index.0)))?;
    let (previous, chain_start) = match previous {
        Some(previous) => (
            Some(previous.statement.statement_id()),
            previous.manifest.chain_head,
        ),
        None => (None, agent_chain_start(&identity.issuer, &manifest.agent)),
    };
    if manifest.previous != previous {
        return wrong("the manifest does not name the agent's previous statement");
    }
    if manifest.chain_start != chain_start {
        return wrong("the chain does not start where the agent's previous statement left it");
    }
    Ok(())
}

/// Appends the statement's leaf to the tree, and compares every node that this completes.
fn push(
    conn: &Connection,
    identity: &Identity,
    leaves: &mut Frontier,
    entry: Digest,
    counts: &mut Counts,
) -> Result<(), Error> {
    let mut nodes = Vec::new();
    leaves.push_with(hash_leaf(&entry.0), |node| nodes.push(node));
    for Node {
        level,
        index,
        digest,
    } in nodes
    {
        let stored = Nodes(conn).node(level, index)?;
        if stored != digest {
            if level == 0 && is_signed(conn, identity, LeafIndex(index), stored)? {
                return Err(wrong(
                    LeafIndex(index),
                    "the log has signed another statement here",
                ));
            }
            let place = Place::Node { level, index };
            return Err(Error::corrupt(
                place,
                "the hash is not that of what is below it",
            ));
        }
        counts.nodes += 1;
    }
    Ok(())
}

/// Whether this leaf is under the last checkpoint's root: then the log has it right, and what led to
/// another is wrong.
fn is_signed(
    conn: &Connection,
    identity: &Identity,
    index: LeafIndex,
    leaf: Digest,
) -> Result<bool, Error> {
    let Some(Checkpoint { size, root, .. }) =
        last_checkpoint(conn, identity)?.map(|last| last.checkpoint)
    else {
        return Ok(false);
    };
    let path = inclusion_from_nodes(&Nodes(conn), index, size)?;
    Ok(root_from_inclusion(leaf, index, size, &path).is_ok_and(|found| found == root))
}

/// The checkpoints, in the order of their sizes, as the log reaches them.
struct Checkpoints<'c> {
    conn: &'c Connection,
    note_key: NoteKey,
    checked: u64,
}

impl<'c> Checkpoints<'c> {
    fn new(conn: &'c Connection, identity: &Identity) -> Result<Self, Error> {
        Ok(Self {
            conn,
            note_key: identity.note_key()?,
            checked: 0,
        })
    }

    /// If there is a checkpoint for this size, it is the log's and signs this root.
    fn check(&mut self, leaves: &Frontier) -> Result<(), Error> {
        let size = leaves.size().0;
        let sql = "SELECT id, note FROM checkpoints WHERE size = ?1";
        let row = self
            .conn
            .prepare_cached(sql)?
            .query_row([key(size)], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        let Some((id, note)) = row.optional()? else {
            return Ok(());
        };
        let signed = open_checkpoint(&self.note_key, size, note)?;
        let wrong = |rule| Err(Error::corrupt(Place::Checkpoint { size }, rule));
        if signed.checkpoint.root != leaves.root() {
            return wrong("the log has another root at this size");
        }
        if id != self.checked as i64 + 1 {
            return wrong("the row before it is missing");
        }
        self.checked += 1;
        Ok(())
    }

    /// The last checkpoint is for the whole log, and there is none beyond it.
    fn finish(self, leaves: &Frontier) -> Result<(), Error> {
        let size = leaves.size().0;
        let sql = "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1";
        let last = self
            .conn
            .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)));
        let (last, note) = last.optional()?.unwrap_or((0, String::new()));
        let last = last as u64;
        let missing = "the row is missing";
        if last > size {
            // If the log signed for more statements than there are, they are what is missing.
            open_checkpoint(&self.note_key, last, note)?;
            return Err(wrong(LeafIndex(size), missing));
        }
        if last < size {
            return Err(Error::corrupt(Place::Checkpoint { size }, missing));
        }
        if self.checked != count(self.conn, "checkpoints")? {
            return Err(Error::corrupt(
                Place::Checkpoint { size },
                "there are rows between the others",
            ));
        }
        Ok(())
    }
}

fn check_no_stray_nodes(conn: &Connection, size: u64) -> Result<(), Error> {
    let mut query = conn.prepare("SELECT id FROM nodes ORDER BY id")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let (level, index) = node_of_row(id);
        if node_row(level, index) != id || index >= size >> level {
            let rule = "the log has no such node";
            return Err(Error::corrupt(Place::Node { level, index }, rule));
        }
    }
    Ok(())
}
