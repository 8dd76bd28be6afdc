//! Reading the journal: a run's events, with or without their bodies.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::vec;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::Digest;
use avouch_trace::{Body, Event, Field, Slot};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{Error, Ledger, Place, Run, RunIndex, RunKey};

/// How many rows are fetched at once: enough to forget the cost of asking, few enough to hold.
const PAGE: i64 = 128;

/// An event with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub event: Event,
    /// Its body.
    pub body: Body,
}

/// A run's events in order. Rows that are appended meanwhile are seen when they are reached.
pub type Events<'l> = Pages<'l, Event>;

/// A run's events in order, with their bodies.
pub type Entries<'l> = Pages<'l, Entry>;

impl Ledger {
    /// The run's events, without their bodies.
    pub fn events(&self, run: &Run) -> Events<'_> {
        self.pages(run, "event", |_, row, at| {
            read_event(row.get_ref(1)?.as_blob(), at)
        })
    }

    /// Those of the run's events whose seq lies in `seqs`, without their bodies.
    pub fn events_in(&self, run: &Run, seqs: RangeInclusive<u64>) -> Events<'_> {
        Pages {
            next: (*seqs.start()).min(u64::from(u32::MAX)),
            last: (*seqs.end()).min(u64::from(u32::MAX)),
            ..self.events(run)
        }
    }

    /// The run's events with their bodies.
    pub fn entries(&self, run: &Run) -> Entries<'_> {
        self.pages(run, "event, fields", read_entry)
    }

    /// One event with its body.
    ///
    /// # Errors
    /// [`Error::NoSuchEvent`].
    pub fn event(&self, run: &Run, seq: u64) -> Result<Entry, Error> {
        let at = At {
            index: run.index,
            run: &run.info.name,
            seq,
        };
        let sql = "SELECT id, event, fields FROM events WHERE id = ?1";
        let mut query = self.conn.prepare_cached(sql)?;
        // A seq beyond 32 bits would run into the next run's keys.
        let id = u32::try_from(seq)
            .ok()
            .map(|seq| run.index.event_id(seq.into()));
        let mut rows = query.query(params![id])?;
        match rows.next()? {
            Some(row) => read_entry(self, row, at),
            None => Err(Error::NoSuchEvent {
                run: run.info.name.clone(),
                seq,
                size: run.size,
            }),
        }
    }

    fn pages<T>(&self, run: &Run, columns: &str, read: Reader<T>) -> Pages<'_, T> {
        Pages {
            ledger: self,
            sql: format!(
                "SELECT id, {columns} FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT {PAGE}"
            ),
            index: run.index,
            run: run.info.name.clone(),
            next: 0,
            last: u64::from(u32::MAX),
            page: Vec::new().into_iter(),
            read,
        }
    }
}

type Reader<T> = fn(&Ledger, &Row<'_>, At<'_>) -> Result<T, Error>;

/// Reads a run's rows a page at a time, so that memory does not grow with the run.
#[derive(Debug)]
pub struct Pages<'l, T> {
    ledger: &'l Ledger,
    sql: String,
    index: RunIndex,
    run: String,
    next: u64,
    last: u64,
    page: vec::IntoIter<T>,
    read: Reader<T>,
}

impl<T> Pages<'_, T> {
    fn fetch(&mut self) -> Result<Vec<T>, Error> {
        let mut query = self.ledger.conn.prepare_cached(&self.sql)?;
        let (first, last) = (
            self.index.event_id(self.next),
            self.index.event_id(self.last),
        );
        let mut rows = query.query([first, last])?;
        let mut page = Vec::with_capacity(PAGE as usize);
        while let Some(row) = rows.next()? {
            let at = At {
                index: self.index,
                run: &self.run,
                seq: self.next,
            };
            if row.get::<_, i64>(0)? != self.index.event_id(self.next) {
                return Err(at.wrong("the row is missing"));
            }
            page.push((self.read)(self.ledger, row, at)?);
            self.next += 1;
        }
        Ok(page)
    }
}

impl<T> Iterator for Pages<'_, T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.page.next() {
            return Some(Ok(item));
        }
        match self.fetch() {
            Ok(page) => {
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                // The next call must not try the same row again for ever.
                (self.next, self.last) = (1, 0);
                Some(Err(error))
            }
        }
    }
}

/// Which event is being read, for messages.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) index: RunIndex,
    pub(crate) run: &'a str,
    pub(crate) seq: u64,
}

