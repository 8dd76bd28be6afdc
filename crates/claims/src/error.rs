//! Why something is not a claim, a set of claims or a state.

use avouch_trace::NameId;

/// Why claims, or a state, are refused. That a claim does not *hold* is no error: it is a
/// [`crate::Verdict`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A conjunction of nothing would hold for every trace.
    #[error("there is no claim: an empty list would hold for every trace")]
    NoClaims,
    /// More claims than [`crate::MAX_CLAIMS`].
    #[error("{found} claims are more than the {} allowed", crate::MAX_CLAIMS)]
    TooManyClaims {
        /// How many there are.
        found: usize,
    },
    /// The same claim twice.
    #[error("the claim {claim} is there twice")]
    SameClaim {
        /// The claim's type.
        claim: &'static str,
    },
    /// The canonical form would be, or is, longer than [`crate::MAX_CLAIMS_LEN`].
    #[error(
        "the claims take {found} bytes, more than the {} allowed",
        crate::MAX_CLAIMS_LEN
    )]
    TooLong {
        /// How many bytes.
        found: usize,
    },
    /// A list without members. An absent list matches everything; an empty one is a mistake.
    #[error("a list is empty: name something, or leave the list out to match everything")]
    EmptyList,
    /// More names than [`crate::MAX_IDS`].
    #[error("a list has more than the {} names allowed", crate::MAX_IDS)]
    TooManyIds,
    /// A name twice in one list.
    #[error("a list has the name id {0} twice")]
    SameId(NameId),
    /// A claim's parameters break one of its rules.
    #[error("{claim}: {rule}")]
    Parameter {
        /// The claim's type.
        claim: &'static str,
        /// The rule.
        rule: &'static str,
    },
    /// Not canonical CBOR.
    #[error("the claims are not canonical CBOR: {0}")]
    Cbor(#[from] avouch_cbor::Error),
    /// Canonical CBOR, but not what the format says.
    #[error("claims, at byte {at}: expected {expected}")]
    Shape {
        /// The offset in the bytes that were given.
        at: usize,
        /// What the format has there.
        expected: &'static str,
    },
    /// A list whose members are not in ascending order, so that one meaning would have two forms.
    #[error("the claims are not in their canonical order")]
    Order,
    /// A claim that has no meaning over more than one run.
    #[error("{claim} is a claim about one run; it has no meaning over an agent's whole life")]
    NotOverLifetime {
        /// The claim's type.
        claim: &'static str,
    },
    /// Bytes that are not a state of these claims.
    #[error("not a state of these claims, at byte {at}: expected {expected}")]
    State {
        /// The offset in the bytes that were given.
        at: usize,
        /// What the layout has there.
        expected: &'static str,
    },
    /// The headers are not a well-formed trace, so no claim is judged.
    #[error("not a well-formed trace: {0}")]
    Trace(#[from] avouch_trace::Error),
    /// Not a claims file.
    #[cfg(feature = "toml")]
    #[error("not a claims file: {0}")]
    Toml(alloc::string::String),
    /// A claims file of another version.
    #[cfg(feature = "toml")]
    #[error("claims file version {0} is not known; this reads version = 1")]
    Version(i64),
    /// One of a claims file's claims is refused.
    #[cfg(feature = "toml")]
    #[error("[[claim]] {number} {what}")]
    Entry {
        /// Which, from 1.
        number: usize,
        /// Its type and what is wrong.
        what: alloc::string::String,
    },
}
