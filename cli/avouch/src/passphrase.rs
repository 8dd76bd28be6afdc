//! Getting a passphrase: from a file, or from a person at a terminal.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, bail};
use avouch::Passphrase;

/// A passphrase that opens something that exists.
pub(crate) fn existing(file: Option<&Path>, what: &str) -> anyhow::Result<Passphrase> {
    match file {
        Some(file) => from_file(file),
        None => ask(&format!("Passphrase for {what}: ")),
    }
}

/// A passphrase for something new: asked for twice.
pub(crate) fn new(file: Option<&Path>) -> anyhow::Result<Passphrase> {
    let Some(file) = file else {
        let first = ask("New passphrase: ")?;
        if *ask("Again: ")? != *first {
            bail!("the two passphrases differ; nothing was made");
        }
        return Ok(first);
    };
    from_file(file)
}

fn from_file(file: &Path) -> anyhow::Result<Passphrase> {
    let text = Passphrase::new(
        fs::read_to_string(file).with_context(|| format!("passphrase file {}", file.display()))?,
    );
    let line = Passphrase::new(text.lines().next().unwrap_or_default().to_owned());
    if line.is_empty() {
        bail!(
            "passphrase file {}: its first line is empty",
            file.display()
        );
    }
    Ok(line)
}

fn ask(prompt: &str) -> anyhow::Result<Passphrase> {
    if !std::io::stdin().is_terminal() {
        bail!("a passphrase is needed and there is no terminal to ask on: use --passphrase-file");
    }
    let phrase = Passphrase::new(rpassword::prompt_password(prompt)?);
    if phrase.is_empty() {
        bail!("an empty passphrase protects nothing");
    }
    Ok(phrase)
}
