//! The canonical CBOR form: its bytes, its digests, and all that is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use avouch_cbor::Encoder;
use avouch_claims::{
    Claim, Claims, DecisionSet, Error, Filter, Ids, KindSet, MAX_CLAIMS, MAX_CLAIMS_LEN, MAX_IDS,
    Matching, VotingRule,
};
use avouch_trace::{Decision, Flags, Kind, MAX_SCORE, NameId};
use common::random::{self, Wish};
use common::{every, kinds};
use proptest::collection::vec;
use proptest::prelude::*;

fn id(byte: u8) -> NameId {
    NameId([byte; 16])
}

fn ids(bytes: &[u8]) -> Ids {
    Ids::new(bytes.iter().map(|byte| id(*byte))).unwrap()
}

/// One of each, with the bytes that the document's CDDL gives it.
fn table() -> Vec<(Claim, String)> {
    let (one, two) = ("01".repeat(16), "02".repeat(16));
    let full = Filter {
        kinds: Some(KindSet::new(&[Kind::ToolCall, Kind::Egress]).unwrap()),
        decisions: Some(DecisionSet::new(&[Decision::None, Decision::HumanAllowed]).unwrap()),
        flags: Some(Flags::HUMAN.with(Flags::ERROR)),
        actors: Some(ids(&[1])),
        subjects: Some(ids(&[2, 1])),
    };
    let electorate = ids(&[2, 1]);
    vec![
        (
            Claim::Count {
                filter: full,
                min: 1,
                max: u64::MAX,
            },
            format!(
                "8401a5011a008000800211030604815{}0582500{}500{}011bffffffffffffffff",
                "0".to_owned() + &one,
                &one[1..],
                &two[1..]
            ),
        ),
        (
            Claim::Window {
                not_before: 1_000,
                not_after: 2_000,
            },
            "83021903e81907d0".into(),
        ),
        (Claim::Spend { max: 23 }, "820317".into()),
        (
            Claim::Budget {
                max_start: 24,
                max_raise: 0,
            },
            "8304181800".into(),
        ),
        (Claim::Halt, "8105".into()),
        (
            Claim::Allowed {
                matching: every(Kind::ToolCall),
            },
            "8306a101188001".into(),
        ),
        (
            Claim::Gated {
                matching: Matching {
                    filter: Filter::default(),
                    min_matches: 0,
                },
            },
            "8307a000".into(),
        ),
        (
            Claim::Oversight {
                matching: every(Kind::ToolCall),
                score: 500_000,
            },
            "8408a1011880011a0007a120".into(),
        ),
        (
            Claim::Only {
                matching: every(Kind::ToolCall),
                set: ids(&[1]),
            },
            format!("8409a1011880018150{one}"),
        ),
        (
            Claim::Threshold {
                matching: every(Kind::ToolCall),
                min: 1,
                max: 2,
            },
            "850aa1011880010102".into(),
        ),
        (
            Claim::Consensus {
                round: 3,
                electorate,
                quorum: 2,
                rule: VotingRule::Weighted,
            },
            format!("850b038250{one}50{two}0204"),
        ),
    ]
}

#[test]
fn each_claim_has_the_bytes_of_the_cddl() {
    for (claim, expected) in table() {
        let claims = Claims::new([claim.clone()]).unwrap();
        assert_eq!(
            hex::encode(claims.encode()),
            format!("81{expected}"),
            "{claim}"
        );
        assert_eq!(Claims::decode(&claims.encode()).unwrap(), claims);
    }
}

#[test]
fn digests_are_separated_from_each_other() {
    let claims = Claims::new([Claim::Halt]).unwrap();
    let sha256 = |parts: &[&[u8]]| avouch_merkle::sha256(parts);
    assert_eq!(
        claims.digest(),
        sha256(&[b"avouch/v1/claims", &[0x81, 0x81, 0x05]])
    );
    assert_eq!(
        Claim::Halt.digest(),
        sha256(&[b"avouch/v1/claim", &[0x81, 0x05]])
    );
}

#[test]
fn order_does_not_matter_to_the_digest() {
    let list: Vec<Claim> = table().into_iter().map(|(claim, _)| claim).collect();
    let forth = Claims::new(list.clone()).unwrap();
    let back = Claims::new(list.into_iter().rev()).unwrap();
    assert_eq!(forth, back);
    assert_eq!(forth.digest(), back.digest());
    let some = Claims::new(forth.as_slice()[3..5].to_vec()).unwrap();
    assert!(forth.include(&some) && !some.include(&forth));
}

fn parameter(claim: Claim) -> &'static str {
    match Claims::new([claim.clone()]) {
        Err(Error::Parameter { rule, .. }) => rule,
        other => panic!("{claim}: {other:?}"),
    }
}

