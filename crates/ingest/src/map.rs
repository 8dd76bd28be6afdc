//! Feeding an input's records to a format's importer.

use std::io::Read;

use avouch_trace::Kind;

use crate::document::ListPath;
use crate::error::{Fault, Place};
use crate::format::{Format, Importer, Shape};
use crate::read::{Slice, Window, is_blank};
use crate::run::Run;
use crate::scan::{self, Visitor, Want};
use crate::sink::Draft;
use crate::strict;

/// Feeds records to an importer.
pub(crate) struct Mapper<'m, 'r> {
    importer: Box<dyn Importer>,
    run: &'m mut Run<'r>,
    shape: Shape,
    skip_bad: bool,
    /// Where the current record is.
    place: Option<Place>,
    number: u64,
}

impl<'m, 'r> Mapper<'m, 'r> {
    pub(crate) fn new(format: Format, shape: Shape, skip_bad: bool, run: &'m mut Run<'r>) -> Self {
        let importer = (format.spec().importer)();
        Self {
            importer,
            run,
            shape,
            skip_bad,
            place: None,
            number: 0,
        }
    }

    /// Where the last record was; `None` where the fault says it.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }

    /// Maps all records of an input.
    pub(crate) fn all<R: Read>(
        &mut self,
        window: &mut Window<'_, R>,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Fault> {
        match self.shape {
            Shape::Lines => loop {
                self.place = Some(Place::Line(self.number + 1));
                let Some(line) = window.line()? else { break };
                self.number += 1;
                if !line.bytes.iter().all(|byte| is_blank(*byte)) {
                    self.record(line)?;
                }
            },
            Shape::Text => {
                let whole = window.rest()?;
                self.number += 1;
                self.record(whole)?;
            }
            Shape::Values => scan::values(window, |value| self.next(value))?,
            Shape::Elements => scan::list(window, |element| self.next(element))?,
            Shape::Document(_) => {
                for (name, value) in &outer {
                    strict::json(value).map_err(|fault| match fault {
                        Fault::Malformed(reason) => Fault::malformed(format!("{name}: {reason}")),
                        other => other,
                    })?;
                }
                self.run.set_outer(outer.clone());
                self.importer.outer(&outer, self.run)?;
                let mut records = Records {
                    list: list.unwrap_or_default(),
                    mapper: self,
                };
                scan::document(window, &mut records)?;
            }
        }
        self.importer.finish(self.run)?;
        self.run.end()
    }

    fn next(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        self.number += 1;
        self.record(record)?;
        // What follows a record is judged by its own byte.
        self.place = None;
        Ok(())
    }

    fn record(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        self.place = Some(if matches!(self.shape, Shape::Lines) {
            Place::Line(self.number)
        } else {
            Place::Record {
                number: self.number,
                byte: record.at,
            }
        });
        match self.map(record.bytes) {
            Err(Fault::Malformed(reason)) if self.skip_bad => {
                self.run.emit_bad(record.bytes, reason)
            }
            other => other,
        }
    }

    fn map(&mut self, record: &[u8]) -> Result<(), Fault> {
        let checked = match self.shape {
            Shape::Text => strict::utf8(record),
            Shape::Values => strict::json(record),
            _ => strict::object(record),
        };
        let text = match checked {
            Ok(text) => text,
            Err(fault) => {
                self.run.source_bytes(record);
                return Err(fault);
            }
        };
        match self.shape {
            Shape::Text => self.run.source_bytes(record),
            _ => self.run.source_json(text),
        }
        self.importer.record(text, self.run)?;
        if self.run.raw_is_pending() {
            self.run.emit(Draft::new(Kind::Note))?;
        }
        Ok(())
    }
}

/// Maps the elements of the record list.
struct Records<'a, 'm, 'r> {
    list: ListPath,
    mapper: &'a mut Mapper<'m, 'r>,
}

impl Visitor for Records<'_, '_, '_> {
    fn want(&mut self, path: &[String], first: u8) -> Want {
        if path == self.list {
            Want::Elements
        } else if first == b'{' && path.len() < self.list.len() && path == &self.list[..path.len()]
        {
            Want::Members
        } else {
            Want::Skip
        }
    }
    fn member(&mut self, _: &[String], _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn element(&mut self, element: Slice<'_>) -> Result<(), Fault> {
        self.mapper.next(element)
    }
}
