//! Erasing fields: the only change that stored rows ever see.
//!
//! What is left of a field is its leaf hash, so that the body's root, and all above it, stay as they were
//! signed. It happens in one transaction with the statement that says so: the triggers let an event's
//! fields change only while its tombstones name a statement that is not in the log yet.

use std::collections::{BTreeMap, BTreeSet};

use avouch_cbor::Encoder;
use avouch_cose::Statement;
use avouch_merkle::{Digest, LeafIndex, sha256};
use avouch_trace::{REDACTION_CONTENT_TYPE, Redaction, Tombstone};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::journal::{At, in_the_clear, read_body, write_body};
use crate::log::{key, same_key};
use crate::scrub::Marker;
use crate::seal::Log;
use crate::{Error, Ledger, Run, RunIndex, RunKey, Sealer, lookup};

/// What a redaction says beside what was erased.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a> {
    /// Who had it done.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A field to erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPlace {
    /// The event.
    pub seq: u64,
    /// The field's index in the body; leaf 0 cannot be erased.
    pub index: u64,
}

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The redaction statement's position in the log.
    pub log_index: LeafIndex,
    /// Its id.
    pub statement_id: Digest,
    /// What is left of the fields.
    pub tombstones: Vec<Tombstone>,
    /// How many blobs were erased with them.
    pub blobs: u64,
    /// Blobs that are still there because other fields hold them.
    pub shared: Vec<SharedBlob>,
}

/// A blob that an erased field referred to, and that another field still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedBlob {
    /// The blob.
    pub digest: Digest,
    /// The name of the run that holds it.
    pub run: String,
    /// The event.
    pub seq: u64,
    /// The field.
    pub field: String,
}

impl Ledger {
    /// Erases fields of a run: values, salts, and blobs that no other field holds; enters the signed statement
    /// about it in the log; and then scrubs what SQLite has kept of them, see [`Ledger::scrub`].
    ///
    /// Fields and statement are one transaction: after a crash either nothing was done, or all but the
    /// scrubbing, which [`Ledger::scrub`] resumes.
    ///
    /// # Errors
    /// [`Error::NoSuchEvent`], [`Error::NotErasable`], [`Error::WrongKey`]: nothing was done. [`Error::Busy`]
    /// where another process reads for too long: if [`Ledger::needs_scrub`], all but the scrubbing was.
    pub fn erase(
        &self,
        run: &Run,
        fields: &[FieldPlace],
        words: &Words<'_>,
        sealer: &Sealer<'_>,
    ) -> Result<Erased, Error> {
        let identity = self.identity();
        same_key("log", &identity.log_key, sealer.log_key)?;
        let fields: BTreeSet<FieldPlace> = fields.iter().copied().collect();
        let marker = Marker::set(self.path())?;
        let erased = self.erase_in_transaction(run, &fields, words, sealer);
        match erased {
            Ok(erased) => {
                self.scrub()?;
                Ok(erased)
            }
            // Nothing was committed. What an earlier erasure left to scrub keeps its marker.
            Err(error) => {
                marker.unset();
                Err(error)
            }
        }
    }

    fn erase_in_transaction(
        &self,
        run: &Run,
        fields: &BTreeSet<FieldPlace>,
        words: &Words<'_>,
        sealer: &Sealer<'_>,
    ) -> Result<Erased, Error> {
        let tx = self.begin(TransactionBehavior::Immediate)?;
        let mut log = Log::open(&tx, self.identity())?;
        log.admit_sealer(sealer, &run.info.agent)?;
        let log_index = log.leaves.next_index();
        let erasing = Erasing {
            tx: &tx,
            run,
            log_index,
            key: self.vault.key(&tx, run.index)?,
        };
        let mut by_event: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for FieldPlace { seq, index } in fields {
            by_event.entry(*seq).or_default().push(*index);
        }
        let mut tombstones = Vec::new();
        let mut blobs = BTreeSet::new();
        for (seq, indices) in by_event {
            erasing.event(seq, &indices, &mut tombstones, &mut blobs)?;
        }
        let (mut gone, mut shared) = (0, Vec::new());
        for digest in blobs {
            match holder(&tx, &erasing, &digest)? {
                Some(holder) => shared.push(holder),
                None => gone += u64::from(erasing.blob(&digest)?),
            }
        }
        let redaction = Redaction::of(run.info.id, words.by, words.reason, &tombstones);
        let redaction = redaction.ok_or_else(|| Error::NothingToErase {
            run: run.info.name.clone(),
        })?;
        // What could not be read back is not signed.
        Redaction::decode(&redaction.encode()).map_err(|source| Error::Trace {
            run: run.info.name.clone(),
            source,
        })?;
        let statement = Statement::sign(
            sealer.issuer_key,
            &self.identity().issuer,
            &run.info.id.subject(),
            sealer.iat,
            REDACTION_CONTENT_TYPE,
            &redaction.encode(),
        )?;
        log.append_other(&statement)?;
        log.sign_checkpoint(sealer.log_key)?;
        tx.commit()?;
        Ok(Erased {
            log_index,
            statement_id: statement.statement_id(),
            tombstones,
            blobs: gone,
            shared,
        })
    }

