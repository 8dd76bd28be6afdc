//! A request's body, taken apart into spans.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use prost::Message as _;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::proto::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse, RpcStatus,
};
use crate::transcode;

/// The longest body, as it is sent and once it is unpacked.
pub const MAX_BODY: usize = 16 << 20;
/// The longest body once it is unpacked.
pub const MAX_UNPACKED: usize = 64 << 20;

/// How a body is written, and how the answer will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Encoding {
    /// The encoding that a `Content-Type` names.
    pub fn of(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Why a body is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It is not what it says that it is.
    #[error("{0}")]
    Malformed(String),
    /// It is too long once it is unpacked.
    #[error("the body has more than {MAX_UNPACKED} bytes once it is unpacked")]
    TooLong,
}

/// One span, as a line of OTLP JSON that stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanLine {
    /// The trace's id.
    pub trace: [u8; 16],
    /// SHA-256 of the line: a span that is sent again has the same.
    pub digest: [u8; 32],
    /// Whether the span has no parent.
    pub is_root: bool,
    /// The line.
    pub line: String,
}

/// What a body holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The spans that can be taken.
    pub taken: Vec<SpanLine>,
    /// How many cannot.
    pub rejected: u64,
    /// Why the first of them cannot.
    pub why: String,
}

/// Unpacks a gzip body, of bounded length.
pub fn gunzip(body: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut unpacked = Vec::new();
    let most = MAX_UNPACKED as u64 + 1;
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|error| Refused::Malformed(format!("the body is no gzip: {error}")))?;
    match unpacked.len() > MAX_UNPACKED {
        true => Err(Refused::TooLong),
        false => Ok(unpacked),
    }
}

/// Takes a body apart. A span without usable ids is rejected by itself; a body that cannot be read is
/// refused as a whole.
pub fn spans(encoding: Encoding, body: &[u8]) -> Result<Spans, Refused> {
    match encoding {
        Encoding::Protobuf => from_protobuf(body),
        Encoding::Json => from_json(body),
    }
}

impl Spans {
    fn take(&mut self, trace: &str, span: &str, is_root: bool, line: impl FnOnce() -> String) {
        let wrong = match (id::<16>(trace), id::<8>(span)) {
            (Some(trace), Some(_)) => {
                let line = line();
                // What is acknowledged can be recorded.
                match avouch_ingest::otlp_problem(&line) {
                    None => {
                        let digest = Sha256::digest(line.as_bytes()).into();
                        self.taken.push(SpanLine {
                            trace,
                            digest,
                            is_root,
                            line,
                        });
                        return;
                    }
                    Some(why) => why,
                }
            }
            (None, _) => format!("the trace id {trace:?} is not 16 bytes of which one is not 0"),
            (_, None) => format!("the span id {span:?} is not 8 bytes of which one is not 0"),
        };
        if self.rejected == 0 {
            self.why = wrong;
        }
        self.rejected += 1;
    }
}

/// Hexadecimal digits as bytes that are not all 0.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

