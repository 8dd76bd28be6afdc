//! Single lines of avouch's own format, for recorders that are given them while things happen.

use avouch_trace::Kind;

use crate::error::Fault;
use crate::formats::avouch;
use crate::peek::members;
use crate::sink::{Draft, FieldValue};
use crate::strict;

/// What is wrong with a record, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

impl From<Fault> for Malformed {
    fn from(fault: Fault) -> Self {
        Self(match fault {
            Fault::Malformed(reason) | Fault::Broken { reason, .. } => reason,
            Fault::Read(error) => error.to_string(),
            Fault::Sink(error) => error.to_string(),
        })
    }
}

/// Reads one line as an event. Its exact bytes become the field `raw`.
///
/// # Errors
/// What is no event of the format, and what a recorder says itself: the run's description, its start and
/// its end.
pub fn read_line(line: &[u8]) -> Result<Draft, Malformed> {
    let record = strict::object(line)?;
    if members(record.trim_start().as_bytes())
        .first()
        .is_some_and(|(name, _)| *name == "avouch")
    {
        return Err(Malformed(
            "a line that describes the run: a recorder's own options do that".into(),
        ));
    }
    let draft = avouch::event(record)?;
    if matches!(draft.kind, Kind::RunStart | Kind::RunEnd) {
        return Err(Malformed(format!(
            "{}: the recorder writes it itself",
            draft.kind
        )));
    }
    Ok(draft.with("raw", FieldValue::Json(line.to_vec())))
}

/// Checks that `bytes` are one JSON value that every reader understands alike: UTF-8, no two members of one
/// object with the same name, no number out of range, at most 127 levels deep.
pub fn strict_json(bytes: &[u8]) -> Result<&str, Malformed> {
    Ok(strict::json(bytes)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_becomes_an_event_that_keeps_its_bytes() {
        let line = br#"{"kind":"tool-call", "subject":"tool:grep","fields":{"n":1}}"#;
        let draft = read_line(line).unwrap();
        assert_eq!(draft.kind, Kind::ToolCall);
        let raw = FieldValue::Json(line.to_vec());
        assert!(draft.fields.contains(&("raw".into(), raw)));
    }

    #[test]
    fn what_is_no_event_is_refused_with_a_reason() {
        for (line, reason) in [
            (&b"{\"kind\":\"note\""[..], "column"),
            (b"[]", "expected a JSON object"),
            (b"{\"kind\":\"note\",\"kind\":\"note\"}", "kind"),
            (b"{\"kind\":\"dance\"}", "kind \"dance\" is not known"),
            (b"{\"kind\":\"note\",\"who\":1}", "unknown field `who`"),
            (b"{\"kind\":\"note\",\"score\":1000001}", "score"),
            (b"{\"kind\":\"run-start\"}", "run-start"),
            (b"{\"kind\":\"run-end\"}", "run-end"),
            (b" {\"avouch\":1,\"run\":{\"agent\":\"a\"}}", "options"),
            (b"{\"kind\":\"note\",\"fields\":{\"raw\":1}}", "raw"),
            (b"\xff", "UTF-8"),
        ] {
            let error = read_line(line).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
