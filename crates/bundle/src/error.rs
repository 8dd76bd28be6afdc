//! Why a file is not a bundle, or why a bundle cannot be written.

use avouch_merkle::Digest;

/// Why bytes are refused as a bundle, or a bundle as something to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not begin like a bundle.
    #[error("not an avouch bundle: it does not begin with the bundle magic")]
    NotABundle,
    /// A later version of the format.
    #[error("bundle version {0} is not known; this reads version 1: use a newer avouch")]
    Version(u8),
    /// The file ends before the bundle does.
    #[error("cut short: the bundle ends inside its contents after {len} bytes; fetch it again")]
    CutShort {
        /// How many bytes there were.
        len: usize,
    },
    /// The trailing digest does not match.
    #[error("trailing digest does not match: the file is damaged or was altered; fetch it again")]
    Damaged,
    /// More than the format allows.
    #[error("{what}: {found} is more than the {max} that a bundle may have")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much of it.
        found: usize,
        /// How much is allowed.
        max: usize,
    },
    /// Not canonical CBOR.
    #[error("not canonical CBOR: {0}")]
    Cbor(#[from] avouch_cbor::Error),
    /// Canonical CBOR, but not what the format says.
    #[error("byte {at}: expected {expected}")]
    Shape {
        /// The offset in the file.
        at: usize,
        /// What the format has there.
        expected: &'static str,
    },
    /// A field that is not one.
    #[error("byte {at}: {source}")]
    Field {
        /// Where the field's bytes are in the file.
        at: usize,
        /// What is wrong with them.
        source: avouch_trace::Error,
    },
    /// A field to be written that could not be read back.
    #[error("event {seq}, field {index}: the value is nested too deep for a field: {source}")]
    Unreadable {
        /// The event.
        seq: u64,
        /// The field's index.
        index: u64,
        /// Why not.
        source: avouch_cbor::Error,
    },
    /// A section that this version does not have.
    #[error("byte {at}: section {number} is not known to this version of avouch; use a newer one")]
    UnknownSection {
        /// The section's number.
        number: i128,
        /// The offset in the file.
        at: usize,
    },
    /// A proof that does not say what it was made with.
    #[error("{what} is empty")]
    Nameless {
        /// What has no name.
        what: &'static str,
    },
    /// Key statements without one.
    #[error("the section of key statements has none: leave it out")]
    NoKeyStatements,
    /// Disclosures that show nothing.
    #[error("the disclosures show no event: leave the section out")]
    NothingShown,
    /// Events out of order, or one twice.
    #[error("event {seq} is out of order: events are shown once each, by ascending seq")]
    EventOrder {
        /// The event that does not come after the one before it.
        seq: u64,
    },
    /// An event shown with openings that open nothing.
    #[error("event {seq} has openings without a field: leave them out")]
    NothingOpened {
        /// The event.
        seq: u64,
    },
    /// Fields out of order, or one twice.
    #[error("event {seq}, field {index}: fields are shown once each, by ascending index")]
    FieldOrder {
        /// The event.
        seq: u64,
        /// The field that does not come after the one before it.
        index: u64,
    },
    /// A redaction that says nothing about what is shown.
    #[error("a redaction without a tombstone: leave it out")]
    NoTombstone,
    /// Tombstones out of order, or one twice.
    #[error("tombstone {place} is out of order: they come once each, by ascending place")]
    TombstoneOrder {
        /// The tombstone that does not come after the one before it.
        place: u64,
    },
    /// Sealed fields without what they hold, or the other way round.
    #[error("sealed fields and their encrypted openings come together or not at all")]
    Sealed,
    /// Blobs out of order, or one twice.
    #[error("byte {at}: blob {digest} is out of order: blobs come once each, by ascending SHA-256")]
    BlobOrder {
        /// The blob's SHA-256.
        digest: Digest,
        /// The offset in the file.
        at: usize,
    },
    /// A blob that no shown field refers to.
    #[error(
        "blob {digest} ({len} bytes) is referred to by no field that is shown: it was altered, or \
         does not belong here"
    )]
    StrayBlob {
        /// The blob's SHA-256.
        digest: Digest,
        /// Its length in bytes.
        len: usize,
    },
}
