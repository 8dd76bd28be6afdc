//! avouch's own JSON lines, which any program can write. Documented in `docs/ingest.md`.

use std::borrow::Cow;
use std::fmt;

use avouch_trace::{
    Decision, Flags, Kind, MAX_SCORE, Mode, NO_BUDGET, Parent, RESERVED_FIELDS, Relation, RunId,
    UNKNOWN_COST,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::object::Object;
use crate::peek::members;
use crate::run::{Run, START_FIELDS, Start};
use crate::sink::{Draft, FieldValue};
use crate::time::ExactMillis;
use crate::value::FromJson;

pub(crate) const SPEC: Spec = Spec {
    name: "avouch",
    agent: "agent",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        peek.first().is_some_and(|first| {
            first.has("avouch")
                || first
                    .text("kind")
                    .is_some_and(|kind| kind.parse::<Kind>().is_ok())
        })
    },
    shape: |_| Shape::Lines,
    importer: || Box::new(Avouch::default()),
    rules: None,
    database: None,
};

/// The version of the format that is written and read.
const VERSION: u64 = 1;

/// The first line, where it is not an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    avouch: u64,
    run: Object<RunMembers>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunMembers {
    name: Option<String>,
    agent: String,
    mode: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    parents: Vec<Object<ParentMembers>>,
    #[serde(default)]
    fields: Fields,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParentMembers {
    run: String,
    seq: u32,
    relation: String,
}

/// Every other line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    time: Option<ExactMillis>,
    actor: Option<String>,
    subject: Option<String>,
    decision: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    round: u32,
    cost: Option<u64>,
    budget: Option<u64>,
    score: Option<u32>,
    parent: Option<u32>,
    #[serde(default)]
    fields: Fields,
}

/// Named values in the order of the source.
#[derive(Default)]
struct Fields(Vec<(String, FieldValue)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of named values")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if is_reserved(&name) {
                        let why = "the name of a field that avouch writes itself";
                        return Err(A::Error::custom(format_args!("{name:?} is {why}")));
                    }
                    fields.push((name, map.next_value::<FromJson>()?.0.into()));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

fn is_reserved(name: &str) -> bool {
    RESERVED_FIELDS.contains(&name)
        || START_FIELDS.contains(&name)
        || matches!(name, "raw_at" | "skipped_records")
        || name.starts_with("raw/")
}

#[derive(Default)]
struct Avouch {
    /// Whether a record has been seen.
    begun: bool,
    /// The run's start, until it is known whether a line says more about it.
    start: Option<Start>,
    /// The run's end, until it is known that nothing follows.
    end: Option<Draft>,
}

impl Avouch {
    /// What the first line says about the run, or that nothing does.
    fn take_start(&mut self) -> Start {
        self.start
            .take()
            .unwrap_or_else(|| Start::new(SPEC.currency))
    }
}

impl Importer for Avouch {
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        if self.end.is_some() {
            return Err(Fault::malformed("nothing may follow a run-end"));
        }
        if !self.begun {
            self.begun = true;
            if members(record.as_bytes())
                .first()
                .is_some_and(|(name, _)| *name == "avouch")
            {
                self.start = Some(header(record, run)?);
                return Ok(());
            }
        }
        let draft = event(record)?;
        match draft.kind {
            Kind::RunStart if run.is_open() => {
                return Err(Fault::malformed("a run-start may only be the first event"));
            }
            Kind::RunStart => {
                // Whatever is refused here leaves the first line for the run that begins without it.
                if draft.parent.is_some() {
                    return Err(Fault::malformed(
                        "a run-start has no parent: nothing is before it",
                    ));
                }
                if let Some(start) = &self.start {
                    for (name, _) in &start.draft.fields {
                        if draft.fields.iter().any(|(other, _)| other == name) {
                            let reason = format!("field {name:?} is in the first line already");
                            return Err(Fault::malformed(reason));
                        }
                    }
                }
                let mut start = self.take_start();
                let header_fields = std::mem::take(&mut start.draft.fields);
                start.draft = draft;
                start.draft.fields.extend(header_fields);
                start.is_record = true;
                return run.start(start);
            }
            _ => {}
        }
        if !run.is_open() {
            run.start(self.take_start())?;
        }
        if draft.kind == Kind::RunEnd {
            let raw = run.take_raw();
            self.end = Some(draft.with_some("raw", raw));
            return Ok(());
        }
        run.emit(draft).map(drop)
    }

    fn skip(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        self.begun = true;
        if run.is_open() {
            return Ok(());
        }
        run.start(self.take_start())
    }

    fn finish(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        if let Some(start) = self.start.take() {
            run.start(start)?;
        }
        match self.end.take() {
            Some(end) => run.end_with(end),
            None => Ok(()),
        }
    }
}

