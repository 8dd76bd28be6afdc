//! Turning a format's drafts into runs: starts and ends, exact bytes, times.

use avouch_cbor::Value;
use avouch_merkle::Digest;
use avouch_trace::{Flags, Kind, MAX_EVENTS, Mode, Parent};

use crate::error::Fault;
use crate::integrity::{self, Integrity};
use crate::out::Out;
use crate::sink::{Draft, FieldValue, InputId, RunInfo};
use crate::{Format, Outcome};

/// How many events, and bytes of records, wait for the first known time.
const MAX_HELD: usize = 4096;
const MAX_HELD_BYTES: usize = 16 << 20;

/// Fields of event 0 that are written here; no format may use these names there.
pub(crate) const START_FIELDS: [&str; 4] =
    ["input_sha256", "input_bytes", "format", integrity::FIELD];

/// What is the same for all runs of an input.
pub(crate) struct Common {
    pub(crate) format: Format,
    /// The wished name of its runs.
    pub(crate) name: String,
    /// Whether the user gave the name, so that the input's own does not count.
    pub(crate) name_given: bool,
    /// The agent, where the user gave one.
    pub(crate) agent: Option<String>,
    pub(crate) digest: Digest,
    pub(crate) length: u64,
    /// What the source's own integrity protection is worth.
    pub(crate) integrity: Option<Integrity>,
}

impl Common {
    fn source_held(&self) -> Option<bool> {
        self.integrity.as_ref().and_then(|found| found.held)
    }
}

/// What a format knows at a run's start.
pub(crate) struct Start {
    /// Event 0: its time, fields, and whatever else the source says about it.
    pub(crate) draft: Draft,
    pub(crate) name: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) currency: String,
    pub(crate) parents: Vec<Parent>,
    /// Whether event 0 is made of the current record, and so holds its bytes as `raw`.
    pub(crate) is_record: bool,
}

impl Start {
    /// A start about which nothing is known but what cost would be counted in. Starting a run costs
    /// nothing.
    pub(crate) fn new(currency: &str) -> Self {
        let mut draft = Draft::new(Kind::RunStart);
        draft.cost = Some(0);
        Self {
            draft,
            name: None,
            agent: None,
            mode: Mode::Execution,
            currency: currency.to_owned(),
            parents: Vec::new(),
            is_record: false,
        }
    }

    /// Adds a field to event 0.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<FieldValue>) -> Self {
        self.draft = self.draft.with(name, value);
        self
    }

    /// Adds a field to event 0 where there is a value.
    #[must_use]
    pub(crate) fn with_some(mut self, name: &str, value: Option<impl Into<FieldValue>>) -> Self {
        self.draft = self.draft.with_some(name, value);
        self
    }
}

/// The exact bytes of the record that events are being made of.
enum Raw {
    None,
    /// No event holds them yet.
    Pending(FieldValue),
    /// This event holds them.
    At(u32),
}

/// The open run.
struct Open {
    /// Its run-end is written; it stays here until the next run starts or the input's bytes are
    /// known not to have changed.
    ended: bool,
    agent: String,
    /// The name of the run that these bytes already made; nothing is written then.
    known: Option<String>,
    events: u32,
    records: u64,
    skipped: u64,
    /// The last record was skipped.
    cut: bool,
    time: Option<u64>,
    /// Events that wait for the first known time.
    held: Vec<Draft>,
    held_bytes: usize,
    holding: bool,
}

