//! Writing the journal: everything that must become visible at once, or not at all.

use std::collections::HashMap;

use avouch_cbor::Encoder;
use avouch_merkle::Digest;
use avouch_trace::{Body, Checker, Event, Header, Kind, Rule, RunId, journal_start};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::journal::{last_event, write_body};
use crate::{Error, InputId, Ledger, RunIndex, RunInfo, RunKey, blobs, lookup};

/// One transaction on the journal. It holds the ledger's write lock until it is committed, or dropped,
/// which undoes it.
///
/// Put a whole import into one batch, and nothing half-imported is ever seen; put each event of a live
/// recording into a batch of its own, and no event that was acknowledged is ever lost.
#[derive(Debug)]
pub struct Batch<'l> {
    tx: Transaction<'l>,
    store_digest: Digest,
    /// The run last appended to: an import appends to one run again and again.
    tail: Option<Tail>,
    ledger: &'l Ledger,
    /// The keys of the encrypted runs that this batch added; others see them when they are committed.
    begun: HashMap<i64, RunKey>,
    fields: Encoder,
    /// After a failure SQLite may have undone the transaction already; what is written then would be
    /// committed row by row.
    failed: bool,
}

/// Where a run's next event goes.
#[derive(Debug)]
struct Tail {
    run: RunIndex,
    name: String,
    checker: Checker,
    digest: Digest,
}

impl Ledger {
    /// Begins a batch. Waits while another process writes.
    ///
    /// One at a time: while it lives, what is read through this ledger sees what it has written.
    ///
    /// # Errors
    /// [`Error::Busy`] if another process writes for too long; see [`Ledger::set_busy_timeout`].
    /// [`Error::BatchOpen`] if this ledger has a batch already.
    pub fn batch(&self) -> Result<Batch<'_>, Error> {
        Ok(Batch {
            // IMMEDIATE takes the write lock now: a batch that could begin can also commit.
            tx: self.begin(TransactionBehavior::Immediate)?,
            store_digest: self.store_digest(),
            tail: None,
            ledger: self,
            begun: HashMap::new(),
            fields: Encoder::new(),
            failed: false,
        })
    }
}

