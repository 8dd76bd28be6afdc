//! `avouch anchor`

use std::path::PathBuf;

use anyhow::bail;
use avouch::anchors::SubmitError;
use avouch::anchors::evm::Registry;
use avouch::verify::{Policy, Seal, Sealed};
use avouch::{AnchorOutcome, Asking, Standing, time_text};
use clap::Args;
use serde_json::json;

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Anchor {
    /// Ask this service only; every one of the file when absent
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    /// The services (TOML); anchors.toml of the home when absent
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The trust policy that receipts are judged by; the home's when absent
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Ask for the proofs that pending receipts promise, and for nothing new
    #[arg(long)]
    upgrade: bool,
    /// Ask nobody: say how every request stands
    #[arg(long, conflicts_with_all = ["services", "upgrade", "config"])]
    list: bool,
    /// Deploy the contract of this service of kind evm, which names none yet; needed once on a chain
    #[arg(long, value_name = "NAME", conflicts_with_all = ["services", "upgrade", "list", "export", "trust"])]
    deploy: Option<String>,
    /// How often a service that cannot be reached is asked
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: u32,
    /// Write each checkpoint's text and each proof into this folder, for the services' own tools to check
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, args: &Anchor) -> anyhow::Result<u8> {
    let home = global.home()?;
    let config = args.config.clone().unwrap_or_else(|| home.services_path());
    if let Some(service) = &args.deploy {
        return deploy(&home.deploy_registry(&config, service)?, args.json);
    }
    let trust = args.trust.clone().unwrap_or_else(|| home.trust_path());
    let policy = avouch::read_policy(&trust)?;
    let outcomes = match args.list {
        true => home.anchors()?,
        false => {
            let mut services = home.read_services(&config)?;
            for name in &args.services {
                if services.iter().all(|service| service.name != *name) {
                    bail!("{} lists no service {name:?}", config.display());
                }
            }
            if !args.services.is_empty() {
                services.retain(|service| args.services.contains(&service.name));
            }
            let (upgrade, attempts) = (args.upgrade, args.attempts);
            home.anchor(&services, Asking { upgrade, attempts })?
        }
    };
    if let Some(dir) = &args.export {
        home.export_anchors(dir)?;
    }
    let judged: Vec<_> = outcomes
        .iter()
        .map(|one| (one, judge(one, &policy)))
        .collect();
    match args.json {
        true => print_json(&judged)?,
        false if judged.is_empty() => output::line(match args.upgrade {
            true => "nothing is pending",
            false => "nothing has been anchored",
        })?,
        false => print_text(&judged)?,
    }
    Ok(exit_code(&judged))
}

fn deploy(registry: &Registry, json: bool) -> anyhow::Result<u8> {
    let contract = registry.contract.to_string();
    match json {
        true => output::json(&json!({ "chain": registry.chain, "contract": contract }))?,
        false => output::line(format!("contract = {contract:?}"))?,
    }
    Ok(HOLDS)
}

/// What the trust policy makes of a receipt, if there is one.
fn judge(outcome: &AnchorOutcome, policy: &Policy) -> Option<Seal> {
    outcome
        .receipt
        .as_deref()
        .map(|receipt| policy.judge_receipt(receipt))
}

fn exit_code(judged: &[(&AnchorOutcome, Option<Seal>)]) -> u8 {
    let is_bad = |(outcome, seal): &(&AnchorOutcome, Option<Seal>)| {
        matches!(
            outcome.standing,
            Standing::Failed(SubmitError::BadAnswer { .. } | SubmitError::Forked { .. })
        ) || seal
            .as_ref()
            .is_some_and(|seal| seal.outcome == Sealed::Refused)
    };
    let is_complete = |(outcome, _): &(&AnchorOutcome, _)| {
        matches!(outcome.standing, Standing::Complete | Standing::Overtaken)
    };
    match judged {
        judged if judged.iter().any(is_bad) => FAILS,
        judged if judged.iter().all(is_complete) => HOLDS,
        _ => ABSENT,
    }
}

fn standing(outcome: &AnchorOutcome) -> (&'static str, Option<String>) {
    match &outcome.standing {
        Standing::Complete => ("complete", None),
        Standing::Pending => ("pending", None),
        Standing::Failed(error) => ("failed", Some(error.to_string())),
        Standing::Overtaken => ("overtaken", None),
        Standing::NotAsked => ("not asked", None),
    }
}

fn print_json(judged: &[(&AnchorOutcome, Option<Seal>)]) -> anyhow::Result<()> {
    let anchors: Vec<_> = judged
        .iter()
        .map(|(outcome, seal)| {
            let (standing, error) = standing(outcome);
            json!({
                "service": outcome.service, "kind": outcome.kind, "size": outcome.size,
                "standing": standing, "error": error, "judged": seal,
            })
        })
        .collect();
    output::json(&json!({ "anchors": anchors }))
}

fn print_text(judged: &[(&AnchorOutcome, Option<Seal>)]) -> anyhow::Result<()> {
    for (outcome, seal) in judged {
        let (standing, error) = standing(outcome);
        let mut text = format!(
            "{} ({}), size {}: {standing}",
            outcome.service, outcome.kind, outcome.size
        );
        if let Some(error) = error {
            text.push_str(&format!(": {error}"));
        }
        if let Some(seal) = seal {
            let by = seal.by.map_or(String::new(), |by| {
                format!(" by {}", time_text(by.saturating_mul(1000)))
            });
            let (outcome, reason) = (seal.outcome, &seal.reason);
            text.push_str(&format!("; by the trust policy it {outcome}{by}: {reason}"));
        }
        output::line(avouch::printable(&text))?;
    }
    Ok(())
}
