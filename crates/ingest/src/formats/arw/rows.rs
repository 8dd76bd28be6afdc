//! The other tables that ARW keeps beside its journal.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_trace::{Decision, Flags, Kind};

use super::{Arw, Later, Lease, lenient};
use crate::column::{self, Time};
use crate::error::Fault;
use crate::money;
use crate::name;
use crate::run::Run;
use crate::sink::FieldValue;

/// A question to a human, and the answer once `decided_at` is there.
#[derive(Deserialize)]
pub(super) struct Staging {
    id: String,
    action_kind: String,
    action_input: String,
    requested_by: Option<String>,
    evidence: Option<String>,
    status: String,
    decision: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<Time>,
    action_id: Option<String>,
    created: Time,
}

pub(super) fn staging(
    arw: &mut Arw,
    row: Staging,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.created.0, record, run)?;
    let tool = name::tool(&row.action_kind);
    let mut draft = arw.draft(Kind::ApprovalAsked, row.created.0);
    draft.decision = Decision::AskHuman;
    draft.actor = row.requested_by.as_deref().map(party);
    let seq = run.emit(
        draft
            .on(&*tool)
            .with("staging_id", &*row.id)
            .with("input", column::json(row.action_input))
            .with_some("evidence", row.evidence.map(column::json)),
    )?;
    arw.asked.put(row.id.clone(), seq);
    // ARW takes an answer from whoever may use its interface: who gives no name is not shown to be a
    // human.
    let human = row.decided_by.is_some();
    let decision = match (&*row.status, human) {
        ("approved", true) => Decision::HumanAllowed,
        ("approved", false) => Decision::Allow,
        ("denied", true) => Decision::HumanDenied,
        ("denied", false) => Decision::Deny,
        _ => return Ok(()),
    };
    let time = row.decided_at.unwrap_or(row.created).0;
    let mut draft = arw.draft(Kind::ApprovalGiven, time);
    draft.decision = decision;
    draft.parent = Some(seq);
    draft.actor = row.decided_by.map(|name| format!("human:{name}"));
    let draft = draft
        .on(tool)
        .flag(Flags::HUMAN, human)
        .with("staging_id", row.id)
        .with_some("action_id", row.action_id.as_deref())
        .with_some("reason", row.decision);
    let later = Later {
        draft,
        raw_at: seq,
        approves: row.action_id.filter(|_| row.status == "approved"),
    };
    arw.delay(later, run)
}

#[derive(Deserialize)]
pub(super) struct Egress {
    time: Time,
    decision: String,
    reason: Option<String>,
    dest_host: Option<String>,
    dest_port: Option<i64>,
    protocol: Option<String>,
    bytes_in: Option<i64>,
    bytes_out: Option<i64>,
    corr_id: Option<String>,
    posture: Option<String>,
    meta: Option<String>,
}

pub(super) fn egress(
    arw: &mut Arw,
    row: Egress,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.time.0, record, run)?;
    let mut draft = arw.draft(Kind::Egress, row.time.0);
    draft.decision = match &*row.decision {
        "allow" => Decision::Allow,
        "deny" => Decision::Deny,
        _ => Decision::None,
    };
    draft.parent = row.corr_id.and_then(|id| arw.actions.get(&id).copied());
    let port = row.dest_port.map(|port| port.to_string());
    let host = row.dest_host.as_deref();
    draft.subject = host.map(|host| name::host(host, port.as_deref()));
    let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    run.emit(
        draft
            .by(run.agent())
            .flag(Flags::ERROR, row.decision == "error")
            .with_some("reason", row.reason)
            .with_some("protocol", row.protocol)
            .with_some("bytes_in", bytes(row.bytes_in))
            .with_some("bytes_out", bytes(row.bytes_out))
            .with_some("posture", row.posture)
            .with_some("meta", row.meta.map(column::json)),
    )
    .map(drop)
}

#[derive(Deserialize)]
pub(super) struct LeaseRow<'a> {
    id: String,
    subject: String,
    capability: String,
    scope: Option<String>,
    ttl_until: Time,
    #[serde(borrow)]
    budget: Option<&'a RawValue>,
    created: Time,
}

