//! Codex CLI's rollout files: one JSON object per line, `{timestamp, type, payload}`.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Flags, Kind};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::formats::blocks::text_or_json;
use crate::ids::Recent;
use crate::money;
use crate::name;
use crate::object::Object;
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::Millis;

pub(crate) const SPEC: Spec = Spec {
    name: "codex",
    agent: "codex",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        peek.first().is_some_and(|first| {
            first.has("payload")
                && matches!(
                    first.text("type"),
                    Some(
                        "session_meta"
                            | "response_item"
                            | "event_msg"
                            | "turn_context"
                            | "compacted"
                    )
                )
        })
    },
    shape: |_| Shape::Lines,
    importer: || Box::new(Codex::new()),
    rules: None,
    database: None,
};

#[derive(Deserialize)]
struct Line<'a> {
    timestamp: Option<Millis>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Meta {
    id: Option<String>,
    cwd: Option<String>,
    originator: Option<String>,
    cli_version: Option<String>,
    model_provider: Option<String>,
}

#[derive(Deserialize)]
struct TurnContext {
    model: Option<String>,
}

/// What the model was given or gave.
#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: String,
    role: Option<String>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    name: Option<String>,
    call_id: Option<String>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TokenInfo {
    /// All calls of the session.
    total_token_usage: Option<Object<Usage>>,
    /// The last call.
    last_token_usage: Option<Object<Usage>>,
}

#[derive(Deserialize)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

impl Usage {
    /// All tokens so far; cached ones are among the input, reasoning ones among the output.
    fn total(&self) -> Option<u64> {
        self.total_tokens
            .or_else(|| self.input_tokens?.checked_add(self.output_tokens?))
    }
}

/// A piece of a message.
#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
}

struct Codex {
    /// Calls by their id: the event and the tool.
    calls: Recent<String, (u32, String)>,
    model: Option<String>,
    /// Model calls reported so far.
    round: u32,
    /// The session's tokens, as last reported.
    counted: u64,
    /// Whether the model gave something that no report of tokens has followed.
    unaccounted: bool,
}

impl Codex {
    fn new() -> Self {
        Self {
            calls: Recent::new(),
            model: None,
            round: 0,
            counted: 0,
            unaccounted: false,
        }
    }

    fn draft(&self, kind: Kind, time: u64) -> Draft {
        let mut draft = Draft::new(kind);
        draft.time = time;
        draft.round = self.round;
        draft.cost = Some(0);
        draft
    }

    fn model_name(&self) -> Option<String> {
        self.model.as_deref().map(name::model)
    }

    fn item(&mut self, item: Item<'_>, time: u64, run: &mut Run<'_>) -> Result<(), Fault> {
        let agent = run.agent();
        let is_message = item.kind == "message";
        let role = item.role.as_deref();
        let kind = match &*item.kind {
            "message" if role == Some("assistant") => Kind::MessageOut,
            "message" => Kind::MessageIn,
            "reasoning" => Kind::Reasoning,
            kind if kind.ends_with("_call") => Kind::ToolCall,
            kind if kind.ends_with("_output") => Kind::ToolResult,
            _ => Kind::Note,
        };
        let mut draft = self.draft(kind, time);
        match kind {
            Kind::MessageIn => {
                draft.actor = Some(name::role(role.unwrap_or("unknown")));
                draft.subject = Some(agent);
                draft = draft.with_some("text", text(item.content)?);
            }
            Kind::MessageOut | Kind::Reasoning => {
                self.unaccounted = true;
                draft.actor = Some(agent);
                draft.subject = self.model_name();
                let content = if is_message {
                    item.content
                } else {
                    item.summary
                };
                draft = draft.with_some("text", text(content)?);
            }
            Kind::ToolCall => {
                self.unaccounted = true;
                let own_name = item.kind.strip_suffix("_call").unwrap_or_default();
                let tool = name::tool(item.name.as_deref().unwrap_or(own_name));
                draft.actor = Some(agent);
                draft.subject = Some(tool.clone());
                let input = item
                    .arguments
                    .or(item.input)
                    .or(item.action)
                    .map(text_or_json);
                draft = draft
                    .with_some("call_id", item.call_id.as_deref())
                    .with_some("input", input);
                let seq = run.emit(draft)?;
                if let Some(id) = item.call_id {
                    self.calls.put(id, (seq, tool));
                }
                return Ok(());
            }
            Kind::ToolResult => {
                let call = item.call_id.as_deref().and_then(|id| self.calls.get(id));
                draft.parent = call.map(|(seq, _)| *seq);
                draft.actor = call.map(|(_, tool)| tool.clone());
                draft.subject = Some(agent);
                draft = draft
                    .flag(Flags::ERROR, item.output.is_some_and(failed))
                    .with_some("call_id", item.call_id.as_deref())
                    .with_some("output", item.output.map(text_or_json));
            }
            _ => draft = draft.with("type", item.kind),
        }
        run.emit(draft).map(drop)
    }

