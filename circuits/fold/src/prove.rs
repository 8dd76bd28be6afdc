//! Folding runs, and publishing what they come to.

use std::panic::{AssertUnwindSafe, catch_unwind};

use avouch_claims::Claims;
use avouch_merkle::Digest;
use avouch_trace::Event;
use ff::PrimeField;
use nova_snark::nova::{CompressedSNARK, RecursiveSNARK};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::circuit::{BATCH, Step, start};
use crate::engine::{E1, E2, Scalar};
use crate::native::{Native, Saved};
use crate::params::{CompressKey, Params};
use crate::proof::Proof;
use crate::terms::Terms;
use crate::verify::{Public, Verifier};

type Recursive = RecursiveSNARK<E1, E2, Step>;

/// What runs are folded with.
pub struct Prover {
    params: Params,
}

/// What makes a folding publishable, and verifies it.
pub struct Publisher {
    key: CompressKey,
    verifier: Verifier,
}

/// The runs folded so far. It holds witnesses: whoever has it can learn about the events.
pub struct Folding<'c> {
    chain_start: Digest,
    claims: Option<&'c Claims>,
    native: Native<'c>,
    /// There as soon as anything has been folded.
    snark: Option<Recursive>,
}

impl core::fmt::Debug for Prover {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// Says how much has been folded, and nothing that is secret.
impl core::fmt::Debug for Folding<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Folding")
            .field("chain_head", &self.native.chain)
            .field("events", &self.native.events)
            .field("runs", &self.native.runs)
            .finish_non_exhaustive()
    }
}

/// A folding as it is kept. The claims and the chain's start come from elsewhere.
#[derive(Serialize, Deserialize)]
struct Stored {
    parameters: [u8; 32],
    native: Saved,
    snark: Option<Recursive>,
}

impl Prover {
    /// Derives the parameters from the circuit. That takes many seconds (`docs/fold.md`).
    ///
    /// # Errors
    /// [`Error::Library`] for bugs.
    pub fn derive() -> Result<Self, Error> {
        Ok(Self {
            params: Params::derive()?,
        })
    }

    /// The keys for publishing.
    ///
    /// # Errors
    /// [`Error::Library`] for bugs.
    pub fn publisher(&self) -> Result<Publisher, Error> {
        let (key, verifier) = self.params.keys()?;
        Ok(Publisher { key, verifier })
    }

    /// Folds one more run onto `folding`. `head` is the chain value after it that its statement names;
    /// `progress` hears how many steps of how many are done. If anything goes wrong, the folding stays
    /// as it was.
    ///
    /// Judges natively first: the library would fold what is false.
    ///
    /// # Errors
    /// [`Error::Trace`], [`Error::OtherHead`], [`Error::False`] when the events are no run, not this one,
    /// or break a claim for good.
    pub fn fold(
        &self,
        folding: &mut Folding<'_>,
        events: &[Event],
        head: Digest,
        rng: &mut impl CryptoRng,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<(), Error> {
        let mut native = folding.native.clone();
        let batches = events.chunks(BATCH);
        let number = batches.len();
        let steps: Vec<Step> = batches
            .map(|events| native.step(events, random(rng)))
            .collect::<Result<_, _>>()?;
        native.judge()?;
        if native.chain != head {
            return Err(Error::OtherHead);
        }
        if native.runs != folding.native.runs + 1 {
            return Err(Error::Trace("there is not exactly one run".into()));
        }
        let mut snark = folding.snark.clone();
        for (done, step) in steps.iter().enumerate() {
            progress(done, number);
            snark = Some(self.step(folding, snark, step)?);
        }
        progress(number, number);
        folding.native = native;
        folding.snark = snark;
        Ok(())
    }

    fn step(
        &self,
        folding: &Folding<'_>,
        snark: Option<Recursive>,
        step: &Step,
    ) -> Result<Recursive, Error> {
        let params = &self.params.0;
        let mut snark = match snark {
            Some(snark) => snark,
            None => Recursive::new(params, step, &folding.first()?).map_err(Error::library)?,
        };
        // The first call after `new` only counts the step that is already there.
        snark.prove_step(params, step).map_err(Error::library)?;
        Ok(snark)
    }

    /// The publishable proof of all that has been folded, which is verified before it is handed out.
    /// `folding` stays as it was, for more runs to come.
    ///
    /// # Errors
    /// [`Error::Empty`], and [`Error::False`] when the claims do not hold yet.
    pub fn publish(
        &self,
        publisher: &Publisher,
        folding: &Folding<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Error> {
        let mut native = folding.native.clone();
        native.holds()?;
        // An empty step blinds anew, so that two published proofs do not share a commitment.
        let last = native.step(&[], random(rng))?;
        let snark = self.step(folding, folding.snark.clone(), &last)?;
        let compressed = CompressedSNARK::prove(&self.params.0, &publisher.key, &snark)
            .map_err(Error::library)?;
        let proof = Proof {
            parameters: self.params.digest(),
            steps: snark.num_steps() as u64,
            snark: compressed,
        };
        let bytes = proof.encode()?;
        publisher.verifier.verify(&folding.public(), &bytes)?;
        Ok(bytes)
    }

    /// Reads a folding that was kept, and verifies it: what was tampered with is refused.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::OtherParameters`], [`Error::State`].
    pub fn restore<'c>(
        &self,
        chain_start: Digest,
        claims: Option<&'c Claims>,
        bytes: &[u8],
    ) -> Result<Folding<'c>, Error> {
        let malformed = |why: String| Error::Malformed {
            what: "the folded state",
            why,
        };
        let stored = catch_unwind(AssertUnwindSafe(|| postcard::from_bytes::<Stored>(bytes)))
            .map_err(|_| malformed("the library cannot read it".into()))?
            .map_err(|error| malformed(error.to_string()))?;
        if stored.parameters != self.params.digest() {
            return Err(Error::OtherParameters {
                what: "the folded state",
            });
        }
        let mut folding = Folding::new(chain_start, claims)?;
        folding.native.resume(&stored.native)?;
        folding.snark = stored.snark;
        self.check(&folding)?;
        Ok(folding)
    }

