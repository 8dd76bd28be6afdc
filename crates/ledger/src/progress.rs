//! How far long work has come.

use std::fmt;

/// What is being gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Runs' rows.
    Runs,
    /// Runs' events.
    Events,
    /// Blobs.
    Blobs,
    /// Statements, with their nodes and checkpoints.
    Statements,
    /// SQLite's own structures.
    Storage,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Runs => "runs",
            Self::Events => "events",
            Self::Blobs => "blobs",
            Self::Statements => "statements",
            Self::Storage => "storage",
        })
    }
}

/// How far a stage has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// How many rows are done.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Counts rows, and reports now and then.
pub(crate) struct Meter<'a> {
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

/// Rows between two reports: a few milliseconds of work.
const EVERY: u64 = 1024;

impl<'a> Meter<'a> {
    pub(crate) fn new(stage: Stage, total: u64, report: &'a mut dyn FnMut(Progress)) -> Self {
        let progress = Progress {
            stage,
            done: 0,
            total,
        };
        report(progress);
        Self { progress, report }
    }

    /// One row more is done.
    pub(crate) fn tick(&mut self) {
        let Progress { done, total, .. } = &mut self.progress;
        *done += 1;
        if done.is_multiple_of(EVERY) || done == total {
            (self.report)(self.progress);
        }
    }

    /// These rows need not be gone through.
    pub(crate) fn skip(&mut self, rows: u64) {
        self.progress.total = self.progress.total.saturating_sub(rows);
    }

    pub(crate) fn done(&self) -> u64 {
        self.progress.done
    }
}