#[test]
fn parameters_that_are_mistakes_are_refused() {
    let matching = || every(Kind::ToolCall);
    let count = Claim::Count {
        filter: Filter::default(),
        min: 2,
        max: 1,
    };
    assert_eq!(parameter(count), "min is above max");
    let window = Claim::Window {
        not_before: 2,
        not_after: 1,
    };
    assert_eq!(parameter(window), "not_before is after not_after");
    let oversight = Claim::Oversight {
        matching: matching(),
        score: MAX_SCORE + 1,
    };
    assert_eq!(
        parameter(oversight),
        "a score is above 1000000 parts per million"
    );
    let threshold = |min, max| Claim::Threshold {
        matching: matching(),
        min,
        max,
    };
    assert_eq!(
        parameter(threshold(0, MAX_SCORE + 1)),
        "a score is above 1000000 parts per million"
    );
    assert_eq!(parameter(threshold(2, 1)), "min is above max");
    let zero = "the list has the zero id, which names nobody";
    assert_eq!(
        parameter(Claim::Only {
            matching: matching(),
            set: ids(&[0, 1])
        }),
        zero
    );
    let consensus = |electorate, quorum| Claim::Consensus {
        round: 0,
        electorate,
        quorum,
        rule: VotingRule::Majority,
    };
    assert_eq!(parameter(consensus(ids(&[0, 1]), 1)), zero);
    assert_eq!(
        parameter(consensus(ids(&[1, 2]), 0)),
        "the quorum is 0: at least one vote must be cast"
    );
    assert_eq!(
        parameter(consensus(ids(&[1, 2]), 3)),
        "the quorum is greater than the electorate"
    );
    let crowd: Vec<u8> = (1..=65).collect();
    assert_eq!(
        parameter(consensus(ids(&crowd), 1)),
        "the electorate has more than 64 members"
    );
    assert!(Claims::new([consensus(ids(&crowd[..64]), 64)]).is_ok());
    let no_flags = Filter {
        flags: Some(Flags::NONE),
        ..Filter::default()
    };
    let count = Claim::Count {
        filter: no_flags,
        min: 0,
        max: 0,
    };
    assert_eq!(Claims::new([count]), Err(Error::EmptyList));
}

#[test]
fn lists_have_limits() {
    assert_eq!(Ids::new([]), Err(Error::EmptyList));
    assert_eq!(Ids::new([id(1), id(2), id(1)]), Err(Error::SameId(id(1))));
    assert_eq!(KindSet::new(&[]), Err(Error::EmptyList));
    assert_eq!(DecisionSet::new(&[]), Err(Error::EmptyList));
    let many = |count: u128| Ids::new((1..=count).map(|n| NameId(n.to_be_bytes())));
    assert!(many(MAX_IDS as u128).is_ok());
    assert_eq!(many(MAX_IDS as u128 + 1), Err(Error::TooManyIds));
    assert_eq!(Claims::new([]), Err(Error::NoClaims));
    assert_eq!(
        Claims::new([Claim::Halt, Claim::Halt]),
        Err(Error::SameClaim { claim: "halt" })
    );
    let spends = |count: usize| Claims::new((0..count as u64).map(|max| Claim::Spend { max }));
    assert!(spends(MAX_CLAIMS).is_ok());
    assert_eq!(
        spends(MAX_CLAIMS + 1),
        Err(Error::TooManyClaims {
            found: MAX_CLAIMS + 1
        })
    );
    let set = many(MAX_IDS as u128).unwrap();
    let only = |min_matches| Claim::Only {
        matching: Matching {
            min_matches,
            ..every(Kind::Note)
        },
        set: set.clone(),
    };
    let long = Claims::new((0..16).map(only));
    assert!(
        matches!(long, Err(Error::TooLong { found }) if found > MAX_CLAIMS_LEN),
        "{long:?}"
    );
    assert!(Claims::new((0..14).map(only)).is_ok());
    assert_eq!(
        Claims::decode(&vec![0; MAX_CLAIMS_LEN + 1]),
        Err(Error::TooLong {
            found: MAX_CLAIMS_LEN + 1
        })
    );
}

fn refused(bytes: &str) -> String {
    let bytes = hex::decode(bytes).unwrap();
    Claims::decode(&bytes)
        .expect_err("must be refused")
        .to_string()
}

