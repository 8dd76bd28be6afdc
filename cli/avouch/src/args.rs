//! The command line.

use std::path::PathBuf;

use avouch::Selection;
use avouch::cose::Algorithm;
use avouch::importers::Format;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Evidence of what AI agents did, that anyone can check offline.
///
/// Results go to standard output, everything else to standard error. Exit codes: 0 done, or it holds; 1 it
/// does not hold; 2 input that cannot be read, or wrong usage; 3 nothing wrong, but something that is
/// required is absent.
#[derive(Parser)]
#[command(name = "avouch", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The folder with the ledger, its keys and trust.toml
    #[arg(
        long,
        global = true,
        env = "AVOUCH_HOME",
        default_value = ".avouch",
        value_name = "DIR"
    )]
    pub(crate) home: PathBuf,
    /// A file with the passphrase of the private keys, and of the identity, on its first line; asked for on a
    /// terminal when absent
    #[arg(
        long,
        global = true,
        env = "AVOUCH_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// An age identity file that opens an encrypted store or bundle; the home's own when absent
    #[arg(long, global = true, env = "AVOUCH_IDENTITY", value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// For tests only: derive salts and run ids from these 64 hexadecimal digits. Whoever knows them can
    /// guess what is withheld
    #[arg(long, global = true, value_name = "HEX", hide_short_help = true)]
    pub(crate) insecure_seed: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a home: an empty ledger, two keys and trust.toml
    Init(Init),
    /// Import the records of agent frameworks
    Ingest(Ingest),
    /// Say what a source system's own integrity protection covers, and where it broke
    AuditSource(AuditSource),
    /// Run a program and record the events that it sends to a Unix socket (AVOUCH_SOCKET). The exit code is
    /// the program's
    #[cfg(unix)]
    Record(crate::commands::record::Record),
    /// Sit between an agent and an MCP server (or, over HTTP, another agent): pass on every byte, and record each
    /// call and its result. A call that cannot be recorded is not passed on
    #[cfg(unix)]
    McpProxy(crate::commands::mcp_proxy::McpProxy),
    /// Record what an agent's hooks tell, one process for each
    #[cfg(unix)]
    #[command(subcommand)]
    Hook(crate::commands::hook::Hook),
    /// List the runs
    Runs(Json),
    /// Show a run of the ledger, or what a bundle shows (without verifying it)
    Show(Show),
    /// Say whether claims hold for a run, or for what a bundle shows (without verifying it)
    Check(Check),
    /// Write a sealed run in another system's form
    Export(crate::commands::export::Export),
    /// Take OpenTelemetry traces
    #[command(subcommand)]
    Otlp(crate::commands::otlp::Otlp),
    /// Make reports about runs
    #[command(subcommand)]
    Report(crate::commands::report::Report),
    /// Commit to runs, sign and log them, and write one evidence file for each
    Seal(Seal),
    /// Offer the log as a transparency service that others register their signed statements at (SCITT, over the
    /// API of draft-ietf-scitt-scrapi), until it is stopped. What is answered with 201 or 303 is on disk
    Serve(crate::commands::serve::Serve),
    /// Write an evidence file that shows a part of a sealed run, and proves that part
    Disclose(crate::commands::disclose::Disclose),
    /// Say who can read the runs of an encrypted store
    #[command(subcommand)]
    Recipient(crate::commands::recipient::Recipients),
    /// Erase a value from a run: wherever the run holds it, with its salts; the signed roots stay
    Redact(crate::commands::redact::Redact),
    /// Prove that claims hold for a sealed run, without showing it, and write its evidence file
    Prove(crate::commands::prove::Prove),
    /// Check evidence against a trust policy, offline
    Verify(Verify),
    /// Make, list, split, delegate, rotate and revoke keys
    #[command(subcommand)]
    Key(Key),
    /// Have k of n officers agree before an agent's runs are disclosed
    #[command(subcommand)]
    Release(crate::commands::release::Release),
    /// Publish the transparency log, prove what is in it, and compare its checkpoints
    #[command(subcommand)]
    Log(Log),
    /// Watch other people's logs, and cosign what only grew
    #[command(subcommand)]
    Witness(Witness),
    /// Have outside services date the log's last checkpoint, and keep their receipts, which evidence files then
    /// carry. Exit codes: 0 every receipt is complete; 1 a service answered something that is not good, or the
    /// trust policy refuses; 3 some are promises, or missing
    Anchor(crate::commands::anchor::Anchor),
    /// Follow a published log: check each step, and report entries of issuers that one watches
    Monitor(Monitor),
    /// Re-derive everything in the ledger and name the first wrong row
    Fsck(Json),
    /// Make a new ledger from what is left of a damaged one, and check it; the damaged one is kept
    Recover(Recover),
    /// Run the whole chain on the project's fixtures and say what each step showed
    Demo(Demo),
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for every command into a folder
    Man {
        /// The folder
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

#[derive(Args)]
pub(crate) struct Json {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Init {
    /// Who signs: a URI by convention; made from the key when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// The log's name, as checkpoints carry it: a URL without scheme by convention
    #[arg(long, value_name = "NAME")]
    pub(crate) log_origin: Option<String>,
    /// What the issuer's key signs with
    #[arg(long, value_enum, default_value_t = KeyType::Ed25519, conflicts_with = "issuer_key")]
    pub(crate) key_type: KeyType,
    /// An existing issuer key to use in place of a new one: a PKCS#8 PEM file, or a token's key by its
    /// PKCS#11 URI
    #[arg(long, value_name = "FILE|URI")]
    pub(crate) issuer_key: Option<PathBuf>,
    /// Encrypt the private keys with a passphrase
    #[arg(long)]
    pub(crate) encrypt: bool,
    /// Encrypt field values and blobs in the ledger with age: to the recipients given, or to an identity that
    /// is made for it and kept with the keys
    #[arg(long)]
    pub(crate) encrypt_store: bool,
    /// Whom to encrypt the store to (age1...): then reading it takes their identity file
    #[arg(long = "recipient", value_name = "AGE1", requires = "encrypt_store")]
    pub(crate) recipients: Vec<avouch::Recipient>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyType {
    Ed25519,
    P256,
}

impl From<KeyType> for Algorithm {
    fn from(value: KeyType) -> Self {
        match value {
            KeyType::Ed25519 => Self::Ed25519,
            KeyType::P256 => Self::P256,
        }
    }
}

#[derive(Args)]
pub(crate) struct Ingest {
    /// Files to import; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The format; recognised from the content when absent
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The agent whose chain the runs join; the format's usual one when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// The runs' local name; the file's when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Record a malformed record as an error event instead of refusing the file
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Refuse a file whose own integrity protection (hashes, signatures) does not hold
    #[arg(long)]
    pub(crate) strict_source: bool,
    /// A public key of the source system (64 hexadecimal digits), for signatures whose key the file lacks
    #[arg(long = "source-key", value_name = "FILE")]
    pub(crate) source_keys: Vec<PathBuf>,
    /// Look for secrets (keys, tokens, card numbers, e-mail addresses): count them, or put the rule's name in
    /// their place before anything is recorded
    #[arg(long, value_enum, default_value_t = Scan::Off, value_name = "WHAT")]
    pub(crate) scan: Scan,
    /// More rules for the scanner, or fewer (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) scan_rules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scan {
    Off,
    Warn,
    Redact,
}

#[derive(Args)]
pub(crate) struct AuditSource {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The format; recognised from the content when absent
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Take a malformed record for a broken one instead of refusing the file
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// A public key of the source system (64 hexadecimal digits), for signatures whose key the file lacks
    #[arg(long = "source-key", value_name = "FILE")]
    pub(crate) source_keys: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Show {
    /// A run (name, id, or the first digits of its id), or a bundle's file
    #[arg(value_name = "RUN|BUNDLE")]
    pub(crate) what: String,
    /// Show this one event with its fields
    #[arg(long, value_name = "N")]
    pub(crate) event: Option<u64>,
    /// Write the bundle again with what --identity opened in it, for verifiers without the identity
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output_bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Check {
    /// A run (name, id, or the first digits of its id), or a bundle's file that shows every header
    #[arg(value_name = "RUN|BUNDLE")]
    pub(crate) what: String,
    /// The claims (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) claims: PathBuf,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Args)]
pub(crate) struct Seal {
    /// Runs: names, ids, or the first digits of ids
    #[arg(value_name = "RUN", required_unless_present = "all")]
    pub(crate) runs: Vec<String>,
    /// Every run that has ended, sealed already or not
    #[arg(long, conflicts_with = "runs")]
    pub(crate) all: bool,
    /// The folder for the evidence files
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// What to show: all, headers, none, or clauses such as
    /// 'kind=tool-call|tool-result field=input; seq=0..3 headers'
    #[arg(long, value_name = "SELECTION", default_value = "none")]
    pub(crate) disclose: Selection,
    /// Sign with this key: a name in the home, or a token's PKCS#11 URI; the issuer's of today when absent
    #[arg(long, value_name = "NAME|URI")]
    pub(crate) key: Option<String>,
    /// Also seal runs whose recorder is gone: end them with a run-end that says so
    #[arg(long)]
    pub(crate) interrupted: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Verify {
    /// Evidence files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) bundles: Vec<PathBuf>,
    /// The trust policy (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// Fail unless the evidence is about this run
    #[arg(long, value_name = "ID")]
    pub(crate) expect_run: Option<String>,
    /// Fail unless the evidence is about this agent
    #[arg(long, value_name = "NAME")]
    pub(crate) expect_agent: Option<String>,
    /// Fail unless the evidence is about a run with this root
    #[arg(long, value_name = "HEX")]
    pub(crate) expect_root: Option<String>,
    /// Judge also whether the bundles hold all runs of this agent, up to the newest statement among them
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Remember the logs' checkpoints in this file, and fail when a log shows another history than before;
    /// both notes are then written beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// A consistency proof between checkpoints, as `avouch log consistency` writes it
    #[arg(long, value_name = "FILE", requires = "state")]
    pub(crate) consistency: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Make a key
    New {
        /// Its name
        name: String,
        /// What it signs with
        #[arg(long, value_enum, default_value_t = KeyType::Ed25519)]
        key_type: KeyType,
        /// Encrypt it with a passphrase
        #[arg(long)]
        encrypt: bool,
    },
    /// List the keys
    List(Json),
    /// Print a key's public half (SPKI PEM)
    Export {
        /// Its name
        name: String,
    },
    /// Take in a PKCS#8 PEM private key made elsewhere
    Import {
        /// Its name here
        name: String,
        /// The file
        file: PathBuf,
        /// Encrypt the copy kept here with the passphrase that opens the file
        #[arg(long)]
        encrypt: bool,
    },
    /// Split a key, or any secret file, into shares of which some give it back
    Split(crate::commands::escrow::Split),
    /// Give a secret back from its shares. Exit codes: 0 done; 1 a share is not what it should be, and is
    /// named; 3 too few shares
    Combine(crate::commands::escrow::Combine),
    /// Say whether a share is the one that its set was made with. Exit codes: 0 it is; 1 it is not
    ShareCheck(crate::commands::escrow::ShareCheck),
    /// Keep a key that stays on a PKCS#11 token under a name
    Link(crate::commands::key_life::Link),
    /// Let another key sign in the issuer's name, within limits; entered in the log
    Delegate(crate::commands::key_life::Delegate),
    /// Put a new key in the place of the one that says so; entered in the log
    Rotate(crate::commands::key_life::Rotate),
    /// Say from when a key does not count; entered in the log
    Revoke(crate::commands::key_life::Revoke),
    /// Name the key that may put a new one in the issuer's place; entered in the log
    Recovery(crate::commands::key_life::Recovery),
    /// Show which keys may sign what, as the log has it
    Status(Json),
}

#[derive(Subcommand)]
pub(crate) enum Log {
    /// Print the log's last checkpoint: a signed note with its size and root
    Checkpoint(LogCheckpoint),
    /// Print the key that checks the log's checkpoints (a C2SP verifier key)
    Key,
    /// Write the proof that a sealed run's statement is in the log (C2SP tlog-proof)
    Proof(LogProof),
    /// Write a sealed run's receipt (COSE, RFC 9942)
    Receipt(LogFile),
    /// Write the log as static files that any web server can serve (C2SP tlog-tiles); again to go on
    Publish(Publish),
    /// Prove that the log at one time begins with the log at an earlier time
    Consistency(Consistency),
    /// Tell whether two checkpoints of a log are of one history. Exit codes: 0 they are; 1 the log has
    /// forked, and the two prove it; 3 they alone do not tell
    CheckFork(CheckFork),
    /// Have witnesses cosign the log's last checkpoint, and keep their cosignatures. Exit codes: 0 as many
    /// cosigned as are needed; 1 a witness says that the log forked or went back, or signed something else; 3
    /// too few did
    Witness(AskWitnesses),
}

#[derive(Args)]
pub(crate) struct AskWitnesses {
    /// The witnesses' submission prefixes
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// A witness's verifier key, beside those that the trust policy lists
    #[arg(long = "witness", value_name = "VKEY")]
    pub(crate) witnesses: Vec<String>,
    /// The trust policy whose witnesses count; the home's when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// How many cosignatures the checkpoint needs; one from each URL when absent
    #[arg(long, value_name = "K")]
    pub(crate) need: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Witness {
    /// Answer add-checkpoint requests (C2SP tlog-witness) until it is stopped
    Serve(WitnessServe),
}

#[derive(Args)]
pub(crate) struct WitnessServe {
    /// Where to listen, as IP:PORT; port 0 lets the system choose. There is no TLS: put a proxy before it
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: std::net::SocketAddr,
    /// The key in the home's key folder to cosign with: Ed25519, used for nothing else
    #[arg(long, value_name = "NAME")]
    pub(crate) key: String,
    /// The witness's name, as cosignatures carry it: a URL without scheme by convention
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The verifier keys of the logs to watch, as `avouch log key` prints them
    #[arg(long = "log", required = true, num_args = 1.., value_name = "VKEY")]
    pub(crate) logs: Vec<String>,
    /// The file with what was cosigned. It must never be restored from a backup
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    /// Make that file: the first time only
    #[arg(long)]
    pub(crate) create_state: bool,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", hide_short_help = true)]
    pub(crate) stop_after: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Monitor {
    /// The published log: a folder, or an http(s) URL prefix
    #[arg(value_name = "URL|DIR")]
    pub(crate) log: String,
    /// The log's verifier key; the log's of the home when absent
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Option<String>,
    /// The file with how far it has followed; made when absent
    #[arg(long, value_name = "FILE")]
    pub(crate) state: PathBuf,
    /// Report entries of this issuer; of every issuer when absent
    #[arg(long = "issuer", value_name = "NAME")]
    pub(crate) issuers: Vec<String>,
    /// Look once and end: 0 nothing is wrong; 1 the log forked, went back, or shows other entries than it
    /// signed
    #[arg(long)]
    pub(crate) once: bool,
    /// Look again after so many seconds
    #[arg(
        long,
        default_value_t = 60,
        value_name = "SECONDS",
        conflicts_with = "once"
    )]
    pub(crate) every: u64,
    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LogCheckpoint {
    /// The one that was signed at this size; the last when absent
    #[arg(long, value_name = "N")]
    pub(crate) size: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct LogFile {
    /// The run: name, id, or the first digits of its id
    pub(crate) run: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Args)]
pub(crate) struct LogProof {
    /// The run: name, id, or the first digits of its id
    pub(crate) run: String,
    /// The file to write, NAME.tlog-proof by convention
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Put the statement in it, as its extra data
    #[arg(long)]
    pub(crate) statement: bool,
}

#[derive(Args)]
pub(crate) struct Publish {
    /// The folder, which is made if it is not there
    pub(crate) dir: PathBuf,
    /// Write all files again, not only new ones: for a folder that was damaged
    #[arg(long)]
    pub(crate) rewrite: bool,
    /// Publish this checkpoint of the log, with the cosignatures that it has, instead of the last
    #[arg(long, value_name = "FILE", conflicts_with = "rewrite")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Consistency {
    /// The earlier state: a size, or a file with a checkpoint
    pub(crate) old: String,
    /// The later state: a size that has a checkpoint, or a file with one
    pub(crate) new: String,
    /// Write the proof here instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also write it as a receipt that the log signs (COSE, RFC 9942)
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CheckFork {
    /// A file with a checkpoint
    pub(crate) a: PathBuf,
    /// A file with another
    pub(crate) b: PathBuf,
    /// The log's verifier key; the key of the log in this home when absent
    #[arg(long, value_name = "VKEY")]
    pub(crate) key: Option<String>,
    /// A consistency proof between them, as `avouch log consistency` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// A folder with the log's tiles, at the later size or beyond
    #[arg(long, value_name = "DIR")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Recover {
    /// A folder where the log was published: statements that are lost are taken from there
    #[arg(long, value_name = "DIR")]
    pub(crate) published: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Demo {
    /// The project's fixtures
    #[arg(long, default_value = "fixtures", value_name = "DIR")]
    pub(crate) fixtures: PathBuf,
    /// Keep what the demo makes in this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}
