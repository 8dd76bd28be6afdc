//! Turning records into events.

use avouch_trace::Kind;

use crate::error::{Fault, Place};
use crate::format::{Format, Importer};
use crate::map::{Consumer, Record};
use crate::run::Run;
use crate::sink::Draft;

/// Hands records to a format's importer, and sees to it that each leaves an event.
pub(crate) struct Import<'m, 'r> {
    importer: Box<dyn Importer>,
    run: &'m mut Run<'r>,
    /// The last record that the run was given.
    given: Option<Place>,
}

impl<'m, 'r> Import<'m, 'r> {
    pub(crate) fn new(format: Format, run: &'m mut Run<'r>) -> Self {
        Self {
            importer: (format.spec().importer)(),
            run,
            given: None,
        }
    }
}

impl Consumer for Import<'_, '_> {
    fn outer(&mut self, members: Vec<(String, Vec<u8>)>) -> Result<(), Fault> {
        self.run.set_outer(members.clone());
        self.importer.outer(&members, self.run)
    }

    fn record(&mut self, record: Record<'_>, place: Place) -> Result<(), Fault> {
        self.given = Some(place);
        match record {
            Record::Json(json) => {
                self.run.source_json(json);
                self.importer.record(json, self.run)?;
            }
            Record::Text(text) => {
                self.run.source_bytes(text.as_bytes());
                self.importer.record(text, self.run)?;
            }
            Record::Binary(bytes) => {
                self.run.source_bytes(bytes);
                self.importer.binary(bytes, self.run)?;
            }
        }
        if self.run.raw_is_pending() {
            self.run.emit(Draft::new(Kind::Note))?;
        }
        Ok(())
    }

    fn bad(&mut self, record: &[u8], place: Place, reason: String) -> Result<(), Fault> {
        if self.given != Some(place) {
            self.run.source_bytes(record);
        }
        self.importer.skip(self.run)?;
        self.run.emit_bad(record, reason)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.importer.finish(self.run)?;
        self.run.end()
    }
}
