//! What no input in any of the document formats may do: panic, store a run that is not well-formed,
//! or keep bytes that are not the input's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::{Format, Options};
use common::{raws, try_with};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const FORMATS: [Format; 6] = [
    Format::Gemini,
    Format::OpenCode,
    Format::OpenAiChat,
    Format::SweAgent,
    Format::AgentRecord,
    Format::Debate,
];

/// Ingests strictly and leniently. Every run that comes out has passed the store's checks; here, that
/// what it keeps of the input is in the input.
fn ingest(format: Format, input: &[u8]) {
    for skip_bad in [false, true] {
        let options = Options {
            format: Some(format),
            skip_bad,
            record_limit: 1 << 20,
            ..Options::default()
        };
        let (store, result) = try_with(input, &options);
        if result.is_err() {
            assert!(
                store.runs.is_empty(),
                "a part of a refused input was stored"
            );
        }
        for run in &store.runs {
            for raw in raws(run).into_iter().filter(|raw| !raw.is_empty()) {
                assert!(
                    input.windows(raw.len()).any(|window| window == raw),
                    "invented bytes"
                );
            }
        }
    }
}

/// Records as the formats have them, from words that mean something to some format.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        prop_oneof![any::<i64>(), 0..3_i64].prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        prop::sample::select(WORDS).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..8)
                .prop_map(|members| members.into_iter().collect::<Json>()),
        ]
    })
}

const NAMES: &[&str] = &[
    "type",
    "role",
    "content",
    "timestamp",
    "model",
    "thoughts",
    "toolCalls",
    "tokens",
    "total",
    "id",
    "name",
    "args",
    "result",
    "status",
    "sessionID",
    "messageID",
    "parentID",
    "text",
    "tool",
    "state",
    "callID",
    "time",
    "start",
    "end",
    "created",
    "cost",
    "tool_calls",
    "function",
    "arguments",
    "tool_call_id",
    "function_call",
    "messages",
    "traj",
    "info",
    "action",
    "observation",
    "thought",
    "response",
    "is_demo",
    "tool_call_ids",
    "children",
    "call-id",
    "parent-id",
    "token-usage",
    "input",
    "output",
    "timestamp",
    "event-type",
    "is-error",
    "title",
];
const WORDS: &[&str] = &[
    "user",
    "assistant",
    "tool",
    "system",
    "gemini",
    "text",
    "reasoning",
    "step-start",
    "patch",
    "tool-call",
    "tool-result",
    "completed",
    "error",
    "a",
    "ses_1",
    "msg_1",
    "2026-01-02T03:04:05Z",
    "0.5",
];

/// Puts records where the format has them.
fn around(format: Format, records: &[Json]) -> Vec<u8> {
    let document = match format {
        Format::Gemini => json!({ "sessionId": "s", "messages": records }),
        Format::SweAgent => json!({ "info": {}, "trajectory": records, "history": [] }),
        Format::AgentRecord => json!({
            "version": "1", "id": "r", "session": {
                "session-id": "s", "entries": records,
                "agent-meta": { "model-id": "m", "model-provider": "p" },
            },
        }),
        Format::OpenAiChat => json!(records),
        _ => {
            return records
                .iter()
                .map(Json::to_string)
                .collect::<Vec<_>>()
                .join("\n")
                .into_bytes();
        }
    };
    document.to_string().into_bytes()
}

