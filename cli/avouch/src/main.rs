//! The `avouch` command: it reads arguments, prints and exits; everything else is the library's.

mod args;
mod commands;
mod output;
mod passphrase;

use std::process::ExitCode;

use clap::Parser;

/// Input that cannot be read, or wrong usage.
const UNREADABLE: u8 = 2;

fn main() -> ExitCode {
    match commands::run(args::Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => match output::closed_pipe(&error) {
            // Whoever read the output has seen enough: `avouch runs | head`.
            true => ExitCode::SUCCESS,
            false => {
                eprintln!("avouch: {}", avouch::printable(&format!("{error:#}")));
                ExitCode::from(UNREADABLE)
            }
        },
    }
}
