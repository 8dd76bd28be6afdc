//! Every format that can be ingested.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io::Cursor;

use avouch_ingest::{Draft, FieldValue, Format, InputId, Options, Outcome, RunInfo, Sink, ingest};
use avouch_trace::{Checker, Field, Header, NameId, Salt};

/// What is ingested is a well-formed trace; what is refused leaves nothing behind; and skipping bad
/// records changes nothing where there are none.
pub(crate) fn format(format: Format, data: &[u8]) -> bool {
    let _ = Format::detect(data);
    let strict = all_runs(format, data, false);
    let lenient = all_runs(format, data, true);
    if strict.is_some() {
        assert_eq!(
            strict, lenient,
            "--skip-bad changed an input without bad records"
        );
    }
    strict.is_some()
}

/// How many events each run has; `None` where the input was refused.
fn all_runs(format: Format, data: &[u8], skip_bad: bool) -> Option<Vec<u64>> {
    let mut sink = Judge::default();
    let options = Options {
        format: Some(format),
        skip_bad,
        ..Options::default()
    };
    let outcomes = ingest("input", Cursor::new(data), &options, &mut sink);
    assert!(sink.open.is_none(), "a run was left open");
    let outcomes = outcomes.ok()?;
    let said: Vec<u64> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Ingested { events, .. } => *events,
            other => panic!("an empty store knew the input: {other:?}"),
        })
        .collect();
    assert_eq!(
        said, sink.finished,
        "the number of events told is not that stored"
    );
    Some(said)
}

/// A sink that keeps nothing and judges everything.
#[derive(Default)]
struct Judge {
    open: Option<Checker>,
    finished: Vec<u64>,
}

impl Sink for Judge {
    type Error = Infallible;

    fn existing(&mut self, _: &InputId) -> Result<Option<String>, Infallible> {
        Ok(None)
    }

    fn begin(&mut self, run: &RunInfo) -> Result<(), Infallible> {
        assert!(self.open.is_none(), "a run was open already");
        assert!(!run.agent.is_empty() && !run.name.is_empty() && !run.currency.is_empty());
        self.open = Some(Checker::new());
        Ok(())
    }

    fn event(&mut self, draft: Draft) -> Result<(), Infallible> {
        let checker = self.open.as_mut().expect("a run is open");
        let header = header(&draft, checker.count());
        assert_eq!(
            Header::decode(&header.encode()).ok(),
            Some(header),
            "a header that changes"
        );
        checker.header(&header).expect("a well-formed trace");
        fields(draft);
        Ok(())
    }

    fn finish(&mut self) -> Result<String, Infallible> {
        let checker = self.open.take().expect("a run is open");
        self.finished
            .push(checker.finish().expect("a well-formed trace"));
        Ok("run".into())
    }

    fn abort(&mut self) -> Result<(), Infallible> {
        self.open.take().expect("a run is open");
        Ok(())
    }
}

fn header(draft: &Draft, seq: u64) -> Header {
    let id = |name: &Option<String>| name.as_deref().map_or(NameId::NONE, NameId::of);
    Header {
        kind: draft.kind,
        decision: draft.decision,
        flags: draft.flags,
        round: draft.round,
        seq,
        time: draft.time,
        cost: draft.cost,
        budget: draft.budget,
        score: draft.score,
        parent: draft.parent,
        actor: id(&draft.actor),
        subject: id(&draft.subject),
    }
}

/// Every field has a name of its own and a value that can be encoded.
fn fields(draft: Draft) {
    let mut names = HashSet::new();
    for (name, value) in draft.fields {
        let value = match value {
            FieldValue::Cbor(value) => value,
            FieldValue::Json(text) => text.into(),
        };
        Field::from_value(Salt([0; 16]), &name, &value).expect("a value that encodes");
        assert!(
            !["", "actor", "subject"].contains(&name.as_str()),
            "{name:?} is not the importer's"
        );
        assert!(names.insert(name), "a name twice");
    }
}
