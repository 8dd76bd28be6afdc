//! What messages of the Model Context Protocol are recorded as: revision 2026-07-28, and those before it that
//! start with `initialize`.

use avouch::trace::{Decision, Flags, Kind};
use serde_json::value::RawValue;

use crate::dialog::{Dialog, Key, Scope, Step, Then, What, event, id_text, json, key, step};
use crate::rpc::{Params, at, members, text};

/// Whether the answer tells what the server says of itself.
pub(crate) fn is_hello(method: &str) -> bool {
    matches!(method, "initialize" | "server/discover")
}

/// A client's request; `None` where it is not recorded.
pub(crate) fn request(
    dialog: &Dialog,
    id: &Key,
    method: &str,
    params: Params<'_>,
    raw: &str,
) -> Option<Vec<Step>> {
    if method != "tools/call" {
        return None;
    }
    let tool = params.text("name").unwrap_or_default();
    let subject = format!("tool:{}/{tool}", dialog.names.other);
    let mut steps = Vec::new();
    // A call that is made again with what the server asked for (multi round-trip requests).
    if let Some(given) = params.get("inputResponses") {
        for (name, answer) in members(given) {
            let mut given = given_answer(dialog, &subject, answer);
            given.parent = dialog.asked.get(&asked(&subject, &name)).copied();
            steps.push(step(given.with("input", name).with("output", answer)));
        }
    }
    let draft = event(Kind::ToolCall, Some(0))
        .by(dialog.names.agent())
        .on(subject.clone())
        .with("call_id", id_text(&id.2))
        .with_some("input", params.get("arguments"))
        .with("raw", json(raw));
    steps.push(Step {
        then: Then::Await(id.clone(), What::Call(subject)),
        ..step(draft)
    });
    Some(steps)
}

/// A notification: of all of them, only a cancellation changes what was done.
pub(crate) fn notification(
    dialog: &Dialog,
    scope: &Scope,
    from_client: bool,
    method: &str,
    params: Params<'_>,
    raw: &str,
) -> Vec<Step> {
    if method != "notifications/cancelled" {
        return Vec::new();
    }
    let id = params.get("requestId").map_or("", RawValue::get);
    let Some(waiting) = dialog.waiting.get(&key(scope, from_client, id)) else {
        return Vec::new();
    };
    let mut draft = event(Kind::Note, Some(0))
        .with("cancelled", true)
        .with("call_id", id_text(id))
        .with_some("reason", params.text("reason"))
        .with("raw", json(raw));
    draft.parent = waiting.seq;
    if from_client {
        draft = draft.by(dialog.names.agent());
    }
    vec![step(draft)]
}

/// A server's answer to the client.
pub(crate) fn result(
    dialog: &Dialog,
    id: &Key,
    outcome: Result<&RawValue, &RawValue>,
    raw: &str,
) -> Vec<Step> {
    let Some(waiting) = dialog.waiting.get(id) else {
        return Vec::new();
    };
    let answered = Then::Answered(id.clone());
    match &waiting.what {
        What::Call(subject) => {
            let (Ok(output) | Err(output)) = outcome;
            let is_error = match outcome {
                Ok(result) => at(result, &["isError"]).is_some_and(|flag| flag.get() == "true"),
                Err(_) => true,
            };
            let mut draft = event(Kind::ToolResult, Some(0))
                .flag(Flags::ERROR, is_error)
                .by(subject.clone())
                .on(dialog.names.agent())
                .with("call_id", id_text(&id.2))
                .with("output", output)
                .with("raw", json(raw));
            draft.parent = waiting.seq;
            let mut steps = vec![Step {
                then: answered,
                ..step(draft)
            }];
            // The tool is not done: it asks for something first.
            if let Some(wanted) = at(output, &["inputRequests"]) {
                for (name, request) in members(wanted) {
                    let method = at(request, &["method"]).and_then(text).unwrap_or_default();
                    let mut draft = asks(dialog, subject, &method);
                    draft.parent = waiting.seq;
                    steps.push(Step {
                        then: Then::Asked(asked(subject, &name)),
                        ..step(draft.with("input", name).with("output", request))
                    });
                }
            }
            steps
        }
        What::Hello(method) => {
            let draft = event(Kind::Note, Some(0))
                .by(format!("server:{}", dialog.names.other))
                .on(dialog.names.agent())
                .flag(Flags::ERROR, outcome.is_err())
                .with("type", method.clone())
                .with("raw", json(raw));
            vec![Step {
                then: answered,
                ..step(draft)
            }]
        }
        _ => Vec::new(),
    }
}

