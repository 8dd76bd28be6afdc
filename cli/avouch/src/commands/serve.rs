//! `avouch serve`

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use avouch::LOG_KEY;
use avouch::ledger::Ledger;
use avouch_scrapi::{Admission, Pace, Rate, Registrar, Rules, Server, Tls, Tokens};
use clap::Args;

use super::{Global, HOLDS};
use crate::output;

#[derive(Args)]
pub(crate) struct Serve {
    /// Where to listen, as IP:PORT; port 0 lets the system choose
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "IP:PORT")]
    listen: SocketAddr,
    /// The trust policy whose issuers' statements are registered; keys that it revokes do not count, and what it
    /// says of agents and requires is for verifiers
    #[arg(long, value_name = "FILE")]
    issuers: PathBuf,
    /// A file of bearer tokens, one a line: only who sends one of them registers
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// The server's certificate, with those between it and its root, in PEM; without it there is no TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authorities of clients' certificates, in PEM: only who shows a certificate of theirs is talked to
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Requests that each address may make in a minute
    #[arg(long, default_value_t = 600, value_name = "N")]
    rate: u32,
    /// The longest statement, in bytes
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    max_size: usize,
    /// Sign a checkpoint over what was accepted every so many milliseconds at most; 0 signs at once
    #[arg(long, default_value_t = 0, value_name = "MS")]
    checkpoint_every: u64,
    /// A request waits so many milliseconds for its receipt before it is told where to ask for it
    #[arg(long, default_value_t = 2000, value_name = "MS")]
    wait: u64,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    stop_after: Option<u64>,
}

pub(crate) fn run(global: &Global, args: &Serve) -> anyhow::Result<u8> {
    let home = global.home()?;
    let policy = avouch::read_policy(&args.issuers)?;
    let own = &home.ledger().identity().issuer;
    let issuers = policy
        .issuers()
        .filter(|(name, _)| name != own)
        .map(|(name, key)| (name.to_owned(), *key));
    let issuers: Vec<_> = issuers.collect();
    if issuers.is_empty() {
        bail!(
            "{} lists no issuer whose statements could be registered: {own:?} itself enters its own by sealing",
            args.issuers.display()
        );
    }
    if args.rate == 0 {
        bail!("--rate 0 would serve nobody");
    }
    let read = |path: &PathBuf| fs::read(path).with_context(|| path.display().to_string());
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => {
            let clients = args.client_ca.as_ref().map(read).transpose()?;
            Some(Tls::new(&read(chain)?, &read(key)?, clients.as_deref()).context("TLS")?)
        }
        _ => None,
    };
    let tokens = match &args.tokens {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Some(Tokens::parse(&text).with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let keys = home.keys();
    let secret = global.existing_passphrase(keys.info(LOG_KEY)?.encrypted, "the log's key")?;
    let log_key = keys.open(LOG_KEY, secret.as_ref())?;
    let path = home.ledger_path();
    let pace = Pace {
        every: Duration::from_millis(args.checkpoint_every),
    };
    let registrar = Registrar::start(Ledger::open(&path)?, log_key.clone(), pace, |remark| {
        eprintln!("avouch: {}", avouch::printable(remark));
    })?;
    let rules = Rules {
        admission: Admission::new(issuers),
        tokens,
        rate: Rate {
            per_minute: args.rate,
        },
        max_len: args.max_size,
        wait: Duration::from_millis(args.wait),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = Server::bind(
        args.listen,
        tls,
        registrar,
        Ledger::open(&path)?,
        log_key,
        rules,
    )
    .context(args.listen)?;
    output::line(format!("listening {scheme}://{}", server.address()?))?;
    let stop = super::stop_after(args.stop_after);
    server.run(&stop, |status, remark| {
        eprintln!("avouch: {status} {}", avouch::printable(remark));
    })?;
    Ok(HOLDS)
}
