//! Governance Engine's hash-chained audit log: one JSON object per line, each a step in which the
//! engine let an agent's action through or had halted.

use serde::Deserialize;
use serde_json::value::RawValue;

use avouch_merkle::sha256;
use avouch_trace::{Decision, Flags, Kind};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::integrity::{Auditor, Findings, Rules};
use crate::money;
use crate::name;
use crate::object::Object;
use crate::python;
use crate::run::{Run, Start};
use crate::sink::Draft;
use crate::time::Millis;

pub(crate) const SPEC: Spec = Spec {
    name: "governance-engine",
    agent: "governance-engine",
    currency: "effort",
    many_runs: false,
    recognises: |peek| {
        peek.first().is_some_and(|first| {
            ["entry_hash", "budget_snapshot", "decision_halted"]
                .iter()
                .all(|name| first.has(name))
        })
    },
    shape: |_| Shape::Lines,
    importer: || Box::new(GovernanceEngine::new()),
    rules: Some(&RULES),
    database: None,
};

const RULES: Rules = Rules {
    covers: &[
        "every member of an entry but entry_hash itself: entry_hash is the SHA-256 of them",
        "the order of the entries, and that none was put in, taken out or moved before the last one: previous_hash",
    ],
    does_not_cover: &[
        "entries cut off at the end: nothing says how many there were",
        "anything against one who can write the whole file: no key is involved, so every hash can be computed anew",
        "how an entry is spelt: spaces, order of members, escapes, trailing digits of a number that change no double",
        "whether a tool did what an entry lets through, and what it returned: neither is recorded",
    ],
    auditor: Some(|_| Box::new(Chain::default())),
};

/// The engine starts with this much effort, the budget that runs out (its kernel's first
/// `BehaviorBudget`); the log begins after the first step.
const FIRST_EFFORT: u64 = 1_000_000;

#[derive(Deserialize)]
struct Entry<'a> {
    timestamp: Millis,
    step: u32,
    action: String,
    #[serde(borrow)]
    params: &'a RawValue,
    #[serde(borrow)]
    signals: &'a RawValue,
    #[serde(borrow)]
    budget_snapshot: &'a RawValue,
    decision_halted: bool,
    halt_reason: Option<String>,
}

/// The one budget that is counted here; the others are tolerances, which rise and fall.
#[derive(Deserialize)]
struct Budget<'a> {
    #[serde(borrow)]
    effort: &'a RawValue,
}

struct GovernanceEngine {
    /// Effort left, in millionths.
    effort: u64,
}

impl GovernanceEngine {
    fn new() -> Self {
        Self {
            effort: FIRST_EFFORT,
        }
    }
}

impl Importer for GovernanceEngine {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let entry: Entry<'_> = serde_json::from_str(record)?;
        let Object(Budget { effort }) = serde_json::from_str(entry.budget_snapshot.get())?;
        let effort = money::decimal(effort.get())
            .ok_or_else(|| Fault::malformed(format!("effort {effort} is not an amount")))?;
        if !run.is_open() {
            let mut start = Start::new(SPEC.currency);
            start.draft.time = entry.timestamp.0;
            start.draft.budget = Some(FIRST_EFFORT);
            run.start(start)?;
        }
        let tool = name::tool(&entry.action);
        let mut decision = Draft::new(if entry.decision_halted {
            Kind::Halt
        } else {
            Kind::PolicyDecision
        });
        decision.decision = if entry.decision_halted {
            Decision::Deny
        } else {
            Decision::Allow
        };
        decision.time = entry.timestamp.0;
        decision.round = entry.step;
        // What a budget gained by itself was not spent: that it rose shows in the budget.
        decision.cost = Some(self.effort.saturating_sub(effort));
        decision.budget = Some(effort);
        decision = decision
            .by("policy:governance-engine")
            .on(&*tool)
            .flag(Flags::HALTED, entry.decision_halted)
            .with("input", entry.params)
            .with("signals", entry.signals)
            .with("budgets", entry.budget_snapshot)
            .with_some("reason", entry.halt_reason);
        self.effort = effort;
        let seq = run.emit(decision)?;
        if entry.decision_halted {
            return Ok(());
        }
        let mut call = Draft::new(Kind::ToolCall);
        call.round = entry.step;
        call.cost = Some(0);
        call.budget = Some(effort);
        call.parent = Some(seq);
        run.emit(call.by(run.agent()).on(tool)).map(drop)
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let mut end = Draft::new(Kind::RunEnd);
        end.cost = Some(0);
        end.budget = Some(self.effort);
        run.end_with(end)
    }
}

/// What the engine's own `verify_chain` looks at. It takes a missing hash for an empty one.
#[derive(Deserialize)]
struct Link {
    step: Option<i64>,
    #[serde(default)]
    previous_hash: String,
    #[serde(default)]
    entry_hash: String,
}

/// Checks every entry as `verify_chain` does, which stops at the first that is wrong.
#[derive(Default)]
struct Chain {
    /// The `entry_hash` of the entry before, as it stands there.
    previous: String,
    entries: u64,
}

impl Auditor for Chain {
    fn record(&mut self, record: &str, found: &mut Findings) -> Result<(), Fault> {
        let link: Link = serde_json::from_str(record)?;
        let name = || match link.step {
            Some(step) => format!("step {step}"),
            None => format!("entry {}", self.entries),
        };
        let previous = &self.previous;
        found.check(link.previous_hash == *previous, name, || {
            let stored = &link.previous_hash;
            format!("its previous_hash is {stored:?}, but the entry before it has the entry_hash {previous:?}")
        });
        let hash = sha256(&[python::canonical(record, "entry_hash")?.as_bytes()]).to_string();
        found.check(link.entry_hash == hash, name, || {
            let stored = &link.entry_hash;
            format!("its entry_hash is {stored:?}, but it hashes to {hash:?}")
        });
        self.previous = link.entry_hash;
        self.entries += 1;
        Ok(())
    }
}
