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
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] avouch_ledger::Error),
    /// An event or a body.
    #[error(transparent)]
    Trace(#[from] avouch_trace::Error),
}
