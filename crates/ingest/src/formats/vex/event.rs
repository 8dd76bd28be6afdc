//! A VEX audit event.

use std::borrow::Cow;

use avouch_trace::{Decision, Flags};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::object::Object;

/// What the mapping needs of an event.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) timestamp: Cow<'a, str>,
    pub(super) agent_id: Option<String>,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
    pub(super) actor: Object<Actor>,
    #[serde(default)]
    pub(super) evidence_capsule: Option<Object<Capsule>>,
    #[serde(default)]
    pub(super) approval_signatures: Vec<serde::de::IgnoredAny>,
}

impl<'a> Event<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, Fault> {
        Ok(serde_json::from_str::<Object<Self>>(json)?.0)
    }

    /// The event's data, where it is an object whose members are what VEX's own events have.
    pub(super) fn data(&self) -> Option<Data<'a>> {
        let data = serde_json::from_str::<Object<Data<'a>>>(self.data.get());
        data.ok().map(|Object(data)| data)
    }

    /// The gate's verdict, where there is one: without an `authority` in its data, VEX gives a capsule
    /// made of defaults.
    pub(super) fn verdict(&self) -> Option<&Capsule> {
        let capsule = self
            .evidence_capsule
            .as_ref()
            .map(|Object(capsule)| capsule);
        capsule.filter(|capsule| capsule.capsule_id != "unknown")
    }
}

/// Who did it.
#[derive(Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

impl Actor {
    /// The qualified name: `agent:UUID`, `human:SHA-256`, `system:NAME`.
    pub(super) fn name(&self) -> String {
        match &*self.kind {
            "bot" => agent(&self.id),
            kind => format!("{kind}:{}", self.id),
        }
    }

    pub(super) fn flags(&self) -> Flags {
        match &*self.kind {
            "human" => Flags::NONE.with(Flags::HUMAN),
            _ => Flags::NONE,
        }
    }
}

pub(super) fn agent(id: &str) -> String {
    format!("agent:{id}")
}

/// A gate's verdict on an action.
#[derive(Deserialize)]
pub(super) struct Capsule {
    pub(super) capsule_id: String,
    pub(super) outcome: String,
    pub(super) reason_code: String,
}

impl Capsule {
    pub(super) fn decision(&self) -> Decision {
        outcome(&self.outcome)
    }
}

/// What a gate's outcome decides.
pub(super) fn outcome(text: &str) -> Decision {
    match text {
        "ALLOW" => Decision::Allow,
        "HALT" => Decision::Deny,
        "ESCALATE" => Decision::AskHuman,
        _ => Decision::None,
    }
}

/// Members of `data`, of all types of events.
#[derive(Deserialize, Default)]
pub(super) struct Data<'a> {
    pub(super) name: Option<String>,
    pub(super) model: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) to: Option<String>,
    pub(super) prompt: Option<String>,
    #[serde(borrow)]
    pub(super) confidence: Option<&'a RawValue>,
    pub(super) verified: Option<bool>,
    // Debates.
    pub(super) debate_id: Option<String>,
    pub(super) initial_claim: Option<String>,
    pub(super) blue_agent_id: Option<String>,
    pub(super) red_agent_id: Option<String>,
    pub(super) blue_claim: Option<String>,
    pub(super) blue_rebuttal: Option<String>,
    pub(super) red_challenge: Option<String>,
    #[serde(borrow)]
    pub(super) red_confidence: Option<&'a RawValue>,
    pub(super) round: Option<u64>,
    #[serde(borrow)]
    pub(super) votes: Option<Vec<Object<Vote<'a>>>>,
    pub(super) protocol: Option<String>,
    pub(super) reached: Option<bool>,
    pub(super) decision: Option<bool>,
    pub(super) verdict: Option<bool>,
    // Gates.
    #[serde(borrow)]
    pub(super) intent: Option<Object<Intent<'a>>>,
    pub(super) witness: Option<Object<Witness>>,
    pub(super) escalation_id: Option<String>,
    pub(super) resolves_escalation_id: Option<String>,
    pub(super) rationale: Option<String>,
    // Tools and payments.
    pub(super) tool: Option<String>,
    pub(super) capsule_id: Option<String>,
    #[serde(borrow)]
    pub(super) cost_usd: Option<&'a RawValue>,
    pub(super) ok: Option<bool>,
    pub(super) error: Option<String>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    pub(super) duration_ms: Option<u64>,
    pub(super) bytes_out: Option<u64>,
    pub(super) payment_id: Option<String>,
    pub(super) payee: Option<String>,
    pub(super) amount_minor: Option<u64>,
    pub(super) currency: Option<String>,
    pub(super) status: Option<String>,
    // Contexts, genomes, anomalies.
    pub(super) content_ref: Option<String>,
    pub(super) packet_id: Option<String>,
    pub(super) method: Option<String>,
    #[serde(borrow)]
    pub(super) trait_names: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) old_traits: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) new_traits: Option<&'a RawValue>,
    pub(super) signal: Option<String>,
    pub(super) action: Option<String>,
}

/// A vote in a consensus.
#[derive(Deserialize)]
pub(super) struct Vote<'a> {
    pub(super) agent_id: String,
    /// `None` where the agent abstains.
    pub(super) agrees: Option<bool>,
    #[serde(borrow)]
    pub(super) confidence: Option<&'a RawValue>,
    pub(super) reasoning: Option<String>,
}

/// What an agent asked a gate for.
#[derive(Deserialize)]
pub(super) struct Intent<'a> {
    pub(super) capabilities: Option<Vec<String>>,
    #[serde(borrow)]
    pub(super) confidence: Option<&'a RawValue>,
}

impl Intent<'_> {
    /// The tool that was asked for, where it is one.
    pub(super) fn tool(&self) -> Option<String> {
        match self.capabilities.as_deref() {
            Some([capability]) => Some(crate::name::tool(capability)),
            _ => None,
        }
    }
}

/// The gate that decided.
#[derive(Deserialize)]
pub(super) struct Witness {
    pub(super) chora_node_id: Option<String>,
    pub(super) timestamp: Option<u64>,
}

/// A confidence between 0 and 1 in parts per million, from its exact decimal text, the seventh digit
/// rounded half up; `None` outside.
pub(super) fn score(number: Option<&RawValue>) -> Option<u32> {
    let millionths = crate::money::decimal(number?.get())?;
    u32::try_from(millionths)
        .ok()
        .filter(|score| *score <= 1_000_000)
}

/// What a yes or no decides.
pub(super) fn verdict(agrees: Option<bool>) -> Decision {
    match agrees {
        Some(true) => Decision::Allow,
        Some(false) => Decision::Deny,
        None => Decision::None,
    }
}
