//! Gemini CLI chat recordings: one JSON document with a list of messages.

use std::borrow::Cow;

use avouch_trace::{Flags, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::object::Object;
use crate::plain::{filled, text};
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::Millis;
use crate::{money, name};

pub(crate) const SPEC: Spec = Spec {
    name: "gemini",
    agent: "gemini-cli",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        !peek.is_list
            && peek.first().is_some_and(|document| {
                document.has("sessionId")
                    && (document.has("projectHash") || document.has("messages"))
            })
    },
    shape: |_| Shape::Document(&[&["messages"]]),
    importer: || Box::new(Gemini::default()),
    rules: None,
    database: None,
};

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    timestamp: Option<Millis>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    thoughts: Option<Vec<Object<Thought<'a>>>>,
    #[serde(borrow, rename = "toolCalls")]
    tool_calls: Option<Vec<Object<ToolCall<'a>>>>,
    tokens: Option<Object<Tokens>>,
}

#[derive(Deserialize)]
struct Thought<'a> {
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    timestamp: Option<Millis>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    timestamp: Option<Millis>,
}

/// What one answer took. `input` includes what was cached; `total` is the sum of the others.
#[derive(Deserialize)]
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
    thoughts: Option<u64>,
    tool: Option<u64>,
    total: Option<u64>,
}

impl Tokens {
    /// `None` where nothing is given, or too much.
    fn micros(&self) -> Option<u64> {
        let parts = [self.input, self.output, self.thoughts, self.tool];
        let sum = || {
            let mut given = parts.into_iter().flatten();
            let first = given.next()?;
            given.try_fold(first, u64::checked_add)
        };
        self.total.or_else(sum).and_then(money::tokens)
    }
}

#[derive(Default)]
struct Gemini {
    /// How many answers the model has given.
    round: u32,
}

impl Importer for Gemini {
    fn outer(&mut self, members: &[(String, Vec<u8>)], run: &mut Run<'_>) -> Result<(), Fault> {
        let member = |name: &str| members.iter().find(|(found, _)| found == name);
        let mut start = Start::new(SPEC.currency);
        if let Some((_, json)) = member("startTime") {
            let time: Millis = serde_json::from_slice(json).map_err(|e| within("startTime", &e))?;
            start.draft.time = time.0;
        }
        if let Some((_, json)) = member("sessionId") {
            let id: String = serde_json::from_slice(json).map_err(|e| within("sessionId", &e))?;
            start = start.with("session", id);
        }
        run.start(start)
    }

    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let message: Message<'_> = serde_json::from_str(record)?;
        let content = filled(message.content);
        let time = message.timestamp.unwrap_or_default().0;
        let (kind, actor) = match &*message.kind {
            "gemini" => return self.answer(&message, run),
            "user" => (Kind::MessageIn, Some(name::role("user"))),
            "error" => (Kind::Error, Some(run.agent())),
            _ => (Kind::Note, None),
        };
        let mut draft = Draft::new(kind)
            .flag(Flags::ERROR, kind == Kind::Error)
            .with_some("text", content);
        draft.actor = actor;
        draft.subject = (kind == Kind::MessageIn).then(|| run.agent());
        draft.time = time;
        draft.round = self.round;
        draft.cost = Some(0);
        run.emit(draft).map(drop)
    }
}

impl Gemini {
    /// What the model thought, said and called. The first event carries the tokens of all.
    fn answer(&mut self, message: &Message<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        self.round = self.round.saturating_add(1);
        let time = message.timestamp.unwrap_or_default().0;
        let model = message.model.as_deref().map(name::model);
        let agent = run.agent();
        let event = |kind: Kind, time: u64| {
            let mut draft = Draft::new(kind);
            draft.actor = Some(agent.clone());
            draft.subject.clone_from(&model);
            draft.time = time;
            draft.round = self.round;
            draft
        };
        let mut made = Vec::new();
        for Object(thought) in message.thoughts.iter().flatten() {
            let time = thought.timestamp.map_or(time, |time| time.0);
            made.push(
                event(Kind::Reasoning, time)
                    .with_some("topic", text(&thought.subject))
                    .with_some("text", text(&thought.description)),
            );
        }
        if let Some(content) = filled(message.content) {
            made.push(event(Kind::MessageOut, time).with("text", content));
        }
        // A call and what came back: the second is true for what came back.
        let mut calls = Vec::new();
        for Object(call) in message.tool_calls.iter().flatten() {
            let tool = name::tool(&call.name);
            let time = call.timestamp.map_or(time, |time| time.0);
            let mut asked = event(Kind::ToolCall, time)
                .with_some("call_id", call.id.as_deref())
                .with_some("input", call.args);
            asked.subject = Some(tool.clone());
            calls.push((asked, false));
            let status = call.status.as_deref();
            let output = filled(call.result);
            if output.is_some() || matches!(status, Some("success" | "error" | "cancelled")) {
                let mut came = event(Kind::ToolResult, time)
                    .flag(Flags::ERROR, matches!(status, Some("error" | "cancelled")))
                    .with_some("call_id", call.id.as_deref())
                    .with_some("status", status)
                    .with_some("output", output);
                came.actor = Some(tool);
                came.subject = Some(agent.clone());
                calls.push((came, true));
            }
        }
        if made.is_empty() && calls.is_empty() {
            made.push(event(Kind::ModelCall, time));
        }
        let cost = message
            .tokens
            .as_ref()
            .map(|Object(tokens)| tokens.micros());
        let events = made.into_iter().map(|draft| (draft, false)).chain(calls);
        let mut call = None;
        for (index, (mut draft, came_back)) in events.enumerate() {
            draft.cost = match cost {
                Some(cost) if index == 0 => cost,
                Some(_) => Some(0),
                None => came_back.then_some(0),
            };
            if came_back {
                draft.parent = call;
            }
            call = Some(run.emit(draft)?);
        }
        Ok(())
    }
}

fn within(member: &str, error: &serde_json::Error) -> Fault {
    Fault::malformed(format!("{member}: {error}"))
}