fn from_protobuf(body: &[u8]) -> Result<Spans, Refused> {
    let request = ExportTraceServiceRequest::decode(body)
        .map_err(|error| Refused::Malformed(format!("the body is no OTLP protobuf: {error}")))?;
    let mut spans = Spans::default();
    for of_resource in &request.resource_spans {
        let resource = of_resource.resource.as_ref().map(transcode::resource);
        for of_scope in &of_resource.scope_spans {
            let scope = of_scope.scope.as_ref().map(transcode::scope);
            for span in &of_scope.spans {
                let (trace, id) = (hex::encode(&span.trace_id), hex::encode(&span.span_id));
                let is_root = span.parent_span_id.iter().all(|byte| *byte == 0);
                spans.take(&trace, &id, is_root, || {
                    line(
                        resource.as_ref(),
                        &of_resource.schema_url,
                        scope.as_ref(),
                        &of_scope.schema_url,
                        &transcode::span(span),
                    )
                });
            }
        }
    }
    Ok(spans)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRequest<'a> {
    #[serde(borrow, default)]
    resource_spans: Vec<JsonResourceSpans<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResourceSpans<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scope_spans: Vec<JsonScopeSpans<'a>>,
    #[serde(default)]
    schema_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonScopeSpans<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spans: Vec<&'a RawValue>,
    #[serde(default)]
    schema_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonIds {
    #[serde(default)]
    trace_id: String,
    #[serde(default)]
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
}

fn from_json(body: &[u8]) -> Result<Spans, Refused> {
    let malformed = |error| Refused::Malformed(format!("the body is no OTLP JSON: {error}"));
    // serde would also read an array of the members in order.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Refused::Malformed("the body is no JSON object".to_owned()));
    }
    let request: JsonRequest<'_> = serde_json::from_slice(body).map_err(malformed)?;
    let mut spans = Spans::default();
    for of_resource in &request.resource_spans {
        for of_scope in &of_resource.scope_spans {
            for span in &of_scope.spans {
                let ids: JsonIds = serde_json::from_str(span.get()).map_err(malformed)?;
                let is_root = ids.parent_span_id.bytes().all(|digit| digit == b'0');
                // Line breaks between a span's members are not part of it.
                let flat = |raw: &RawValue| -> Option<Box<RawValue>> {
                    match raw.get().contains(['\n', '\r']) {
                        true => to_raw_value(&serde_json::from_str::<Value>(raw.get()).ok()?).ok(),
                        false => Some(raw.to_owned()),
                    }
                };
                let resource = of_resource.resource.and_then(flat);
                let scope = of_scope.scope.and_then(flat);
                let Some(span) = flat(span) else { continue };
                spans.take(&ids.trace_id, &ids.span_id, is_root, || {
                    line(
                        resource.as_ref(),
                        &of_resource.schema_url,
                        scope.as_ref(),
                        &of_scope.schema_url,
                        &span,
                    )
                });
            }
        }
    }
    Ok(spans)
}

/// One span with its resource and scope, as the file exporter would write it.
fn line(
    resource: Option<&impl serde::Serialize>,
    resource_schema: &str,
    scope: Option<&impl serde::Serialize>,
    scope_schema: &str,
    span: &impl serde::Serialize,
) -> String {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Scoped<'a, C, S> {
        #[serde(skip_serializing_if = "Option::is_none")]
        scope: Option<&'a C>,
        spans: [&'a S; 1],
        #[serde(skip_serializing_if = "str::is_empty")]
        schema_url: &'a str,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Of<'a, R, C, S> {
        #[serde(skip_serializing_if = "Option::is_none")]
        resource: Option<&'a R>,
        scope_spans: [Scoped<'a, C, S>; 1],
        #[serde(skip_serializing_if = "str::is_empty")]
        schema_url: &'a str,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Data<'a, R, C, S> {
        resource_spans: [Of<'a, R, C, S>; 1],
    }
    let data = Data {
        resource_spans: [Of {
            resource,
            scope_spans: [Scoped {
                scope,
                spans: [span],
                schema_url: scope_schema,
            }],
            schema_url: resource_schema,
        }],
    };
    // Only a writer that fails can fail here, or a map whose keys are not text: there is neither.
    serde_json::to_string(&data).unwrap_or_default()
}

/// The body of the answer to a request that was taken.
pub(crate) fn answer(encoding: Encoding, spans: &Spans) -> Vec<u8> {
    let partial = (spans.rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(spans.rejected).unwrap_or(i64::MAX),
        error_message: spans.why.clone(),
    });
    match encoding {
        Encoding::Protobuf => ExportTraceServiceResponse {
            partial_success: partial,
        }
        .encode_to_vec(),
        Encoding::Json => match partial {
            None => b"{}".to_vec(),
            Some(partial) => json!({ "partialSuccess": {
                "rejectedSpans": partial.rejected_spans.to_string(), "errorMessage": partial.error_message,
            } })
            .to_string()
            .into_bytes(),
        },
    }
}

/// The body of the answer to a request that was not.
pub(crate) fn refusal(encoding: Encoding, code: i32, message: &str) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => RpcStatus {
            code,
            message: message.to_owned(),
        }
        .encode_to_vec(),
        Encoding::Json => json!({ "code": code, "message": message })
            .to_string()
            .into_bytes(),
    }
}
