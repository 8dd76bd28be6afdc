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

/// How to prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProofOptions {
    /// The proof system's parameters.
    pub preset: Preset,
    /// Whether to prove also that the agent's chain is over the same events as the root.
    pub chain: bool,
}

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

/// What `docs/stark.md` has under "Cost", for the default preset.
struct Cost {
    /// Milliseconds for each event.
    ms_per_event: u64,
    /// The most events that are proven in one segment.
    whole: u64,
    /// Bytes of memory for each of them.
    memory_per_event: u64,
    /// Events of one of several segments.
    segment: u64,
    /// Bytes of a segment's proof.
    segment_proof: u64,
}

impl Cost {
    const ROOT: Self = Self {
        ms_per_event: 15,
        whole: 1024,
        memory_per_event: 2_650_000,
        segment: 488,
        segment_proof: 790_000,
    };
    const CHAIN: Self = Self {
        ms_per_event: 28,
        whole: 585,
        memory_per_event: 4_700_000,
        segment: 288,
        segment_proof: 910_000,
    };
    /// Milliseconds and bytes of memory for a proof at all, and bytes of memory for one of several
    /// segments.
    const MS: u64 = 500;
    const MEMORY: u64 = 100_000_000;
    const SEGMENT_MEMORY: u64 = 1_440_000_000;
}

/// How many hundredths of the default preset's time, memory and bytes of proof another takes.
const fn hundredths(preset: Preset) -> [u64; 3] {
    match preset {
        Preset::Proven100Lean => [65, 53, 140],
        Preset::Proven100Small => [175, 195, 82],
        _ => [100; 3],
    }
}

impl Estimate {
    /// For a run of so many events.
    pub fn of(events: u64, options: ProofOptions) -> Self {
        let cost = if options.chain {
            Cost::CHAIN
        } else {
            Cost::ROOT
        };
        let [time, space, length] = hundredths(options.preset);
        let (segments, memory) = if events <= cost.whole {
            (1, Cost::MEMORY + cost.memory_per_event * events)
        } else {
            (events.div_ceil(cost.segment), Cost::SEGMENT_MEMORY)
        };
        let ms = events
            .saturating_mul(cost.ms_per_event)
            .saturating_add(Cost::MS);
        Self {
            seconds: ms.saturating_mul(time).div_ceil(100_000),
            memory: memory * space / 100,
            proof: segments.saturating_mul(cost.segment_proof * length / 100),
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
        options: ProofOptions,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<Proved, Error> {
        let logged = self.logged(run)?;
        let judged = self.check_claims(run, claims)?;
        match &judged {
            Judged::Verdict(verdict) if verdict.holds() => {}
            _ => return Ok(Proved::Not(judged)),
        }
        // Known before hours are spent on it.
        fits(Estimate::of(run.size, options).proof)?;
        let public = public(&logged, claims);
        let events: Vec<Event> = self.ledger.events(run).collect::<Result<_, _>>()?;
        let mut rng = ChaCha20Rng::from_seed(os_random()?);
        let ProofOptions { preset, chain } = options;
        let options = Options {
            preset,
            chain,
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
        chain_start: logged.manifest.chain_start,
        chain_head: logged.manifest.chain_head,
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
