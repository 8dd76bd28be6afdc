//! What an audit event becomes by itself, whatever came before it.

use avouch_trace::{Flags, Kind};

use super::event::{Data, Event, agent, score};
use crate::error::Fault;
use crate::name;
use crate::sink::Draft;

/// What all that an audit event becomes has in common.
pub(super) struct Base<'e> {
    pub(super) event: &'e Event<'e>,
    time: u64,
}

impl<'e> Base<'e> {
    pub(super) fn new(event: &'e Event<'e>) -> Result<Self, Fault> {
        Ok(Self {
            event,
            time: super::millis(&event.timestamp)?,
        })
    }

    pub(super) fn actor(&self) -> String {
        self.event.actor.0.name()
    }

    /// The event itself, done by its actor at no cost.
    pub(super) fn draft(&self, kind: Kind) -> Draft {
        let mut draft = Draft::new(kind)
            .by(self.actor())
            .with("event_id", &*self.event.id)
            .with("event_type", &*self.event.event_type);
        if let Some(capsule) = self.event.verdict() {
            draft = draft
                .with("capsule", capsule.capsule_id.as_str())
                .with("outcome", capsule.outcome.as_str())
                .with("reason", capsule.reason_code.as_str());
        }
        let approvals = self.event.approval_signatures.len() as u64;
        if approvals > 0 {
            draft = draft.with("approvals", approvals);
        }
        draft.flags = self.event.actor.0.flags();
        draft.time = self.time;
        draft.cost = Some(0);
        draft
    }

    /// Something that the event tells of somebody, which a model said at a cost that VEX does not
    /// record.
    pub(super) fn spoken(
        &self,
        kind: Kind,
        actor: &Option<String>,
        subject: &Option<String>,
    ) -> Draft {
        let mut draft = Draft::new(kind);
        draft.actor.clone_from(actor);
        draft.subject.clone_from(subject);
        draft.time = self.time;
        draft
    }
}

/// Events that refer to no other.
pub(super) fn simple(base: &Base<'_>, data: &Data<'_>) -> Draft {
    let about = base.event.agent_id.as_deref().map(agent);
    match &*base.event.event_type {
        "AGENT_CREATED" => {
            let mut draft = base
                .draft(Kind::Delegation)
                .with_some("name", data.name.as_deref())
                .with_some("model", data.model.as_deref());
            draft.subject = about;
            draft
        }
        "AGENT_EXECUTED" => {
            let mut draft = base
                .draft(Kind::ModelCall)
                .with_some("prompt", data.prompt.as_deref())
                .with_some("verified", data.verified);
            draft.score = score(data.confidence);
            draft.cost = None;
            draft
        }
        "CONTEXT_STORED" => base
            .draft(Kind::Artifact)
            .with_some("packet", data.packet_id.as_deref())
            .with_some("content", data.content_ref.as_deref()),
        "GENOME_EVOLVED" => {
            let mut draft = base
                .draft(Kind::GenomeChange)
                .with_some("method", data.method.as_deref())
                .with_some("trait_names", data.trait_names)
                .with_some("old_traits", data.old_traits)
                .with_some("new_traits", data.new_traits);
            draft.subject = about;
            draft
        }
        "POLICY_UPDATE" => {
            let mut draft = base.draft(Kind::Note);
            draft.subject = data
                .policy
                .as_ref()
                .map(|policy| format!("policy:{policy}"));
            draft
        }
        "MODEL_UPGRADE" => {
            let mut draft = base.draft(Kind::Note);
            draft.subject = data.to.as_deref().map(name::model);
            draft
        }
        "ANOMALOUS_BEHAVIOR" => {
            let mut draft = base
                .draft(Kind::Note)
                .flag(Flags::ERROR, true)
                .with_some("signal", data.signal.as_deref())
                .with_some("action", data.action.as_deref());
            draft.subject = about;
            draft
        }
        custom => {
            // VEX has no event of its own for a reflection; those who log one call it that.
            let kind = match custom.starts_with("REFLECTION") {
                true => Kind::Reflection,
                false => Kind::Note,
            };
            let mut draft = base.draft(kind);
            draft.subject = about;
            draft
        }
    }
}
