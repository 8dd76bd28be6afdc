//! What an event does to the claims' registers: the constraints of `docs/claims.md`.

use avouch_trace::{Decision, Kind};
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{ConstraintSystem, SynthesisError};

use super::fields::Fields;
use super::num::{Num, enforce_zero_if};
use crate::engine::Scalar;
use crate::registers::{REGISTERS, Registers};
use crate::terms::{
    DECISIONS, FLAGS, KINDS, MAX_ACTORS, MAX_MATCHING, MAX_SET, MAX_SUBJECTS, SLOT_BITS, SWITCHES,
    Terms,
};

/// The claims, as witnesses that the digest in the proof's state binds.
pub(crate) struct Claimed {
    window_on: Num,
    spend_on: Num,
    budget_on: Num,
    halt_on: Num,
    window: [Num; 2],
    spend: Num,
    budget: [Num; 2],
    slots: Vec<ClaimedSlot>,
}

struct ClaimedSlot {
    kinds: Vec<Num>,
    decisions: Vec<Num>,
    flags: Vec<Num>,
    any_flags: Num,
    any_actor: Num,
    any_subject: Num,
    must_allow: Num,
    must_be_in: Num,
    must_score: Num,
    actors: Vec<Num>,
    subjects: Vec<Num>,
    set: Vec<Num>,
    scores: [Num; 2],
    matches: [Num; 2],
}

/// Hands out numbers in the order of [`Terms::elements`].
struct Elements<'a>(std::slice::Iter<'a, Num>);

impl Elements<'_> {
    fn next(&mut self) -> Result<Num, SynthesisError> {
        self.0
            .next()
            .cloned()
            .ok_or(SynthesisError::AssignmentMissing)
    }

    fn take(&mut self, count: usize) -> Result<Vec<Num>, SynthesisError> {
        (0..count).map(|_| self.next()).collect()
    }

    fn pair(&mut self) -> Result<[Num; 2], SynthesisError> {
        Ok([self.next()?, self.next()?])
    }
}

impl Claimed {
    /// Allocates the claims. Returns the variables that the digest is over, in their order.
    pub(crate) fn alloc<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        terms: &Terms,
    ) -> Result<(Self, Vec<AllocatedNum<Scalar>>), SynthesisError> {
        let (variables, numbers) = alloc_all(cs, terms.elements())?;
        let mut elements = Elements(numbers.iter());
        let mut switches = elements.next()?.to_bits(cs, SWITCHES)?.into_iter();
        let mut switch = || switches.next().ok_or(SynthesisError::AssignmentMissing);
        let (window_on, spend_on, budget_on, halt_on) =
            (switch()?, switch()?, switch()?, switch()?);
        let claimed = Self {
            window_on,
            spend_on,
            budget_on,
            halt_on,
            window: elements.pair()?,
            spend: elements.next()?,
            budget: elements.pair()?,
            slots: (0..MAX_MATCHING)
                .map(|_| ClaimedSlot::read(cs, &mut elements))
                .collect::<Result<_, _>>()?,
        };
        Ok((claimed, variables))
    }
}

impl ClaimedSlot {
    fn read<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        elements: &mut Elements<'_>,
    ) -> Result<Self, SynthesisError> {
        let bits = elements.next()?.to_bits(cs, SLOT_BITS)?;
        let mut bits = Elements(bits.iter());
        Ok(Self {
            kinds: bits.take(KINDS)?,
            decisions: bits.take(DECISIONS)?,
            flags: bits.take(FLAGS)?,
            any_flags: bits.next()?,
            any_actor: bits.next()?,
            any_subject: bits.next()?,
            must_allow: bits.next()?,
            must_be_in: bits.next()?,
            must_score: bits.next()?,
            actors: elements.take(MAX_ACTORS)?,
            subjects: elements.take(MAX_SUBJECTS)?,
            set: elements.take(MAX_SET)?,
            scores: elements.pair()?,
            matches: elements.pair()?,
        })
    }

    /// 1 if the event is one of those that the claim is about.
    fn matches<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        event: &Fields,
    ) -> Result<Num, SynthesisError> {
        let kind = selected(cs, &self.kinds, &event.kinds)?;
        let decision = selected(cs, &self.decisions, &event.decisions)?;
        let flags = selected(cs, &self.flags, &event.flags)?.is_zero(cs)?;
        let flags = self.any_flags.or(cs, &flags.not::<CS>())?;
        let actor = event.actor.is_one_of(cs, &self.actors)?;
        let actor = self.any_actor.or(cs, &actor)?;
        let subject = event.subject.is_one_of(cs, &self.subjects)?;
        let subject = self.any_subject.or(cs, &subject)?;
        let first = kind.times(cs, &decision)?;
        let second = flags.times(cs, &actor)?;
        first.times(cs, &second)?.times(cs, &subject)
    }

    /// Enforces what the claim asks of an event where `matched` is 1.
    fn require<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        event: &Fields,
        matched: &Num,
    ) -> Result<(), SynthesisError> {
        let allowed = event.decisions[Decision::Allow as usize]
            .plus(&event.decisions[Decision::HumanAllowed as usize]);
        let allow = matched.times(cs, &self.must_allow)?;
        enforce_zero_if(cs, &allow, &allowed.not::<CS>());

        let inside = event.subject.is_one_of(cs, &self.set)?;
        let be_in = matched.times(cs, &self.must_be_in)?;
        enforce_zero_if(cs, &be_in, &inside.not::<CS>());

        let score = matched.times(cs, &self.must_score)?;
        enforce_zero_if(cs, &score, &event.score_unknown);
        let [min, max] = &self.scores;
        at_most_if(cs, &score, min, &event.score, 20)?;
        at_most_if(cs, &score, &event.score, max, 20)
    }
}

