//! Reading an input in passes and driving a format's importer over its records.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::Path;

use avouch_merkle::Digest;

use crate::audit::Audit;
use crate::database;
use crate::document::{Index, ListPath, Outer};
use crate::error::{Error, Fault, Place};
use crate::format::{Format, Shape};
use crate::import::Import;
use crate::integrity::{Findings, Integrity, SourceKey};
use crate::map::{Consumer, Mapper};
use crate::out::{Nowhere, Out, To};
use crate::peek::{PEEK, Peek};
use crate::read::{Window, is_blank};
use crate::run::{Common, Run};
use crate::scan;
use crate::sink::{InputId, Sink};

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
    /// Refuse an input whose own integrity protection does not hold.
    pub strict_source: bool,
    /// Public keys of the source system, for signatures whose keys it does not hold itself.
    pub source_keys: Vec<SourceKey>,
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
            strict_source: false,
            source_keys: Vec::new(),
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
        /// Whether the source's own integrity protection held; `None` where it has none.
        source_held: Option<bool>,
    },
    /// The same bytes had made this run before; nothing was done.
    AlreadyKnown(String),
}

/// What [`audit`] found out about an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audited {
    /// The input's format.
    pub format: Format,
    /// What the format's own integrity protection is worth; `None` for a format that has none and
    /// was never meant to be evidence.
    pub integrity: Option<Integrity>,
}

/// Ingests all runs of one input. Where it fails, nothing of the run that it failed in is stored,
/// and nothing of any run where the input is malformed.
///
/// `source_name` is used in messages, and its file name without extension as the run's name. The
/// input is read from its start, several times; one that cannot seek has to be spooled first. A
/// database that its owner may be writing to is read with [`crate::ingest_file`].
pub fn ingest<R: Read + Seek, S: Sink>(
    source_name: &str,
    reader: R,
    options: &Options<'_>,
    sink: &mut S,
) -> Result<Vec<Outcome>, Error> {
    prepare(source_name, reader, options, Ingest(sink))
}

/// Recomputes the integrity protection that the source system itself gave an input. Nothing is
/// stored.
pub fn audit<R: Read + Seek>(
    source_name: &str,
    reader: R,
    options: &Options<'_>,
) -> Result<Audited, Error> {
    prepare(source_name, reader, options, AuditOnly)
}

/// What is done with an input once its format is known.
pub(crate) trait Task {
    type Done;
    fn run<R: Read + Seek>(
        self,
        source_name: &str,
        input: Input<R>,
        options: &Options<'_>,
    ) -> Result<Self::Done, Error>;
}

/// An input whose format is known.
pub(crate) struct Input<R> {
    pub(crate) reader: R,
    pub(crate) format: Format,
    pub(crate) shape: Shape,
}

/// Finds out an input's format; a database is read out first.
pub(crate) fn prepare<R: Read + Seek, T: Task>(
    source_name: &str,
    mut reader: R,
    options: &Options<'_>,
    task: T,
) -> Result<T::Done, Error> {
    let start = peek(&mut reader).map_err(|source| Error::Read {
        file: source_name.to_owned(),
        source,
    })?;
    if database::is_database(&start) {
        let (format, reader) = database::read(source_name, reader, options)?;
        let shape = Shape::Rows;
        let input = Input {
            reader,
            format,
            shape,
        };
        return task.run(source_name, input, options);
    }
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
    if format.spec().database.is_some() {
        return Err(Error::NoDatabase {
            file: source_name.to_owned(),
            format,
        });
    }
    let shape = (format.spec().shape)(&peek);
    let input = Input {
        reader,
        format,
        shape,
    };
    task.run(source_name, input, options)
}

/// Ingests into a sink.
pub(crate) struct Ingest<'s, S>(pub(crate) &'s mut S);

