//! Finding runs, by name, id, or the digits that an id begins with.

use avouch_merkle::LeafIndex;
use avouch_trace::{Kind, RunId};
use rusqlite::{Connection, OptionalExtension as _, Params, params};

use crate::journal::last_event;
use crate::run::{COLUMNS, StoredRun, read};
use crate::{Error, InputId, Ledger, Run, RunIndex, State};

/// How few digits may name a run.
const MIN_PREFIX: usize = 4;
/// How many candidates an ambiguity names.
const MAX_CANDIDATES: usize = 5;

impl Ledger {
    /// All runs, in the order in which they were added.
    pub fn runs(&self) -> Result<Vec<Run>, Error> {
        let found = find(&self.conn, "1 ORDER BY idx", [])?;
        found
            .into_iter()
            .map(|stored| self.complete(stored))
            .collect()
    }

    /// The run at this position, as it is now.
    pub fn run(&self, index: RunIndex) -> Result<Run, Error> {
        match stored_run(&self.conn, index)? {
            Some(stored) => self.complete(stored),
            None => Err(Error::NoSuchRun(index.to_string())),
        }
    }

    /// The run that `text` names: its name, its id (32 lower-case hexadecimal digits), or at least 4
    /// digits that only its id begins with. An exact name goes before a prefix.
    ///
    /// # Errors
    /// [`Error::NoSuchRun`] and [`Error::AmbiguousRun`].
    pub fn resolve(&self, text: &str) -> Result<Run, Error> {
        let mut found = find(&self.conn, "name = ?1", [text])?;
        if let Ok(id) = text.parse::<RunId>() {
            // A run may have been named like another's id.
            found.extend(find(
                &self.conn,
                "run_id = ?1 AND name <> ?2",
                params![id.0, text],
            )?);
        } else if found.is_empty()
            && let Some((first, last)) = prefix_range(text)
        {
            let sql = format!("run_id BETWEEN ?1 AND ?2 ORDER BY run_id LIMIT {MAX_CANDIDATES}");
            found = find(&self.conn, &sql, params![first, last])?;
        }
        match (found.len(), found.pop()) {
            (1, Some(only)) => self.complete(only),
            (_, None) => Err(Error::NoSuchRun(text.into())),
            (_, last) => Err(Error::AmbiguousRun {
                text: text.into(),
                candidates: found
                    .into_iter()
                    .chain(last)
                    .map(|(_, info, _)| format!("{} ({})", info.id, info.name))
                    .collect(),
            }),
        }
    }

    /// The name of the run that was imported from these bytes.
    pub fn input(&self, input: &InputId) -> Result<Option<String>, Error> {
        name_of_input(&self.conn, input)
    }

    /// Adds what is derived from the other tables.
    fn complete(&self, (index, info, _): StoredRun) -> Result<Run, Error> {
        let last = last_event(&self.conn, index, &info.name)?;
        let closed = last.as_ref().is_some_and(|last| {
            last.event
                .header()
                .is_ok_and(|header| header.kind == Kind::RunEnd)
        });
        let state = match log_index_of(&self.conn, index)? {
            Some(log_index) => State::Sealed { log_index },
            None if closed => State::Closed,
            None => State::Open,
        };
        Ok(Run {
            index,
            info,
            size: last.map_or(0, |last| last.seq + 1),
            state,
        })
    }
}

/// The row of the run at this position.
pub(crate) fn stored_run(conn: &Connection, index: RunIndex) -> Result<Option<StoredRun>, Error> {
    Ok(find(conn, "idx = ?1", [index.0])?.pop())
}

fn find(conn: &Connection, condition: &str, params: impl Params) -> Result<Vec<StoredRun>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM runs WHERE {condition}");
    let mut query = conn.prepare_cached(&sql)?;
    let mut rows = query.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The smallest and the largest id that begin with these digits.
fn prefix_range(text: &str) -> Option<([u8; 16], [u8; 16])> {
    let digits = text.len() >= MIN_PREFIX
        && text.len() < 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        return None;
    }
    let padded = |with: &str| format!("{text}{}", with.repeat(32 - text.len())).parse::<RunId>();
    Some((padded("0").ok()?.0, padded("f").ok()?.0))
}

pub(crate) fn name_of_input(conn: &Connection, input: &InputId) -> Result<Option<String>, Error> {
    let sql = "SELECT name FROM runs WHERE input = ?1 AND ordinal = ?2";
    let name = conn
        .prepare_cached(sql)?
        .query_row(params![input.digest.0, input.ordinal], |row| row.get(0));
    Ok(name.optional()?)
}

pub(crate) fn log_index_of(conn: &Connection, run: RunIndex) -> Result<Option<LeafIndex>, Error> {
    let sql = "SELECT log_index FROM statements WHERE run = ?1";
    let index = conn
        .prepare_cached(sql)?
        .query_row([run.0], |row| row.get::<_, i64>(0));
    Ok(index.optional()?.map(|index| LeafIndex(index as u64)))
}
