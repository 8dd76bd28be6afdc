//! The checks themselves, by what they look at.

pub(crate) mod anchors;
pub(crate) mod claims;
pub(crate) mod keys;
pub(crate) mod log;
pub(crate) mod redactions;
pub(crate) mod shown;
mod stark;
pub(crate) mod statement;
pub(crate) mod trace;
