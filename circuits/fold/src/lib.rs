//! One proof for an agent's whole life, extended run by run.
//!
//! A proof says: "from chain head A to chain head B there are exactly N events in M runs, all
//! well-formed, and these claims hold over all of them". Public are A, B, N, M and the claims, and
//! nothing else. It is incrementally verifiable computation: Nova over Pallas and Vesta, with inner
//! product arguments and no trusted setup. Extending the proof by a run costs that run alone.
//!
//! `docs/fold.md` has the circuit, what stays hidden, and the measurements.
//!
//! # What this is not
//! The claims' meaning is `avouch-claims`'; who signed A and B is the statements' business.
#![forbid(unsafe_code)]

mod circuit;
mod engine;
mod error;
#[cfg(all(test, feature = "prove"))]
mod forgeries;
#[cfg(any(feature = "prove", test))]
mod native;
mod params;
mod proof;
#[cfg(feature = "prove")]
mod prove;
mod registers;
#[cfg(all(test, feature = "prove"))]
#[path = "../tests/support/mod.rs"]
mod support;
mod terms;
mod verify;

pub use circuit::BATCH;
pub use error::Error;
pub use proof::MAX_PROOF_LEN;
#[cfg(feature = "prove")]
pub use prove::{Folding, Prover, Publisher};
pub use terms::{MAX_ACTORS, MAX_MATCHING, MAX_SET, MAX_SUBJECTS};
pub use verify::{Public, Verified, Verifier};
