//! harombe's audit database: what agents asked a gateway for, what the gateway decided, and the tool
//! calls that it let through. Each session is a run.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use avouch_trace::{Decision, Flags, Kind};

use crate::column::{self, Time};
use crate::database::{Database, Table};
use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::ids::Recent;
use crate::integrity::Rules;
use crate::money;
use crate::name;
use crate::object::Object;
use crate::row::Row;
use crate::run::{Run, Start};
use crate::sink::Draft;

pub(crate) const SPEC: Spec = Spec {
    name: "harombe",
    agent: "harombe",
    currency: "ms",
    many_runs: true,
    recognises: |_| false,
    shape: |_| Shape::Rows,
    importer: || Box::new(Harombe::new()),
    rules: Some(&RULES),
    database: Some(&DATABASE),
};

const RULES: Rules = Rules {
    covers: &[],
    does_not_cover: &[
        "anything: no row has a hash, a signature or a link to another, so every row can be changed, added or deleted unseen",
        "rows older than the retention period (90 days by default), which harombe deletes itself",
        "what its zero-knowledge proofs (audit_proofs) are about: they are bound to no row and no log",
    ],
    auditor: None,
};

/// Which session a row without one belongs to: that of the rows that share its correlation id, as
/// harombe writes responses without a session.
macro_rules! correlated {
    () => {
        "(SELECT min(e.session_id) FROM audit_events AS e WHERE e.correlation_id = t.correlation_id),
         (SELECT min(c.session_id) FROM tool_calls AS c WHERE c.correlation_id = t.correlation_id),
         (SELECT min(d.session_id) FROM security_decisions AS d WHERE d.correlation_id = t.correlation_id)"
    };
}

const SESSION: &str = concat!("coalesce(t.session_id, ", correlated!(), ")");

const DATABASE: Database = Database {
    requires: &["audit_events", "tool_calls", "security_decisions"],
    tables: &[
        Table {
            name: "audit_events",
            group: SESSION,
            order: "t.timestamp",
        },
        Table {
            name: "security_decisions",
            group: SESSION,
            order: "t.timestamp",
        },
        Table {
            name: "tool_calls",
            group: SESSION,
            order: "t.timestamp",
        },
        Table {
            name: "audit_proofs",
            group: concat!("coalesce(", correlated!(), ")"),
            order: "t.created_at",
        },
        // The schema's version, which is of no session: at the end of the first, as blobs come after
        // every text.
        Table {
            name: "audit_metadata",
            group: "(SELECT min(session_id) FROM audit_events)",
            order: "x''",
        },
    ],
};

#[derive(Deserialize)]
struct Event {
    correlation_id: String,
    timestamp: Time,
    event_type: String,
    actor: String,
    tool_name: Option<String>,
    action: String,
    metadata: Option<String>,
    duration_ms: Option<i64>,
    status: String,
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    correlation_id: String,
    timestamp: Time,
    tool_name: String,
    method: String,
    parameters: String,
    result: Option<String>,
    error: Option<String>,
    duration_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Verdict {
    correlation_id: String,
    timestamp: Time,
    decision_type: String,
    decision: String,
    reason: String,
    context: Option<String>,
    tool_name: Option<String>,
    actor: String,
}

/// What harombe's gate and firewall put into a decision's context.
#[derive(Default, Deserialize)]
struct Context<'a> {
    approval_status: Option<String>,
    approval_user: Option<String>,
    destination: Option<String>,
    #[serde(borrow)]
    port: Option<&'a RawValue>,
}

impl Context<'_> {
    /// The human who decided. Harombe also writes `denied` where asking failed: then no user is named.
    fn human(&self) -> Option<&str> {
        let by_human = matches!(self.approval_status.as_deref(), Some("approved" | "denied"));
        self.approval_user.as_deref().filter(|_| by_human)
    }

    fn host(&self) -> Option<String> {
        let host = self.destination.as_deref()?;
        let port = self.port.map(RawValue::get).filter(|port| *port != "null");
        Some(name::host(host, port))
    }
}

#[derive(Deserialize)]
struct Proof {
    created_at: Time,
    claim_type: String,
    description: Option<String>,
    public_parameters: Option<String>,
}

