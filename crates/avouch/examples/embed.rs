//! Record a run, seal it, and verify the evidence: all that a program needs.
//!
//! `cargo run -p avouch --example embed`

use avouch::trace::{Decision, Kind};
use avouch::verify::{Options, Policy, verify};
use avouch::{Draft, Home, InitOptions, NewRun, Selection};

/// Seals: records two events of a run and returns its evidence and the policy to check it against.
pub(crate) fn seal(dir: &std::path::Path) -> Result<(Vec<u8>, String), Box<dyn std::error::Error>> {
    let mut home = Home::init(dir, &InitOptions::default())?;
    let mut run = home.record(&NewRun::new("fix-invoice", "billing-agent"), now())?;
    let asked = Draft {
        decision: Decision::Allow,
        time: now(),
        ..Draft::new(Kind::PolicyDecision)
    };
    let asked = run.event(asked.by("policy:refunds").on("tool:refund"))?;
    let call = Draft {
        parent: Some(asked as u32),
        time: now(),
        ..Draft::new(Kind::ToolCall)
    };
    run.event(
        call.by("agent:billing-agent")
            .on("tool:refund")
            .with("amount", 1250u64),
    )?;
    let run = run.end(now())?;
    let signer = home.signer(None)?;
    let run = home.seal_one(&run, &signer)?;
    let bundle = home.bundle(&run, &Selection::all(), &signer)?.encode()?;
    Ok((bundle, std::fs::read_to_string(home.trust_path())?))
}

/// Verifies: with the bundle and the policy alone.
pub(crate) fn check(bundle: &[u8], trust: &str) -> Result<bool, Box<dyn std::error::Error>> {
    let policy = Policy::from_toml(trust)?;
    let expected = Options {
        expect_agent: Some("billing-agent".into()),
        ..Options::default()
    };
    let report = verify(bundle, &policy, &expected)?;
    println!("{report}");
    Ok(report.is_verified())
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (bundle, trust) = seal(&dir.path().join("home"))?;
    assert!(check(&bundle, &trust)?, "what was just sealed verifies");
    Ok(())
}
