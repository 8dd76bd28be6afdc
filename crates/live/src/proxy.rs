//! What all proxies share: nothing is passed on before it is on disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

use avouch::trace::{Kind, Parent, RunId};
use avouch::{Draft, NewRun};
use tokio::sync::OnceCell;

use crate::Error;
use crate::dialog::{Dialog, Key, Names, Place, Scope, Step, event};
use crate::journal::{Begun, Handle, RunKey};

/// The source format of runs that a proxy records.
const FORMAT: &str = "proxy";

/// Who speaks through a proxy, and how the run is called.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// The agent whose run it is.
    pub agent: String,
    /// The other side: an MCP server, or another agent.
    pub other: String,
    /// The run's local name.
    pub name: String,
    /// The agent is the one behind the proxy: each A2A task that it is given is a run of its own.
    pub serves: bool,
    /// Longest message, in bytes, that can be held to be recorded.
    pub max_message: usize,
}

/// What a proxy records to.
pub(crate) struct Proxy {
    journal: Handle,
    options: ProxyOptions,
    command: Draft,
    run: OnceCell<Begun>,
    dialog: Mutex<Dialog>,
}

/// An event on disk.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) kind: Kind,
    pub(crate) run: Option<RunId>,
    pub(crate) seq: u64,
}

impl Proxy {
    /// `start` is event 0 of the run, or of each.
    pub(crate) fn new(journal: Handle, options: ProxyOptions, start: Draft) -> Self {
        let names = Names {
            agent: options.agent.clone(),
            other: options.other.clone(),
            serves: options.serves,
        };
        Self {
            journal,
            options,
            command: start,
            run: OnceCell::new(),
            dialog: Mutex::new(Dialog::new(names)),
        }
    }

    pub(crate) fn max_message(&self) -> usize {
        self.options.max_message
    }

    /// Records what the client's bytes mean.
    pub(crate) async fn client(
        &self,
        scope: &Scope,
        bytes: &[u8],
        parent: Option<Parent>,
    ) -> Result<Vec<Kept>, Error> {
        let steps = self.dialog().client(scope, bytes, parent);
        let kept = self.record(steps).await?;
        self.dialog().expect(scope, bytes);
        Ok(kept)
    }

    /// Records what the server's bytes mean.
    pub(crate) async fn server(
        &self,
        scope: &Scope,
        bytes: &[u8],
        all: bool,
    ) -> Result<Vec<Kept>, Error> {
        let steps = self.dialog().server(scope, bytes, all);
        self.record(steps).await
    }

    /// Records that answers which are still awaited in this scope will not come: all of them, or only those to
    /// these ids.
    pub(crate) async fn give_up(
        &self,
        scope: &Scope,
        ids: Option<&[String]>,
        why: &str,
    ) -> Result<(), Error> {
        let concerns =
            |key: &Key| key.0 == scope && ids.is_none_or(|ids| key.1 && ids.contains(&key.2));
        let steps = self.dialog().give_up(&concerns, why);
        self.record(steps).await.map(drop)
    }

    /// Whether an answer is awaited in this scope.
    pub(crate) fn waits(&self, scope: &Scope) -> bool {
        self.dialog()
            .waiting
            .iter()
            .any(|(key, waiting)| key.0 == scope && waiting.seq.is_some())
    }

    /// Whether any answer is awaited.
    pub(crate) fn waits_at_all(&self) -> bool {
        let dialog = self.dialog();
        let mut all = dialog.waiting.values();
        all.any(|waiting| waiting.seq.is_some() && !waiting.answered)
    }

    /// Begins the proxy's own run, if it has not begun.
    pub(crate) async fn begin(&self) -> Result<&Begun, Error> {
        let begun = self
            .run
            .get_or_try_init(|| self.journal.begin(self.new_run(None), self.start()));
        begun.await
    }

    /// The proxy's own run, if it has begun.
    pub(crate) fn begun(&self) -> Option<&Begun> {
        self.run.get()
    }

    /// Ends the runs that are open.
    pub(crate) async fn end(&self, end: Draft, why: &str) -> Result<(), Error> {
        let steps = self.dialog().give_up(&|_| true, why);
        self.record(steps).await?;
        let tasks: Vec<_> = self.dialog().tasks.drain().map(|(_, task)| task).collect();
        self.record(crate::a2a::cut_off(tasks.into_iter(), why))
            .await?;
        if let Some(begun) = self.run.get() {
            self.append(begun.key, vec![end]).await?;
        }
        Ok(())
    }

    /// Records steps in their order. An error means that one of them is not recorded, so that what it is about
    /// must not happen.
    pub(crate) async fn record(&self, steps: Vec<Step>) -> Result<Vec<Kept>, Error> {
        let mut kept = Vec::with_capacity(steps.len());
        let mut steps = steps.into_iter().peekable();
        while let Some(first) = steps.next() {
            let (key, id) = match first.place {
                Place::Proxy => {
                    let begun = self.begin().await?;
                    (begun.key, Some(begun.id))
                }
                Place::Run(key) => (key, None),
                Place::New(parent) => {
                    let begun = self.journal.begin(self.new_run(parent), self.start());
                    (begun.await?.key, None)
                }
            };
            let place = match id {
                Some(_) => Place::Proxy,
                None => Place::Run(key),
            };
            let mut drafts = vec![first.draft];
            let mut thens = vec![first.then];
            while let Some(next) = steps.next_if(|next| is_same(&next.place, &place)) {
                drafts.push(next.draft);
                thens.push(next.then);
            }
            let kinds: Vec<Kind> = drafts.iter().map(|draft| draft.kind).collect();
            let seqs = self.append(key, drafts).await?;
            let mut dialog = self.dialog();
            for ((seq, then), kind) in seqs.into_iter().zip(thens).zip(kinds) {
                dialog.settle(then, place.clone(), seq);
                let run = id;
                kept.push(Kept { kind, run, seq });
            }
        }
        Ok(kept)
    }

    async fn append(&self, run: RunKey, drafts: Vec<Draft>) -> Result<Vec<u64>, Error> {
        let appended = self.journal.append(run, drafts).await?;
        appended.into_iter().collect()
    }

    fn new_run(&self, parent: Option<Parent>) -> NewRun {
        let mut run = NewRun::new(&self.options.name, &self.options.agent);
        run.format = FORMAT.into();
        run.parents = parent.into_iter().collect();
        run
    }

    fn start(&self) -> Draft {
        let mut start = self.command.clone();
        start.time = event(Kind::RunStart, None).time;
        start.by(format!("agent:{}", self.options.agent))
    }

    fn dialog(&self) -> MutexGuard<'_, Dialog> {
        self.dialog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::Proxy, Place::Proxy) => true,
        (Place::Run(a), Place::Run(b)) => a == b,
        _ => false,
    }
}

/// What a client is told of a call that was not recorded and so not passed on: an error of JSON-RPC.
pub(crate) fn refusal(request: &[u8], error: &Error) -> String {
    let id = match crate::rpc::read(request).as_deref() {
        Ok([crate::rpc::Message::Request { id, .. }, ..]) => *id,
        _ => "null",
    };
    let why = format!("avouch did not record this, so it was not passed on: {error}");
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32603,\"message\":{}}}}}",
        serde_json::Value::from(why)
    )
}
