//! One type for all tables, which the batch prover and verifier ask for.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use p3_air::{Air, BaseAir};
use p3_lookup::InteractionBuilder;

use crate::Val;
use crate::boundary::BoundaryAir;
use crate::chain::ChainAir;
use crate::events::EventsAir;
use crate::hub::HubAir;
use crate::sha::ShaAir;
use crate::tree::TreeAir;

/// A table's constraints. There are four to six of them in all, so that one is large costs nothing.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub(crate) enum Table {
    Sha(ShaAir),
    Tree(TreeAir),
    Events(EventsAir),
    Hub(HubAir),
    Boundary(BoundaryAir),
    Chain(ChainAir),
}

macro_rules! each {
    ($self:expr, $air:ident => $what:expr) => {
        match $self {
            Table::Sha($air) => $what,
            Table::Tree($air) => $what,
            Table::Events($air) => $what,
            Table::Hub($air) => $what,
            Table::Boundary($air) => $what,
            Table::Chain($air) => $what,
        }
    };
}

/// The highest degree of any constraint, with its selectors: see `sha::air`. A table whose
/// constraints are above it cannot be proven, so a mistake here shows at once and is no risk.
const MAX_DEGREE: usize = 4;

impl BaseAir<Val> for Table {
    fn width(&self) -> usize {
        each!(self, air => BaseAir::<Val>::width(air))
    }

    fn num_periodic_columns(&self) -> usize {
        each!(self, air => BaseAir::<Val>::num_periodic_columns(air))
    }

    fn periodic_columns(&self) -> Cow<'_, [Vec<Val>]> {
        each!(self, air => air.periodic_columns())
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        each!(self, air => BaseAir::<Val>::main_next_row_columns(air))
    }

    fn max_constraint_degree(&self) -> Option<usize> {
        Some(MAX_DEGREE)
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for Table {
    fn eval(&self, builder: &mut AB) {
        each!(self, air => air.eval(builder));
    }
}
