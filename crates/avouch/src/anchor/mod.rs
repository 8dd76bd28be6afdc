//! Having the log's checkpoints anchored at outside services, and keeping what they answer.
//!
//! What is sent is in the ledger before it is sent, and what is answered is kept once: whoever is stopped at any
//! point, however roughly, goes on where that was, and ends up with one receipt.

mod evm;
mod repository;
mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use avouch_anchor::{Anchored, Receipt, SubmitError, git, opentimestamps, rfc3161};
use avouch_ledger::AnchorRequest;

use crate::random::os_random;
use crate::{Error, Home, durable};

pub use services::Service;

/// The file with a home's services.
const SERVICES: &str = "anchors.toml";
/// The first pause before asking again; it doubles, and half of it is left to chance.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How services are asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Ask for the proofs that pending receipts promise, and for nothing new.
    pub upgrade: bool,
    /// How often a service is asked at most while it cannot be reached.
    pub attempts: u32,
}

/// What came of asking a service about a checkpoint.
#[derive(Debug)]
pub struct AnchorOutcome {
    /// The service.
    pub service: String,
    /// The kind of its receipts.
    pub kind: String,
    /// The size of the checkpoint.
    pub size: u64,
    /// How it stands now.
    pub standing: Standing,
    /// The receipt that is kept, if there is one.
    pub receipt: Option<Vec<u8>>,
}

/// How a request for an anchor stands.
#[derive(Debug)]
pub enum Standing {
    /// There is a complete receipt.
    Complete,
    /// There is a promise.
    Pending,
    /// There is none, or nothing new; the next call asks again.
    Failed(SubmitError),
    /// A later checkpoint is anchored where they are taken in order: this one needs no receipt, and may get none.
    Overtaken,
    /// The service is not one that was asked now.
    NotAsked,
}

enum Task {
    Submit(AnchorRequest, Anchored),
    Upgrade(AnchorRequest, Receipt),
}

impl Task {
    fn request(&self) -> &AnchorRequest {
        match self {
            Self::Submit(request, _) | Self::Upgrade(request, _) => request,
        }
    }

    fn anchored(&self) -> &Anchored {
        match self {
            Self::Submit(_, anchored) => anchored,
            Self::Upgrade(_, receipt) => &receipt.anchored,
        }
    }

    fn ask(&self, service: &Service) -> Result<Option<Receipt>, SubmitError> {
        match self {
            Self::Submit(request, anchored) => service
                .backend
                .submit(anchored, &request.prepared)
                .map(Some),
            Self::Upgrade(_, receipt) => service.backend.upgrade(receipt),
        }
    }
}

impl Home {
    /// Where this home's services are listed.
    pub fn services_path(&self) -> PathBuf {
        self.dir().join(SERVICES)
    }

    /// Has the log's last checkpoint anchored at these services, all at once, and also every earlier one
    /// whose request was not answered. Returns how each request that this is about stands.
    ///
    /// # Errors
    /// [`Error::EmptyLog`], and what keeps the ledger from being read or written; a service that does not answer is an
    /// outcome.
    pub fn anchor(
        &self,
        services: &[Service],
        asking: Asking,
    ) -> Result<Vec<AnchorOutcome>, Error> {
        let (mut ids, mut unprepared) = (Vec::new(), Vec::new());
        if !asking.upgrade {
            (ids, unprepared) = self.request(services, asking)?;
        }
        let tasks = self.tasks(services, asking)?;
        ids.extend(tasks.iter().map(|(_, task)| task.request().id));
        ids.sort_unstable();
        ids.dedup();
        let mut failed: Vec<(u64, SubmitError)> = Vec::new();
        let (send, answers) = mpsc::channel();
        thread::scope(|scope| -> Result<(), Error> {
            for (service, task) in &tasks {
                let send = send.clone();
                scope.spawn(move || {
                    let answer = persist(asking.attempts, || task.ask(service));
                    // Nobody listens any more only when the ledger could not be written.
                    let _ = send.send((*service, task, answer));
                });
            }
            drop(send);
            for (service, task, answer) in answers {
                let answer = match answer {
                    Err(SubmitError::Lost { .. }) => self.renew(service, task)?,
                    answer => answer,
                };
                match answer {
                    Ok(Some(receipt)) => {
                        self.ledger.add_anchor_receipt(task.request(), &receipt)?;
                    }
                    Ok(None) => {}
                    Err(error) => failed.push((task.request().id, error)),
                }
            }
            Ok(())
        })?;
        let mut outcomes = self.outcomes(&ids, failed)?;
        outcomes.extend(unprepared);
        Ok(outcomes)
    }

