//! Reading an input in passes and driving a format's importer over its records.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::Path;

use avouch_merkle::Digest;
use avouch_trace::Kind;

use crate::error::{Error, Fault, Place};
use crate::format::{Format, Importer, Shape};
use crate::peek::{PEEK, Peek};
use crate::read::{Slice, Window, is_blank};
use crate::run::{Common, Nowhere, Out, Run, To};
use crate::scan::{self, Visitor, Want};
use crate::sink::{Draft, InputId, Sink};
use crate::strict;

/// The longest record that is read, unless [`Options`] say otherwise: 64 MiB.
pub const DEFAULT_RECORD_LIMIT: usize = 64 << 20;

/// How to ingest.
#[derive(Clone)]
pub struct Options<'a> {
    /// The input's format; recognised from its content where absent.
    pub format: Option<Format>,
    /// The local name to wish for; the input's own, or its file name without extension, where absent.
    pub name: Option<String>,
    /// The agent whose run it is; the input's own, or the format's usual one, where absent.
    pub agent: Option<String>,
    /// Record a malformed record as an error event, instead of refusing the input.
    pub skip_bad: bool,
    /// The longest record to read, in bytes. Memory is a small multiple of the longest record.
    pub record_limit: usize,
    /// Is called with how many bytes were read and how many will be, over all passes.
    pub on_progress: Option<&'a dyn Fn(u64, u64)>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            format: None,
            name: None,
            agent: None,
            skip_bad: false,
            record_limit: DEFAULT_RECORD_LIMIT,
            on_progress: None,
        }
    }
}

/// What became of a run in an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was stored.
    Ingested {
        /// Its local name.
        name: String,
        /// How many events it has, run-start and run-end included.
        events: u64,
        /// How many records of the input they were made of.
        records: u64,
        /// How many of those were malformed.
        skipped: u64,
    },
    /// The same bytes had made this run before; nothing was done.
    AlreadyKnown(String),
}

/// Ingests all runs of one input. Where it fails, nothing of the run that it failed in is stored,
/// and nothing of any run where the input is malformed.
///
/// `source_name` is used in messages, and its file name without extension as the run's name. The
/// input is read from its start, several times; one that cannot seek has to be spooled first.
pub fn ingest<R: Read + Seek, S: Sink>(
    source_name: &str,
    mut reader: R,
    options: &Options<'_>,
    sink: &mut S,
) -> Result<Vec<Outcome>, Error> {
    let read_error = |source| Error::Read {
        file: source_name.to_owned(),
        source,
    };
    let size = reader.seek(SeekFrom::End(0)).map_err(read_error)?;
    let start = peek(&mut reader).map_err(read_error)?;
    let peek = Peek::new(&start);
    if start.iter().all(|byte| is_blank(*byte)) && start.len() < PEEK {
        return Err(Error::Empty {
            file: source_name.to_owned(),
        });
    }
    let format = options
        .format
        .or_else(|| Format::detect(&start))
        .ok_or_else(|| Error::Unrecognised {
            file: source_name.to_owned(),
        })?;
    let spec = format.spec();
    let shape = (spec.shape)(&peek);
    let passes = 2 + u64::from(matches!(shape, Shape::Document(_))) + u64::from(spec.many_runs);
    let mut passing = Passing {
        reader,
        file: source_name,
        shape,
        skip_bad: options.skip_bad,
        limit: options.record_limit,
        length: u64::MAX,
        done: Cell::new(0),
        total: size.saturating_mul(passes),
        on_progress: options.on_progress,
    };
    let mut out = To(sink);
    let (length, digest, list) = passing
        .first()
        .map_err(|fault| passing.error(fault, None))?;
    passing.length = length;
    if !spec.many_runs {
        let known = out.existing(&InputId { digest, ordinal: 0 });
        if let Some(name) = known.map_err(|fault| passing.error(fault, None))? {
            return Ok(vec![Outcome::AlreadyKnown(name)]);
        }
    }
    let common = Common {
        format,
        name: options.name.clone().unwrap_or_else(|| stem(source_name)),
        name_given: options.name.is_some(),
        agent: options.agent.clone(),
        digest,
        length,
    };
    let outer = match list {
        Some(list) => passing.outer(list, digest)?,
        None => Vec::new(),
    };
    if spec.many_runs {
        passing.records(list, outer.clone(), &common, &mut Nowhere)?;
    }
    passing.records(list, outer, &common, &mut out)
}

