//! What the claims have to remember between steps, and the commitment that hides it.

#[cfg(any(feature = "prove", test))]
use avouch_claims::{Register, State};
use ff::Field;

use crate::engine::{self, Scalar};
use crate::terms::MAX_MATCHING;

/// A claim state's numbers; those of claims that are not made are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    /// Whether a run is under way.
    pub(crate) open: bool,
    /// How many events the current, or last, run has so far.
    pub(crate) seq: u64,
    pub(crate) last: u64,
    pub(crate) sum: u64,
    pub(crate) left: u64,
    pub(crate) raised: u64,
    pub(crate) halted: bool,
    pub(crate) matches: [u64; MAX_MATCHING],
}

/// How many numbers there are.
pub(crate) const REGISTERS: usize = 7 + MAX_MATCHING;

impl Registers {
    /// The evaluator's state, and where in a run it is. Claims of one kind that [`crate::terms::Terms`] makes one of have
    /// equal registers while they hold.
    #[cfg(any(feature = "prove", test))]
    pub(crate) fn of(open: bool, seq: u64, state: Option<&State<'_>>) -> Self {
        let mut registers = Self {
            open,
            seq,
            ..Self::default()
        };
        let mut slot = 0;
        let claimed = state.iter().flat_map(|state| {
            let claims = state.claims().as_slice().iter();
            claims.zip(state.registers())
        });
        for (claim, register) in claimed {
            match *register {
                Register::Window { last } => registers.last = last,
                Register::Spend { sum } => registers.sum = sum,
                Register::Budget { left, raised } => {
                    registers.left = left;
                    registers.raised = raised;
                }
                Register::Halt { halted } => registers.halted = halted,
                Register::Matches { matches } => {
                    if let Some(to) = registers.matches.get_mut(slot) {
                        *to = matches;
                    }
                }
                _ => {}
            }
            slot += usize::from(claim.filter().is_some());
        }
        registers
    }

    pub(crate) fn elements(&self) -> [Scalar; REGISTERS] {
        let mut out = [Scalar::ZERO; REGISTERS];
        let numbers = [
            u64::from(self.open),
            self.seq,
            self.last,
            self.sum,
            self.left,
            self.raised,
            u64::from(self.halted),
        ];
        for (to, number) in out.iter_mut().zip(numbers.iter().chain(&self.matches)) {
            *to = Scalar::from(*number);
        }
        out
    }

    /// Poseidon over the numbers and a blinding element: hiding when that is uniform and secret.
    pub(crate) fn commit(&self, blinding: Scalar) -> Scalar {
        let mut elements = self.elements().to_vec();
        elements.push(blinding);
        engine::hash(&elements)
    }
}
