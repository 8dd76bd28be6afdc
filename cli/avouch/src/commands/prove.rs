//! `avouch prove`

use std::path::PathBuf;

use anyhow::bail;
use avouch::{Estimate, Preset, ProofOptions, Proved, Selection, printable};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Global, HOLDS, check};
use crate::output;

/// A proof system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum System {
    /// Plonky3: in zero knowledge, without a trusted setup
    Stark,
}

#[derive(Args)]
pub(crate) struct Prove {
    /// A sealed run: name, id, or the first digits of its id
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The claims (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: PathBuf,
    /// The proof system
    #[arg(long, value_enum, default_value = "stark")]
    pub(crate) system: System,
    /// The proof system's parameters: less time and memory (lean), or a smaller proof (small)
    #[arg(long, value_name = "NAME", default_value = Preset::default().name(), value_parser = preset())]
    pub(crate) preset: Preset,
    /// Prove also that the agent's chain is over the same events as the root (nearly twice the time)
    #[arg(long)]
    pub(crate) chain: bool,
    /// The folder for the evidence file
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// What to show beside the proof, as for `avouch seal`: nothing unless told
    #[arg(long, value_name = "WHAT", default_value = "none")]
    pub(crate) disclose: Selection,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The presets that verifiers know, and no other.
fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name))
        .try_map(|name| Preset::from_name(&name).ok_or("no verifier knows this preset"))
}

pub(crate) fn run(global: &Global, args: &Prove) -> anyhow::Result<u8> {
    let System::Stark = args.system;
    let file = avouch::read_claims(&args.claims)?;
    let home = global.showing_home(&args.disclose)?;
    let run = home.ledger().resolve(&args.run)?;
    let passphrase = global.passphrase_for(&home, None)?;
    let signer = home.signer(passphrase.as_ref())?;
    // All that can be wrong without a proof is found before there is one.
    let mut bundle = home.bundle(&run, &args.disclose, &signer)?;
    let options = ProofOptions {
        preset: args.preset,
        chain: args.chain,
    };
    let estimate = Estimate::of(run.size, options);
    eprintln!(
        "avouch: {} events: about {} of processor time, {} MB of memory, {} MB of proof",
        run.size,
        duration(estimate.seconds),
        estimate.memory.div_ceil(1_000_000),
        estimate.proof.div_ceil(1_000_000)
    );
    let bar = output::step_bar("segments proven".into());
    let proved = home.prove(&run, &file.claims, options, &mut |done, all| {
        bar.set_length(all.into());
        bar.set_position(done.into());
    });
    bar.finish_and_clear();
    let proof = match proved? {
        Proved::Proof(proof) => proof,
        Proved::Not(judged) => {
            let answer = check::about_judged(&home, &run, file, judged)?;
            let code = answer.report(args.json)?;
            if code == HOLDS {
                bail!("the claims hold, but were not proven");
            }
            return Ok(code);
        }
    };
    let (proof_len, preset) = (proof.proof.len(), proof.preset.clone());
    bundle.proofs.push(proof);
    let path = home.save_bundle(&run, &bundle, &args.output)?;
    if args.json {
        output::json(&json!({
            "run": run.info.id.to_string(), "name": run.info.name, "events": run.size,
            "system": "stark", "preset": preset, "chain": args.chain, "proof_bytes": proof_len,
            "claims_digest": file.claims.digest().to_string(), "bundle": path.to_string_lossy(),
        }))?;
    } else {
        let claims = file.claims.as_slice().len();
        output::line(format!(
            "{}: {claims} claims proven ({proof_len} bytes, stark {preset}), {}",
            printable(&run.info.name),
            path.display()
        ))?;
    }
    Ok(HOLDS)
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}