/// The first bytes of an input.
fn peek<R: Read + Seek>(reader: &mut R) -> std::io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    reader.by_ref().take(PEEK as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// A file's name without folder and extension.
fn stem(source_name: &str) -> String {
    let stem = Path::new(source_name)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty())
        .unwrap_or_else(|| "run".to_owned())
}

/// The path of a document's record list.
type ListPath = &'static [&'static str];

struct Passing<'a, R> {
    reader: R,
    file: &'a str,
    shape: Shape,
    skip_bad: bool,
    limit: usize,
    /// How much of the input counts: what was there in the first pass. More may be appended to a
    /// session's file meanwhile.
    length: u64,
    done: Cell<u64>,
    total: u64,
    on_progress: Option<&'a dyn Fn(u64, u64)>,
}

impl<R: Read + Seek> Passing<'_, R> {
    /// Puts a fault where it happened.
    fn error(&self, fault: Fault, place: Option<Place>) -> Error {
        let file = self.file.to_owned();
        match fault {
            Fault::Malformed(reason) => Error::Malformed {
                file,
                place: place.unwrap_or(Place::Byte(0)),
                reason,
            },
            Fault::Broken { byte, reason } => {
                let place = place.unwrap_or(Place::Byte(byte));
                Error::Malformed {
                    file,
                    place,
                    reason,
                }
            }
            Fault::Read(source) => Error::Read { file, source },
            Fault::Sink(source) => Error::Sink { file, source },
        }
    }

    /// Learns the input's length and digest, and where a document's records are.
    fn first(&mut self) -> Result<(u64, Digest, Option<ListPath>), Fault> {
        let Shape::Document(paths) = self.shape else {
            let (length, digest) = self.pass(|_| Ok(()))?;
            return Ok((length, digest, None));
        };
        let mut index = Index {
            paths,
            found: HashSet::new(),
        };
        let (length, digest) = self.pass(|window| scan::document(window, &mut index))?;
        match paths.iter().find(|path| index.found.contains(**path)) {
            Some(path) => Ok((length, digest, Some(path))),
            None => {
                let names: Vec<String> = paths.iter().map(|path| path.join("/")).collect();
                let reason = format!("no array of records: expected {}", names.join(" or "));
                Err(Fault::Broken { byte: 0, reason })
            }
        }
    }

    /// One pass over the whole input.
    fn pass(
        &mut self,
        look: impl FnOnce(&mut Window<'_, Take<&mut R>>) -> Result<(), Fault>,
    ) -> Result<(u64, Digest), Fault> {
        self.reader.seek(SeekFrom::Start(0))?;
        let (done, total, on_progress) = (&self.done, self.total, self.on_progress);
        let progress = |count: u64| {
            done.set(done.get() + count);
            if let Some(on_progress) = on_progress {
                on_progress(done.get(), total.max(done.get()));
            }
        };
        let reader = self.reader.by_ref().take(self.length);
        let mut window = Window::new(reader, self.limit, &progress);
        look(&mut window)?;
        window.finish()
    }

    /// The members around a document's record list.
    fn outer(&mut self, list: ListPath, digest: Digest) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut outer = Outer {
            list,
            members: Vec::new(),
            held: 0,
            limit: self.limit,
        };
        let seen = self.pass(|window| scan::document(window, &mut outer));
        let (_, seen) = seen.map_err(|fault| self.error(fault, None))?;
        if seen != digest {
            return Err(Error::Changed {
                file: self.file.to_owned(),
            });
        }
        Ok(outer.members)
    }

    /// Maps all records.
    fn records(
        &mut self,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
        common: &Common,
        out: &mut dyn Out,
    ) -> Result<Vec<crate::Outcome>, Error> {
        let mut run = Run::new(out, common);
        let mut mapper = Mapper {
            importer: (common.format.spec().importer)(),
            run: &mut run,
            skip_bad: self.skip_bad,
            is_json: !matches!(self.shape, Shape::Text),
            is_any_json: matches!(self.shape, Shape::Values),
            by_line: matches!(self.shape, Shape::Lines),
            place: None,
            number: 0,
        };
        let shape = self.shape;
        let seen = self.pass(|window| mapper.all(window, shape, list, outer));
        let place = mapper.place;
        let result = match seen {
            Ok((_, seen)) if seen != common.digest => Err(Error::Changed {
                file: self.file.to_owned(),
            }),
            Ok(_) => run.end().map_err(|fault| self.error(fault, place)),
            Err(fault) => Err(self.error(fault, place)),
        };
        match result {
            Ok(()) => {
                let outcomes = run.into_outcomes();
                if outcomes.is_empty() {
                    return Err(Error::Empty {
                        file: self.file.to_owned(),
                    });
                }
                Ok(outcomes)
            }
            Err(error) => {
                run.abort();
                Err(error)
            }
        }
    }
}

