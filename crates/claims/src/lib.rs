//! Claims about a trace, and the evaluator that says whether they hold.
//!
//! A [`Claim`] is a predicate over a run's headers only, so that it can be proven without showing
//! a single body. [`Claims`] is a conjunction of them, with one canonical form whose digest goes
//! into proofs. [`State`] judges a trace header by header in constant memory; it is the reference
//! that every proof system must agree with, both ways. Its registers are what crosses a boundary
//! between segments or folding steps, and [`State::encode`] gives them as bytes of a fixed length.
//!
//! `docs/claims.md` has every claim's exact meaning, the forms' CDDL and the state's layout.
//!
//! ```
//! use avouch_claims::{Claim, Claims, Filter, State};
//! use avouch_trace::{Decision, Flags, Header, Kind, NameId};
//!
//! let tool_calls = Filter::of_kinds(&[Kind::ToolCall])?;
//! let claims = Claims::new(vec![
//!     Claim::Gated { matching: tool_calls.into() },
//!     Claim::Spend { max: 1_000 },
//! ])?;
//! let header = |seq, kind| Header {
//!     kind, seq, decision: Decision::None, flags: Flags::NONE, round: 0, time: 0, cost: Some(0),
//!     budget: None, score: None, parent: None, actor: NameId::NONE, subject: NameId::NONE,
//! };
//! let mut state = State::new(&claims);
//! state.step(&header(0, Kind::RunStart))?;
//! state.step(&header(1, Kind::ToolCall))?;
//! state.step(&header(2, Kind::RunEnd))?;
//! let verdict = state.finish()?;
//! assert!(!verdict.holds());
//! let failure = verdict.failures().next().ok_or("none")?;
//! assert_eq!(failure.to_string(), "event 1: it has no subject, so nothing can have been allowed for it");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this is not
//! Nothing here reads a body, a bundle or a statement, or proves anything: the caller says which
//! headers there are, and has to know why it believes them.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "toml")]
extern crate std;

mod bytes;
mod cbor;
mod claim;
mod conjunction;
mod decode;
mod error;
#[cfg(feature = "toml")]
mod file;
mod filter;
mod gates;
mod ids;
mod judge;
mod state;
mod verdict;

pub use claim::{Claim, Matching, VotingRule};
pub use conjunction::Claims;
pub use error::Error;
#[cfg(feature = "toml")]
pub use file::{ClaimsFile, Entry, MAX_FILE_LEN};
pub use filter::{DecisionSet, Filter, KindSet};
pub use gates::{GATE_REACH, Gate, GateKind, Gates, Used, WINDOW_SLOTS};
pub use ids::Ids;
pub use judge::Register;
pub use state::{Scope, State};
pub use verdict::{Failure, Reason, Verdict};

/// The most claims in one conjunction.
pub const MAX_CLAIMS: usize = 64;
/// The most names in one list.
pub const MAX_IDS: usize = 256;
/// The most voters that a consensus claim may name: one bit each in the state.
pub const MAX_ELECTORATE: usize = 64;
/// The longest canonical form, in bytes.
pub const MAX_CLAIMS_LEN: usize = 1 << 16;
