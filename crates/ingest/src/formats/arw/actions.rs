//! The table `actions`: what the kernel was asked to do, what allowed it, and what came of it.
//!
//! ARW writes an action's row over as things happen, so one row tells two moments: `created` and
//! `updated`.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Decision, Flags, Kind};

use super::{Arw, Later, lenient};
use crate::column::{self, Time};
use crate::error::Fault;
use crate::name;
use crate::object::Object;
use crate::run::Run;
use crate::sink::Draft;
use crate::time::rfc3339;

#[derive(Deserialize)]
pub(super) struct Action {
    id: String,
    kind: String,
    input: String,
    policy_ctx: Option<String>,
    state: Option<String>,
    output: Option<String>,
    error: Option<String>,
    created: Time,
    updated: Time,
}

/// What `output` says beside what the action itself gave.
#[derive(Default, Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    guard: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Output<'_> {
    /// The error, as JSON.
    fn error(&self) -> Option<&str> {
        self.error
            .map(RawValue::get)
            .filter(|error| *error != "null")
    }
}

/// What the kernel looked at when it ran the action: its leases, then its policy.
#[derive(Deserialize)]
struct Guard {
    allowed: bool,
    lease: Option<Object<GuardLease>>,
    /// Whether the policy alone would have allowed it, so that no lease was needed.
    policy_allow: Option<bool>,
    /// Any one of these was needed.
    #[serde(default)]
    required_capabilities: Vec<String>,
}

impl Guard {
    /// Whether the action was let through on a lease of another capability than it needed.
    fn is_of_another_capability(&self) -> bool {
        let lease = self.lease.as_ref().map(|Object(lease)| lease);
        let Some(capability) = lease.and_then(|lease| lease.capability.as_deref()) else {
            return false;
        };
        self.allowed
            && self.policy_allow != Some(true)
            && !self.required_capabilities.is_empty()
            && !self
                .required_capabilities
                .iter()
                .any(|needed| covers(capability, needed))
    }
}

#[derive(Deserialize)]
struct GuardLease {
    id: Option<String>,
    capability: Option<String>,
    ttl_until: Option<String>,
}

/// Whether a lease of a capability is one of what was needed: `fs` covers `fs` and `fs.patch`.
fn covers(capability: &str, needed: &str) -> bool {
    let rest = needed.strip_prefix(capability);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
}

/// What the policy said when the action was submitted.
#[derive(Deserialize)]
struct Policy {
    decision: Option<String>,
    rule: Option<String>,
}

pub(super) fn write(
    arw: &mut Arw,
    action: Action,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(action.created.0, record, run)?;
    arw.round = arw.round.saturating_add(1);
    let output: Output<'_> = action
        .output
        .as_deref()
        .and_then(lenient)
        .unwrap_or_default();
    let approval = arw.approval(&action.id, action.created.0, record, run)?;
    let mut decided = None;
    if let Some(mut draft) = decision(arw, &action, &output) {
        draft.parent = approval;
        let is_refused = draft.decision == Decision::Deny;
        let seq = run.emit(draft)?;
        decided = Some(seq);
        if is_refused {
            arw.actions.put(action.id, seq);
            return Ok(());
        }
    }
    // What only waits has not been done.
    let is_waiting = action.state.as_deref() == Some("queued");
    let kind = if is_waiting {
        Kind::Note
    } else {
        Kind::ToolCall
    };
    let mut draft = arw.draft(kind, action.created.0);
    draft.parent = approval.or(decided);
    let input = column::json(action.input.clone());
    let call = run.emit(
        draft
            .by(run.agent())
            .on(name::tool(&action.kind))
            .with("action_id", &*action.id)
            .with_some("state", action.state.as_deref())
            .with("input", input),
    )?;
    arw.actions.put(action.id.clone(), call);
    if !matches!(action.state.as_deref(), Some("completed" | "failed")) {
        return Ok(());
    }
    let mut draft = arw.draft(Kind::ToolResult, action.updated.0);
    draft.parent = Some(call);
    if output.error() == Some("\"denied\"") {
        draft.decision = Decision::Deny;
    }
    let failed = output.error().is_some() || action.state.as_deref() == Some("failed");
    let draft = draft
        .by(name::tool(&action.kind))
        .on(run.agent())
        .flag(Flags::ERROR, failed)
        .with("action_id", action.id)
        .with_some("output", action.output.clone().map(column::json))
        .with_some("text", action.error);
    let later = Later {
        draft,
        raw_at: decided.unwrap_or(call),
        approves: None,
    };
    arw.delay(later, run)
}

/// What decided whether the action was run. ARW says that with the action's result, and not when; it is
/// given the action's time here, since it comes before what was done.
fn decision(arw: &Arw, action: &Action, output: &Output<'_>) -> Option<Draft> {
    let guard: Option<Guard> = output.guard.and_then(|guard| lenient(guard.get()));
    let policy: Option<Policy> = action.policy_ctx.as_deref().and_then(lenient);
    let said = policy
        .as_ref()
        .and_then(|policy| policy.decision.as_deref());
    let verdict = match (&guard, said) {
        _ if refused(action, guard.as_ref(), output) => Decision::Deny,
        (Some(_), _) | (None, Some("allow")) => Decision::Allow,
        (None, Some("deny")) => Decision::Deny,
        (None, _) => return None,
    };
    let lease = guard.as_ref().and_then(|guard| guard.lease.as_ref());
    let lease = lease.map(|Object(lease)| lease);
    let rule = policy.as_ref().and_then(|policy| policy.rule.as_deref());
    let by = match (&guard, lease.and_then(|lease| lease.id.as_deref()), rule) {
        (Some(_), Some(id), _) => format!("lease:{id}"),
        (Some(_), None, _) => "policy:guard".to_owned(),
        (None, _, Some(rule)) => format!("policy:{rule}"),
        (None, _, None) => "policy:arw".to_owned(),
    };
    let mut draft = arw.draft(Kind::PolicyDecision, action.created.0);
    draft.decision = verdict;
    let is_outside = lease.is_some_and(|lease| outside(arw, lease, action.created.0))
        || guard.as_ref().is_some_and(Guard::is_of_another_capability);
    Some(
        draft
            .by(by)
            .on(name::tool(&action.kind))
            .flag(Flags::ERROR, is_outside)
            .with("action_id", &*action.id)
            .with_some("guard", output.guard)
            .with_some("policy", action.policy_ctx.clone().map(column::json))
            .with_some("reason", action.error.as_deref()),
    )
}

/// Whether ARW refused the action before it was run. There is no state for that: the error's text
/// says it.
fn refused(action: &Action, guard: Option<&Guard>, output: &Output<'_>) -> bool {
    let says = |error: Option<&str>, start| error.is_some_and(|error| error.starts_with(start));
    guard.is_some_and(|guard| !guard.allowed)
        || says(output.error(), "\"lease required")
        || says(action.error.as_deref(), "denied")
}

/// Whether a lease was used before it was given or after it had run out.
fn outside(arw: &Arw, lease: &GuardLease, used: u64) -> bool {
    let known = lease.id.as_deref().and_then(|id| arw.leases.get(id));
    let until = lease.ttl_until.as_deref().and_then(rfc3339);
    known.is_some_and(|known| used < known.from || known.until < used)
        || until.is_some_and(|until| until < used)
}
