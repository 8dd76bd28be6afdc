//! The design's table, read literally: quantifiers over whole traces, nothing remembered.
//!
//! Nothing here is shared with the evaluator but the claims' own types.

use avouch_claims::{Claim, Filter, Ids, Matching, VotingRule};
use avouch_trace::{Decision, Flags, Header, Kind};

/// A run's events, or several runs'.
type Runs<'a> = &'a [&'a [Header]];

/// What the table says: whether the claim holds, and if not, the first event whose coming made it
/// false for good; `None` where only the end shows it.
pub fn answer(claim: &Claim, runs: Runs<'_>) -> Result<(), Option<usize>> {
    let size = runs.iter().map(|run| run.len()).sum();
    // Once an event has broken a claim, every longer trace is broken too.
    let first = bisect(size, |prefix| unbroken(claim, &cut(runs, prefix)));
    if first < size {
        return Err(Some(first));
    }
    if complete(claim, runs) {
        Ok(())
    } else {
        Err(None)
    }
}

/// The most events that `good` accepts, if it accepts all smaller numbers too.
fn bisect(size: usize, good: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, size + 1);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if good(middle) {
            low = middle
        } else {
            high = middle
        }
    }
    low
}

fn cut<'a>(runs: Runs<'a>, mut prefix: usize) -> Vec<&'a [Header]> {
    let mut kept = Vec::new();
    for run in runs {
        let length = run.len().min(prefix);
        kept.push(&run[..length]);
        prefix -= length;
    }
    kept
}

fn matches(filter: &Filter, header: &Header) -> bool {
    if filter
        .kinds
        .is_some_and(|set| set.bits() >> (header.kind as u8) & 1 == 0)
    {
        return false;
    }
    if filter
        .decisions
        .is_some_and(|set| set.bits() >> (header.decision as u8) & 1 == 0)
    {
        return false;
    }
    if filter.flags.is_some_and(|any| {
        header
            .flags
            .names()
            .all(|name| !any.names().any(|n| n == name))
    }) {
        return false;
    }
    let listed = |ids: &Option<Ids>, id| ids.as_ref().is_none_or(|ids| ids.as_slice().contains(id));
    listed(&filter.actors, &header.actor) && listed(&filter.subjects, &header.subject)
}

fn matching<'a>(
    filter: &'a Filter,
    runs: &'a [&'a [Header]],
) -> impl Iterator<Item = &'a Header> + Clone {
    runs.iter()
        .flat_map(|run| run.iter())
        .filter(|header| matches(filter, header))
}

fn allowed(decision: Decision) -> bool {
    decision == Decision::Allow || decision == Decision::HumanAllowed
}

/// The part of a claim that says "every" or "at most": more events can only break it.
fn unbroken(claim: &Claim, runs: Runs<'_>) -> bool {
    let all = || runs.iter().flat_map(|run| run.iter());
    match claim {
        Claim::Count { filter, max, .. } => matching(filter, runs).count() as u64 <= *max,
        Claim::Window {
            not_before,
            not_after,
        } => {
            all().all(|e| *not_before <= e.time && e.time <= *not_after)
                && runs
                    .iter()
                    .all(|run| run.windows(2).all(|pair| pair[0].time <= pair[1].time))
        }
        Claim::Spend { max } => {
            all().all(|e| e.cost.is_some())
                && all().map(|e| u128::from(e.cost.unwrap())).sum::<u128>() <= u128::from(*max)
        }
        Claim::Budget {
            max_start,
            max_raise,
        } => {
            runs.iter()
                .filter_map(|run| run.first())
                .all(|e| e.budget.is_some_and(|b| b <= *max_start))
                && runs
                    .iter()
                    .all(|run| run.windows(2).all(|pair| raise(pair).is_some()))
                && runs
                    .iter()
                    .flat_map(|run| run.windows(2))
                    .filter_map(raise)
                    .sum::<u128>()
                    <= u128::from(*max_raise)
        }
        Claim::Halt => runs.iter().all(|run| {
            (0..run.len()).all(|i| (0..i).all(|before| !halts(&run[before]) || may_follow(&run[i])))
        }),
        Claim::Allowed {
            matching: Matching { filter, .. },
        } => matching(filter, runs).all(|e| allowed(e.decision)),
        Claim::Gated {
            matching: Matching { filter, .. },
        } => gated_once(matching(filter, runs), runs, |gate| {
            gate.kind == Kind::PolicyDecision || gate.kind == Kind::ApprovalGiven
        }),
        Claim::Oversight {
            matching: Matching { filter, .. },
            score,
        } => {
            matching(filter, runs).all(|e| e.score.is_some())
                && gated_once(
                    matching(filter, runs).filter(|e| e.score >= Some(*score)),
                    runs,
                    |gate| gate.kind == Kind::ApprovalGiven && gate.flags.contains(Flags::HUMAN),
                )
        }
        Claim::Only {
            matching: Matching { filter, .. },
            set,
        } => matching(filter, runs)
            .all(|e| !e.subject.is_none() && set.as_slice().contains(&e.subject)),
        Claim::Threshold {
            matching: Matching { filter, .. },
            min,
            max,
        } => matching(filter, runs)
            .all(|e| e.score.is_some_and(|score| score >= *min && score <= *max)),
        Claim::Consensus {
            round,
            electorate,
            rule,
            ..
        } => {
            let votes: Vec<_> = votes(*round, runs).collect();
            votes
                .iter()
                .all(|v| electorate.as_slice().contains(&v.actor))
                && votes
                    .iter()
                    .all(|v| votes.iter().filter(|w| w.actor == v.actor).count() == 1)
                && votes.iter().all(|v| {
                    matches!(
                        v.decision,
                        Decision::None | Decision::Allow | Decision::Deny
                    )
                })
                && (*rule != VotingRule::Weighted || votes.iter().all(|v| v.score.is_some()))
        }
    }
}

