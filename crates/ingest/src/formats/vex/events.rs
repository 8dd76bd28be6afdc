//! What VEX's audit events become.

use avouch_trace::{Decision, Flags, Kind};

use super::event::{Data, Event, agent, score, verdict};
use super::single::{Base, simple};
use crate::error::Fault;
use crate::ids::Recent;
use crate::object::Object;
use crate::run::Run;
use crate::{money, name};

/// How many micro-units of USD a cent is.
const CENT: u64 = 10_000;

/// A debate that has begun.
#[derive(Clone, Default)]
struct Debate {
    opened: Option<u32>,
    /// The latest claim: where it is, and what it says.
    claim: Option<(u32, String)>,
    consensus: Option<u32>,
    blue: Option<String>,
    red: Option<String>,
    /// The source's number of the latest round, and ours.
    round: (u64, u32),
}

/// A gate's verdict that later events refer to.
#[derive(Clone)]
struct Gate {
    seq: u32,
    decision: Decision,
    subject: Option<String>,
}

/// Maps events, remembering what they refer to.
pub(super) struct Events {
    debates: Recent<String, Debate>,
    /// By capsule id.
    gates: Recent<String, Gate>,
    /// By escalation id: the capsule that waits for a human, and its gate.
    escalations: Recent<String, (Option<String>, Gate)>,
    payments: Recent<String, u32>,
    /// How many rounds all debates had so far.
    rounds: u32,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            debates: Recent::new(),
            gates: Recent::new(),
            escalations: Recent::new(),
            payments: Recent::new(),
            rounds: 0,
        }
    }
}

impl Events {
    /// Writes what one audit event becomes.
    pub(super) fn write(&mut self, event: &Event<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let base = Base::new(event)?;
        let Some(data) = event.data() else {
            return run.emit(base.draft(Kind::Note)).map(drop);
        };
        match &*event.event_type {
            "DEBATE_STARTED" => self.debate_started(&base, data, run),
            "DEBATE_ROUND" => self.debate_round(&base, data, run),
            "CONSENSUS_REACHED" => self.consensus(&base, &data, run),
            "DEBATE_CONCLUDED" => self.debate_concluded(&base, &data, run),
            "CHORA_GATE_DECISION" => self.gate(&base, &data, Kind::PolicyDecision, run),
            "ESCALATION" => self.gate(&base, &data, Kind::ApprovalAsked, run),
            "HUMAN_OVERRIDE" => self.human_override(&base, &data, run),
            "TOOL_EXECUTED" => self.tool(&base, &data, run),
            "PAYMENT_INITIATED" | "PAYMENT_COMPLETED" => self.payment(&base, &data, run),
            _ => run.emit(simple(&base, &data)).map(drop),
        }
    }

    fn debate_started(
        &mut self,
        base: &Base<'_>,
        data: Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut debate = Debate {
            blue: data.blue_agent_id.as_deref().map(agent),
            red: data.red_agent_id.as_deref().map(agent),
            ..Debate::default()
        };
        let draft = base
            .draft(Kind::DebateOpened)
            .with_some("debate", data.debate_id.as_deref())
            .with_some("text", data.prompt);
        debate.opened = Some(run.emit(draft)?);
        if let Some(text) = data.initial_claim {
            self.claim(base, &mut debate, text, run)?;
        }
        if let Some(id) = data.debate_id {
            self.debates.put(id, debate);
        }
        Ok(())
    }

    /// A claim of the blue side.
    fn claim(
        &self,
        base: &Base<'_>,
        debate: &mut Debate,
        text: String,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut draft = base.spoken(Kind::Claim, &debate.blue, &debate.red);
        draft.parent = debate.opened;
        draft.round = debate.round.1;
        let seq = run.emit(draft.with("text", text.as_str()))?;
        debate.claim = Some((seq, text));
        Ok(())
    }

    /// What is known of a debate; of one whose start is not there, what this event tells.
    fn debate(&self, base: &Base<'_>, data: &Data<'_>) -> Debate {
        let known = data.debate_id.as_ref().and_then(|id| self.debates.get(id));
        known.cloned().unwrap_or_else(|| Debate {
            blue: base.event.agent_id.as_deref().map(agent),
            ..Debate::default()
        })
    }

