//! ARW's journal: the actions that a kernel was asked for, what its leases and humans allowed, what left
//! the machine, and who contributed what.

mod actions;
mod integrity;
mod journal;
mod rows;

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use avouch_trace::Kind;

use crate::database::{Database, Table};
use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::object::Object;
use crate::row::Row;
use crate::run::{Run, Start};
use crate::sink::Draft;

pub(crate) const SPEC: Spec = Spec {
    name: "arw",
    agent: "arw",
    currency: "USD",
    many_runs: false,
    recognises: |_| false,
    shape: |_| Shape::Rows,
    importer: || Box::new(Arw::new()),
    rules: Some(&integrity::RULES),
    database: Some(&DATABASE),
};

/// Rows that say what the journal's events repeat come before them.
const DATABASE: Database = Database {
    requires: &[
        "events",
        "actions",
        "contributions",
        "egress_ledger",
        "staging_actions",
    ],
    tables: &[
        at("config_snapshots", "t.created"),
        at("leases", "t.created"),
        at("orchestrator_jobs", "t.created"),
        at("staging_actions", "t.created"),
        at("actions", "t.created"),
        at("egress_ledger", "t.time"),
        at("memory_records", "t.created"),
        at("contributions", "t.time"),
        at("events", "t.time"),
    ],
};

/// A table whose rows lie in the order of this column, all of one run.
const fn at(name: &'static str, order: &'static str) -> Table {
    Table {
        name,
        group: "NULL",
        order,
    }
}

/// How many later events wait for their time at most.
const MAX_LATER: usize = 1 << 16;

/// What a row says about a later moment than the one that puts it in order.
struct Later {
    draft: Draft,
    /// The event that holds the row as `raw`.
    raw_at: u32,
    /// The action that this approval is for.
    approves: Option<String>,
}

/// A lease's span, in milliseconds since the epoch.
#[derive(Clone, Copy)]
struct Lease {
    from: u64,
    until: u64,
}

struct Arw {
    /// By time, then in the order of the rows.
    later: BTreeMap<(u64, u64), Later>,
    delayed: u64,
    /// Which of them approve an action, by its id.
    approving: HashMap<String, (u64, u64)>,
    /// Actions by id: the call, or the decision that there would be none.
    actions: Recent<String, u32>,
    /// Approvals by the action that they led to.
    approvals: Recent<String, u32>,
    /// Questions to humans by id.
    asked: Recent<String, u32>,
    leases: Recent<String, Lease>,
    /// Actions so far.
    round: u32,
}

impl Arw {
    fn new() -> Self {
        Self {
            later: BTreeMap::new(),
            delayed: 0,
            approving: HashMap::new(),
            actions: Recent::new(),
            approvals: Recent::new(),
            asked: Recent::new(),
            leases: Recent::new(),
            round: 0,
        }
    }

    fn draft(&self, kind: Kind, time: u64) -> Draft {
        let mut draft = Draft::new(kind);
        draft.time = time;
        draft.round = self.round;
        draft.cost = Some(0);
        draft
    }

    /// Keeps an event until its time has come.
    fn delay(&mut self, later: Later, run: &mut Run<'_>) -> Result<(), Fault> {
        self.delayed += 1;
        let key = (later.draft.time, self.delayed);
        if let Some(action) = &later.approves {
            self.approving.insert(action.clone(), key);
        }
        self.later.insert(key, later);
        if self.later.len() > MAX_LATER {
            self.write_next(run)?;
        }
        Ok(())
    }

    /// Writes the events whose time has come.
    fn write_until(&mut self, time: u64, run: &mut Run<'_>) -> Result<(), Fault> {
        while self.has_until(time) {
            self.write_next(run)?;
        }
        Ok(())
    }

    fn has_until(&self, time: u64) -> bool {
        let next = self.later.first_key_value();
        next.is_some_and(|(key, _)| key.0 <= time)
    }

    fn write_next(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        match self.later.pop_first() {
            Some((_, later)) => self.write(later, run),
            None => Ok(()),
        }
    }

    fn write(&mut self, later: Later, run: &mut Run<'_>) -> Result<(), Fault> {
        let draft = later.draft.with("raw_at", u64::from(later.raw_at));
        let seq = run.emit(draft)?;
        if let Some(action) = later.approves {
            self.approving.remove(&action);
            self.approvals.put(action, seq);
        }
        Ok(())
    }

    /// Writes what comes before a row of this time.
    fn catch_up(&mut self, time: u64, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        if !run.is_open() {
            let mut start = Start::new(SPEC.currency);
            start.draft.time = time;
            run.start(start)?;
        }
        if self.has_until(time) {
            // Those events are made of earlier rows, not of this one.
            run.put_aside();
            self.write_until(time, run)?;
            run.source_json(record);
        }
        Ok(())
    }

    /// The approval that led to an action. ARW creates the action first and then notes the time of the
    /// approval, which may be a moment later: the approval has the action's time then.
    fn approval(
        &mut self,
        action: &str,
        time: u64,
        record: &str,
        run: &mut Run<'_>,
    ) -> Result<Option<u32>, Fault> {
        let waiting = self.approving.get(action);
        if let Some(mut later) = waiting.and_then(|key| self.later.remove(key)) {
            later.draft.time = time;
            run.put_aside();
            self.write(later, run)?;
            run.source_json(record);
        }
        Ok(self.approvals.get(action).copied())
    }
}

impl Importer for Arw {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let row = Row::parse(record)?;
        match &*row.table {
            "actions" => actions::write(self, row.columns()?, record, run),
            "staging_actions" => rows::staging(self, row.columns()?, record, run),
            "egress_ledger" => rows::egress(self, row.columns()?, record, run),
            "leases" => rows::lease(self, row.columns()?, record, run),
            "contributions" => rows::contribution(self, row.columns()?, record, run),
            "memory_records" => rows::memory(self, row.columns()?, record, run),
            "orchestrator_jobs" => rows::job(self, row.columns()?, record, run),
            "config_snapshots" => rows::config(self, row.columns()?, record, run),
            "events" => journal::event(self, row.columns()?, record, run),
            _ => {
                let draft = self.draft(Kind::Note, 0).with("table", &*row.table);
                run.emit(draft).map(drop)
            }
        }
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        run.put_aside();
        self.write_until(u64::MAX, run)
    }
}

/// An object of this shape, or nothing: what is in ARW's columns of JSON is up to who put it there.
fn lenient<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    let Object(value) = serde_json::from_str::<Object<T>>(json).ok()?;
    Some(value)
}
