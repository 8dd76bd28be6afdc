//! OTLP's protobuf messages as OTLP's JSON writes them: protobuf's JSON mapping, but ids in hexadecimal digits
//! and enumerations as numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::proto::{
    AnyValue, Event, InstrumentationScope, KeyValue, Link, Resource, Span, any_value,
};

/// An object without the members that are their type's default, as protobuf's JSON leaves them out.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let is_default = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    };
    let members = members.into_iter().filter(|(_, value)| !is_default(value));
    Value::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

/// 64-bit numbers are text.
fn long(number: u64) -> Value {
    match number {
        0 => Value::Null,
        number => number.to_string().into(),
    }
}

fn list<T>(items: &[T], json: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(json).collect())
}

pub(crate) fn resource(resource: &Resource) -> Value {
    object([
        ("attributes", list(&resource.attributes, key_value)),
        (
            "droppedAttributesCount",
            resource.dropped_attributes_count.into(),
        ),
    ])
}

pub(crate) fn scope(scope: &InstrumentationScope) -> Value {
    object([
        ("name", scope.name.clone().into()),
        ("version", scope.version.clone().into()),
        ("attributes", list(&scope.attributes, key_value)),
        (
            "droppedAttributesCount",
            scope.dropped_attributes_count.into(),
        ),
    ])
}

pub(crate) fn span(span: &Span) -> Value {
    let status = span.status.as_ref().map(|status| {
        object([
            ("message", status.message.clone().into()),
            ("code", status.code.into()),
        ])
    });
    let mut json = object([
        ("traceId", hex::encode(&span.trace_id).into()),
        ("spanId", hex::encode(&span.span_id).into()),
        ("traceState", span.trace_state.clone().into()),
        ("parentSpanId", hex::encode(&span.parent_span_id).into()),
        ("name", span.name.clone().into()),
        ("kind", span.kind.into()),
        ("endTimeUnixNano", long(span.end_time_unix_nano)),
        ("attributes", list(&span.attributes, key_value)),
        (
            "droppedAttributesCount",
            span.dropped_attributes_count.into(),
        ),
        ("events", list(&span.events, event)),
        ("droppedEventsCount", span.dropped_events_count.into()),
        ("links", list(&span.links, link)),
        ("droppedLinksCount", span.dropped_links_count.into()),
        ("status", status.unwrap_or_default()),
        ("flags", span.flags.into()),
    ]);
    // Always there: a span without a start is one that started in 1970.
    json["startTimeUnixNano"] = span.start_time_unix_nano.to_string().into();
    json
}

fn event(event: &Event) -> Value {
    object([
        ("timeUnixNano", long(event.time_unix_nano)),
        ("name", event.name.clone().into()),
        ("attributes", list(&event.attributes, key_value)),
        (
            "droppedAttributesCount",
            event.dropped_attributes_count.into(),
        ),
    ])
}

fn link(link: &Link) -> Value {
    object([
        ("traceId", hex::encode(&link.trace_id).into()),
        ("spanId", hex::encode(&link.span_id).into()),
        ("traceState", link.trace_state.clone().into()),
        ("attributes", list(&link.attributes, key_value)),
        (
            "droppedAttributesCount",
            link.dropped_attributes_count.into(),
        ),
        ("flags", link.flags.into()),
    ])
}

fn key_value(pair: &KeyValue) -> Value {
    let value = pair.value.as_ref().map(any);
    json!({ "key": pair.key, "value": value.unwrap_or_else(|| json!({})) })
}

fn any(value: &AnyValue) -> Value {
    use any_value::Value as Any;
    match &value.value {
        None => json!({}),
        Some(Any::String(text)) => json!({ "stringValue": text }),
        Some(Any::Bool(flag)) => json!({ "boolValue": flag }),
        Some(Any::Int(number)) => json!({ "intValue": number.to_string() }),
        Some(Any::Double(number)) => json!({ "doubleValue": double(*number) }),
        Some(Any::Array(array)) => json!({ "arrayValue": { "values": list(&array.values, any) } }),
        Some(Any::KvList(pairs)) => {
            json!({ "kvlistValue": { "values": list(&pairs.values, key_value) } })
        }
        Some(Any::Bytes(bytes)) => json!({ "bytesValue": STANDARD.encode(bytes) }),
    }
}

