//! Proofs that are about something else, or put together from others, or damaged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloc::vec::Vec;
use std::sync::OnceLock;

use avouch_claims::{Claim, Claims};
use avouch_merkle::Digest;
use avouch_trace::Event;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::lies::{public, rng, run};
use crate::proof::{Proof, SegmentProof};
use crate::{Error, Options, Preset, Public, prove, verify};

const QUICK: Options = Options {
    preset: Preset::Quick,
    segment: Some(256),
    chain: false,
};

fn whole() -> (Public, Vec<u8>) {
    static PROVEN: OnceLock<(Public, Vec<u8>)> = OnceLock::new();
    let make = || {
        let events = run(5);
        let public = public(&events);
        let proof = prove(&public, &events, QUICK, &mut rng(), |_, _| {}).unwrap();
        verify(&public, &proof).unwrap();
        (public, proof)
    };
    PROVEN.get_or_init(make).clone()
}

const CHAINED: Options = Options {
    chain: true,
    ..QUICK
};

/// 300 events in two segments.
fn in_two_segments(options: Options) -> (Public, Vec<u8>) {
    let events = run(300);
    let public = public(&events);
    let proof = prove(&public, &events, options, &mut rng(), |_, _| {}).unwrap();
    let verified = verify(&public, &proof).unwrap();
    assert_eq!((verified.segments, verified.chain), (2, options.chain));
    (public, proof)
}

fn segmented() -> (Public, Vec<u8>) {
    static PROVEN: OnceLock<(Public, Vec<u8>)> = OnceLock::new();
    PROVEN.get_or_init(|| in_two_segments(QUICK)).clone()
}

/// With the chain.
fn chained() -> (Public, Vec<u8>) {
    static PROVEN: OnceLock<(Public, Vec<u8>)> = OnceLock::new();
    PROVEN.get_or_init(|| in_two_segments(CHAINED)).clone()
}

#[test]
fn a_proof_about_the_chain_is_about_this_chain() {
    let (public, proof) = chained();
    for spoil in [
        (|public| public.chain_start.0[0] ^= 1) as fn(&mut Public),
        |public| public.chain_head.0[31] ^= 128,
        |public| core::mem::swap(&mut public.chain_start, &mut public.chain_head),
    ] {
        let mut other = public.clone();
        spoil(&mut other);
        assert!(matches!(verify(&other, &proof), Err(Error::Refused { .. })));
        // One that is not about the chain holds whatever the chain is, and says so.
        let (mut other, proof) = whole();
        spoil(&mut other);
        assert!(!verify(&other, &proof).unwrap().chain);
    }
}

#[test]
fn what_a_proof_is_about_cannot_be_changed() {
    for (public, mut proof) in [whole(), chained()] {
        proof[6] ^= 1;
        assert!(matches!(
            verify(&public, &proof),
            Err(Error::Refused { .. })
        ));
        proof[6] = 2;
        assert!(matches!(
            verify(&public, &proof),
            Err(Error::Malformed { at: 6, .. })
        ));
    }
}

#[test]
fn events_of_another_chain_are_not_proven() {
    let events = run(5);
    let mut public = public(&events);
    public.chain_start.0[0] ^= 1;
    let refused = prove(&public, &events, CHAINED, &mut rng(), |_, _| {});
    assert!(matches!(refused, Err(Error::NotTheChain)));
    prove(&public, &events, QUICK, &mut rng(), |_, _| {}).unwrap();
}

#[test]
fn a_proof_for_another_statement_root_size_or_claims_is_refused() {
    for (public, proof) in [whole(), segmented(), chained()] {
        let mut other = public.clone();
        other.statement_id[31] ^= 1;
        assert!(matches!(verify(&other, &proof), Err(Error::Refused { .. })));
        let mut other = public.clone();
        other.root.0[0] ^= 1;
        assert!(matches!(verify(&other, &proof), Err(Error::OtherRoot)));
        for size in [
            1,
            public.size - 1,
            public.size + 1,
            2 * public.size,
            0,
            u64::MAX,
        ] {
            let mut other = public.clone();
            other.size = size;
            assert!(verify(&other, &proof).is_err(), "size {size}");
        }
        let mut other = public.clone();
        other.claims = Claims::new([Claim::Spend { max: 1_000_000 }]).unwrap();
        assert!(matches!(verify(&other, &proof), Err(Error::Refused { .. })));
        let mut other = public.clone();
        other.claims = Claims::new([Claim::Spend { max: 999_999 }, Claim::Halt]).unwrap();
        assert!(matches!(verify(&other, &proof), Err(Error::Refused { .. })));
    }
}

#[test]
fn a_proof_under_another_preset_is_refused() {
    let (public, mut proof) = whole();
    for id in [0, 4, 200] {
        proof[5] = id;
        assert!(matches!(verify(&public, &proof), Err(Error::UnknownPreset(got)) if got == id));
    }
    proof[5] = 1;
    assert!(matches!(
        verify(&public, &proof),
        Err(Error::Refused { .. })
    ));
}

