//! What can go wrong when a part is shown or forgotten.

/// Why something was not done. Nothing is half done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A selection could not be read.
    #[error("selection {clause:?}: {why}")]
    Selection {
        /// The clause.
        clause: String,
        /// What is wrong.
        why: String,
    },
    /// A selection in TOML could not be read.
    #[error("not a selection: {0}")]
    SelectionFile(String),
    /// Nothing of the run matches the selection.
    #[error("run {name:?}: the selection matches none of its events; say `none` to show nothing")]
    NothingSelected {
        /// The run's name.
        name: String,
    },
    /// A rule of the scanner cannot be used.
    #[error("scanner rule {rule:?}: {why}")]
    ScanRule {
        /// Its name.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file of scanner rules could not be read.
    #[error("not a file of scanner rules: {0}")]
    ScanFile(String),
    /// The event has no such field.
    #[error(
        "run {run:?}, event {seq}: no field {field:?}{}",
        if .fields.is_empty() { "; it has none".into() } else { format!("; it has {}", .fields.join(", ")) }
    )]
    NoSuchField {
        /// The run's name.
        run: String,
        /// The event.
        seq: u64,
        /// The field that was asked for.
        field: String,
        /// Those that there are.
        fields: Vec<String>,
    },
    /// What the log has of a redaction cannot be used.
    #[error("the redaction at log index {log_index}: {why}")]
    Redaction {
        /// Its place in the log.
        log_index: u64,
        /// What is wrong.
        why: String,
    },
    /// Not an age recipient.
    #[error("{text:?} is not an age recipient (age1...): {why}")]
    Recipient {
        /// What it is instead.
        text: String,
        /// Why not.
        why: String,
    },
    /// Not an age identity file, or not one that opens.
    #[error("the identity file cannot be used: {0}")]
    Identity(String),
    /// Encrypting failed.
    #[error("encrypting: {0}")]
    Encrypt(String),
    /// Damaged, or no age file.
    #[error("what is encrypted was damaged or changed: {0}")]
    Decrypt(String),
    /// Encrypted to others.
    #[error("encrypted to others: none of the identities at hand opens it")]
    NotOurs,
    /// There is no opened field that could be sealed.
    #[error("the selection shows no field, so that there is nothing to encrypt")]
    NothingToSeal,
    /// There is nothing that could be opened.
    #[error("nothing in the bundle is encrypted")]
    NothingSealed,
    /// What was encrypted is not what the bundle says.
    #[error("the encrypted openings are not what the bundle's hashes stand for: {0}")]
    Sealed(SealedFault),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] avouch_ledger::Error),
    /// An event or a body.
    #[error(transparent)]
    Trace(#[from] avouch_trace::Error),
}

/// How encrypted openings differ from the hashes that stand for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedFault {
    /// Not of the form that sealed openings have.
    #[error("they cannot be read")]
    Form,
    /// A field has another leaf hash.
    #[error("event {0}, field {1} is another")]
    Other(u64, u64),
    /// A sealed field is not among them.
    #[error("event {0}, field {1} is missing")]
    Missing(u64, u64),
    /// A field is among them that is not sealed.
    #[error("event {0}, field {1} is not one of those")]
    Stray(u64, u64),
    /// The fields of an event are not those of its body.
    #[error("the fields of event {0} do not lead to the body root in it")]
    Unproven(u64),
}
