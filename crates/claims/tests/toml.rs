//! `claims.toml`: what it means, and every refusal.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_claims::{Claim, ClaimsFile, DecisionSet, Error, Filter, Ids, Matching, VotingRule};
use avouch_trace::{Decision, Flags, Kind, NameId};
use common::{every, kinds, name};
use proptest::prelude::*;

/// The only claim of a file that has these lines.
fn claim(lines: &str) -> Claim {
    let file = ClaimsFile::from_toml(&format!("version = 1\n[[claim]]\n{lines}")).unwrap();
    file.claims.as_slice()[file.entries[0].claim].clone()
}

fn refused(lines: &str) -> String {
    let text = format!("version = 1\n[[claim]]\n{lines}");
    match ClaimsFile::from_toml(&text) {
        Err(error) => error.to_string(),
        Ok(file) => panic!("{lines} is read as {}", file.claims.as_slice()[0]),
    }
}

const CALLS: &str = "filter = { kind = [\"tool-call\"] }\n";

#[test]
fn every_claim_can_be_written() {
    let calls = || every(Kind::ToolCall);
    let three = Matching {
        min_matches: 3,
        ..calls()
    };
    let set = |names: &[&str]| Ids::of_names(names).unwrap();
    for (lines, expected) in [
        ("type = \"count\"\nmax = 0\n".to_owned() + CALLS, Claim::Count { filter: kinds(&[Kind::ToolCall]), min: 0, max: 0 }),
        ("type = \"count\"\nmin = 2\n".to_owned() + CALLS, Claim::Count { filter: kinds(&[Kind::ToolCall]), min: 2, max: u64::MAX }),
        ("type = \"window\"\nnot_before = 2026-11-01T00:00:00Z\nnot_after = \"2026-11-01T02:00:00.5+01:00\"".into(),
            Claim::Window { not_before: 1_793_491_200_000, not_after: 1_793_494_800_500 }),
        ("type = \"window\"\nnot_before = 0\nnot_after = 9_000".into(), Claim::Window { not_before: 0, not_after: 9_000 }),
        ("type = \"spend\"\nmax = 5_000_000".into(), Claim::Spend { max: 5_000_000 }),
        ("type = \"budget\"\nmax_start = 7\nmax_raise = 0".into(), Claim::Budget { max_start: 7, max_raise: 0 }),
        ("type = \"halt\"".into(), Claim::Halt),
        ("type = \"allowed\"\n".to_owned() + CALLS, Claim::Allowed { matching: calls() }),
        ("type = \"gated\"\nmin_matches = 3\n".to_owned() + CALLS, Claim::Gated { matching: three }),
        ("type = \"oversight\"\nscore = 500_000\n".to_owned() + CALLS, Claim::Oversight { matching: calls(), score: 500_000 }),
        ("type = \"only\"\nset = [\"tool:b\", \"tool:a\"]\n".to_owned() + CALLS, Claim::Only { matching: calls(), set: set(&["tool:a", "tool:b"]) }),
        ("type = \"threshold\"\nmin = 1\nmax = 2\n".to_owned() + CALLS, Claim::Threshold { matching: calls(), min: 1, max: 2 }),
        ("type = \"consensus\"\nround = 2\nelectorate = [\"agent:a\"]\nquorum = 1\nrule = \"supermajority\"".into(),
            Claim::Consensus { round: 2, electorate: set(&["agent:a"]), quorum: 1, rule: VotingRule::Supermajority }),
    ] {
        assert_eq!(claim(&lines), expected, "{lines}");
    }
}

#[test]
fn a_filter_takes_every_key() {
    let lines = "type = \"count\"\nmax = 1\n[claim.filter]\nkind = [\"vote\", \"note\"]\ndecision = [\"none\"]\n\
                 flags = [\"human\", \"halted\"]\nactor = [\"agent:a\"]\nsubject = [\"\", \"id:000102030405060708090a0b0c0d0e0f\"]\n";
    let spelt = NameId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let filter = Filter {
        decisions: Some(DecisionSet::new(&[Decision::None]).unwrap()),
        flags: Some(Flags::HUMAN.with(Flags::HALTED)),
        actors: Some(Ids::new([name("agent:a")]).unwrap()),
        subjects: Some(Ids::new([NameId::NONE, spelt]).unwrap()),
        ..kinds(&[Kind::Note, Kind::Vote])
    };
    assert_eq!(
        claim(lines),
        Claim::Count {
            filter,
            min: 0,
            max: 1
        }
    );
    let every = claim("type = \"count\"\nmax = 1\nfilter = {}");
    assert_eq!(
        every,
        Claim::Count {
            filter: Filter::default(),
            min: 0,
            max: 1
        }
    );
}