impl Batch<'_> {
    /// Adds a run without events and returns its position. If its name is taken it gets `-2`, `-3`
    /// and so on; [`Batch::name`] says which it has.
    ///
    /// # Errors
    /// [`Error::InputKnown`] if this input was imported before, [`Error::RunIdTaken`], and
    /// [`Error::BadRun`] if a manifest could not carry what it says.
    pub fn new_run(&mut self, info: &RunInfo) -> Result<RunIndex, Error> {
        info.check()?;
        self.write(|batch| batch.insert_run(info))
    }

    /// The name of a run that this batch or an earlier one added.
    pub fn name(&self, run: RunIndex) -> Result<String, Error> {
        name_of(&self.tx, run)
    }

    /// The name of the run that was imported from these bytes, in this batch or before it.
    pub fn input(&self, input: &InputId) -> Result<Option<String>, Error> {
        lookup::name_of_input(&self.tx, input)
    }

    /// Appends an event with this header and body.
    ///
    /// # Errors
    /// [`Error::Trace`] if the header does not continue the run, and [`Error::NoSuchBlob`] if a field
    /// refers to a blob that was not put; nothing is written then and the batch goes on.
    pub fn append(&mut self, run: RunIndex, header: &Header, body: &Body) -> Result<Event, Error> {
        self.write(|batch| batch.insert_event(run, header, body))
    }

    /// Keeps a value that is too long for a field, once, and returns its digest.
    ///
    /// # Errors
    /// [`Error::BlobTooLarge`] beyond what SQLite holds, a little less than 2^30 bytes.
    pub fn put_blob(&mut self, bytes: &[u8]) -> Result<Digest, Error> {
        if self.ledger.is_encrypted() {
            return Err(Error::BlobNeedsRun);
        }
        self.write(|batch| blobs::put(&batch.tx, bytes))
    }

    /// The same for a run: in an encrypted store a blob is encrypted under its run's key.
    ///
    /// # Errors
    /// As [`Batch::put_blob`]; [`Error::Locked`] if the run is another batch's and its key cannot be opened.
    pub fn put_run_blob(&mut self, run: RunIndex, bytes: &[u8]) -> Result<Digest, Error> {
        let key = self.key(run)?;
        self.write(|batch| match key {
            None => blobs::put(&batch.tx, bytes),
            Some(key) => blobs::put_encrypted(&batch.tx, run, &key, bytes),
        })
    }

    /// The key of a run; `None` in a store in the clear.
    fn key(&self, run: RunIndex) -> Result<Option<RunKey>, Error> {
        match self.begun.get(&run.0) {
            Some(key) => Ok(Some(key.clone())),
            None => self.ledger.vault.key(&self.tx, run),
        }
    }

    /// Makes all of it last. When this returns, it is on disk.
    pub fn commit(self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::BatchFailed);
        }
        self.tx.commit()?;
        self.ledger.vault.remember(self.begun);
        Ok(())
    }

    /// Runs one write, and remembers if SQLite failed in it.
    fn write<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.failed {
            return Err(Error::BatchFailed);
        }
        let done = step(self);
        self.failed = matches!(
            done,
            Err(Error::Sqlite(_) | Error::Busy | Error::Corrupt(_))
        );
        done
    }

    fn insert_run(&mut self, info: &RunInfo) -> Result<RunIndex, Error> {
        if let Some(input) = &info.input
            && let Some(run) = lookup::name_of_input(&self.tx, input)?
        {
            return Err(Error::InputKnown { run });
        }
        if has(
            &self.tx,
            "SELECT 1 FROM runs WHERE run_id = ?1",
            &info.id.0[..],
        )? {
            return Err(Error::RunIdTaken(info.id));
        }
        let sql = "SELECT idx, digest FROM runs ORDER BY idx DESC LIMIT 1";
        let last = self
            .tx
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (last, digest): (i64, [u8; 32]) = last.optional()?.unwrap_or((0, self.store_digest.0));
        let info = RunInfo {
            name: free_name(&self.tx, &info.name)?,
            ..info.clone()
        };
        let sql = "INSERT INTO runs (idx, run_id, name, agent, mode, currency, format, integrity, parents,
               input, ordinal, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        self.tx.prepare_cached(sql)?.execute(params![
            last + 1,
            info.id.0,
            info.name,
            info.agent,
            info.mode as u8,
            info.currency,
            info.source.format,
            info.source.integrity,
            info.parents_cbor(),
            info.input.map(|input| input.digest.0),
            info.input.map(|input| input.ordinal),
            info.digest(&Digest(digest)).0,
        ])?;
        let run = RunIndex(last + 1);
        if let Some(key) = self.ledger.vault.begin(&self.tx, run)? {
            self.begun.insert(run.0, key);
        }
        Ok(run)
    }

    fn insert_event(
        &mut self,
        run: RunIndex,
        header: &Header,
        body: &Body,
    ) -> Result<Event, Error> {
        let key = self.key(run)?;
        let Self {
            tx, tail, fields, ..
        } = self;
        let tail = match tail {
            Some(tail) if tail.run == run => tail,
            other => other.insert(Tail::load(tx, run)?),
        };
        let seq = tail.checker.count();
        blobs::check_references(tx, body, key.as_ref(), &tail.name, seq)?;
        let event = Event::new(header, body.root());
        let trace = |source| Error::Trace {
            run: tail.name.clone(),
            source,
        };
        let mut checker = tail.checker.clone();
        checker.event(&event).map_err(trace)?;
        let digest = event.chain(&tail.digest);
        write_body(body, fields);
        let encrypted = match &key {
            Some(key) => Some(key.seal_fields(run.event_id(seq), fields.as_slice(), &[])?),
            None => None,
        };
        tx.prepare_cached(
            "INSERT INTO events (id, event, digest, fields) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            run.event_id(seq),
            event.to_packed(),
            digest.0,
            encrypted.as_deref().unwrap_or(fields.as_slice()),
        ])?;
        tail.checker = checker;
        tail.digest = digest;
        Ok(event)
    }
}

