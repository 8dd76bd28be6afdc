//! SWE-agent trajectories: one JSON document with the list `trajectory`, the list `history`, or both.

use std::borrow::Cow;

use avouch_trace::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::name;
use crate::object::Object;
use crate::plain::{filled, text};
use crate::run::{Run, Start};
use crate::sink::Draft;

pub(crate) const SPEC: Spec = Spec {
    name: "swe-agent",
    agent: "swe-agent",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        let is_list = |value: Option<&[u8]>| value.is_some_and(|value| value.starts_with(b"["));
        !peek.is_list
            && peek.first().is_some_and(|document| {
                is_list(document.get("trajectory")) || is_list(document.get("history"))
            })
    },
    // The steps, where they are told; else the messages. Where both are there, they tell the same.
    shape: |_| Shape::Document(&[&["trajectory"], &["history"]]),
    importer: || Box::new(SweAgent::default()),
    rules: None,
    database: None,
};

/// The command line that the agent types into.
const SHELL: &str = "tool:shell";

/// An element of `trajectory`: what the model answered, and what came of it.
#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow)]
    thought: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    observation: Option<&'a RawValue>,
}

/// An element of `history`: a message to or from the model.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    thought: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Object<ToolCall<'a>>>>,
    #[serde(borrow)]
    tool_call_ids: Option<Vec<Cow<'a, str>>>,
    is_demo: Option<bool>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Object<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow)]
    exit_status: Option<&'a RawValue>,
}

struct SweAgent {
    /// How many answers the model has given.
    round: u32,
    /// Which event a call is, and whose.
    calls: Recent<String, (u32, String)>,
    /// The command that nothing has answered yet.
    waiting: Option<u32>,
    exit_status: Option<String>,
}

impl Default for SweAgent {
    fn default() -> Self {
        Self {
            round: 0,
            calls: Recent::new(),
            waiting: None,
            exit_status: None,
        }
    }
}

impl Importer for SweAgent {
    fn outer(&mut self, members: &[(String, Vec<u8>)], run: &mut Run<'_>) -> Result<(), Fault> {
        let member = |name: &str| {
            members
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, json)| json.as_slice())
        };
        if let Some(info) = member("info").filter(|json| json.starts_with(b"{")) {
            let Object(info) = serde_json::from_slice::<Object<Info<'_>>>(info)?;
            let status = info.exit_status.map(RawValue::get);
            self.exit_status = status.and_then(|status| serde_json::from_str(status).ok());
        }
        run.start(Start::new(SPEC.currency))?;
        // Beside the steps, only the history tells what the agent was asked.
        if let Some(history) = member("history").filter(|json| json.starts_with(b"[")) {
            for (index, exact) in serde_json::from_slice::<Vec<&RawValue>>(history)?
                .iter()
                .enumerate()
            {
                let Object(message) = serde_json::from_str::<Object<Message<'_>>>(exact.get())
                    .map_err(|error| {
                        Fault::malformed(format!("history, {}: {error}", index + 1))
                    })?;
                if message.role == "assistant" && message.is_demo != Some(true) {
                    break;
                }
                run.source_json(exact.get());
                self.message(&message, run)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let members = crate::peek::members(record.as_bytes());
        let has = |name: &str| members.iter().any(|(found, _)| *found == name);
        if has("role") {
            self.message(&serde_json::from_str(record)?, run)
        } else if has("action") || has("response") || has("observation") {
            self.step(&serde_json::from_str(record)?, run)
        } else {
            Ok(())
        }
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut end = Draft::new(Kind::RunEnd).with_some("exit_status", self.exit_status.take());
        end.cost = Some(0);
        run.end_with(end)
    }
}

impl SweAgent {
    fn event(&self, kind: Kind, actor: String, subject: Option<String>) -> Draft {
        let mut draft = Draft::new(kind);
        draft.actor = Some(actor);
        draft.subject = subject;
        draft.round = self.round;
        draft
    }

