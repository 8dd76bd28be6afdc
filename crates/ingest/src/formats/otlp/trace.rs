//! What the spans of one trace become.

use std::collections::HashMap;

use avouch_trace::{Decision, Flags, Kind};
use serde_json::Value;

use super::semconv::{self, Operation};
use super::span::{Span, SpanEvent};
use crate::error::Fault;
use crate::run::{Run, Start};
use crate::sink::{Draft, FieldValue};
use crate::{money, name};

const NANOS: u64 = 1_000_000;

/// The spans of a trace, by start; parents before their children where both start at once.
struct Trace {
    spans: Vec<Span>,
    /// Each span's parent, where it is there.
    parents: Vec<Option<usize>>,
}

/// Something that happened at one moment of a span.
enum Moment {
    Start,
    /// The span's event of this number.
    Event(usize),
    End,
}

/// Writes a trace as a run.
pub(super) fn write(spans: Vec<Span>, run: &mut Run<'_>) -> Result<(), Fault> {
    let trace = Trace::new(spans);
    let costs = trace.costs();
    let Some(first) = trace.spans.first() else {
        return Ok(());
    };
    let root = trace.spans.iter().find(|span| span.parent.is_empty());
    let lead = root.unwrap_or(first);
    let agent = lead.text(semconv::AGENT_NAME).map(str::to_owned);
    let mut start = Start::new(super::SPEC.currency)
        .with("trace_id", &*first.trace)
        .with_some("service", lead.service.as_deref())
        .with_some("conversation", lead.text(semconv::CONVERSATION));
    start.draft.time = first.start / NANOS;
    start.name = Some(format!("trace-{}", &first.trace[..16]));
    start.agent = agent.or_else(|| lead.service.clone());
    run.start(start)?;

    let mut moments = Vec::new();
    for (index, span) in trace.spans.iter().enumerate() {
        moments.push((span.start, index, 0, Moment::Start));
        for (number, event) in span.events.iter().enumerate() {
            // Nothing of a span comes before its start.
            moments.push((event.time.max(span.start), index, 1, Moment::Event(number)));
        }
        if trace.is_call(index) {
            moments.push((span.end, index, 2, Moment::End));
        }
    }
    moments.sort_by_key(|(time, index, rank, _)| (*time, *index, *rank));
    let mut writer = Writer {
        seqs: vec![0; trace.spans.len()],
        resources: HashMap::new(),
        scopes: HashMap::new(),
        steps: 0,
        trace: &trace,
        costs: &costs,
    };
    for (time, index, _, moment) in moments {
        writer.write(index, time / NANOS, &moment, run)?;
    }
    let last = trace.spans.iter().map(|span| span.end).max();
    let mut end = Draft::new(Kind::RunEnd);
    end.cost = Some(0);
    end.round = writer.steps;
    end.time = last.unwrap_or(0) / NANOS;
    if root.is_none() {
        // The span that the others belong to never came.
        end = end
            .flag(Flags::ERROR, true)
            .with("reason", "the trace has no root span");
    }
    run.no_source();
    run.end_with(end)
}

impl Trace {
    fn new(spans: Vec<Span>) -> Self {
        let by_id: HashMap<String, String> = spans
            .iter()
            .map(|span| (span.id.clone(), span.parent.clone()))
            .collect();
        let most = spans.len();
        let depth = |span: &Span| {
            let (mut depth, mut at) = (0, &span.parent);
            while let Some(parent) = by_id.get(at).filter(|_| depth < most) {
                (depth, at) = (depth + 1, parent);
            }
            depth
        };
        let mut keyed: Vec<_> = spans
            .into_iter()
            .map(|span| ((span.start, depth(&span)), span))
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        let spans: Vec<Span> = keyed.into_iter().map(|(_, span)| span).collect();
        let mut index = HashMap::new();
        for (at, span) in spans.iter().enumerate() {
            index.entry(span.id.as_str()).or_insert(at);
        }
        // A span that says that it is its own parent has none.
        let parents = spans
            .iter()
            .enumerate()
            .map(|(at, span)| {
                index
                    .get(span.parent.as_str())
                    .copied()
                    .filter(|p| *p != at)
            })
            .collect();
        Self { spans, parents }
    }

