//! Spans as OTLP's JSON writes them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::semconv::{self, Operation};
use crate::error::Fault;
use crate::object::Object;

/// A message of trace data: what an exporter sends at once, or a line of the file exporter.
#[derive(Deserialize)]
pub(super) struct TracesData<'a> {
    #[serde(borrow, rename = "resourceSpans")]
    pub(super) resource_spans: Vec<Object<ResourceSpans<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct ResourceSpans<'a> {
    #[serde(borrow)]
    pub(super) resource: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "scopeSpans")]
    pub(super) scope_spans: Vec<Object<ScopeSpans<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct ScopeSpans<'a> {
    #[serde(borrow)]
    pub(super) scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) spans: Vec<&'a RawValue>,
}

/// A span's JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    #[serde(default)]
    name: String,
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    start_time_unix_nano: &'a RawValue,
    #[serde(borrow)]
    end_time_unix_nano: Option<&'a RawValue>,
    #[serde(default)]
    attributes: Vec<Object<KeyValue>>,
    #[serde(borrow, default)]
    events: Vec<Object<EventJson<'a>>>,
    status: Option<Object<StatusJson>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    #[serde(borrow)]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    attributes: Vec<Object<KeyValue>>,
}

#[derive(Deserialize)]
struct StatusJson {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct KeyValue {
    key: String,
    #[serde(default)]
    value: Value,
}

/// Attributes by name, as plain JSON.
pub(super) type Attributes = BTreeMap<String, Value>;

/// A span.
pub(super) struct Span {
    /// 32 lower-case hexadecimal digits.
    pub(super) trace: String,
    /// 16 lower-case hexadecimal digits.
    pub(super) id: String,
    /// Empty for a root.
    pub(super) parent: String,
    pub(super) name: String,
    /// Nanoseconds since the Unix epoch.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) attributes: Attributes,
    pub(super) events: Vec<SpanEvent>,
    pub(super) failed: bool,
    pub(super) message: String,
    /// Whether it is the serving side of a call that its caller may have a span of, too.
    pub(super) is_server: bool,
    pub(super) operation: Operation,
    /// The exact JSON of the span, its resource and its scope.
    pub(super) raw: Box<str>,
    pub(super) resource: Box<str>,
    pub(super) scope: Box<str>,
    pub(super) service: Option<String>,
}

pub(super) struct SpanEvent {
    pub(super) time: u64,
    pub(super) name: String,
    pub(super) attributes: Attributes,
}

impl Span {
    pub(super) fn parse(
        raw: &RawValue,
        resource: Option<&RawValue>,
        scope: Option<&RawValue>,
    ) -> Result<Self, Fault> {
        let Object(json) = serde_json::from_str::<Object<Json<'_>>>(raw.get())?;
        let trace = id(&json.trace_id, 32, "traceId")?;
        let span = id(&json.span_id, 16, "spanId")?;
        let parent = match json.parent_span_id.is_empty() {
            true => String::new(),
            // Some exporters write a root's parent as zeros.
            false if json.parent_span_id.bytes().all(|digit| digit == b'0') => String::new(),
            false => id(&json.parent_span_id, 16, "parentSpanId")?,
        };
        let start = nanos(json.start_time_unix_nano)?;
        let end = json.end_time_unix_nano.map(nanos).transpose()?;
        let attributes = attributes(json.attributes);
        let events = json.events.into_iter().map(|Object(event)| {
            Ok(SpanEvent {
                // An event without a time of its own is at the span's start.
                time: event
                    .time_unix_nano
                    .map(nanos)
                    .transpose()?
                    .unwrap_or(start),
                name: event.name,
                attributes: self::attributes(event.attributes),
            })
        });
        let events = events.collect::<Result<_, Fault>>()?;
        let status = json.status.map(|Object(status)| status);
        let text = |name: &str| attributes.get(name).and_then(Value::as_str);
        let operation = Operation::of(text(semconv::OPERATION), text(semconv::MCP_METHOD));
        Ok(Self {
            trace,
            id: span,
            parent,
            name: json.name,
            start,
            // A span that is not over, or whose clock went backwards, ends where it starts.
            end: end.unwrap_or(start).max(start),
            events,
            failed: status
                .as_ref()
                .is_some_and(|status| is_named(&status.code, 2, "STATUS_CODE_ERROR")),
            message: status.map(|status| status.message).unwrap_or_default(),
            is_server: json
                .kind
                .is_some_and(|kind| matches!(kind.get(), "2" | "\"SPAN_KIND_SERVER\"")),
            operation,
            attributes,
            raw: raw.get().into(),
            resource: resource.map_or("{}", RawValue::get).into(),
            scope: scope.map_or("{}", RawValue::get).into(),
            service: resource.and_then(service),
        })
    }

