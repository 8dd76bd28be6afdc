//! VEX Protocol 1.7: what its audit store exports (JSON, JSON lines), the store itself (SQLite), and its
//! evidence capsules (VEP v3).

mod audit;
mod event;
mod events;
mod single;
mod store;
mod vep;

use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::run::{Run, Start};
use crate::time;

pub(crate) use store::SPEC as STORE;
pub(crate) use vep::SPEC as CAPSULE;

/// Exports.
pub(crate) const EXPORT: Spec = Spec {
    name: "vex",
    agent: AGENT,
    currency: CURRENCY,
    many_runs: false,
    recognises: |peek| {
        peek.first().is_some_and(|first| {
            let is_event = first.has("event_type") && first.has("previous_hash");
            let is_export = first.has("events") && first.has("merkle_root");
            !peek.is_list && ((is_event && first.has("sequence_number")) || is_export)
        })
    },
    shape: |peek| {
        let is_event = peek.first().is_some_and(|first| first.has("event_type"));
        match is_event {
            true => Shape::Lines,
            false => Shape::Document(&[&["events"]]),
        }
    },
    importer: || Box::new(Export::default()),
    rules: Some(&audit::EXPORT),
    database: None,
};

/// Whose runs these are where nobody says it: an export names no one.
const AGENT: &str = "vex";
/// What VEX's tools report their costs in.
const CURRENCY: &str = "USD";

#[derive(Default)]
struct Export {
    events: events::Events,
}

impl Importer for Export {
    fn outer(&mut self, members: &[(String, Vec<u8>)], run: &mut Run<'_>) -> Result<(), Fault> {
        let mut start = Start::new(CURRENCY);
        for (name, json) in members {
            if name == "merkle_root" {
                let root: Option<&RawValue> = serde_json::from_slice(json)?;
                start = start.with_some("merkle_root", root);
            }
        }
        run.start(start)
    }

    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        self.events.write(&event::Event::parse(record)?, run)
    }
}

/// A time as VEX writes it; what is finer than a millisecond stays in `raw`.
fn millis(text: &str) -> Result<u64, Fault> {
    time::rfc3339(text)
        .ok_or_else(|| Fault::malformed(format!("{text:?} is not an RFC 3339 time since 1970")))
}