/// The part of a claim that says "at least", which only the end can show.
fn complete(claim: &Claim, runs: Runs<'_>) -> bool {
    match claim {
        Claim::Count { filter, min, .. } => matching(filter, runs).count() as u64 >= *min,
        Claim::Allowed { matching: m }
        | Claim::Gated { matching: m }
        | Claim::Oversight { matching: m, .. }
        | Claim::Only { matching: m, .. }
        | Claim::Threshold { matching: m, .. } => {
            matching(&m.filter, runs).count() as u64 >= m.min_matches
        }
        Claim::Consensus {
            round,
            electorate,
            quorum,
            rule,
        } => {
            let n = electorate.as_slice().len();
            let votes = votes(*round, runs);
            let allow = votes.clone().filter(|v| v.decision == Decision::Allow);
            let weight = |v: &Header| u64::from(v.score.unwrap_or(0));
            let (for_it, of_all): (u64, u64) = (
                allow.clone().map(weight).sum(),
                votes.clone().map(weight).sum(),
            );
            let agreed = allow.count();
            votes.count() as u64 >= *quorum
                && match rule {
                    VotingRule::Majority => 2 * agreed > n,
                    VotingRule::Supermajority => 3 * agreed >= 2 * n,
                    VotingRule::Unanimous => agreed == n,
                    VotingRule::Weighted => 10 * for_it >= 7 * of_all && of_all > 0,
                }
        }
        _ => true,
    }
}

fn votes<'a>(round: u32, runs: &'a [&'a [Header]]) -> impl Iterator<Item = &'a Header> + Clone {
    runs.iter()
        .flat_map(|run| run.iter())
        .filter(move |e| e.kind == Kind::Vote && e.round == round)
}

/// How much the second of two events raised the budget; `None` if it may not stand as it does.
fn raise(pair: &[Header]) -> Option<u128> {
    let (before, now) = (u128::from(pair[0].budget?), u128::from(pair[1].budget?));
    let cost = u128::from(pair[1].cost?);
    if before < cost {
        return None;
    }
    if now <= before - cost {
        return Some(0);
    }
    (pair[1].kind == Kind::BudgetChange).then(|| now - (before - cost))
}

fn halts(e: &Header) -> bool {
    e.kind == Kind::Halt || e.flags.contains(Flags::HALTED)
}

fn may_follow(e: &Header) -> bool {
    let human = e.flags.contains(Flags::HUMAN);
    [Kind::Halt, Kind::Error, Kind::RunEnd].contains(&e.kind)
        || (human && [Kind::ApprovalGiven, Kind::Note].contains(&e.kind))
}

fn gated_once<'a>(
    events: impl Iterator<Item = &'a Header> + Clone,
    runs: Runs<'_>,
    is_gate: impl Fn(&Header) -> bool,
) -> bool {
    events.clone().all(|e| {
        let gate = e.parent.and_then(|parent| runs[0].get(parent as usize));
        let alone = events
            .clone()
            .filter(|other| other.parent == e.parent)
            .count()
            == 1;
        alone
            && gate.is_some_and(|gate| {
                gate.seq < e.seq
                    && e.seq - gate.seq <= 255
                    && is_gate(gate)
                    && allowed(gate.decision)
                    && gate.subject == e.subject
                    && !gate.subject.is_none()
            })
    })
}