/// The registers between events.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) open: Num,
    seq: Num,
    last: Num,
    sum: Num,
    left: Num,
    raised: Num,
    halted: Num,
    matches: Vec<Num>,
}

impl Kept {
    /// Allocates the registers that a commitment is about to be opened to. Returns the variables
    /// in the order of [`Registers::elements`].
    pub(crate) fn alloc<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        registers: &Registers,
    ) -> Result<(Self, Vec<AllocatedNum<Scalar>>), SynthesisError> {
        let (variables, numbers) = alloc_all(cs, registers.elements())?;
        let mut numbers = Elements(numbers.iter());
        let kept = Self {
            open: numbers.next()?,
            seq: numbers.next()?,
            last: numbers.next()?,
            sum: numbers.next()?,
            left: numbers.next()?,
            raised: numbers.next()?,
            halted: numbers.next()?,
            matches: numbers.take(MAX_MATCHING)?,
        };
        Ok((kept, variables))
    }

    /// The registers as variables, in the order of [`Registers::elements`].
    pub(crate) fn variables<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
    ) -> Result<Vec<AllocatedNum<Scalar>>, SynthesisError> {
        let numbers = [
            &self.open,
            &self.seq,
            &self.last,
            &self.sum,
            &self.left,
            &self.raised,
            &self.halted,
        ];
        let all = numbers.into_iter().chain(&self.matches);
        debug_assert_eq!(numbers.len() + self.matches.len(), REGISTERS);
        all.map(|number| number.to_variable(cs)).collect()
    }

    /// Judges the next event where `active` is 1; where it is 0, nothing changes. Returns 1 if the
    /// event began a run.
    pub(crate) fn step<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
        claimed: &Claimed,
        event: &Fields,
        active: &Num,
    ) -> Result<Num, SynthesisError> {
        let expected = self.open.times(cs, &self.seq)?;
        enforce_zero_if(cs, active, &event.seq.minus(&expected));
        let first = self.open.not::<CS>();
        let start = &event.kinds[Kind::RunStart as usize];
        enforce_zero_if(cs, active, &start.minus(&first));

        self.window(cs, claimed, event, active)?;
        self.spend(cs, claimed, event, active)?;
        self.budget(cs, claimed, event, active)?;
        self.halt(cs, claimed, event, active)?;
        for (slot, matches) in claimed.slots.iter().zip(&mut self.matches) {
            let matched = slot.matches(cs, event)?.times(cs, active)?;
            slot.require(cs, event, &matched)?;
            *matches = matches.plus(&matched);
        }

        let began = active.times(cs, &first)?;
        let next = event.seq.plus(&Num::one::<CS>());
        self.seq = self.seq.select(cs, active, &next)?;
        let goes_on = event.kinds[Kind::RunEnd as usize].not::<CS>();
        self.open = self.open.select(cs, active, &goes_on)?;
        Ok(began)
    }

    fn window<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
        claimed: &Claimed,
        event: &Fields,
        active: &Num,
    ) -> Result<(), SynthesisError> {
        let on = active.times(cs, &claimed.window_on)?;
        let [from, to] = &claimed.window;
        let previous = self.open.times(cs, &self.last)?;
        at_most_if(cs, &on, from, &event.time, 64)?;
        at_most_if(cs, &on, &event.time, to, 64)?;
        at_most_if(cs, &on, &previous, &event.time, 64)?;
        self.last = self.last.select(cs, &on, &event.time)?;
        Ok(())
    }

    fn spend<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
        claimed: &Claimed,
        event: &Fields,
        active: &Num,
    ) -> Result<(), SynthesisError> {
        let on = active.times(cs, &claimed.spend_on)?;
        enforce_zero_if(cs, &on, &event.cost_unknown);
        self.sum = self.sum.plus(&on.times(cs, &event.cost)?);
        Ok(())
    }

    fn budget<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
        claimed: &Claimed,
        event: &Fields,
        active: &Num,
    ) -> Result<(), SynthesisError> {
        let on = active.times(cs, &claimed.budget_on)?;
        enforce_zero_if(cs, &on, &event.budget_unknown);
        let later = on.times(cs, &self.open)?;
        at_most_if(cs, &on.minus(&later), &event.budget, &claimed.budget[0], 64)?;

        enforce_zero_if(cs, &later, &event.cost_unknown);
        at_most_if(cs, &later, &event.cost, &self.left, 64)?;
        let after = self.left.minus(&event.cost);
        // The least that explains the budget: either it or what is left over is 0.
        let change = &event.kinds[Kind::BudgetChange as usize];
        let raise_value = match later.value == Scalar::from(1) {
            true => positive(&event.budget.minus(&after)),
            false => Scalar::from(0),
        };
        let raise = Num::alloc(cs, raise_value)?;
        raise.to_bits(cs, 64)?;
        let may_raise = later.times(cs, change)?;
        enforce_zero_if(cs, &raise, &may_raise.not::<CS>());
        let over = after.plus(&raise).minus(&event.budget).times(cs, &later)?;
        over.to_bits(cs, 64)?;
        enforce_zero_if(cs, &raise, &over);

        self.raised = self.raised.plus(&raise);
        self.left = self.left.select(cs, &on, &event.budget)?;
        Ok(())
    }

    fn halt<CS: ConstraintSystem<Scalar>>(
        &mut self,
        cs: &mut CS,
        claimed: &Claimed,
        event: &Fields,
        active: &Num,
    ) -> Result<(), SynthesisError> {
        let on = active.times(cs, &claimed.halt_on)?;
        let was = self.open.times(cs, &self.halted)?;
        let kind = |kind: Kind| &event.kinds[kind as usize];
        let [halted_flag, _, human, _] = &event.flags;
        let by_human = kind(Kind::ApprovalGiven)
            .plus(kind(Kind::Note))
            .times(cs, human)?;
        let ending = kind(Kind::Halt)
            .plus(kind(Kind::Error))
            .plus(kind(Kind::RunEnd));
        let bound = on.times(cs, &was)?;
        enforce_zero_if(cs, &bound, &ending.plus(&by_human).not::<CS>());
        let halts = kind(Kind::Halt).or(cs, halted_flag)?;
        let now = was.or(cs, &halts)?;
        self.halted = self.halted.select(cs, &on, &now)?;
        Ok(())
    }

    /// Enforces the maxima, which sums and counts that only grow need not meet before. Returns 1
    /// if the minima are met and no run is under way: the claims hold.
    pub(crate) fn verdict<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        claimed: &Claimed,
    ) -> Result<Num, SynthesisError> {
        at_most_if(cs, &claimed.spend_on, &self.sum, &claimed.spend, 64)?;
        at_most_if(cs, &claimed.budget_on, &self.raised, &claimed.budget[1], 64)?;
        let mut holds = self.open.not::<CS>();
        for (slot, matches) in claimed.slots.iter().zip(&self.matches) {
            let [min, max] = &slot.matches;
            max.minus(matches).to_bits(cs, 64)?;
            // matches - min + 2^64 has bit 64 exactly if matches is at least min.
            let two_64 = Num::constant::<CS>(<Scalar as ff::PrimeField>::from_u128(1 << 64));
            let bits = matches.minus(min).plus(&two_64).to_bits(cs, 65)?;
            holds = holds.times(cs, &bits[64])?;
        }
        Ok(holds)
    }
}

