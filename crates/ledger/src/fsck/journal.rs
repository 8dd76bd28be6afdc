//! Runs and their events.

use avouch_merkle::Digest;
use rusqlite::Connection;

use super::{Counts, erasures};
use crate::blobs::check_references;
use crate::crypt::sealed_part;
use crate::issuer_keys::IssuerKeys;
use crate::journal::{in_the_clear, last_event, read_body};
use crate::log::{LoggedStatement, statement_where};
use crate::progress::Meter;
use crate::run::{COLUMNS, read};
use crate::walk::{Commitment, Walk};
use crate::{Error, Ledger, Place, Progress, RunIndex, RunInfo, Stage, run_tree};

/// Every row of `runs` follows the one before it, and has the digest of all up to it.
pub(super) fn check_runs(
    conn: &Connection,
    store_digest: Digest,
    counts: &mut Counts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let mut meter = Meter::new(Stage::Runs, super::count(conn, "runs")?, progress);
    let mut query = conn.prepare(&format!("SELECT {COLUMNS} FROM runs ORDER BY idx"))?;
    let mut rows = query.query([])?;
    let mut digest = store_digest;
    while let Some(row) = rows.next()? {
        let expected = counts.runs as i64 + 1;
        let wrong = |rule| Error::corrupt(Place::Run { index: expected }, rule);
        if row.get::<_, i64>(0)? != expected {
            return Err(wrong("the row is missing"));
        }
        let (_, info, stored) = read(row)?;
        digest = info.digest(&digest);
        if digest != stored {
            return Err(wrong(
                "the row's digest is not that of this row and those before it",
            ));
        }
        counts.runs += 1;
        meter.tick();
    }
    Ok(())
}

/// Every run's events are well-formed, in order, with the bodies that they name, and those that were
/// sealed; and there are no others.
pub(super) fn check_events(
    conn: &Connection,
    ledger: &Ledger,
    counts: &mut Counts,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Error> {
    let mut total = 0;
    for index in (1..=counts.runs as i64).map(RunIndex) {
        total += last_event(conn, index, "")?.map_or(0, |last| last.seq + 1);
    }
    let mut meter = Meter::new(Stage::Events, total, progress);
    let mut query = conn.prepare(&format!("SELECT {COLUMNS} FROM runs ORDER BY idx"))?;
    let mut rows = query.query([])?;
    let keys = IssuerKeys::read(conn, ledger.identity())?;
    let mut last = RunIndex(0);
    while let Some(row) = rows.next()? {
        let (index, info, _) = read(row)?;
        check_run(conn, (ledger, &keys), (index, &info), counts, &mut meter)?;
        last = index;
    }
    check_no_strays(conn, last)
}

fn check_run(
    conn: &Connection,
    (ledger, keys): (&Ledger, &IssuerKeys),
    (index, info): (RunIndex, &RunInfo),
    counts: &mut Counts,
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    // A wrong statement is named after the run's events: they come first.
    let logged = statement_where(conn, "run = ?1", [index.0]);
    let chain_start = match &logged {
        Ok(Some(logged)) => logged.manifest.chain_start,
        _ => Digest([0; 32]),
    };
    ledger.vault.check_readers(conn, index)?;
    let key = match ledger.vault.key(conn, index) {
        Err(Error::Locked { .. }) => Err(()),
        key => Ok(key?),
    };
    let mut walk = Walk::new(index, &info.id, &info.name, chain_start);
    let sql = "SELECT id, event, digest, fields FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id";
    let mut query = conn.prepare_cached(sql)?;
    let mut rows = query.query(<[i64; 2]>::from(index.event_ids()))?;
    let mut nodes = Vec::new();
    while let Some(row) = rows.next()? {
        let at = walk.at();
        let column = |column| match row.get_ref(column)?.as_blob() {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(at.wrong(error.to_string())),
        };
        let event = walk.step(row.get(0)?, column(1)?, column(2)?)?;
        nodes.extend(walk.take_nodes());
        counts.events += 1;
        let Ok(key) = &key else {
            sealed_part(column(3)?).ok_or_else(|| at.wrong("fields: in the clear"))?;
            counts.locked += 1;
            meter.tick();
            continue;
        };
        let body = read_body(&in_the_clear(key.as_ref(), column(3)?, at)?, at)?;
        if body.root() != event.body {
            return Err(at.wrong("the stored fields do not give the event's body root"));
        }
        counts.references += check_references(conn, &body, key.as_ref(), &info.name, at.seq)
            .map_err(|error| match error {
                Error::NoSuchBlob { .. } => at.wrong(error.to_string()),
                other => other,
            })?;
        erasures::check_event(conn, at, &body)?;
        counts.fields += body.fields().len() as u64;
        counts.erased += body.erased().count() as u64;
        meter.tick();
    }
    match logged? {
        Some(logged) => check_sealed(keys, index, info, &walk, &logged)?,
        // Nodes are stored when the run is sealed.
        None => nodes.clear(),
    }
    counts.run_nodes += run_tree::check(conn, index, &info.name, nodes)?;
    Ok(())
}

/// The run is the one that its statement signs.
fn check_sealed(
    keys: &IssuerKeys,
    index: RunIndex,
    info: &RunInfo,
    walk: &Walk<'_>,
    logged: &LoggedStatement,
) -> Result<(), Error> {
    let log_index = logged.log_index.0;
    let statement = |rule: &str| Err(Error::corrupt(Place::Statement { log_index }, rule));
    // A manifest that nobody signed says nothing about the run.
    if let Err(error) = keys.verify(&logged.statement) {
        return statement(&error.to_string());
    }
    if logged.manifest.run != info.id {
        return statement("column run is not the run that the manifest is about");
    }
    let signed = Commitment::of(&logged.manifest);
    if walk.count() < signed.size {
        return Err(walk
            .at()
            .wrong("the row is missing: the sealed run has more events"));
    }
    let wrong = |what: &str| {
        let rule = format!("{what} not what statement {log_index} signs");
        Error::corrupt(Place::Run { index: index.0 }, rule)
    };
    match walk.finish() {
        Some(found) if found == signed => {}
        _ => return Err(wrong("the run's events are")),
    }
    if signed.manifest(info.clone(), logged.manifest.previous) != logged.manifest {
        return Err(wrong("the row is"));
    }
    Ok(())
}

/// No event is outside the runs that there are.
fn check_no_strays(conn: &Connection, last: RunIndex) -> Result<(), Error> {
    let (_, end) = last.event_ids();
    let sql = "SELECT MIN(id) FROM events WHERE id < ?1 UNION ALL SELECT MIN(id) FROM events WHERE id > ?2";
    let mut query = conn.prepare(sql)?;
    let mut rows = query.query([RunIndex(1).event_id(0), end])?;
    while let Some(row) = rows.next()? {
        if let Some(id) = row.get::<_, Option<i64>>(0)? {
            let place = Place::Event {
                index: id >> 32,
                run: "no such run".into(),
                seq: (id & i64::from(u32::MAX)) as u64,
            };
            return Err(Error::corrupt(place, "the event is in no run"));
        }
    }
    Ok(())
}
