//! Random traces, and claims about them that are nearly true or nearly false.
//!
//! Each comes from bytes that the property tests draw, so that a failing case shrinks.

use avouch_claims::{Claim, DecisionSet, Filter, Ids, KindSet, Matching, VotingRule};
use avouch_trace::{Decision, Flags, Header, Kind, NameId};

use super::{kinds, name, plain};

/// What one event is made from.
pub type Draw = [u8; 8];
/// What one claim is made from.
pub type Wish = [u8; 6];

pub const SUBJECTS: [&str; 3] = ["tool:a", "tool:b", "tool:c"];
pub const VOTERS: [&str; 6] = [
    "agent:1", "agent:2", "agent:3", "agent:4", "agent:5", "agent:6",
];
/// How many types of claims there are.
pub const TYPES: u8 = 11;

/// True for few bytes, and never for 0: what makes a trace odd.
fn odd(byte: u8) -> bool {
    byte >= 252
}

/// A well-formed trace that mostly behaves: tools are called after an approval of their own, time
/// and budget run on, people vote once. Each draw may stray.
pub fn trace(draws: &[Draw]) -> Vec<Header> {
    let mut made = Maker {
        events: vec![plain(Kind::RunStart, 0)],
        gates: Vec::new(),
        votes: 0,
        halted: false,
    };
    for draw in draws {
        made.event(draw);
    }
    made.push(Kind::RunEnd, &[0; 8]);
    made.events
}

struct Maker {
    events: Vec<Header>,
    /// Approvals that nobody used yet.
    gates: Vec<(NameId, u32, bool)>,
    votes: usize,
    halted: bool,
}

impl Maker {
    fn event(&mut self, draw: &Draw) {
        let [what, which, _, _, _, other, stray, far] = *draw;
        let kind = match (self.halted, what % 32) {
            (true, _) if stray < 232 => {
                [Kind::Note, Kind::ApprovalGiven, Kind::Halt, Kind::Error][usize::from(what % 4)]
            }
            (_, 0..=11) => Kind::ToolCall,
            (_, 12..=15) => Kind::PolicyDecision,
            (_, 16..=18) => Kind::ApprovalGiven,
            (_, 19..=23) => Kind::Vote,
            (_, 24) => Kind::BudgetChange,
            (_, 25) => Kind::Halt,
            (_, 26) => Kind::Error,
            (_, 27) => Kind::ApprovalAsked,
            (_, 28) => Kind::ModelCall,
            _ => Kind::Note,
        };
        if far >= 248 {
            // Far enough that an approval can lie on either side of the window's edge.
            for _ in 0..250 + usize::from(far % 8) {
                self.push(Kind::Note, &[0; 8]);
            }
        }
        let subject = name(SUBJECTS[usize::from(which) % 3]);
        let waiting = self.gates.iter().rposition(|gate| gate.0 == subject);
        let kind = match kind {
            // Nothing waits for this tool: approve it first.
            Kind::ToolCall if waiting.is_none() && !odd(stray) => Kind::PolicyDecision,
            kind => kind,
        };
        self.push(kind, draw);
        let seq = self.events.len() as u32 - 1;
        let event = self.events.last_mut().unwrap();
        event.subject = if odd(which) { NameId::NONE } else { subject };
        match kind {
            Kind::ToolCall => {
                let gate = waiting.map(|at| {
                    if odd(other) {
                        self.gates[at]
                    } else {
                        self.gates.remove(at)
                    }
                });
                event.parent = gate.map(|gate| gate.1).filter(|_| stray != 255);
                event.decision = if odd(stray) {
                    Decision::None
                } else {
                    Decision::Allow
                };
                // Only what a human approved is risky, unless the draw strays.
                let risky = gate.is_some_and(|gate| gate.2) || odd(other);
                event.score = (other != 251).then_some(if risky { 900_000 } else { 100_000 });
            }
            Kind::PolicyDecision | Kind::ApprovalGiven => {
                let human = kind == Kind::ApprovalGiven && !odd(other);
                if human {
                    event.flags = event.flags.with(Flags::HUMAN);
                }
                event.decision = match stray {
                    252.. => Decision::Deny,
                    _ if human => Decision::HumanAllowed,
                    _ => Decision::Allow,
                };
                self.gates.push((subject, seq, human));
            }
            Kind::Note if !odd(other) => event.flags = event.flags.with(Flags::HUMAN),
            Kind::Vote => {
                let voter = if odd(other) {
                    usize::from(other) % 8
                } else {
                    self.votes
                };
                self.votes += 1;
                event.actor = name(VOTERS.get(voter).unwrap_or(&"agent:outsider"));
                event.round = u32::from(self.votes > VOTERS.len()) + 1;
                event.decision = match stray % 16 {
                    0..=11 => Decision::Allow,
                    12 => Decision::None,
                    _ if odd(stray) => Decision::HumanDenied,
                    _ => Decision::Deny,
                };
                event.score = (other != 251).then_some(u32::from(other) * 4_000);
            }
            _ => {}
        }
    }

