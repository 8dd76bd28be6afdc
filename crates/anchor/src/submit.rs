//! Asking outside services for receipts.

use crate::{Anchored, Receipt};

/// An outside service that checkpoints are anchored at.
pub trait Backend {
    /// The kind of its receipts.
    fn kind(&self) -> &'static str;

    /// Makes what will be sent, out of 32 random bytes where it needs any: nonces, a signed transaction.
    /// The caller stores it before it is sent, so that after a crash the very same is sent again.
    fn prepare(&self, anchored: &Anchored, random: &[u8; 32]) -> Result<Vec<u8>, SubmitError>;

    /// Sends what was prepared. Sent twice, it has the effect of being sent once.
    fn submit(&self, anchored: &Anchored, prepared: &[u8]) -> Result<Receipt, SubmitError>;

    /// Asks for the proof that a pending receipt promises; `None` while there is nothing new.
    fn upgrade(&self, receipt: &Receipt) -> Result<Option<Receipt>, SubmitError>;
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The service could not be reached, or broke off; it may work later.
    #[error(transparent)]
    Http(#[from] avouch_http::Error),
    /// The service answered, and refused; asking again will not help.
    #[error("{url}: {why}")]
    Refused {
        /// Who was asked.
        url: String,
        /// What it said.
        why: String,
    },
    /// The service answered something that does not prove what it was asked for.
    #[error("{url}: its answer is not good: {why}")]
    BadAnswer {
        /// Who was asked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The service is there, but this is not the time: asking later may help.
    #[error("{url}: not now: {why}")]
    NotNow {
        /// Who was asked.
        url: String,
        /// Why not.
        why: String,
    },
    /// What was prepared can have no effect any more: it has to be prepared anew.
    #[error("{url}: {why}")]
    Lost {
        /// Who was asked.
        url: String,
        /// What became of it.
        why: String,
    },
    /// A later checkpoint was anchored without this one, so that there will be no receipt for it.
    #[error("{url}: {why}")]
    Overtaken {
        /// Who was asked.
        url: String,
        /// By what.
        why: String,
    },
    /// What is anchored there is not what this log begins with.
    #[error("{url}: the log has FORKED: {why}")]
    Forked {
        /// Who was asked.
        url: String,
        /// What is there.
        why: String,
    },
    /// The backend is set up wrongly.
    #[error("{0}")]
    Config(String),
    /// What the service answered makes no receipt.
    #[error(transparent)]
    Receipt(#[from] crate::Error),
}

impl SubmitError {
    /// Whether it can help to try again later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Http(avouch_http::Error::Status { status, .. }) => {
                matches!(status, 408 | 425 | 429 | 500..)
            }
            Self::Http(error) => !matches!(error, avouch_http::Error::Url(_)),
            Self::NotNow { .. } => true,
            _ => false,
        }
    }
}