/// Feeds records to an importer.
struct Mapper<'m, 'r> {
    importer: Box<dyn Importer>,
    run: &'m mut Run<'r>,
    skip_bad: bool,
    is_json: bool,
    /// A record need not be an object.
    is_any_json: bool,
    by_line: bool,
    /// Where the current record is.
    place: Option<Place>,
    number: u64,
}

impl Mapper<'_, '_> {
    fn all<R: Read>(
        &mut self,
        window: &mut Window<'_, R>,
        shape: Shape,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Fault> {
        match shape {
            Shape::Lines => {
                loop {
                    self.place = Some(Place::Line(self.number + 1));
                    let Some(line) = window.line()? else { break };
                    self.number += 1;
                    if !line.bytes.iter().all(|byte| is_blank(*byte)) {
                        self.record(line)?;
                    }
                }
            }
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
        self.importer.finish(self.run)
    }

    fn next(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        self.number += 1;
        self.record(record)?;
        // What follows a record is judged by its own byte.
        self.place = None;
        Ok(())
    }

    fn record(&mut self, record: Slice<'_>) -> Result<(), Fault> {
        self.place = Some(if self.by_line {
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
        let checked = if self.is_any_json {
            strict::json(record)
        } else if self.is_json {
            strict::object(record)
        } else {
            strict::utf8(record)
        };
        let text = match checked {
            Ok(text) => text,
            Err(fault) => {
                self.run.source_bytes(record);
                return Err(fault);
            }
        };
        if self.is_json {
            self.run.source_json(text);
        } else {
            self.run.source_bytes(record);
        }
        self.importer.record(text, self.run)?;
        if self.run.raw_is_pending() {
            self.run.emit(Draft::new(Kind::Note))?;
        }
        Ok(())
    }
}

/// Learns which of several arrays a document has.
struct Index {
    paths: &'static [ListPath],
    found: HashSet<ListPath>,
}

impl Visitor for Index {
    fn want(&mut self, path: &[String], first: u8) -> Want {
        let mut want = Want::Skip;
        for list in self.paths {
            if first == b'[' && path == *list {
                self.found.insert(list);
            } else if first == b'{' && list.len() > path.len() && path == &list[..path.len()] {
                want = Want::Members;
            }
        }
        want
    }
    fn member(&mut self, _: &[String], _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn element(&mut self, _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Takes the members around the record list.
struct Outer {
    list: ListPath,
    members: Vec<(String, Vec<u8>)>,
    held: usize,
    limit: usize,
}

impl Visitor for Outer {
    fn want(&mut self, path: &[String], first: u8) -> Want {
        if path == self.list {
            Want::Skip
        } else if first == b'{' && path.len() < self.list.len() && path == &self.list[..path.len()]
        {
            Want::Members
        } else {
            Want::Keep
        }
    }
    fn member(&mut self, path: &[String], value: Slice<'_>) -> Result<(), Fault> {
        self.held += value.bytes.len();
        if self.held > self.limit {
            let reason = format!("more than {} bytes around the records", self.limit);
            return Err(Fault::Broken {
                byte: value.at,
                reason,
            });
        }
        self.members.push((path.join("/"), value.bytes.to_vec()));
        Ok(())
    }
    fn element(&mut self, _: Slice<'_>) -> Result<(), Fault> {
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