/// Reads the first line.
fn header(record: &str, run: &mut Run<'_>) -> Result<Start, Fault> {
    let HeaderLine {
        avouch,
        run: Object(members),
    } = serde_json::from_str(record)?;
    if avouch != VERSION {
        return Err(Fault::malformed(format!(
            "\"avouch\" is {avouch}; known is {VERSION}"
        )));
    }
    let mut start = Start::new(members.currency.as_deref().unwrap_or(SPEC.currency));
    if members.agent.is_empty() || start.currency.is_empty() || members.name.as_deref() == Some("")
    {
        return Err(Fault::malformed(
            "agent, currency and name may not be empty",
        ));
    }
    start.name = members.name;
    start.agent = Some(members.agent);
    start.mode = match members.mode.as_deref() {
        None => Mode::Execution,
        Some(name) if name == Mode::Execution.name() => Mode::Execution,
        Some(name) if name == Mode::Debate.name() => Mode::Debate,
        Some(other) => {
            let reason = format!("mode {other:?} is neither \"execution\" nor \"debate\"");
            return Err(Fault::malformed(reason));
        }
    };
    for Object(parent) in members.parents {
        start.parents.push(Parent {
            run: parent
                .run
                .parse::<RunId>()
                .map_err(|error| Fault::malformed(error.to_string()))?,
            seq: parent.seq,
            relation: relation(&parent.relation)?,
        });
    }
    start.draft.fields = members.fields.0;
    start
        .draft
        .fields
        .extend(run.take_raw().map(|raw| ("raw/header".to_owned(), raw)));
    Ok(start)
}

fn relation(name: &str) -> Result<Relation, Fault> {
    [Relation::Subagent, Relation::A2a, Relation::SharedBudget]
        .into_iter()
        .find(|relation| relation.name() == name)
        .ok_or_else(|| Fault::malformed(format!("relation {name:?} is not known")))
}

/// Reads an event.
pub(crate) fn event(record: &str) -> Result<Draft, Fault> {
    let line: EventLine<'_> = serde_json::from_str(record)?;
    let unknown =
        |what: &str, word: &str| Fault::malformed(format!("{what} {word:?} is not known"));
    let kind = line.kind.parse().map_err(|_| unknown("kind", &line.kind))?;
    let mut draft = Draft::new(kind);
    if let Some(decision) = &line.decision {
        draft.decision = decision
            .parse::<Decision>()
            .map_err(|_| unknown("decision", decision))?;
    }
    for name in &line.flags {
        let flag = Flags::NAMES.iter().find(|(_, known)| known == name);
        draft.flags = draft
            .flags
            .with(flag.ok_or_else(|| unknown("flag", name))?.0);
    }
    if line.cost == Some(UNKNOWN_COST) || line.budget == Some(NO_BUDGET) {
        let reason = "2^64-1 marks what is unknown; leave the member out instead";
        return Err(Fault::malformed(reason));
    }
    if let Some(score) = line.score.filter(|score| *score > MAX_SCORE) {
        return Err(Fault::malformed(format!(
            "score {score} is above {MAX_SCORE} parts per million"
        )));
    }
    draft.time = line.time.unwrap_or_default().0;
    draft.actor = line.actor.filter(|name| !name.is_empty());
    draft.subject = line.subject.filter(|name| !name.is_empty());
    draft.round = line.round;
    // Starting and ending a run costs nothing unless the writer says so.
    let is_frame = matches!(kind, Kind::RunStart | Kind::RunEnd);
    draft.cost = line.cost.or(is_frame.then_some(0));
    draft.budget = line.budget;
    draft.score = line.score;
    draft.parent = line.parent;
    draft.fields = line.fields.0;
    Ok(draft)
}
