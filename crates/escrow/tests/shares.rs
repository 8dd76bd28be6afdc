//! Any threshold of good shares gives the secret; whatever else is handed in is refused by its index.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use avouch_escrow::{
    Commitments, Error, MAX_SECRET, Secret, SecretKind, Share, combine, split, text, words,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn secret(bytes: &[u8]) -> Secret {
    Secret {
        kind: SecretKind::File,
        bytes: bytes.to_vec().into(),
    }
}

fn made(seed: u8, of: &Secret, threshold: u8, count: u8) -> (Vec<Share>, Commitments) {
    let mut random = ChaCha20Rng::from_seed([seed; 32]);
    split(of, threshold, count, &mut random).unwrap()
}

fn three_of_five(seed: u8) -> (Vec<Share>, Commitments) {
    made(seed, &secret(b"the key to everything"), 3, 5)
}

/// The share with one bit of its value flipped and a checksum that fits again: what a forger hands in.
fn forged(share: &Share) -> Share {
    let bytes = share.to_bytes();
    let mut bytes = bytes[..bytes.len() - 4].to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let sum = avouch_merkle::sha256(&[b"avouch/v1/escrow-checksum", &bytes]);
    bytes.extend(&sum.0[..4]);
    Share::from_bytes(&bytes).unwrap()
}

#[test]
fn any_three_of_five_give_the_secret_back() {
    let (shares, commitments) = three_of_five(1);
    for a in 0..5 {
        for b in (0..5).filter(|b| *b != a) {
            for c in (0..5).filter(|c| *c != a && *c != b) {
                let some = [&shares[a], &shares[b], &shares[c]].map(Clone::clone);
                for commitments in [None, Some(&commitments)] {
                    let back = combine(&some, commitments).unwrap();
                    assert_eq!(back, secret(b"the key to everything"));
                }
            }
        }
    }
    assert_eq!(
        combine(&shares, None).unwrap(),
        combine(&shares[2..], None).unwrap()
    );
}

#[test]
fn too_few_shares_are_refused_with_how_many_are_needed() {
    let (shares, _) = three_of_five(1);
    let refused = combine(&shares[..2], None).unwrap_err();
    assert_eq!(
        refused,
        Error::TooFew {
            given: 2,
            threshold: 3,
            count: 5
        }
    );
    assert!(matches!(
        combine(&[], None),
        Err(Error::TooFew { given: 0, .. })
    ));
}

#[test]
fn a_forged_share_is_named_by_the_commitments() {
    let (shares, commitments) = three_of_five(1);
    let bad = forged(&shares[3]);
    let expected = Error::Forged {
        index: 4,
        set: commitments.set(),
    };
    assert_eq!(commitments.check(&bad).unwrap_err(), expected);
    let some = [shares[0].clone(), bad, shares[4].clone()];
    assert_eq!(combine(&some, Some(&commitments)).unwrap_err(), expected);
    for share in &shares {
        commitments.check(share).unwrap();
    }
}

#[test]
fn without_commitments_a_forged_share_gives_no_secret_and_is_named_by_one_share_more() {
    let (shares, _) = three_of_five(1);
    for at in 0..5 {
        let mut all = shares.clone();
        all[at] = forged(&shares[at]);
        let index = at as u8 + 1;
        let refused = combine(&all, None).unwrap_err();
        assert!(matches!(refused, Error::Forged { index: named, .. } if named == index));
    }
    let some = [shares[0].clone(), forged(&shares[1]), shares[2].clone()];
    let refused = combine(&some, None).unwrap_err();
    assert_eq!(
        refused,
        Error::NotTheSecret {
            indices: vec![1, 2, 3]
        }
    );
}

#[test]
fn shares_of_two_sets_are_refused_by_index() {
    let ((one, _), (other, commitments)) = (three_of_five(1), three_of_five(2));
    let some = [one[0].clone(), one[1].clone(), other[4].clone()];
    let refused = combine(&some, None).unwrap_err();
    assert!(
        matches!(refused, Error::AnotherSet { index: 5, .. }),
        "{refused}"
    );
    let refused = combine(&one, Some(&commitments)).unwrap_err();
    assert!(
        matches!(refused, Error::AnotherSet { index: 1, .. }),
        "{refused}"
    );
}

#[test]
fn one_share_twice_is_refused() {
    let (shares, _) = three_of_five(1);
    let some = [shares[0].clone(), shares[1].clone(), shares[1].clone()];
    assert_eq!(
        combine(&some, None).unwrap_err(),
        Error::Duplicate {
            index: 2,
            same: true
        }
    );
    let some = [shares[0].clone(), shares[1].clone(), forged(&shares[1])];
    assert_eq!(
        combine(&some, None).unwrap_err(),
        Error::Duplicate {
            index: 2,
            same: false
        }
    );
}

#[test]
fn numbers_and_lengths_that_make_no_sense_are_refused() {
    let mut random = ChaCha20Rng::from_seed([1; 32]);
    for (threshold, count) in [(0, 5), (1, 5), (6, 5), (2, 1), (0, 0)] {
        let refused = split(&secret(b"x"), threshold, count, &mut random);
        assert_eq!(refused.unwrap_err(), Error::Numbers { threshold, count });
    }
    for len in [0, MAX_SECRET + 1] {
        let refused = split(&secret(&vec![1; len]), 2, 3, &mut random);
        assert_eq!(refused.unwrap_err(), Error::Length(len));
    }
    let (shares, _) = made(1, &secret(b"x"), 255, 255);
    assert_eq!(combine(&shares, None).unwrap(), secret(b"x"));
    assert!(combine(&shares[1..], None).is_err());
}