    /// An attribute that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attributes
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The tokens that went in and came out; `None` where the span does not say.
    pub(super) fn tokens(&self) -> Option<u64> {
        let count = |name| self.attributes.get(name).and_then(Value::as_u64);
        match (count(semconv::INPUT_TOKENS), count(semconv::OUTPUT_TOKENS)) {
            (None, None) => None,
            (input, output) => input.unwrap_or(0).checked_add(output.unwrap_or(0)),
        }
    }
}

/// OTLP's JSON writes enumerations as numbers; names are taken, too.
fn is_named(value: &Value, number: u64, name: &str) -> bool {
    value.as_u64() == Some(number) || value.as_str() == Some(name)
}

/// Hexadecimal digits of which at least one is not 0, in lower case.
fn id(text: &str, digits: usize, name: &str) -> Result<String, Fault> {
    let is_id = text.len() == digits
        && text.bytes().all(|digit| digit.is_ascii_hexdigit())
        && text.bytes().any(|digit| digit != b'0');
    match is_id {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(Fault::malformed(format!(
            "{name} is not {digits} hexadecimal digits, or all of them are 0"
        ))),
    }
}

/// Whole numbers of 64 bits are text in OTLP's JSON; numbers are taken, too.
fn nanos(json: &RawValue) -> Result<u64, Fault> {
    let text = json.get().trim_matches('"');
    text.parse()
        .map_err(|_| Fault::malformed(format!("{text:?} is no time in nanoseconds")))
}

/// The name of the service that a resource describes.
fn service(resource: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Resource {
        #[serde(default)]
        attributes: Vec<Object<KeyValue>>,
    }
    let Object(resource) = serde_json::from_str::<Object<Resource>>(resource.get()).ok()?;
    match attributes(resource.attributes).remove(semconv::SERVICE) {
        Some(Value::String(name)) if !name.is_empty() => Some(name),
        _ => None,
    }
}

fn attributes(list: Vec<Object<KeyValue>>) -> Attributes {
    list.into_iter()
        .map(|Object(attribute)| (attribute.key, any_value(attribute.value)))
        .collect()
}

/// OTLP's `AnyValue` as the plain value that it stands for.
fn any_value(value: Value) -> Value {
    let Value::Object(members) = value else {
        return Value::Null;
    };
    let Some((kind, value)) = members.into_iter().next() else {
        return Value::Null;
    };
    match (&*kind, value) {
        ("stringValue" | "boolValue" | "doubleValue" | "bytesValue", value) => value,
        ("intValue", Value::String(digits)) => digits
            .parse::<i64>()
            .map_or(Value::String(digits), |number| Number::from(number).into()),
        ("intValue", value) => value,
        ("arrayValue", value) => Value::Array(values(value).into_iter().map(any_value).collect()),
        ("kvlistValue", value) => {
            let pairs = values(value).into_iter().filter_map(|pair| {
                let pair: KeyValue = serde_json::from_value(pair).ok()?;
                Some((pair.key, any_value(pair.value)))
            });
            Value::Object(pairs.collect())
        }
        _ => Value::Null,
    }
}

fn values(list: Value) -> Vec<Value> {
    match list {
        Value::Object(mut list) => match list.remove("values") {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
