//! `avouch-verify`: checks evidence bundles against a trust policy, offline.

mod args;
mod state;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::state::State;
use args::{Command, USAGE, Verify};
use avouch_verify::{Answer, Answers, MAX_BUNDLE_LEN, MAX_POLICY_LEN, Policy};

/// Exit code of wrong usage and unreadable input.
const MISUSED: u8 = 2;
/// How a bundle's name ends.
const EXTENSION: &str = "avouch";

fn main() -> ExitCode {
    let code = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(USAGE),
        Ok(Command::Version) => print(concat!("avouch-verify ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Verify(verify)) => run(&verify).unwrap_or_else(|error| complain(&error)),
        Err(error) => complain(&format!("{error}\n\nTry avouch-verify --help.")),
    };
    ExitCode::from(code)
}

/// Verifies every bundle and prints the answers. `Err` says why nothing could be verified at all.
fn run(verify: &Verify) -> Result<u8, String> {
    let trust = verify.trust.display();
    let text = read(&verify.trust, MAX_POLICY_LEN).map_err(|error| format!("{trust}: {error}"))?;
    let text = String::from_utf8(text).map_err(|_| format!("{trust}: not UTF-8 text"))?;
    let policy = Policy::from_toml(&text).map_err(|error| format!("{trust}: {error}"))?;
    let state = verify.state.as_deref();
    let mut state = state
        .map(|path| State::open(path, &verify.proofs))
        .transpose()?;
    let mut answers = Vec::new();
    for path in &verify.bundles {
        for path in bundles_at(path).map_err(|error| format!("{}: {error}", path.display()))? {
            let name = path.display().to_string();
            answers.push(match read(&path, MAX_BUNDLE_LEN) {
                Ok(bytes) => match &mut state {
                    None => Answer::about(&name, &bytes, &policy, &verify.options),
                    Some(State { seen, now, .. }) => {
                        Answer::about_seen(&name, &bytes, &policy, &verify.options, seen, *now)
                    }
                },
                Err(error) => Answer::unreadable(&name, &error.to_string()),
            });
        }
    }
    if let Some(state) = state {
        state.close(&answers)?;
    }
    let mut answers = Answers::from(answers);
    if let Some(agent) = &verify.agent {
        answers = answers.with_completeness(agent);
    }
    // Locked for writing as a whole; a reader that went away does not change the answer.
    let _ = answers.write(
        verify.json,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    );
    Ok(answers.exit_code())
}

/// The file itself, or what a folder holds, by name.
fn bundles_at(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut bundles = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == EXTENSION) {
            bundles.push(path);
        }
    }
    if bundles.is_empty() {
        return Err(io::Error::other("a folder without .avouch files"));
    }
    bundles.sort();
    Ok(bundles)
}

/// Reads a file of at most `max` bytes.
fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(max as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > max {
        return Err(io::Error::other(format!(
            "longer than the {max} bytes allowed"
        )));
    }
    Ok(bytes)
}

fn print(text: &str) -> u8 {
    let _ = io::stdout().write_all(text.as_bytes());
    0
}

fn complain(error: &str) -> u8 {
    let lines = error
        .split('\n')
        .map(avouch_verify::printable)
        .collect::<Vec<_>>()
        .join("\n");
    let _ = writeln!(io::stderr(), "error: {lines}");
    MISUSED
}