/// A server's request to the client (up to revision 2025-11-25).
pub(crate) fn server_request(
    dialog: &Dialog,
    id: &Key,
    method: &str,
    params: Params<'_>,
    raw: &str,
) -> Vec<Step> {
    let server = format!("server:{}", dialog.names.other);
    let what = match method {
        "sampling/createMessage" => What::Sampling,
        "elicitation/create" => What::Elicitation(server.clone()),
        _ => return Vec::new(),
    };
    let draft = asks(dialog, &server, method)
        .with("call_id", id_text(&id.2))
        .with_some("input", params.0)
        .with("raw", json(raw));
    vec![Step {
        then: Then::Await(id.clone(), what),
        ..step(draft)
    }]
}

/// A client's answer to such a request.
pub(crate) fn answer(
    dialog: &Dialog,
    id: &Key,
    outcome: Result<&RawValue, &RawValue>,
    raw: &str,
) -> Vec<Step> {
    let Some(waiting) = dialog.waiting.get(id) else {
        return Vec::new();
    };
    let subject = match &waiting.what {
        What::Elicitation(subject) => subject.clone(),
        What::Sampling => format!("server:{}", dialog.names.other),
        _ => return Vec::new(),
    };
    let mut draft = match outcome {
        Ok(result) => given_answer(dialog, &subject, result).with("output", result),
        Err(error) => event(Kind::Error, Some(0))
            .flag(Flags::ERROR, true)
            .by(dialog.names.agent())
            .on(subject)
            .with("output", error),
    };
    draft.parent = waiting.seq;
    vec![Step {
        then: Then::Answered(id.clone()),
        ..step(draft.with("raw", json(raw)))
    }]
}

/// The server, or a tool, asks the client for something.
fn asks(dialog: &Dialog, by: &str, method: &str) -> avouch::Draft {
    let draft = match method {
        // What a model will spend on it, only its answer tells.
        "sampling/createMessage" => event(Kind::ModelCall, Some(0)),
        "elicitation/create" => {
            let mut asked = event(Kind::ApprovalAsked, Some(0));
            asked.decision = Decision::AskHuman;
            asked
        }
        _ => event(Kind::Note, Some(0)),
    };
    draft.by(by).on(dialog.names.agent()).with("type", method)
}

/// What the client gave: a model's answer, a user's, or something else. That a human decided is only what the
/// client says, so it is not flagged as one.
fn given_answer(dialog: &Dialog, subject: &str, answer: &RawValue) -> avouch::Draft {
    let given = members(answer);
    let action = given.get("action").and_then(|action| text(action));
    let decision = match action.as_deref() {
        Some("accept") => Some(Decision::Allow),
        Some("decline") => Some(Decision::Deny),
        Some(_) => Some(Decision::None),
        None => None,
    };
    let draft = match (decision, given.get("model").and_then(|model| text(model))) {
        (Some(decision), _) => {
            let mut draft = event(Kind::ApprovalGiven, Some(0)).on(subject);
            draft.decision = decision;
            draft
        }
        (None, Some(model)) => event(Kind::MessageOut, None).on(format!("model:{model}")),
        (None, None) => event(Kind::Note, Some(0)).on(subject),
    };
    draft.by(dialog.names.agent())
}

/// What a tool asked for, by the tool and the name that it gave to it.
fn asked(subject: &str, name: &str) -> String {
    format!("{subject} {name}")
}
