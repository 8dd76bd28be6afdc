//! `avouch key split`, `avouch key combine` and `avouch key share-check`

use std::path::PathBuf;

use anyhow::bail;
use avouch::shares::Error as ShareError;
use avouch::{Error, Forms, KeyStore};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Split {
    /// The key to split
    #[arg(
        value_name = "NAME",
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    name: Option<String>,
    /// Split this secret file instead (at most 64 KiB)
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many shares give the secret back
    #[arg(long, value_name = "K")]
    threshold: u8,
    /// How many shares there are
    #[arg(long, value_name = "N")]
    shares: u8,
    /// The folder for the shares and the set's commitments
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Also write each share as words or as a QR code
    #[arg(long = "also", value_name = "FORM", value_delimiter = ',')]
    also: Vec<Form>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Words to read out and write down
    Words,
    /// A QR code, as SVG
    Svg,
    /// A QR code, as PNG
    Png,
}

#[derive(Args)]
pub(crate) struct Combine {
    /// The shares' files
    #[arg(required = true, value_name = "SHARE")]
    shares: Vec<PathBuf>,
    /// The set's commitments: every share is checked against them first
    #[arg(long, value_name = "FILE")]
    commitments: Option<PathBuf>,
    /// The file to write, which must not be there yet; a key is written as PKCS#8 PEM
    #[arg(short, long, value_name = "FILE", required_unless_present = "import")]
    output: Option<PathBuf>,
    /// Keep the key under this name in the home
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    import: Option<String>,
    /// Encrypt the kept key with a passphrase
    #[arg(long, requires = "import")]
    encrypt: bool,
}

#[derive(Args)]
pub(crate) struct ShareCheck {
    /// The share's file
    #[arg(value_name = "SHARE")]
    share: PathBuf,
    /// The set's commitments
    #[arg(long, value_name = "FILE")]
    commitments: PathBuf,
}

pub(crate) fn split(global: &Global, args: &Split) -> anyhow::Result<u8> {
    let secret = match (&args.name, &args.file) {
        (Some(name), None) => {
            let keys = KeyStore::new(global.home.join("keys"));
            let encrypted = keys.info(name)?.encrypted;
            let phrase = global.existing_passphrase(encrypted, &format!("key {name}"))?;
            keys.to_secret(name, phrase.as_ref())?
        }
        (None, Some(file)) => avouch::file_secret(file)?,
        _ => bail!("give a key's name or --file, not both"),
    };
    let has = |form| args.also.contains(&form);
    let forms = Forms {
        words: has(Form::Words),
        svg: has(Form::Svg),
        png: has(Form::Png),
    };
    let made = avouch::split_to(&secret, args.threshold, args.shares, forms, &args.output)?;
    let set = made.commitments.set().to_string();
    if args.json {
        let shares: Vec<_> = made
            .shares
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        output::json(&json!({
            "set": set, "threshold": args.threshold, "count": args.shares,
            "commitments": made.commitments_path.to_string_lossy(), "files": shares,
        }))?;
        return Ok(HOLDS);
    }
    output::line(format!("set          {set}"))?;
    output::line(format!("commitments  {}", made.commitments_path.display()))?;
    for path in &made.shares {
        output::line(format!("share        {}", path.display()))?;
    }
    eprintln!(
        "Give each share to another person and remove it here; any {} of {} give the secret. The \
         commitments are no secret: keep a copy with each share.",
        args.threshold, args.shares
    );
    Ok(HOLDS)
}

pub(crate) fn combine(global: &Global, args: &Combine) -> anyhow::Result<u8> {
    let commitments = args
        .commitments
        .as_deref()
        .map(avouch::read_commitments)
        .transpose()?;
    let secret = match avouch::combine_files(&args.shares, commitments.as_ref()) {
        Ok(secret) => secret,
        Err(error) => return judged(error),
    };
    match (&args.output, &args.import) {
        (Some(path), None) => {
            avouch::write_secret(&secret, path)?;
            output::line(format!("{}: written", path.display()))?;
        }
        (None, Some(name)) => {
            let keys = KeyStore::new(global.home.join("keys"));
            let phrase = global.new_passphrase(args.encrypt)?;
            let key = keys.import_secret(name, &secret, phrase.as_ref())?;
            super::key::print(&key)?;
        }
        _ => bail!("give --output or --import, not both"),
    }
    Ok(HOLDS)
}

pub(crate) fn share_check(args: &ShareCheck) -> anyhow::Result<u8> {
    let commitments = avouch::read_commitments(&args.commitments)?;
    let share = avouch::read_share(&args.share)?;
    if let Err(source) = commitments.check(&share) {
        return judged(Error::Share {
            path: args.share.clone(),
            source,
        });
    }
    output::line(format!(
        "{}: share {} of {} of set {}, as it was made; {} are needed",
        args.share.display(),
        share.index(),
        share.count(),
        share.set(),
        share.threshold()
    ))?;
    Ok(HOLDS)
}

/// Shares that can be read but do not fit are an answer; what cannot be read is an error.
fn judged(error: Error) -> anyhow::Result<u8> {
    let code = match &error {
        Error::Share { source, .. } | Error::Escrow(source) => match source {
            ShareError::TooFew { .. } => ABSENT,
            ShareError::AnotherSet { .. }
            | ShareError::Forged { .. }
            | ShareError::Duplicate { .. }
            | ShareError::NotTheSecret { .. } => FAILS,
            _ => return Err(error.into()),
        },
        _ => return Err(error.into()),
    };
    eprintln!("avouch: {}", avouch::printable(&error.to_string()));
    Ok(code)
}