    /// The redactions of a run, as the log has them, with the tombstones that each is over.
    pub fn redactions(&self, run: &Run) -> Result<Vec<(crate::LogEntry, Vec<Tombstone>)>, Error> {
        let (first, last) = run.index.event_ids();
        let sql = "SELECT DISTINCT log_index FROM tombstones WHERE event BETWEEN ?1 AND ?2
                   ORDER BY log_index";
        let mut query = self.conn.prepare_cached(sql)?;
        let found: Vec<i64> = query
            .query_map([first, last], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut redactions = Vec::with_capacity(found.len());
        for log_index in found {
            let log_index = LeafIndex(log_index as u64);
            let entry = self.statement_at(log_index)?.ok_or_else(|| {
                let place = crate::Place::Statement {
                    log_index: log_index.0,
                };
                Error::corrupt(place, "the row is missing")
            })?;
            let tombstones = tombstones_of(&self.conn, log_index)?;
            let of_run = tombstones.into_iter().map(|(_, tombstone)| tombstone);
            redactions.push((entry, of_run.collect()));
        }
        Ok(redactions)
    }
}

/// One erasure while it is done.
struct Erasing<'t> {
    tx: &'t Transaction<'t>,
    run: &'t Run,
    log_index: LeafIndex,
    key: Option<RunKey>,
}

impl Erasing<'_> {
    fn event(
        &self,
        seq: u64,
        indices: &[u64],
        tombstones: &mut Vec<Tombstone>,
        blobs: &mut BTreeSet<Digest>,
    ) -> Result<(), Error> {
        let run = &self.run.info.name;
        let at = At {
            index: self.run.index,
            run,
            seq,
        };
        let id = self.run.index.event_id(seq);
        let sql = "SELECT fields FROM events WHERE id = ?1";
        let stored: Option<Vec<u8>> = match seq < self.run.size {
            true => self.tx.query_row(sql, [id], |row| row.get(0)).optional()?,
            false => None,
        };
        let stored = stored.ok_or_else(|| Error::NoSuchEvent {
            run: run.clone(),
            seq,
            size: self.run.size,
        })?;
        let stored = in_the_clear(self.key.as_ref(), &stored, at)?;
        let mut body = read_body(&stored, at)?;
        let insert =
            "INSERT INTO tombstones (event, field, leaf, log_index) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.tx.prepare_cached(insert)?;
        for index in indices.iter().copied() {
            let blob = body
                .indexed_fields()
                .find(|(at, _)| *at == index)
                .and_then(|(_, field)| field.blob());
            let leaf = body.erase(index).ok_or_else(|| Error::NotErasable {
                run: run.clone(),
                seq,
                index,
            })?;
            blobs.extend(blob.map(|blob| blob.digest));
            insert.execute(params![id, key(index), leaf.0, key(self.log_index.0)])?;
            tombstones.push(Tombstone { seq, index, leaf });
        }
        let mut fields = Encoder::new();
        write_body(&body, &mut fields);
        let mut fields = fields.into_vec();
        if let Some(key) = &self.key {
            let leaves: Vec<Digest> = body.erased().map(|(_, leaf)| leaf).collect();
            fields = key.seal_fields(id, &fields, &leaves)?;
        }
        self.tx
            .prepare_cached("UPDATE events SET fields = ?2 WHERE id = ?1")?
            .execute(params![id, fields])?;
        Ok(())
    }

    /// Empties a blob's row; its digest, too, would confirm a guess. False where there is no such blob.
    fn blob(&self, digest: &Digest) -> Result<bool, Error> {
        let sql = "SELECT id FROM blobs WHERE digest = ?1";
        let name = match &self.key {
            Some(key) => key.blob_name(digest),
            None => *digest,
        };
        let id: Option<i64> = self
            .tx
            .query_row(sql, [name.0], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(false) };
        let mark = erased_blob(id);
        self.tx.execute(
            "INSERT INTO erased_blobs (blob, digest, log_index) VALUES (?1, ?2, ?3)",
            params![id, mark.0, key(self.log_index.0)],
        )?;
        self.tx.execute(
            "UPDATE blobs SET digest = ?2, bytes = x'' WHERE id = ?1",
            params![id, mark.0],
        )?;
        Ok(true)
    }
}

