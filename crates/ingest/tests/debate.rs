//! Debate transcripts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_ingest::Format;
use avouch_trace::{Decision, Flags, Kind, Mode};
use common::{one, raws, refused, shared, text};

const SMALL: &str = "Context:\n\nA cat sat.\nQuestion: not this one, it is in the story\n\n\
Question: Who sat?\n\n\nDebater A: I claim the answer is a cat\nDebater B: I claim the answer is a dog\n\
---------------------------------------------\n\nJudge: \n\
---------------------------------------------\nDebater A: <quote>A cat sat.</quote>\n\n\
-------------------------------\nThat line was mine.\n\
---------------------------------------------\nDebater B: A: trust me - it was a dog --\n\
---------------------------------------------\nJudge: B, where does it say so?\n\
---------------------------------------------\nDebater A: Nowhere.\n\
---------------------------------------------\nDebater B: Between the lines.\n\
---------------------------------------------\nJudge: A cat it is.\n\
---------------------------------------------\n";

#[test]
fn a_transcript_becomes_the_documented_events() {
    for input in [
        SMALL.to_owned(),
        SMALL.replace('\n', "\r\n"),
        format!("{SMALL}\n\n"),
    ] {
        let run = one(input.as_bytes());
        assert_eq!((run.info.mode, &*run.info.format), (Mode::Debate, "debate"));
        let rows: Vec<_> = run.events[1..run.events.len() - 1]
            .iter()
            .map(|e| {
                (
                    e.kind,
                    e.round,
                    e.parent,
                    e.actor.as_deref(),
                    e.subject.as_deref(),
                )
            })
            .collect();
        let (a, b, judge) = (
            Some("role:Debater A"),
            Some("role:Debater B"),
            Some("role:Judge"),
        );
        assert_eq!(
            rows,
            [
                (Kind::MessageIn, 0, None, None, None),
                (Kind::DebateOpened, 0, None, None, None),
                (Kind::Claim, 0, None, a, b),
                (Kind::Claim, 0, None, b, a),
                (Kind::Note, 0, None, judge, None),
                (Kind::Claim, 1, None, a, b),
                (Kind::Claim, 1, None, b, a),
                (Kind::Challenge, 1, None, judge, None),
                (Kind::Rebuttal, 2, Some(8), a, b),
                (Kind::Rebuttal, 2, Some(8), b, a),
                (Kind::DebateClosed, 2, None, judge, None),
            ]
        );
        assert_eq!(
            raws(&run).concat(),
            input.as_bytes(),
            "the pieces are the file"
        );
        assert_eq!(text(&run.events[2], "text"), Some("Who sat?"));
        assert_eq!(
            text(&run.events[3], "text"),
            Some("I claim the answer is a cat")
        );
        assert_eq!(text(&run.events[5], "text"), None);
        assert!(
            text(&run.events[6], "text")
                .unwrap()
                .ends_with("That line was mine.")
        );
        assert_eq!(
            text(&run.events[7], "text"),
            Some("A: trust me - it was a dog --")
        );
        assert_eq!(text(&run.events[11], "text"), Some("A cat it is."));
        for event in &run.events {
            assert_eq!(
                (event.decision, event.score),
                (Decision::None, None),
                "prose, no verdict"
            );
            assert_eq!((event.flags, event.time), (Flags::NONE, 0));
        }
    }
}

#[test]
fn a_debate_without_an_end_is_not_closed() {
    let cut = SMALL.rfind("Judge: A cat").unwrap();
    let run = one(&SMALL.as_bytes()[..cut]);
    assert!(
        run.events
            .iter()
            .all(|event| event.kind != Kind::DebateClosed)
    );
    let opening = SMALL.find("\nJudge").unwrap();
    let run = one(&SMALL.as_bytes()[..opening]);
    assert_eq!(run.events.len(), 6);
    assert_eq!(raws(&run).concat(), &SMALL.as_bytes()[..opening]);
}

#[test]
fn a_consultancy_has_one_side_and_no_opponent() {
    let input = "Question: Why?\n\nOne of these two answers is correct:\nAnswer A: x\nAnswer B: y\n\n\
        Consultant: I claim the answer is x\n---------------------------------------------\n\n\
        Judge: both plausible\n---------------------------------------------\nConsultant: x!\n\
        ---------------------------------------------\nJudge: fine\n";
    let run = one(input.as_bytes());
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds[1..6],
        [
            Kind::DebateOpened,
            Kind::Claim,
            Kind::Note,
            Kind::Claim,
            Kind::DebateClosed
        ]
    );
    assert!(run.events.iter().all(|event| event.subject.is_none()));
    assert_eq!(raws(&run).concat(), input.as_bytes());
}

#[test]
fn what_is_no_transcript_is_refused() {
    for (input, message) in [
        ("Context:\nQuestion: Who?\n", "nobody claims anything"),
        (
            "Debater A: I claim the answer is x\n",
            "before the claims (byte 0)",
        ),
        (
            "Question: q\nA: I claim the answer is x\n---------------------\nZed: hello\n",
            "the turn at byte 61 names neither a debater nor a judge",
        ),
    ] {
        let refusal = refused(Format::Debate, input.as_bytes());
        assert!(refusal.contains(message), "{input}: {refusal}");
    }
    assert!(refused(Format::Debate, b"Context:\n\xff").contains("not UTF-8 (at its byte 9)"));
}

#[test]
fn the_sample_has_the_turns_that_counting_lines_finds() {
    let Some(input) = shared("debate/how-to-make-friends-1.txt") else {
        return;
    };
    let run = one(&input);
    assert_eq!(raws(&run).concat(), input);
    let whole = String::from_utf8(input).unwrap();
    let dashes = "---------------------------------------------";
    let turns = whole.lines().filter(|line| *line == dashes).count() - 1;
    let claims = whole
        .lines()
        .filter(|line| line.contains(": I claim the answer is "))
        .count();
    assert_eq!((claims, turns), (2, 7));
    // Start, context, question, claims, turns, end.
    assert_eq!(run.events.len(), 3 + claims + turns + 1);
    let kinds: Vec<Kind> = run.events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds[5..12],
        [
            Kind::Note,
            Kind::Claim,
            Kind::Claim,
            Kind::Challenge,
            Kind::Rebuttal,
            Kind::Rebuttal,
            Kind::DebateClosed,
        ]
    );
    assert_eq!(
        text(&run.events[2], "text"),
        Some("Who did Manet like the best?")
    );
    assert_eq!(
        text(&run.events[4], "text"),
        Some("I claim the answer is Trader Tom")
    );
    assert!(
        text(&run.events[1], "text")
            .unwrap()
            .starts_with("HOW TO MAKE FRIENDS")
    );
}