/// What JSON has no number for is text in protobuf's JSON mapping.
fn double(number: f64) -> Value {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into()
    } else {
        number.into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::{
        ArrayValue, ExportTraceServiceRequest, KeyValueList, ResourceSpans, ScopeSpans, Status,
    };
    use crate::request::{Encoding, Refused, spans};

    fn value(value: any_value::Value) -> Option<AnyValue> {
        Some(AnyValue { value: Some(value) })
    }

    fn request() -> ExportTraceServiceRequest {
        use any_value::Value as Any;
        let values = [
            ("text", Any::String("ü\n".into())),
            ("flag", Any::Bool(false)),
            ("number", Any::Int(-5)),
            ("half", Any::Double(0.5)),
            ("nan", Any::Double(f64::NAN)),
            ("bytes", Any::Bytes(vec![0, 255])),
            (
                "list",
                Any::Array(ArrayValue {
                    values: vec![value(Any::Int(1)).unwrap()],
                }),
            ),
            (
                "map",
                Any::KvList(KeyValueList {
                    values: vec![KeyValue {
                        key: "k".into(),
                        value: None,
                    }],
                }),
            ),
        ];
        let attributes = values.map(|(key, of)| KeyValue {
            key: key.into(),
            value: value(of),
        });
        let span = Span {
            trace_id: vec![0xab; 16],
            span_id: vec![1; 8],
            parent_span_id: vec![2; 8],
            name: "chat".into(),
            kind: 3,
            start_time_unix_nano: u64::MAX,
            end_time_unix_nano: 7,
            attributes: attributes.to_vec(),
            status: Some(Status {
                message: "no".into(),
                code: 2,
            }),
            events: vec![Event {
                name: "exception".into(),
                ..Event::default()
            }],
            links: vec![Link {
                trace_id: vec![9; 16],
                span_id: vec![8; 8],
                ..Link::default()
            }],
            flags: 257,
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans {
            spans: vec![span],
            ..ScopeSpans::default()
        }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                scope_spans,
                schema_url: "u".into(),
                ..ResourceSpans::default()
            }],
        }
    }

    #[test]
    fn protobuf_becomes_the_json_that_otlp_defines_for_it() {
        let found = spans(Encoding::Protobuf, &request().encode_to_vec()).unwrap();
        assert_eq!((found.taken.len(), found.rejected, &*found.why), (1, 0, ""));
        assert!(!found.taken[0].is_root);
        let line: Value = serde_json::from_str(&found.taken[0].line).unwrap();
        let attribute = |key: &str, value: Value| json!({ "key": key, "value": value });
        assert_eq!(
            line,
            json!({ "resourceSpans": [{ "schemaUrl": "u", "scopeSpans": [{ "spans": [{
                "traceId": "ab".repeat(16), "spanId": "01".repeat(8), "parentSpanId": "02".repeat(8), "name": "chat", "kind": 3,
                "startTimeUnixNano": "18446744073709551615", "endTimeUnixNano": "7", "flags": 257,
                "status": { "message": "no", "code": 2 }, "events": [{ "name": "exception" }],
                "links": [{ "traceId": "09".repeat(16), "spanId": "08".repeat(8) }],
                "attributes": [
                    attribute("text", json!({ "stringValue": "ü\n" })), attribute("flag", json!({ "boolValue": false })),
                    attribute("number", json!({ "intValue": "-5" })), attribute("half", json!({ "doubleValue": 0.5 })),
                    attribute("nan", json!({ "doubleValue": "NaN" })), attribute("bytes", json!({ "bytesValue": "AP8=" })),
                    attribute("list", json!({ "arrayValue": { "values": [{ "intValue": "1" }] } })),
                    attribute("map", json!({ "kvlistValue": { "values": [{ "key": "k", "value": {} }] } })),
                ],
            }] }] }] })
        );
    }

    #[test]
    fn a_cut_off_message_is_refused_and_a_span_without_ids_rejected() {
        let bytes = request().encode_to_vec();
        for end in 1..bytes.len() {
            match spans(Encoding::Protobuf, &bytes[..end]) {
                Ok(found) => assert!(found.taken.is_empty(), "{end}"),
                Err(refused) => assert!(matches!(refused, Refused::Malformed(_))),
            }
        }
        let mut request = request();
        request.resource_spans[0].scope_spans[0].spans[0].span_id = vec![0; 8];
        let found = spans(Encoding::Protobuf, &request.encode_to_vec()).unwrap();
        assert_eq!((found.taken.len(), found.rejected), (0, 1));
    }
}