pub(super) fn lease(
    arw: &mut Arw,
    row: LeaseRow<'_>,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.created.0, record, run)?;
    let span = Lease {
        from: row.created.0,
        until: row.ttl_until.0,
    };
    arw.leases.put(row.id.clone(), span);
    let mut draft = arw.draft(Kind::PolicyDecision, row.created.0);
    draft.decision = Decision::Allow;
    run.emit(
        draft
            .by(format!("lease:{}", row.id))
            .on(format!("capability:{}", row.capability))
            .with("holder", party(&row.subject))
            .with("until", row.ttl_until.0)
            .with_some("scope", row.scope)
            .with_some("budget", row.budget.and_then(real)),
    )
    .map(drop)
}

#[derive(Deserialize)]
pub(super) struct Contribution<'a> {
    time: Time,
    subject: String,
    kind: String,
    #[serde(borrow)]
    qty: &'a RawValue,
    unit: String,
    corr_id: Option<String>,
    meta: Option<String>,
}

/// What tells the cost of a model's tokens.
#[derive(Default, Deserialize)]
struct ModelUse<'a> {
    model: Option<String>,
    #[serde(borrow)]
    est_cost_usd: Option<&'a RawValue>,
}

pub(super) fn contribution(
    arw: &mut Arw,
    row: Contribution<'_>,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.time.0, record, run)?;
    let is_model = row.kind == "llm.tokens";
    let kind = if is_model {
        Kind::ModelCall
    } else {
        Kind::Note
    };
    let mut draft = arw.draft(kind, row.time.0);
    draft.subject = Some(format!("contribution:{}", row.kind));
    if is_model {
        let meta: ModelUse<'_> = row.meta.as_deref().and_then(lenient).unwrap_or_default();
        draft.cost = meta
            .est_cost_usd
            .and_then(|cost| money::decimal(cost.get()));
        draft.subject = meta.model.as_deref().map(name::model).or(draft.subject);
    }
    draft.parent = row.corr_id.and_then(|id| arw.actions.get(&id).copied());
    run.emit(
        draft
            .by(party(&row.subject))
            .with("contribution", row.kind)
            .with("qty", row.qty.get())
            .with_some("qty_micro", money::decimal(row.qty.get()))
            .with("unit", row.unit)
            .with_some("meta", row.meta.map(column::json)),
    )
    .map(drop)
}

#[derive(Deserialize)]
pub(super) struct Memory {
    id: String,
    lane: String,
    key: Option<String>,
    agent_id: Option<String>,
    text: Option<String>,
    hash: Option<String>,
    created: Time,
}

pub(super) fn memory(
    arw: &mut Arw,
    row: Memory,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.created.0, record, run)?;
    let mut draft = arw.draft(Kind::Artifact, row.created.0);
    let key = row.key.as_deref().unwrap_or(&row.id);
    draft.subject = Some(format!("memory:{}/{key}", row.lane));
    draft.actor = row.agent_id.map(|agent| format!("agent:{agent}"));
    run.emit(
        draft
            .with_some("text", row.text)
            .with_some("hash", row.hash),
    )
    .map(drop)
}

#[derive(Deserialize)]
pub(super) struct Job {
    id: String,
    status: String,
    goal: Option<String>,
    data: Option<String>,
    created: Time,
}

pub(super) fn job(arw: &mut Arw, row: Job, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
    arw.catch_up(row.created.0, record, run)?;
    let draft = arw.draft(Kind::MessageIn, row.created.0);
    run.emit(
        draft
            .by(name::role("orchestrator"))
            .on(run.agent())
            .with("job_id", row.id)
            .with("status", row.status)
            .with_some("text", row.goal)
            .with_some("data", row.data.map(column::json)),
    )
    .map(drop)
}

#[derive(Deserialize)]
pub(super) struct Config {
    id: String,
    config: String,
    created: Time,
}

pub(super) fn config(
    arw: &mut Arw,
    row: Config,
    record: &str,
    run: &mut Run<'_>,
) -> Result<(), Fault> {
    arw.catch_up(row.created.0, record, run)?;
    let draft = arw.draft(Kind::Note, row.created.0);
    run.emit(
        draft
            .with("config_id", row.id)
            .with("config", column::json(row.config)),
    )
    .map(drop)
}

/// The name of whoever ARW calls this: it qualifies some names itself.
fn party(subject: &str) -> String {
    if subject.contains(':') {
        subject.to_owned()
    } else {
        name::role(subject)
    }
}

/// A number of a database, as its exact text.
fn real(number: &RawValue) -> Option<FieldValue> {
    (number.get() != "null").then(|| number.get().into())
}
