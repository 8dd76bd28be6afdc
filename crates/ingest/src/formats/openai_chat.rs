//! OpenAI chat-completions messages: a list of them, objects that hold one (`messages`), or lists of
//! such objects, as tau-bench writes them (`traj`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use avouch_trace::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::object::Object;
use crate::peek::Shallow;
use crate::plain::filled;
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::{name, peek};

pub(crate) const SPEC: Spec = Spec {
    name: "openai-chat",
    agent: "assistant",
    currency: "tokens",
    many_runs: true,
    recognises: |peek| {
        let is_message = |value: &Shallow<'_>| {
            value.has("role") && (value.has("content") || value.has("tool_calls"))
        };
        // tau-bench writes long members before the messages.
        let is_task = |value: &Shallow<'_>| value.has("task_id") && value.has("reward");
        peek.first().is_some_and(|value| {
            holds_messages(value) || (peek.is_list && (is_message(value) || is_task(value)))
        })
    },
    shape: |peek| match peek.first() {
        _ if peek.is_list => Shape::Elements,
        // One conversation is streamed message by message, many are read one by one.
        Some(value) if peek.values.len() == 1 && holds_messages(value) => {
            Shape::Document(&[&["messages"], &["traj"]])
        }
        _ => Shape::Values,
    },
    importer: || Box::new(Chat::default()),
    rules: None,
    database: None,
};

/// The members that hold a conversation's messages.
const LISTS: [&str; 2] = ["messages", "traj"];

fn holds_messages(value: &Shallow<'_>) -> bool {
    LISTS
        .iter()
        .any(|list| value.get(list).is_some_and(|list| list.starts_with(b"[")))
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Object<ToolCall<'a>>>>,
    /// The form before `tool_calls`.
    #[serde(borrow)]
    function_call: Option<Object<Function<'a>>>,
    #[serde(borrow)]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    /// A function, or a tool of the caller's own kind.
    #[serde(borrow, alias = "custom")]
    function: Object<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, alias = "input")]
    arguments: Option<&'a RawValue>,
}

#[derive(Default)]
struct Chat {
    talk: Talk,
}

impl Importer for Chat {
    fn outer(&mut self, members: &[(String, Vec<u8>)], run: &mut Run<'_>) -> Result<(), Fault> {
        let mut known = BTreeMap::new();
        for (name, json) in members {
            known.insert(name.as_str(), serde_json::from_slice::<&RawValue>(json)?);
        }
        let (talk, start) = Talk::open(&known);
        self.talk = talk;
        run.start(start)
    }

    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        if peek::members(record.as_bytes())
            .iter()
            .any(|(name, _)| *name == "role")
        {
            let message = serde_json::from_str(record)?;
            return self.talk.message(&message, run);
        }
        let mut members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(record)?;
        let list = LISTS
            .iter()
            .find_map(|list| members.remove(*list))
            .ok_or_else(|| {
                Fault::malformed("neither a message (\"role\") nor a list of them (\"messages\")")
            })?;
        let list: Vec<&RawValue> = serde_json::from_str(list.get())?;
        // All is read before anything is written.
        let mut messages = Vec::with_capacity(list.len());
        for (index, exact) in list.into_iter().enumerate() {
            let Object(message) = serde_json::from_str::<Object<Message<'_>>>(exact.get())
                .map_err(|error| Fault::malformed(format!("message {}: {error}", index + 1)))?;
            messages.push((exact, message));
        }
        let known = members
            .iter()
            .map(|(name, json)| (&**name, *json))
            .collect();
        let (mut talk, start) = Talk::open(&known);
        // Messages that stand between lists of messages are a conversation of their own.
        self.talk = Talk::default();
        run.take_raw();
        run.set_outer(
            known
                .iter()
                .map(|(name, json)| ((*name).to_owned(), json.get().into()))
                .collect(),
        );
        run.start(start)?;
        for (exact, message) in messages {
            run.source_json(exact.get());
            talk.message(&message, run)?;
        }
        run.end()
    }
}

/// One conversation.
struct Talk {
    /// Who the role `user` is.
    user: String,
    model: Option<String>,
    /// How many messages the assistant has sent.
    round: u32,
    /// Which event a call is, and whose.
    calls: Recent<String, (u32, String)>,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            user: name::role("user"),
            model: None,
            round: 0,
            calls: Recent::new(),
        }
    }
}

