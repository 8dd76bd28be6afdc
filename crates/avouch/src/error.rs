//! What can go wrong when recording, sealing and making bundles.

use std::path::{Path, PathBuf};

/// Why something was not done. Nothing is half done: what an error stops leaves no trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no home.
    #[error("{}: no avouch home here; make one with `avouch init`, or name it with --home or AVOUCH_HOME", dir.display())]
    NoHome {
        /// Where.
        dir: PathBuf,
    },
    /// Something is there already.
    #[error("{}: it exists; nothing is overwritten", path.display())]
    Exists {
        /// What.
        path: PathBuf,
    },
    /// A key has no such name here.
    #[error("no key {name:?} in {}; `avouch key list` shows what there is", dir.display())]
    NoSuchKey {
        /// The name.
        name: String,
        /// The folder of keys.
        dir: PathBuf,
    },
    /// Not a key's name.
    #[error("{0:?} cannot name a key: use 1 to 64 letters, digits, '-' and '_'")]
    KeyName(String),
    /// A private key could not be opened.
    #[error("key {name:?}: {source}")]
    Key {
        /// The key's name.
        name: String,
        /// Why.
        source: avouch_cose::Error,
    },
    /// A private key lies open to others.
    #[error("{}: others can read this private key; `chmod 600` it, and replace it if they may have", path.display())]
    SharedKey {
        /// The file.
        path: PathBuf,
    },
    /// An age identity file that does not open.
    #[error("{}: {source}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<avouch_privacy::Error>,
    },
    /// A public key file belongs to another private key.
    #[error("{}: not the public half of the private key beside it", path.display())]
    KeyPair {
        /// The public file.
        path: PathBuf,
    },
    /// A key on a token that cannot be used.
    #[error("{uri}: {why}")]
    Token {
        /// The key's URI, which has no PIN.
        uri: String,
        /// Why not.
        why: String,
    },
    /// A PKCS#11 URI.
    #[error(transparent)]
    TokenUri(#[from] crate::UriError),
    /// None of the keys here is the one that signs for the issuer now.
    #[error("none of the keys in {} is the issuer's key of today, {id}; `avouch key status` shows them", dir.display())]
    NoIssuerKey {
        /// The key's id.
        id: avouch_cose::KeyId,
        /// The home.
        dir: PathBuf,
    },
    /// Not a time.
    #[error("{0:?} is not a time like 2026-11-01T00:00:00Z")]
    Time(String),
    /// A release of officers, or a part of one.
    #[error(transparent)]
    Release(#[from] avouch_privacy::release::ReleaseError),
    /// Nobody asked for officers.
    #[error("agent {0:?} has no release policy: `avouch release policy` makes one")]
    NoReleasePolicy(String),
    /// Officers have not released what was to be disclosed.
    #[error("agent {agent:?}: disclosing its runs takes the release of officers: {why}")]
    NotReleased {
        /// The agent.
        agent: String,
        /// What is missing.
        why: String,
    },
    /// A share, or a set's commitments, that is refused.
    #[error("{}: {source}", path.display())]
    Share {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        source: avouch_escrow::Error,
    },
    /// Splitting a secret, or combining shares.
    #[error(transparent)]
    Escrow(#[from] avouch_escrow::Error),
    /// A combined secret that is not what was asked for.
    #[error("the shares give {is}, not {wanted}")]
    OtherSecret {
        /// What it is.
        is: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// An event's field `cost` says something else than its header.
    #[error(
        "event {seq}: the field `cost` must hold the header's cost in micro-units (null when unknown)"
    )]
    CostField {
        /// The event.
        seq: u64,
    },
    /// An event of a run that is not open.
    #[error("no run is open")]
    NoOpenRun,
    /// A run that is still being recorded was to be sealed.
    #[error(
        "run {name:?} is still open: end it first, or seal with `--interrupted` if its recorder is gone"
    )]
    StillOpen {
        /// The run's name.
        name: String,
    },
    /// A run has no statement yet.
    #[error("run {name:?} is not sealed yet: `avouch seal` makes its statement")]
    NotSealed {
        /// The run's name.
        name: String,
    },
    /// An event that a run or bundle does not have, or does not show.
    #[error("event {seq} is not among the events of {of}")]
    NoSuchEvent {
        /// The seq asked for.
        seq: u64,
        /// The run or bundle.
        of: String,
    },
    /// Not a form that runs are exported in.
    #[error("{0:?} is no form to export to")]
    ExportFormat(String),
    /// An attestation needs the issuer's key.
    #[error("an attestation is signed by the issuer's key, which was not given")]
    NoSigner,
    /// JSON could not be written.
    #[error("JSON cannot be written: {0}")]
    Json(serde_json::Error),
    /// CBOR could not be written.
    #[error("CBOR cannot be written: {0}")]
    Cbor(avouch_cbor::Error),
    /// A bundle does not verify, so nothing is taken from it.
    #[error("{}: {verdict}; `avouch verify` says why", path.display())]
    Unverified {
        /// The file.
        path: PathBuf,
        /// The verdict.
        verdict: &'static str,
    },
    /// A bundle does not show every event.
    #[error("run {run}: event {first} is not shown; disclose at least every header")]
    NotWhole {
        /// The run.
        run: String,
        /// The first event that is missing.
        first: u64,
    },
    /// A run's events are not those that its statement commits to.
    #[error("run {run}: its events do not lead to the root that was signed; run `avouch fsck`")]
    NotAsSigned {
        /// The run.
        run: String,
    },
    /// No run was given.
    #[error("no run to settle")]
    NothingToSettle,
    /// A run would be counted twice.
    #[error("run {run} is given twice")]
    RunTwice {
        /// The run.
        run: String,
    },
    /// Runs whose amounts cannot be added.
    #[error(
        "run {run} is in {other:?}, those before it in {first:?}: settle each currency by itself"
    )]
    MixedCurrencies {
        /// The currency of the runs before.
        first: String,
        /// The run.
        run: String,
        /// Its currency.
        other: String,
    },
    /// A quantity that cannot be counted exactly.
    #[error(
        "run {run}, event {seq}: the quantity {text:?} is no number with at most 20 digits before and 18 after the point"
    )]
    Quantity {
        /// The run.
        run: String,
        /// The event.
        seq: u64,
        /// The quantity.
        text: String,
    },
    /// A sum that does not fit.
    #[error("run {run}, event {seq}: with it, a sum has more than 20 digits before the point")]
    SumTooLarge {
        /// The run.
        run: String,
        /// The event.
        seq: u64,
    },
    /// A table could not be written.
    #[error("the table cannot be written: {0}")]
    Csv(String),
    /// The machine's clock is before 1970.
    #[error("this machine's clock is before 1970: a statement needs the time")]
    Clock,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Random(String),
    /// Not a seed.
    #[error("a seed is 64 hexadecimal digits")]
    Seed,
    /// A selection, or what was to be shown or forgotten.
    #[error(transparent)]
    Privacy(#[from] avouch_privacy::Error),
    /// An input was refused.
    #[error(transparent)]
    Ingest(#[from] avouch_ingest::Error),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] avouch_ledger::Error),
    /// A key, signature, receipt or note.
    #[error(transparent)]
    Cose(#[from] avouch_cose::Error),
    /// A proof of claims.
    #[cfg(feature = "prove")]
    #[error(transparent)]
    Stark(#[from] avouch_stark::Error),
    /// An event or manifest.
    #[error(transparent)]
    Trace(#[from] avouch_trace::Error),
    /// A bundle.
    #[error("{}: {source}", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: avouch_bundle::Error,
    },
    /// A bundle could not be made.
    #[error("the bundle cannot be made: {0}")]
    MakeBundle(avouch_bundle::Error),
    /// Nothing is sealed, so the log has signed nothing.
    #[error("the log is empty: `avouch seal` enters statements in it")]
    EmptyLog,
    /// A size or checkpoint that the log has not signed.
    #[error("the log has signed no such checkpoint at size {size}")]
    NotOurCheckpoint {
        /// Its size.
        size: u64,
    },
    /// A size that the log has not reached.
    #[error("the log has {whole} entries, not {size}")]
    BeyondLog {
        /// The size asked for.
        size: u64,
        /// The log's.
        whole: u64,
    },
    /// The log's key signed another root than the log has at that size.
    #[error(
        "the checkpoint is signed by this log, but the log has another root at size {size}: a fork. Keep \
         the checkpoint; `avouch log check-fork` compares it with others"
    )]
    OtherHistory {
        /// The size.
        size: u64,
    },
    /// The ledger's nodes or statements do not lead to the root that was signed.
    #[error(
        "the ledger does not lead to the root that the log signed at size {size}: run `avouch fsck`"
    )]
    DamagedLog {
        /// The size.
        size: u64,
    },
    /// What could be recovered is no whole ledger.
    #[error(
        "the ledger cannot be recovered: {finding}. It is as it was; restore a backup, and give a copy of \
         what was published with --published"
    )]
    NotRecovered {
        /// What is wrong with the recovered one.
        finding: String,
    },
    /// A published log is not what it must be.
    #[error("{place}: {why}")]
    Published {
        /// The resource.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A claims file, or headers that claims were to be judged about.
    #[error("{about}: {source}")]
    Claims {
        /// The file or the run.
        about: String,
        /// What is wrong with it.
        source: avouch_claims::Error,
    },
    /// A tree.
    #[error(transparent)]
    Merkle(#[from] avouch_merkle::Error),
    /// What was seen of logs, or a consistency proof, cannot be read.
    #[error("{}: {source}", path.display())]
    Seen {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: avouch_verify::SeenError,
    },
    /// A monitor's state cannot be used.
    #[error("{}: not this monitor's state: {why}", path.display())]
    MonitorState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The list of services that anchor.
    #[error("{}: {why}", path.display())]
    Services {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A receipt of an anchor.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Anchor(#[from] avouch_anchor::Error),
    /// What is sent to an anchor could not be made.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Submit(#[from] avouch_anchor::SubmitError),
    /// A server on the web.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Http(#[from] avouch_http::Error),
    /// A trust policy.
    #[error("{}: {source}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: avouch_verify::PolicyError,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
