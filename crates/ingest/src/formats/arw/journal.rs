//! The journal itself: the table `events`. What a table of its own tells better is only a note here.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Decision, Flags, Kind};

use super::{Arw, lenient};
use crate::column::{self, Time};
use crate::error::Fault;
use crate::money;
use crate::name;
use crate::object::Object;
use crate::run::Run;

#[derive(Deserialize)]
pub(super) struct Event {
    id: i64,
    time: Time,
    kind: String,
    actor: Option<String>,
    corr_id: Option<String>,
    payload: String,
}

/// What the payloads that mean something here have in common.
#[derive(Default, Deserialize)]
struct Payload<'a> {
    id: Option<String>,
    operator: Option<String>,
    reason: Option<String>,
    action: Option<String>,
    allow: Option<bool>,
    explain: Option<Object<Explain>>,
    path: Option<String>,
    dest: Option<Object<Destination>>,
    #[serde(borrow)]
    limit_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    spent_usd: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Explain {
    rule: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Destination {
    host: Option<String>,
    port: Option<u64>,
}

impl Payload<'_> {
    /// What is left to spend, in micro-dollars. ARW gives the limit and what was spent.
    fn left(&self) -> Option<u64> {
        let amount = |json: Option<&RawValue>| money::decimal(json?.get());
        Some(amount(self.limit_usd)?.saturating_sub(amount(self.spent_usd)?))
    }
}

pub(super) fn event(
    arw: &mut Arw,
    row: Event,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.time.0, record, run)?;
    let payload: Payload<'_> = lenient(&row.payload).unwrap_or_default();
    let kind = match &*row.kind {
        "policy.decision" => Kind::PolicyDecision,
        "projects.file.written" => Kind::Artifact,
        "autonomy.interrupt" => Kind::Halt,
        "autonomy.budget.updated" => Kind::BudgetChange,
        _ => Kind::Note,
    };
    let mut draft = arw.draft(kind, row.time.0);
    let of_action = [row.corr_id.as_deref(), payload.id.as_deref()];
    let mut of_action = of_action.into_iter().flatten();
    draft.parent = of_action.find_map(|id| {
        let found = arw.actions.get(id).or_else(|| arw.asked.get(id));
        found.copied()
    });
    draft.actor = row.actor;
    if let Some(operator) = &payload.operator {
        draft = draft
            .by(format!("human:{operator}"))
            .flag(Flags::HUMAN, true);
    }
    match kind {
        Kind::PolicyDecision => {
            draft.decision = match payload.allow {
                Some(true) => Decision::Allow,
                Some(false) => Decision::Deny,
                None => Decision::None,
            };
            let explain = payload.explain.as_ref().map(|Object(explain)| explain);
            let rule = explain.and_then(|explain| explain.rule.as_deref());
            draft.actor = Some(format!("policy:{}", rule.unwrap_or("arw")));
            draft.subject = payload.action.as_deref().map(name::tool);
            draft = draft.with_some("reason", explain.and_then(|explain| explain.reason.clone()));
        }
        Kind::Artifact => {
            draft.actor = Some(run.agent());
            draft.subject = payload.path.as_deref().map(|path| format!("file:{path}"));
        }
        Kind::Halt => {
            draft.subject = Some(run.agent());
            draft = draft
                .flag(Flags::HALTED, true)
                .with_some("reason", payload.reason.as_deref());
        }
        Kind::BudgetChange => draft.budget = payload.left(),
        _ => {
            let dest = payload.dest.as_ref().map(|Object(dest)| dest);
            draft.subject = dest.and_then(|dest| {
                let port = dest.port.map(|port| port.to_string());
                Some(name::host(dest.host.as_deref()?, port.as_deref()))
            });
        }
    }
    let id = u64::try_from(row.id).ok();
    run.emit(
        draft
            .with_some("event_id", id)
            .with("type", row.kind)
            .with_some("correlation_id", row.corr_id.as_deref())
            .with("payload", column::json(row.payload)),
    )
    .map(drop)
}