impl Talk {
    /// What the members around the messages say.
    fn open(known: &BTreeMap<&str, &RawValue>) -> (Self, Start) {
        let text = |name: &str| known.get(name).and_then(|json| string(json));
        let number = |name: &str| {
            known
                .get(name)
                .and_then(|json| json.get().parse::<u64>().ok())
        };
        let mut talk = Self {
            model: text("model").as_deref().map(name::model),
            ..Self::default()
        };
        // A user that has a cost, known or not, is a model that plays one.
        if let Some(info) = known.get("info")
            && peek::members(info.get().as_bytes())
                .iter()
                .any(|(name, _)| *name == "user_cost")
        {
            talk.user = name::role("simulated-user");
        }
        let mut start = Start::new(SPEC.currency).with_some("model", text("model"));
        if let (Some(task), Some(trial)) = (number("task_id"), number("trial")) {
            start.name = Some(format!("task-{task}-trial-{trial}"));
        }
        (talk, start)
    }

    fn message(&mut self, message: &Message<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut draft = Draft::new(Kind::MessageIn).with_some("text", filled(message.content));
        draft.round = self.round;
        draft.subject = Some(run.agent());
        match &*message.role {
            "assistant" => return self.answer(message, run),
            "user" => draft.actor = Some(self.user.clone()),
            role @ ("system" | "developer") => draft.actor = Some(name::role(role)),
            role @ ("tool" | "function") => {
                draft = Draft::new(Kind::ToolResult)
                    .with_some("call_id", message.tool_call_id.as_deref())
                    .with_some("output", filled(message.content));
                draft.round = self.round;
                draft.subject = Some(run.agent());
                // Results of the older form name no call, only the function.
                let id = match role {
                    "function" => message.name.as_deref().map(function_id),
                    _ => message.tool_call_id.as_deref().map(str::to_owned),
                };
                let call = id.and_then(|id| self.calls.get(&id));
                draft.parent = call.map(|(seq, _)| *seq);
                draft.actor = call
                    .map(|(_, tool)| tool.clone())
                    .or_else(|| message.name.as_deref().map(name::tool));
            }
            role => {
                draft.kind = Kind::Note;
                draft.actor = Some(name::role(role));
                draft.subject = None;
            }
        }
        run.emit(draft).map(drop)
    }

    /// What the model thought, said and called.
    fn answer(&mut self, message: &Message<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        self.round = self.round.saturating_add(1);
        let agent = run.agent();
        let event = |kind: Kind, subject: Option<String>| {
            let mut draft = Draft::new(kind);
            draft.actor = Some(agent.clone());
            draft.subject = subject;
            draft.round = self.round;
            draft
        };
        let said = |kind: Kind| event(kind, self.model.clone());
        let mut made = Vec::new();
        if let Some(text) = filled(message.reasoning_content) {
            made.push((said(Kind::Reasoning).with("text", text), None));
        }
        for text in [message.content, message.refusal] {
            if let Some(text) = filled(text) {
                made.push((said(Kind::MessageOut).with("text", text), None));
            }
        }
        for Object(call) in message.tool_calls.iter().flatten() {
            let Object(function) = &call.function;
            let tool = name::tool(&function.name);
            let draft = event(Kind::ToolCall, Some(tool.clone()))
                .with_some("call_id", call.id.as_deref())
                .with_some("input", filled(function.arguments));
            made.push((draft, call.id.as_deref().map(|id| (id.to_owned(), tool))));
        }
        if let Some(Object(function)) = &message.function_call {
            let tool = name::tool(&function.name);
            let draft = event(Kind::ToolCall, Some(tool.clone()))
                .with_some("input", filled(function.arguments));
            made.push((draft, Some((function_id(&function.name), tool))));
        }
        if made.is_empty() {
            made.push((said(Kind::MessageOut), None));
        }
        for (draft, call) in made {
            let seq = run.emit(draft)?;
            if let Some((id, tool)) = call {
                self.calls.put(id, (seq, tool));
            }
        }
        Ok(())
    }
}

/// An id for a call that has none but its function's name. No id of OpenAI's starts so.
fn function_id(name: &str) -> String {
    format!("\0function {name}")
}

fn string(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}
