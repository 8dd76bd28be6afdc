//! One file per format.

pub(crate) mod agent_record;
pub(crate) mod arw;
pub(crate) mod avouch;
pub(crate) mod blocks;
pub(crate) mod claude_code;
pub(crate) mod codex;
pub(crate) mod cursor;
pub(crate) mod debate;
pub(crate) mod gemini;
pub(crate) mod governance_engine;
pub(crate) mod harombe;
pub(crate) mod openai_chat;
pub(crate) mod opencode;
pub(crate) mod otlp;
pub(crate) mod swe_agent;
pub(crate) mod vex;