/// What stands in the place of an erased blob's digest.
pub(crate) fn erased_blob(id: i64) -> Digest {
    sha256(&[b"avouch/v1/erased-blob", &id.to_be_bytes()])
}

/// A field, of any run, that holds this blob.
fn holder(
    conn: &Connection,
    erasing: &Erasing<'_>,
    digest: &Digest,
) -> Result<Option<SharedBlob>, Error> {
    // Encrypted blobs are their runs' own, and what refers to them is encrypted too.
    let all = (0, i64::MAX, &digest.0[..]);
    let (first, last, holds) = match erasing.key {
        None => all,
        Some(_) => {
            let (first, last) = erasing.run.index.event_ids();
            (first, last, &[][..])
        }
    };
    let sql = "SELECT id, fields FROM events
               WHERE id BETWEEN ?1 AND ?2 AND (length(?3) = 0 OR instr(fields, ?3) > 0) ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(params![first, last, holds])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (index, seq) = (RunIndex(id >> 32), (id & i64::from(u32::MAX)) as u64);
        let at = At {
            index,
            run: "",
            seq,
        };
        let fields = row.get_ref(1)?.as_blob().unwrap_or_default();
        let body = read_body(&in_the_clear(erasing.key.as_ref(), fields, at)?, at)?;
        // The digest may also stand in a value without being a reference.
        let holding = body
            .indexed_fields()
            .skip(1)
            .find(|(_, field)| field.blob().is_some_and(|blob| blob.digest == *digest));
        if let Some((_, field)) = holding {
            let run = lookup::stored_run(conn, index)?;
            return Ok(Some(SharedBlob {
                digest: *digest,
                run: run.map_or_else(|| index.to_string(), |(_, info, _)| info.name),
                seq,
                field: field.name().into(),
            }));
        }
    }
    Ok(None)
}

/// The tombstones that the statement at `log_index` is over, in order, each with its run.
pub(crate) fn tombstones_of(
    conn: &Connection,
    log_index: LeafIndex,
) -> Result<Vec<(RunIndex, Tombstone)>, Error> {
    let sql =
        "SELECT event, field, leaf FROM tombstones WHERE log_index = ?1 ORDER BY event, field";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query([key(log_index.0)])?;
    let mut tombstones = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let tombstone = Tombstone {
            seq: (id & i64::from(u32::MAX)) as u64,
            index: row.get::<_, i64>(1)? as u64,
            leaf: Digest(row.get(2)?),
        };
        tombstones.push((RunIndex(id >> 32), tombstone));
    }
    Ok(tombstones)
}

/// The tombstones of one event: index and leaf hash, ascending.
pub(crate) fn tombstones_at(conn: &Connection, event: i64) -> Result<Vec<(u64, Digest)>, Error> {
    let sql = "SELECT field, leaf FROM tombstones WHERE event = ?1 ORDER BY field";
    let mut query = conn.prepare_cached(sql)?;
    let rows = query.query_map([event], |row| {
        Ok((row.get::<_, i64>(0)? as u64, Digest(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