    /// Whether the recursive proof is about what stands beside it.
    fn check(&self, folding: &Folding<'_>) -> Result<(), Error> {
        let Some(snark) = &folding.snark else {
            return match folding.native.events {
                0 => Ok(()),
                _ => Err(Error::State("it has events, and no proof".into())),
            };
        };
        let first = folding.first()?;
        let verified = catch_unwind(AssertUnwindSafe(|| {
            snark.verify(&self.params.0, snark.num_steps(), &first)
        }));
        let state = verified
            .map_err(|_| Error::State("it has a shape that no proof has".into()))?
            .map_err(|error| Error::State(error.to_string()))?;
        if state != folding.native.state()? {
            return Err(Error::State("its proof is about another state".into()));
        }
        Ok(())
    }
}

impl<'c> Folding<'c> {
    /// Nothing so far, before the chain's first event.
    ///
    /// # Errors
    /// [`Error::Claims`] and [`Error::TooMany`] for claims that cannot be proven over a lifetime.
    pub fn new(chain_start: Digest, claims: Option<&'c Claims>) -> Result<Self, Error> {
        Ok(Self {
            chain_start,
            claims,
            native: Native::new(chain_start, claims)?,
            snark: None,
        })
    }

    /// What is folded so far, as a verifier has to know it.
    pub fn public(&self) -> Public {
        Public {
            chain_start: self.chain_start,
            chain_head: self.native.chain,
            events: self.native.events,
            runs: self.native.runs,
            claims: self.claims.cloned(),
        }
    }

    /// The folding as bytes. They are secret.
    ///
    /// # Errors
    /// [`Error::Library`] for bugs.
    pub fn store(&self, prover: &Prover) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            parameters: prover.params.digest(),
            native: self.native.save(),
            snark: self.snark.clone(),
        };
        postcard::to_allocvec(&stored).map_err(Error::library)
    }

    fn first(&self) -> Result<[Scalar; crate::circuit::ARITY], Error> {
        Ok(start(&self.chain_start, &Terms::new(self.claims)?))
    }
}

impl Publisher {
    /// What verifies the proofs.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

/// A uniform element.
fn random(rng: &mut impl CryptoRng) -> Scalar {
    loop {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        // The modulus has 255 bits.
        bytes[31] &= 0x7f;
        if let Some(scalar) = Option::from(Scalar::from_repr(bytes.into())) {
            return scalar;
        }
    }
}

#[cfg(test)]
impl Prover {
    /// Folds a step whose witness is false, and checks what came of it.
    pub(crate) fn forge(
        &self,
        folding: &Folding<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let mut native = folding.native.clone();
        let mut step = native.step(&[], random(rng))?;
        step.before.sum = 0;
        let mut forged = Folding {
            snark: None,
            native,
            ..*folding
        };
        forged.snark = Some(self.step(folding, folding.snark.clone(), &step)?);
        self.check(&forged)
    }
}
