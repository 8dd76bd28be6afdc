//! What can be wrong.

/// Why nothing was folded, or a proof was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The claims are more, or longer, than the circuit has room for.
    #[error("{what}: a folded proof has room for {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The claims are not about a lifetime.
    #[error(transparent)]
    Claims(#[from] avouch_claims::Error),
    /// The events are no well-formed trace.
    #[error("the events are no well-formed trace: {0}")]
    Trace(String),
    /// The claims do not hold, so there is nothing to prove.
    #[error("the claims do not hold: {0}")]
    False(String),
    /// The events do not continue the chain as the statements say.
    #[error("the events do not lead to the chain head that the statement names")]
    OtherHead,
    /// There is nothing to publish yet.
    #[error("nothing has been folded yet")]
    Empty,
    /// The bytes are no proof, state or key.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// The proof or the state.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The proof or state was made with another circuit or other parameters.
    #[error("{what} was made under other parameters than this version's")]
    OtherParameters {
        /// The proof or the state.
        what: &'static str,
    },
    /// The number of steps cannot be that of so many events.
    #[error("{steps} steps cannot have folded {events} events")]
    Steps {
        /// How many the proof says.
        steps: u64,
        /// How many events there are.
        events: u64,
    },
    /// The proof is about something else than the statements.
    #[error("the folded proof is about {0} than the statements and the claims ask for")]
    Other(&'static str),
    /// The proof system refuses.
    #[error("the folded proof does not hold: {0}")]
    Refused(String),
    /// The state does not verify.
    #[error("the folded state does not verify: {0}")]
    State(String),
    /// The library failed, which is a bug.
    #[error("the proof system failed: {0}")]
    Library(String),
}

impl Error {
    #[cfg(any(feature = "prove", test))]
    pub(crate) fn trace(why: impl std::fmt::Display) -> Self {
        Self::Trace(why.to_string())
    }

    pub(crate) fn library(why: impl std::fmt::Display) -> Self {
        Self::Library(why.to_string())
    }
}
