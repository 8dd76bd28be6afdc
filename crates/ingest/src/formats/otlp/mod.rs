//! OpenTelemetry traces in OTLP's JSON: what the file exporter writes, and what `avouch otlp serve` receives. Each
//! trace is a run.

mod semconv;
mod span;
mod trace;

use std::collections::{HashMap, HashSet};

use avouch_merkle::{Digest, sha256};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::object::Object;
use crate::run::Run;
use crate::strict;
use span::{Span, TracesData};

pub(crate) const SPEC: Spec = Spec {
    name: "otlp",
    agent: "otlp",
    currency: "tokens",
    many_runs: true,
    recognises: |peek| {
        !peek.is_list && peek.first().is_some_and(|first| first.has("resourceSpans"))
    },
    shape: |_| Shape::Values,
    importer: || Box::new(Otlp::default()),
    rules: None,
    database: None,
};

/// Spans come in the order in which they end, and those of several traces mixed, so all of them are kept
/// until the input's end: so many at most, and so many bytes of them.
const MAX_SPANS: usize = 1 << 20;
const MAX_BYTES: usize = 1 << 30;

#[derive(Default)]
struct Otlp {
    /// The traces' spans, and which traces there are, in the order in which they first appeared.
    spans: HashMap<String, Vec<Span>>,
    order: Vec<String>,
    /// Spans that were sent again are there once.
    seen: HashSet<Digest>,
    bytes: usize,
}

/// Why a message of trace data would be refused; `None` where it would be taken. Whoever receives traces asks
/// this before taking them over.
pub fn problem(json: &str) -> Option<String> {
    let read = strict::json(json.as_bytes()).and_then(spans);
    match read {
        Ok(_) => None,
        Err(Fault::Malformed(why)) => Some(why),
        Err(_) => Some("it cannot be read".to_owned()),
    }
}

/// The spans of a message: all of them or none.
fn spans(record: &str) -> Result<Vec<Span>, Fault> {
    let Object(data) = serde_json::from_str::<Object<TracesData<'_>>>(record)?;
    let mut spans = Vec::new();
    for Object(of_resource) in &data.resource_spans {
        for Object(of_scope) in &of_resource.scope_spans {
            for raw in &of_scope.spans {
                let span = Span::parse(raw, of_resource.resource, of_scope.scope);
                spans.push(span.map_err(|fault| match fault {
                    Fault::Malformed(why) => {
                        Fault::malformed(format!("span {}: {why}", spans.len() + 1))
                    }
                    other => other,
                })?);
            }
        }
    }
    Ok(spans)
}

impl Importer for Otlp {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        for span in spans(record)? {
            let parts = [&*span.resource, &span.scope, &span.raw].map(str::as_bytes);
            let parts = parts.map(|part| sha256(&[part]).0);
            if !self
                .seen
                .insert(sha256(&parts.each_ref().map(|part| &part[..])))
            {
                continue;
            }
            self.bytes += span.raw.len() + span.resource.len() + span.scope.len();
            if self.seen.len() > MAX_SPANS || self.bytes > MAX_BYTES {
                return Err(Fault::malformed(format!(
                    "there are more than {MAX_SPANS} spans or {MAX_BYTES} bytes of them: split the input by traces"
                )));
            }
            if !self.spans.contains_key(&span.trace) {
                self.order.push(span.trace.clone());
            }
            self.spans.entry(span.trace.clone()).or_default().push(span);
        }
        run.put_aside();
        Ok(())
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        for trace in std::mem::take(&mut self.order) {
            trace::write(self.spans.remove(&trace).unwrap_or_default(), run)?;
        }
        Ok(())
    }
}