/// What is known about a correlation id.
#[derive(Clone, Default)]
struct Thread {
    request: Option<u32>,
    /// The tool that was asked for.
    tool: Option<String>,
    /// The last decision that allowed something, and what.
    allowed: Option<(u32, String)>,
}

struct Harombe {
    /// The open run's session; the outer `None` before the first.
    session: Option<Option<String>>,
    /// Whose session it is, in harombe's words.
    owner: Option<String>,
    threads: Recent<String, Thread>,
    /// Requests so far.
    round: u32,
}

impl Harombe {
    fn new() -> Self {
        Self {
            session: None,
            owner: None,
            threads: Recent::new(),
            round: 0,
        }
    }

    /// Starts the run of a session, unless it is the open one.
    fn enter(&mut self, row: &Row<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let session = row.group();
        if self.session.as_ref() == Some(&session) {
            return Ok(());
        }
        *self = Self::new();
        let mut start = Start::new(SPEC.currency).with_some("session", session.clone());
        if row.table == "audit_events" {
            let event: Event = row.columns()?;
            self.owner = Some(event.actor).filter(|_| event.event_type == "request");
            start.draft.time = event.timestamp.0;
        }
        start.agent.clone_from(&self.owner);
        start.name.clone_from(&session);
        self.session = Some(session);
        run.start(start)
    }

    fn draft(&self, kind: Kind, time: Time) -> Draft {
        let mut draft = Draft::new(kind);
        draft.time = time.0;
        draft.round = self.round;
        draft.cost = Some(0);
        draft
    }

    fn actor(&self, actor: &str, run: &Run<'_>) -> String {
        match self.owner.as_deref() {
            Some(owner) if owner == actor => run.agent(),
            _ => name::role(actor),
        }
    }

    fn thread(&self, correlation: &str) -> Thread {
        self.threads.get(correlation).cloned().unwrap_or_default()
    }

    fn event(&mut self, event: Event, run: &mut Run<'_>) -> Result<(), Fault> {
        let kind = match &*event.event_type {
            "request" => Kind::MessageOut,
            "response" => Kind::MessageIn,
            "error" => Kind::Error,
            _ => Kind::Note,
        };
        let mut thread = self.thread(&event.correlation_id);
        let tool = event.tool_name.as_deref().map(name::tool).or(thread.tool);
        self.round += u32::from(kind == Kind::MessageOut);
        let mut draft = self.draft(kind, event.timestamp);
        let actor = self.actor(&event.actor, run);
        draft = match kind {
            Kind::MessageIn => Draft {
                actor: tool.clone(),
                ..draft.on(run.agent())
            },
            _ => Draft {
                subject: tool.clone(),
                ..draft.by(actor)
            },
        };
        if kind == Kind::MessageIn && event.status == "denied" {
            draft.decision = Decision::Deny;
        }
        draft.parent = thread.request;
        let failed = !matches!(&*event.status, "success" | "pending");
        let duration = event.duration_ms.and_then(|ms| u64::try_from(ms).ok());
        draft = draft
            .flag(Flags::ERROR, failed || kind == Kind::Error)
            .with("correlation_id", &*event.correlation_id)
            .with("action", event.action)
            .with("status", event.status)
            .with_some("metadata", event.metadata.map(column::json))
            .with_some("duration_ms", duration)
            .with_some("text", event.error_message);
        let seq = run.emit(draft)?;
        if kind == Kind::MessageOut {
            thread.request = Some(seq);
        }
        thread.tool = tool;
        self.threads.put(event.correlation_id, thread);
        Ok(())
    }

