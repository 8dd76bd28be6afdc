//! The one writer of a live recording: what many threads and connections record at the same time shares
//! transactions (group commit), so that durability costs one flush for all of them.

use std::collections::HashMap;
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use avouch::ledger::Error as LedgerError;
use avouch::trace::RunId;
use avouch::{Draft, Group, Home, LiveRun, NewRun};
use tokio::sync::{mpsc, oneshot};

use crate::Error;

/// Jobs that wait. When they are as many, who records waits too: that is the backpressure.
const QUEUE: usize = 64;
/// Events after which a transaction takes no more jobs: a few hundredths of a second of work.
const GROUP_EVENTS: usize = 4096;

/// A run of this journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunKey(pub(crate) u64);

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What to call it here.
    pub key: RunKey,
    /// Its id.
    pub id: RunId,
    /// Its local name.
    pub name: String,
}

/// What became of each event: its seq, or why it was refused.
pub type Appended = Vec<Result<u64, Error>>;

enum Work {
    Begin(Box<NewRun>, Box<Draft>),
    Append(RunKey, Vec<Draft>),
    Stop,
}

enum Done {
    Begun(Begun),
    Appended(Appended),
}

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, Error>>,
}

/// A recording's writer, a thread that owns the home until it is finished.
#[derive(Debug)]
pub struct Journal {
    handle: Handle,
    writer: JoinHandle<Home>,
}

/// Gives events to the writer, from any thread.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<Job>);

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl Journal {
    /// Starts the writer.
    pub fn start(home: Home) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = thread::Builder::new()
            .name("journal".into())
            .spawn(move || write(home, receiver))
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            handle: Handle(sender),
            writer,
        })
    }

    /// Gives events to the writer.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends it when everything that was given so far is on disk. Not to be called by asynchronous code.
    pub fn finish(self) -> Option<Home> {
        let (reply, _) = oneshot::channel();
        let stop = Job {
            work: Work::Stop,
            reply,
        };
        // A writer that is gone already has stopped.
        let _ = self.handle.0.blocking_send(stop);
        drop(self.handle);
        self.writer.join().ok()
    }
}

impl Handle {
    /// Begins a run, with this as its event 0.
    pub async fn begin(&self, run: NewRun, start: Draft) -> Result<Begun, Error> {
        match self
            .ask(Work::Begin(Box::new(run), Box::new(start)))
            .await?
        {
            Done::Begun(begun) => Ok(begun),
            Done::Appended(_) => Err(Error::Ended),
        }
    }

    /// Appends events and returns when they are on disk. An event that is refused leaves no trace, and does
    /// not concern the others.
    ///
    /// # Errors
    /// When the ledger failed: none of them is stored then.
    pub async fn append(&self, run: RunKey, events: Vec<Draft>) -> Result<Appended, Error> {
        match self.ask(Work::Append(run, events)).await? {
            Done::Appended(appended) => Ok(appended),
            Done::Begun(_) => Err(Error::Ended),
        }
    }

    /// As [`Handle::begin`], for threads.
    pub fn begin_blocking(&self, run: NewRun, start: Draft) -> Result<Begun, Error> {
        match self.ask_blocking(Work::Begin(Box::new(run), Box::new(start)))? {
            Done::Begun(begun) => Ok(begun),
            Done::Appended(_) => Err(Error::Ended),
        }
    }

    /// As [`Handle::append`], for threads.
    pub fn append_blocking(&self, run: RunKey, events: Vec<Draft>) -> Result<Appended, Error> {
        match self.ask_blocking(Work::Append(run, events))? {
            Done::Appended(appended) => Ok(appended),
            Done::Begun(_) => Err(Error::Ended),
        }
    }

    async fn ask(&self, work: Work) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job { work, reply };
        self.0.send(job).await.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }

    fn ask_blocking(&self, work: Work) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job { work, reply };
        self.0.blocking_send(job).map_err(|_| Error::Ended)?;
        answer.blocking_recv().map_err(|_| Error::Ended)?
    }
}

