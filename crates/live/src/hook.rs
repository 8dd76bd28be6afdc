//! `avouch hook claude-code`: one short process for each hook of Claude Code, all of a session in one run.
//!
//! The input is that of the hooks reference of Claude Code 2.1; events that it does not know yet become notes.

use std::collections::BTreeMap;

use avouch::importers::{FieldValue, strict_json, tool_name};
use avouch::ledger::{Run, State};
use avouch::trace::{Decision, Field, Flags, Kind};
use avouch::{Draft, Home, LiveRun, NewRun};
use serde_json::value::RawValue;

use crate::Error;
use crate::journal::now;

/// The source format of these runs.
const FORMAT: &str = "claude-code-hook";
/// How far back the call that a result answers is looked for.
const LOOK_BACK: u64 = 4096;
/// How many runs a session may have: one for each time that it was ended and resumed.
const RUNS: u32 = 10_000;

/// What Claude Code gave to a hook.
pub struct Hook<'a> {
    raw: &'a str,
    members: BTreeMap<String, &'a RawValue>,
    session: String,
    event: String,
}

impl<'a> Hook<'a> {
    /// Reads a hook's input.
    pub fn read(input: &'a [u8]) -> Result<Self, Error> {
        let wrong = |why: String| Error::Hook(why);
        let raw = strict_json(input).map_err(|error| wrong(error.to_string()))?;
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(raw).map_err(|error| wrong(error.to_string()))?;
        let mut hook = Self {
            raw,
            members,
            session: String::new(),
            event: String::new(),
        };
        let needed = |name: &str| {
            let text = hook.text(name);
            text.filter(|text| !text.is_empty() && text.len() <= 128)
                .ok_or_else(|| wrong(format!("no {name} of 1 to 128 bytes")))
        };
        (hook.session, hook.event) = (needed("session_id")?, needed("hook_event_name")?);
        Ok(hook)
    }

    /// Whether this is asked before a tool is used, so that a failure can still stop it.
    pub fn is_before_a_call(&self) -> bool {
        self.event == "PreToolUse"
    }

    /// Records it in its session's run, which is begun if there is none, under the ledger's lock. Returns when
    /// it is on disk.
    pub fn record(&self, home: &Home, agent: &str) -> Result<(), Error> {
        let mut group = home.group()?;
        let open = self.open_run(|name| Ok(group.named(name)?))?;
        let mut known = None;
        let mut run = match open {
            Ok(run) => {
                let live = group.resume(&run)?;
                known = Some(run);
                live
            }
            Err(name) => {
                let mut run = NewRun::new(name, agent);
                run.format = FORMAT.into();
                group.begin(&run, self.start(agent))?
            }
        };
        if known.is_some() || self.event != "SessionStart" {
            let event = self.draft(home, known.as_ref(), &run, agent)?;
            group.append(&mut run, event)?;
        }
        group.commit()?;
        Ok(())
    }

    /// The session's open run, or the name of its next one.
    fn open_run(
        &self,
        named: impl Fn(&str) -> Result<Option<Run>, Error>,
    ) -> Result<Result<Run, String>, Error> {
        let first = format!("claude-code-{}", self.session);
        for number in 1..=RUNS {
            let name = match number {
                1 => first.clone(),
                _ => format!("{first}-{number}"),
            };
            match named(&name)? {
                None => return Ok(Err(name)),
                Some(run) if run.state == State::Open && run.info.source.format == FORMAT => {
                    return Ok(Ok(run));
                }
                Some(_) => {}
            }
        }
        Err(Error::Hook(format!("this session has {RUNS} runs")))
    }

    fn start(&self, agent: &str) -> Draft {
        let mut start = Draft::new(Kind::RunStart).by(format!("agent:{agent}"));
        start.time = now();
        start.cost = Some(0);
        let mut start = start
            .with("format", FORMAT)
            .with("session", self.session.clone());
        for name in ["cwd", "model", "source", "transcript_path"] {
            start = start.with_some(name, self.text(name));
        }
        match self.event.as_str() {
            "SessionStart" => start.with("raw", self.raw()),
            _ => start,
        }
    }

