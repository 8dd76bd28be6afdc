//! What passes between a client and a server, as events: which calls wait for an answer, and what each message
//! means. It does no I/O: what it plans is recorded by the proxies, which then tell it the seqs.

use std::collections::HashMap;

use avouch::Draft;
use avouch::importers::FieldValue;
use avouch::trace::{Flags, Kind, Parent};

use crate::journal::{RunKey, now};
use crate::rpc::{self, Message, Params};
use crate::{a2a, mcp};

/// Who speaks through a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The agent whose run it is, unqualified.
    pub(crate) agent: String,
    /// The other side, as the user calls it: a server, or the other agent.
    pub(crate) other: String,
    /// Whether the agent is the server behind the proxy, and not the client before it.
    pub(crate) serves: bool,
}

impl Names {
    pub(crate) fn agent(&self) -> String {
        format!("agent:{}", self.agent)
    }
}

/// How many requests of tools are remembered for their answers.
const MAX_ASKED: usize = 65_536;

/// Within what an id is unique: a session, or one HTTP exchange.
pub(crate) type Scope = str;

/// Where an event goes.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The run of the proxy itself.
    Proxy,
    /// This run.
    Run(RunKey),
    /// A run that is begun for it, and that came from there.
    New(Option<Parent>),
}

/// An event to record, and what to remember when it is.
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) draft: Draft,
    pub(crate) then: Then,
}

/// What to remember when an event is on disk.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    Nothing,
    /// An answer to this is awaited.
    Await(Key, What),
    /// This was answered.
    Answered(Key),
    /// The client was asked for something under this name.
    Asked(String),
    /// The call was answered in part, by this task.
    Update(Key, Option<String>),
    /// The call's task, or the call itself, is over.
    Over(Key, Option<String>),
}

/// An awaited answer's scope, whether the client asked, and the id.
pub(crate) type Key = (String, bool, String);

/// What kind of answer is awaited.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A tool's.
    Call(String),
    /// What the two sides say of themselves, in answer to this method.
    Hello(String),
    /// A model's, that the server asked for.
    Sampling,
    /// What the server asked the user, for this subject.
    Elicitation(String),
    /// Another agent's.
    Delegation,
}

/// An answer that is awaited.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) what: What,
    /// The event that asked, where there is one.
    pub(crate) seq: Option<u32>,
    pub(crate) place: Place,
    pub(crate) task: Option<String>,
    /// Whether something has been answered, where there may be more.
    pub(crate) answered: bool,
}

/// A task of A2A that is not over.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) seq: Option<u32>,
    pub(crate) place: Place,
}

/// The state of all that passes through one proxy.
pub(crate) struct Dialog {
    pub(crate) names: Names,
    pub(crate) waiting: HashMap<Key, Waiting>,
    pub(crate) asked: HashMap<String, u32>,
    pub(crate) tasks: HashMap<String, Task>,
}

impl Dialog {
    pub(crate) fn new(names: Names) -> Self {
        Self {
            names,
            waiting: HashMap::new(),
            asked: HashMap::new(),
            tasks: HashMap::new(),
        }
    }

