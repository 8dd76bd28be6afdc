//! Whether a set of bundles holds all runs of an agent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{Digest, sha256};
use avouch_trace::{Manifest, RunId};
use avouch_verify::{
    Answer, Answers, Completeness, FindingName, Options, Outcome, Policy, Verdict,
};
use common::*;

/// One run after another of the kit's agent: each continues the chain of the one before.
fn chain(length: u8) -> Vec<Sealed> {
    let mut runs: Vec<Sealed> = Vec::new();
    for n in 0..length {
        let next = after(runs.last(), n);
        runs.push(next);
    }
    runs
}

/// A run with this number, sealed after `previous`.
fn after(previous: Option<&Sealed>, number: u8) -> Sealed {
    let run = Run {
        id: RunId([number; 16]),
        ..run()
    };
    let sealed = run.seal();
    let Some(previous) = previous else {
        return sealed;
    };
    let start = previous.manifest.chain_head;
    let head = sealed
        .events
        .iter()
        .fold(start, |chain, event| event.chain(&chain));
    sealed.with_manifest(|manifest| {
        manifest.chain_start = start;
        manifest.chain_head = head;
        manifest.previous = Some(previous.statement.statement_id());
    })
}

/// The same run, sealed again so that it says what it replaces.
fn reseal(original: &Sealed, change: impl FnOnce(&mut Manifest)) -> Sealed {
    original.with_manifest(|manifest| {
        manifest.supersedes = Some(original.statement.statement_id());
        change(manifest);
    })
}

fn answers(sealed: &[&Sealed], policy: &Policy) -> Answers {
    let bundles = sealed
        .iter()
        .map(|sealed| sealed.show_none().encode().unwrap());
    let answer = |(n, bytes): (usize, Vec<u8>)| {
        Answer::about(&format!("b{n}"), &bytes, policy, &Options::default())
    };
    Answers::from(bundles.enumerate().map(answer).collect::<Vec<_>>()).with_completeness(AGENT)
}

fn judge_set(sealed: &[&Sealed]) -> Completeness {
    answers(sealed, &policy("")).completeness.unwrap()
}

/// The set is judged so, for this one reason beside notes.
#[track_caller]
fn assert_found(sealed: &[&Sealed], verdict: Verdict, name: FindingName, words: &str) {
    let found = judge_set(sealed);
    assert_eq!(found.verdict, verdict, "{found}");
    let bad = found.chains.iter().flat_map(|chain| &chain.findings);
    let bad: Vec<_> = bad
        .filter(|finding| finding.outcome != Outcome::Pass)
        .collect();
    assert_eq!(bad.len(), 1, "{found}");
    assert_eq!(bad[0].name, name, "{found}");
    assert!(bad[0].text.contains(words), "{found}");
    assert!(!bad[0].statements.is_empty());
    assert!(!found.chains[0].complete);
}

#[test]
fn an_unbroken_chain_is_complete_up_to_its_newest_statement() {
    let runs = chain(5);
    // In any order, and with one bundle twice.
    let set = [&runs[3], &runs[0], &runs[4], &runs[2], &runs[1], &runs[2]];
    let found = judge_set(&set);
    assert_eq!(found.verdict, Verdict::Verified, "{found}");
    let [chain] = &found.chains[..] else {
        panic!("{found}")
    };
    assert!(chain.complete && chain.findings.is_empty());
    assert_eq!((chain.runs, chain.statements), (5, 5));
    let [segment] = &chain.segments[..] else {
        panic!("{found}")
    };
    assert!(segment.from_the_start);
    assert_eq!(segment.runs, 5);
    assert_eq!(segment.last.statement_id, runs[4].statement.statement_id());
    let text = found.to_string();
    assert!(text.contains("COMPLETE up to the newest statement named here"));
    assert!(text.contains(&runs[4].statement.statement_id().to_string()));
    assert!(text.contains("Runs after the newest statement"));
}

#[test]
fn runs_left_off_the_end_cannot_be_noticed_and_the_answer_says_up_to_where_it_goes() {
    let runs = chain(5);
    let found = judge_set(&[&runs[0], &runs[1], &runs[2]]);
    assert_eq!(found.verdict, Verdict::Verified);
    let last = &found.chains[0].segments[0].last;
    assert_eq!(last.statement_id, runs[2].statement.statement_id());
}

