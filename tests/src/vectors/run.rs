//! Two small runs, and vectors of their events, bodies and chains.

use avouch_cbor::Value as Cbor;
use avouch_merkle::{Digest, LeafIndex, root, sha256};
use avouch_trace::{
    BlobRef, Body, Decision, Event, Field, Flags, Header, Kind, Manifest, Mode, NameId, RunId,
    Salt, Source, agent_chain_start, journal_start,
};
use serde_json::{Value, json};

pub(super) const ISSUER: &str = "https://vectors.invalid/issuer";
const START: u64 = 1_767_225_600_000;

/// A run with everything that a store holds of it.
pub(super) struct Run {
    pub(super) manifest: Manifest,
    pub(super) events: Vec<(Event, Body)>,
    pub(super) blobs: Vec<Vec<u8>>,
}

/// What one event says before it is hashed.
struct Draft {
    kind: Kind,
    decision: Decision,
    flags: Flags,
    cost: Option<u64>,
    budget: Option<u64>,
    score: Option<u32>,
    parent: Option<u32>,
    actor: &'static str,
    subject: &'static str,
    fields: Vec<(&'static str, Cbor)>,
}

fn draft(kind: Kind, actor: &'static str, subject: &'static str) -> Draft {
    Draft {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        cost: None,
        budget: None,
        score: None,
        parent: None,
        actor,
        subject,
        fields: Vec::new(),
    }
}

/// An execution in which a tool call is denied, allowed by a human, and made.
pub(super) fn session() -> Run {
    let worker = "agent:worker";
    let long = "a longer output line\n".repeat(250);
    let blob = BlobRef {
        size: long.len() as u64,
        media_type: "text/plain;charset=utf-8".into(),
        digest: sha256(&[long.as_bytes()]),
    };
    let drafts = vec![
        draft(Kind::RunStart, worker, ""),
        Draft {
            fields: vec![("text", Cbor::from("Delete the temporary files."))],
            flags: Flags::HUMAN,
            ..draft(Kind::MessageIn, "human:operator", worker)
        },
        Draft {
            cost: Some(1_250),
            budget: Some(998_750),
            fields: vec![
                ("cost", Cbor::Uint(1_250)),
                (
                    "usage",
                    Cbor::Map(vec![(Cbor::from("input"), Cbor::Uint(311))]),
                ),
            ],
            ..draft(Kind::ModelCall, worker, "model:example-1")
        },
        Draft {
            decision: Decision::AskHuman,
            ..draft(Kind::PolicyDecision, "policy:shell", "tool:Bash")
        },
        Draft {
            decision: Decision::HumanAllowed,
            flags: Flags::HUMAN,
            parent: Some(3),
            score: Some(900_000),
            ..draft(Kind::ApprovalGiven, "human:operator", "tool:Bash")
        },
        Draft {
            parent: Some(4),
            fields: vec![
                ("input", Cbor::from("rm -r build/tmp")),
                ("dry-run", Cbor::Bool(false)),
            ],
            ..draft(Kind::ToolCall, worker, "tool:Bash")
        },
        Draft {
            parent: Some(5),
            fields: vec![("output", blob.to_value()), ("seconds", Cbor::Float(0.5))],
            ..draft(Kind::ToolResult, "tool:Bash", worker)
        },
        draft(Kind::RunEnd, worker, ""),
    ];
    build(
        drafts,
        "worker",
        Mode::Execution,
        "USD",
        1,
        None,
        vec![long.into_bytes()],
    )
}

/// A debate of three, of the same agent, whose chain it goes on.
pub(super) fn debate() -> Run {
    let (red, blue, judge) = ("agent:red", "agent:blue", "agent:judge");
    let said = |kind, actor, parent, text: &str| Draft {
        parent,
        fields: vec![("text", Cbor::from(text))],
        ..draft(kind, actor, "")
    };
    let vote = |actor, decision, score| Draft {
        decision,
        score: Some(score),
        ..draft(Kind::Vote, actor, "")
    };
    let drafts = vec![
        draft(Kind::RunStart, judge, ""),
        said(Kind::Claim, blue, None, "The cache may be dropped."),
        said(Kind::Challenge, red, Some(1), "Cold starts would double."),
        said(Kind::Rebuttal, blue, Some(2), "Only for a minute."),
        vote(red, Decision::Deny, 400_000),
        vote(blue, Decision::Allow, 800_000),
        vote(judge, Decision::Allow, 1_000_000),
        Draft {
            decision: Decision::Allow,
            ..draft(Kind::Consensus, judge, "")
        },
        draft(Kind::RunEnd, judge, ""),
    ];
    build(
        drafts,
        "worker",
        Mode::Debate,
        "tokens",
        2,
        Some(session().manifest),
        Vec::new(),
    )
}

fn build(
    drafts: Vec<Draft>,
    agent: &str,
    mode: Mode,
    currency: &str,
    number: u8,
    previous: Option<Manifest>,
    blobs: Vec<Vec<u8>>,
) -> Run {
    let events: Vec<(Event, Body)> = (0u64..)
        .zip(drafts)
        .map(|(seq, draft)| {
            let body = body(&draft, number, seq);
            let header = Header {
                kind: draft.kind,
                decision: draft.decision,
                flags: draft.flags,
                round: 0,
                seq,
                time: START + u64::from(number) * 1_000_000 + seq * 1_000,
                cost: draft.cost,
                budget: draft.budget,
                score: draft.score,
                parent: draft.parent,
                actor: NameId::of(draft.actor),
                subject: NameId::of(draft.subject),
            };
            (Event::new(&header, body.root()), body)
        })
        .collect();
    let chain_start = previous.as_ref().map_or_else(
        || agent_chain_start(ISSUER, agent),
        |previous| previous.chain_head,
    );
    let time = |event: Option<&(Event, Body)>| event.unwrap().0.header().unwrap().time;
    let manifest = Manifest {
        run: RunId([number; 16]),
        agent: agent.into(),
        mode,
        size: events.len() as u64,
        root: root(events.iter().map(|(event, _)| event.leaf())),
        chain_start,
        chain_head: events
            .iter()
            .fold(chain_start, |head, (event, _)| event.chain(&head)),
        first_time: time(events.first()),
        last_time: time(events.last()),
        currency: currency.into(),
        source: Source {
            format: "vectors".into(),
            integrity: None,
        },
        parents: Vec::new(),
        previous: previous.map(|previous| super::signed::statement(&previous).statement_id()),
        supersedes: None,
    };
    Run {
        manifest,
        events,
        blobs,
    }
}

/// Salts count up from a name of their own, so that vectors are the same everywhere. Real salts are random.
fn salt(run: u8, seq: u64, name: &str) -> Salt {
    let digest = sha256(&[b"vectors", &[run], &seq.to_be_bytes(), name.as_bytes()]);
    Salt(digest.0[..16].try_into().unwrap())
}

fn body(draft: &Draft, run: u8, seq: u64) -> Body {
    let names = [("actor", draft.actor), ("subject", draft.subject)];
    let names = names.into_iter().filter(|(_, name)| !name.is_empty());
    let named = names.map(|(field, name)| (field, Cbor::from(name)));
    let fields = named.chain(draft.fields.iter().cloned());
    let fields =
        fields.map(|(name, value)| Field::from_value(salt(run, seq, name), name, &value).unwrap());
    Body::new(salt(run, seq, ""), fields.collect()).unwrap()
}

/// Headers and events, good and bad.
pub(super) fn events(runs: &[Run]) -> Value {
    let good: Vec<Value> = runs
        .iter()
        .flat_map(|run| &run.events)
        .map(|(event, _)| event_json(event))
        .collect();
    let base = runs[0].events[1].0.header;
    let with = |at: usize, bytes: &[u8]| {
        let mut header = base;
        header[at..at + bytes.len()].copy_from_slice(bytes);
        let reason = Header::decode(&header).unwrap_err().to_string();
        json!({ "header": hex::encode(header), "refused": reason })
    };
    let bad = [
        with(0, &[0]),
        with(0, &[2]),
        with(1, &[0]),
        with(1, &[28]),
        with(2, &[6]),
        with(3, &[0x10]),
        with(40, &1_000_001u32.to_be_bytes()),
    ];
    json!({ "good": good, "bad": bad })
}

fn event_json(event: &Event) -> Value {
    let header = event.header().unwrap();
    json!({
        "kind": header.kind as u8, "decision": header.decision as u8, "flags": header.flags.bits(),
        "round": header.round, "seq": header.seq, "time": header.time, "cost": header.cost,
        "budget": header.budget, "score": header.score, "parent": header.parent,
        "actor": header.actor.to_string(), "subject": header.subject.to_string(),
        "header": hex::encode(event.header), "body": event.body.to_string(),
        "event": hex::encode(event.to_cbor()), "leaf": event.leaf().to_string(),
    })
}

/// Fields, body roots, and openings of the first two fields of each body.
pub(super) fn bodies(run: &Run) -> Value {
    let bodies = run.events.iter().map(|(event, body)| {
        let fields: Vec<Value> = body
            .fields()
            .iter()
            .map(|field| {
                json!({
                    "salt": hex::encode(field.salt().0), "name": field.name(),
                    "value": hex::encode(field.value_bytes()), "field": hex::encode(field.bytes()),
                    "leaf": field.leaf().to_string(),
                })
            })
            .collect();
        let shown: Vec<u64> = (0..body.fields().len() as u64).take(2).collect();
        let indices: Vec<LeafIndex> = shown.iter().map(|index| LeafIndex(*index)).collect();
        let proof = body.proof(&indices).unwrap();
        json!({ "root": event.body.to_string(), "fields": fields, "opening": { "indices": shown, "proof": digests(&proof) } })
    });
    bodies.collect()
}

/// Chain values and roots of whole runs, event by event.
pub(super) fn chains(runs: &[Run]) -> Value {
    let chains = runs.iter().map(|run| {
        let manifest = &run.manifest;
        let steps = |start: Digest| -> Vec<String> {
            let mut head = start;
            let step = run.events.iter().map(|(event, _)| {
                head = event.chain(&head);
                head.to_string()
            });
            step.collect()
        };
        let roots = (1..=run.events.len())
            .map(|size| root(run.events[..size].iter().map(|(event, _)| event.leaf())).to_string());
        json!({
            "issuer": ISSUER, "agent": manifest.agent, "run": manifest.run.to_string(),
            "events": run.events.iter().map(|(event, _)| hex::encode(event.to_cbor())).collect::<Vec<_>>(),
            "agent_chain_start": agent_chain_start(ISSUER, &manifest.agent).to_string(),
            "chain_start": manifest.chain_start.to_string(), "chain": steps(manifest.chain_start),
            "journal_start": journal_start(&manifest.run).to_string(), "journal": steps(journal_start(&manifest.run)),
            "roots_by_size": roots.collect::<Vec<_>>(),
        })
    });
    chains.collect()
}

pub(super) fn digests(list: &[Digest]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