impl<S: Sink> Task for Ingest<'_, S> {
    type Done = Vec<Outcome>;

    fn run<R: Read + Seek>(
        self,
        source_name: &str,
        input: Input<R>,
        options: &Options<'_>,
    ) -> Result<Vec<Outcome>, Error> {
        let format = input.format;
        let spec = format.spec();
        let mut passing = Passing::new(source_name, input, options)?;
        let mut out = To(self.0);
        let (length, digest, list) = passing
            .first()
            .map_err(|fault| passing.error(fault, None))?;
        passing.length = length;
        if !spec.many_runs && !options.strict_source {
            let known = out.existing(&InputId { digest, ordinal: 0 });
            if let Some(name) = known.map_err(|fault| passing.error(fault, None))? {
                return Ok(vec![Outcome::AlreadyKnown(name)]);
            }
        }
        let outer = match list {
            Some(list) => passing.outer(list, digest)?,
            None => Vec::new(),
        };
        let integrity = passing.audit(format, list, outer.clone(), digest, options)?;
        if options.strict_source
            && let Some(integrity) = &integrity
            && integrity.held == Some(false)
        {
            return Err(Error::not_held(source_name, integrity));
        }
        let common = Common {
            format,
            name: options.name.clone().unwrap_or_else(|| stem(source_name)),
            name_given: options.name.is_some(),
            agent: options.agent.clone(),
            digest,
            length,
            integrity,
        };
        if spec.many_runs {
            passing.records(list, outer.clone(), &common, &mut Nowhere)?;
        }
        passing.records(list, outer, &common, &mut out)
    }
}

/// Recomputes a source's own integrity protection.
pub(crate) struct AuditOnly;

impl Task for AuditOnly {
    type Done = Audited;

    fn run<R: Read + Seek>(
        self,
        source_name: &str,
        input: Input<R>,
        options: &Options<'_>,
    ) -> Result<Audited, Error> {
        let format = input.format;
        let mut passing = Passing::new(source_name, input, options)?;
        let (length, digest, list) = passing
            .first()
            .map_err(|fault| passing.error(fault, None))?;
        passing.length = length;
        let outer = match list {
            Some(list) => passing.outer(list, digest)?,
            None => Vec::new(),
        };
        let integrity = passing.audit(format, list, outer, digest, options)?;
        Ok(Audited { format, integrity })
    }
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

impl<'a, R: Read + Seek> Passing<'a, R> {
    fn new(file: &'a str, input: Input<R>, options: &Options<'a>) -> Result<Self, Error> {
        let mut reader = input.reader;
        let size = reader
            .seek(SeekFrom::End(0))
            .map_err(|source| Error::Read {
                file: file.to_owned(),
                source,
            })?;
        let spec = input.format.spec();
        let passes = 2
            + u64::from(matches!(input.shape, Shape::Document(_)))
            + u64::from(spec.many_runs)
            + u64::from(spec.rules.is_some_and(|rules| rules.auditor.is_some()));
        Ok(Self {
            reader,
            file,
            shape: input.shape,
            skip_bad: options.skip_bad,
            limit: options.record_limit,
            length: u64::MAX,
            done: Cell::new(0),
            total: size.saturating_mul(passes),
            on_progress: options.on_progress,
        })
    }

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

    /// Recomputes the source's own integrity protection, where its format has a word to say on it.
    fn audit(
        &mut self,
        format: Format,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
        digest: Digest,
        options: &Options<'_>,
    ) -> Result<Option<Integrity>, Error> {
        let Some(rules) = format.spec().rules else {
            return Ok(None);
        };
        let mut audit = match Audit::new(rules, &options.source_keys) {
            Some(audit) => audit,
            None => return Ok(Some(Findings::new(rules).into_integrity())),
        };
        self.consume(list, outer, digest, &mut audit)?;
        Ok(Some(audit.into_integrity()))
    }

    /// One pass that hands all records to a consumer.
    fn consume(
        &mut self,
        list: Option<ListPath>,
        outer: Vec<(String, Vec<u8>)>,
        digest: Digest,
        consumer: &mut dyn Consumer,
    ) -> Result<Option<Place>, Error> {
        let mut mapper = Mapper::new(self.shape, self.skip_bad, consumer);
        let seen = self.pass(|window| mapper.all(window, list, outer));
        let place = mapper.place();
        match seen {
            Ok((_, seen)) if seen == digest => Ok(place),
            Ok(_) => Err(Error::Changed {
                file: self.file.to_owned(),
            }),
            Err(fault) => Err(self.error(fault, place)),
        }
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
        let mut import = Import::new(common.format, &mut run);
        let result = match self.consume(list, outer, common.digest, &mut import) {
            Ok(place) => run.close().map_err(|fault| self.error(fault, place)),
            Err(error) => Err(error),
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