/// Allocates these values, and gives them as numbers too.
fn alloc_all<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    values: impl IntoIterator<Item = Scalar>,
) -> Result<(Vec<AllocatedNum<Scalar>>, Vec<Num>), SynthesisError> {
    let variables = values
        .into_iter()
        .map(|value| AllocatedNum::alloc(cs.namespace(|| "value"), || Ok(value)))
        .collect::<Result<Vec<_>, _>>()?;
    let numbers = variables.iter().map(Num::from).collect();
    Ok((variables, numbers))
}

/// Enforces low <= high where `on` is 1, both of at most `bits` bits.
fn at_most_if<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    on: &Num,
    low: &Num,
    high: &Num,
    bits: usize,
) -> Result<(), SynthesisError> {
    on.times(cs, &high.minus(low))?.to_bits(cs, bits)?;
    Ok(())
}

/// How many members of the mask are set where the other is.
fn selected<CS: ConstraintSystem<Scalar>>(
    cs: &mut CS,
    mask: &[Num],
    values: &[Num],
) -> Result<Num, SynthesisError> {
    let mut sum = Num::zero();
    for (mask, value) in mask.iter().zip(values) {
        sum = sum.plus(&mask.times(cs, value)?);
    }
    Ok(sum)
}

/// The difference of two numbers of 64 bits if it is positive, else 0.
fn positive(difference: &Num) -> Scalar {
    use ff::PrimeField;
    let fits = difference.value.to_repr().as_ref()[8..]
        .iter()
        .all(|byte| *byte == 0);
    if fits {
        difference.value
    } else {
        Scalar::from(0)
    }
}
