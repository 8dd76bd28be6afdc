//! Why bytes are not a receipt.

/// Why bytes are refused as a receipt, or a receipt as something to write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not canonical CBOR.
    #[error("not canonical CBOR: {0}")]
    Cbor(#[from] avouch_cbor::Error),
    /// Canonical CBOR, but not a receipt.
    #[error("byte {at} of the receipt: expected {expected}")]
    Shape {
        /// The offset in the receipt.
        at: usize,
        /// What the format has there.
        expected: &'static str,
    },
    /// A later version of the format.
    #[error("receipt version {0} is not known; this reads version 1: use a newer avouch")]
    Version(u64),
    /// Longer than the format allows.
    #[error("{what} is {found} bytes long, more than the {max} allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// How long it may be.
        max: usize,
    },
    /// What is said to be anchored is no checkpoint.
    #[error("the anchored checkpoint: {0}")]
    Checkpoint(#[source] avouch_cose::Error),
}
