//! Verifying: nothing here trusts a byte of the proof.

use std::panic::{AssertUnwindSafe, catch_unwind};

use avouch_claims::Claims;
use avouch_merkle::Digest;
use nova_snark::nova::VerifierKey;

use crate::Error;
use crate::circuit::{ARITY, BATCH, Step, start};
use crate::engine::{E1, E2, S1, S2, Scalar, halves};
use crate::params::Params;
use crate::proof::Proof;
use crate::terms::Terms;

/// What everybody knows: a verifier builds it from the verified statements and its policy, never from
/// the proof.
#[derive(Clone, Debug)]
pub struct Public {
    /// The chain before the first run.
    pub chain_start: Digest,
    /// The chain after the last.
    pub chain_head: Digest,
    /// How many events all runs have.
    pub events: u64,
    /// How many runs there are.
    pub runs: u64,
    /// The claims that hold over all of them; `None` for a proof of the chain and its counts alone.
    pub claims: Option<Claims>,
}

/// What a proof that was accepted shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// In how many steps the events were folded, which the proof shows too.
    pub steps: u64,
}

/// What proofs are verified with.
pub struct Verifier {
    key: VerifierKey<E1, E2, Step, S1, S2>,
    /// The digest of the circuit and of all other parameters.
    parameters: [u8; 32],
}

impl core::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Verifier")
            .field("parameters", &Digest(self.parameters))
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Derives the verifier's key from the circuit. That takes many seconds (`docs/fold.md`), and
    /// gives the same key everywhere.
    ///
    /// # Errors
    /// [`Error::Library`] for bugs.
    pub fn derive() -> Result<Self, Error> {
        Ok(Params::derive()?.keys()?.1)
    }

    pub(crate) fn new(key: VerifierKey<E1, E2, Step, S1, S2>, parameters: [u8; 32]) -> Self {
        Self { key, parameters }
    }

    /// The digest of the circuit and of all other parameters that its proofs are made under.
    pub fn parameters(&self) -> [u8; 32] {
        self.parameters
    }

    /// Whether `proof` shows that between the two chain values there are exactly so many well-formed
    /// events in so many whole runs, and that the claims hold over all of them.
    ///
    /// # Errors
    /// Anything that is no proof of just that.
    pub fn verify(&self, public: &Public, proof: &[u8]) -> Result<Verified, Error> {
        let terms = Terms::new(public.claims.as_ref())?;
        let proof = Proof::decode(proof)?;
        if proof.parameters != self.parameters {
            return Err(Error::OtherParameters { what: "the proof" });
        }
        let wrong = || Error::Steps {
            steps: proof.steps,
            events: public.events,
        };
        let most = most_steps(public.events, public.runs).ok_or_else(wrong)?;
        if !(fewest_steps(public.events)..=most).contains(&proof.steps) {
            return Err(wrong());
        }
        let steps = usize::try_from(proof.steps).map_err(|_| wrong())?;
        let first = start(&public.chain_start, &terms);
        let last = catch_unwind(AssertUnwindSafe(|| {
            proof.snark.verify(&self.key, steps, &first)
        }))
        .map_err(|_| Error::Refused("it has a shape that no proof has".into()))?
        .map_err(|error| Error::Refused(error.to_string()))?;
        let last: [Scalar; ARITY] = last
            .try_into()
            .map_err(|_| Error::Refused("it ends in a state of another length".into()))?;
        expect(&last, public, &terms)?;
        Ok(Verified { steps: proof.steps })
    }
}

/// Whether a state is the one that is asked for. Its commitment is whatever it is.
fn expect(state: &[Scalar; ARITY], public: &Public, terms: &Terms) -> Result<(), Error> {
    let [high, low, events, runs, claims, _, holds] = *state;
    let checks = [
        (
            [high, low] == halves(&public.chain_head),
            "another chain head",
        ),
        (
            events == Scalar::from(public.events),
            "another number of events",
        ),
        (runs == Scalar::from(public.runs), "another number of runs"),
        (claims == terms.digest(), "other claims"),
        (holds == Scalar::from(1), "claims that do not hold yet"),
    ];
    match checks.iter().find(|(same, _)| !same) {
        Some((_, what)) => Err(Error::Other(what)),
        None => Ok(()),
    }
}

/// The fewest steps that so many events take: full ones, and the empty one that ends every proof.
const fn fewest_steps(events: u64) -> u64 {
    events.div_ceil(BATCH as u64) + 1
}

/// The most: each run's last step may have a single event.
fn most_steps(events: u64, runs: u64) -> Option<u64> {
    let batch = BATCH as u64;
    let room = runs.checked_mul(batch - 1)?;
    events.checked_add(room)?.checked_div(batch)?.checked_add(1)
}
