//! Claude Code's session files: one JSON object per line.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Decision, Flags, Kind};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::formats::blocks::{Block, Content, text_or_json};
use crate::ids::Recent;
use crate::money;
use crate::name;
use crate::object::Object;
use crate::peek::members;
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::Millis;

pub(crate) const SPEC: Spec = Spec {
    name: "claude-code",
    agent: "claude-code",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        peek.values.iter().any(|value| {
            let is_message = value.has("parentUuid") && value.has("uuid");
            let is_other = ["timestamp", "operation", "messageId"]
                .iter()
                .any(|n| value.has(n));
            let is_summary = value.text("type") == Some("summary") && value.has("leafUuid");
            value.has("type") && value.has("sessionId") && (is_message || is_other) || is_summary
        })
    },
    shape: |_| Shape::Lines,
    importer: || Box::new(ClaudeCode::new()),
    rules: None,
    database: None,
};

/// What Claude Code itself writes as a tool's result when the user declined the call.
const REJECTED: &str = "\"User rejected tool use\"";

/// How texts start that are in the user's place but were written by the program.
const NOT_TYPED: [&str; 4] = [
    "<local-command-",
    "<bash-stdout",
    "<bash-stderr",
    "<task-notification",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    level: Option<String>,
    timestamp: Option<Millis>,
    uuid: Option<String>,
    parent_uuid: Option<String>,
    session_id: Option<String>,
    version: Option<String>,
    cwd: Option<String>,
    git_branch: Option<String>,
    user_type: Option<String>,
    is_sidechain: Option<bool>,
    is_meta: Option<bool>,
    is_compact_summary: Option<bool>,
    is_api_error_message: Option<bool>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_result: Option<&'a RawValue>,
}

