//! Verifiable agent records (draft-birkholz-verifiable-agent-conversations).

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value as Json, json};

use super::plain;
use crate::signed::SignedRun;
use crate::view::time_text;
use crate::{Error, EventView};

/// The version of the draft's schema that this is.
const SCHEMA: &str = "3.0.0";
/// What the record says where no model or provider is named: its schema requires both.
const UNKNOWN: &str = "unknown";

/// The run as a record. What the schema has no word for is in each entry's member `avouch`.
pub(super) fn record(signed: &SignedRun<'_>) -> Result<Json, Error> {
    let manifest = &signed.manifest;
    let mut entries = Vec::new();
    let mut models = BTreeSet::new();
    let mut first_model = None;
    // A result is linked to its call by the call's id.
    let mut calls: HashMap<u64, String> = HashMap::new();
    signed.each(|event| {
        let view = event.view()?;
        let fields = plain::fields(event)?;
        if let Some(model) = view
            .subject
            .as_deref()
            .and_then(|s| s.strip_prefix("model:"))
        {
            first_model.get_or_insert_with(|| model.to_owned());
            models.insert(model.to_owned());
        }
        if view.kind == "tool-call" {
            let id = fields.get("call_id").and_then(Json::as_str);
            calls.insert(
                view.seq,
                id.map_or_else(|| view.seq.to_string(), str::to_owned),
            );
        }
        entries.push(entry(&view, fields, &calls, &manifest.currency));
        Ok(())
    })?;
    let (provider, model) = match &first_model {
        Some(model) => model.split_once('/').unwrap_or((UNKNOWN, model)),
        None => (UNKNOWN, UNKNOWN),
    };
    let mut session = json!({
        "format": if manifest.mode == avouch_trace::Mode::Debate { "debate" } else { "autonomous" },
        "session-id": manifest.run.to_string(),
        "agent-meta": {
            "model-id": model, "model-provider": provider, "models": models,
            "cli-name": manifest.agent,
        },
        "entries": entries,
    });
    put_time(&mut session, "session-start", manifest.first_time);
    put_time(&mut session, "session-end", manifest.last_time);
    let mut record = json!({
        "version": SCHEMA,
        "id": format!("urn:avouch:run:{}", manifest.run),
        "recording-agent": { "name": "avouch", "version": env!("CARGO_PKG_VERSION") },
        "session": session,
        "evidence": {
            "statement": signed.statement.statement_id().to_string(),
            "issuer": signed.statement.issuer(),
            "root": manifest.root.to_string(),
            "events": manifest.size,
            "currency": manifest.currency,
            "source": manifest.source.format,
        },
    });
    put_time(
        &mut record,
        "created",
        signed.statement.issued_at().saturating_mul(1000),
    );
    Ok(record)
}

/// A time, where it is known: RFC 3339 where that can say it, else milliseconds.
fn put_time(object: &mut Json, name: &str, millis: u64) {
    if millis > 0 {
        let text = time_text(millis);
        object[name] = match text.ends_with('Z') {
            true => text.into(),
            false => millis.into(),
        };
    }
}

fn entry(
    view: &EventView,
    mut fields: Map<String, Json>,
    calls: &HashMap<u64, String>,
    currency: &str,
) -> Json {
    let name = |name: &Option<String>, start: &str| {
        let name = name.as_deref().unwrap_or(UNKNOWN);
        name.strip_prefix(start).unwrap_or(name).to_owned()
    };
    let mut take = |name: &str| fields.remove(name);
    let mut entry = match view.kind {
        "message-in" => json!({ "type": "user", "content": take("text") }),
        "message-out" | "model-call" => {
            let mut entry = json!({ "type": "assistant", "content": take("text") });
            if let Some(model) = view
                .subject
                .as_deref()
                .and_then(|s| s.strip_prefix("model:"))
            {
                entry["model-id"] = model.into();
            }
            if let Some(usage) = usage(view.cost, currency) {
                entry["token-usage"] = usage;
            }
            entry
        }
        "tool-call" => {
            let input = take("input").or_else(|| take("arguments"));
            json!({
                "type": "tool-call", "name": name(&view.subject, "tool:"), "input": input,
                "call-id": calls.get(&view.seq),
            })
        }
        "tool-result" => {
            let failed = view.flags.contains(&"error");
            let output = take("output").or_else(|| take("text"));
            let mut entry = json!({
                "type": "tool-result", "output": output, "is-error": failed,
                "status": if failed { "error" } else { "success" },
            });
            if let Some(id) = view.parent.and_then(|call| calls.get(&u64::from(call))) {
                entry["call-id"] = id.clone().into();
            }
            entry
        }
        "reasoning" => json!({ "type": "reasoning", "content": take("text") }),
        kind => json!({ "type": "system-event", "event-type": kind }),
    };
    entry["id"] = view.seq.to_string().into();
    put_time(&mut entry, "timestamp", view.time);
    if let Some(parent) = view.parent {
        entry["parent-id"] = parent.to_string().into();
    }
    // The names are in `avouch` below, and so need not be told again.
    fields.remove("actor");
    fields.remove("subject");
    if entry["type"] == "system-event" {
        entry["data"] = Json::Object(std::mem::take(&mut fields));
    }
    let mut ours = json!({ "kind": view.kind, "cost": view.cost, "round": view.round });
    for (name, value) in [
        ("actor", json!(view.actor)),
        ("subject", json!(view.subject)),
        ("budget", json!(view.budget)),
        ("score", json!(view.score)),
    ] {
        if !value.is_null() {
            ours[name] = value;
        }
    }
    if view.decision != "none" {
        ours["decision"] = view.decision.into();
    }
    if !view.flags.is_empty() {
        ours["flags"] = json!(view.flags);
    }
    if !fields.is_empty() {
        ours["fields"] = Json::Object(fields);
    }
    entry["avouch"] = ours;
    entry
}

/// What an event spent, where that is tokens. The schema has a number for dollars, too; `avouch.cost` has
/// them exactly.
fn usage(cost: Option<u64>, currency: &str) -> Option<Json> {
    let micro = cost.filter(|micro| currency == "tokens" && micro % 1_000_000 == 0)?;
    Some(json!({ "total": micro / 1_000_000 }))
}
