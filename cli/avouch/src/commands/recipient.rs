//! `avouch recipient`

use avouch::Recipient;
use clap::Subcommand;
use serde_json::json;

use super::{Global, HOLDS};
use crate::output;

/// Who can read the runs of an encrypted store.
#[derive(Subcommand)]
pub(crate) enum Recipients {
    /// Let another recipient read a run: its key is wrapped once more. It cannot be taken back
    Add {
        /// The run: name, id, or the first digits of its id
        run: String,
        /// The recipient, as age writes it: age1...
        recipient: Recipient,
    },
    /// List who can read a run
    List {
        /// The run: name, id, or the first digits of its id
        run: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(global: &Global, command: &Recipients) -> anyhow::Result<u8> {
    match command {
        Recipients::Add { run, recipient } => {
            let mut home = global.reading_home()?;
            let run = home.ledger().resolve(run)?;
            home.add_recipient(&run, recipient)?;
            let name = avouch::printable(&run.info.name);
            output::line(format!("{name}: {recipient} can read it"))?;
        }
        Recipients::List { run, json } => {
            let home = global.home()?;
            let run = home.ledger().resolve(run)?;
            let recipients = home.ledger().recipients_of(run.index)?;
            if *json {
                output::json(&json!({ "run": run.info.id.to_string(), "recipients": recipients }))?;
            } else {
                for recipient in recipients {
                    output::line(avouch::printable(&recipient))?;
                }
            }
        }
    }
    Ok(HOLDS)
}
