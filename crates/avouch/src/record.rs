//! Recording a run while it happens.

use avouch_ingest::Draft;
use avouch_ledger::{Run, RunIndex, RunInfo, State};
use avouch_trace::{Flags, Kind, Mode, Source};

use crate::ingest::append;
use crate::random::RunRandom;
use crate::{Error, Home};

/// The source format of runs that are recorded and not imported.
const RECORDED: &str = "recorded";

/// What is known of a run before its first event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its local name; a number is added when it is taken.
    pub name: String,
    /// The agent whose chain it joins.
    pub agent: String,
    /// Execution or debate.
    pub mode: Mode,
    /// What costs and budgets are in, in millionths: an exact string, such as `USD` or `tokens`.
    pub currency: String,
}

impl NewRun {
    /// An execution whose costs are in tokens.
    pub fn new(name: impl Into<String>, agent: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            agent: agent.into(),
            mode: Mode::Execution,
            currency: "tokens".into(),
        }
    }
}

/// Records one run. Each event that [`Recorder::event`] has returned for is on disk, whatever happens
/// next. Dropping a recorder leaves its run open; sealing it then as interrupted says so in the trace.
pub struct Recorder<'h> {
    home: &'h mut Home,
    run: RunIndex,
    next_seq: u64,
    last_time: u64,
    random: RunRandom,
}

impl Home {
    /// Begins a run at `time` (milliseconds since the Unix epoch).
    pub fn record(&mut self, run: &NewRun, time: u64) -> Result<Recorder<'_>, Error> {
        let earlier = self.ledger.runs()?.len() as u64;
        let mut random = self.randomness.for_run(&earlier.to_be_bytes())?;
        let mut batch = self.ledger.batch()?;
        let index = batch.new_run(&RunInfo {
            id: random.run_id(),
            name: run.name.clone(),
            agent: run.agent.clone(),
            mode: run.mode,
            currency: run.currency.clone(),
            source: Source {
                format: RECORDED.into(),
                integrity: None,
            },
            parents: Vec::new(),
            input: None,
        })?;
        let start = Draft {
            time,
            ..Draft::new(Kind::RunStart)
        };
        append(&mut batch, index, 0, start, &mut random, None)?;
        batch.commit()?;
        Ok(Recorder {
            home: self,
            run: index,
            next_seq: 1,
            last_time: time,
            random,
        })
    }

    /// Ends an open run whose recorder is gone: appends a run-end with the error flag.
    pub fn close_interrupted(&mut self, run: &Run) -> Result<(), Error> {
        if run.state != State::Open {
            return Ok(());
        }
        let last = match run.size.checked_sub(1) {
            Some(last) => self.ledger.event(run, last)?.event.header_at(last)?,
            None => {
                return Err(avouch_trace::Error::Rule {
                    index: 0,
                    rule: avouch_trace::Rule::NotEmpty,
                }
                .into());
            }
        };
        let end = Draft {
            time: last.time,
            flags: Flags::ERROR,
            ..Draft::new(Kind::RunEnd)
        }
        .with("reason", "recording was interrupted");
        let mut random = self.randomness.for_run(&run.info.id.0)?;
        let mut batch = self.ledger.batch()?;
        append(&mut batch, run.index, run.size, end, &mut random, None)?;
        Ok(batch.commit()?)
    }
}

impl Recorder<'_> {
    /// Appends one event and returns its seq once it is on disk. A draft with time 0 takes the
    /// previous event's.
    pub fn event(&mut self, mut draft: Draft) -> Result<u64, Error> {
        if draft.time == 0 {
            draft.time = self.last_time;
        }
        let (seq, time) = (self.next_seq, draft.time);
        let mut batch = self.home.ledger.batch()?;
        let scan = self.home.scan.as_ref();
        append(&mut batch, self.run, seq, draft, &mut self.random, scan)?;
        batch.commit()?;
        self.next_seq += 1;
        self.last_time = time;
        Ok(seq)
    }

    /// Appends the run-end at `time` and returns the run's name.
    pub fn end(mut self, time: u64) -> Result<String, Error> {
        self.event(Draft {
            time,
            ..Draft::new(Kind::RunEnd)
        })?;
        Ok(self.home.ledger.run(self.run)?.info.name)
    }
}