/// Milliseconds since the Unix epoch by this machine's clock; 0 where it is before that.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn write(home: Home, mut jobs: mpsc::Receiver<Job>) -> Home {
    let mut runs = Runs::default();
    while let Some(first) = jobs.blocking_recv() {
        let mut group = vec![first];
        let mut events = group[0].events();
        while events < GROUP_EVENTS
            && let Ok(job) = jobs.try_recv()
        {
            events += job.events();
            group.push(job);
        }
        if group.iter().any(|job| matches!(job.work, Work::Stop)) {
            // What is queued is still written; what comes later is told that recording has ended.
            jobs.close();
        }
        runs.write(&home, group);
    }
    home
}

impl Job {
    fn events(&self) -> usize {
        match &self.work {
            Work::Begin(..) => 1,
            Work::Append(_, events) => events.len(),
            Work::Stop => 0,
        }
    }
}

#[derive(Default)]
struct Runs {
    open: HashMap<RunKey, LiveRun>,
    begun: u64,
}

impl Runs {
    /// Writes jobs in one transaction, and answers them when it is on disk.
    fn write(&mut self, home: &Home, jobs: Vec<Job>) {
        let mut touched = Vec::new();
        let (work, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.work, job.reply)).unzip();
        match self.transaction(home, work, &mut touched) {
            Ok(done) => {
                for key in touched {
                    if let Some(run) = self.open.get_mut(&key) {
                        run.settle();
                    }
                }
                self.open.retain(|_, run| !run.has_ended());
                for (reply, done) in replies.into_iter().zip(done) {
                    // Who asked may have gone away.
                    let _ = reply.send(done);
                }
            }
            Err(error) => {
                for key in touched {
                    if let Some(run) = self.open.get_mut(&key) {
                        run.rewind();
                    }
                }
                // A run that has no event has not begun.
                self.open.retain(|_, run| run.next_seq() > 0);
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn transaction(
        &mut self,
        home: &Home,
        work: Vec<Work>,
        touched: &mut Vec<RunKey>,
    ) -> Result<Vec<Result<Done, Error>>, Error> {
        let mut group = home.group()?;
        let mut done = Vec::with_capacity(work.len());
        for work in work {
            done.push(match work {
                Work::Begin(run, start) => {
                    let live = group.begin(&run, *start);
                    self.begin(live, touched)?
                }
                Work::Append(key, events) => match self.open.get_mut(&key) {
                    Some(run) => {
                        touched.push(key);
                        append(&mut group, run, events).map(|all| Ok(Done::Appended(all)))?
                    }
                    None => Err(Error::Ended),
                },
                Work::Stop => Err(Error::Ended),
            });
        }
        group.commit()?;
        Ok(done)
    }

    fn begin(
        &mut self,
        live: Result<LiveRun, avouch::Error>,
        touched: &mut Vec<RunKey>,
    ) -> Result<Result<Done, Error>, Error> {
        let live = match live {
            Ok(live) => live,
            Err(error) if is_fatal(&error) => return Err(error.into()),
            Err(error) => return Ok(Err(error.into())),
        };
        self.begun += 1;
        let key = RunKey(self.begun);
        let begun = Begun {
            key,
            id: live.id(),
            name: live.name().to_owned(),
        };
        touched.push(key);
        self.open.insert(key, live);
        Ok(Ok(Done::Begun(begun)))
    }
}

fn append(group: &mut Group<'_>, run: &mut LiveRun, events: Vec<Draft>) -> Result<Appended, Error> {
    let mut appended = Vec::with_capacity(events.len());
    for event in events {
        appended.push(match group.append(run, event) {
            Ok(seq) => Ok(seq),
            Err(error) if is_fatal(&error) => return Err(error.into()),
            Err(error) => Err(Error::Refused(error.to_string())),
        });
    }
    Ok(appended)
}

/// Whether the whole transaction is lost, and not only what was refused.
fn is_fatal(error: &avouch::Error) -> bool {
    matches!(
        error,
        avouch::Error::Ledger(
            LedgerError::Sqlite(_)
                | LedgerError::Busy
                | LedgerError::Corrupt(_)
                | LedgerError::BatchFailed
        )
    )
}
