//! consensus: who votes, how often, how many, and what carries.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, Ids, Reason, VotingRule};
use avouch_trace::{Decision, Kind, MAX_SCORE, NameId};
use common::{Trace, failure};

const ALLOW: Decision = Decision::Allow;
const DENY: Decision = Decision::Deny;
const ABSTAIN: Decision = Decision::None;

fn voter(number: usize) -> NameId {
    NameId::of(&format!("agent:{number}"))
}

/// A vote of `n` voters in round 1.
fn consensus(n: usize, quorum: u64, rule: VotingRule) -> Claim {
    let electorate = Ids::new((0..n).map(voter)).unwrap();
    Claim::Consensus {
        round: 1,
        electorate,
        quorum,
        rule,
    }
}

fn vote(trace: Trace, by: usize, decision: Decision) -> Trace {
    trace.add(Kind::Vote, |e| {
        (e.round, e.actor, e.decision) = (1, voter(by), decision)
    })
}

/// Each voter in turn decides so.
fn votes(decisions: &[Decision]) -> Trace {
    (0..)
        .zip(decisions)
        .fold(Trace::new(), |trace, (by, decision)| {
            vote(trace, by, *decision)
        })
}

/// `allow` voters allow, the others of `n` deny.
fn split(allow: usize, n: usize) -> Trace {
    let decisions: Vec<_> = (0..n)
        .map(|by| if by < allow { ALLOW } else { DENY })
        .collect();
    votes(&decisions)
}

fn not_carried(allow: u64, electorate: u64) -> Option<(Option<u64>, Reason)> {
    Some((None, Reason::NotCarried { allow, electorate }))
}

#[test]
fn a_majority_is_more_than_half_of_the_electorate() {
    for n in 1..=64 {
        for allow in 0..=n {
            let expected = if 2 * allow > n {
                None
            } else {
                not_carried(allow as u64, n as u64)
            };
            assert_eq!(
                failure(consensus(n, 1, VotingRule::Majority), &split(allow, n)),
                expected,
                "{allow} of {n}"
            );
        }
    }
}

#[test]
fn a_supermajority_is_two_thirds_of_the_electorate() {
    let carries =
        |allow, n| failure(consensus(n, 1, VotingRule::Supermajority), &split(allow, n)).is_none();
    assert!(carries(2, 3) && !carries(1, 3));
    assert!(
        carries(3, 4) && !carries(2, 4),
        "2 n / 3 is not rounded down"
    );
    assert!(carries(4, 6) && !carries(3, 6));
    assert!(carries(43, 64) && !carries(42, 64));
}

#[test]
fn unanimous_is_everyone_not_everyone_who_voted() {
    assert_eq!(
        failure(consensus(3, 1, VotingRule::Unanimous), &split(3, 3)),
        None
    );
    assert_eq!(
        failure(
            consensus(3, 1, VotingRule::Unanimous),
            &votes(&[ALLOW, ALLOW])
        ),
        not_carried(2, 3)
    );
    assert_eq!(
        failure(
            consensus(3, 1, VotingRule::Unanimous),
            &votes(&[ALLOW, ALLOW, ABSTAIN])
        ),
        not_carried(2, 3)
    );
}

#[test]
fn whoever_stays_away_counts_in_the_electorate() {
    assert_eq!(
        failure(
            consensus(5, 1, VotingRule::Majority),
            &votes(&[ALLOW, ALLOW])
        ),
        not_carried(2, 5)
    );
    assert_eq!(
        failure(
            consensus(5, 1, VotingRule::Majority),
            &votes(&[ALLOW, ALLOW, ALLOW])
        ),
        None
    );
}

#[test]
fn the_quorum_counts_votes_cast_abstentions_included() {
    let claim = |quorum| consensus(5, quorum, VotingRule::Majority);
    let trace = votes(&[ALLOW, ALLOW, ALLOW, ABSTAIN]);
    assert_eq!(failure(claim(4), &trace), None);
    let short = Reason::NoQuorum { cast: 4, quorum: 5 };
    assert_eq!(failure(claim(5), &trace), Some((None, short)));
    let nobody = Reason::NoQuorum { cast: 0, quorum: 1 };
    assert_eq!(failure(claim(1), &Trace::new()), Some((None, nobody)));
}

