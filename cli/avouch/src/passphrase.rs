//! Getting a passphrase: from a file, or from a person at a terminal.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, bail};
use avouch::Secret;

/// A passphrase that opens something that exists.
pub(crate) fn existing(file: Option<&Path>, what: &str) -> anyhow::Result<Secret> {
    match file {
        Some(file) => from_file(file),
        None => ask(&format!("Passphrase for {what}: ")),
    }
}

/// A passphrase for something new: asked for twice.
pub(crate) fn new(file: Option<&Path>) -> anyhow::Result<Secret> {
    let Some(file) = file else {
        let first = ask("New passphrase: ")?;
        if *ask("Again: ")? != *first {
            bail!("the two passphrases differ; nothing was made");
        }
        return Ok(first);
    };
    from_file(file)
}

/// A file's text, as the secret that it is.
pub(crate) fn read_secret(file: &Path) -> anyhow::Result<Secret> {
    fs::read_to_string(file)
        .map(Secret::new)
        .with_context(|| file.display().to_string())
}

fn from_file(file: &Path) -> anyhow::Result<Secret> {
    let text = read_secret(file).context("passphrase file")?;
    let line = Secret::new(text.lines().next().unwrap_or_default().to_owned());
    if line.is_empty() {
        bail!(
            "passphrase file {}: its first line is empty",
            file.display()
        );
    }
    Ok(line)
}

fn ask(prompt: &str) -> anyhow::Result<Secret> {
    if !std::io::stdin().is_terminal() {
        bail!("a passphrase is needed and there is no terminal to ask on: use --passphrase-file");
    }
    let phrase = Secret::new(rpassword::prompt_password(prompt)?);
    if phrase.is_empty() {
        bail!("an empty passphrase protects nothing");
    }
    Ok(phrase)
}