    /// The span's ancestors, nearest first.
    fn ancestors(&self, index: usize) -> impl Iterator<Item = usize> {
        let mut at = self.parents[index];
        let mut left = self.spans.len();
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let found = at?;
            at = self.parents[found];
            Some(found)
        })
    }

    /// Whether a span is a call of a tool that no span around it tells of: a call has a span where it is made,
    /// and may have others where it is sent and served.
    fn is_call(&self, index: usize) -> bool {
        let span = &self.spans[index];
        match span.operation {
            Operation::Retrieval => true,
            Operation::Tool => {
                let tool = tool(span);
                !self.ancestors(index).any(|around| {
                    let around = &self.spans[around];
                    around.operation == Operation::Tool && self::tool(around) == tool
                })
            }
            _ => false,
        }
    }

    /// What each span spent, in micro-tokens. Spans around others repeat or sum up what those say, so tokens
    /// are counted at the innermost span that has them.
    fn costs(&self) -> Vec<Option<u64>> {
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.ancestors(*index).count()));
        let mut covered = vec![false; self.spans.len()];
        let mut costs = vec![Some(0); self.spans.len()];
        for index in order {
            let span = &self.spans[index];
            let is_model = span.operation == Operation::Model;
            if covered[index] {
                continue;
            }
            let tokens = span.tokens();
            if is_model {
                costs[index] = tokens.and_then(money::tokens);
            } else if let (Operation::Agent, Some(tokens)) = (span.operation, tokens) {
                costs[index] = money::tokens(tokens);
            } else {
                continue;
            }
            for around in self.ancestors(index) {
                covered[around] = true;
            }
        }
        costs
    }

    /// Who did what a span tells: the nearest agent named around it.
    fn agent(&self, index: usize, run: &Run<'_>) -> String {
        let around = std::iter::once(index).chain(self.ancestors(index));
        let mut named = around.filter_map(|at| self.spans[at].text(semconv::AGENT_NAME));
        named
            .next()
            .map_or_else(|| run.agent(), |agent| format!("agent:{agent}"))
    }
}

/// The name of the tool that a span calls.
fn tool(span: &Span) -> String {
    match (span.operation, span.text(semconv::TOOL_NAME)) {
        (_, Some(tool)) => name::tool(tool),
        (Operation::Retrieval, None) => match span.text(semconv::DATA_SOURCE) {
            Some(source) => format!("tool:retrieval/{source}"),
            None => "tool:retrieval".to_owned(),
        },
        // Both conventions end a span's name with the tool's.
        _ => name::tool(
            span.name
                .rsplit_once(' ')
                .map_or(&*span.name, |(_, tool)| tool),
        ),
    }
}

struct Writer<'t> {
    trace: &'t Trace,
    costs: &'t [Option<u64>],
    /// The seq of each span's first event, once it is written.
    seqs: Vec<u32>,
    /// The event that holds each resource's and scope's exact JSON.
    resources: HashMap<&'t str, u32>,
    scopes: HashMap<&'t str, u32>,
    /// Calls of a model so far.
    steps: u32,
}

impl<'t> Writer<'t> {
    fn write(
        &mut self,
        index: usize,
        time: u64,
        moment: &Moment,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let trace = self.trace;
        let span = &trace.spans[index];
        let mut draft = match moment {
            Moment::Start => self.start(index, run),
            Moment::Event(number) => event(&span.events[*number]).by(trace.agent(index, run)),
            Moment::End => end(span).by(tool(span)).on(trace.agent(index, run)),
        };
        draft.time = time;
        draft.round = self.steps;
        if matches!(moment, Moment::Start) {
            run.source_json(&span.raw);
            let seq = run.next_seq();
            draft.parent = trace.parents[index]
                .map(|parent| self.seqs[parent])
                .filter(|parent| *parent > 0);
            draft = once(draft, "resource", &span.resource, seq, &mut self.resources);
            draft = once(draft, "scope", &span.scope, seq, &mut self.scopes);
            self.seqs[index] = run.emit(draft)?;
        } else {
            draft.parent = Some(self.seqs[index]);
            run.source_at(self.seqs[index]);
            run.emit(draft)?;
        }
        Ok(())
    }

