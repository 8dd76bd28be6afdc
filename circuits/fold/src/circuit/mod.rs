//! The step circuit: up to [`BATCH`] events, hashed onto the chain and judged.

#[cfg(test)]
mod checking;
mod fields;
mod judge;
mod num;
#[cfg(test)]
mod tests;

use avouch_claims::Claims;
use avouch_merkle::Digest;
use avouch_trace::{Event, Kind, offset};
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{AllocatedBit, Boolean, ConstraintSystem, SynthesisError, sha256};
use nova_snark::provider::poseidon::PoseidonROCircuit;
use nova_snark::traits::ROCircuitTrait;
use nova_snark::traits::circuit::StepCircuit;

use self::fields::{Fields, event_bits};
use self::judge::{Claimed, Kept};
use self::num::{Num, enforce_zero_if};
use crate::Error;
use crate::engine::{self, Scalar};
use crate::registers::Registers;
use crate::terms::Terms;

/// How many events one step takes. `docs/fold.md` has the measurements.
pub const BATCH: usize = 3;

/// What the proof says at every step: chain head (two halves), events, runs, claims, commitment,
/// verdict.
pub(crate) const ARITY: usize = 7;

/// One step with its witness.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) terms: Terms,
    /// The chain before the step's first event.
    pub(crate) chain: Digest,
    /// The registers before the step's first event, and the blinding of their commitment.
    pub(crate) before: Registers,
    pub(crate) blinding: Scalar,
    /// The blinding of the commitment after the step.
    pub(crate) next_blinding: Scalar,
    /// Where there is none, nothing changes.
    pub(crate) events: [Option<Event>; BATCH],
}

impl Step {
    /// Any step: all have the same shape.
    pub(crate) fn shape() -> Result<Self, Error> {
        Ok(Self {
            terms: Terms::new(None::<&Claims>)?,
            chain: Digest([0; 32]),
            before: Registers::default(),
            blinding: Scalar::from(0),
            next_blinding: Scalar::from(0),
            events: [None; BATCH],
        })
    }
}

/// What stands where there is no event: well-formed by itself.
fn padding() -> Event {
    let mut header = [0; avouch_trace::HEADER_LEN];
    header[offset::VERSION] = 1;
    header[offset::KIND] = Kind::Note as u8;
    header[offset::PARENT].fill(u8::MAX);
    Event {
        header,
        body: Digest([0; 32]),
    }
}

/// What every step starts from when nothing has been folded.
pub(crate) fn start(chain: &Digest, terms: &Terms) -> [Scalar; ARITY] {
    let [high, low] = engine::halves(chain);
    let zero = Scalar::from(0);
    // Everyone has to know the first state, so its blinding is 0.
    let nothing = Registers::default().commit(zero);
    [high, low, zero, zero, terms.digest(), nothing, zero]
}

impl StepCircuit<Scalar> for Step {
    fn arity(&self) -> usize {
        ARITY
    }

    fn synthesize<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        z: &[AllocatedNum<Scalar>],
    ) -> Result<Vec<AllocatedNum<Scalar>>, SynthesisError> {
        let [high, low, events, runs, digest, commitment, _] = z else {
            return Err(SynthesisError::AssignmentMissing);
        };
        let (claimed, variables) = Claimed::alloc(cs, &self.terms)?;
        let opened = poseidon(cs, &variables)?;
        equal(cs, &opened, digest);
        let (mut kept, variables) = Kept::alloc(cs, &self.before)?;
        let opened = commit(cs, variables, self.blinding)?;
        equal(cs, &opened, commitment);

        let mut chain = bytes_to_bits(cs, &self.chain.0)?;
        let mut head = [Num::from(high), Num::from(low)];
        for (half, known) in chain.chunks(128).zip(&head) {
            Num::of_bits::<CS>(half).minus(known).enforce_zero(cs);
        }
        let (mut events, mut runs) = (Num::from(events), Num::from(runs));
        let mut before = Num::one::<CS>();
        for event in self.events {
            let active = Num::alloc_bit(cs, event.is_some())?;
            // Once padding begins, there is nothing else to the step's end.
            enforce_zero_if(cs, &active, &before.not::<CS>());
            let bits = event_bits(cs, &event.unwrap_or_else(padding))?;
            let fields = Fields::new(cs, &bits)?;
            let began = kept.step(cs, &claimed, &fields, &active)?;
            chain = sha256(cs.namespace(|| "chain"), &message(&chain, &bits))?;
            for (half, bits) in head.iter_mut().zip(chain.chunks(128)) {
                *half = half.select(cs, &active, &Num::of_bits::<CS>(bits))?;
            }
            events = events.plus(&active);
            runs = runs.plus(&began);
            before = active;
        }

        let holds = kept.verdict(cs, &claimed)?;
        let variables = kept.variables(cs)?;
        let next_commitment = commit(cs, variables, self.next_blinding)?;
        let [high, low] = head;
        Ok(vec![
            high.to_variable(cs)?,
            low.to_variable(cs)?,
            events.to_variable(cs)?,
            runs.to_variable(cs)?,
            digest.clone(),
            next_commitment,
            holds.to_variable(cs)?,
        ])
    }
}

/// 0x02 || chain || event, as `Event::chain` hashes it.
fn message(chain: &[Boolean], event: &[Boolean]) -> Vec<Boolean> {
    let (header, body) = event.split_at(avouch_trace::HEADER_LEN * 8);
    let mut bits = Vec::with_capacity(150 * 8);
    bits.extend(constant_bits(&[0x02]));
    bits.extend_from_slice(chain);
    bits.extend(constant_bits(&[0x82, 0x58, 80]));
    bits.extend_from_slice(header);
    bits.extend(constant_bits(&[0x58, 32]));
    bits.extend_from_slice(body);
    bits
}

fn constant_bits(bytes: &[u8]) -> impl Iterator<Item = Boolean> + '_ {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    bits.map(Boolean::constant)
}

fn bytes_to_bits<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    bytes: &[u8],
) -> Result<Vec<Boolean>, SynthesisError> {
    let mut bits = Vec::with_capacity(bytes.len() * 8);
    for byte in bytes {
        for bit in (0..8).rev() {
            let bit = AllocatedBit::alloc(cs.namespace(|| "bit"), Some(byte >> bit & 1 == 1))?;
            bits.push(Boolean::from(bit));
        }
    }
    Ok(bits)
}

/// As [`Registers::commit`].
fn commit<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    mut variables: Vec<AllocatedNum<Scalar>>,
    blinding: Scalar,
) -> Result<AllocatedNum<Scalar>, SynthesisError> {
    variables.push(AllocatedNum::alloc(cs.namespace(|| "blinding"), || {
        Ok(blinding)
    })?);
    poseidon(cs, &variables)
}

fn poseidon<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    variables: &[AllocatedNum<Scalar>],
) -> Result<AllocatedNum<Scalar>, SynthesisError> {
    let mut sponge = PoseidonROCircuit::new(engine::poseidon().clone());
    variables
        .iter()
        .for_each(|variable| sponge.absorb(variable));
    sponge.squeeze_scalar(cs.namespace(|| "poseidon"))
}

fn equal<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    a: &AllocatedNum<Scalar>,
    b: &AllocatedNum<Scalar>,
) {
    Num::from(a).minus(&Num::from(b)).enforce_zero(cs);
}