impl At<'_> {
    pub(crate) fn wrong(&self, rule: impl Into<String>) -> Error {
        let place = Place::Event {
            index: self.index.0,
            run: self.run.into(),
            seq: self.seq,
        };
        Error::corrupt(place, rule)
    }
}

fn read_event(
    column: Result<&[u8], rusqlite::types::FromSqlError>,
    at: At<'_>,
) -> Result<Event, Error> {
    let bytes = column.map_err(|error| at.wrong(error.to_string()))?;
    Event::from_packed(bytes).map_err(|error| at.wrong(error.to_string()))
}

/// Reads `id, event, fields`.
fn read_entry(ledger: &Ledger, row: &Row<'_>, at: At<'_>) -> Result<Entry, Error> {
    let event = read_event(row.get_ref(1)?.as_blob(), at)?;
    let key = ledger.vault.key(&ledger.conn, at.index)?;
    let body = match row.get_ref(2)?.as_blob() {
        Ok(fields) => read_body(&in_the_clear(key.as_ref(), fields, at)?, at)?,
        Err(error) => return Err(at.wrong(error.to_string())),
    };
    if body.root() != event.body {
        return Err(at.wrong("the stored fields do not give the event's body root"));
    }
    Ok(Entry { event, body })
}

/// The `fields` column, decrypted if it is encrypted.
pub(crate) fn in_the_clear<'f>(
    key: Option<&RunKey>,
    fields: &'f [u8],
    at: At<'_>,
) -> Result<Cow<'f, [u8]>, Error> {
    let Some(key) = key else {
        return Ok(Cow::Borrowed(fields));
    };
    let opened = key.open_fields(at.index.event_id(at.seq), fields);
    let opened = opened.ok_or_else(|| at.wrong("fields: not encrypted under the run's key"))?;
    Ok(Cow::Owned(opened))
}

/// Reads the `fields` column in the clear.
pub(crate) fn read_body(bytes: &[u8], at: At<'_>) -> Result<Body, Error> {
    let list = Item::parse(bytes).map_err(|error| at.wrong(format!("fields: {error}")))?;
    let list = list
        .as_array()
        .ok_or_else(|| at.wrong("fields: not an array"))?;
    let mut slots = Vec::with_capacity(list.len());
    for slot in list {
        slots.push(match slot.as_bytes() {
            Some(bytes) => Field::decode(bytes)
                .map(Slot::Field)
                .map_err(|error| at.wrong(format!("fields: {error}")))?,
            None => Slot::Erased(erased_leaf(slot).ok_or_else(|| {
                at.wrong("fields: neither a byte string nor what is left of an erased field")
            })?),
        });
    }
    Body::from_slots(slots).map_err(|error| at.wrong(error.to_string()))
}

/// `[leaf hash]`
fn erased_leaf(item: Item<'_>) -> Option<Digest> {
    let mut parts = item.as_array()?.into_iter();
    let leaf = parts.next()?.as_bytes()?.try_into().ok()?;
    parts.next().is_none().then_some(Digest(leaf))
}

/// Writes the `fields` column over what `out` holds. Each field is a byte string of its own, so that
/// it may be nested as deep as one that stands alone.
pub(crate) fn write_body(body: &Body, out: &mut Encoder) {
    out.clear();
    let count = body.count() + 1;
    out.array(count as usize);
    let mut fields = body.indexed_fields().peekable();
    let mut erased = body.erased().peekable();
    for index in 0..count {
        if let Some((_, field)) = fields.next_if(|(at, _)| *at == index) {
            out.bytes(field.bytes());
        } else if let Some((_, leaf)) = erased.next_if(|(at, _)| *at == index) {
            out.array(1).bytes(&leaf.0);
        }
    }
}

/// A run's last event, and the running digest after it.
pub(crate) struct Last {
    pub(crate) seq: u64,
    pub(crate) event: Event,
    pub(crate) digest: Digest,
}

pub(crate) fn last_event(
    conn: &Connection,
    index: RunIndex,
    run: &str,
) -> Result<Option<Last>, Error> {
    let sql =
        "SELECT id, event, digest FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1";
    let (first, last) = index.event_ids();
    let row = conn.prepare_cached(sql)?.query_row([first, last], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, [u8; 112]>(1)?,
            row.get(2)?,
        ))
    });
    let Some((id, event, digest)) = row.optional()? else {
        return Ok(None);
    };
    let at = At {
        index,
        run,
        seq: (id - first) as u64,
    };
    Ok(Some(Last {
        seq: at.seq,
        event: read_event(Ok(&event), at)?,
        digest: Digest(digest),
    }))
}