#[test]
fn every_other_form_is_refused() {
    let (one, two) = ("01".repeat(16), "02".repeat(16));
    for (bytes, why) in [
        ("80".to_owned(), "there is no claim"),
        ("a0".into(), "byte 0: expected an array of claims"),
        ("8105".into(), "byte 1: expected a claim"),
        ("8180".into(), "expected a claim's number"),
        (
            "818100".into(),
            "byte 1: expected the number of a claim of version 1",
        ),
        ("81810c".into(), "the number of a claim of version 1"),
        ("81820500".into(), "byte 3: expected the end of the claim"),
        ("818103".into(), "expected max"),
        ("81820320".into(), "expected max"),
        ("828203178105".into(), "canonical order"),
        ("8281058105".into(), "twice"),
        ("8183068101".into(), "canonical CBOR"),
        ("818306810001".into(), "expected a filter's map"),
        ("818306a1000001".into(), "a filter's key, 1 to 5"),
        ("818306a1060001".into(), "a filter's key, 1 to 5"),
        (
            "818306a1010001".into(),
            "a mask of values of version 1, not zero",
        ),
        ("818306a1010101".into(), "a mask"),
        ("818306a1011a1000000001".into(), "a mask"),
        ("818306a102184001".into(), "a mask"),
        ("818306a1030001".into(), "a mask"),
        ("818306a1031001".into(), "a mask"),
        ("818306a1048001".into(), "a list is empty"),
        ("818306a10401".into(), "canonical CBOR"),
        ("818306a1040101".into(), "expected a list of name ids"),
        (
            format!("818306a104814f{}01", &one[2..]),
            "a name id of 16 bytes",
        ),
        (format!("818306a1048250{two}50{one}01"), "canonical order"),
        (format!("818306a1048250{one}50{one}01"), "twice"),
        (
            "8184 08 a0 01 1b0000000100000000".replace(' ', ""),
            "expected a score",
        ),
        (
            format!("81850b1b00000001000000008150{one}0101"),
            "expected a round",
        ),
        (format!("81850b018150{one}0105"), "a voting rule, 1 to 4"),
        (format!("81850b018150{one}0100"), "a voting rule, 1 to 4"),
        ("8182031817".into(), "canonical CBOR"),
        ("81810500".into(), "canonical CBOR"),
        ("".into(), "canonical CBOR"),
    ] {
        let error = refused(&bytes);
        assert!(error.contains(why), "{bytes}: {error}");
    }
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let wishes = vec((any::<u8>(), any::<Wish>()), 1..12);
    (vec(any::<random::Draw>(), 0..6), wishes).prop_map(|(draws, wishes)| {
        let trace = random::trace(&draws);
        let mut list: Vec<Claim> = Vec::new();
        for (number, wish) in &wishes {
            let claim = random::claim(number % random::TYPES, wish, &trace);
            if !list.contains(&claim) {
                list.push(claim);
            }
        }
        Claims::new(list).unwrap()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(claims in any_claims()) {
        let read = Claims::decode(&claims.encode()).unwrap();
        prop_assert_eq!(read.digest(), claims.digest());
        prop_assert_eq!(read, claims);
    }

    #[test]
    fn any_bytes_are_refused_or_written_again_as_they_were(bytes in vec(any::<u8>(), 0..80)) {
        if let Ok(claims) = Claims::decode(&bytes) {
            prop_assert_eq!(claims.encode(), bytes);
        }
    }

    #[test]
    fn a_changed_form_is_refused_or_means_something_else(
        claims in any_claims(), at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let before = claims.encode();
        let mut bytes = before.clone();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(read) = Claims::decode(&bytes) {
            prop_assert!(!cut);
            prop_assert_eq!(read.encode(), &*bytes);
            prop_assert_eq!(read.digest() == claims.digest(), bytes == before);
        }
    }

    /// Well-formed CBOR of nearly the right shape, which reaches deeper than random bytes do.
    #[test]
    fn nearly_claims_never_panic(members in vec(any::<(u8, u64)>(), 0..7)) {
        let mut out = Encoder::new();
        out.array(1).array(members.len());
        for (kind, number) in members {
            match kind % 6 {
                0 => { out.map(1).uint(number % 7).uint(number >> 60); }
                1 => { out.map(0); }
                2 => { out.array(1).bytes(&[kind; 16]); }
                3 => { out.uint(number % 12); }
                _ => { out.uint(number); }
            };
        }
        if let Ok(claims) = Claims::decode(out.as_slice()) {
            prop_assert_eq!(claims.encode(), out.into_vec());
        }
    }
}

#[test]
fn a_mask_has_one_bit_for_each_value() {
    let set = KindSet::new(&[Kind::RunStart, Kind::Note]).unwrap();
    assert_eq!(set.bits(), 1 << 1 | 1 << 27);
    assert!(set.contains(Kind::Note) && !set.contains(Kind::Halt));
    assert_eq!(KindSet::from_bits(set.bits()), Some(set));
    assert_eq!(kinds(&[Kind::RunStart, Kind::Note]).kinds, Some(set));
}
