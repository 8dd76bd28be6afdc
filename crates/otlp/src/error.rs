//! What can go wrong.

/// Why traces could not be taken or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The spool.
    #[error("the spool: {0}")]
    Spool(#[from] rusqlite::Error),
    /// The spool's file is something else.
    #[error("{0}: not a spool of traces, or of another version")]
    NotASpool(String),
    /// Another process uses the spool.
    #[error("{0}: another process is receiving into this spool")]
    InUse(String),
    /// The address, or the network.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A trace could not be recorded. It stays in the spool.
    #[error("trace {trace}: {why}")]
    Record {
        /// The trace's id.
        trace: String,
        /// Why.
        why: String,
    },
    /// The machine's clock is before 1970.
    #[error("this machine's clock is before 1970")]
    Clock,
}
