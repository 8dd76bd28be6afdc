//! Runs that are being recorded, and events of several of them in one transaction.

use avouch_ingest::Draft;
use avouch_ledger::{Batch, Ledger, Run, RunIndex, RunInfo, State};
use avouch_trace::{Kind, MAX_EVENTS, Rule, RunId, Source};

use crate::ingest::append;
use crate::random::{Randomness, RunRandom};
use crate::scan::Scan;
use crate::{Error, Home, NewRun};

/// An open run, and where its next event goes.
///
/// It is ahead of the ledger until the group that it was appended in is committed: say
/// [`LiveRun::settle`] then, or [`LiveRun::rewind`] when that failed.
pub struct LiveRun {
    index: RunIndex,
    id: RunId,
    name: String,
    random: RunRandom,
    next: Next,
    durable: Next,
}

/// What changes with each event.
#[derive(Clone, Copy, Default)]
struct Next {
    seq: u64,
    time: u64,
    ended: bool,
}

impl LiveRun {
    /// Its id, which other runs name it by.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Its local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seq that its next event gets.
    pub fn next_seq(&self) -> u64 {
        self.next.seq
    }

    /// Whether it has its run-end.
    pub fn has_ended(&self) -> bool {
        self.next.ended
    }

    /// What was appended is on disk.
    pub fn settle(&mut self) {
        self.durable = self.next;
    }

    /// What was appended since it was last settled is not.
    pub fn rewind(&mut self) {
        self.next = self.durable;
    }
}

/// Events of one or more runs that become durable together. It holds the ledger's write lock.
pub struct Group<'h> {
    batch: Batch<'h>,
    ledger: &'h Ledger,
    randomness: &'h Randomness,
    scan: Option<&'h Scan>,
}

impl Home {
    /// Begins a group: many events share the cost of one transaction. Waits while another process writes.
    pub fn group(&self) -> Result<Group<'_>, Error> {
        Ok(Group {
            batch: self.ledger.batch()?,
            ledger: &self.ledger,
            randomness: &self.randomness,
            scan: self.scan.as_ref(),
        })
    }
}

impl Group<'_> {
    /// Adds a run; `start`, a run-start, is its event 0.
    pub fn begin(&mut self, run: &NewRun, start: Draft) -> Result<LiveRun, Error> {
        let context = match self.randomness.is_seeded() {
            // Runs differ in how many were there before, so no two seeded ones share a salt.
            true => self.ledger.runs()?.len() as u64,
            false => 0,
        };
        let mut random = self.randomness.for_run(&context.to_be_bytes())?;
        let id = random.run_id();
        let index = self.batch.new_run(&RunInfo {
            id,
            name: run.name.clone(),
            agent: run.agent.clone(),
            mode: run.mode,
            currency: run.currency.clone(),
            source: Source {
                format: run.format.clone(),
                integrity: None,
            },
            parents: run.parents.clone(),
            input: None,
        })?;
        let mut live = LiveRun {
            index,
            id,
            name: self.batch.name(index)?,
            random,
            next: Next::default(),
            durable: Next::default(),
        };
        self.append(&mut live, start)?;
        Ok(live)
    }

    /// The run of exactly this name, as this group sees it.
    pub fn named(&self, name: &str) -> Result<Option<Run>, Error> {
        match self.ledger.resolve(name) {
            Ok(run) if run.info.name == name => Ok(Some(run)),
            Ok(_) | Err(avouch_ledger::Error::NoSuchRun(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes on with an open run that another process, or an earlier one, has begun.
    ///
    /// # Errors
    /// [`Error::NoOpenRun`] when it has ended.
    pub fn resume(&mut self, run: &Run) -> Result<LiveRun, Error> {
        let (State::Open, Some(last)) = (run.state, run.size.checked_sub(1)) else {
            return Err(Error::NoOpenRun);
        };
        let last = self.ledger.event(run, last)?.event.header_at(last)?;
        // What was drawn before must not be drawn again.
        let mut context = run.info.id.0.to_vec();
        context.extend(run.size.to_be_bytes());
        let next = Next {
            seq: run.size,
            time: last.time,
            ended: false,
        };
        Ok(LiveRun {
            index: run.index,
            id: run.info.id,
            name: run.info.name.clone(),
            random: self.randomness.for_run(&context)?,
            next,
            durable: next,
        })
    }

    /// Appends an event and returns its seq. A draft with time 0 takes the previous event's.
    ///
    /// # Errors
    /// An event that does not continue its run is refused before anything of it is written, and the group
    /// goes on. After [`avouch_ledger::Error::BatchFailed`], or whatever failed first, it is lost.
    pub fn append(&mut self, run: &mut LiveRun, mut draft: Draft) -> Result<u64, Error> {
        let index = run.next.seq;
        let broken = if run.next.ended {
            Some(Rule::NothingAfterRunEnd)
        } else if index >= MAX_EVENTS {
            Some(Rule::Size)
        } else if draft
            .parent
            .is_some_and(|parent| u64::from(parent) >= index)
        {
            Some(Rule::ParentIsEarlier)
        } else {
            None
        };
        if let Some(rule) = broken {
            return Err(avouch_trace::Error::Rule { index, rule }.into());
        }
        if draft.time == 0 {
            draft.time = run.next.time;
        }
        let next = Next {
            seq: index + 1,
            time: draft.time,
            ended: draft.kind == Kind::RunEnd,
        };
        append(
            &mut self.batch,
            run.index,
            index,
            draft,
            &mut run.random,
            self.scan,
        )?;
        run.next = next;
        Ok(index)
    }

    /// Makes all of it last. When this returns, it is on disk.
    pub fn commit(self) -> Result<(), Error> {
        Ok(self.batch.commit()?)
    }
}
