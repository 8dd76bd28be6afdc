//! Whole proofs, and what passes for one.
//!
//! One test, because parameters and a proof take minutes to make.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use avouch_claims::{Claim, Claims, Filter};
use avouch_merkle::Digest;
use avouch_trace::{Event, Kind};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::support::run;
use crate::{Error, Folding, MAX_PROOF_LEN, Prover, Public, Verifier};

const START: Digest = Digest([7; 32]);

/// At most so much spent, and at least three tool calls.
fn claims(spend: u64) -> Claims {
    let filter = Filter::of_kinds(&[Kind::ToolCall]).unwrap();
    let calls = Claim::Count {
        filter,
        min: 3,
        max: 6,
    };
    Claims::new([Claim::Spend { max: spend }, calls]).unwrap()
}

fn head(from: Digest, events: &[Event]) -> Digest {
    events.iter().fold(from, |value, event| event.chain(&value))
}

#[test]
fn three_runs_are_folded_one_after_another_and_nothing_else_passes_for_them() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let prover = Prover::derive().unwrap();
    let claims = claims(120);
    let mut folding = Folding::new(START, Some(&claims)).unwrap();
    let publisher = prover.publisher().unwrap();
    let nothing = prover.publish(&publisher, &folding, &mut rng);
    assert!(matches!(nothing, Err(Error::Empty)));

    let mut chain = START;
    for (number, size) in [3, 4, 5].into_iter().enumerate() {
        let events = run(size);
        let next = head(chain, &events);
        if number == 1 {
            refuse_to_fold(&prover, &mut folding, chain, &mut rng);
            let early = prover.publish(&publisher, &folding, &mut rng);
            assert!(matches!(early, Err(Error::False(why)) if why.contains("at least 3")));
        }
        prover
            .fold(&mut folding, &events, next, &mut rng, |_, _| {})
            .unwrap();
        // Kept and read again, as between two calls of a program.
        let stored = folding.store(&prover).unwrap();
        folding = prover.restore(START, Some(&claims), &stored).unwrap();
        if number == 0 {
            refuse_to_restore(&prover, &claims, &stored);
        }
        chain = next;
    }
    let public = folding.public();
    assert_eq!((public.events, public.runs), (12, 3));
    assert_eq!(public.chain_head, chain);

    let proof = prover.publish(&publisher, &folding, &mut rng).unwrap();
    let verifier = publisher.verifier();
    // 1 + 2 + 2 steps, and the empty one.
    assert_eq!(verifier.verify(&public, &proof).unwrap().steps, 6);
    refuse_other_statements(verifier, &public, &proof);
    refuse_damage(verifier, &public, &proof);
    a_false_witness_is_found_out(&prover, &folding, &mut rng);
}

fn refuse_to_fold(
    prover: &Prover,
    folding: &mut Folding<'_>,
    chain: Digest,
    rng: &mut ChaCha20Rng,
) {
    let before = folding.public();
    let mut refused = |events: &[Event], head: Digest| {
        prover
            .fold(folding, events, head, rng, |_, _| {})
            .unwrap_err()
    };
    let good = run(4);
    let other_head = refused(&good, head(START, &good));
    assert!(matches!(other_head, Error::OtherHead));
    let cut = &good[..3];
    assert!(matches!(refused(cut, head(chain, cut)), Error::Trace(_)));
    let two = [run(2), run(2)].concat();
    assert!(matches!(refused(&two, head(chain, &two)), Error::Trace(_)));
    assert!(matches!(refused(&[], chain), Error::Trace(_)));
    // 30 were spent, and 100 more are too much.
    let long = run(10);
    assert!(matches!(
        refused(&long, head(chain, &long)),
        Error::False(_)
    ));
    let after = folding.public();
    assert_eq!(after.chain_head, before.chain_head);
    assert_eq!(after.events, before.events);
}

