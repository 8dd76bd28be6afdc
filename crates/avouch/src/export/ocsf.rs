//! OCSF events, one JSON object a line, for SIEMs.

use serde_json::{Value as Json, json};

use super::plain;
use crate::signed::SignedRun;
use crate::{Error, EventView};

/// The version of the schema that the events are of.
pub const OCSF_VERSION: &str = "1.5.0";

/// A class of events: its numbers and names.
struct Class {
    uid: u64,
    name: &'static str,
    category: (u64, &'static str),
}

const API_ACTIVITY: Class = Class {
    uid: 6003,
    name: "API Activity",
    category: (6, "Application Activity"),
};
const LIFECYCLE: Class = Class {
    uid: 6002,
    name: "Application Lifecycle",
    category: (6, "Application Activity"),
};
const APPLICATION_ERROR: Class = Class {
    uid: 6008,
    name: "Application Error",
    category: (6, "Application Activity"),
};
const NETWORK_ACTIVITY: Class = Class {
    uid: 4001,
    name: "Network Activity",
    category: (4, "Network Activity"),
};

/// One line for each event, in order.
pub(super) fn lines(signed: &SignedRun<'_>) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::new();
    signed.each(|event| {
        let view = event.view()?;
        let mut line = line(signed, &view);
        let mut fields = plain::fields(event)?;
        fields.remove("actor");
        fields.remove("subject");
        if let Some(Json::String(reason)) = fields.get("reason") {
            line["status_detail"] = reason.clone().into();
        }
        line["unmapped"] = json!({ "avouch": ours(signed, &view), "fields": fields });
        serde_json::to_writer(&mut lines, &line).map_err(Error::Json)?;
        lines.push(b'\n');
        Ok(())
    })?;
    Ok(lines)
}

/// What OCSF has no attribute for.
fn ours(signed: &SignedRun<'_>, view: &EventView) -> Json {
    json!({
        "run": signed.manifest.run.to_string(), "seq": view.seq, "kind": view.kind,
        "statement": signed.statement.statement_id().to_string(),
        "root": signed.manifest.root.to_string(),
        "decision": view.decision, "flags": view.flags, "round": view.round, "parent": view.parent,
        "cost": view.cost, "currency": signed.manifest.currency, "budget": view.budget,
        "score": view.score, "actor": view.actor, "subject": view.subject,
    })
}

/// The class, its activity and the activity's name.
fn class(view: &EventView) -> (&'static Class, u64, String) {
    let denied = matches!(view.decision, "deny" | "human-denied");
    let (class, activity, name) = match view.kind {
        "run-start" => (&LIFECYCLE, 3, "Start"),
        "run-end" => (&LIFECYCLE, 4, "Stop"),
        "error" => (&APPLICATION_ERROR, 1, "General Error"),
        "egress" if denied => (&NETWORK_ACTIVITY, 5, "Refuse"),
        "egress" if view.flags.contains(&"error") => (&NETWORK_ACTIVITY, 4, "Fail"),
        "egress" => (&NETWORK_ACTIVITY, 6, "Traffic"),
        kind => (&API_ACTIVITY, 99, kind),
    };
    (class, activity, name.to_owned())
}

fn severity(view: &EventView) -> (u64, &'static str) {
    let has = |flag: &str| view.flags.contains(&flag);
    if view.kind == "halt" || has("halted") {
        (4, "High")
    } else if view.kind == "error" || has("error") {
        (3, "Medium")
    } else if matches!(view.decision, "deny" | "human-denied") {
        (2, "Low")
    } else {
        (1, "Informational")
    }
}

fn line(signed: &SignedRun<'_>, view: &EventView) -> Json {
    let (class, activity, activity_name) = class(view);
    let (severity, severity_name) = severity(view);
    let failed = severity > 1;
    let manifest = &signed.manifest;
    let mut line = json!({
        "metadata": {
            "version": OCSF_VERSION,
            "product": { "name": "avouch", "vendor_name": "avouch", "version": env!("CARGO_PKG_VERSION") },
            "uid": format!("{}/{}", manifest.run, view.seq),
            "correlation_uid": manifest.run.to_string(),
            "sequence": view.seq,
            "log_name": manifest.source.format,
        },
        "time": view.time,
        "class_uid": class.uid, "class_name": class.name,
        "category_uid": class.category.0, "category_name": class.category.1,
        "activity_id": activity, "activity_name": activity_name,
        "type_uid": class.uid * 100 + activity,
        "type_name": format!("{}: {activity_name}", class.name),
        "severity_id": severity, "severity": severity_name,
        "status_id": if failed { 2 } else { 1 }, "status": if failed { "Failure" } else { "Success" },
        "message": message(view),
    });
    let agent = json!({ "name": manifest.agent, "type_id": 0, "type": "Unknown" });
    match class.uid {
        6002 => {
            line["app"] = json!({ "name": manifest.agent, "vendor_name": manifest.source.format })
        }
        6003 => {
            line["actor"] = actor(view, &manifest.agent);
            line["src_endpoint"] = agent;
            line["api"] = json!({
                "operation": view.subject.as_deref().unwrap_or(view.kind),
                "request": { "uid": view.seq.to_string() },
            });
        }
        4001 => {
            line["src_endpoint"] = agent;
            line["dst_endpoint"] = endpoint(view.subject.as_deref());
        }
        _ => {}
    }
    line
}

/// Who acted: a user where it is a human, else an application.
fn actor(view: &EventView, agent: &str) -> Json {
    match view.actor.as_deref() {
        Some(name) if view.flags.contains(&"human") => json!({
            "user": { "name": name.strip_prefix("human:").unwrap_or(name), "type_id": 1, "type": "User" },
            "app_name": agent,
        }),
        Some(name) => json!({ "app_name": name }),
        None => json!({ "app_name": agent }),
    }
}

/// `host:NAME:PORT` as an endpoint.
fn endpoint(subject: Option<&str>) -> Json {
    let Some(host) = subject.map(|subject| subject.strip_prefix("host:").unwrap_or(subject)) else {
        return json!({ "name": "unknown" });
    };
    match host
        .rsplit_once(':')
        .map(|(name, port)| (name, port.parse::<u16>()))
    {
        Some((name, Ok(port))) => json!({ "hostname": name, "port": port }),
        _ => json!({ "hostname": host }),
    }
}

fn message(view: &EventView) -> String {
    let mut text = view.kind.to_owned();
    for name in [&view.actor, &view.subject].into_iter().flatten() {
        text += " ";
        text += name;
    }
    if view.decision != "none" {
        text += &format!(" [{}]", view.decision);
    }
    text
}
