//! What holds for every format: passes, cutting, detection, refusal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::cell::{Cell, RefCell};
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use avouch_ingest::{Draft, Error, Format, InputId, Options, Outcome, RunInfo, Sink, ingest};
use common::{Memory, one, refused, shared, try_with};

const LINES: &[u8] =
    b"{\"kind\":\"note\",\"time\":5}\r\n\n{\"kind\":\"error\"}\n  \n{\"kind\":\"note\"}";

/// A reader that gives at most `step` bytes at a time, and other bytes from pass `change_in` on.
struct Odd {
    inner: Cursor<Vec<u8>>,
    step: usize,
    passes: u32,
    change: Option<(u32, Vec<u8>)>,
}

impl Odd {
    fn new(bytes: &[u8], step: usize) -> Self {
        Self {
            inner: Cursor::new(bytes.to_vec()),
            step,
            passes: 0,
            change: None,
        }
    }
}

impl Read for Odd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = self.step.min(into.len());
        self.inner.read(&mut into[..most])
    }
}

impl Seek for Odd {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if to == SeekFrom::Start(0) {
            self.passes += 1;
            if let Some((pass, bytes)) = self.change.take_if(|(pass, _)| *pass == self.passes) {
                assert_eq!(pass, self.passes);
                self.inner = Cursor::new(bytes);
            }
        }
        self.inner.seek(to)
    }
}

#[test]
fn how_the_bytes_arrive_makes_no_difference() {
    let mut inputs = vec![LINES.to_vec()];
    inputs.extend(shared("sessions/cursor-gpt-5-2.jsonl"));
    inputs.extend(shared("swe-agent/function_calling_simple.traj"));
    for input in inputs {
        let (whole, result) = try_with(&input, &Options::default());
        if let Err(error) = result {
            panic!("{error}");
        }
        for step in [1, 2, 3, 7, 4096] {
            let mut store = Memory::default();
            ingest(
                "dir/input.jsonl",
                Odd::new(&input, step),
                &Options::default(),
                &mut store,
            )
            .unwrap();
            assert_eq!(store.runs.len(), whole.runs.len());
            for (run, other) in store.runs.iter().zip(&whole.runs) {
                assert_eq!(run.info, other.info);
                assert_eq!(run.events, other.events);
            }
        }
    }
}

#[test]
fn an_input_that_changes_between_passes_is_refused() {
    // Pass 1 looks at the start, pass 2 hashes, pass 3 reads records.
    for changed in [
        &b"{\"kind\":\"note\",\"time\":6}\n"[..],
        b"{\"kind\":\"note\"}\n",
        b"",
    ] {
        let mut reader = Odd::new(b"{\"kind\":\"run-end\",\"time\":5}\n", 64);
        reader.change = Some((3, changed.to_vec()));
        let mut store = Memory::default();
        let result = ingest("f", reader, &Options::default(), &mut store);
        assert!(matches!(result, Err(Error::Changed { .. })), "{result:?}");
        assert!(store.runs.is_empty() && store.open.is_none());
    }
}

#[test]
fn what_is_appended_meanwhile_is_not_part_of_the_input() {
    let mut reader = Odd::new(LINES, 64);
    reader.change = Some((3, [LINES, b"\n{\"kind\":\"note\"}\n{\"ki"].concat()));
    let mut store = Memory::default();
    ingest("f", reader, &Options::default(), &mut store).unwrap();
    assert_eq!(store.runs[0].events, one(LINES).events);
}

#[test]
fn the_input_is_named_by_its_digest_and_length() {
    let run = one(LINES);
    let digest = avouch_merkle::sha256(&[LINES]);
    assert_eq!(run.info.input, InputId { digest, ordinal: 0 });
    let field = common::field(&run.events[0], "input_sha256").unwrap();
    assert_eq!(common::bytes(field), digest.as_bytes());
    let length = common::field(&run.events[0], "input_bytes");
    assert_eq!(length, Some(&(LINES.len() as u64).into()));
}

#[test]
fn a_record_that_is_too_long_is_refused_where_it_is() {
    let options = Options {
        record_limit: 100,
        ..Options::default()
    };
    let long = format!("{{\"kind\":\"note\",\"actor\":\"{}\"}}", "x".repeat(100));
    let input = format!("{{\"kind\":\"note\"}}\n{long}\n{{\"kind\":\"note\"}}");
    for skip_bad in [false, true] {
        let (store, result) = try_with(
            input.as_bytes(),
            &Options {
                skip_bad,
                ..options.clone()
            },
        );
        let message = result.unwrap_err().to_string();
        assert_eq!(
            message,
            "dir/input.jsonl: line 2: a record is longer than 100 bytes"
        );
        assert!(store.runs.is_empty());
    }
}

#[test]
fn an_input_without_records_is_refused() {
    for input in [&b""[..], b" \n\r\n\t"] {
        let (_, result) = try_with(input, &Options::default());
        assert!(matches!(result, Err(Error::Empty { .. })));
    }
}

#[test]
fn an_input_that_no_format_recognises_is_refused_with_their_names() {
    for input in [
        &b"\x00\x01"[..],
        b"hello",
        b"{}",
        b"[]",
        b"[1,2]",
        b"{\"a\":1}\n{\"b\":2}",
        b"{\"kind\":\"cheese\"}",
        b"{\"",
        b"[",
        b"]",
        b"\xff\xfe{\"kind\":\"note\"}",
    ] {
        let (_, result) = try_with(input, &Options::default());
        let message = result.unwrap_err().to_string();
        assert!(message.contains("no known format"), "{message}");
        for format in Format::ALL {
            assert!(message.contains(format.name()));
        }
    }
}