#[test]
fn a_short_secret_cannot_be_guessed_from_commitments() {
    // With the same secret twice, nothing in the commitments is the same.
    let (one, other) = (
        made(1, &secret(b"1"), 2, 3).1,
        made(2, &secret(b"1"), 2, 3).1,
    );
    let lines = |commitments: &Commitments| -> Vec<String> {
        let text = commitments.to_string();
        let digests = text.lines().filter_map(|line| line.split(' ').next_back());
        digests
            .filter(|word| word.len() == 64)
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(lines(&one).len(), 4);
    assert!(lines(&one).iter().all(|line| !lines(&other).contains(line)));
}

#[test]
fn every_form_reads_back_as_the_same_share() {
    let (shares, commitments) = three_of_five(1);
    for share in &shares {
        let written = text::write(share);
        assert_eq!(text::read(&written).unwrap(), *share);
        assert_eq!(text::read(&text::compact(share)).unwrap(), *share);
        let words = words::write(share).unwrap();
        assert_eq!(text::read(&words).unwrap(), *share);
        // As somebody types them, without what stands above.
        let bare: Vec<&str> = words.lines().skip(3).collect();
        assert_eq!(text::read(&bare.join("  ")).unwrap(), *share);
    }
    let text = commitments.to_string();
    assert_eq!(Commitments::parse(&text).unwrap(), commitments);
}

#[test]
fn a_mistyped_share_is_refused_before_it_is_used() {
    let (shares, _) = three_of_five(1);
    let good = text::write(&shares[0]);
    // One letter of the value for another.
    let at = good.rfind('\n').unwrap() - 20;
    let other = if &good[at..=at] == "A" { "B" } else { "A" };
    let typo = format!("{}{other}{}", &good[..at], &good[at + 1..]);
    assert_eq!(text::read(&typo).unwrap_err(), Error::Checksum);
    // What it says above is another share's.
    let lie = good.replace("share 1 of 5", "share 2 of 5");
    assert!(matches!(text::read(&lie), Err(Error::NotAShare(_))));
    let words = words::write(&shares[0]).unwrap();
    let misspelt = words.to_string() + "abandonn";
    assert!(matches!(text::read(&misspelt), Err(Error::Word { word, .. }) if word == "abandonn"));
    let last = words.trim_end().rfind(' ').unwrap();
    assert_eq!(text::read(&words[..last]).unwrap_err(), Error::Checksum);
    assert_eq!(
        text::read(&(words.to_string() + "abandon")).unwrap_err(),
        Error::Checksum
    );
    for text in [
        "",
        "avouch share 1",
        "avouch share 1\n",
        "AVOUCH-SHARE:1:",
        "AVOUCH-SHARE:1:A1",
    ] {
        assert!(text::read(text).is_err(), "{text:?}");
    }
}

#[test]
fn altered_commitments_are_refused() {
    let (_, commitments) = three_of_five(1);
    let text = commitments.to_string();
    for (from, to) in [
        ("threshold 3", "threshold 2"),
        ("threshold 3", "threshold 6"),
        ("share 2", "share 3"),
        ("set ", "set 0"),
        ("commitments 1", "commitments 2"),
        ("\nsecret", "\n\nsecret"),
    ] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text);
        assert!(
            matches!(Commitments::parse(&altered), Err(Error::NotCommitments(_))),
            "{to:?}"
        );
    }
    assert!(Commitments::parse(text.trim_end()).is_err());
}

#[test]
fn what_is_too_long_for_paper_is_refused_there_and_kept_as_text() {
    let (shares, _) = made(1, &secret(&[7; 4000]), 2, 2);
    assert!(matches!(
        words::write(&shares[0]),
        Err(Error::TooLong { form: "words", .. })
    ));
    assert!(matches!(
        avouch_escrow::qr::svg(&shares[0]),
        Err(Error::TooLong { .. })
    ));
    assert_eq!(text::read(&text::write(&shares[0])).unwrap(), shares[0]);
}

#[test]
fn debug_shows_no_value() {
    let (shares, _) = made(1, &secret(b"hush"), 2, 2);
    let shown = format!("{:?} {:?}", shares[0], secret(b"hush"));
    assert!(
        shown.contains("not shown") && !shown.contains("104, 117"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_secret_of_any_bytes_comes_back(
        bytes in proptest::collection::vec(any::<u8>(), 1..200),
        seed in any::<u8>(), threshold in 2u8..6, more in 0u8..4,
    ) {
        let of = secret(&bytes);
        let (mut shares, commitments) = made(seed, &of, threshold, threshold + more);
        let by = usize::from(seed) % shares.len();
        shares.rotate_left(by);
        shares.truncate(threshold.into());
        prop_assert_eq!(combine(&shares, Some(&commitments)).unwrap(), of);
    }

    #[test]
    fn no_flipped_bit_of_a_share_goes_unnoticed(at in 0usize..4000) {
        let (shares, _) = three_of_five(1);
        let mut bytes = shares[0].to_bytes().to_vec();
        let at = at % (bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
        prop_assert_eq!(Share::from_bytes(&bytes).unwrap_err(), Error::Checksum);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        prop_assert!(text::read(&text).is_err() && Commitments::parse(&text).is_err());
    }
}
