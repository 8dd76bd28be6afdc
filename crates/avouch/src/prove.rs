//! Proving claims about sealed runs.

use avouch_bundle::{MAX_PROOF_LEN, Proof};
use avouch_claims::Claims;
use avouch_ledger::{LoggedStatement, Run};
pub use avouch_stark::Preset;
use avouch_stark::{Options, Public};
use avouch_trace::Event;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::random::os_random;
use crate::{Error, Home, Judged};

/// The name that bundles have for the proof system.
const SYSTEM: &str = "stark";

/// What came of proving.
#[derive(Clone, Debug)]
pub enum Proved {
    /// The proof, which was verified again after it was made.
    Proof(Proof),
    /// The claims do not hold, and why: there is nothing to prove.
    Not(Judged),
}

/// What a proof is expected to take, roughly: on one core of a common machine, and by the events alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Seconds of processor time.
    pub seconds: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of proof.
    pub proof: u64,
}

/// What `docs/stark.md` has under "Cost".
mod measured {
    use super::Preset;

    /// Milliseconds for each event, and for a proof at all.
    pub(super) const MS_PER_EVENT: u64 = 15;
    pub(super) const MS: u64 = 500;
    /// The most events that are proven in one segment.
    pub(super) const WHOLE: u64 = 1024;
    /// Bytes of memory for each of them, and at all.
    pub(super) const MEMORY_PER_EVENT: u64 = 2_650_000;
    pub(super) const MEMORY: u64 = 100_000_000;
    /// Events of one of several segments, and its bytes of memory.
    pub(super) const SEGMENT: u64 = 488;
    pub(super) const SEGMENT_MEMORY: u64 = 1_430_000_000;
    /// Bytes of a segment's proof.
    pub(super) const SEGMENT_PROOF: u64 = 790_000;

    /// All that is the default preset's. Another takes so many hundredths of its time, memory and
    /// bytes of proof.
    pub(super) const fn hundredths(preset: Preset) -> [u64; 3] {
        match preset {
            Preset::Proven100Lean => [65, 53, 140],
            Preset::Proven100Small => [175, 195, 82],
            _ => [100; 3],
        }
    }
}

impl Estimate {
    /// For a run of so many events.
    pub fn of(events: u64, preset: Preset) -> Self {
        use measured::*;
        let [time, space, length] = hundredths(preset);
        let (segments, memory) = match events {
            0..=WHOLE => (1, MEMORY + MEMORY_PER_EVENT * events),
            _ => (events.div_ceil(SEGMENT), SEGMENT_MEMORY),
        };
        let ms = events.saturating_mul(MS_PER_EVENT).saturating_add(MS);
        Self {
            seconds: ms.saturating_mul(time).div_ceil(100_000),
            memory: memory * space / 100,
            proof: segments.saturating_mul(SEGMENT_PROOF * length / 100),
        }
    }
}

impl Home {
    /// Proves that claims hold for a sealed run, in zero knowledge: whoever has the proof learns that they
    /// hold, and how many events the run has. `progress` hears how many parts of how many are done.
    ///
    /// Proofs are blinded with the operating system's randomness, whatever the home's is.
    pub fn prove(
        &self,
        run: &Run,
        claims: &Claims,
        preset: Preset,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<Proved, Error> {
        let logged = self.logged(run)?;
        let judged = self.check_claims(run, claims)?;
        match &judged {
            Judged::Verdict(verdict) if verdict.holds() => {}
            _ => return Ok(Proved::Not(judged)),
        }
        // Known before hours are spent on it.
        fits(Estimate::of(run.size, preset).proof)?;
        let public = public(&logged, claims);
        let events: Vec<Event> = self.ledger.events(run).collect::<Result<_, _>>()?;
        let mut rng = ChaCha20Rng::from_seed(os_random()?);
        let options = Options {
            preset,
            ..Options::default()
        };
        let proof = avouch_stark::prove(&public, &events, options, &mut rng, progress)?;
        fits(proof.len() as u64)?;
        // A proof that nobody would accept is not handed out.
        avouch_stark::verify(&public, &proof)?;
        Ok(Proved::Proof(Proof {
            system: SYSTEM.into(),
            preset: preset.name().into(),
            claims: claims.encode(),
            proof,
        }))
    }
}

/// What everybody knows of the run: all of it stands in its statement.
fn public(logged: &LoggedStatement, claims: &Claims) -> Public {
    Public {
        statement_id: logged.statement.statement_id().0,
        root: logged.manifest.root,
        size: logged.manifest.size,
        claims: claims.clone(),
    }
}

/// A bundle has room for a proof of so many bytes.
fn fits(proof: u64) -> Result<(), Error> {
    let found = usize::try_from(proof).unwrap_or(usize::MAX);
    match found > MAX_PROOF_LEN {
        false => Ok(()),
        true => Err(Error::MakeBundle(avouch_bundle::Error::Limit {
            what: "a proof's length in bytes",
            found,
            max: MAX_PROOF_LEN,
        })),
    }
}
