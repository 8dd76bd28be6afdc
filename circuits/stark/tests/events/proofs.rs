//! Whole proofs of claims, over all tables.

use avouch_claims::{Claim, Claims};
use avouch_merkle::{Digest, hash_leaf, root};
use avouch_stark::{Error, Options, Public, prove, verify};
use avouch_trace::{Event, Header};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::lies::{all_claims, busy_run};

fn events(trace: &[Header]) -> Vec<Event> {
    let bodies = (0_u64..).map(|seq| hash_leaf(&seq.to_be_bytes()));
    let both = trace.iter().zip(bodies);
    both.map(|(header, body)| Event::new(header, body))
        .collect()
}

fn public(events: &[Event], claims: Claims) -> Public {
    let leaves: Vec<Digest> = events.iter().map(Event::leaf).collect();
    Public {
        statement_id: [7; 32],
        root: root(leaves),
        size: events.len() as u64,
        chain_start: Digest([3; 32]),
        chain_head: events
            .iter()
            .fold(Digest([3; 32]), |value, event| event.chain(&value)),
        claims,
    }
}

#[test]
fn all_eleven_claims_are_proven_at_once_and_others_are_not() {
    let events = events(&busy_run());
    let of = |claims: Vec<Claim>| public(&events, Claims::new(claims).unwrap());
    let asked = of(all_claims(false));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let proof = prove(&asked, &events, Options::default(), &mut rng, |_, _| {}).unwrap();
    verify(&asked, &proof).unwrap();
    // Laxer claims hold too, but nobody has proven them.
    assert!(verify(&of(all_claims(true)), &proof).is_err());
    let mut fewer = all_claims(false);
    fewer.pop();
    assert!(verify(&of(fewer), &proof).is_err());
}

#[test]
fn what_is_false_is_not_proven_and_the_event_is_named() {
    let events = events(&busy_run());
    let false_of_it = Claim::Spend { max: 100_000 };
    let asked = public(&events, Claims::new([false_of_it]).unwrap());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    match prove(&asked, &events, Options::default(), &mut rng, |_, _| {}) {
        Err(Error::False(why)) => assert!(why.starts_with("event 4: "), "{why}"),
        other => panic!("{other:?}"),
    }
}