#[test]
fn names_are_for_reports_and_no_part_of_the_claim() {
    let text = "version = 1\n[[claim]]\nname = \"at most five\"\ntype = \"spend\"\nmax = 5\n[[claim]]\ntype = \"halt\"\n";
    let file = ClaimsFile::from_toml(text).unwrap();
    let bare = ClaimsFile::from_toml(&text.replace("name = \"at most five\"\n", "")).unwrap();
    assert_eq!(file.claims.digest(), bare.claims.digest());
    let entries: Vec<_> = file
        .entries
        .iter()
        .map(|e| (e.name.as_deref(), &file.claims.as_slice()[e.claim]))
        .collect();
    assert_eq!(
        entries,
        [
            (Some("at most five"), &Claim::Spend { max: 5 }),
            (None, &Claim::Halt)
        ]
    );
}

#[test]
fn unknown_keys_are_refused_by_name() {
    for (lines, what) in [
        (
            "type = \"spend\"\nmax = 1\nmaximum = 2".to_owned(),
            "maximum",
        ),
        (
            "type = \"spend\"\nmax = 1\nmin_matches = 2".into(),
            "min_matches",
        ),
        ("type = \"halt\"\nfilter = {}".into(), "filter"),
        (
            "type = \"gated\"\nwithin = 3\n".to_owned() + CALLS,
            "within",
        ),
        (
            "type = \"gated\"\nfilter = { kinds = [\"vote\"] }".into(),
            "kinds",
        ),
        ("type = \"gate\"".into(), "gated, oversight"),
        ("max = 3".into(), "needs a `type`"),
        (
            "type = \"gated\"\nfilter = { kind = [\"toolcall\"] }".into(),
            "toolcall",
        ),
        (
            "type = \"gated\"\nfilter = { decision = [\"yes\"] }".into(),
            "yes",
        ),
        (
            "type = \"gated\"\nfilter = { flags = [\"humane\"] }".into(),
            "humane",
        ),
        (
            "type = \"consensus\"\nround = 1\nelectorate = [\"a\"]\nquorum = 1\nrule = \"most\""
                .into(),
            "unanimous",
        ),
    ] {
        let error = refused(&lines);
        assert!(
            error.starts_with("[[claim]] 1") && error.contains(what),
            "{error}"
        );
    }
    let top = ClaimsFile::from_toml("version = 1\nclaims = []\n")
        .unwrap_err()
        .to_string();
    assert!(top.contains("claims"), "{top}");
}

#[test]
fn the_refused_claim_is_named_by_its_place_and_name() {
    let text = "version = 1\n[[claim]]\ntype = \"halt\"\n[[claim]]\nname = \"cheap\"\ntype = \"spend\"\nmax = -1\n";
    let error = ClaimsFile::from_toml(text).unwrap_err().to_string();
    assert!(
        error.starts_with("[[claim]] 2 (type \"spend\", \"cheap\")"),
        "{error}"
    );
}

#[test]
fn empty_lists_and_members_given_twice_are_refused() {
    for key in ["kind", "decision", "flags", "actor", "subject"] {
        let error = refused(&format!("type = \"allowed\"\nfilter = {{ {key} = [] }}"));
        assert!(
            error.contains(&format!("`{key}` is an empty list")),
            "{error}"
        );
    }
    assert!(
        refused(&format!("type = \"only\"\nset = []\n{CALLS}")).contains("`set` is an empty list")
    );
    assert!(
        refused(
            "type = \"consensus\"\nround = 1\nelectorate = []\nquorum = 1\nrule = \"majority\""
        )
        .contains("`electorate` is an empty list")
    );
    assert!(
        refused("type = \"allowed\"\nfilter = { kind = [\"vote\", \"vote\"] }")
            .contains("lists \"vote\" twice")
    );
    assert!(refused("type = \"allowed\"\nfilter = { actor = [\"a\", \"a\"] }").contains("twice"));
    // One name in two Unicode forms: as one character, and as a letter with an accent.
    assert!(
        refused("type = \"allowed\"\nfilter = { actor = [\"caf\\u00e9\", \"cafe\\u0301\"] }")
            .contains("twice")
    );
}

