//! Recomputing a source's own integrity protection.

use crate::error::{Fault, Place};
use crate::integrity::{Auditor, Findings, Integrity, Rules, SourceKey};
use crate::map::{Consumer, Record};

/// Hands records to a format's auditor.
pub(crate) struct Audit {
    auditor: Box<dyn Auditor>,
    found: Findings,
}

impl Audit {
    /// `None` where the source protects nothing.
    pub(crate) fn new(rules: &Rules, keys: &[SourceKey]) -> Option<Self> {
        let auditor = rules.auditor?(keys);
        Some(Self {
            auditor,
            found: Findings::new(rules),
        })
    }

    pub(crate) fn into_integrity(self) -> Integrity {
        self.found.into_integrity()
    }
}

impl Consumer for Audit {
    fn outer(&mut self, members: Vec<(String, Vec<u8>)>) -> Result<(), Fault> {
        self.auditor.outer(&members, &mut self.found)
    }

    fn record(&mut self, record: Record<'_>, place: Place) -> Result<(), Fault> {
        self.found.place = Some(place);
        match record {
            Record::Json(text) | Record::Text(text) => self.auditor.record(text, &mut self.found),
            Record::Binary(bytes) => self.auditor.binary(bytes, &mut self.found),
        }
    }

    fn bad(&mut self, _: &[u8], place: Place, reason: String) -> Result<(), Fault> {
        self.found.place = Some(place);
        let rule = format!("the record cannot be read: {reason}");
        self.found.broke(place.to_string(), rule);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.found.place = None;
        self.auditor.finish(&mut self.found)
    }
}