    /// What the client's bytes, one message or batch, are recorded as. `parent` is who asked for it, as far as
    /// the client says.
    pub(crate) fn client(&self, scope: &Scope, bytes: &[u8], parent: Option<Parent>) -> Vec<Step> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Vec::new();
        }
        let messages = match rpc::read(bytes) {
            Ok(messages) => messages,
            Err(why) => return vec![self.broken(bytes, why, "client")],
        };
        let each = |message| match message {
            Message::Request {
                id,
                method,
                params,
                raw,
            } => self
                .call(scope, id, method, params, raw, parent)
                .unwrap_or_default(),
            // A server may do what it is told also where nobody waits for an answer.
            Message::Notification {
                method,
                params,
                raw,
            } => self
                .call(scope, "null", method, params, raw, parent)
                .unwrap_or_else(|| mcp::notification(self, scope, true, method, params, raw)),
            Message::Response { id, outcome, raw } => {
                mcp::answer(self, &key(scope, false, id), outcome, raw)
            }
        };
        messages.into_iter().flat_map(each).collect()
    }

    /// What a client asks for; `None` where it is not recorded.
    fn call(
        &self,
        scope: &Scope,
        id: &str,
        method: &str,
        params: Params<'_>,
        raw: &str,
        parent: Option<Parent>,
    ) -> Option<Vec<Step>> {
        let key = key(scope, true, id);
        a2a::request(self, &key, method, params, raw, parent)
            .or_else(|| mcp::request(self, &key, method, params, raw))
    }

    /// What the server's bytes are recorded as. `all` says that these bytes can only be a message, so that others
    /// are recorded as broken.
    pub(crate) fn server(&self, scope: &Scope, bytes: &[u8], all: bool) -> Vec<Step> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Vec::new();
        }
        let messages = match rpc::read(bytes) {
            Ok(messages) => messages,
            Err(why) if all => return vec![self.broken(bytes, why, "server")],
            Err(_) => return Vec::new(),
        };
        let each = |message| match message {
            Message::Request {
                id,
                method,
                params,
                raw,
            } => mcp::server_request(self, &key(scope, false, id), method, params, raw),
            Message::Notification {
                method,
                params,
                raw,
            } => mcp::notification(self, scope, false, method, params, raw),
            Message::Response { id, outcome, raw } => {
                let key = key(scope, true, id);
                a2a::result(self, &key, outcome, raw)
                    .unwrap_or_else(|| mcp::result(self, &key, outcome, raw))
            }
        };
        messages.into_iter().flat_map(each).collect()
    }

    /// Remembers what a recorded step is followed by. `place` is where it went.
    pub(crate) fn settle(&mut self, then: Then, place: Place, seq: u64) {
        let seq = u32::try_from(seq).ok();
        match then {
            Then::Nothing => {}
            Then::Await(key, what) => {
                let waiting = Waiting {
                    what,
                    seq,
                    place,
                    task: None,
                    answered: false,
                };
                self.waiting.insert(key, waiting);
            }
            Then::Answered(key) => {
                self.waiting.remove(&key);
            }
            Then::Asked(name) => {
                if self.asked.len() >= MAX_ASKED {
                    self.asked.clear();
                }
                self.asked.extend(seq.map(|seq| (name, seq)));
            }
            Then::Update(key, task) => {
                let Some(call) = self.waiting.get_mut(&key) else {
                    return;
                };
                call.answered = true;
                if let Some(task) = task {
                    call.task = Some(task.clone());
                    // The task's events answer the call that made it.
                    let seq = call.seq;
                    self.tasks.entry(task).or_insert(Task { seq, place });
                }
            }
            Then::Over(key, task) => {
                if let Some(task) = task {
                    self.tasks.remove(&task);
                }
                // Where an agent is served, its run ends here.
                match self.waiting.get_mut(&key) {
                    Some(call) if !self.names.serves => call.answered = true,
                    _ => drop(self.waiting.remove(&key)),
                }
            }
        }
    }

    /// Waits for an answer to something that is not recorded itself.
    pub(crate) fn expect(&mut self, scope: &Scope, bytes: &[u8]) {
        for message in rpc::read(bytes).unwrap_or_default() {
            if let Message::Request { id, method, .. } = message
                && mcp::is_hello(method)
            {
                let waiting = Waiting {
                    what: What::Hello(method.to_owned()),
                    seq: None,
                    place: Place::Proxy,
                    task: None,
                    answered: false,
                };
                self.waiting.insert(key(scope, true, id), waiting);
            }
        }
    }

    /// Gives up on the answers that are still awaited and that `concerns`: an event for each call.
    pub(crate) fn give_up(&mut self, concerns: &dyn Fn(&Key) -> bool, why: &str) -> Vec<Step> {
        let over: Vec<Key> = self
            .waiting
            .keys()
            .filter(|key| concerns(key))
            .cloned()
            .collect();
        let mut steps = Vec::new();
        for key in over {
            let Some(waiting) = self.waiting.remove(&key) else {
                continue;
            };
            if waiting.seq.is_none() || waiting.answered {
                continue;
            }
            let mut draft = event(Kind::Error, Some(0))
                .flag(Flags::ERROR, true)
                .with("reason", why)
                .with("call_id", key.2);
            draft.parent = waiting.seq;
            steps.push(Step {
                place: waiting.place,
                draft,
                then: Then::Nothing,
            });
        }
        steps.sort_by_key(|step| step.draft.parent);
        steps
    }

    /// What cannot be understood is passed on as it is, and recorded whole.
    fn broken(&self, bytes: &[u8], why: String, from: &str) -> Step {
        let raw = avouch::cbor::Value::Bytes(bytes.to_vec());
        step(
            event(Kind::Error, Some(0))
                .flag(Flags::ERROR, true)
                .with("reason", why)
                .with("from", from)
                .with("raw", raw),
        )
    }
}

pub(crate) fn key(scope: &Scope, from_client: bool, id: &str) -> Key {
    (scope.to_owned(), from_client, id.to_owned())
}

/// An event that happens now.
pub(crate) fn event(kind: Kind, cost: Option<u64>) -> Draft {
    let mut draft = Draft::new(kind);
    draft.time = now();
    draft.cost = cost;
    draft
}

/// A step that nothing follows.
pub(crate) fn step(draft: Draft) -> Step {
    Step {
        place: Place::Proxy,
        draft,
        then: Then::Nothing,
    }
}

/// Exact JSON as a field's value.
pub(crate) fn json(text: &str) -> FieldValue {
    FieldValue::Json(text.as_bytes().to_vec())
}

/// An id of JSON-RPC as text: a string without its quotes.
pub(crate) fn id_text(id: &str) -> String {
    serde_json::from_str(id).unwrap_or_else(|_| id.to_owned())
}

#[cfg(test)]
mod tests;
