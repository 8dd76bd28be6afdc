//! Verifiable agent conversation records (draft-birkholz-verifiable-agent-conversations), as JSON.

use std::borrow::Cow;

use avouch_trace::{Flags, Kind};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::object::Object;
use crate::plain::filled;
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::ExactMillis;
use crate::{money, name};

pub(crate) const SPEC: Spec = Spec {
    name: "agent-record",
    agent: "agent",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        !peek.is_list
            && peek.first().is_some_and(|record| {
                record.has("session")
                    && record.text("version").is_some()
                    && record.text("id").is_some()
            })
    },
    shape: |_| Shape::Document(&[&["session", "entries"]]),
    importer: || Box::new(AgentRecord::default()),
    rules: None,
    database: None,
};

/// Members that the CDDL requires around the entries.
const REQUIRED: [&str; 4] = ["version", "id", "session/session-id", "session/agent-meta"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct AgentMeta<'a> {
    #[serde(borrow)]
    model_id: Cow<'a, str>,
    #[serde(borrow, rename = "model-provider")]
    _model_provider: Cow<'a, str>,
    #[serde(borrow)]
    cli_name: Option<Cow<'a, str>>,
}

/// Members of all types of entries; which of them must be there depends on the type.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    timestamp: Option<ExactMillis>,
    #[serde(borrow)]
    parent_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    model_id: Option<Cow<'a, str>>,
    token_usage: Option<Object<TokenUsage>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    input: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    is_error: Option<bool>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    children: Option<Vec<Object<Entry<'a>>>>,
}

/// A member that is there, even as `null`: the CDDL allows any value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct TokenUsage {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
}

impl TokenUsage {
    /// The draft calls `cached` input tokens and `reasoning` tokens of the same answer, so they are
    /// parts of the other two.
    fn micros(&self) -> Option<u64> {
        let sum = || self.input?.checked_add(self.output?);
        self.total.or_else(sum).and_then(money::tokens)
    }
}

struct AgentRecord {
    model: Option<String>,
    /// How many messages the assistant has sent.
    round: u32,
    /// Which event a call is, and whose.
    calls: Recent<String, (u32, String)>,
    /// Which event an entry is.
    entries: Recent<String, u32>,
}

impl Default for AgentRecord {
    fn default() -> Self {
        Self {
            model: None,
            round: 0,
            calls: Recent::new(),
            entries: Recent::new(),
        }
    }
}

impl Importer for AgentRecord {
    fn outer(&mut self, members: &[(String, Vec<u8>)], run: &mut Run<'_>) -> Result<(), Fault> {
        let member = |name: &str| {
            members
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, json)| json.as_slice())
        };
        let text =
            |name: &str| member(name).and_then(|json| serde_json::from_slice::<String>(json).ok());
        if let Some(missing) = REQUIRED.iter().find(|name| member(name).is_none()) {
            return Err(Fault::malformed(format!("the record has no {missing}")));
        }
        let mut start = Start::new(SPEC.currency)
            .with_some("session", text("session/session-id"))
            .with_some("record", text("id"));
        if let Some(json) = member("session/agent-meta") {
            let Object(meta) = serde_json::from_slice::<Object<AgentMeta<'_>>>(json)
                .map_err(|error| within("session/agent-meta", &error))?;
            self.model = Some(name::model(&meta.model_id));
            start.agent = meta
                .cli_name
                .map(Cow::into_owned)
                .filter(|name| !name.is_empty());
            start = start.with("model", &*meta.model_id);
        }
        for name in ["session/session-start", "created"] {
            if let Some(json) = member(name) {
                let time: ExactMillis =
                    serde_json::from_slice(json).map_err(|error| within(name, &error))?;
                start.draft.time = time.0;
                break;
            }
        }
        run.start(start)
    }

    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let entry: Entry<'_> = serde_json::from_str(record)?;
        check(&entry)?;
        self.entry(&entry, None, run)
    }
}

/// What the CDDL requires of each type, here and in what is inside.
fn check(entry: &Entry<'_>) -> Result<(), Fault> {
    let missing = match &*entry.r#type {
        "tool-call" if entry.name.is_none() => Some("name"),
        "tool-call" if entry.input.is_none() => Some("input"),
        "tool-result" if entry.output.is_none() => Some("output"),
        "reasoning" if entry.content.is_none() => Some("content"),
        "system-event" if entry.event_type.is_none() => Some("event-type"),
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(Fault::malformed(format!(
            "a {} has no {missing}",
            entry.r#type
        )));
    }
    entry
        .children
        .iter()
        .flatten()
        .try_for_each(|Object(child)| check(child))
}

impl AgentRecord {
    fn entry(
        &mut self,
        entry: &Entry<'_>,
        around: Option<u32>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let agent = run.agent();
        let mut draft = Draft::new(Kind::Note);
        draft.actor = Some(agent.clone());
        draft.time = entry.timestamp.unwrap_or_default().0;
        let parent = entry
            .parent_id
            .as_deref()
            .and_then(|id| self.entries.get(id).copied());
        draft.parent = parent.or(around);
        let model = || {
            entry
                .model_id
                .as_deref()
                .map(name::model)
                .or_else(|| self.model.clone())
        };
        let mut tool = None;
        match &*entry.r#type {
            "user" => {
                draft.kind = Kind::MessageIn;
                draft.actor = Some(name::role("user"));
                draft.subject = Some(agent);
                draft.cost = Some(0);
            }
            "assistant" => {
                self.round = self.round.saturating_add(1);
                draft.kind = Kind::MessageOut;
                draft.subject = model();
            }
            "reasoning" => {
                draft.kind = Kind::Reasoning;
                draft.subject = model();
            }
            "tool-call" => {
                draft.kind = Kind::ToolCall;
                tool = entry.name.as_deref().map(name::tool);
                draft.subject.clone_from(&tool);
            }
            "tool-result" => {
                draft.kind = Kind::ToolResult;
                let call = entry.call_id.as_deref().and_then(|id| self.calls.get(id));
                draft.parent = call.map(|(seq, _)| *seq).or(draft.parent);
                draft.actor = call.map(|(_, tool)| tool.clone());
                draft.subject = Some(agent);
                draft.cost = Some(0);
                let failed = entry
                    .is_error
                    .unwrap_or(entry.status.as_deref() == Some("error"));
                draft = draft.flag(Flags::ERROR, failed);
            }
            _ => draft.cost = Some(0),
        }
        if let Some(Object(usage)) = &entry.token_usage {
            draft.cost = usage.micros();
        }
        draft.round = self.round;
        let draft = draft
            .with_some("call_id", entry.call_id.as_deref())
            .with_some("text", filled(entry.content))
            .with_some("input", filled(entry.input))
            .with_some("output", filled(entry.output))
            .with_some("status", entry.status.as_deref())
            .with_some("topic", entry.subject.as_deref())
            .with_some("event_type", entry.event_type.as_deref())
            .with_some("data", filled(entry.data));
        let seq = run.emit(draft)?;
        if let Some(id) = &entry.id {
            self.entries.put(id.clone().into_owned(), seq);
        }
        if let (Some(id), Some(tool)) = (&entry.call_id, tool) {
            self.calls.put(id.clone().into_owned(), (seq, tool));
        }
        for Object(child) in entry.children.iter().flatten() {
            self.entry(child, Some(seq), run)?;
        }
        Ok(())
    }
}

fn within(member: &str, error: &serde_json::Error) -> Fault {
    Fault::malformed(format!("{member}: {error}"))
}
