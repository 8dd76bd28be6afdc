//! Transcripts of judged debates, as julianmichael/debate writes them:
//!
//! ```text
//! Context:
//! ...
//! Question: ...
//!
//! Debater A: I claim the answer is ...
//! Debater B: I claim the answer is ...
//! ---------------------------------------------
//!
//! Judge: ...
//! ---------------------------------------------
//! Debater A: ...
//! ```
//!
//! The pieces that become events' `raw` follow one another without a gap: together they are the file.

use std::collections::BTreeMap;

use avouch_trace::{Kind, Mode};

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::name;
use crate::run::{Run, Start};
use crate::sink::Draft;

pub(crate) const SPEC: Spec = Spec {
    name: "debate",
    agent: "debate",
    currency: "tokens",
    many_runs: false,
    recognises: |peek| {
        let text = String::from_utf8_lossy(peek.bytes);
        // The claims come after the context, which may be long.
        text.lines().next() == Some("Context:") || claims(&text).next().is_some()
    },
    shape: |_| Shape::Text,
    importer: || Box::new(Debate),
    rules: None,
    database: None,
};

/// What makes a line a debater's claim.
const CLAIM: &str = ": I claim the answer is ";
const QUESTION: &str = "Question:";
const JUDGE: &str = "Judge";
/// The fewest dashes of a line between turns.
const DASHES: usize = 20;

struct Debate;

impl Importer for Debate {
    fn record(&mut self, text: &str, run: &mut Run<'_>) -> Result<(), Fault> {
        let debate = Transcript::parse(text)?;
        run.take_raw();
        let mut start = Start::new(SPEC.currency);
        start.mode = Mode::Debate;
        run.start(start)?;
        debate.write(run)
    }
}

/// A transcript, cut into pieces.
struct Transcript<'a> {
    context: &'a str,
    question: &'a str,
    claims: Vec<Turn<'a>>,
    turns: Vec<Turn<'a>>,
}

struct Turn<'a> {
    speaker: &'a str,
    /// Everything, from the speaker's name to the dashes after the turn.
    piece: &'a str,
}

impl<'a> Turn<'a> {
    /// What was said.
    fn said(&self) -> &'a str {
        let said = self.piece.trim_start().strip_prefix(self.speaker);
        let said = said
            .and_then(|rest| rest.strip_prefix(':'))
            .unwrap_or(self.piece)
            .trim();
        let lines = said.trim_end_matches('-');
        // Only dashes on a line of their own are not part of it.
        if lines.is_empty() || lines.ends_with('\n') {
            lines.trim_end()
        } else {
            said
        }
    }

    fn is_judge(&self) -> bool {
        self.speaker.starts_with(JUDGE)
    }
}

/// Offsets of the lines that are claims, and who claims.
fn claims(text: &str) -> impl Iterator<Item = (usize, &str)> {
    lines(text).filter_map(|(at, line)| {
        let (speaker, _) = line.split_once(CLAIM)?;
        is_name(speaker).then_some((at, speaker))
    })
}

fn is_name(speaker: &str) -> bool {
    !speaker.is_empty() && speaker.len() <= 64 && !speaker.contains([':', '"', '{', '<'])
}

/// Lines with their ends, and where they start.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

fn is_dashes(line: &str) -> bool {
    let line = line.trim_end();
    line.len() >= DASHES && line.bytes().all(|byte| byte == b'-')
}

