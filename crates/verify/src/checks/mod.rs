//! The checks themselves, by what they look at.

pub(crate) mod log;
pub(crate) mod redactions;
pub(crate) mod shown;
pub(crate) mod statement;
pub(crate) mod trace;
