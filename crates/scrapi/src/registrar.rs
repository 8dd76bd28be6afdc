//! The one thread that writes: it accepts what comes, as much as there is with one commit, and enters what was
//! accepted with one checkpoint.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use avouch_cose::{SignedStatement, SigningKey};
use avouch_ledger::{Error as LedgerError, Ledger, Registration};
use tokio::sync::oneshot;

use crate::Error;

/// Statements that wait for the thread; more are told to come again.
const QUEUE: usize = 1024;
/// Statements that one commit accepts.
const TOGETHER: usize = 256;
/// How long others may hold the ledger's write lock before a request fails.
const BUSY: Duration = Duration::from_secs(10);
/// When what could not be entered is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often checkpoints are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two; zero enters what was accepted at once.
    pub every: Duration,
}

/// What became of a statement that was handed over.
pub(crate) enum Handed {
    /// It is accepted, durably; the receiver hears when it is in the log.
    Waiting(oneshot::Receiver<()>),
    /// It is in the log.
    Entered,
    /// The same was said under another signature.
    OtherSignature,
    /// It was not accepted, and why.
    Failed(String),
    /// Not now: too many wait, or the ledger is in use.
    Busy,
}

struct Job {
    statement: SignedStatement,
    answer: oneshot::Sender<Handed>,
}

/// A ledger whose log takes statements.
pub struct Registrar {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Registrar {
    /// Starts the thread, which enters first what an earlier one had accepted. `remark` is told what goes wrong.
    ///
    /// # Errors
    /// [`Error::Ledger`] if it cannot be written to, or the key is not its log's.
    pub fn start(
        ledger: Ledger,
        log_key: SigningKey,
        pace: Pace,
        remark: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Error> {
        ledger.set_busy_timeout(BUSY)?;
        ledger.enter_accepted(&log_key)?;
        let (jobs, queue) = sync_channel(QUEUE);
        let clerk = Clerk {
            ledger,
            log_key,
            pace,
            remark,
            waiting: Vec::new(),
            unfinished: false,
            next: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("registrar".into())
            .spawn(move || clerk.work(&queue))
            .map_err(Error::Thread)?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(crate) async fn hand_over(&self, statement: SignedStatement) -> Handed {
        let (answer, answered) = oneshot::channel();
        let job = Job { statement, answer };
        let stopped = || Handed::Failed("the registrar has stopped".into());
        let Some(jobs) = &self.jobs else {
            return stopped();
        };
        match jobs.try_send(job) {
            Ok(()) => answered.await.unwrap_or_else(|_| stopped()),
            Err(TrySendError::Full(_)) => Handed::Busy,
            Err(TrySendError::Disconnected(_)) => stopped(),
        }
    }
}

impl Drop for Registrar {
    /// Finishes what is queued.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was told on standard error; what was accepted is on disk.
            let _ = thread.join();
        }
    }
}

struct Clerk<R> {
    ledger: Ledger,
    log_key: SigningKey,
    pace: Pace,
    remark: R,
    /// Who waits for what was accepted.
    waiting: Vec<oneshot::Sender<()>>,
    /// Whether something was accepted that is not entered.
    unfinished: bool,
    /// When a checkpoint may be signed again.
    next: Instant,
}

impl<R: Fn(&str)> Clerk<R> {
    fn work(mut self, queue: &Receiver<Job>) {
        loop {
            let first = match self.unfinished {
                false => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                true => queue.recv_timeout(self.next.saturating_duration_since(Instant::now())),
            };
            let ended = match first {
                Ok(job) => {
                    let mut jobs = vec![job];
                    jobs.extend(queue.try_iter().take(TOGETHER - 1));
                    self.accept(jobs);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if self.unfinished && (ended || self.next <= Instant::now()) {
                self.enter();
            }
            if ended {
                return;
            }
        }
    }

    fn accept(&mut self, jobs: Vec<Job>) {
        let (statements, answers): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|Job { statement, answer }| (statement, answer))
            .unzip();
        match self.ledger.accept(&statements) {
            Ok(standings) => {
                for (answer, standing) in answers.into_iter().zip(standings) {
                    let handed = match standing {
                        Registration::Waiting => {
                            self.unfinished = true;
                            let (entered, hears) = oneshot::channel();
                            self.waiting.push(entered);
                            Handed::Waiting(hears)
                        }
                        Registration::Entered(_) => Handed::Entered,
                        Registration::OtherSignature => Handed::OtherSignature,
                    };
                    // Who asked may have gone; what was accepted stays.
                    let _ = answer.send(handed);
                }
            }
            // One statement that cannot be accepted must not keep others out.
            Err(_) if answers.len() > 1 => {
                for (statement, answer) in statements.into_iter().zip(answers) {
                    self.accept(vec![Job { statement, answer }]);
                }
            }
            Err(error) => {
                (self.remark)(&error.to_string());
                for answer in answers {
                    let _ = answer.send(match &error {
                        LedgerError::Busy => Handed::Busy,
                        error => Handed::Failed(error.to_string()),
                    });
                }
            }
        }
    }

    fn enter(&mut self) {
        match self.ledger.enter_accepted(&self.log_key) {
            Ok(_) => {
                self.unfinished = false;
                self.next = Instant::now() + self.pace.every;
                for entered in self.waiting.drain(..) {
                    let _ = entered.send(());
                }
            }
            Err(error) => {
                (self.remark)(&format!("statements that were accepted wait: {error}"));
                self.next = Instant::now() + AGAIN;
            }
        }
    }
}
