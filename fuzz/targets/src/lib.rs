//! What fuzzers and property tests do to every parser of avouch.
//!
//! A target takes any bytes, gives them to one parser, and panics when a promise is broken: no input
//! may make a parser panic, and what a parser of ours accepts must be exactly what the matching
//! encoder writes. `fuzz/fuzz_targets` drives them with libFuzzer, `tests/` here with proptest.
// A fuzz target reports by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod anchors;
mod cbor;
mod claims;
mod cose;
mod escrow;
mod evidence;
mod evm;
mod git;
mod ingest;
mod merkle;
mod seeds;
mod trace;

use avouch_ingest::Format;

/// A target: one parser and the promises it keeps for any bytes. Says whether the parser accepted them.
pub type Target = fn(&[u8]) -> bool;

/// Every target by name, in the order of the layers.
pub const TARGETS: &[(&str, Target)] = &[
    ("cbor", cbor::cbor),
    ("merkle_proofs", merkle::proofs),
    ("merkle_tree", merkle::tree),
    ("event", trace::event),
    ("field", trace::field),
    ("manifest", trace::manifest),
    ("claims", claims::claims),
    ("claims_file", claims::file),
    ("claims_state", claims::state),
    ("statement", cose::statement),
    ("receipt", cose::receipt),
    ("note", cose::note),
    ("log_proof", cose::log_proof),
    ("key", cose::key),
    ("key_statement", escrow::key_statement),
    ("release", escrow::release),
    ("share", escrow::share),
    ("share_commitments", escrow::commitments),
    ("sign1", cose::sign1),
    ("anchor_receipt", anchors::receipt),
    ("anchor_rfc3161", anchors::time_stamp),
    ("anchor_opentimestamps", anchors::bitcoin_proof),
    ("anchor_evm", evm::proof),
    ("anchor_git", git::proof),
    ("bundle", evidence::bundle),
    ("policy", evidence::policy),
    ("verify", evidence::verifier),
    ("ingest_avouch", |data| ingest::format(Format::Avouch, data)),
    ("ingest_claude_code", |data| {
        ingest::format(Format::ClaudeCode, data)
    }),
    ("ingest_codex", |data| ingest::format(Format::Codex, data)),
    ("ingest_cursor", |data| ingest::format(Format::Cursor, data)),
    ("ingest_gemini", |data| ingest::format(Format::Gemini, data)),
    ("ingest_opencode", |data| {
        ingest::format(Format::OpenCode, data)
    }),
    ("ingest_otlp", |data| ingest::format(Format::Otlp, data)),
    ("ingest_openai_chat", |data| {
        ingest::format(Format::OpenAiChat, data)
    }),
    ("ingest_swe_agent", |data| {
        ingest::format(Format::SweAgent, data)
    }),
    ("ingest_agent_record", |data| {
        ingest::format(Format::AgentRecord, data)
    }),
    ("ingest_governance_engine", |data| {
        ingest::format(Format::GovernanceEngine, data)
    }),
    ("ingest_harombe", |data| {
        ingest::format(Format::Harombe, data)
    }),
    ("ingest_vex", |data| ingest::format(Format::Vex, data)),
    ("ingest_vep", |data| ingest::format(Format::Vep, data)),
    ("ingest_arw", |data| ingest::format(Format::Arw, data)),
    ("ingest_debate", |data| ingest::format(Format::Debate, data)),
];

/// Runs the target of this name.
///
/// # Panics
/// When there is no such target, or when the target finds a broken promise.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target of this name");
    let _ = target(data);
}

/// Valid inputs of the target of this name, to start from.
pub fn seeds(name: &str) -> Vec<Vec<u8>> {
    seeds::of(name)
}
