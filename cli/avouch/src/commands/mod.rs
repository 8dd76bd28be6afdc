//! One function per command. Each returns the exit code.

pub(crate) mod anchor;
mod audit_source;
mod check;
mod demo;
pub(crate) mod disclose;
pub(crate) mod escrow;
pub(crate) mod export;
mod fsck;
#[cfg(unix)]
pub(crate) mod hook;
mod ingest;
mod init;
mod key;
pub(crate) mod key_life;
mod log;
#[cfg(unix)]
pub(crate) mod mcp_proxy;
mod monitor;
pub(crate) mod otlp;
pub(crate) mod prove;
pub(crate) mod recipient;
#[cfg(unix)]
pub(crate) mod record;
mod recover;
pub(crate) mod redact;
pub(crate) mod release;
pub(crate) mod report;
mod runs;
mod seal;
pub(crate) mod serve;
mod verify;
mod witness;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use avouch::{Home, Identities, IdentityFile, Randomness, Secret, Selection};
use avouch_witness::Stop;
use clap::CommandFactory;

use crate::args::{Cli, Command};
use crate::passphrase;

/// Done, or it holds.
pub(crate) const HOLDS: u8 = 0;
/// It does not hold.
pub(crate) const FAILS: u8 = 1;
/// Nothing wrong, but something that is needed is absent.
pub(crate) const ABSENT: u8 = 3;

/// The options that every command has.
pub(crate) struct Global {
    home: PathBuf,
    passphrase_file: Option<PathBuf>,
    identity: Option<PathBuf>,
    insecure_seed: Option<String>,
}

impl Global {
    /// Opens the home.
    fn home(&self) -> anyhow::Result<Home> {
        let mut home = Home::open(&self.home)?;
        if let Some(seed) = &self.insecure_seed {
            eprintln!("avouch: --insecure-seed: salts can be guessed by whoever knows the seed");
            home.set_randomness(Randomness::insecure_from_hex(seed)?);
        }
        Ok(home)
    }

    /// The home, unlocked where it is encrypted and something here opens it.
    fn reading_home(&self) -> anyhow::Result<Home> {
        let mut home = self.home()?;
        if home.is_encrypted() {
            let file = match self.identity_file()? {
                None => home.identity_file()?,
                named => named,
            };
            if let Some(file) = file {
                home.unlock(self.open_identity(&file)?);
            }
        }
        Ok(home)
    }

    /// The home, unlocked if that takes no question.
    fn checking_home(&self) -> anyhow::Result<Home> {
        let home = self.home()?;
        let asks = |file: Option<IdentityFile>| file.is_some_and(|file| file.is_locked());
        let named = self.identity.is_some() || self.passphrase_file.is_some();
        match !named && home.is_encrypted() && asks(home.identity_file()?) {
            true => Ok(home),
            false => self.reading_home(),
        }
    }

    /// The home, unlocked if the selection shows more than headers.
    fn showing_home(&self, selection: &Selection) -> anyhow::Result<Home> {
        match selection.shows_fields() {
            true => self.reading_home(),
            false => self.home(),
        }
    }

    /// The identity file that was named.
    fn identity_file(&self) -> anyhow::Result<Option<IdentityFile>> {
        Ok(self
            .identity
            .as_deref()
            .map(IdentityFile::read)
            .transpose()?)
    }

    /// What the identity file that was named holds.
    fn identities(&self) -> anyhow::Result<Option<Identities>> {
        let file = self.identity_file()?;
        file.map(|file| self.open_identity(&file)).transpose()
    }

    fn open_identity(&self, file: &IdentityFile) -> anyhow::Result<Identities> {
        let what = file.path().display().to_string();
        let passphrase = self.existing_passphrase(file.is_locked(), &what)?;
        Ok(file.open(passphrase.as_ref())?)
    }

    /// The passphrase for signing with this key of the home's (the issuer's of today if `None`), if it takes one.
    fn passphrase_for(&self, home: &Home, key: Option<&str>) -> anyhow::Result<Option<Secret>> {
        self.existing_passphrase(home.needs_passphrase(key)?, "the private keys")
    }

    /// The passphrase of what is encrypted, if it is.
    fn existing_passphrase(&self, encrypted: bool, what: &str) -> anyhow::Result<Option<Secret>> {
        match encrypted {
            true => passphrase::existing(self.passphrase_file.as_deref(), what).map(Some),
            false => Ok(None),
        }
    }

    /// A passphrase for new keys, if they shall have one.
    fn new_passphrase(&self, encrypt: bool) -> anyhow::Result<Option<Secret>> {
        match encrypt {
            true => passphrase::new(self.passphrase_file.as_deref()).map(Some),
            false => Ok(None),
        }
    }
}

/// Runs one command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<u8> {
    let global = Global {
        home: cli.home,
        passphrase_file: cli.passphrase_file,
        identity: cli.identity,
        insecure_seed: cli.insecure_seed,
    };
    match cli.command {
        Command::Init(args) => init::run(&global, &args),
        Command::Ingest(args) => ingest::run(&global, &args),
        Command::AuditSource(args) => audit_source::run(&args),
        Command::Anchor(args) => anchor::run(&global, &args),
        Command::Runs(args) => runs::list(&global, args.json),
        Command::Show(args) => runs::show(&global, &args),
        Command::Check(args) => check::run(&global, &args),
        Command::Export(args) => export::run(&global, &args),
        Command::Otlp(command) => otlp::run(&global, &command),
        Command::Report(command) => report::run(&global, &command),
        Command::Seal(args) => seal::run(&global, &args),
        Command::Serve(args) => serve::run(&global, &args),
        Command::Recipient(command) => recipient::run(&global, &command),
        Command::Redact(args) => redact::run(&global, &args),
        Command::Disclose(args) => disclose::run(&global, &args),
        Command::Prove(args) => prove::run(&global, &args),
        Command::Verify(args) => verify::run(&global, &args),
        Command::Log(command) => log::run(&global, &command),
        Command::Release(command) => release::run(&global, &command),
        Command::Key(args) => key::run(&global, args),
        Command::Witness(command) => witness::run(&global, &command),
        Command::Monitor(args) => monitor::run(&global, &args),
        Command::Fsck(args) => fsck::run(&global, args.json),
        Command::Recover(args) => recover::run(&global, &args),
        #[cfg(unix)]
        Command::Record(args) => record::run(&global, &args),
        #[cfg(unix)]
        Command::McpProxy(args) => mcp_proxy::run(&global, &args),
        #[cfg(unix)]
        Command::Hook(args) => hook::run(&global, &args),
        Command::Demo(args) => demo::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "avouch", &mut io::stdout());
            Ok(HOLDS)
        }
        Command::Man { output } => man(output.as_deref()),
    }
}

fn man(folder: Option<&Path>) -> anyhow::Result<u8> {
    let command = Cli::command();
    match folder {
        None => clap_mangen::Man::new(command).render(&mut io::stdout())?,
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            clap_mangen::generate_to(command, folder)?;
        }
    }
    Ok(HOLDS)
}

/// What ends a server: by itself after so many seconds, if any are given.
fn stop_after(seconds: Option<u64>) -> Stop {
    let stop = Stop::new();
    if let Some(seconds) = seconds {
        let stop = stop.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(seconds));
            stop.stop();
        });
    }
    stop
}
