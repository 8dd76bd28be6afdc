//! A constraint system that only says whether a witness satisfies it, and how large it is.

#![allow(clippy::unwrap_used, clippy::panic)]

use ff::Field;
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use nova_snark::traits::circuit::StepCircuit;

use super::{ARITY, Step};
use crate::engine::Scalar;

type Lc = LinearCombination<Scalar>;

#[derive(Default)]
pub(crate) struct Checking {
    variables: Vec<Scalar>,
    pub(crate) constraints: usize,
    /// The number of each constraint that does not hold.
    pub(crate) broken: Vec<usize>,
    /// How often each variable is part of one.
    uses: Vec<u32>,
    /// The variable that is one more than the prover says.
    lie: Option<usize>,
}

impl Checking {
    fn value(&self, of: &Lc) -> Scalar {
        let terms = of.iter().map(|(variable, coefficient)| {
            let value = match variable.get_unchecked() {
                // There is no other input than the constant one.
                Index::Input(_) => Scalar::ONE,
                Index::Aux(at) => self.variables[at],
            };
            value * coefficient
        });
        terms.sum()
    }
}

impl ConstraintSystem<Scalar> for Checking {
    type Root = Self;

    fn alloc<F, A, AR>(&mut self, _: A, value: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        let lie = self.lie == Some(self.variables.len());
        self.variables.push(value()? + Scalar::from(u64::from(lie)));
        self.uses.push(0);
        Ok(Variable::new_unchecked(Index::Aux(
            self.variables.len() - 1,
        )))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        panic!("a step has no inputs of its own")
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(Lc) -> Lc,
        LB: FnOnce(Lc) -> Lc,
        LC: FnOnce(Lc) -> Lc,
    {
        let parts = [a(Lc::zero()), b(Lc::zero()), c(Lc::zero())];
        for (variable, _) in parts.iter().flat_map(Lc::iter) {
            if let Index::Aux(at) = variable.get_unchecked() {
                self.uses[at] += 1;
            }
        }
        let [a, b, c] = parts.map(|lc| self.value(&lc));
        if a * b != c {
            self.broken.push(self.constraints);
        }
        self.constraints += 1;
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}

    fn pop_namespace(&mut self) {}

    fn get_root(&mut self) -> &mut Self {
        self
    }
}

impl Checking {
    /// The variables that no constraint is about.
    pub(crate) fn free(&self) -> usize {
        self.uses.iter().filter(|uses| **uses == 0).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.variables.len()
    }
}

/// Runs the step on this state. Returns what it was checked in, and the next state.
pub(crate) fn run(step: &Step, state: &[Scalar; ARITY]) -> (Checking, [Scalar; ARITY]) {
    run_with(step, state, None)
}

/// The same with a lie about one variable.
pub(crate) fn run_with(
    step: &Step,
    state: &[Scalar; ARITY],
    lie: Option<usize>,
) -> (Checking, [Scalar; ARITY]) {
    let mut cs = Checking {
        lie,
        ..Checking::default()
    };
    let z: Vec<_> = state
        .iter()
        .map(|value| AllocatedNum::alloc(&mut cs, || Ok(*value)).unwrap())
        .collect();
    let next = step.synthesize(&mut cs, &z).unwrap();
    let next = next.iter().map(|number| number.get_value().unwrap());
    let next: Vec<Scalar> = next.collect();
    (cs, next.try_into().unwrap())
}
