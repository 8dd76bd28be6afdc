//! Cutting an input into records and handing each to a consumer.

use std::io::Read;

use crate::document::ListPath;
use crate::error::{Fault, Place};
use crate::format::Shape;
use crate::read::{Slice, Window, is_blank};
use crate::scan::{self, Visitor, Want};
use crate::strict;

/// Is given an input's records, front to back.
pub(crate) trait Consumer {
    /// The members around a document's record list, each strict JSON, before any record.
    fn outer(&mut self, members: Vec<(String, Vec<u8>)>) -> Result<(), Fault>;
    /// One record: strict JSON, or the bytes of an input that is one record.
    fn record(&mut self, record: Record<'_>, place: Place) -> Result<(), Fault>;
    /// A record that is malformed, where such records are skipped.
    fn bad(&mut self, record: &[u8], place: Place, reason: String) -> Result<(), Fault>;
    /// After the last record.
    fn finish(&mut self) -> Result<(), Fault>;
}

/// One record.
#[derive(Clone, Copy)]
pub(crate) enum Record<'a> {
    /// Strict JSON.
    Json(&'a str),
    /// The whole input, where it is text.
    Text(&'a str),
    /// The whole input, where it is binary.
    Binary(&'a [u8]),
}

/// Hands records to a consumer.
pub(crate) struct Mapper<'m> {
    consumer: &'m mut dyn Consumer,
    shape: Shape,
    skip_bad: bool,
    /// Where the current record is.
    place: Option<Place>,
    number: u64,
}

impl<'m> Mapper<'m> {
    pub(crate) fn new(shape: Shape, skip_bad: bool, consumer: &'m mut dyn Consumer) -> Self {
        Self {
            consumer,
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

    /// Hands over all records of an input.
    pub(crate) fn all<R: Read>(
        &mut self,
        window: &mut Window<'_, R>,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Fault> {
        match self.shape {
            Shape::Lines | Shape::Rows => loop {
                self.place = Some(self.place_of(0, self.number + 1));
                let Some(line) = window.line()? else { break };
                self.number += 1;
                if !line.bytes.iter().all(|byte| is_blank(*byte)) {
                    self.record(line)?;
                }
            },
            Shape::Text | Shape::Binary => {
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
                self.consumer.outer(outer)?;
                let mut records = Records {
                    list: list.unwrap_or_default(),
                    mapper: self,
                };
                scan::document(window, &mut records)?;
            }
        }
        self.consumer.finish()
    }

    fn next(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        self.number += 1;
        self.record(record)?;
        // What follows a record is judged by its own byte.
        self.place = None;
        Ok(())
    }

    /// The place of the record of this number, from 1, that starts at this byte.
    fn place_of(&self, byte: u64, number: u64) -> Place {
        match self.shape {
            Shape::Lines => Place::Line(number),
            Shape::Rows => Place::Row(number),
            _ => Place::Record { number, byte },
        }
    }

    fn record(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        let place = self.place_of(record.at, self.number);
        self.place = Some(place);
        let checked = match self.shape {
            Shape::Text => strict::utf8(record.bytes).map(Record::Text),
            Shape::Binary => Ok(Record::Binary(record.bytes)),
            Shape::Values => strict::json(record.bytes).map(Record::Json),
            _ => strict::object(record.bytes).map(Record::Json),
        };
        match checked.and_then(|checked| self.consumer.record(checked, place)) {
            Err(Fault::Malformed(reason)) if self.skip_bad => {
                self.consumer.bad(record.bytes, place, reason)
            }
            other => other,
        }
    }
}

/// Takes the elements of the record list.
struct Records<'a, 'm> {
    list: ListPath,
    mapper: &'a mut Mapper<'m>,
}

impl Visitor for Records<'_, '_> {
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
