//! `avouch record`

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use avouch::NewRun;
use avouch::trace::{Mode, Parent, Relation};
use clap::Args;

use super::Global;

#[derive(Args)]
pub(crate) struct Record {
    /// The agent whose chain the run joins
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// The run's local name; the program's when absent
    #[arg(long, value_name = "RUN")]
    name: Option<String>,
    /// Record a debate instead of an execution
    #[arg(long)]
    debate: bool,
    /// What costs and budgets are in, in millionths
    #[arg(long, default_value = "tokens", value_name = "NAME")]
    currency: String,
    /// A run that this one came from: its id, the event of it, and subagent, a2a or shared-budget
    #[arg(long = "parent", value_name = "ID/SEQ/RELATION")]
    parents: Vec<String>,
    /// How long the program may take to end after a signal
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    grace: u64,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(global: &Global, args: &Record) -> anyhow::Result<u8> {
    let name = match &args.name {
        Some(name) => name.clone(),
        None => program_name(&args.command),
    };
    let mut run = NewRun::new(name, &args.agent);
    run.currency = args.currency.clone();
    if args.debate {
        run.mode = Mode::Debate;
    }
    run.parents = args
        .parents
        .iter()
        .map(|text| parent(text).with_context(|| format!("--parent {text}")))
        .collect::<Result<_, _>>()?;
    let grace = Duration::from_secs(args.grace);
    let recorded = avouch_live::record(global.home()?, run, &args.command, grace)?;
    // The program's own output is not mixed with ours.
    eprintln!("avouch: recorded {}", avouch::printable(&recorded.name));
    Ok(recorded.ending.code())
}

/// The name of the program that a command starts.
pub(super) fn program_name(command: &[OsString]) -> String {
    let program = command.first().map(Path::new).and_then(Path::file_stem);
    program.map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned())
}

fn parent(text: &str) -> anyhow::Result<Parent> {
    let parts: Vec<_> = text.split('/').collect();
    let [run, seq, relation] = parts[..] else {
        bail!("expected ID/SEQ/RELATION");
    };
    let relations = [Relation::Subagent, Relation::A2a, Relation::SharedBudget];
    Ok(Parent {
        run: run.parse().context("the id")?,
        seq: seq.parse().context("the seq")?,
        relation: relations
            .into_iter()
            .find(|known| known.name() == relation)
            .context("the relation is subagent, a2a or shared-budget")?,
    })
}
