//! Events as people and programs read them.

use std::fmt;

use avouch_cbor::Value;
use avouch_trace::{Event, Field, Header, NameId};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::Error;

/// One event, of a run in the ledger or as a bundle shows it.
#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    /// Index in the run.
    pub seq: u64,
    /// What happened.
    pub kind: &'static str,
    /// What was decided.
    pub decision: &'static str,
    /// The flags that are set.
    pub flags: Vec<&'static str>,
    /// Debate round or agent step.
    pub round: u32,
    /// Milliseconds since the Unix epoch, the operator's word; 0 when the source gave none.
    pub time: u64,
    /// Micro-units spent; `null` = unknown.
    pub cost: Option<u64>,
    /// Micro-units left; `null` = no budget kept.
    pub budget: Option<u64>,
    /// Parts per million; `null` = unknown.
    pub score: Option<u32>,
    /// Seq of the event that this one answers.
    pub parent: Option<u32>,
    /// Who acted: the name where it is shown, else `id:` and the name id; `null` = nobody.
    pub actor: Option<String>,
    /// What was acted on, likewise.
    pub subject: Option<String>,
    /// The fields that are shown, by name.
    pub fields: Map<String, Json>,
    /// How many fields are withheld; `null` when not even their number is shown.
    pub withheld: Option<u64>,
    /// How many fields were erased, as far as it is shown.
    pub erased: u64,
    /// How many fields are there, encrypted to chosen readers.
    pub sealed: u64,
}

impl EventView {
    /// Makes the view of the event at `seq`, of whose body `fields` are shown, and `total` exist in all.
    pub(crate) fn new<'a>(
        seq: u64,
        event: &Event,
        fields: impl IntoIterator<Item = &'a Field>,
        total: Option<u64>,
    ) -> Result<Self, Error> {
        let header = event.header_at(seq)?;
        let shown: Map<String, Json> = fields
            .into_iter()
            .filter(|field| !field.name().is_empty())
            .map(|field| (field.name().to_owned(), field_json(field)))
            .collect();
        let name = |field: &str, id: NameId| match shown.get(field) {
            Some(Json::String(name)) => Some(name.clone()),
            _ => (!id.is_none()).then(|| format!("id:{id}")),
        };
        let Header {
            kind,
            decision,
            flags,
            round,
            seq,
            time,
            cost,
            budget,
            score,
            parent,
            ..
        } = header;
        Ok(Self {
            seq,
            kind: kind.name(),
            decision: decision.name(),
            flags: flags.names().collect(),
            round,
            time,
            cost,
            budget,
            score,
            parent,
            actor: name("actor", header.actor),
            subject: name("subject", header.subject),
            withheld: total.map(|total| total.saturating_sub(shown.len() as u64)),
            fields: shown,
            erased: 0,
            sealed: 0,
        })
    }

    /// Says that so many of those that are not shown were erased.
    pub(crate) fn with_erased(mut self, erased: u64) -> Self {
        self.erased = erased;
        self.withheld = self
            .withheld
            .map(|withheld| withheld.saturating_sub(erased));
        self
    }

    /// Says that so many of those that are not shown are there, encrypted.
    pub(crate) fn with_sealed(mut self, sealed: u64) -> Self {
        self.sealed = sealed;
        self.withheld = self
            .withheld
            .map(|withheld| withheld.saturating_sub(sealed));
        self
    }

    /// Which fields are shown, and how many are not, on one line.
    pub fn coverage(&self) -> String {
        let names: Vec<String> = self.fields.keys().map(|name| printable(name)).collect();
        let shown = match (names.is_empty(), self.withheld) {
            (true, None) => return "no field is shown".into(),
            (true, Some(_)) => "shows no field".into(),
            (false, _) => format!("shows {}", names.join(", ")),
        };
        let withheld = match self.withheld {
            None | Some(0) => String::new(),
            Some(count) => format!("; {count} withheld"),
        };
        let mut line = format!("{shown}{withheld}");
        for (count, what) in [
            (self.sealed, "sealed to chosen readers"),
            (self.erased, "erased"),
        ] {
            if count > 0 {
                line.push_str(&format!("; {count} {what}"));
            }
        }
        line
    }

    /// The event on one line.
    pub fn summary(&self) -> String {
        let mut line = format!(
            "{:>6}  {}  {:<15}",
            self.seq,
            time_text(self.time),
            self.kind
        );
        for (label, name) in [("", &self.actor), ("-> ", &self.subject)] {
            if let Some(name) = name {
                line.push_str(&format!(" {label}{}", printable(name)));
            }
        }
        if self.decision != "none" {
            line.push_str(&format!(" [{}]", self.decision));
        }
        for flag in &self.flags {
            line.push_str(&format!(" ({flag})"));
        }
        line
    }
}