    fn step(&mut self, step: &Step<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let observation = filled(step.observation);
        let response = filled(step.response);
        self.round = self.round.saturating_add(1);
        let agent = run.agent();
        match text(&step.thought) {
            Some(thought) => {
                let draft = self.event(Kind::Reasoning, agent.clone(), None);
                run.emit(draft.with("text", thought))?;
            }
            // Thought and action are parts of the response.
            None if text(&step.action).is_none() => {
                let draft = self.event(Kind::MessageOut, agent.clone(), None);
                run.emit(draft.with_some("text", response))?;
            }
            None => {}
        }
        if let Some(action) = text(&step.action) {
            let draft = self.event(Kind::ToolCall, agent.clone(), Some(SHELL.to_owned()));
            let call = run.emit(draft.with("input", action))?;
            let mut draft = self.event(Kind::ToolResult, SHELL.to_owned(), Some(agent));
            draft.parent = Some(call);
            run.emit(draft.with_some("output", observation))?;
        } else if let Some(observation) = observation {
            let draft = self.event(Kind::MessageIn, name::role("environment"), Some(agent));
            run.emit(draft.with("text", observation))?;
        }
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let content = filled(message.content);
        let agent = run.agent();
        let told = |role: &str| {
            self.event(Kind::MessageIn, name::role(role), Some(agent.clone()))
                .with_some("text", content.clone())
        };
        let draft = match &*message.role {
            _ if message.is_demo == Some(true) => told("demonstration"),
            "system" => told("system"),
            "assistant" => return self.answer(message, run),
            "user" | "tool" => {
                let call = message.tool_call_ids.iter().flatten().next();
                let known = call.and_then(|id| self.calls.get(&**id));
                let waiting = self.waiting.filter(|_| call.is_none());
                if message.role == "tool" || call.is_some() || waiting.is_some() {
                    let tool = known.map_or_else(|| SHELL.to_owned(), |(_, tool)| tool.clone());
                    let mut draft = self
                        .event(Kind::ToolResult, tool, Some(agent))
                        .with_some("call_id", call.map(|id| &**id))
                        .with_some("output", content);
                    draft.parent = known.map(|(seq, _)| *seq).or(waiting);
                    if known.is_none() && waiting.is_none() {
                        draft.actor = None;
                    }
                    draft
                } else {
                    told("environment")
                }
            }
            role => {
                let mut draft = told(role);
                draft.kind = Kind::Note;
                draft.subject = None;
                draft
            }
        };
        self.waiting = None;
        run.emit(draft).map(drop)
    }

    fn answer(&mut self, message: &Message<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        self.round = self.round.saturating_add(1);
        self.waiting = None;
        let agent = run.agent();
        let calls: Vec<_> = message.tool_calls.iter().flatten().collect();
        let mut inputs = Vec::with_capacity(calls.len());
        for Object(call) in &calls {
            inputs.push(filled(call.function.0.arguments));
        }
        let action = text(&message.action).filter(|_| calls.is_empty());
        let content = filled(message.content);
        if let Some(thought) = text(&message.thought) {
            let draft = self.event(Kind::Reasoning, agent.clone(), None);
            run.emit(draft.with("text", thought))?;
        } else if content.is_some() || (action.is_none() && calls.is_empty()) {
            let draft = self.event(Kind::MessageOut, agent.clone(), None);
            run.emit(draft.with_some("text", content))?;
        }
        for (Object(call), input) in calls.into_iter().zip(inputs) {
            let tool = name::tool(&call.function.0.name);
            let draft = self
                .event(Kind::ToolCall, agent.clone(), Some(tool.clone()))
                .with_some("call_id", call.id.as_deref())
                .with_some("input", input);
            let seq = run.emit(draft)?;
            if let Some(id) = &call.id {
                self.calls.put(id.clone().into_owned(), (seq, tool));
            }
        }
        if let Some(action) = action {
            let draft = self.event(Kind::ToolCall, agent, Some(SHELL.to_owned()));
            self.waiting = Some(run.emit(draft.with("input", action))?);
        }
        Ok(())
    }
}