    /// How every request ever made stands.
    pub fn anchors(&self) -> Result<Vec<AnchorOutcome>, Error> {
        let requests = self.ledger.anchor_requests()?;
        let mut outcomes: Vec<_> = requests.into_iter().map(|one| outcome(one, None)).collect();
        // A registry takes checkpoints in order, so that what a later one got ahead of stays without a receipt.
        let mut complete: BTreeMap<String, u64> = BTreeMap::new();
        for one in &outcomes {
            if one.kind == avouch_anchor::evm::KIND && matches!(one.standing, Standing::Complete) {
                let last = complete.entry(one.service.clone()).or_default();
                *last = one.size.max(*last);
            }
        }
        for one in &mut outcomes {
            let is_open = !matches!(one.standing, Standing::Complete);
            let last = complete.get(&one.service);
            if is_open && last.is_some_and(|last| *last > one.size) {
                one.standing = Standing::Overtaken;
            }
        }
        Ok(outcomes)
    }

    /// Writes each anchored checkpoint's text, and each receipt's proof in its backend's own form, into a folder,
    /// where the backends' own tools can check them. Returns the proofs' files.
    pub fn export_anchors(&self, dir: &Path) -> Result<Vec<PathBuf>, Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error::io(dir, source))?;
        let mut written = Vec::new();
        for request in self.ledger.anchor_requests()? {
            let Some(stored) = &request.receipt else {
                continue;
            };
            let receipt = Receipt::decode(&stored.bytes)?;
            let stem = format!("checkpoint-{}", request.size);
            let text = dir.join(format!("{stem}.txt"));
            durable::replace(&text, receipt.anchored.text().as_bytes())?;
            let extension = match request.kind.as_str() {
                git::KIND => "commit",
                rfc3161::KIND => "tsr",
                opentimestamps::KIND => "ots",
                _ => "proof",
            };
            let path = dir.join(format!("{stem}.{}.{extension}", request.backend));
            let proof = match request.kind.as_str() {
                git::KIND => git::Proof::decode(&receipt.proof)?.commit,
                _ => receipt.proof,
            };
            durable::replace(&path, &proof)?;
            written.push(path);
        }
        Ok(written)
    }

    /// Makes the requests for the last checkpoint, unless they are there: their numbers, and what could not be prepared.
    fn request(
        &self,
        services: &[Service],
        asking: Asking,
    ) -> Result<(Vec<u64>, Vec<AnchorOutcome>), Error> {
        let last = self.checkpoint(None)?;
        let (size, anchored) = (last.checkpoint.size, self.anchored(&last)?);
        let (mut ids, mut new) = (Vec::new(), Vec::new());
        for service in services {
            match self.ledger.anchor_request_for(size, &service.name)? {
                Some(request) => ids.push(request.id),
                None => new.push((service, os_random()?)),
            }
        }
        // Some ask their service, so that one that does not answer would keep the others waiting.
        let prepared: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = new
                .iter()
                .map(|(service, random)| {
                    let prepare = || service.backend.prepare(&anchored, random);
                    (
                        *service,
                        scope.spawn(move || persist(asking.attempts, prepare)),
                    )
                })
                .collect();
            let broke_off = || SubmitError::Config("preparing a request broke off".into());
            let answers = asked.into_iter();
            answers
                .map(|(service, one)| (service, one.join().unwrap_or_else(|_| Err(broke_off()))))
                .collect()
        });
        let mut failed = Vec::new();
        for (service, prepared) in prepared {
            let (name, kind) = (&service.name, service.kind());
            match prepared {
                Ok(prepared) => {
                    let request = self.ledger.request_anchor(size, name, kind, &prepared)?;
                    ids.push(request.id);
                }
                Err(error) => failed.push(AnchorOutcome {
                    service: name.clone(),
                    kind: kind.into(),
                    size: size.0,
                    standing: Standing::Failed(error),
                    receipt: None,
                }),
            }
        }
        Ok((ids, failed))
    }

    /// Prepares and sends anew what can have no effect any more. If another form was prepared since the receipt
    /// came, that one is sent first.
    fn renew(
        &self,
        service: &Service,
        task: &Task,
    ) -> Result<Result<Option<Receipt>, SubmitError>, Error> {
        let (request, anchored) = (task.request(), task.anchored());
        let submit = |prepared: &[u8]| service.backend.submit(anchored, prepared).map(Some);
        match submit(&request.prepared) {
            Err(SubmitError::Lost { .. }) => {}
            answer => return Ok(answer),
        }
        let prepared = match service.backend.prepare(anchored, &os_random()?) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let renewed = self.ledger.renew_anchor_request(request, &prepared)?;
        Ok(submit(&renewed.prepared))
    }

    fn anchored(&self, signed: &avouch_ledger::SignedCheckpoint) -> Result<Anchored, Error> {
        let key = self.ledger.identity().note_key()?;
        Ok(Anchored::parse(&signed.note)?.by_log_alone(&key)?)
    }

    fn tasks<'s>(
        &self,
        services: &'s [Service],
        asking: Asking,
    ) -> Result<Vec<(&'s Service, Task)>, Error> {
        let mut tasks = Vec::new();
        for request in self.ledger.open_anchor_requests()? {
            let is_for = |service: &&Service| {
                (service.name.as_str(), service.kind()) == (&request.backend, &request.kind)
            };
            let Some(service) = services.iter().find(is_for) else {
                continue;
            };
            match &request.receipt {
                None if !asking.upgrade => {
                    let signed = self.checkpoint(Some(request.size))?;
                    let anchored = self.anchored(&signed)?;
                    tasks.push((service, Task::Submit(request, anchored)));
                }
                Some(stored) if asking.upgrade && stored.pending => {
                    let receipt = Receipt::decode(&stored.bytes)?;
                    tasks.push((service, Task::Upgrade(request, receipt)));
                }
                _ => {}
            }
        }
        Ok(tasks)
    }

    fn outcomes(
        &self,
        ids: &[u64],
        mut failed: Vec<(u64, SubmitError)>,
    ) -> Result<Vec<AnchorOutcome>, Error> {
        let mut outcomes = Vec::new();
        for id in ids {
            if let Some(request) = self.ledger.anchor_request(*id)? {
                let error = failed.iter().position(|(failed, _)| failed == id);
                let error = error.map(|at| failed.swap_remove(at).1);
                outcomes.push(outcome(request, error));
            }
        }
        Ok(outcomes)
    }
}

