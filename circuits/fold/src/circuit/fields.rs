//! An event's header as numbers, and what makes it well-formed by itself.

use avouch_trace::{Event, MAX_EVENTS, MAX_SCORE, NO_PARENT, UNKNOWN_COST, UNKNOWN_SCORE, offset};
use nova_snark::frontend::{AllocatedBit, Boolean, ConstraintSystem, SynthesisError};
use std::ops::Range;

use super::num::Num;
use crate::engine::Scalar;
use crate::terms::{DECISIONS, FLAGS, KINDS};

/// The bytes that hash as they are, so that no other value can be chosen for them.
const FIXED_VERSION: u8 = 1;

/// A well-formed header.
pub(crate) struct Fields {
    /// One bit for each kind, of which one is set; number 0 never is.
    pub(crate) kinds: Vec<Num>,
    /// One bit for each decision, of which one is set.
    pub(crate) decisions: Vec<Num>,
    /// The flags, `halted` first.
    pub(crate) flags: [Num; FLAGS],
    pub(crate) seq: Num,
    pub(crate) time: Num,
    pub(crate) cost: Num,
    pub(crate) cost_unknown: Num,
    pub(crate) budget: Num,
    pub(crate) budget_unknown: Num,
    pub(crate) score: Num,
    pub(crate) score_unknown: Num,
    pub(crate) actor: Num,
    pub(crate) subject: Num,
}

/// The event's 112 bytes as bits, the greatest of each byte first. What no well-formed header has
/// (another version, a kind above 31, a decision above 7, an unused flag, a seq beyond 32 bits) is
/// constant and so cannot be hashed either.
pub(crate) fn event_bits<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    event: &Event,
) -> Result<Vec<Boolean>, SynthesisError> {
    let mut bits = Vec::with_capacity(Event::PACKED_LEN * 8);
    for (at, byte) in event.to_packed().into_iter().enumerate() {
        let free = match at {
            offset::VERSION => 0,
            offset::KIND => 5,
            offset::DECISION => 3,
            offset::FLAGS => FLAGS,
            _ if offset::SEQ.contains(&at) && at < offset::SEQ.start + 4 => 0,
            _ => 8,
        };
        let fixed = if at == offset::VERSION {
            FIXED_VERSION
        } else {
            0
        };
        for bit in (0..8).rev() {
            bits.push(if bit < free {
                let value = byte >> bit & 1 == 1;
                Boolean::from(AllocatedBit::alloc(cs.namespace(|| "bit"), Some(value))?)
            } else {
                Boolean::constant(fixed >> bit & 1 == 1)
            });
        }
    }
    Ok(bits)
}

impl Fields {
    /// Reads the header's bits and enforces what one header alone can show. A `parent` is compared
    /// with the header's own seq, which the caller has to enforce.
    pub(crate) fn new<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        bits: &[Boolean],
    ) -> Result<Self, SynthesisError> {
        let number =
            |bytes: Range<usize>| Num::of_bits::<CS>(&bits[bytes.start * 8..bytes.end * 8]);
        let low = |byte: usize, bit: usize| Num::of_bit::<CS>(&bits[byte * 8 + 7 - bit]);
        let is = |cs: &mut CS, value: &Num, mark: u64| value.minus_constant::<CS>(mark).is_zero(cs);

        let kind: Vec<Num> = (0..5).map(|bit| low(offset::KIND, bit)).collect();
        let mut kinds = one_hot(cs, &kind)?;
        let mut unused = kinds[0].clone();
        for kind in kinds.drain(KINDS..) {
            unused = unused.plus(&kind);
        }
        unused.enforce_zero(cs);

        let decision: Vec<Num> = (0..3).map(|bit| low(offset::DECISION, bit)).collect();
        let mut decisions = one_hot(cs, &decision)?;
        let mut unused = Num::zero();
        for decision in decisions.drain(DECISIONS..) {
            unused = unused.plus(&decision);
        }
        unused.enforce_zero(cs);

        let seq = number(offset::SEQ);
        // Neither of the two greatest numbers of 32 bits: MAX_EVENTS itself and the mark above it.
        let above = seq.minus_constant::<CS>(MAX_EVENTS);
        let product = above.times(cs, &seq.minus_constant::<CS>(MAX_EVENTS + 1))?;
        product.is_zero(cs)?.enforce_zero(cs);

        let parent = number(offset::PARENT);
        let none = is(cs, &parent, NO_PARENT.into())?;
        let gap = seq.minus(&parent).minus_constant::<CS>(1);
        gap.times(cs, &none.not::<CS>())?.to_bits(cs, 32)?;

        let score = number(offset::SCORE);
        let score_unknown = is(cs, &score, UNKNOWN_SCORE.into())?;
        let room = Num::constant::<CS>(Scalar::from(u64::from(MAX_SCORE))).minus(&score);
        room.times(cs, &score_unknown.not::<CS>())?
            .to_bits(cs, 20)?;

        let (cost, budget) = (number(offset::COST), number(offset::BUDGET));
        Ok(Self {
            kinds,
            decisions,
            flags: core::array::from_fn(|bit| low(offset::FLAGS, bit)),
            seq,
            time: number(offset::TIME),
            cost_unknown: is(cs, &cost, UNKNOWN_COST)?,
            cost,
            budget_unknown: is(cs, &budget, avouch_trace::NO_BUDGET)?,
            budget,
            score,
            score_unknown,
            actor: number(offset::ACTOR),
            subject: number(offset::SUBJECT),
        })
    }
}

/// For each number that the bits (the least first) can have, 1 if they have it.
fn one_hot<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    bits: &[Num],
) -> Result<Vec<Num>, SynthesisError> {
    let mut hot = vec![Num::one::<CS>()];
    for (index, bit) in bits.iter().enumerate() {
        let mut high = Vec::with_capacity(hot.len());
        for low in &mut hot {
            let set = match index {
                0 => bit.clone(),
                _ => low.times(cs, bit)?,
            };
            *low = low.minus(&set);
            high.push(set);
        }
        hot.append(&mut high);
    }
    Ok(hot)
}