#[test]
fn a_run_left_out_from_between_or_from_the_start_is_missed() {
    let runs = chain(5);
    for left_out in 0..4 {
        let set: Vec<&Sealed> = (0..5)
            .filter(|n| *n != left_out)
            .map(|n| &runs[n])
            .collect();
        let id = runs[left_out].statement.statement_id().to_string();
        assert_found(
            &set,
            Verdict::Incomplete,
            FindingName::MissingStatement,
            &id,
        );
    }
    // Two holes make three stretches.
    let found = judge_set(&[&runs[0], &runs[2], &runs[4]]);
    assert_eq!(found.chains[0].segments.len(), 3, "{found}");
    assert_eq!(found.chains[0].findings.len(), 2, "{found}");
}

#[test]
fn two_runs_at_one_place_are_a_fork_with_both_statements_as_evidence() {
    let runs = chain(3);
    let other = after(Some(&runs[1]), 9);
    let set = [&runs[0], &runs[1], &runs[2], &other];
    assert_found(
        &set,
        Verdict::Failed,
        FindingName::Fork,
        "stand at one place",
    );
    let found = judge_set(&set);
    let evidence = &found.chains[0].findings[0].statements;
    let ids: Vec<Digest> = evidence.iter().map(|link| link.statement_id).collect();
    assert!(ids.contains(&other.statement.statement_id()));
    assert!(ids.contains(&runs[2].statement.statement_id()));
    assert_eq!(found.chains[0].segments.len(), 2);

    // Two first runs are one too.
    let first = after(None, 9);
    let set = [&runs[0], &first];
    assert_found(
        &set,
        Verdict::Failed,
        FindingName::Fork,
        "stand at one place",
    );
}

#[test]
fn a_fork_shows_even_when_the_run_before_it_is_missing() {
    let runs = chain(3);
    let other = after(Some(&runs[1]), 9);
    let found = judge_set(&[&runs[2], &other]);
    assert_eq!(found.verdict, Verdict::Failed);
    let names: Vec<_> = found.chains[0].findings.iter().map(|f| f.name).collect();
    assert_eq!(names, [FindingName::MissingStatement, FindingName::Fork]);
}

#[test]
fn a_chain_that_does_not_go_on_from_the_previous_statement_is_broken() {
    let runs = chain(3);
    let broken = runs[2].with_manifest(|manifest| manifest.chain_start = sha256(&[b"elsewhere"]));
    let set = [&runs[0], &runs[1], &broken];
    assert_found(
        &set,
        Verdict::Failed,
        FindingName::BrokenLink,
        "does not go on",
    );
}

#[test]
fn a_run_sealed_again_legitimately_is_told_apart_from_a_conflict() {
    let runs = chain(3);
    let again = reseal(&runs[1], |manifest| manifest.currency = "EUR".into());
    let set = [&runs[0], &runs[1], &runs[2], &again];
    let found = judge_set(&set);
    assert_eq!(found.verdict, Verdict::Verified, "{found}");
    let chain = &found.chains[0];
    assert!(chain.complete);
    assert_eq!((chain.runs, chain.statements), (3, 4));
    assert_eq!(chain.findings[0].name, FindingName::Reseal);

    // Sealed again after the chain went on, naming the newest statement of that time.
    let late = reseal(&runs[1], |manifest| {
        manifest.previous = Some(runs[2].statement.statement_id());
    });
    let found = judge_set(&[&runs[0], &runs[1], &runs[2], &late]);
    assert_eq!(found.verdict, Verdict::Verified, "{found}");

    // The chain may go on from either.
    let next = after(Some(&again), 8);
    let found = judge_set(&[&runs[0], &runs[1], &again, &next]);
    assert_eq!(found.verdict, Verdict::Verified, "{found}");
    assert_eq!(found.chains[0].segments[0].runs, 3);
}

