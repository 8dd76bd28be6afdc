//! Recording a run while it happens.

use avouch_ingest::Draft;
use avouch_ledger::{Run, State};
use avouch_trace::{Flags, Kind, Mode, Parent};

use crate::ingest::append;
use crate::live_run::LiveRun;
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
    /// What recorded it; `recorded` where a program does so itself.
    pub format: String,
    /// The runs that it came from.
    pub parents: Vec<Parent>,
}

impl NewRun {
    /// An execution whose costs are in tokens.
    pub fn new(name: impl Into<String>, agent: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            agent: agent.into(),
            mode: Mode::Execution,
            currency: "tokens".into(),
            format: RECORDED.into(),
            parents: Vec::new(),
        }
    }
}

/// Records one run. Each event that [`Recorder::event`] has returned for is on disk, whatever happens
/// next. Dropping a recorder leaves its run open; sealing it then as interrupted says so in the trace.
///
/// Where several runs are recorded at once, or many events share one transaction, see [`Home::group`].
pub struct Recorder<'h> {
    home: &'h mut Home,
    run: LiveRun,
}

impl Home {
    /// Begins a run at `time` (milliseconds since the Unix epoch).
    pub fn record(&mut self, run: &NewRun, time: u64) -> Result<Recorder<'_>, Error> {
        let start = Draft {
            time,
            ..Draft::new(Kind::RunStart)
        };
        let mut group = self.group()?;
        let mut run = group.begin(run, start)?;
        group.commit()?;
        run.settle();
        Ok(Recorder { home: self, run })
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
    pub fn event(&mut self, draft: Draft) -> Result<u64, Error> {
        let mut group = self.home.group()?;
        let done = group.append(&mut self.run, draft);
        match done.and_then(|seq| group.commit().map(|()| seq)) {
            Ok(seq) => {
                self.run.settle();
                Ok(seq)
            }
            Err(error) => {
                self.run.rewind();
                Err(error)
            }
        }
    }

    /// Appends the run-end at `time` and returns the run's name.
    pub fn end(mut self, time: u64) -> Result<String, Error> {
        self.event(Draft {
            time,
            ..Draft::new(Kind::RunEnd)
        })?;
        Ok(self.run.name().to_owned())
    }
}