    fn draft(
        &self,
        home: &Home,
        run: Option<&Run>,
        live: &LiveRun,
        agent: &str,
    ) -> Result<Draft, Error> {
        let main = format!("agent:{agent}");
        let who = match self.members.contains_key("agent_id") {
            true => format!("{main}/subagent"),
            false => main.clone(),
        };
        let tool = self
            .text("tool_name")
            .map_or_else(|| "tool:unknown".into(), |name| tool_name(&name));
        let find = |kind, field, value: Option<String>| match (run, value) {
            (Some(run), Some(value)) => find(home, run, live.next_seq(), kind, field, &value),
            _ => Ok(None),
        };
        let call_id = self.text("tool_use_id");
        let call = || find(Kind::ToolCall, "call_id", call_id.clone());
        let mut draft = match self.event.as_str() {
            "UserPromptSubmit" => Draft::new(Kind::MessageIn)
                .by("role:user")
                .on(main)
                .with_some("text", self.text("prompt")),
            "PreToolUse" => Draft::new(Kind::ToolCall)
                .by(who)
                .on(tool)
                .with_some("call_id", call_id)
                .with_some("input", self.json("tool_input")),
            "PostToolUse" => Draft {
                parent: call()?,
                ..Draft::new(Kind::ToolResult)
            }
            .by(tool)
            .on(who)
            .with_some("call_id", call_id)
            .with_some("output", self.json("tool_response")),
            "PostToolUseFailure" => Draft {
                parent: call()?,
                ..Draft::new(Kind::ToolResult)
            }
            .flag(Flags::ERROR, true)
            .by(tool)
            .on(who)
            .with_some("call_id", call_id)
            .with_some("output", self.json("error")),
            "PermissionRequest" => Draft {
                decision: Decision::AskHuman,
                parent: call()?,
                ..Draft::new(Kind::ApprovalAsked)
            }
            .by(who)
            .on(tool)
            .with_some("input", self.json("tool_input")),
            "PermissionDenied" => Draft {
                decision: Decision::Deny,
                parent: call()?,
                ..Draft::new(Kind::PolicyDecision)
            }
            .by("policy:claude-code")
            .on(tool)
            .with_some("call_id", call_id)
            .with_some("reason", self.text("reason")),
            "SubagentStart" => Draft::new(Kind::Delegation)
                .by(main.clone())
                .on(format!("{main}/subagent"))
                .with_some("agent_id", self.text("agent_id"))
                .with_some("agent_type", self.text("agent_type")),
            "SubagentStop" => Draft {
                parent: find(Kind::Delegation, "agent_id", self.text("agent_id"))?,
                ..Draft::new(Kind::MessageIn)
            }
            .by(format!("{main}/subagent"))
            .on(main)
            .with_some("agent_id", self.text("agent_id"))
            .with_some("text", self.text("last_assistant_message")),
            "Stop" => Draft::new(Kind::MessageOut)
                .by(main)
                .with_some("text", self.text("last_assistant_message")),
            "StopFailure" => Draft::new(Kind::Error)
                .flag(Flags::ERROR, true)
                .by(main)
                .with_some("reason", self.text("error")),
            "SessionEnd" => Draft::new(Kind::RunEnd)
                .by(main)
                .with_some("reason", self.text("reason")),
            _ => Draft::new(Kind::Note),
        };
        draft.time = now();
        // Only a model spends, and hooks do not tell what.
        draft.cost = match draft.kind {
            Kind::MessageOut | Kind::MessageIn if self.event != "UserPromptSubmit" => None,
            _ => Some(0),
        };
        Ok(draft
            .with("type", self.event.clone())
            .with("raw", self.raw()))
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.members.get(name)?.get()).ok()
    }

    fn json(&self, name: &str) -> Option<&RawValue> {
        self.members.get(name).copied()
    }

    fn raw(&self) -> FieldValue {
        FieldValue::Json(self.raw.as_bytes().to_vec())
    }
}

/// The seq of the last event before `next` of this kind whose field has this value.
fn find(
    home: &Home,
    run: &Run,
    next: u64,
    kind: Kind,
    field: &str,
    value: &str,
) -> Result<Option<u32>, Error> {
    let has = |shown: &Field| {
        shown.name() == field && shown.value().and_then(|item| item.as_text()) == Some(value)
    };
    for seq in (next.saturating_sub(LOOK_BACK)..next).rev() {
        let entry = home.ledger().event(run, seq).map_err(avouch::Error::from)?;
        let is_kind = entry.event.header().is_ok_and(|header| header.kind == kind);
        if is_kind && entry.body.fields().iter().any(has) {
            return Ok(u32::try_from(seq).ok());
        }
    }
    Ok(None)
}
