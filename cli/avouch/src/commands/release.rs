//! `avouch release`

use std::path::PathBuf;

use anyhow::{Context, bail};
use avouch::cose::VerifyingKey;
use avouch::release_forms::{ReleaseError, ReleasePolicy};
use avouch::{Error, KeyStore, RequestFile, TokenUri};
use clap::{Args, Subcommand};

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::output;

#[derive(Subcommand)]
pub(crate) enum Release {
    /// Require k of n officers before an agent's runs are disclosed; entered in the log
    Policy(Policy),
    /// Ask for the release of a part of a sealed run: writes the file that officers sign
    Request(Request),
    /// Agree to a request, as an officer
    Sign(Sign),
    /// Enter the release in the log once enough officers agreed. Exit codes: 0 done; 1 an agreement is not
    /// what it should be, and is named; 3 too few officers
    Combine(Combine),
}

#[derive(Args)]
pub(crate) struct Policy {
    /// The agent
    #[arg(long, value_name = "NAME")]
    agent: String,
    /// How many officers must agree
    #[arg(long, value_name = "K")]
    threshold: u8,
    /// An officer: a name, and a file with the public half of a key (PEM)
    #[arg(long = "officer", required = true, value_name = "NAME=FILE")]
    officers: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Request {
    /// The run: name, id, or the first digits of its id
    run: String,
    /// What is to be shown: as for `avouch seal --disclose`
    #[arg(long, value_name = "SELECTION")]
    select: String,
    /// To whom
    #[arg(long, value_name = "NAME")]
    recipient: String,
    /// Until when it may be shown, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires: String,
    /// The file to write, which must not be there yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
pub(crate) struct Sign {
    /// The request's file
    request: PathBuf,
    /// The officer's name, as the policy has it
    #[arg(long, value_name = "NAME")]
    officer: String,
    /// The officer's key: a name in the home's key folder, or a token's PKCS#11 URI
    #[arg(long, value_name = "NAME|URI")]
    key: String,
    /// The file to write, which must not be there yet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Args)]
pub(crate) struct Combine {
    /// The request's file
    request: PathBuf,
    /// The officers' files
    #[arg(required = true, value_name = "FILE")]
    signed: Vec<PathBuf>,
}

pub(crate) fn run(global: &Global, command: &Release) -> anyhow::Result<u8> {
    match command {
        Release::Policy(args) => policy(global, args),
        Release::Request(args) => request(global, args),
        Release::Sign(args) => sign(global, args),
        Release::Combine(args) => combine(global, args),
    }
}

fn policy(global: &Global, args: &Policy) -> anyhow::Result<u8> {
    let mut officers = Vec::new();
    for officer in &args.officers {
        let Some((name, file)) = officer.split_once('=') else {
            bail!("--officer {officer:?} is not NAME=FILE");
        };
        let pem = std::fs::read_to_string(file).with_context(|| file.to_owned())?;
        let key = VerifyingKey::from_pem(&pem).with_context(|| file.to_owned())?;
        officers.push((name.to_owned(), key));
    }
    officers.sort_by(|one, other| one.0.cmp(&other.0));
    let policy = ReleasePolicy {
        agent: args.agent.clone(),
        threshold: args.threshold,
        officers,
    };
    let home = global.home()?;
    let passphrase = global.passphrase_for(&home, None)?;
    let signer = home.signer(passphrase.as_ref())?;
    let index = home.set_release_policy(&policy, &signer)?;
    let count = policy.officers.len();
    output::line(format!(
        "log #{index}: {} of {count} officers for {}",
        policy.threshold,
        avouch::printable(&policy.agent)
    ))?;
    Ok(HOLDS)
}

fn request(global: &Global, args: &Request) -> anyhow::Result<u8> {
    let home = global.home()?;
    let run = home.ledger().resolve(&args.run)?;
    let expires = avouch::parse_time(&args.expires)?;
    let file = home.release_request(&run, &args.select, &args.recipient, expires)?;
    avouch::write_new(&args.output, &file.encode())?;
    show(&file)?;
    Ok(HOLDS)
}

fn sign(global: &Global, args: &Sign) -> anyhow::Result<u8> {
    let file =
        RequestFile::read(&args.request).with_context(|| args.request.display().to_string())?;
    let keys = KeyStore::new(global.home.join("keys"));
    let encrypted = !TokenUri::is_uri(&args.key) && keys.info(&args.key)?.encrypted;
    let phrase = global.existing_passphrase(encrypted, &format!("key {}", args.key))?;
    let key = keys.signer(&args.key, phrase.as_ref())?;
    let agreed = file.sign(&args.officer, key.as_ref())?;
    avouch::write_new(&args.output, agreed.as_bytes())?;
    show(&file)?;
    Ok(HOLDS)
}

fn combine(global: &Global, args: &Combine) -> anyhow::Result<u8> {
    let file =
        RequestFile::read(&args.request).with_context(|| args.request.display().to_string())?;
    let signed = args
        .signed
        .iter()
        .map(|path| avouch::read_agreement(path).with_context(|| path.display().to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let home = global.home()?;
    let passphrase = global.passphrase_for(&home, None)?;
    let signer = home.signer(passphrase.as_ref())?;
    let index = match home.combine_release(&file.request, signed, &signer) {
        Ok(index) => index,
        Err(Error::Release(error)) => {
            eprintln!("avouch: {}", avouch::printable(&error.to_string()));
            return Ok(match error {
                ReleaseError::NoQuorum { .. } => ABSENT,
                _ => FAILS,
            });
        }
        Err(error) => return Err(error.into()),
    };
    output::line(format!("log #{index}: released"))?;
    Ok(HOLDS)
}

/// What is being asked for or agreed to.
fn show(file: &RequestFile) -> anyhow::Result<()> {
    let request = &file.request;
    let expires = avouch::time_text(request.expires.saturating_mul(1000));
    for (label, value) in [
        ("run", request.run.to_string()),
        ("statement", request.statement.to_string()),
        ("selection", file.selection.clone()),
        ("recipient", request.recipient.clone()),
        ("until", expires),
    ] {
        output::line(format!("{label:<10} {}", avouch::printable(&value)))?;
    }
    Ok(())
}
