//! Whole-system benchmarks of avouch against its peers.
//!
//! Peers are measured in the same run on the same input, round by round in turn, and medians are
//! compared: on a busy machine absolute figures wander, ratios much less. Nothing is asserted; each
//! figure stands beside its target.

mod cbor;
mod child;
mod disclosure;
mod ledger;
#[cfg(unix)]
mod live;
mod log;
mod merkle;
mod table;
mod verifier;

use anyhow::{Result, bail};

type Part = (&'static str, fn() -> Result<()>);

/// Runs the named parts, or all of them, and prints what they measured.
pub fn run(wanted: &[String]) -> Result<()> {
    let parts: &[Part] = &[
        ("cbor", cbor::run),
        ("merkle", merkle::run),
        ("verifier", verifier::run),
        ("ledger", ledger::run),
        ("disclosure", disclosure::run),
        ("log", log::run),
        #[cfg(unix)]
        ("live", live::run),
    ];
    if let Some(unknown) = wanted
        .iter()
        .find(|name| parts.iter().all(|(known, _)| known != name))
    {
        bail!("no part named {unknown:?}: cbor, merkle, verifier, ledger, disclosure, log, live");
    }
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            part()?;
        }
    }
    Ok(())
}