/// One well-formed record of each kind, per format.
fn samples(format: Format) -> Vec<Json> {
    match format {
        Format::Gemini => vec![
            json!({"type": "user", "timestamp": "2026-01-02T03:04:05Z", "content": "hi"}),
            json!({"type": "gemini", "model": "m", "content": "ho", "tokens": {"total": 3},
                "thoughts": [{"subject": "s", "description": "d"}],
                "toolCalls": [{"id": "a", "name": "t", "args": {}, "status": "success", "result": []}]}),
        ],
        Format::OpenCode => vec![
            json!({"sessionID": "s", "messageID": "m", "type": "text", "text": "hi"}),
            json!({"sessionID": "s", "messageID": "n", "type": "step-start"}),
            json!({"sessionID": "s", "messageID": "n", "type": "tool", "tool": "t", "callID": "a",
                "state": {"status": "completed", "input": {}, "output": "x", "time": {"start": 1, "end": 2}}}),
            json!({"sessionID": "s", "id": "n", "role": "assistant", "parentID": "m", "cost": 0.5}),
            json!([1]),
            json!({"sessionID": "t", "messageID": "o", "type": "text", "text": "hi"}),
        ],
        Format::OpenAiChat => vec![
            json!({"role": "user", "content": "hi"}),
            json!({"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
            json!({"role": "tool", "tool_call_id": "a", "content": "x"}),
            json!({"messages": [{"role": "user", "content": "hi"}], "info": {"user_cost": 1}}),
        ],
        Format::SweAgent => vec![
            json!({"action": "ls", "observation": "x", "thought": "t", "response": "r"}),
            json!({"role": "assistant", "content": "c", "action": "ls"}),
            json!({"role": "user", "content": "x"}),
        ],
        _ => vec![
            json!({"type": "user", "content": "hi", "id": "e", "timestamp": 5}),
            json!({"type": "assistant", "parent-id": "e", "token-usage": {"input": 1, "output": 2},
                "children": [{"type": "tool-call", "name": "t", "input": 1, "call-id": "a"}]}),
            json!({"type": "tool-result", "call-id": "a", "output": null, "status": "error"}),
        ],
    }
}

/// Replaces the value at a place in a record.
fn put(value: &mut Json, path: &[usize], new: &Json) {
    let children: Vec<&mut Json> = match value {
        Json::Array(items) => items.iter_mut().collect(),
        Json::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    let count = children.len();
    match path.split_first() {
        Some((at, rest)) if count > 0 => {
            put(children.into_iter().nth(at % count).unwrap(), rest, new);
        }
        _ => *value = new.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes(input in prop::collection::vec(any::<u8>(), 0..400)) {
        FORMATS.iter().for_each(|format| ingest(*format, &input));
    }

    #[test]
    fn any_records(records in prop::collection::vec(value(), 0..6)) {
        FORMATS.iter().for_each(|format| ingest(*format, &around(*format, &records)));
    }

    #[test]
    fn records_with_one_value_replaced(
        order in prop::collection::vec(any::<usize>(), 1..8),
        at in any::<usize>(),
        path in prop::collection::vec(any::<usize>(), 0..5),
        new in value(),
    ) {
        for format in FORMATS.into_iter().filter(|format| *format != Format::Debate) {
            let samples = samples(format);
            let mut records: Vec<Json> =
                order.iter().map(|index| samples[index % samples.len()].clone()).collect();
            let count = records.len();
            put(&mut records[at % count], &path, &new);
            ingest(format, &around(format, &records));
        }
    }

    #[test]
    fn documents_with_bytes_changed_or_cut(
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        cut in any::<usize>(),
    ) {
        for format in FORMATS {
            let mut input = match format {
                Format::Debate => b"Context:\nx\nQuestion: q\nA: I claim the answer is x\nB: I claim the answer is y\n\
                    ---------------------\n\nJudge: \n---------------------\nA: p\n---------------------\n".to_vec(),
                _ => around(format, &samples(format)),
            };
            for (at, byte) in &changes {
                let length = input.len();
                input[at % length] = *byte;
            }
            if cut % 3 == 0 {
                input.truncate(cut % (input.len() + 1));
            }
            ingest(format, &input);
        }
    }

    #[test]
    fn transcripts_of_any_lines(lines in prop::collection::vec(prop::sample::select(LINES), 0..30)) {
        let input: String = lines.concat();
        ingest(Format::Debate, input.as_bytes());
        let options = Options { format: Some(Format::Debate), ..Options::default() };
        let (store, result) = try_with(input.as_bytes(), &options);
        if result.is_ok() {
            prop_assert_eq!(raws(&store.runs[0]).concat(), input.as_bytes());
        }
    }
}

const LINES: &[&str] = &[
    "Context:\n",
    "Question: who?\n",
    "Question:\r\n",
    "A: I claim the answer is x\n",
    "B: I claim the answer is y\n",
    "---------------------\n",
    "---------------------\r\n",
    "---------------------",
    "\n",
    "A: hello\n",
    "B: hi -\n",
    "Judge: hm\n",
    "Judge: \n",
    "C: é\n",
    "words",
];

#[test]
fn the_samples_of_these_tests_are_well_formed() {
    for format in FORMATS
        .into_iter()
        .filter(|format| *format != Format::Debate)
    {
        let options = Options {
            format: Some(format),
            ..Options::default()
        };
        let (_, result) = try_with(&around(format, &samples(format)), &options);
        assert!(result.is_ok(), "{format}: {result:?}");
    }
}