/// What a format writes to.
pub(crate) struct Run<'a> {
    out: &'a mut dyn Out,
    common: &'a Common,
    /// Members around the record list, for the next run's event 0.
    outer: Vec<(String, Vec<u8>)>,
    raw: Raw,
    open: Option<Open>,
    ordinal: u32,
    outcomes: Vec<Outcome>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(out: &'a mut dyn Out, common: &'a Common) -> Self {
        Self {
            out,
            common,
            outer: Vec::new(),
            raw: Raw::None,
            open: None,
            ordinal: 0,
            outcomes: Vec::new(),
        }
    }

    /// Gives members around the record list, which become fields `raw/NAME` of the next event 0.
    pub(crate) fn set_outer(&mut self, outer: Vec<(String, Vec<u8>)>) {
        self.outer = outer;
    }

    /// Gives the exact JSON that the next events are made of: the first of them holds it as `raw`,
    /// the others say where it is as `raw_at`. The driver does this for every record; a format does
    /// it only where it takes records apart itself.
    pub(crate) fn source_json(&mut self, record: &str) {
        self.set_raw(FieldValue::Json(record.as_bytes().to_vec()));
    }

    /// The same for a record that is not JSON.
    pub(crate) fn source_bytes(&mut self, record: &[u8]) {
        self.set_raw(Value::Bytes(record.to_vec()).into());
    }

    fn set_raw(&mut self, raw: FieldValue) {
        self.raw = Raw::Pending(raw);
        if let Some(open) = self.open.as_mut().filter(|open| !open.ended) {
            open.records += 1;
            open.cut = false;
        }
    }

    /// Says that the next events are made of the record that this event holds.
    pub(crate) fn source_at(&mut self, seq: u32) {
        self.raw = Raw::At(seq);
    }

    /// Says that what comes next is made of no record.
    pub(crate) fn no_source(&mut self) {
        self.raw = Raw::None;
    }

    /// Takes the record's exact bytes away, for a field that the format adds itself.
    pub(crate) fn take_raw(&mut self) -> Option<FieldValue> {
        match std::mem::replace(&mut self.raw, Raw::None) {
            Raw::Pending(raw) => Some(raw),
            other => {
                self.raw = other;
                None
            }
        }
    }

    /// Puts the record aside, for a format that learns only later which run it belongs to and then
    /// gives it again.
    pub(crate) fn put_aside(&mut self) {
        if self.take_raw().is_some()
            && let Some(open) = self.open.as_mut().filter(|open| !open.ended)
        {
            open.records -= 1;
        }
    }

    /// Whether no event holds the record's bytes yet.
    pub(crate) fn raw_is_pending(&self) -> bool {
        matches!(self.raw, Raw::Pending(_))
    }

    /// Whether a run is open and has not been ended.
    pub(crate) fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.ended)
    }

    /// The open run's agent as a qualified name, `agent:claude-code`.
    pub(crate) fn agent(&self) -> String {
        let agent = self
            .open
            .as_ref()
            .map_or_else(|| self.default_agent(), |open| &open.agent);
        format!("agent:{agent}")
    }

    fn default_agent(&self) -> &str {
        self.common
            .agent
            .as_deref()
            .unwrap_or(self.common.format.spec().agent)
    }

    /// The sequence number that the next event gets.
    pub(crate) fn next_seq(&self) -> u32 {
        self.open.as_ref().map_or(0, |open| open.events)
    }

    /// Opens a run and writes its event 0. The previous run, if open, is ended first.
    pub(crate) fn start(&mut self, start: Start) -> Result<(), Fault> {
        if let Some(parent) = start.draft.parent {
            // Refused before anything is open: event 0 would be missing from what is.
            return Err(Fault::malformed(format!(
                "parent {parent} is not the seq of an earlier event: this is event 0"
            )));
        }
        self.end()?;
        self.close()?;
        let input = InputId {
            digest: self.common.digest,
            ordinal: self.ordinal,
        };
        let known = self.out.existing(&input)?;
        let filled = |text: &String| !text.is_empty();
        let given = self.common.agent.clone().or(start.agent.filter(filled));
        let agent = given.unwrap_or_else(|| self.default_agent().to_owned());
        let name = match start.name.filter(filled) {
            Some(name) if !self.common.name_given => name,
            _ => self.common.name.clone(),
        };
        if known.is_none() {
            self.out.begin(&RunInfo {
                name,
                agent: agent.clone(),
                mode: start.mode,
                currency: start.currency,
                format: self.common.format.name().to_owned(),
                integrity: self.common.source_held(),
                input,
                parents: start.parents,
            })?;
        }
        self.ordinal += 1;
        self.open = Some(Open {
            ended: false,
            agent,
            known,
            events: 0,
            records: u64::from(!matches!(self.raw, Raw::None)),
            skipped: 0,
            cut: false,
            time: None,
            held: Vec::new(),
            held_bytes: 0,
            holding: true,
        });
        let mut draft = start.draft;
        if draft.actor.is_none() {
            draft.actor = Some(self.agent());
        }
        let digest = self.common.digest.as_bytes().to_vec();
        draft = draft
            .with(START_FIELDS[0], Value::Bytes(digest))
            .with(START_FIELDS[1], self.common.length)
            .with(START_FIELDS[2], self.common.format.name());
        if let Some(found) = &self.common.integrity {
            draft = draft.with(integrity::FIELD, found.to_field());
        }
        for (name, bytes) in std::mem::take(&mut self.outer) {
            draft = draft.with(format!("raw/{name}"), FieldValue::Json(bytes));
        }
        if start.is_record {
            self.attach_raw(&mut draft);
        }
        self.append(draft)?;
        Ok(())
    }

    /// Writes an event and returns its sequence number. Opens a run with nothing known about it
    /// where none is open.
    pub(crate) fn emit(&mut self, mut draft: Draft) -> Result<u32, Fault> {
        if !self.is_open() {
            self.start(Start::new(self.common.format.spec().currency))?;
        }
        self.attach_raw(&mut draft);
        self.append(draft)
    }

    /// Gives the next event the record's bytes, or the event that holds them.
    fn attach_raw(&mut self, draft: &mut Draft) {
        match std::mem::replace(&mut self.raw, Raw::None) {
            Raw::None => {}
            Raw::Pending(raw) => {
                draft.fields.push(("raw".to_owned(), raw));
                self.raw = Raw::At(self.next_seq());
            }
            Raw::At(seq) => {
                draft
                    .fields
                    .push(("raw_at".to_owned(), u64::from(seq).into()));
                self.raw = Raw::At(seq);
            }
        }
    }

    /// Writes the visible trace of a record that cannot be read.
    pub(crate) fn emit_bad(&mut self, record: &[u8], reason: String) -> Result<(), Fault> {
        if self.raw_is_pending() || matches!(self.raw, Raw::None) {
            self.raw = Raw::Pending(Value::Bytes(record.to_vec()).into());
        }
        let draft = Draft::new(Kind::Error)
            .flag(Flags::ERROR, true)
            .with("reason", reason)
            .with("skipped", true);
        self.emit(draft)?;
        if let Some(open) = &mut self.open {
            open.skipped += 1;
            open.cut = true;
        }
        Ok(())
    }

    fn append(&mut self, mut draft: Draft) -> Result<u32, Fault> {
        let Some(open) = &mut self.open else {
            return Err(Fault::malformed("no run is open"));
        };
        let seq = open.events;
        if u64::from(seq) + 1 >= MAX_EVENTS {
            return Err(Fault::malformed(format!(
                "a run has at most {MAX_EVENTS} events"
            )));
        }
        if let Some(parent) = draft.parent.filter(|parent| *parent >= seq) {
            return Err(Fault::malformed(format!(
                "parent {parent} is not the seq of an earlier event: this is event {seq}"
            )));
        }
        open.events += 1;
        if open.known.is_some() {
            return Ok(seq);
        }
        if draft.time != 0 {
            open.time = Some(draft.time);
        }
        draft.time = open.time.unwrap_or(0);
        if open.holding {
            open.held_bytes += size(&draft);
            open.held.push(draft);
            if open.time.is_some()
                || open.held.len() >= MAX_HELD
                || open.held_bytes > MAX_HELD_BYTES
            {
                return self.release().map(|()| seq);
            }
        } else {
            self.out.event(draft)?;
        }
        Ok(seq)
    }

    /// Writes the events that waited for a time.
    fn release(&mut self) -> Result<(), Fault> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.holding = false;
        for mut draft in std::mem::take(&mut open.held) {
            draft.time = open.time.unwrap_or(0);
            self.out.event(draft)?;
        }
        Ok(())
    }

    /// Ends the open run, if there is one. Ending it costs nothing.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        let mut draft = Draft::new(Kind::RunEnd);
        draft.cost = Some(0);
        self.end_with(draft)
    }

    /// Ends the open run, if there is one, with this run-end.
    pub(crate) fn end_with(&mut self, mut draft: Draft) -> Result<(), Fault> {
        let Some(open) = self.open.as_ref().filter(|open| !open.ended) else {
            return Ok(());
        };
        // A record that was cut off at the end means that the recording was.
        draft = draft.flag(Flags::ERROR, open.cut);
        if open.skipped > 0 {
            draft = draft.with("skipped_records", open.skipped);
        }
        if draft.actor.is_none() {
            draft.actor = Some(self.agent());
        }
        self.append(draft)?;
        self.release()?;
        if let Some(open) = &mut self.open {
            open.ended = true;
        }
        Ok(())
    }

    /// Hands the run over to the store for good. The driver does this, once it knows that it read
    /// the same bytes that name the run, and so does the next start.
    pub(crate) fn close(&mut self) -> Result<(), Fault> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        let outcome = match &open.known {
            Some(name) => Outcome::AlreadyKnown(name.clone()),
            None => Outcome::Ingested {
                name: self.out.finish()?,
                events: u64::from(open.events),
                records: open.records,
                skipped: open.skipped,
                source_held: self.common.source_held(),
            },
        };
        self.open = None;
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Drops the open run. Errors of the store are not reported: there is one already.
    pub(crate) fn abort(&mut self) {
        if self.open.take().is_some_and(|open| open.known.is_none()) {
            let _ = self.out.abort();
        }
    }

    /// What became of the runs.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

/// About how much memory a held event takes.
fn size(draft: &Draft) -> usize {
    let fields = draft.fields.iter().map(|(name, value)| {
        name.len()
            + match value {
                FieldValue::Json(bytes) | FieldValue::Cbor(Value::Bytes(bytes)) => bytes.len(),
                FieldValue::Cbor(Value::Text(text)) => text.len(),
                FieldValue::Cbor(_) => 64,
            }
    });
    size_of::<Draft>() + fields.sum::<usize>()
}
