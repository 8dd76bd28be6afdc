//! Root and size: what the tree and the SHA-256 tables prove.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use avouch_stark::{Options, Preset, prove, verify};
use support::{public, rng, run};

#[test]
fn a_run_of_any_small_size_is_proven_and_verified() {
    for size in [2_u64, 3, 5, 18] {
        let events = run(size);
        let public = public(&events);
        let started = std::time::Instant::now();
        let proof = prove(
            &public,
            &events,
            Options::default(),
            &mut rng(size),
            |_, _| {},
        )
        .unwrap();
        let proving = started.elapsed();
        let started = std::time::Instant::now();
        let verified = verify(&public, &proof).unwrap();
        eprintln!(
            "{size} events: proven in {proving:?}, {} bytes, verified in {:?}",
            proof.len(),
            started.elapsed()
        );
        assert_eq!(verified.preset, Preset::Proven100);
    }
}
