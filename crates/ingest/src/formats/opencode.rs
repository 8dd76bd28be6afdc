//! OpenCode storage: concatenated JSON values, one per message, message part, session, project...
//!
//! Sessions follow one another in one input, and each is a run. Values that name no session (lists
//! of changes, to-do lists, projects, shares) stand beside those of the session that they belong to.

use std::borrow::Cow;

use avouch_trace::{Flags, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::object::Object;
use crate::plain::{filled, text};
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::ExactMillis;
use crate::{money, name};

pub(crate) const SPEC: Spec = Spec {
    name: "opencode",
    agent: "opencode",
    // OpenCode counts what its models' price lists say, in US dollars.
    currency: "USD",
    many_runs: true,
    recognises: |peek| {
        !peek.is_list
            && peek.values.iter().any(|value| {
                value.has("sessionID") && (value.has("messageID") || value.has("role"))
            })
    },
    shape: |_| Shape::Values,
    importer: || Box::new(OpenCode::default()),
    rules: None,
    database: None,
};

/// How many values, and bytes of them, wait for the session that they belong to.
const MAX_WAITING: usize = 64;
const MAX_WAITING_BYTES: usize = 16 << 20;

/// What tells values apart.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "sessionID")]
    session: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "messageID")]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow)]
    worktree: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
}

/// A message, without its parts.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "parentID")]
    parent: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "modelID")]
    model: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "providerID")]
    provider: Option<Cow<'a, str>>,
    time: Option<Object<MessageTime>>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageTime {
    created: Option<ExactMillis>,
    completed: Option<ExactMillis>,
}

#[derive(Deserialize)]
struct PartTime {
    start: Option<ExactMillis>,
    end: Option<ExactMillis>,
}

/// A part of a message.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    synthetic: Option<bool>,
    time: Option<Object<PartTime>>,
    #[serde(borrow, rename = "callID")]
    call: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Object<State<'a>>>,
    #[serde(borrow)]
    files: Option<&'a RawValue>,
    #[serde(borrow)]
    filename: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// How far a tool call got.
#[derive(Deserialize)]
struct State<'a> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    time: Option<Object<PartTime>>,
}

/// What is known of a message before, or after, its own value came by.
#[derive(Clone, Copy, Default)]
struct Known {
    /// Whether the assistant sent it.
    is_answer: bool,
    /// Its first event.
    seq: Option<u32>,
    /// What was counted of its cost.
    counted: u64,
}

struct OpenCode {
    /// The open run's session.
    session: Option<String>,
    messages: Recent<String, Known>,
    /// Values that wait for the next session named.
    waiting: Vec<String>,
    waiting_bytes: usize,
    /// How many steps the models have taken.
    round: u32,
}

impl Default for OpenCode {
    fn default() -> Self {
        Self {
            session: None,
            messages: Recent::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            round: 0,
        }
    }
}

impl Importer for OpenCode {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let outline = if record.starts_with('{') {
            serde_json::from_str::<Outline<'_>>(record)?
        } else if record.starts_with('[') {
            return self.wait(record, run);
        } else {
            return Err(Fault::malformed("expected an object or an array"));
        };
        let is_session = outline.worktree.is_none() && outline.title.is_some();
        let id = outline.id.as_deref();
        let session = outline.session.as_deref().or(id.filter(|_| is_session));
        let Some(session) = session else {
            return self.wait(record, run);
        };
        match (&outline.message, &outline.role, id) {
            (Some(message), ..) => {
                let part = serde_json::from_str(record)?;
                self.enter(session, record, run)?;
                self.part(message, &part, run)
            }
            (None, Some(role), Some(id)) => {
                let message = serde_json::from_str(record)?;
                self.enter(session, record, run)?;
                self.message(id, role, &message, run)
            }
            _ => {
                self.enter(session, record, run)?;
                self.note(run)
            }
        }
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.release(run)
    }
}

impl OpenCode {
    /// Puts a value aside until it is known which session it stands beside.
    fn wait(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        run.put_aside();
        self.waiting.push(record.to_owned());
        self.waiting_bytes += record.len();
        if self.waiting.len() >= MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES {
            self.release(run)?;
        }
        Ok(())
    }

    /// Gives the open run what waits.
    fn release(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.waiting_bytes = 0;
        for record in std::mem::take(&mut self.waiting) {
            run.source_json(&record);
            self.note(run)?;
        }
        Ok(())
    }

    /// Makes this session's run the open one, and gives it what waits.
    fn enter(&mut self, session: &str, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let is_new = self.session.as_deref() != Some(session);
        if !is_new && self.waiting.is_empty() {
            return Ok(());
        }
        run.put_aside();
        if is_new {
            *self = Self {
                waiting: std::mem::take(&mut self.waiting),
                ..Self::default()
            };
            self.session = Some(session.to_owned());
            run.start(Start::new(SPEC.currency).with("session", session))?;
        }
        self.release(run)?;
        run.source_json(record);
        Ok(())
    }

    fn note(&self, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut draft = Draft::new(Kind::Note);
        draft.round = self.round;
        draft.cost = Some(0);
        run.emit(draft).map(drop)
    }

