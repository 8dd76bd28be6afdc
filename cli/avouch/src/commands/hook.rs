//! `avouch hook`

use std::io::{self, Read};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{Global, HOLDS};

/// Claude Code goes on, and shows what was said.
const GOES_ON: u8 = 1;
/// Claude Code does not make the call.
const STOPS: u8 = 2;
/// How long to wait for other hooks that write: less than Claude Code waits for a hook.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Subcommand)]
pub(crate) enum Hook {
    /// A hook command of Claude Code, for all its events (settings.json). Exit codes are what it expects: 0
    /// recorded; 2 not recorded, and the tool must not be used (PreToolUse only); 1 not recorded, go on
    ClaudeCode(ClaudeCode),
}

#[derive(Args)]
pub(crate) struct ClaudeCode {
    /// The agent whose chain the sessions' runs join
    #[arg(long, default_value = "claude-code", value_name = "NAME")]
    agent: String,
    /// Let tools be used also when that cannot be recorded
    #[arg(long)]
    fail_open: bool,
}

pub(crate) fn run(global: &Global, hook: &Hook) -> anyhow::Result<u8> {
    let Hook::ClaudeCode(args) = hook;
    // Nothing may go to standard output: some events take it for instructions to the model.
    match record(global, args) {
        Ok(()) => Ok(HOLDS),
        Err((stops, error)) => {
            let text = format!("avouch: not recorded: {error:#}");
            eprintln!("{}", avouch::printable(&text));
            Ok(match stops && !args.fail_open {
                true => STOPS,
                false => GOES_ON,
            })
        }
    }
}

/// Records one hook; where that fails, says whether it must stop a call.
fn record(global: &Global, args: &ClaudeCode) -> Result<(), (bool, anyhow::Error)> {
    let mut input = Vec::new();
    let read = io::stdin().read_to_end(&mut input);
    // Whatever this was about cannot be known: it might have been a call.
    read.context("standard input")
        .map_err(|error| (true, error))?;
    let hook = avouch_live::Hook::read(&input).map_err(|error| (true, error.into()))?;
    let stops = hook.is_before_a_call();
    let done = || {
        // A run goes on under its key, and nobody is there to be asked.
        let home = global.checking_home()?;
        let patience = home.ledger().set_busy_timeout(PATIENCE);
        patience.map_err(avouch::Error::from)?;
        anyhow::Ok(hook.record(&home, &args.agent)?)
    };
    done().map_err(|error| (stops, error))
}
