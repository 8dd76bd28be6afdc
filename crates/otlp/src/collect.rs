//! The one thread that writes the spool, and hands traces over once they are whole.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use crate::Error;
use crate::request::SpanLine;
use crate::spool::{Batch, Spool};

/// How many requests wait to be written; those beyond are told to come back.
const QUEUE: usize = 64;
/// How many requests are written in one transaction.
const AT_ONCE: usize = 64;
/// How often it is looked whether a trace is whole.
const TICK: Duration = Duration::from_millis(200);

/// When a trace is whole, and how much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A trace whose root has ended is whole once nothing came for so long.
    pub quiet: Duration,
    /// Any trace is taken as it is once nothing came for so long.
    pub end_after: Duration,
    /// How many bytes of spans may wait in the spool; more are told to come back.
    pub most_bytes: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(5),
            end_after: Duration::from_secs(300),
            most_bytes: 4 << 30,
        }
    }
}

/// Takes a whole trace over: its id in hexadecimal digits, and its spans as OTLP JSON lines. What it has taken is durable
/// when it returns, and it takes the same bytes a second time without harm.
pub type Record = dyn FnMut(&str, &str) -> Result<String, String> + Send;

/// What is told of what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A trace was recorded.
    Recorded {
        /// The trace's id.
        trace: String,
        /// What it was recorded as.
        run: String,
    },
    /// A trace could not be recorded; it stays in the spool until the next start.
    SetAside {
        /// The trace's id.
        trace: String,
        /// Why.
        why: String,
    },
    /// The spool cannot be written or read.
    Broken(String),
}

/// Why spans were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Too much waits: come back.
    Busy,
    /// The spool is broken.
    Broken,
}

struct Job {
    spans: Vec<SpanLine>,
    done: oneshot::Sender<Result<(), NotTaken>>,
}

/// Where spans are handed in.
#[derive(Clone)]
pub(crate) struct Intake(SyncSender<Job>);

impl Intake {
    /// Keeps spans; they are on disk once this has returned.
    pub(crate) async fn put(&self, spans: Vec<SpanLine>) -> Result<(), NotTaken> {
        if spans.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        match self.0.try_send(Job { spans, done }) {
            Ok(()) => answer.await.unwrap_or(Err(NotTaken::Broken)),
            Err(TrySendError::Full(_)) => Err(NotTaken::Busy),
            Err(TrySendError::Disconnected(_)) => Err(NotTaken::Broken),
        }
    }
}

/// What is left in the spool at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Traces that are not whole, or were set aside.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
}

/// The running thread.
pub struct Collector {
    intake: Intake,
    thread: JoinHandle<Result<Left, Error>>,
}

impl Collector {
    /// Starts it.
    pub fn start(
        spool: Spool,
        rules: Rules,
        record: Box<Record>,
        remark: impl Fn(&Remark) + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let mut worker = Worker {
            spool,
            rules,
            record,
            remark: Box::new(remark),
            bytes: None,
        };
        Self {
            intake: Intake(sender),
            thread: std::thread::spawn(move || worker.run(&receiver)),
        }
    }

    pub(crate) fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Ends it: what was handed in is kept, and every trace whose root has ended is recorded. The others stay
    /// in the spool, for the next start.
    pub fn stop(self) -> Result<Left, Error> {
        drop(self.intake);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Error::Io(std::io::Error::other("the collector broke"))))
    }
}

struct Worker {
    spool: Spool,
    rules: Rules,
    record: Box<Record>,
    remark: Box<dyn Fn(&Remark) + Send>,
    /// How many bytes wait, where that is known.
    bytes: Option<u64>,
}

impl Worker {
    fn run(&mut self, jobs: &Receiver<Job>) -> Result<Left, Error> {
        loop {
            match jobs.recv_timeout(TICK) {
                Ok(first) => self.write(first, jobs),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // One trace at a time, so that requests do not wait for all of them.
            if let Err(error) = self.record_next(false) {
                (self.remark)(&Remark::Broken(error.to_string()));
                std::thread::sleep(TICK);
            }
        }
        while self.record_next(true)? {}
        let (traces, spans, _) = self.spool.waiting()?;
        Ok(Left { traces, spans })
    }

    /// Writes what was handed in, as much of it as there is, in one transaction.
    fn write(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut written = vec![first];
        while written.len() < AT_ONCE
            && let Ok(job) = jobs.try_recv()
        {
            written.push(job);
        }
        let outcome = self.put(&written);
        for job in written {
            // Who asked may be gone; the spans are kept all the same.
            let _ = job.done.send(outcome);
        }
    }

    fn put(&mut self, jobs: &[Job]) -> Result<(), NotTaken> {
        let broken = |worker: &Self, error: Error| {
            (worker.remark)(&Remark::Broken(error.to_string()));
            NotTaken::Broken
        };
        let bytes = match self.bytes {
            Some(bytes) => bytes,
            None => self.spool.waiting().map_err(|error| broken(self, error))?.2,
        };
        if bytes > self.rules.most_bytes {
            return Err(NotTaken::Busy);
        }
        let spans = jobs.iter().flat_map(|job| &job.spans);
        let now = now().map_err(|error| broken(self, error))?;
        self.spool
            .put(spans.clone(), now)
            .map_err(|error| broken(self, error))?;
        let added: usize = spans.map(|span| span.line.len()).sum();
        self.bytes = Some(bytes + added as u64);
        Ok(())
    }

    /// Records the next whole trace, if there is one.
    fn record_next(&mut self, is_end: bool) -> Result<bool, Error> {
        let now = now()?;
        let ago = |time: Duration| now - i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let quiet = match is_end {
            true => i64::MAX,
            false => ago(self.rules.quiet),
        };
        let Some(batch) = self.spool.next(quiet, ago(self.rules.end_after))? else {
            return Ok(false);
        };
        let Batch { trace, lines, .. } = &batch;
        let trace = hex::encode(trace);
        match (self.record)(&trace, lines) {
            Ok(run) => {
                self.spool.done(&batch, now)?;
                (self.remark)(&Remark::Recorded { trace, run });
            }
            Err(why) => {
                self.spool.set_aside(&batch)?;
                (self.remark)(&Remark::SetAside { trace, why });
            }
        }
        self.bytes = None;
        Ok(true)
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> Result<i64, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_err(|_| Error::Clock)?.as_millis();
    i64::try_from(millis).map_err(|_| Error::Clock)
}
