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
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] avouch_ledger::Error),
    /// An event or a body.
    #[error(transparent)]
    Trace(#[from] avouch_trace::Error),
}