#[test]
fn nobody_outside_the_electorate_votes() {
    let trace = vote(split(3, 3), 7, DENY);
    assert_eq!(
        failure(consensus(3, 1, VotingRule::Majority), &trace),
        Some((Some(4), Reason::Outsider))
    );
    let nobody = split(3, 3).add(Kind::Vote, |e| e.round = 1);
    assert_eq!(
        failure(consensus(3, 1, VotingRule::Majority), &nobody),
        Some((Some(4), Reason::Outsider))
    );
}

#[test]
fn nobody_votes_twice_whatever_they_say() {
    for second in [ALLOW, DENY, ABSTAIN] {
        let trace = vote(votes(&[ALLOW, ALLOW]), 0, second);
        assert_eq!(
            failure(consensus(2, 1, VotingRule::Majority), &trace),
            Some((Some(3), Reason::VotedTwice))
        );
    }
    let all: Vec<_> = vec![ALLOW; 64];
    let trace = vote(votes(&all), 63, ALLOW);
    assert_eq!(
        failure(consensus(64, 64, VotingRule::Unanimous), &votes(&all)),
        None
    );
    assert_eq!(
        failure(consensus(64, 64, VotingRule::Unanimous), &trace),
        Some((Some(65), Reason::VotedTwice))
    );
}

#[test]
fn other_rounds_and_other_events_are_not_votes_of_this_one() {
    let trace = vote(split(2, 3), 0, ALLOW).with(|e| e.round = 2);
    let trace = vote(trace, 9, ALLOW).with(|e| e.kind = Kind::Consensus);
    assert_eq!(failure(consensus(3, 3, VotingRule::Majority), &trace), None);
}

#[test]
fn a_vote_allows_denies_or_abstains() {
    for decision in [
        Decision::AskHuman,
        Decision::HumanAllowed,
        Decision::HumanDenied,
    ] {
        let trace = vote(votes(&[ALLOW, ALLOW]), 2, decision);
        assert_eq!(
            failure(consensus(3, 1, VotingRule::Majority), &trace),
            Some((Some(3), Reason::NotAVote))
        );
    }
}

/// Votes with scores, in parts per million.
fn weighed(ballots: &[(Decision, Option<u32>)]) -> Trace {
    (0..)
        .zip(ballots)
        .fold(Trace::new(), |trace, (by, (decision, score))| {
            vote(trace, by, *decision).with(|e| e.score = *score)
        })
}

#[test]
fn a_weighted_vote_carries_at_seven_tenths_of_all_scores() {
    let claim = || consensus(3, 1, VotingRule::Weighted);
    let carried = weighed(&[(ALLOW, Some(700)), (DENY, Some(200)), (ABSTAIN, Some(100))]);
    assert_eq!(failure(claim(), &carried), None);
    let short = weighed(&[(ALLOW, Some(699)), (DENY, Some(200)), (ABSTAIN, Some(100))]);
    let reason = Reason::NotCarriedByWeight {
        allow: 699,
        all: 999,
    };
    assert_eq!(
        failure(claim(), &short),
        Some((None, reason)),
        "6990 < 6993"
    );
    let one = weighed(&[(ALLOW, Some(1))]);
    assert_eq!(
        failure(claim(), &one),
        None,
        "the electorate's size does not weigh"
    );
}

#[test]
fn a_weighted_vote_of_no_weight_does_not_carry() {
    let reason = Reason::NotCarriedByWeight { allow: 0, all: 0 };
    let trace = weighed(&[(ALLOW, Some(0)), (ALLOW, Some(0))]);
    assert_eq!(
        failure(consensus(2, 1, VotingRule::Weighted), &trace),
        Some((None, reason))
    );
}

#[test]
fn scores_matter_to_weighted_votes_alone() {
    let trace = weighed(&[(ALLOW, Some(5)), (ALLOW, None)]);
    assert_eq!(
        failure(consensus(2, 1, VotingRule::Weighted), &trace),
        Some((Some(2), Reason::UnknownScore))
    );
    assert_eq!(
        failure(consensus(2, 1, VotingRule::Unanimous), &trace),
        None
    );
}

#[test]
fn the_greatest_weights_do_not_overflow() {
    let most = vec![(ALLOW, Some(MAX_SCORE)); 64];
    assert_eq!(
        failure(consensus(64, 64, VotingRule::Weighted), &weighed(&most)),
        None
    );
}
