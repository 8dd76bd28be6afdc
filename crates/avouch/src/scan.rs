//! Looking for secrets in what is about to be recorded.

use std::cell::RefCell;
use std::collections::BTreeMap;

use avouch_cbor::Value;
use avouch_ingest::{Draft, FieldValue};
use avouch_privacy::{Hits, ScanMode, Scanner};
use avouch_trace::Flags;

/// The field that says what was redacted before it was recorded: `[[field, rule, how often], ...]`.
const FIELD: &str = "redacted";

/// What a scanner found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// How many events had hits.
    pub events: u64,
    /// How often each rule hit. A secret that stands in a field and in the source record counts twice.
    pub hits: Hits,
}

/// A scanner at work.
pub(crate) struct Scan {
    scanner: Scanner,
    mode: ScanMode,
    report: RefCell<ScanReport>,
}

impl Scan {
    pub(crate) fn new(scanner: Scanner, mode: ScanMode) -> Self {
        Self {
            scanner,
            mode,
            report: RefCell::default(),
        }
    }

    pub(crate) fn report(&self) -> ScanReport {
        self.report.borrow().clone()
    }

    /// The draft as it may be recorded.
    pub(crate) fn apply(&self, draft: Draft) -> Draft {
        if self.mode == ScanMode::Off {
            return draft;
        }
        let mut redacted = draft.clone();
        let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (name, value) in &mut redacted.fields {
            let mut hits = Hits::new();
            match value {
                FieldValue::Cbor(value) => self.scanner.redact_value(value, &mut hits),
                FieldValue::Json(bytes) => self.scanner.redact_bytes(bytes, &mut hits),
            }
            for (rule, count) in hits {
                *found.entry((name.clone(), rule)).or_default() += count;
            }
        }
        if found.is_empty() {
            return draft;
        }
        let mut report = self.report.borrow_mut();
        report.events += 1;
        for ((_, rule), count) in &found {
            *report.hits.entry(rule.clone()).or_default() += count;
        }
        if self.mode == ScanMode::Warn {
            return draft;
        }
        redacted.flags = redacted.flags.with(Flags::REDACTED);
        let marks = found.into_iter().map(|((field, rule), count)| {
            Value::Array(vec![field.into(), rule.into(), count.into()])
        });
        let marks = Value::Array(marks.collect());
        // Names are unique in an event.
        let mut name = FIELD.to_owned();
        while redacted.fields.iter().any(|(taken, _)| *taken == name) {
            name.push('_');
        }
        redacted.fields.push((name, marks.into()));
        redacted
    }
}