#[test]
fn formats_are_recognised_in_the_samples() {
    for (file, format) in [
        ("sessions/claude-opus-4-6.jsonl", Format::ClaudeCode),
        ("sessions/codex-gpt-5-2.jsonl", Format::Codex),
        ("sessions/cursor-composer-1-5.jsonl", Format::Cursor),
        ("sessions/cursor-gpt-5-2.jsonl", Format::Cursor),
        ("sessions/gemini-gemini-3-pro-preview.jsonl", Format::Gemini),
        ("sessions/opencode-gpt-5-2-codex.jsonl", Format::OpenCode),
        ("tau-bench/gpt-4o-airline-first100.json", Format::OpenAiChat),
        ("swe-agent/function_calling_simple.traj", Format::SweAgent),
        ("swe-agent/i_got_id_demo.traj", Format::SweAgent),
        ("swe-agent/katy.traj", Format::SweAgent),
        ("debate/how-to-make-friends-1.txt", Format::Debate),
    ] {
        if let Some(input) = shared(file) {
            // A debate is known by what follows the text that it is about.
            let least = if format == Format::Debate {
                60_000
            } else {
                8_192
            };
            for length in [1 << 20, least] {
                let start = &input[..input.len().min(length)];
                assert_eq!(
                    Format::detect(start),
                    Some(format),
                    "{file}, {length} bytes"
                );
            }
            for length in 0..1_000 {
                let found = Format::detect(&input[..length]);
                assert!(
                    found.is_none_or(|found| found == format),
                    "{file}, {length} bytes"
                );
            }
        }
    }
}

#[test]
fn format_names_are_read_back() {
    for format in Format::ALL {
        assert_eq!(format.name().parse::<Format>().unwrap(), format);
        assert_eq!(format.to_string(), format.name());
    }
    let message = "word".parse::<Format>().unwrap_err().to_string();
    assert!(message.contains("\"word\" is not a format") && message.contains("claude-code"));
}

#[test]
fn a_format_that_was_given_is_not_questioned() {
    let message = refused(Format::Codex, LINES);
    assert!(
        message.contains("line 1: missing field `type`"),
        "{message}"
    );
}

#[test]
fn progress_grows_to_its_total() {
    let seen = RefCell::new(Vec::new());
    let note = |done, total| seen.borrow_mut().push((done, total));
    let options = Options {
        on_progress: Some(&note),
        ..Options::default()
    };
    let mut store = Memory::default();
    ingest("f", Odd::new(LINES, 8), &options, &mut store).unwrap();
    let seen = seen.into_inner();
    assert!(
        seen.windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1)
    );
    let (done, total) = *seen.last().unwrap();
    assert_eq!(
        (done, total),
        (2 * LINES.len() as u64, 2 * LINES.len() as u64)
    );
}

/// A sink that fails when its counter runs out.
struct Failing {
    left: Cell<u32>,
    aborted: bool,
}

impl Failing {
    fn step(&self) -> Result<(), io::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(io::Error::other("the disk is full")),
        }
    }
}

impl Sink for Failing {
    type Error = io::Error;
    fn existing(&mut self, _: &InputId) -> Result<Option<String>, io::Error> {
        self.step().map(|()| None)
    }
    fn begin(&mut self, _: &RunInfo) -> Result<(), io::Error> {
        self.step()
    }
    fn event(&mut self, _: Draft) -> Result<(), io::Error> {
        self.step()
    }
    fn finish(&mut self) -> Result<String, io::Error> {
        self.step().map(|()| "name".to_owned())
    }
    fn abort(&mut self) -> Result<(), io::Error> {
        self.aborted = true;
        Ok(())
    }
}

#[test]
fn a_store_that_fails_ends_it_and_is_told_to_drop_the_run() {
    // Asked twice whether it knows the input, begun, five events, finished.
    for steps in 0..=9 {
        let mut sink = Failing {
            left: Cell::new(steps),
            aborted: false,
        };
        let result = ingest("f", Cursor::new(LINES), &Options::default(), &mut sink);
        match result {
            Ok(outcomes) => {
                assert_eq!(steps, 9);
                let name = "name".to_owned();
                let whole = Outcome::Ingested {
                    name,
                    events: 5,
                    records: 3,
                    skipped: 0,
                    source_held: None,
                };
                assert_eq!(outcomes, [whole]);
            }
            Err(error) => {
                assert!(steps < 9);
                let source = std::error::Error::source(&error).unwrap();
                assert_eq!(source.to_string(), "the disk is full");
                assert_eq!(sink.aborted, (3..9).contains(&steps), "{steps}");
            }
        }
    }
}

#[test]
fn of_an_input_with_many_runs_only_those_are_made_that_are_not_there() {
    let input = br#"[{"messages":[{"role":"user","content":"a"}]},{"messages":[{"role":"user","content":"b"}]},{"messages":[{"role":"user","content":"c"}]}]"#;
    let (mut store, result) = try_with(input, &Options::default());
    assert_eq!(result.unwrap().len(), 3);
    let missing = store.runs.remove(1);
    let again = ingest(
        "other.json",
        Cursor::new(input),
        &Options::default(),
        &mut store,
    )
    .unwrap();
    let known = |outcome: &Outcome| matches!(outcome, Outcome::AlreadyKnown(_));
    assert_eq!(
        again.iter().map(known).collect::<Vec<_>>(),
        [true, false, true]
    );
    let made = store.runs.last().unwrap();
    assert_eq!(made.info.input, missing.info.input);
    assert_eq!(made.events, missing.events);
    let mut ordinals: Vec<u32> = store
        .runs
        .iter()
        .map(|run| run.info.input.ordinal)
        .collect();
    ordinals.sort_unstable();
    assert_eq!(ordinals, [0, 1, 2]);
}
