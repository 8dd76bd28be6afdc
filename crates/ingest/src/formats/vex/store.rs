//! VEX's SQLite store: audit logs, and what else is known of agents, as keys and JSON values.

use std::borrow::Cow;

use avouch_merkle::Digest;
use avouch_trace::Kind;
use serde::Deserialize;

use super::audit::{self, Log};
use super::event::Event;
use super::events::Events;
use super::{AGENT, CURRENCY};
use crate::database::{Database, Table};
use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::integrity::{Auditor, Findings, SourceKey};
use crate::row::Row;
use crate::run::{Run, Start};
use crate::sink::Draft;

/// Keys look like `audit:tenant:TENANT:event:UUID`. A tenant's events come last, in their order; a
/// tenant is a run.
const DATABASE: Database = Database {
    requires: &["kv_store", "audit_logs"],
    tables: &[Table {
        name: "kv_store",
        group: "CASE WHEN instr(key, ':tenant:') > 0 THEN
                  substr(substr(key, instr(key, ':tenant:') + 8), 1,
                         instr(substr(key, instr(key, ':tenant:') + 8) || ':', ':') - 1) END",
        order: "CASE WHEN key LIKE 'audit:tenant:%:event:%' THEN
                  CASE WHEN json_valid(value) THEN
                    coalesce(json_extract(value, '$.sequence_number'), 0) ELSE 0 END END",
    }],
};

pub(crate) const SPEC: Spec = Spec {
    name: "vex-sqlite",
    agent: AGENT,
    currency: CURRENCY,
    many_runs: true,
    recognises: |_| false,
    shape: |_| Shape::Rows,
    importer: || Box::new(Store::default()),
    rules: Some(&audit::STORE),
    database: Some(&DATABASE),
};

/// How many rows that belong to no tenant wait for the first tenant's run, and how many bytes.
const MAX_WAITING: usize = 1024;
const MAX_WAITING_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// A row of `kv_store` that belongs to a tenant.
struct Entry<'a> {
    /// `audit`, `agent`, `coordination`.
    space: &'a str,
    tenant: &'a str,
    /// What follows the tenant.
    rest: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(key: &'a str) -> Option<Self> {
        let (space, rest) = key.split_once(":tenant:")?;
        let (tenant, rest) = rest.split_once(':').unwrap_or((rest, ""));
        Some(Self {
            space,
            tenant,
            rest,
        })
    }

    fn is_event(&self) -> bool {
        self.space == "audit" && self.rest.starts_with("event:")
    }
}

#[derive(Default)]
struct Store {
    tenant: Option<String>,
    events: Events,
    /// Rows of no tenant, which come before all others.
    waiting: Vec<String>,
    waiting_bytes: usize,
}

impl Importer for Store {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let row = Row::parse(record)?;
        let pair = match &*row.table {
            "kv_store" => Some(row.columns::<Pair<'_>>()?),
            _ => None,
        };
        let entry = pair.as_ref().and_then(|pair| Entry::parse(&pair.key));
        let (Some(pair), Some(entry)) = (&pair, &entry) else {
            return self.wait(record, run);
        };
        let event = match entry.is_event() {
            true => Some(Event::parse(&pair.value)?),
            false => None,
        };
        if self.tenant.as_deref() != Some(entry.tenant) {
            run.put_aside();
            self.tenant = Some(entry.tenant.to_owned());
            self.events = Events::default();
            let mut start = Start::new(CURRENCY).with("tenant", entry.tenant);
            start.name = (!entry.tenant.is_empty()).then(|| entry.tenant.to_owned());
            run.start(start)?;
            self.release(run)?;
            run.source_json(record);
        }
        match event {
            Some(event) => self.events.write(&event, run),
            None => run.emit(note(&pair.key)).map(drop),
        }
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.release(run)
    }
}

impl Store {
    /// A row of no tenant.
    fn wait(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        if run.is_open() {
            // There were more than can wait: they have a run of their own.
            return run.emit(note("")).map(drop);
        }
        run.put_aside();
        self.waiting_bytes += record.len();
        self.waiting.push(record.to_owned());
        if self.waiting.len() >= MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
            run.start(Start::new(CURRENCY))?;
            self.release(run)?;
        }
        Ok(())
    }

    fn release(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        for record in std::mem::take(&mut self.waiting) {
            run.source_json(&record);
            run.emit(note(""))?;
        }
        Ok(())
    }
}

/// A row that is no event.
fn note(key: &str) -> Draft {
    let mut draft = Draft::new(Kind::Note);
    draft.cost = Some(0);
    match key {
        "" => draft,
        key => draft.with("key", key),
    }
}

/// Checks each tenant's log, and the rows that say where it ends.
pub(super) struct StoreAudit {
    keys: Vec<SourceKey>,
    tenant: Option<String>,
    log: Log,
    ids: Vec<String>,
    chain: Option<Vec<String>>,
    state: Option<State>,
}

/// The row `chain_state`.
#[derive(Deserialize)]
struct State {
    last_hash: Option<[u8; 32]>,
    sequence: u64,
}

impl StoreAudit {
    pub(super) fn new(keys: &[SourceKey]) -> Self {
        Self {
            keys: keys.to_vec(),
            tenant: None,
            log: Log::new(keys),
            ids: Vec::new(),
            chain: None,
            state: None,
        }
    }

    /// Ends a tenant's log.
    fn end(&mut self, found: &mut Findings) {
        let Some(tenant) = self.tenant.take() else {
            return;
        };
        let log = std::mem::replace(&mut self.log, Log::new(&self.keys));
        let ids = std::mem::take(&mut self.ids);
        let name = || format!("the log of tenant {tenant}");
        let (events, last) = log.end();
        let chain = self.chain.take().unwrap_or_default();
        let differs = ids.iter().zip(&chain).position(|(id, listed)| id != listed);
        let differs = differs.or((ids.len() != chain.len()).then_some(ids.len().min(chain.len())));
        found.check(differs.is_none(), name, || {
            let at = differs.unwrap_or_default();
            let print = |ids: &[String]| ids.get(at).cloned().unwrap_or("nothing".to_owned());
            format!(
                "place {at} of its chain lists {}, but event {at} of those there are is {}",
                print(&chain),
                print(&ids)
            )
        });
        let state = self.state.take();
        let held = match &state {
            Some(state) => state.sequence == events && state.last_hash.map(Digest) == last,
            None => events == 0,
        };
        found.check(held, name, || match state {
            Some(state) => format!(
                "its chain_state tells of {} events and another last hash than the {events} that there are",
                state.sequence
            ),
            None => "it has no chain_state".to_owned(),
        });
    }
}

impl Auditor for StoreAudit {
    fn record(&mut self, record: &str, found: &mut Findings) -> Result<(), Fault> {
        let row = Row::parse(record)?;
        if row.table != "kv_store" {
            return Ok(());
        }
        let pair: Pair<'_> = row.columns()?;
        let Some(entry) = Entry::parse(&pair.key) else {
            return Ok(());
        };
        if self.tenant.as_deref() != Some(entry.tenant) {
            self.end(found);
            self.tenant = Some(entry.tenant.to_owned());
        }
        match (entry.space, entry.rest) {
            ("audit", "chain") => self.chain = Some(serde_json::from_str(&pair.value)?),
            ("audit", "chain_state") => self.state = Some(serde_json::from_str(&pair.value)?),
            _ if entry.is_event() => {
                let id = self.log.event(&pair.value, found)?;
                self.ids.push(id);
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, found: &mut Findings) -> Result<(), Fault> {
        self.end(found);
        Ok(())
    }
}
