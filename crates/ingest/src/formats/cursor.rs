//! Cursor's transcripts: one message per line, with neither times nor usage.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Flags, Kind};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::formats::blocks::{Block, Content, text_or_json};
use crate::ids::Recent;
use crate::name;
use crate::object::Object;
use crate::run::Run;
use crate::sink::Draft;

pub(crate) const SPEC: Spec = Spec {
    name: "cursor",
    agent: "cursor",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        !peek.is_list
            && peek.first().is_some_and(|first| {
                first.has("role") && first.get("message").is_some_and(|m| m.starts_with(b"{"))
            })
    },
    shape: |_| Shape::Lines,
    importer: || {
        Box::new(Cursor {
            calls: Recent::new(),
            round: 0,
        })
    },
    rules: None,
    database: None,
};

/// What Cursor puts around the words that the user typed.
const TYPED: &str = "<user_query>";

#[derive(Deserialize)]
struct Line<'a> {
    role: String,
    #[serde(borrow)]
    message: Object<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
}

struct Cursor {
    /// Calls by their id: the event and the tool.
    calls: Recent<String, (u32, String)>,
    /// The agent's messages so far.
    round: u32,
}

impl Importer for Cursor {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let line: Line<'_> = serde_json::from_str(record)?;
        let blocks = Content::read(line.message.0.content)?.into_blocks();
        let is_agent = line.role == "assistant";
        if is_agent {
            self.round = self.round.saturating_add(1);
        }
        for block in blocks {
            self.block(block, &line.role, is_agent, run)?;
        }
        Ok(())
    }
}

impl Cursor {
    fn block(
        &mut self,
        block: Block<'_>,
        role: &str,
        is_agent: bool,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut draft = Draft::new(match &*block.kind {
            "tool_use" => Kind::ToolCall,
            "tool_result" => Kind::ToolResult,
            "thinking" => Kind::Reasoning,
            _ if is_agent => Kind::MessageOut,
            _ => Kind::MessageIn,
        });
        draft.round = self.round;
        match draft.kind {
            Kind::ToolCall => {
                let tool = name::tool(block.name.as_deref().unwrap_or_default());
                draft.actor = Some(run.agent());
                draft.subject = Some(tool.clone());
                draft = draft.with_some("call_id", block.id.as_deref());
                let seq = run.emit(draft.with_some("input", block.input))?;
                if let Some(id) = block.id {
                    self.calls.put(id, (seq, tool));
                }
                return Ok(());
            }
            Kind::ToolResult => {
                let call = block
                    .tool_use_id
                    .as_deref()
                    .and_then(|id| self.calls.get(id));
                draft.parent = call.map(|(seq, _)| *seq);
                draft.actor = call.map(|(_, tool)| tool.clone());
                draft.subject = Some(run.agent());
                draft = draft
                    .flag(Flags::ERROR, block.is_error == Some(true))
                    .with_some("call_id", block.tool_use_id)
                    .with_some("output", block.content.map(text_or_json));
            }
            Kind::MessageIn => {
                let text = block.text.as_deref().unwrap_or_default();
                let is_human = role == "user" && text.trim_start().starts_with(TYPED);
                draft.actor = Some(if is_human {
                    name::HUMAN.to_owned()
                } else {
                    name::role(role)
                });
                draft.subject = Some(run.agent());
                draft = draft
                    .flag(Flags::HUMAN, is_human)
                    .with_some("text", block.text);
            }
            _ => {
                draft.actor = Some(run.agent());
                draft = draft.with_some("text", block.text.or(block.thinking));
            }
        }
        run.emit(draft).map(drop)
    }
}