    fn push(&mut self, kind: Kind, draw: &Draw) {
        let [_, _, cost, time, budget, other, stray, _] = *draw;
        let last = self.events.last().unwrap();
        let mut event = plain(kind, self.events.len() as u64);
        event.time = if odd(time) {
            last.time - 1
        } else {
            last.time + u64::from(time % 4)
        };
        event.cost = if odd(cost) {
            None
        } else {
            Some(u64::from(cost % 8))
        };
        let left = last
            .budget
            .unwrap_or(0)
            .saturating_sub(event.cost.unwrap_or(0));
        let left = left
            + if kind == Kind::BudgetChange {
                u64::from(other % 16)
            } else {
                0
            };
        event.budget = match budget {
            254.. => Some(left + 1),
            253 => None,
            _ => Some(left - left.min(u64::from(budget > 240))),
        };
        if stray == 250 && other % 8 == 0 {
            event.flags = Flags::HALTED;
        }
        self.halted |= kind == Kind::Halt || event.flags.contains(Flags::HALTED);
        self.events.push(event);
    }
}

/// A claim of type `number` (from 0) whose bounds lie on, or one beside, what the trace does.
pub fn claim(number: u8, wish: &Wish, trace: &[Header]) -> Claim {
    let [a, b, c, d, e, _] = *wish;
    // 0 far more often than -1 and +1.
    let near = |value: u64, byte: u8| match byte {
        0..=159 => value,
        160..=199 => value.saturating_add(1),
        200..=229 => value.saturating_sub(1),
        _ => value.saturating_add(u64::from(byte) * 16),
    };
    let about = |filter: Filter| {
        let found = trace.iter().filter(|header| filter.matches(header)).count() as u64;
        let min_matches = match a {
            0..=127 => found,
            128..=191 => found.min(1),
            192..=223 => 1,
            224..=239 => found + 1,
            _ => 0,
        };
        Matching {
            filter,
            min_matches,
        }
    };
    let calls = || {
        let mut filter = kinds(&[Kind::ToolCall]);
        if b > 200 {
            filter.subjects = Some(Ids::of_names(&SUBJECTS[..2]).unwrap());
        }
        about(filter)
    };
    match number {
        0 => {
            let filter = Filter {
                kinds: (b < 200).then(|| KindSet::new(&[Kind::ToolCall, Kind::Vote]).unwrap()),
                decisions: (c > 100)
                    .then(|| DecisionSet::new(&[Decision::Allow, Decision::None]).unwrap()),
                flags: (d > 220).then_some(Flags::HUMAN),
                ..Filter::default()
            };
            let found = trace.iter().filter(|header| filter.matches(header)).count() as u64;
            let (min, max) = (near(found, d), near(found, e));
            Claim::Count {
                filter,
                min: min.min(max),
                max,
            }
        }
        1 => {
            let times = || trace.iter().map(|header| header.time);
            let (from, to) = (times().min().unwrap(), times().max().unwrap());
            let not_before = near(from, a);
            Claim::Window {
                not_before,
                not_after: near(to, b).max(not_before),
            }
        }
        2 => Claim::Spend {
            max: near(trace.iter().filter_map(|header| header.cost).sum(), a),
        },
        3 => {
            let raises = trace.windows(2).map(|pair| {
                let after = pair[0]
                    .budget
                    .unwrap_or(0)
                    .saturating_sub(pair[1].cost.unwrap_or(0));
                pair[1].budget.unwrap_or(0).saturating_sub(after)
            });
            Claim::Budget {
                max_start: near(1_000, a),
                max_raise: near(raises.sum(), b),
            }
        }
        4 => Claim::Halt,
        5 => Claim::Allowed { matching: calls() },
        6 => Claim::Gated { matching: calls() },
        7 => Claim::Oversight {
            matching: calls(),
            score: if c > 200 { 100_000 } else { 900_000 },
        },
        8 => Claim::Only {
            matching: calls(),
            set: Ids::of_names(&SUBJECTS[..if c > 160 { 2 } else { 3 }]).unwrap(),
        },
        9 => {
            let min = u32::from(c % 4) / 3 * 100_001;
            Claim::Threshold {
                matching: calls(),
                min,
                max: if d > 100 { 900_000 } else { 899_999 },
            }
        }
        _ => {
            let round = 1 + u32::from(e > 250);
            let cast = trace
                .iter()
                .filter(|v| v.kind == Kind::Vote && v.round == round)
                .count() as u64;
            let n = if b < 170 { 1 } else { usize::from(b % 4) + 3 };
            let n = n.max((cast as usize).min(6));
            Claim::Consensus {
                round,
                electorate: Ids::of_names(&VOTERS[..n]).unwrap(),
                quorum: near(cast, c).clamp(1, n as u64),
                rule: VotingRule::ALL[usize::from(d % 4)],
            }
        }
    }
}
