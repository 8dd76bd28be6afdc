//! The names of OpenTelemetry's semantic conventions 1.41.0 for generative AI and MCP, as far as they mean something
//! here. A whole-system test compares them with OpenTelemetry's own package.

/// What kind of operation a span is of.
pub(super) const OPERATION: &str = "gen_ai.operation.name";
/// Who made the model, or serves it.
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const CONVERSATION: &str = "gen_ai.conversation.id";
pub(super) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(super) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(super) const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
pub(super) const AGENT_NAME: &str = "gen_ai.agent.name";
pub(super) const DATA_SOURCE: &str = "gen_ai.data_source.id";
pub(super) const TOOL_NAME: &str = "gen_ai.tool.name";
pub(super) const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
pub(super) const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
pub(super) const TOOL_RESULT: &str = "gen_ai.tool.call.result";
pub(super) const MCP_METHOD: &str = "mcp.method.name";
pub(super) const MCP_SESSION: &str = "mcp.session.id";
pub(super) const JSONRPC_ID: &str = "jsonrpc.request.id";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const SERVICE: &str = "service.name";
pub(super) const EXCEPTION: &str = "exception";
pub(super) const EXCEPTION_TYPE: &str = "exception.type";
pub(super) const EXCEPTION_MESSAGE: &str = "exception.message";

/// What a span tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A model was asked: `chat`, `generate_content`, `text_completion`, `embeddings`.
    Model,
    /// A tool was called: `execute_tool`, or MCP's `tools/call`.
    Tool,
    /// Data was looked up: `retrieval`.
    Retrieval,
    /// An agent or workflow was made or called: `invoke_agent`, `create_agent`, `invoke_workflow`.
    Agent,
    /// Anything else.
    Other,
}

impl Operation {
    pub(super) fn of(operation: Option<&str>, mcp_method: Option<&str>) -> Self {
        match (operation, mcp_method) {
            (Some("chat" | "generate_content" | "text_completion" | "embeddings"), _) => {
                Self::Model
            }
            (Some("execute_tool"), _) | (_, Some("tools/call")) => Self::Tool,
            (Some("retrieval"), _) => Self::Retrieval,
            (Some("invoke_agent" | "create_agent" | "invoke_workflow"), _) => Self::Agent,
            _ => Self::Other,
        }
    }
}
