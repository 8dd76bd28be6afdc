//! No input makes any format panic, and none leaves a run open or half stored.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::{Format, Options};
use common::{shared, try_with};
use proptest::prelude::*;

/// Words that the formats look for, and what JSON is made of.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\n",
    " ",
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "18446744073709551615",
    "\"type\"",
    "\"kind\"",
    "\"note\"",
    "\"user\"",
    "\"assistant\"",
    "\"role\"",
    "\"message\"",
    "\"content\"",
    "\"text\"",
    "\"tool_use\"",
    "\"tool_result\"",
    "\"tool_calls\"",
    "\"id\"",
    "\"uuid\"",
    "\"parentUuid\"",
    "\"sessionId\"",
    "\"payload\"",
    "\"event_msg\"",
    "\"token_count\"",
    "\"info\"",
    "\"response_item\"",
    "\"usage\"",
    "\"tokens\"",
    "\"input_tokens\"",
    "\"messages\"",
    "\"trajectory\"",
    "\"history\"",
    "\"session\"",
    "\"entries\"",
    "\"timestamp\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"avouch\"",
    "\"run\"",
    "\"fields\"",
    "\"parent\"",
    "\"traj\"",
    "\"parts\"",
    "\"children\"",
    "Debater A: ",
    "Judge: ",
    "-----\n",
    "Context:\n",
];

fn formats() -> impl Strategy<Value = Option<Format>> {
    prop::sample::select(
        Format::ALL
            .map(Some)
            .into_iter()
            .chain([None])
            .collect::<Vec<_>>(),
    )
}

/// Ingests, and leaves the judging to the sink's checks.
fn survives(input: &[u8], format: Option<Format>, skip_bad: bool) {
    let options = Options {
        format,
        skip_bad,
        ..Options::default()
    };
    let (store, result) = try_with(input, &options);
    match result {
        Ok(outcomes) => assert_eq!(outcomes.len(), store.runs.len()),
        Err(error) => {
            assert!(store.runs.is_empty(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(
        input in prop::collection::vec(any::<u8>(), 0..300), format in formats(), skip in any::<bool>(),
    ) {
        survives(&input, format, skip);
    }

    #[test]
    fn arbitrary_words_never_panic(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..80), format in formats(), skip in any::<bool>(),
    ) {
        survives(words.concat().as_bytes(), format, skip);
    }
}

/// The starts of all samples, cut where a record ends or nearly so.
fn samples() -> Vec<(Format, Vec<u8>)> {
    let mut samples = vec![(
        Format::Avouch,
        b"{\"avouch\":1,\"run\":{\"agent\":\"a\"}}\n{\"kind\":\"note\",\"time\":3,\"fields\":{\"a\":[1.5]}}\n".to_vec(),
    )];
    for (file, format) in [
        ("sessions/claude-opus-4-6.jsonl", Format::ClaudeCode),
        ("sessions/codex-gpt-5-2.jsonl", Format::Codex),
        ("sessions/cursor-composer-1-5.jsonl", Format::Cursor),
        ("sessions/gemini-gemini-3-pro-preview.jsonl", Format::Gemini),
        ("sessions/opencode-gpt-5-2-codex.jsonl", Format::OpenCode),
        ("tau-bench/gpt-4o-airline-first100.json", Format::OpenAiChat),
        ("swe-agent/function_calling_simple.traj", Format::SweAgent),
        ("debate/how-to-make-friends-1.txt", Format::Debate),
    ] {
        if let Some(mut input) = shared(file) {
            input.truncate(60_000);
            samples.push((format, input));
        }
    }
    samples
}

#[test]
fn samples_with_changed_removed_and_doubled_bytes_never_panic() {
    let samples = samples();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    let strategy = (
        prop::sample::select(samples),
        any::<prop::sample::Index>(),
        0..4_u8,
        any::<u8>(),
        any::<bool>(),
    );
    let result = runner.run(&strategy, |((format, mut input), at, how, byte, skip)| {
        let at = at.index(input.len());
        match how {
            0 => input[at] = byte,
            1 => drop(input.remove(at)),
            2 => input.truncate(at),
            _ => input.insert(at, input[at]),
        }
        survives(&input, Some(format), skip);
        Ok(())
    });
    result.unwrap();
}