fn outcome(request: AnchorRequest, error: Option<SubmitError>) -> AnchorOutcome {
    let standing = match (error, &request.receipt) {
        (Some(SubmitError::Overtaken { .. }), _) => Standing::Overtaken,
        (Some(error), _) => Standing::Failed(error),
        (None, Some(stored)) if stored.pending => Standing::Pending,
        (None, Some(_)) => Standing::Complete,
        (None, None) => Standing::NotAsked,
    };
    AnchorOutcome {
        service: request.backend,
        kind: request.kind,
        size: request.size.0,
        standing,
        receipt: request.receipt.map(|stored| stored.bytes),
    }
}

/// Asks until there is an answer, or an error that waiting does not mend.
fn persist<T>(
    attempts: u32,
    mut ask: impl FnMut() -> Result<T, SubmitError>,
) -> Result<T, SubmitError> {
    let mut pause = PAUSE;
    for _ in 1..attempts.max(1) {
        match ask() {
            Err(error) if error.may_pass() => thread::sleep(jittered(pause)),
            answer => return answer,
        }
        pause = (pause * 2).min(MAX_PAUSE);
    }
    ask()
}

/// Between a half and the whole, so that many who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness they all wait the whole.
    let part = match getrandom::fill(&mut random) {
        Ok(()) => f64::from(random[0]) / 255.0,
        Err(_) => 1.0,
    };
    pause.mul_f64(0.5 + part / 2.0)
}