#[test]
fn a_run_sealed_twice_with_different_content_is_a_conflict_whatever_it_says() {
    let runs = chain(2);
    let different = |manifest: &mut Manifest| manifest.root = sha256(&[b"another trace"]);
    let silent = runs[1].with_manifest(different);
    let declared = reseal(&runs[1], different);
    for other in [&silent, &declared] {
        let set = [&runs[0], &runs[1], other];
        let words = "sealed twice with different content";
        assert_found(&set, Verdict::Failed, FindingName::Conflict, words);
    }
}

#[test]
fn a_run_sealed_twice_without_saying_so_fails() {
    let runs = chain(2);
    let twin = runs[1].with_manifest(|manifest| manifest.currency = "EUR".into());
    let set = [&runs[0], &runs[1], &twin];
    let words = "no statement says that it replaces another";
    assert_found(&set, Verdict::Failed, FindingName::SealedTwice, words);
}

#[test]
fn a_reseal_of_another_run_or_of_an_absent_statement_does_not_pass() {
    let runs = chain(3);
    let stray = runs[2].with_manifest(|manifest| {
        manifest.supersedes = Some(runs[0].statement.statement_id());
    });
    let set = [&runs[0], &runs[1], &stray];
    assert_found(
        &set,
        Verdict::Failed,
        FindingName::Conflict,
        "says that it replaces one about run",
    );

    let again = reseal(&runs[1], |_| {});
    let set = [&runs[0], &again];
    let words = "whether it said the same is unknown";
    assert_found(
        &set,
        Verdict::Incomplete,
        FindingName::MissingStatement,
        words,
    );
}

#[test]
fn statements_of_other_agents_and_issuers_are_kept_apart() {
    let runs = chain(2);
    let elsewhere = Run {
        agent: "agent:other".into(),
        ..run()
    }
    .seal();
    let found = judge_set(&[&runs[0], &runs[1], &elsewhere]);
    assert_eq!(found.verdict, Verdict::Verified, "{found}");
    assert_eq!(found.other_agents, 1);

    // An issuer that the policy does not name proves nothing: it is neither a chain nor a fork.
    let stranger = key(avouch_cose::Algorithm::Ed25519, 77);
    let foreign = Sealed::sign(
        after(None, 9).manifest,
        runs[0].events.clone(),
        runs[0].bodies.clone(),
        &stranger,
        ISSUER,
    );
    let found = judge_set(&[&runs[0], &runs[1], &foreign]);
    assert_eq!(found.verdict, Verdict::Incomplete, "{found}");
    assert_eq!(found.chains.len(), 1);
    assert!(found.chains[0].complete);
    assert_eq!(found.findings[0].name, FindingName::Bundle);
}

#[test]
fn a_set_without_the_agent_is_incomplete() {
    let found = answers(&[], &policy("")).completeness.unwrap();
    assert_eq!(found.verdict, Verdict::Incomplete);
    assert_eq!(found.findings[0].name, FindingName::NoStatement);
}

#[test]
fn the_exit_code_and_the_json_carry_the_answer() {
    let runs = chain(3);
    let whole = answers(&[&runs[0], &runs[1], &runs[2]], &policy(""));
    let holed = answers(&[&runs[0], &runs[2]], &policy(""));
    let forked = answers(
        &[&runs[0], &runs[1], &after(Some(&runs[0]), 9)],
        &policy(""),
    );
    let codes = [&whole, &holed, &forked].map(Answers::exit_code);
    assert_eq!(codes, [0, 3, 1]);
    let mut out = Vec::new();
    holed.write(true, &mut out, &mut Vec::new()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let completeness = &json["completeness"];
    assert_eq!(completeness["verdict"], "incomplete");
    assert_eq!(completeness["agent"], AGENT);
    let chain = &completeness["chains"][0];
    assert_eq!(chain["complete"], false);
    assert_eq!(chain["findings"][0]["name"], "missing-statement");
    assert_eq!(chain["findings"][0]["outcome"], "not-checked");
    assert_eq!(chain["segments"].as_array().unwrap().len(), 2);
    let last = &chain["segments"][0]["last"];
    assert_eq!(last["run"], RunId([2; 16]).to_string());
}