impl fmt::Display for EventView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "event {}: {}", self.seq, self.kind)?;
        let mut line = |label: &str, value: &dyn fmt::Display| writeln!(f, "  {label:<10} {value}");
        line("time", &time_text(self.time))?;
        if let Some(actor) = &self.actor {
            line("actor", &printable(actor))?;
        }
        if let Some(subject) = &self.subject {
            line("subject", &printable(subject))?;
        }
        if self.decision != "none" {
            line("decision", &self.decision)?;
        }
        if !self.flags.is_empty() {
            line("flags", &self.flags.join(", "))?;
        }
        if self.round != 0 {
            line("round", &self.round)?;
        }
        if let Some(cost) = self.cost {
            line("cost", &format_args!("{cost} micro-units"))?;
        }
        if let Some(budget) = self.budget {
            line("budget", &format_args!("{budget} micro-units left"))?;
        }
        if let Some(score) = self.score {
            line("score", &format_args!("{score} ppm"))?;
        }
        if let Some(parent) = self.parent {
            line("answers", &format_args!("event {parent}"))?;
        }
        for (name, value) in &self.fields {
            let text = match value {
                Json::String(text) => printable(text),
                other => printable(&other.to_string()),
            };
            writeln!(f, "  {}: {text}", printable(name))?;
        }
        if self.sealed > 0 {
            writeln!(f, "  ({} fields sealed to chosen readers)", self.sealed)?;
        }
        if self.erased > 0 {
            writeln!(f, "  ({} fields erased)", self.erased)?;
        }
        match self.withheld {
            Some(0) => Ok(()),
            Some(count) => writeln!(f, "  ({count} fields withheld)"),
            None => writeln!(f, "  (no field is shown)"),
        }
    }
}

/// A time in RFC 3339, or a word where there is none.
pub fn time_text(millis: u64) -> String {
    let nanos = i128::from(millis) * 1_000_000;
    match time::OffsetDateTime::from_unix_timestamp_nanos(nanos) {
        Ok(time) if millis > 0 => {
            let (date, (hour, minute, second, milli)) = (time.date(), time.time().as_hms_milli());
            format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
        }
        _ if millis == 0 => format!("{:<24}", "time unknown"),
        _ => format!("{millis} ms"),
    }
}

/// Text that a terminal shows as it is: control and direction-changing characters are escaped, so
/// that a record cannot forge what is printed around it.
pub fn printable(text: &str) -> String {
    avouch_verify::printable(text)
}

fn field_json(field: &Field) -> Json {
    if let Some(blob) = field.blob() {
        return json!({ "blob": blob.digest.to_string(), "size": blob.size, "media_type": blob.media_type });
    }
    match field.value() {
        Some(value) => value_json(&Value::from(value)),
        None => Json::Null,
    }
}

/// CBOR as JSON: byte strings become `{"utf8": text}` or `{"hex": digits}`, maps with keys that are
/// not text `{"map": [[key, value]]}`, tags `{"tag": n, "value": v}`, and numbers that JSON cannot hold
/// `{"number": text}`.
pub(crate) fn value_json(value: &Value) -> Json {
    match value {
        Value::Uint(number) => json!(number),
        Value::Nint(n) => {
            let number = -1 - i128::from(*n);
            i64::try_from(number)
                .map_or_else(|_| json!({ "number": number.to_string() }), |n| json!(n))
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!({ "utf8": text }),
            Err(_) => json!({ "hex": hex::encode(bytes) }),
        },
        Value::Text(text) => json!(text),
        Value::Array(items) => items.iter().map(value_json).collect(),
        Value::Map(pairs) => {
            let text_keys: Option<Map<String, Json>> = pairs
                .iter()
                .map(|(key, value)| match key {
                    Value::Text(key) => Some((key.clone(), value_json(value))),
                    _ => None,
                })
                .collect();
            text_keys.map_or_else(
                || {
                    let pairs: Vec<Json> = pairs
                        .iter()
                        .map(|(k, v)| json!([value_json(k), value_json(v)]))
                        .collect();
                    json!({ "map": pairs })
                },
                Json::Object,
            )
        }
        Value::Tag(number, value) => json!({ "tag": number, "value": value_json(value) }),
        Value::Bool(flag) => json!(flag),
        Value::Null => Json::Null,
        Value::Undefined => json!({ "simple": 23 }),
        Value::Simple(number) => json!({ "simple": number }),
        Value::Float(number) => serde_json::Number::from_f64(*number)
            .map_or_else(|| json!({ "number": number.to_string() }), Json::Number),
    }
}