    fn debate_round(
        &mut self,
        base: &Base<'_>,
        data: Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut debate = self.debate(base, &data);
        let number = data.round.unwrap_or(debate.round.0 + 1);
        if debate.round.0 != number || debate.round.1 == 0 {
            self.rounds = self.rounds.saturating_add(1);
            debate.round = (number, self.rounds);
        }
        let red = debate.red.clone().or_else(|| Some(base.actor()));
        if let Some(text) = data.blue_claim
            && debate
                .claim
                .as_ref()
                .is_none_or(|(_, known)| *known != text)
        {
            self.claim(base, &mut debate, text, run)?;
        }
        let mut challenge = base
            .spoken(Kind::Challenge, &red, &debate.blue)
            .with_some("debate", data.debate_id.as_deref())
            .with_some("text", data.red_challenge)
            .with("source_round", number);
        challenge.score = score(data.red_confidence);
        challenge.round = debate.round.1;
        challenge.parent = debate.claim.as_ref().map(|(seq, _)| *seq);
        let challenge = run.emit(challenge)?;
        if let Some(text) = data.blue_rebuttal {
            let mut rebuttal = base
                .spoken(Kind::Rebuttal, &debate.blue, &red)
                .with("text", text);
            rebuttal.round = debate.round.1;
            rebuttal.parent = Some(challenge);
            run.emit(rebuttal)?;
        }
        if let Some(id) = data.debate_id {
            self.debates.put(id, debate);
        }
        Ok(())
    }

    fn consensus(
        &mut self,
        base: &Base<'_>,
        data: &Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let mut debate = self.debate(base, data);
        let about = debate.claim.as_ref().map(|(seq, _)| *seq).or(debate.opened);
        let protocol = data
            .protocol
            .as_ref()
            .map(|name| format!("protocol:{name}"));
        for Object(vote) in data.votes.iter().flatten() {
            let mut draft = base
                .spoken(Kind::Vote, &Some(agent(&vote.agent_id)), &protocol)
                .with_some("text", vote.reasoning.as_deref());
            draft.decision = verdict(vote.agrees);
            draft.score = score(vote.confidence);
            draft.round = debate.round.1;
            draft.parent = about;
            run.emit(draft)?;
        }
        let mut draft = base
            .draft(Kind::Consensus)
            .with_some("debate", data.debate_id.as_deref())
            .with_some("reached", data.reached);
        draft.subject = protocol;
        draft.decision = verdict(data.decision.filter(|_| data.reached != Some(false)));
        draft.score = score(data.confidence);
        draft.round = debate.round.1;
        draft.parent = about;
        debate.consensus = Some(run.emit(draft)?);
        if let Some(id) = data.debate_id.clone() {
            self.debates.put(id, debate);
        }
        Ok(())
    }

    fn debate_concluded(
        &mut self,
        base: &Base<'_>,
        data: &Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let debate = self.debate(base, data);
        let mut draft = base
            .draft(Kind::DebateClosed)
            .with_some("debate", data.debate_id.as_deref());
        draft.decision = verdict(data.verdict);
        draft.score = score(data.confidence);
        draft.round = debate.round.1;
        draft.parent = debate.consensus.or(debate.opened);
        run.emit(draft).map(drop)
    }

    /// A gate's verdict, or its question to a human.
    fn gate(
        &mut self,
        base: &Base<'_>,
        data: &Data<'_>,
        kind: Kind,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let capsule = base.event.verdict();
        let intent = data.intent.as_ref().map(|Object(intent)| intent);
        let mut draft = base
            .draft(kind)
            .with_some("escalation", data.escalation_id.as_deref());
        draft.decision = capsule.map_or(Decision::None, |capsule| capsule.decision());
        draft.subject = intent.and_then(|intent| intent.tool());
        draft.score = intent.and_then(|intent| score(intent.confidence));
        if kind == Kind::PolicyDecision {
            let node = data
                .witness
                .as_ref()
                .and_then(|Object(witness)| witness.chora_node_id.as_ref());
            draft.actor = node.map(|node| format!("gate:{node}"));
            draft = draft.with("asked_by", base.actor()).flag(
                Flags::HALTED,
                capsule.is_some_and(|capsule| capsule.outcome == "HALT"),
            );
        }
        let mut gate = Gate {
            seq: 0,
            decision: draft.decision,
            subject: draft.subject.clone(),
        };
        gate.seq = run.emit(draft)?;
        let capsule = capsule.map(|capsule| capsule.capsule_id.clone());
        if let Some(id) = &data.escalation_id {
            self.escalations
                .put(id.clone(), (capsule.clone(), gate.clone()));
        }
        if let Some(capsule) = capsule {
            self.gates.put(capsule, gate);
        }
        Ok(())
    }