#[test]
fn a_truncated_or_lengthened_proof_is_refused() {
    let (public, proof) = whole();
    let places = (0..64).chain((64..proof.len()).step_by(proof.len() / 60));
    for len in places {
        assert!(verify(&public, &proof[..len]).is_err(), "cut at {len}");
    }
    let mut longer = proof.clone();
    longer.push(0);
    assert!(matches!(
        verify(&public, &longer),
        Err(Error::Malformed { .. })
    ));
    // Nor does it help to call the byte a part of the batch.
    let decoded = Proof::decode(&public, &proof).unwrap();
    let mut forged = Proof::begin(Preset::Quick, decoded.chain, 5);
    for part in decoded.segments {
        let batch = [&part.batch[..], &[0]].concat();
        SegmentProof { batch, ..part }.encode(&mut forged);
    }
    assert!(matches!(
        verify(&public, &forged),
        Err(Error::Refused { .. })
    ));
}

#[test]
fn a_proof_with_any_bit_flipped_is_refused() {
    let (public, proof) = whole();
    // Every bit of what is read before the batch, and one in each of many places of the batch.
    let early = (0..8 * 60).map(|bit| (bit / 8, bit % 8));
    let step = proof.len() / 150;
    let late = (60..proof.len())
        .step_by(step)
        .enumerate()
        .map(|(i, at)| (at, i % 8));
    for (at, bit) in early.chain(late) {
        let mut flipped = proof.clone();
        flipped[at] ^= 1 << bit;
        assert!(verify(&public, &flipped).is_err(), "bit {bit} of byte {at}");
    }
}

#[test]
fn segments_that_are_swapped_repeated_or_of_another_proof_are_refused() {
    for (public, proof) in [segmented(), chained()] {
        segments_belong_together(&public, &proof);
    }
}

fn segments_belong_together(public: &Public, proof: &[u8]) {
    let chain = verify(public, proof).unwrap().chain;
    let parts = || Proof::decode(public, proof).unwrap().segments;
    let refused = |parts: Vec<SegmentProof>| {
        let mut forged = Proof::begin(Preset::Quick, chain, 256);
        parts.iter().for_each(|part| part.encode(&mut forged));
        verify(public, &forged).is_err()
    };
    assert!(!refused(parts()));
    let mut swapped = parts();
    swapped.swap(0, 1);
    assert!(refused(swapped));
    let mut repeated = parts();
    repeated[1] = parts().swap_remove(0);
    assert!(refused(repeated));
    let mut missing = parts();
    missing.remove(1);
    assert!(refused(missing));
    // The batches alone, so that the root still comes out right.
    let mut swapped = parts();
    let (one, two) = (parts().remove(0).batch, parts().remove(1).batch);
    swapped[0].batch = two;
    swapped[1].batch = one;
    assert!(refused(swapped));
    let mut other = parts();
    other[0].outgoing = Some(Digest([1; 32]));
    assert!(refused(other));
    // The same run, proven again: each segment is right, but it starts from another commitment.
    let options = Options { chain, ..QUICK };
    let again = prove(
        public,
        &run(300),
        options,
        &mut ChaCha20Rng::from_seed([1; 32]),
        |_, _| {},
    )
    .unwrap();
    let mut mixed = parts();
    mixed[1] = Proof::decode(public, &again).unwrap().segments.remove(1);
    assert!(refused(mixed));
}

#[test]
fn other_segment_lengths_are_refused() {
    let (public, proof) = segmented();
    for length in [0_u32, 1, 255, 257, 300, 301, 4096, u32::MAX] {
        let mut forged = proof.clone();
        forged[7..11].copy_from_slice(&length.to_be_bytes());
        assert!(verify(&public, &forged).is_err(), "segments of {length}");
    }
}

#[test]
fn what_is_false_is_not_proven() {
    let events = run(5);
    let mut public = public(&events);
    public.claims = Claims::new([Claim::Spend { max: 4 }]).unwrap();
    let refused = prove(&public, &events, QUICK, &mut rng(), |_, _| {});
    assert!(matches!(refused, Err(Error::False(why)) if why.contains("event 4")));
}

#[test]
fn events_of_another_root_or_order_are_not_proven() {
    let events = run(5);
    let public = public(&events);
    let refused =
        |events: &[Event]| prove(&public, events, QUICK, &mut rng(), |_, _| {}).unwrap_err();
    let mut other = events.clone();
    other[2].body = Digest([1; 32]);
    assert!(matches!(refused(&other), Error::NotTheRoot));
    let mut other = events.clone();
    other.swap(1, 2);
    assert!(matches!(refused(&other), Error::Trace(_)));
    assert!(matches!(refused(&events[..4]), Error::Trace(_)));
    assert!(matches!(refused(&[]), Error::Size(0)));
}