    fn verdict(&mut self, verdict: Verdict, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut thread = self.thread(&verdict.correlation_id);
        let context = verdict.context.as_deref().unwrap_or("null");
        let context = serde_json::from_str::<Object<Context<'_>>>(context);
        let context = context.map_or_else(|_| Context::default(), |Object(context)| context);
        let is_gate = verdict.decision_type == "hitl";
        let human = context.human().filter(|_| is_gate);
        let decision = match (&*verdict.decision, human) {
            ("allow", None) => Decision::Allow,
            ("allow", Some(_)) => Decision::HumanAllowed,
            ("deny", None) => Decision::Deny,
            ("deny", Some(_)) => Decision::HumanDenied,
            ("require_confirmation", _) => Decision::AskHuman,
            _ => Decision::None,
        };
        let kind = match (&*verdict.decision_type, decision) {
            ("egress", _) => Kind::Egress,
            (_, Decision::AskHuman) => Kind::ApprovalAsked,
            (_, Decision::HumanAllowed | Decision::HumanDenied) => Kind::ApprovalGiven,
            _ => Kind::PolicyDecision,
        };
        let subject = match kind {
            Kind::Egress => context.host(),
            _ => verdict.tool_name.as_deref().map(name::tool),
        };
        let subject = subject.or(thread.tool.clone());
        let mut draft = self
            .draft(kind, verdict.timestamp)
            .flag(Flags::HUMAN, human.is_some())
            .flag(Flags::REDACTED, verdict.decision == "redacted");
        draft.decision = decision;
        draft.parent = thread.request;
        draft.actor = Some(match (human, kind) {
            (Some(user), _) => format!("human:{user}"),
            (None, Kind::Egress) => self.actor(&verdict.actor, run),
            (None, _) => format!("policy:{}", verdict.decision_type),
        });
        draft.subject.clone_from(&subject);
        let seq = run.emit(
            draft
                .with("correlation_id", &*verdict.correlation_id)
                .with("decision_type", verdict.decision_type)
                .with("reason", verdict.reason)
                .with_some("context", verdict.context.map(column::json)),
        )?;
        if kind != Kind::Egress
            && matches!(decision, Decision::Allow | Decision::HumanAllowed)
            && let Some(subject) = subject
        {
            thread.allowed = Some((seq, subject));
        }
        self.threads.put(verdict.correlation_id, thread);
        Ok(())
    }

    fn call(&mut self, call: Call, run: &mut Run<'_>) -> Result<(), Fault> {
        let thread = self.thread(&call.correlation_id);
        let tool = name::tool(&call.tool_name);
        let allowed = thread.allowed.filter(|(_, allowed)| *allowed == tool);
        let mut draft = self.draft(Kind::ToolCall, call.timestamp);
        draft.parent = allowed.map(|(seq, _)| seq).or(thread.request);
        let millis = call.duration_ms.and_then(|ms| u64::try_from(ms).ok());
        draft.cost = millis.and_then(money::whole);
        let seq = run.emit(
            draft
                .by(run.agent())
                .on(&*tool)
                .with("correlation_id", call.correlation_id)
                .with("method", call.method)
                .with("input", column::json(call.parameters)),
        )?;
        if call.result.is_none() && call.error.is_none() {
            return Ok(());
        }
        let mut draft = self.draft(Kind::ToolResult, call.timestamp);
        draft.parent = Some(seq);
        run.emit(
            draft
                .by(tool)
                .on(run.agent())
                .flag(Flags::ERROR, call.error.is_some())
                .with_some("output", call.result.map(column::json))
                .with_some("text", call.error),
        )
        .map(drop)
    }
}

impl Importer for Harombe {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let row = Row::parse(record)?;
        match &*row.table {
            "audit_events" => self.within(&row, run, Self::event),
            "security_decisions" => self.within(&row, run, Self::verdict),
            "tool_calls" => self.within(&row, run, Self::call),
            "audit_proofs" => self.within(&row, run, |harombe, proof: Proof, run| {
                let mut draft = harombe.draft(Kind::Artifact, proof.created_at);
                draft.subject = Some(format!("proof:{}", proof.claim_type));
                let public = proof.public_parameters.map(column::json);
                run.emit(
                    draft
                        .with_some("text", proof.description)
                        .with_some("public_parameters", public),
                )
                .map(drop)
            }),
            _ => {
                self.enter(&row, run)?;
                let mut draft = Draft::new(Kind::Note);
                draft.cost = Some(0);
                run.emit(draft).map(drop)
            }
        }
    }
}

impl Harombe {
    /// Reads a row before its session's run is opened: a malformed one leaves nothing.
    fn within<T: DeserializeOwned>(
        &mut self,
        row: &Row<'_>,
        run: &mut Run<'_>,
        map: impl FnOnce(&mut Self, T, &mut Run<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let columns: T = row.columns()?;
        self.enter(row, run)?;
        map(self, columns, run)
    }
}