impl Tail {
    fn load(conn: &Connection, run: RunIndex) -> Result<Self, Error> {
        let sql = "SELECT name, run_id FROM runs WHERE idx = ?1";
        let row = conn.prepare_cached(sql)?.query_row([run.0], |row| {
            Ok((row.get::<_, String>(0)?, RunId(row.get(1)?)))
        });
        let (name, id) = row
            .optional()?
            .ok_or_else(|| Error::NoSuchRun(run.to_string()))?;
        let (checker, digest) = match last_event(conn, run, &name)? {
            None => (Checker::new(), journal_start(&id)),
            Some(last) => {
                let ended = last
                    .event
                    .header()
                    .is_ok_and(|header| header.kind == Kind::RunEnd);
                if ended {
                    let source = avouch_trace::Error::Rule {
                        index: last.seq + 1,
                        rule: Rule::NothingAfterRunEnd,
                    };
                    return Err(Error::Trace { run: name, source });
                }
                (Checker::resume(last.seq + 1), last.digest)
            }
        };
        Ok(Self {
            run,
            name,
            checker,
            digest,
        })
    }
}

pub(crate) fn name_of(conn: &Connection, run: RunIndex) -> Result<String, Error> {
    let sql = "SELECT name FROM runs WHERE idx = ?1";
    let name = conn
        .prepare_cached(sql)?
        .query_row([run.0], |row| row.get(0));
    name.optional()?
        .ok_or_else(|| Error::NoSuchRun(run.to_string()))
}

/// `name`, or the first of `name-2`, `name-3` ... that the search below meets.
///
/// Names are never freed, so taken suffixes form a prefix unless someone chose one by hand: a search by
/// doubling and halving finds a free one next to a taken one without walking over all of them.
fn free_name(conn: &Connection, name: &str) -> Result<String, Error> {
    const TAKEN: &str = "SELECT 1 FROM runs WHERE name = ?1";
    if !has(conn, TAKEN, name)? {
        return Ok(name.into());
    }
    let numbered = |number: u64| format!("{name}-{number}");
    let (mut taken, mut free) = (1, 2);
    while has(conn, TAKEN, numbered(free))? {
        (taken, free) = (free, free * 2);
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if has(conn, TAKEN, numbered(middle))? {
            taken = middle;
        } else {
            free = middle;
        }
    }
    Ok(numbered(free))
}

fn has(conn: &Connection, sql: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<bool> {
    conn.prepare_cached(sql)?.exists([value])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use avouch_cose::{Algorithm, SigningKey};
    use avouch_trace::{Mode, Source};

    use super::*;
    use crate::Identity;

    #[test]
    fn after_a_failure_nothing_of_the_batch_is_kept() {
        let key = SigningKey::generate(Algorithm::Ed25519, &[1; 32])
            .unwrap()
            .verifying_key();
        let identity = Identity {
            issuer: "issuer".into(),
            issuer_key: key,
            log_origin: "log".into(),
            log_key: key,
        };
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(folder.path().join("ledger.db"), &identity).unwrap();
        let info = |id| RunInfo {
            id: RunId([id; 16]),
            name: "run".into(),
            agent: "agent".into(),
            mode: Mode::Execution,
            currency: "tokens".into(),
            source: Source {
                format: "avouch".into(),
                integrity: None,
            },
            parents: Vec::new(),
            input: None,
        };
        // As a full disk would stop it; SQLite then ends the transaction by itself.
        ledger
            .conn
            .pragma_update(None, "max_page_count", 100)
            .unwrap();
        let mut batch = ledger.batch().unwrap();
        batch.new_run(&info(1)).unwrap();
        let full = batch.put_blob(&vec![0; 1 << 20]);
        assert!(matches!(full, Err(Error::Sqlite(_))));
        // It would fit, and be committed at once, outside of any transaction.
        assert!(matches!(batch.put_blob(b"small"), Err(Error::BatchFailed)));
        assert!(matches!(batch.new_run(&info(2)), Err(Error::BatchFailed)));
        assert!(matches!(batch.commit(), Err(Error::BatchFailed)));
        assert!(ledger.runs().unwrap().is_empty());
        assert_eq!(ledger.fsck(&mut |_| ()).unwrap().finding, None);
        let mut batch = ledger.batch().unwrap();
        batch.new_run(&info(3)).unwrap();
        batch.commit().unwrap();
        assert_eq!(ledger.runs().unwrap().len(), 1);
    }
}
