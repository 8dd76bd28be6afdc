//! What messages of A2A are recorded as: its JSON-RPC binding, protocol versions 0.3 and 1.0.
//!
//! On the caller's side a message to another agent is a delegation. On the side of the agent that serves it, each
//! task is a run of its own, which names the delegation that it came from, where the caller told.

use avouch::Draft;
use avouch::trace::{Flags, Kind, Parent, Relation};
use serde_json::value::RawValue;

use crate::dialog::{Dialog, Key, Place, Step, Task, Then, What, event, id_text, json};
use crate::rpc::{Params, at, members, text};

/// The header with which a caller's proxy tells the other agent's which event it is: `RUN/SEQ`.
pub const PARENT_HEADER: &str = "avouch-parent";

/// The value of that header.
pub(crate) fn parent_text(run: avouch::trace::RunId, seq: u64) -> String {
    format!("{run}/{seq}")
}

/// Reads that header.
pub(crate) fn read_parent(value: &str) -> Option<Parent> {
    let (run, seq) = value.split_once('/')?;
    Some(Parent {
        run: run.parse().ok()?,
        seq: seq
            .parse()
            .ok()
            .filter(|seq: &u32| seq.to_string() == value[run.len() + 1..])?,
        relation: Relation::A2a,
    })
}

fn is_send(method: &str) -> bool {
    matches!(
        method,
        "message/send" | "message/stream" | "SendMessage" | "SendStreamingMessage"
    )
}

fn is_cancel(method: &str) -> bool {
    matches!(method, "tasks/cancel" | "CancelTask")
}

/// Whether this asks how a task goes, so that the answer tells.
fn is_watch(method: &str) -> bool {
    matches!(
        method,
        "tasks/get" | "tasks/resubscribe" | "GetTask" | "SubscribeToTask"
    )
}

/// A client's request; `None` where it is none of A2A's.
pub(crate) fn request(
    dialog: &Dialog,
    id: &Key,
    method: &str,
    params: Params<'_>,
    raw: &str,
    parent: Option<Parent>,
) -> Option<Vec<Step>> {
    let names = &dialog.names;
    let base = |kind| {
        event(kind, Some(0))
            .with("call_id", id_text(&id.2))
            .with("type", method)
            .with("raw", json(raw))
    };
    if is_send(method) {
        let message = params.get("message");
        let task = message
            .and_then(|message| at(message, &["taskId"]))
            .and_then(text)
            .and_then(|id| dialog.tasks.get(&id));
        let (kind, place) = match (names.serves, task) {
            (true, Some(task)) => (Kind::MessageIn, task.place.clone()),
            (true, None) => (Kind::MessageIn, Place::New(parent)),
            (false, _) => (Kind::Delegation, Place::Proxy),
        };
        let draft = base(kind).with_some("input", message);
        let draft = match names.serves {
            true => draft.by("role:caller").on(names.agent()),
            false => draft.by(names.agent()).on(format!("agent:{}", names.other)),
        };
        return Some(vec![Step {
            place,
            draft,
            then: Then::Await(id.clone(), What::Delegation),
        }]);
    }
    // MCP has methods of the same names: only tasks that were seen here are A2A's.
    let task = dialog.tasks.get(&params.text("id")?)?;
    if !is_cancel(method) && !is_watch(method) {
        return None;
    }
    let mut draft = base(Kind::Note).with("cancelled", is_cancel(method));
    draft.parent = task.seq;
    draft = match names.serves {
        true => draft.by("role:caller").on(names.agent()),
        false => draft.by(names.agent()).on(format!("agent:{}", names.other)),
    };
    Some(vec![Step {
        place: task.place.clone(),
        draft,
        then: Then::Await(id.clone(), What::Delegation),
    }])
}

/// A server's answer, or one of those that are streamed; `None` where it answers no message to an agent.
pub(crate) fn result(
    dialog: &Dialog,
    id: &Key,
    outcome: Result<&RawValue, &RawValue>,
    raw: &str,
) -> Option<Vec<Step>> {
    let waiting = dialog.waiting.get(id)?;
    let What::Delegation = waiting.what else {
        return None;
    };
    let found = match outcome {
        Ok(result) => update(result),
        Err(_) => Update {
            kind: Kind::Error,
            failed: true,
            over: waiting.task.is_none(),
            ..Update::default()
        },
    };
    let names = &dialog.names;
    let task_id = found.task.clone().or_else(|| waiting.task.clone());
    let known = task_id.as_ref().and_then(|id| dialog.tasks.get(id));
    let kind = match (found.kind, names.serves) {
        (Kind::MessageIn, true) => Kind::MessageOut,
        (kind, _) => kind,
    };
    // What another agent spent, or this one's models, no message tells.
    let cost = match kind {
        Kind::MessageIn | Kind::MessageOut => None,
        _ => Some(0),
    };
    let (Ok(output) | Err(output)) = outcome;
    let mut draft = event(kind, cost)
        .flag(Flags::ERROR, found.failed)
        .with("call_id", id_text(&id.2))
        .with_some("task_id", found.task.clone())
        .with_some("context_id", found.context)
        .with_some("state", found.state)
        .with("output", output)
        .with("raw", json(raw));
    draft.parent = known.and_then(|task| task.seq).or(waiting.seq);
    draft = match names.serves {
        true => draft.by(names.agent()).on("role:caller"),
        false => draft.by(format!("agent:{}", names.other)).on(names.agent()),
    };
    let place = known.map_or_else(|| waiting.place.clone(), |task| task.place.clone());
    let then = match found.over {
        true => Then::Over(id.clone(), task_id),
        false => Then::Update(id.clone(), found.task),
    };
    let mut steps = vec![Step {
        place: place.clone(),
        draft,
        then,
    }];
    // Each task that is served is a run, which ends with it.
    if found.over && names.serves && matches!(place, Place::Run(_)) {
        steps.push(end(dialog, place, found.failed));
    }
    Some(steps)
}