    /// A human's answer to an escalation. What was asked for is decided by it from then on.
    fn human_override(
        &mut self,
        base: &Base<'_>,
        data: &Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let id = data.resolves_escalation_id.as_deref();
        let asked = id.and_then(|id| self.escalations.get(id)).cloned();
        let mut draft = base
            .draft(Kind::ApprovalGiven)
            .with_some("escalation", id)
            .with_some("text", data.rationale.as_deref());
        let by_human = draft.flags.contains(Flags::HUMAN);
        draft.decision = match base.event.verdict().map(|capsule| capsule.decision()) {
            Some(Decision::Allow) if by_human => Decision::HumanAllowed,
            Some(Decision::Deny) if by_human => Decision::HumanDenied,
            Some(other) => other,
            None => Decision::None,
        };
        draft.parent = asked.as_ref().map(|(_, gate)| gate.seq);
        draft.subject = asked.as_ref().and_then(|(_, gate)| gate.subject.clone());
        let mut gate = Gate {
            seq: 0,
            decision: draft.decision,
            subject: draft.subject.clone(),
        };
        gate.seq = run.emit(draft)?;
        if let Some((Some(capsule), _)) = asked {
            self.gates.put(capsule, gate.clone());
        }
        if let Some(capsule) = base.event.verdict() {
            self.gates.put(capsule.capsule_id.clone(), gate);
        }
        Ok(())
    }

    /// A tool's call and what came of it: one event in the source.
    fn tool(&mut self, base: &Base<'_>, data: &Data<'_>, run: &mut Run<'_>) -> Result<(), Fault> {
        let capsule = data.capsule_id.as_deref();
        let gate = capsule.and_then(|id| self.gates.get(id));
        let tool = data.tool.as_deref().map(name::tool);
        let mut call = base
            .draft(Kind::ToolCall)
            .with_some(
                "capsule",
                capsule.filter(|_| base.event.verdict().is_none()),
            )
            .with_some("input", data.input);
        call.subject.clone_from(&tool);
        call.cost = data.cost_usd.and_then(|cost| money::decimal(cost.get()));
        call.parent = gate.map(|gate| gate.seq);
        call.decision = gate.map_or(Decision::None, |gate| gate.decision);
        let call = run.emit(call)?;
        let mut result = base
            .spoken(Kind::ToolResult, &tool, &Some(base.actor()))
            .flag(Flags::ERROR, data.ok == Some(false))
            .with_some("ok", data.ok)
            .with_some("error", data.error.as_deref())
            .with_some("duration_ms", data.duration_ms)
            .with_some("bytes_out", data.bytes_out);
        result.cost = Some(0);
        result.parent = Some(call);
        run.emit(result).map(drop)
    }

    fn payment(
        &mut self,
        base: &Base<'_>,
        data: &Data<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let id = data.payment_id.as_deref();
        let is_new = base.event.event_type == "PAYMENT_INITIATED";
        let mut draft = base
            .draft(if is_new {
                Kind::ToolCall
            } else {
                Kind::ToolResult
            })
            .with_some("payment", id)
            .with_some("payee", data.payee.as_deref())
            .with_some("amount_minor", data.amount_minor)
            .with_some("currency", data.currency.as_deref())
            .with_some("status", data.status.as_deref());
        if is_new {
            draft.subject = Some(name::tool("payment"));
            // Money of another currency is spent too, but it cannot be counted in this one.
            let dollars = data
                .amount_minor
                .filter(|_| data.currency.as_deref() == Some(super::CURRENCY));
            draft.cost = dollars
                .and_then(|cents| cents.checked_mul(CENT))
                .filter(|micro| *micro < u64::MAX);
            let seq = run.emit(draft)?;
            if let Some(id) = id {
                self.payments.put(id.to_owned(), seq);
            }
        } else {
            draft.subject = base.event.agent_id.as_deref().map(agent);
            draft.parent = id.and_then(|id| self.payments.get(id)).copied();
            run.emit(draft)?;
        }
        Ok(())
    }
}