impl Line<'_> {
    /// Whether a subagent works here.
    fn is_sidechain(&self) -> bool {
        self.is_sidechain == Some(true)
    }
    /// Whether the program wrote this in the user's place.
    fn is_meta(&self) -> bool {
        self.is_meta == Some(true)
    }
    /// Whether this stands for all that came before.
    fn is_compact_summary(&self) -> bool {
        self.is_compact_summary == Some(true)
    }
    /// Whether this tells of a failed call of the model.
    fn is_api_error_message(&self) -> bool {
        self.is_api_error_message == Some(true)
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    content: &'a RawValue,
    usage: Option<Object<Usage>>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl Usage {
    /// All tokens that went in and out; `None` where none are given, or too many.
    fn total(&self) -> Option<u64> {
        let parts = [
            self.input_tokens,
            self.output_tokens,
            self.cache_creation_input_tokens,
            self.cache_read_input_tokens,
        ];
        let given = parts.iter().flatten();
        given.copied().try_fold(None, |sum: Option<u64>, part| {
            sum.unwrap_or(0).checked_add(part).map(Some)
        })?
    }
}

struct Call {
    seq: u32,
    tool: String,
}

struct ClaudeCode {
    /// The last event of each record, by the record's uuid.
    records: Recent<String, u32>,
    calls: Recent<String, Call>,
    /// Tokens already counted, by message id: every line of a message repeats its usage, and a
    /// later line may know more.
    counted: Recent<String, u64>,
    /// Model calls so far.
    round: u32,
    /// Whether the session holds its subagents' records, and so what they spent.
    has_sidechains: bool,
}

impl ClaudeCode {
    fn new() -> Self {
        Self {
            records: Recent::new(),
            calls: Recent::new(),
            counted: Recent::new(),
            round: 0,
            has_sidechains: false,
        }
    }

    /// What a message's line adds to what earlier lines of the message said, in micro-units.
    fn cost(&mut self, message: &Message<'_>) -> Result<Option<u64>, Fault> {
        let Some(total) = message.usage.as_ref().and_then(|usage| usage.0.total()) else {
            self.step(message.id.as_deref());
            return Ok(None);
        };
        let counted = self.step(message.id.as_deref());
        let growth = total.saturating_sub(counted);
        if let Some(id) = &message.id {
            self.counted.put(id.clone(), total.max(counted));
        }
        let cost = money::tokens(growth);
        cost.map(Some)
            .ok_or_else(|| Fault::malformed("usage: more tokens than can be counted"))
    }

    /// Counts a model call where the message is new; what is counted of it already.
    fn step(&mut self, id: Option<&str>) -> u64 {
        let counted = id.and_then(|id| self.counted.get(id).copied());
        if counted.is_none() {
            self.round = self.round.saturating_add(1);
            if let Some(id) = id {
                self.counted.put(id.to_owned(), 0);
            }
        }
        counted.unwrap_or(0)
    }

    fn draft(&self, kind: Kind, line: &Line<'_>) -> Draft {
        let mut draft = Draft::new(kind);
        draft.time = line.timestamp.unwrap_or_default().0;
        draft.round = self.round;
        draft.cost = Some(0);
        let parent = line.parent_uuid.as_deref();
        draft.parent = parent.and_then(|uuid| self.records.get(uuid).copied());
        draft
    }

    fn assistant(&mut self, line: &Line<'_>, run: &mut Run<'_>) -> Result<Option<u32>, Fault> {
        let message: Message<'_> = message(line)?;
        let blocks = Content::read(message.content)?.into_blocks();
        let drafts: Vec<_> = blocks.iter().map(assistant_kind).collect();
        let mut cost = self.cost(&message)?;
        let agent = agent(line, run);
        let model = message
            .model
            .as_deref()
            .filter(|model| *model != "<synthetic>");
        let mut last = None;
        for (block, kind) in blocks.into_iter().zip(drafts) {
            let mut draft = self.draft(kind, line);
            draft.cost = cost;
            // The others of a message whose usage is known add nothing to it.
            cost = cost.map(|_| 0);
            draft.actor = Some(agent.clone());
            draft.subject = model.map(name::model);
            draft = draft.flag(Flags::ERROR, line.is_api_error_message());
            last = Some(match kind {
                Kind::ToolCall => {
                    let tool = name::tool(block.name.as_deref().unwrap_or(&block.kind));
                    draft.subject = Some(tool.clone());
                    let input = block.input;
                    draft = draft
                        .with_some("call_id", block.id.as_deref())
                        .with_some("input", input);
                    let seq = run.emit(draft)?;
                    if let Some(id) = block.id {
                        self.calls.put(id, Call { seq, tool });
                    }
                    seq
                }
                Kind::ToolResult => self.result(&block, draft, run)?,
                _ => {
                    let redacted = block.kind == "redacted_thinking";
                    let text = block.text.or(block.thinking);
                    run.emit(
                        draft
                            .flag(Flags::REDACTED, redacted)
                            .with_some("text", text),
                    )?
                }
            });
        }
        match last {
            None => {
                let mut draft = self.draft(Kind::Note, line);
                (draft.cost, draft.actor) = (cost, Some(agent));
                run.emit(draft).map(Some)
            }
            last => Ok(last),
        }
    }

    /// A tool's result, from a draft with its time.
    fn result(&self, block: &Block<'_>, draft: Draft, run: &mut Run<'_>) -> Result<u32, Fault> {
        let mut draft = draft;
        let call = block
            .tool_use_id
            .as_deref()
            .and_then(|id| self.calls.get(id));
        draft.parent = call.map(|call| call.seq).or(draft.parent);
        draft.subject = draft.actor.take().or_else(|| Some(run.agent()));
        draft.actor = call.map(|call| call.tool.clone());
        let draft = draft
            .flag(Flags::ERROR, block.is_error == Some(true))
            .with_some("call_id", block.tool_use_id.as_deref())
            .with_some("output", block.content.map(text_or_json));
        run.emit(draft)
    }

    fn user(&mut self, line: &Line<'_>, run: &mut Run<'_>) -> Result<Option<u32>, Fault> {
        let message: Message<'_> = message(line)?;
        let mut last = None;
        for block in Content::read(message.content)?.into_blocks() {
            let is_result = block.kind == "tool_result";
            let kind = if is_result {
                Kind::ToolResult
            } else {
                Kind::MessageIn
            };
            let mut draft = self.draft(kind, line);
            last = Some(if is_result {
                let result = line.tool_use_result.map(RawValue::get);
                if result == Some(REJECTED) {
                    draft.decision = Decision::HumanDenied;
                }
                if self.is_unaccounted_subagent(&block, result) {
                    draft.cost = None;
                }
                draft.actor = Some(agent(line, run));
                self.result(&block, draft, run)?
            } else {
                let text = block.text.as_deref().unwrap_or_default();
                let is_human = line.user_type.as_deref() == Some("external")
                    && !(line.is_meta() || line.is_sidechain() || line.is_compact_summary())
                    && !NOT_TYPED.iter().any(|start| text.starts_with(start));
                draft.actor = Some(match (is_human, line.is_sidechain()) {
                    (true, _) => name::HUMAN.to_owned(),
                    // A subagent is asked by the agent.
                    (false, true) => run.agent(),
                    (false, false) => name::role("user"),
                });
                draft.subject = Some(agent(line, run));
                if line.is_compact_summary() {
                    // A model wrote it in a call that the session does not account for.
                    draft.cost = None;
                }
                let draft = draft.flag(Flags::HUMAN, is_human);
                run.emit(draft.with_some("text", block.text))?
            });
        }
        Ok(last)
    }

    /// Whether this is the result of a subagent whose spending is nowhere in the session: the
    /// result's own figures cover only the subagent's last call.
    fn is_unaccounted_subagent(&self, block: &Block<'_>, result: Option<&str>) -> bool {
        let id = block.tool_use_id.as_deref();
        let call = id.and_then(|id| self.calls.get(id));
        let is_task = call.is_some_and(|call| matches!(&*call.tool, "tool:Task" | "tool:Agent"));
        let ran = result.is_some_and(|result| {
            members(result.as_bytes())
                .iter()
                .any(|(name, _)| matches!(*name, "agentId" | "usage"))
        });
        is_task && ran && !self.has_sidechains
    }

    /// Any other record.
    fn other(&self, line: &Line<'_>, run: &mut Run<'_>) -> Result<Option<u32>, Fault> {
        let is_error = line.kind == "system" && line.level.as_deref() == Some("error");
        let mut draft = self.draft(if is_error { Kind::Error } else { Kind::Note }, line);
        draft.actor = Some(agent(line, run));
        if line.kind == "summary" || line.subtype.as_deref() == Some("compact_boundary") {
            // A model wrote it in a call that the session does not account for.
            draft.cost = None;
        }
        let draft = draft
            .flag(Flags::ERROR, is_error)
            .with("type", line.kind.as_str())
            .with_some("subtype", line.subtype.as_deref());
        run.emit(draft).map(Some)
    }
}

impl Importer for ClaudeCode {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let line: Line<'_> = match serde_json::from_str(record) {
            Ok(line) => line,
            Err(error) => {
                let kind: Type = serde_json::from_str(record)?;
                let is_known = matches!(&*kind.kind, "user" | "assistant" | "system" | "summary");
                // What an unknown type's members mean is unknown too: the driver makes it a note.
                return if is_known { Err(error.into()) } else { Ok(()) };
            }
        };
        if !run.is_open() {
            run.start(
                Start::new(SPEC.currency)
                    .with_some("session", line.session_id.as_deref())
                    .with_some("version", line.version.as_deref())
                    .with_some("cwd", line.cwd.as_deref())
                    .with_some("git_branch", line.git_branch.as_deref()),
            )?;
        }
        self.has_sidechains |= line.is_sidechain();
        let last = match &*line.kind {
            "assistant" => self.assistant(&line, run)?,
            "user" => self.user(&line, run)?,
            _ => self.other(&line, run)?,
        };
        if let (Some(uuid), Some(last)) = (line.uuid, last) {
            self.records.put(uuid, last);
        }
        Ok(())
    }
}

/// The one member that every record has.
#[derive(Deserialize)]
struct Type {
    #[serde(rename = "type")]
    kind: String,
}

fn message<'a>(line: &Line<'a>) -> Result<Message<'a>, Fault> {
    let message = line
        .message
        .ok_or_else(|| Fault::malformed("missing field `message`"))?;
    let Object(message) = serde_json::from_str(message.get())?;
    Ok(message)
}

/// Who works in this record: the agent, or a subagent of it.
fn agent(line: &Line<'_>, run: &Run<'_>) -> String {
    let agent = run.agent();
    if line.is_sidechain() {
        format!("{agent}/subagent")
    } else {
        agent
    }
}

fn assistant_kind(block: &Block<'_>) -> Kind {
    match &*block.kind {
        "thinking" | "redacted_thinking" => Kind::Reasoning,
        // The API's own tools come as `server_tool_use` and, say, `web_search_tool_result`.
        kind if kind.ends_with("tool_use") => Kind::ToolCall,
        kind if kind.ends_with("tool_result") => Kind::ToolResult,
        _ => Kind::MessageOut,
    }
}
