//! What was erased, against the statements that say so.

use avouch_merkle::LeafIndex;
use avouch_trace::{Body, REDACTION_CONTENT_TYPE, Redaction, Tombstone};
use rusqlite::{Connection, OptionalExtension as _};

use super::Counts;
use crate::erase::{tombstones_at, tombstones_of};
use crate::issuer_keys::IssuerKeys;
use crate::journal::At;
use crate::log::{entry_where, key};
use crate::lookup::stored_run;
use crate::{Error, Identity, LogEntry, Place, RunIndex};

/// The fields that an event lacks are those that it has tombstones for.
pub(super) fn check_event(conn: &Connection, at: At<'_>, body: &Body) -> Result<(), Error> {
    let tombstones = tombstones_at(conn, at.index.event_id(at.seq))?;
    let mut erased = body.erased();
    for (field, leaf) in &tombstones {
        if erased.next() != Some((*field, *leaf)) {
            let place = Place::Tombstone {
                index: at.index.0,
                seq: at.seq,
                field: *field,
            };
            return Err(Error::corrupt(
                place,
                "the event does not have this tombstone in the field's place",
            ));
        }
    }
    match erased.next() {
        None => Ok(()),
        Some((field, _)) => Err(at.wrong(format!(
            "field {field} is erased, but has no row in tombstones"
        ))),
    }
}

/// Every tombstone is under a redaction that the issuer signed and the log holds, and every redaction has all
/// of its tombstones.
pub(super) fn check_all(
    conn: &Connection,
    identity: &Identity,
    counts: &mut Counts,
) -> Result<(), Error> {
    let keys = IssuerKeys::read(conn, identity)?;
    let sql =
        "SELECT log_index FROM tombstones UNION SELECT log_index FROM erased_blobs ORDER BY 1";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut checked = 0;
    while let Some(row) = rows.next()? {
        let log_index = LeafIndex(row.get::<_, i64>(0)? as u64);
        check_redaction(conn, &keys, log_index)?;
        checked += 1;
    }
    counts.redactions = checked;
    check_no_others(conn, &keys)
}

fn check_redaction(
    conn: &Connection,
    issuer: &IssuerKeys,
    log_index: LeafIndex,
) -> Result<(), Error> {
    let wrong = |rule: &str| {
        let log_index = log_index.0;
        Err(Error::corrupt(Place::Statement { log_index }, rule))
    };
    let tombstones = tombstones_of(conn, log_index)?;
    let entry = entry_where(conn, "log_index = ?1", [key(log_index.0)])?;
    let Some(redaction) = entry.as_ref().and_then(|entry| redaction(entry, issuer)) else {
        return match tombstones.first() {
            Some((run, tombstone)) => Err(Error::corrupt(
                Place::Tombstone {
                    index: run.0,
                    seq: tombstone.seq,
                    field: tombstone.index,
                },
                "the log holds no redaction by the issuer where it says",
            )),
            None => wrong("blobs were erased, but the log holds no redaction by the issuer here"),
        };
    };
    let run = tombstones.first().map_or(RunIndex(0), |(run, _)| *run);
    let id = stored_run(conn, run)?.map(|(_, info, _)| info.id);
    if id != Some(redaction.run) || tombstones.iter().any(|(other, _)| *other != run) {
        return wrong("the tombstones are of another run than the redaction");
    }
    let tombstones: Vec<Tombstone> = tombstones.into_iter().map(|(_, one)| one).collect();
    let found = Redaction::of(redaction.run, &redaction.by, &redaction.reason, &tombstones);
    match found.as_ref() == Some(&redaction) {
        true => Ok(()),
        false => wrong("the tombstones are not those that the redaction signs"),
    }
}

/// The redaction that an entry is, if the issuer signed it.
fn redaction(entry: &LogEntry, issuer: &IssuerKeys) -> Option<Redaction> {
    let LogEntry { statement, .. } = entry;
    let redaction = Redaction::decode(statement.payload()).ok()?;
    (statement.content_type() == REDACTION_CONTENT_TYPE
        && statement.subject() == redaction.run.subject()
        && issuer.verify(statement).is_ok())
    .then_some(redaction)
}

/// No redaction by the issuer is without its tombstones.
fn check_no_others(conn: &Connection, issuer: &IssuerKeys) -> Result<(), Error> {
    let sql = "SELECT log_index FROM statements WHERE run IS NULL AND registered = 0
               AND log_index NOT IN (SELECT log_index FROM tombstones) ORDER BY log_index";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let log_index: i64 = row.get(0)?;
        let entry = entry_where(conn, "log_index = ?1", [log_index])?;
        if entry.is_some_and(|entry| redaction(&entry, issuer).is_some()) {
            return Err(Error::corrupt(
                Place::Statement {
                    log_index: log_index as u64,
                },
                "the tombstones of this redaction are missing",
            ));
        }
    }
    // Not a cached query: it is asked once.
    let stray = "SELECT blob FROM erased_blobs WHERE blob NOT IN (SELECT id FROM blobs) LIMIT 1";
    let stray: Option<i64> = conn.query_row(stray, [], |row| row.get(0)).optional()?;
    match stray {
        Some(index) => Err(Error::corrupt(
            Place::ErasedBlob { index },
            "there is no such blob",
        )),
        None => Ok(()),
    }
}