    fn start(&mut self, index: usize, run: &Run<'_>) -> Draft {
        let trace = self.trace;
        let span = &trace.spans[index];
        let kind = match span.operation {
            Operation::Model => Kind::ModelCall,
            Operation::Tool | Operation::Retrieval if trace.is_call(index) => Kind::ToolCall,
            Operation::Agent if trace.parents[index].is_some() => Kind::Delegation,
            _ => Kind::Note,
        };
        self.steps += u32::from(kind == Kind::ModelCall);
        let mut draft = Draft::new(kind);
        draft.cost = self.costs[index];
        draft.subject = match kind {
            Kind::ModelCall => span
                .text(semconv::RESPONSE_MODEL)
                .or(span.text(semconv::REQUEST_MODEL))
                .map(name::model),
            Kind::ToolCall => Some(tool(span)),
            Kind::Delegation => span
                .text(semconv::AGENT_NAME)
                .map(|agent| format!("agent:{agent}")),
            _ => None,
        };
        // Whoever delegates is the agent around it.
        let actor = match (kind, trace.parents[index]) {
            (Kind::Delegation, Some(parent)) => trace.agent(parent, run),
            _ => trace.agent(index, run),
        };
        let failed = span.failed || span.attributes.contains_key(semconv::ERROR_TYPE);
        // A call's error is its result's.
        draft = draft
            .by(actor)
            .flag(Flags::ERROR, failed && kind != Kind::ToolCall)
            .with("span", &*span.id)
            .with("name", &*span.name);
        if kind != Kind::ToolCall {
            draft = draft
                .with_some("error", span.text(semconv::ERROR_TYPE))
                .with_some(
                    "status",
                    Some(&*span.message).filter(|text| !text.is_empty()),
                );
        }
        let attributes = [
            ("operation", semconv::OPERATION),
            ("provider", semconv::PROVIDER),
            ("request_model", semconv::REQUEST_MODEL),
            ("response_id", semconv::RESPONSE_ID),
            ("finish_reasons", semconv::FINISH_REASONS),
            ("input_tokens", semconv::INPUT_TOKENS),
            ("output_tokens", semconv::OUTPUT_TOKENS),
            ("conversation", semconv::CONVERSATION),
            ("system", semconv::SYSTEM_INSTRUCTIONS),
            ("messages", semconv::INPUT_MESSAGES),
            ("output", semconv::OUTPUT_MESSAGES),
            ("call_id", semconv::TOOL_CALL_ID),
            ("input", semconv::TOOL_ARGUMENTS),
            ("mcp_method", semconv::MCP_METHOD),
            ("mcp_session", semconv::MCP_SESSION),
            ("request_id", semconv::JSONRPC_ID),
        ];
        for (field, attribute) in attributes {
            draft = draft.with_some(field, span.attributes.get(attribute).map(field_value));
        }
        match span.is_server {
            true => draft.with("side", "server"),
            false => draft,
        }
    }
}

/// A span's own event: an exception, or anything else.
fn event(event: &SpanEvent) -> Draft {
    let is_exception = event.name == semconv::EXCEPTION;
    let mut draft = Draft::new(if is_exception {
        Kind::Error
    } else {
        Kind::Note
    });
    draft.cost = Some(0);
    let text = |name: &str| event.attributes.get(name).and_then(Value::as_str);
    draft
        .flag(Flags::ERROR, is_exception)
        .with("name", &*event.name)
        .with_some("type", text(semconv::EXCEPTION_TYPE))
        .with_some("text", text(semconv::EXCEPTION_MESSAGE))
}

/// What came of a tool's call.
fn end(span: &Span) -> Draft {
    let mut draft = Draft::new(Kind::ToolResult);
    draft.cost = Some(0);
    draft.decision = Decision::None;
    let failed = span.failed || span.attributes.contains_key(semconv::ERROR_TYPE);
    draft
        .flag(Flags::ERROR, failed)
        .with_some("call_id", span.text(semconv::TOOL_CALL_ID))
        .with_some(
            "output",
            span.attributes.get(semconv::TOOL_RESULT).map(field_value),
        )
        .with_some("error", span.text(semconv::ERROR_TYPE))
        .with_some(
            "status",
            Some(&*span.message).filter(|text| !text.is_empty()),
        )
}

/// Text as text; anything else as JSON.
fn field_value(value: &Value) -> FieldValue {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Number(number) if number.is_u64() => number.as_u64().unwrap_or_default().into(),
        other => FieldValue::Json(other.to_string().into_bytes()),
    }
}

/// Exact JSON that many spans share: on the first event that it is of, which the others name.
fn once<'t>(
    draft: Draft,
    field: &str,
    json: &'t str,
    seq: u32,
    known: &mut HashMap<&'t str, u32>,
) -> Draft {
    match known.get(json) {
        Some(at) => draft.with(format!("{field}_at"), u64::from(*at)),
        None => {
            known.insert(json, seq);
            draft.with(field, FieldValue::Json(json.as_bytes().to_vec()))
        }
    }
}