    fn event(&mut self, event: Event<'_>, time: u64, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut draft = match &*event.kind {
            "token_count" => return self.token_count(event, time, run),
            "user_message" => {
                let mut draft = self.draft(Kind::MessageIn, time).flag(Flags::HUMAN, true);
                draft.actor = Some(name::HUMAN.to_owned());
                draft.subject = Some(run.agent());
                draft.with_some("text", event.message.map(text_or_json))
            }
            "error" | "stream_error" => {
                let draft = self.draft(Kind::Error, time).flag(Flags::ERROR, true);
                draft.with_some("text", event.message.map(text_or_json))
            }
            // The rest shows the user what items say, or how the program gets on.
            kind => self.draft(Kind::Note, time).with("type", kind),
        };
        draft.actor = draft.actor.or_else(|| Some(run.agent()));
        run.emit(draft).map(drop)
    }

    /// The session's tokens so far; often reported twice.
    fn token_count(&mut self, event: Event<'_>, time: u64, run: &mut Run<'_>) -> Result<(), Fault> {
        let info: Option<Object<TokenInfo>> = match event.info {
            Some(info) => serde_json::from_str(info.get())?,
            None => None,
        };
        let tokens = |usage: Option<&Object<Usage>>| usage.and_then(|usage| usage.0.total());
        let total = tokens(
            info.as_ref()
                .and_then(|info| info.0.total_token_usage.as_ref()),
        );
        let last = tokens(
            info.as_ref()
                .and_then(|info| info.0.last_token_usage.as_ref()),
        );
        let growth = total.map(|total| match total.checked_sub(self.counted) {
            Some(0) => 0,
            Some(growth) if last != Some(total) => growth,
            // A smaller figure than before, or one that is all the last call's, means that the count
            // began anew, as some versions do when they resume a session.
            _ => total,
        });
        let mut draft = match growth {
            None | Some(0) => self.draft(Kind::Note, time).with("type", event.kind),
            Some(growth) => {
                self.round = self.round.saturating_add(1);
                let mut draft = self.draft(Kind::ModelCall, time);
                draft.cost = Some(money::tokens(growth).ok_or_else(|| {
                    Fault::malformed("token_count: more tokens than can be counted")
                })?);
                draft.subject = self.model_name();
                draft
            }
        };
        if let Some(total) = total {
            self.counted = total;
            self.unaccounted = false;
        }
        draft.actor = Some(run.agent());
        run.emit(draft).map(drop)
    }
}

impl Importer for Codex {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let line: Line<'_> = serde_json::from_str(record)?;
        let time = line.timestamp.unwrap_or_default().0;
        let payload = line.payload.map_or("null", RawValue::get);
        match &*line.kind {
            "session_meta" if !run.is_open() => {
                let Object(meta): Object<Meta> = serde_json::from_str(payload)?;
                let mut start = Start::new(SPEC.currency)
                    .with_some("session", meta.id)
                    .with_some("cwd", meta.cwd)
                    .with_some("originator", meta.originator)
                    .with_some("version", meta.cli_version)
                    .with_some("model_provider", meta.model_provider);
                start.draft.time = time;
                start.is_record = true;
                run.start(start)
            }
            "response_item" => {
                let Object(item) = serde_json::from_str(payload)?;
                self.item(item, time, run)
            }
            "event_msg" => {
                let Object(event) = serde_json::from_str(payload)?;
                self.event(event, time, run)
            }
            kind => {
                if kind == "turn_context" {
                    let Object(context): Object<TurnContext> = serde_json::from_str(payload)?;
                    self.model = context.model.or(self.model.take());
                }
                let mut draft = self.draft(Kind::Note, time);
                draft.actor = Some(run.agent());
                if kind == "compacted" {
                    // A model wrote the summary; no report says what that cost.
                    draft.cost = None;
                }
                run.emit(draft.with("type", kind)).map(drop)
            }
        }
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut end = Draft::new(Kind::RunEnd);
        // What the model gave after the last report did cost something.
        end.cost = (!self.unaccounted).then_some(0);
        run.end_with(end)
    }
}

/// The text of a message's or a summary's pieces, where it has any.
fn text(pieces: Option<&RawValue>) -> Result<Option<String>, Fault> {
    let Some(pieces) = pieces else {
        return Ok(None);
    };
    if pieces.get().starts_with('"') {
        return Ok(Some(serde_json::from_str(pieces.get())?));
    }
    let pieces: Vec<Object<Piece>> = serde_json::from_str(pieces.get())?;
    let texts: Vec<String> = pieces
        .into_iter()
        .filter_map(|Object(piece)| piece.text)
        .collect();
    Ok((!texts.is_empty()).then(|| texts.join("\n")))
}

/// Whether Codex itself says of a call that it failed: what the called program printed does not
/// count.
fn failed(output: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Structured {
        success: Option<bool>,
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        exit_code: Option<i64>,
    }
    let text = serde_json::from_str::<String>(output.get());
    let text = text.as_deref().unwrap_or(output.get());
    if let Ok(Object(Structured { success, metadata })) = serde_json::from_str(text) {
        let exit_code = metadata.and_then(|metadata| metadata.exit_code);
        return success == Some(false) || exit_code.is_some_and(|code| code != 0);
    }
    let head = text.lines().take(8).take_while(|line| *line != "Output:");
    let codes = head.filter_map(|line| {
        line.strip_prefix("Process exited with code ")
            .or(line.strip_prefix("Exit code: "))
    });
    codes.last().is_some_and(|code| code != "0")
}