impl<'a> Transcript<'a> {
    fn parse(text: &'a str) -> Result<Self, Fault> {
        let (first, _) = claims(text).next().ok_or_else(|| {
            Fault::malformed(format!(
                "no line \"NAME{CLAIM}...\": nobody claims anything"
            ))
        })?;
        let (question, _) = lines(&text[..first])
            .filter(|(_, line)| line.starts_with(QUESTION))
            .last()
            .ok_or_else(|| {
                Fault::malformed(format!(
                    "no line \"{QUESTION} ...\" before the claims (byte {first})"
                ))
            })?;
        let mut pieces = Vec::new();
        let mut at = first;
        for (start, line) in lines(&text[first..]) {
            if is_dashes(line) {
                let end = first + start + line.len();
                pieces.push((at, &text[at..end]));
                at = end;
            }
        }
        if at < text.len() {
            pieces.push((at, &text[at..]));
        }
        let mut pieces = pieces.into_iter();
        let (_, opening) = pieces.next().unwrap_or((first, &text[first..]));
        let starts: Vec<(usize, &str)> = claims(opening).collect();
        let ends = starts
            .iter()
            .skip(1)
            .map(|(at, _)| *at)
            .chain([opening.len()]);
        let mut claims: Vec<Turn<'_>> = starts
            .iter()
            .zip(ends)
            .map(|(&(at, speaker), end)| Turn {
                speaker,
                piece: &opening[at..end],
            })
            .collect();
        let mut turns: Vec<Turn<'_>> = Vec::new();
        let mut begin = first + opening.len();
        for (at, piece) in pieces {
            let speaker = piece
                .trim_start()
                .split_once(':')
                .map(|(speaker, _)| speaker);
            let speaker = speaker.filter(|speaker| {
                is_name(speaker)
                    && (speaker.starts_with(JUDGE)
                        || claims.iter().any(|claim| claim.speaker == *speaker))
            });
            match (speaker, turns.last_mut()) {
                (Some(speaker), _) => {
                    begin = at;
                    turns.push(Turn { speaker, piece });
                }
                // Dashes inside a turn, or blank lines at the end.
                (None, Some(turn)) => turn.piece = &text[begin..at + piece.len()],
                (None, None) if piece.trim().is_empty() => {
                    if let (Some(claim), Some((last, _))) = (claims.last_mut(), starts.last()) {
                        claim.piece = &text[first + last..];
                    }
                }
                (None, None) => {
                    let reason =
                        format!("the turn at byte {at} names neither a debater nor a judge");
                    return Err(Fault::malformed(reason));
                }
            }
        }
        Ok(Self {
            context: &text[..question],
            question: &text[question..first],
            claims,
            turns,
        })
    }

    fn write(&self, run: &mut Run<'_>) -> Result<(), Fault> {
        if !self.context.is_empty() {
            run.source_bytes(self.context.as_bytes());
            let text = self.context.trim_start();
            let text = text.strip_prefix("Context:").unwrap_or(text).trim();
            run.emit(Draft::new(Kind::MessageIn).with("text", text))?;
        }
        run.source_bytes(self.question.as_bytes());
        let question = self
            .question
            .strip_prefix(QUESTION)
            .unwrap_or(self.question)
            .trim();
        run.emit(Draft::new(Kind::DebateOpened).with("text", question))?;
        for claim in &self.claims {
            self.event(Kind::Claim, claim, 0, None, run)?;
        }
        // How often each debater has spoken, and what the judge said since.
        let mut spoken: BTreeMap<&str, u32> = BTreeMap::new();
        let mut asked = None;
        let last_speech = self.turns.iter().rposition(|turn| !turn.is_judge());
        for (index, turn) in self.turns.iter().enumerate() {
            if turn.is_judge() {
                let round = spoken.values().copied().max().unwrap_or(0);
                let kind = match last_speech {
                    _ if turn.said().is_empty() => Kind::Note,
                    Some(last) if index > last => Kind::DebateClosed,
                    _ if round > 0 => Kind::Challenge,
                    _ => Kind::Note,
                };
                let seq = self.event(kind, turn, round, None, run)?;
                if kind == Kind::Challenge {
                    asked = Some(seq);
                }
            } else {
                let round = spoken.entry(turn.speaker).or_default();
                *round += 1;
                let kind = if *round == 1 {
                    Kind::Claim
                } else {
                    Kind::Rebuttal
                };
                let parent = asked.filter(|_| kind == Kind::Rebuttal);
                self.event(kind, turn, *round, parent, run)?;
            }
        }
        Ok(())
    }

    fn event(
        &self,
        kind: Kind,
        turn: &Turn<'_>,
        round: u32,
        parent: Option<u32>,
        run: &mut Run<'_>,
    ) -> Result<u32, Fault> {
        run.source_bytes(turn.piece.as_bytes());
        let mut draft = Draft::new(kind);
        let said = turn.said();
        if !said.is_empty() {
            draft = draft.with("text", said);
        }
        draft.actor = Some(name::role(turn.speaker));
        // Between two, it is clear whom a debater argues against.
        if self.claims.len() == 2 && !turn.is_judge() {
            let opponent = self
                .claims
                .iter()
                .find(|claim| claim.speaker != turn.speaker);
            draft.subject = opponent.map(|claim| name::role(claim.speaker));
        }
        draft.round = round;
        draft.parent = parent;
        run.emit(draft)
    }
}