    /// A message's own value comes when it is complete, mostly after its parts.
    fn message(
        &mut self,
        id: &str,
        role: &str,
        message: &Message<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let is_answer = role == "assistant";
        let mut known = self.messages.get(id).copied().unwrap_or_default();
        let time = message
            .time
            .as_ref()
            .and_then(|Object(time)| match is_answer {
                true => time.completed.or(time.created),
                false => time.created,
            });
        let mut draft = Draft::new(if is_answer {
            Kind::ModelCall
        } else {
            Kind::Note
        });
        draft.time = time.unwrap_or_default().0;
        draft.round = self.round;
        draft.cost = Some(0);
        if is_answer {
            let failed = filled(message.error);
            draft.actor = Some(run.agent());
            draft.subject = model(message);
            draft.cost = match message.cost {
                None => None,
                Some(cost) => {
                    let micros = money::decimal(cost.get()).ok_or_else(|| {
                        Fault::malformed(format!("cost {} is not an amount", cost.get()))
                    })?;
                    // A message that is told again counts what was added.
                    let added = micros.saturating_sub(known.counted);
                    known.counted = known.counted.max(micros);
                    Some(added)
                }
            };
            let asked = message
                .parent
                .as_deref()
                .and_then(|parent| self.messages.get(parent));
            draft.parent = asked.and_then(|asked| asked.seq);
            draft = draft
                .flag(Flags::ERROR, failed.is_some())
                .with_some("tokens", filled(message.tokens))
                .with_some("error", failed);
        } else {
            draft.actor = Some(name::role(role));
        }
        let seq = run.emit(draft)?;
        known.is_answer = is_answer;
        known.seq = known.seq.or(Some(seq));
        self.messages.put(id.to_owned(), known);
        Ok(())
    }

    fn part(&mut self, message: &str, part: &Part<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut known = self.messages.get(message).copied().unwrap_or_default();
        let agent = run.agent();
        let time = part.time.as_ref().map(|Object(time)| time);
        let mut draft = Draft::new(Kind::Note);
        draft.actor = Some(agent.clone());
        draft.cost = Some(0);
        draft.time = time.and_then(|time| time.start).unwrap_or_default().0;
        match &*part.kind {
            "step-start" => {
                self.round = self.round.saturating_add(1);
                // Only answers have steps, and each begins with one.
                known.is_answer = true;
            }
            "text" if known.is_answer => draft.kind = Kind::MessageOut,
            "text" => {
                draft.kind = Kind::MessageIn;
                // Text that OpenCode itself adds to a request.
                let role = if part.synthetic == Some(true) {
                    "system"
                } else {
                    "user"
                };
                draft.actor = Some(name::role(role));
                draft.subject = Some(agent.clone());
            }
            "reasoning" => draft.kind = Kind::Reasoning,
            "patch" => draft.kind = Kind::Artifact,
            "file" if known.is_answer => draft.kind = Kind::Artifact,
            "file" => {
                draft.kind = Kind::MessageIn;
                draft.actor = Some(name::role("user"));
                draft.subject = Some(agent.clone());
            }
            "subtask" | "agent" => draft.kind = Kind::Delegation,
            "retry" => draft.kind = Kind::Error,
            _ => {}
        }
        draft.round = self.round;
        let failed = filled(part.error);
        let tool = part.tool.as_deref().filter(|_| part.kind == "tool");
        let seq = if let (Some(tool), Some(Object(state))) = (tool, &part.state) {
            self.tool(name::tool(tool), part, state, run)?
        } else {
            let draft = draft
                .flag(Flags::ERROR, part.kind == "retry")
                .with_some("text", text(&part.text))
                .with_some("files", filled(part.files))
                .with_some("filename", text(&part.filename))
                .with_some("error", failed);
            run.emit(draft)?
        };
        known.seq = known.seq.or(Some(seq));
        self.messages.put(message.to_owned(), known);
        Ok(())
    }

    /// A call and, where it has ended, what came back.
    fn tool(
        &self,
        tool: String,
        part: &Part<'_>,
        state: &State<'_>,
        run: &mut Run<'_>,
    ) -> Result<u32, Fault> {
        let agent = run.agent();
        let call_id = part.call.as_deref();
        let time = state.time.as_ref().map(|Object(time)| time);
        let (input, output) = (filled(state.input), filled(state.output));
        let error = filled(state.error);
        let mut asked = Draft::new(Kind::ToolCall)
            .with_some("call_id", call_id)
            .with_some("input", input);
        asked.actor = Some(agent.clone());
        asked.subject = Some(tool.clone());
        asked.time = time.and_then(|time| time.start).unwrap_or_default().0;
        asked.round = self.round;
        asked.cost = Some(0);
        let seq = run.emit(asked)?;
        if matches!(&*state.status, "completed" | "error") {
            let mut came = Draft::new(Kind::ToolResult)
                .flag(Flags::ERROR, state.status == "error")
                .with_some("call_id", call_id)
                .with_some("output", output)
                .with_some("error", error);
            came.actor = Some(tool);
            came.subject = Some(agent);
            came.time = time
                .and_then(|time| time.end.or(time.start))
                .unwrap_or_default()
                .0;
            came.round = self.round;
            came.cost = Some(0);
            came.parent = Some(seq);
            run.emit(came)?;
        }
        Ok(seq)
    }
}

fn model(message: &Message<'_>) -> Option<String> {
    let model = message.model.as_deref()?;
    Some(name::model(&match message.provider.as_deref() {
        Some(provider) => format!("{provider}/{model}"),
        None => model.to_owned(),
    }))
}
