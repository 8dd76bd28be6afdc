//! A sink that keeps runs in memory, and helpers that every test file uses a part of.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use avouch_cbor::Value;
use avouch_ingest::{
    Draft, Error, FieldValue, Format, InputId, Options, Outcome, RunInfo, Sink, ingest, ingest_file,
};
use avouch_trace::Kind;

/// A stored run.
pub(crate) struct Stored {
    pub(crate) info: RunInfo,
    pub(crate) events: Vec<Draft>,
}

/// A store in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) runs: Vec<Stored>,
    pub(crate) open: Option<Stored>,
    pub(crate) aborted: usize,
}

impl Sink for Memory {
    type Error = Infallible;

    fn existing(&mut self, input: &InputId) -> Result<Option<String>, Infallible> {
        Ok(self
            .runs
            .iter()
            .find(|run| run.info.input == *input)
            .map(|run| run.info.name.clone()))
    }
    fn begin(&mut self, run: &RunInfo) -> Result<(), Infallible> {
        assert!(self.open.is_none(), "a run is open already");
        self.open = Some(Stored {
            info: run.clone(),
            events: Vec::new(),
        });
        Ok(())
    }
    fn event(&mut self, draft: Draft) -> Result<(), Infallible> {
        self.open
            .as_mut()
            .expect("no run is open")
            .events
            .push(draft);
        Ok(())
    }
    fn finish(&mut self) -> Result<String, Infallible> {
        let run = self.open.take().expect("no run is open");
        check(&run);
        let name = run.info.name.clone();
        self.runs.push(run);
        Ok(name)
    }
    fn abort(&mut self) -> Result<(), Infallible> {
        self.open.take().expect("no run is open");
        self.aborted += 1;
        Ok(())
    }
}

/// What must hold for every run of every format.
pub(crate) fn check(run: &Stored) {
    let events = &run.events;
    assert!(events.len() >= 2);
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event.kind == Kind::RunStart, seq == 0, "event {seq}");
        assert_eq!(
            event.kind == Kind::RunEnd,
            seq == events.len() - 1,
            "event {seq}"
        );
        assert!(
            event.parent.is_none_or(|parent| (parent as usize) < seq),
            "event {seq}"
        );
        assert!(
            event.score.is_none_or(|score| score <= 1_000_000),
            "event {seq}"
        );
        assert!(
            event.cost != Some(u64::MAX) && event.budget != Some(u64::MAX),
            "event {seq}"
        );
        let mut names: Vec<&str> = event.fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "event {seq}: a field's name twice");
        assert!(
            !names
                .iter()
                .any(|name| ["", "actor", "subject", "cost"].contains(name))
        );
        for (name, value) in &event.fields {
            if let FieldValue::Cbor(value) = value {
                assert!(value.to_vec().is_ok(), "event {seq}: {name} is no CBOR");
            }
        }
        if let Some(at) = field(event, "raw_at") {
            let FieldValue::Cbor(Value::Uint(at)) = at else {
                panic!("event {seq}: raw_at")
            };
            assert!((*at as usize) < seq);
            assert!(field(&events[*at as usize], "raw").is_some());
        }
    }
    let known = events
        .iter()
        .position(|event| event.time != 0)
        .unwrap_or(events.len());
    assert!(
        events[known..].iter().all(|event| event.time != 0),
        "a known time was forgotten"
    );
}

/// A field of an event.
pub(crate) fn field<'a>(event: &'a Draft, name: &str) -> Option<&'a FieldValue> {
    event
        .fields
        .iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

/// A field of an event that is text or JSON.
pub(crate) fn text<'a>(event: &'a Draft, name: &str) -> Option<&'a str> {
    match field(event, name)? {
        FieldValue::Cbor(Value::Text(text)) => Some(text),
        FieldValue::Json(bytes) => Some(std::str::from_utf8(bytes).unwrap()),
        FieldValue::Cbor(_) => None,
    }
}

/// All fields `raw`, in order.
pub(crate) fn raws(run: &Stored) -> Vec<&[u8]> {
    run.events
        .iter()
        .filter_map(|event| field(event, "raw"))
        .map(bytes)
        .collect()
}

/// The bytes of a raw field.
pub(crate) fn bytes(value: &FieldValue) -> &[u8] {
    match value {
        FieldValue::Json(bytes) | FieldValue::Cbor(Value::Bytes(bytes)) => bytes,
        other => panic!("not bytes: {other:?}"),
    }
}

/// How many events have this kind.
pub(crate) fn count(run: &Stored, kind: Kind) -> usize {
    run.events.iter().filter(|event| event.kind == kind).count()
}

/// Ingests bytes with these options into a new store.
pub(crate) fn try_with(
    input: &[u8],
    options: &Options<'_>,
) -> (Memory, Result<Vec<Outcome>, Error>) {
    let mut store = Memory::default();
    let result = ingest("dir/input.jsonl", Cursor::new(input), options, &mut store);
    assert!(store.open.is_none(), "a run was left open");
    (store, result)
}

/// Ingests bytes of a known format.
pub(crate) fn try_as(format: Format, input: &[u8]) -> (Memory, Result<Vec<Outcome>, Error>) {
    try_with(
        input,
        &Options {
            format: Some(format),
            ..Options::default()
        },
    )
}

/// Ingests what must be one run.
pub(crate) fn one(input: &[u8]) -> Stored {
    let (mut store, result) = try_with(input, &Options::default());
    result.unwrap();
    assert_eq!(store.runs.len(), 1);
    store.runs.remove(0)
}

/// Ingests what must be refused, with nothing stored; the message.
pub(crate) fn refused(format: Format, input: &[u8]) -> String {
    let (store, result) = try_as(format, input);
    assert!(store.runs.is_empty());
    result.expect_err("must be refused").to_string()
}

/// Ingests a file with these options into a new store.
pub(crate) fn try_file(
    path: &Path,
    options: &Options<'_>,
) -> (Memory, Result<Vec<Outcome>, Error>) {
    let mut store = Memory::default();
    let result = ingest_file(path, options, &mut store);
    assert!(store.open.is_none(), "a run was left open");
    (store, result)
}

/// Ingests a file.
pub(crate) fn file(path: &Path) -> Vec<Stored> {
    let (store, result) = try_file(path, &Options::default());
    result.unwrap();
    store.runs
}

/// A file of the shared data; `None`, with a message, where it is absent.
pub(crate) fn shared(path: &str) -> Option<Vec<u8>> {
    shared_path(path).map(|file| std::fs::read(file).unwrap())
}

/// Where a file of the shared data is; `None`, with a message, where it is absent.
pub(crate) fn shared_path(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AVOUCH_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let file = root.join(path);
    if !file.exists() {
        eprintln!("skipped: no shared data at {}", file.display());
        return None;
    }
    Some(file)
}