fn refuse_to_restore(prover: &Prover, claims: &Claims, stored: &[u8]) {
    let restore = |bytes: &[u8]| prover.restore(START, Some(claims), bytes).map(|_| ());
    let other_start = prover.restore(Digest([8; 32]), Some(claims), stored);
    assert!(matches!(other_start, Err(Error::State(_))));
    assert!(prover.restore(START, None, stored).is_err());
    let lax = self::claims(1000);
    assert!(prover.restore(START, Some(&lax), stored).is_err());
    for len in [0, 31, 32, 100, stored.len() / 2, stored.len() - 1] {
        let refused = restore(&stored[..len]);
        assert!(refused.is_err(), "cut at {len}");
    }
    // Parameters, the evaluator's state, counts and blinding, then the recursive proof.
    let places = [
        0,
        31,
        40,
        80,
        150,
        190,
        stored.len() / 3,
        stored.len() / 2,
        stored.len() - 40,
    ];
    for at in places {
        let mut flipped = stored.to_vec();
        flipped[at] ^= 1;
        assert!(restore(&flipped).is_err(), "byte {at}");
    }
}

fn refuse_other_statements(verifier: &Verifier, public: &Public, proof: &[u8]) {
    let refused = |spoil: &dyn Fn(&mut Public)| {
        let mut other = public.clone();
        spoil(&mut other);
        verifier.verify(&other, proof).unwrap_err()
    };
    let is = |error: Error, what: &'static str| {
        assert_eq!(error.to_string(), Error::Other(what).to_string());
    };
    is(
        refused(&|public| public.chain_head.0[0] ^= 1),
        "another chain head",
    );
    is(
        refused(&|public| public.chain_head.0[31] ^= 1),
        "another chain head",
    );
    is(
        refused(&|public| public.events += 1),
        "another number of events",
    );
    is(
        refused(&|public| public.runs += 1),
        "another number of runs",
    );
    // The first state is the verifier's, so these are proofs of something else.
    let start = refused(&|public| public.chain_start.0[5] ^= 1);
    assert!(matches!(start, Error::Refused(_)));
    let lax = refused(&|public| public.claims = Some(claims(1000)));
    assert!(matches!(lax, Error::Refused(_)));
    assert!(matches!(
        refused(&|public| public.claims = None),
        Error::Refused(_)
    ));
    for events in [0, 1, 300, u64::MAX] {
        let steps = refused(&|public| public.events = events);
        assert!(matches!(steps, Error::Steps { .. }), "{events} events");
    }
    assert!(matches!(
        refused(&|public| public.runs = u64::MAX),
        Error::Steps { .. }
    ));
    assert!(matches!(
        refused(&|public| public.runs = 0),
        Error::Steps { .. }
    ));
}

fn refuse_damage(verifier: &Verifier, public: &Public, proof: &[u8]) {
    let verify = |bytes: &[u8]| verifier.verify(public, bytes);
    let mut other = proof.to_vec();
    other[10] ^= 1;
    assert!(matches!(verify(&other), Err(Error::OtherParameters { .. })));
    // Between the fewest and the most that so many events can take, the proof itself says how many.
    for (steps, by_count) in [(0, true), (4, true), (5, false), (7, false), (8, true)] {
        let mut other = proof.to_vec();
        other[37..45].copy_from_slice(&u64::to_be_bytes(steps));
        let refused = verify(&other).unwrap_err();
        let found = matches!(refused, Error::Steps { .. });
        assert_eq!(found, by_count, "{steps} steps: {refused}");
    }
    for len in (0..60).chain((60..proof.len()).step_by(proof.len() / 40)) {
        let refused = verify(&proof[..len]);
        assert!(
            matches!(refused, Err(Error::Malformed { .. })),
            "cut at {len}"
        );
    }
    let longer = [proof, &[0]].concat();
    assert!(matches!(verify(&longer), Err(Error::Malformed { .. })));
    let endless = vec![0; MAX_PROOF_LEN + 1];
    assert!(matches!(verify(&endless), Err(Error::Malformed { .. })));
    for at in (0..45).chain((45..proof.len()).step_by(proof.len() / 60)) {
        let mut flipped = proof.to_vec();
        flipped[at] ^= 1 << (at % 8);
        assert!(verify(&flipped).is_err(), "byte {at}");
    }
}

/// The library folds what is false and says nothing; its verifier notices.
fn a_false_witness_is_found_out(prover: &Prover, folding: &Folding<'_>, rng: &mut ChaCha20Rng) {
    let forged = prover.forge(folding, rng);
    assert!(matches!(forged, Err(Error::State(_))), "{forged:?}");
}