#[test]
fn what_a_claim_needs_is_asked_for() {
    for (lines, what) in [
        ("type = \"gated\"".to_owned(), "filter"),
        (
            "type = \"count\"\n".to_owned() + CALLS,
            "needs `min`, `max` or both",
        ),
        ("type = \"spend\"".into(), "max"),
        ("type = \"budget\"\nmax_start = 1".into(), "max_raise"),
        ("type = \"oversight\"\n".to_owned() + CALLS, "score"),
        ("type = \"window\"\nnot_before = 0".into(), "not_after"),
        ("type = \"spend\"\nmax = 1\nname = \"\"".into(), "`name`"),
        ("type = \"spend\"\nmax = \"1\"".into(), "invalid type"),
        ("type = \"spend\"\nmax = 1.5".into(), "invalid type"),
    ] {
        let error = refused(&lines);
        assert!(error.contains(what), "{lines}: {error}");
    }
}

#[test]
fn parameters_are_judged_where_they_stand() {
    for (lines, what) in [
        ("type = \"count\"\nmin = 2\nmax = 1\n".to_owned() + CALLS, "min is above max"),
        ("type = \"oversight\"\nscore = 1_000_001\n".to_owned() + CALLS, "above 1000000"),
        ("type = \"only\"\nset = [\"\"]\n".to_owned() + CALLS, "zero id"),
        ("type = \"consensus\"\nround = 1\nelectorate = [\"a\"]\nquorum = 2\nrule = \"majority\"".into(), "greater than the electorate"),
        ("type = \"consensus\"\nround = 1\nelectorate = [\"a\"]\nquorum = 0\nrule = \"majority\"".into(), "quorum is 0"),
        ("type = \"only\"\nset = [\"id:12\"]\n".to_owned() + CALLS, "32 lower-case hexadecimal digits"),
        ("type = \"only\"\nset = [\"id:+00102030405060708090a0b0c0d0e0f\"]\n".to_owned() + CALLS, "32 lower-case"),
        ("type = \"only\"\nset = [\"id:000102030405060708090A0B0C0D0E0F\"]\n".to_owned() + CALLS, "32 lower-case"),
        ("type = \"window\"\nnot_before = 2026-11-01\nnot_after = 9".into(), "not a time like"),
        ("type = \"window\"\nnot_before = 2026-11-01T00:00:00\nnot_after = 9".into(), "not a time like"),
        ("type = \"window\"\nnot_before = 2026-11-01T00:00:00.0001Z\nnot_after = 9".into(), "whole milliseconds"),
        ("type = \"window\"\nnot_before = 1969-12-31T23:59:59Z\nnot_after = 9".into(), "before 1970"),
    ] {
        let error = refused(&lines);
        assert!(error.contains(what), "{lines}: {error}");
    }
}

#[test]
fn versions_and_files_that_are_none_are_refused() {
    let error = |text: &str| ClaimsFile::from_toml(text).unwrap_err();
    assert_eq!(error("version = 2\nfuture = true\n"), Error::Version(2));
    assert_eq!(error("version = 0\n"), Error::Version(0));
    assert_eq!(error("version = 1\n"), Error::NoClaims);
    assert!(
        error("[[claim]]\ntype = \"halt\"\n")
            .to_string()
            .contains("version")
    );
    assert!(matches!(error("version = "), Error::Toml(_)));
    let twice =
        "version = 1\n[[claim]]\ntype = \"halt\"\n[[claim]]\ntype = \"halt\"\nname = \"again\"\n";
    assert_eq!(error(twice), Error::SameClaim { claim: "halt" });
    assert!(
        error(&" ".repeat(avouch_claims::MAX_FILE_LEN + 1))
            .to_string()
            .contains("1 MiB")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", number: u8) {
        let _ = ClaimsFile::from_toml(&text);
        let types = ["count", "window", "spend", "budget", "halt", "gated", "only", "consensus"];
        let kind = types[usize::from(number) % types.len()];
        let _ = ClaimsFile::from_toml(&format!("version = 1\n[[claim]]\ntype = \"{kind}\"\n{text}"));
    }
}