/// The end of a served task's run. A task that failed was recorded to its end all the same.
fn end(dialog: &Dialog, place: Place, failed: bool) -> Step {
    let draft: Draft = event(Kind::RunEnd, Some(0)).by(dialog.names.agent());
    Step {
        place,
        draft: draft.with("failed", failed),
        then: Then::Nothing,
    }
}

/// The ends of the runs of tasks that are not over.
pub(crate) fn cut_off(tasks: impl Iterator<Item = Task>, why: &str) -> Vec<Step> {
    tasks
        .filter(|task| matches!(task.place, Place::Run(_)))
        .map(|task| Step {
            place: task.place,
            draft: event(Kind::RunEnd, Some(0))
                .flag(Flags::ERROR, true)
                .with("reason", why),
            then: Then::Nothing,
        })
        .collect()
}

/// What an answer says about a task.
struct Update {
    kind: Kind,
    task: Option<String>,
    context: Option<String>,
    state: Option<String>,
    failed: bool,
    over: bool,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            kind: Kind::Note,
            task: None,
            context: None,
            state: None,
            failed: false,
            over: false,
        }
    }
}

/// Reads a result: a task, a message, or an update of a task, in the shapes of 0.3 (`kind` says which) and of 1.0
/// (one member, which is named so).
fn update(result: &RawValue) -> Update {
    let outer = members(result);
    let member = |name: &str| outer.get(name).copied();
    let kind = member("kind").and_then(text).unwrap_or_default();
    let (kind, inner) = match kind.as_str() {
        "task" | "message" | "status-update" | "artifact-update" => (kind.as_str(), result),
        _ => [
            ("task", "task"),
            ("message", "message"),
            ("statusUpdate", "status-update"),
            ("artifactUpdate", "artifact-update"),
        ]
        .into_iter()
        .find_map(|(name, kind)| Some((kind, member(name)?)))
        // What asks for a task by its id gets it bare in 1.0.
        .unwrap_or(("task", result)),
    };
    let inside = |name: &str| at(inner, &[name]).and_then(text);
    let task = match kind {
        "task" => inside("id"),
        _ => inside("taskId"),
    };
    let state = at(inner, &["status", "state"]).and_then(text).map(|state| {
        let short = state.strip_prefix("TASK_STATE_").unwrap_or(&state);
        short.to_ascii_lowercase().replace('_', "-")
    });
    let is = |names: &[&str]| state.as_deref().is_some_and(|state| names.contains(&state));
    let failed = is(&["failed", "rejected"]);
    let over = failed || is(&["completed", "canceled", "cancelled"]);
    Update {
        kind: match kind {
            "message" => Kind::MessageIn,
            "artifact-update" => Kind::Artifact,
            _ if over => Kind::MessageIn,
            _ => Kind::Note,
        },
        // A message that belongs to no task is the whole answer.
        over: over || (kind == "message" && task.is_none()),
        context: inside("contextId"),
        task,
        state,
        failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(text: &str) -> Update {
        update(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn both_versions_of_a_task_are_read_alike() {
        for text in [
            r#"{"kind":"task","id":"t","contextId":"c","status":{"state":"completed"}}"#,
            r#"{"task":{"id":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}"#,
            r#"{"kind":"status-update","taskId":"t","contextId":"c","status":{"state":"completed"}}"#,
            r#"{"statusUpdate":{"taskId":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}}"#,
            r#"{"id":"t","contextId":"c","status":{"state":"TASK_STATE_COMPLETED"}}"#,
        ] {
            let found = read(text);
            assert_eq!(found.task.as_deref(), Some("t"), "{text}");
            assert_eq!(found.state.as_deref(), Some("completed"));
            assert_eq!(found.kind, Kind::MessageIn);
            assert!(found.over && !found.failed);
        }
        let working = read(r#"{"task":{"id":"t","status":{"state":"TASK_STATE_INPUT_REQUIRED"}}}"#);
        assert_eq!(working.state.as_deref(), Some("input-required"));
        assert!(!working.over);
        assert!(read(r#"{"message":{"messageId":"m","role":"ROLE_AGENT"}}"#).over);
        assert!(!read(r#"{"message":{"messageId":"m","taskId":"t"}}"#).over);
        assert!(read(r#"{"task":{"id":"t","status":{"state":"TASK_STATE_REJECTED"}}}"#).failed);
    }

    #[test]
    fn a_parent_reads_back_and_nothing_else_does() {
        let id: avouch::trace::RunId = "00112233445566778899aabbccddeeff".parse().unwrap();
        let text = parent_text(id, 17);
        let parent = read_parent(&text).unwrap();
        assert_eq!((parent.run, parent.seq), (id, 17));
        for wrong in [
            "00112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeeff/",
            "00112233445566778899aabbccddeeff/-1",
            "00112233445566778899aabbccddeeff/017",
            "00112233445566778899aabbccddeeff/+7",
            "00112233445566778899aabbccddeeff/4294967296",
            "0011/1",
        ] {
            assert!(read_parent(wrong).is_none(), "{wrong}");
        }
    }
}
