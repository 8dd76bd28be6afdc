//! Blinding of the lookup argument's terminals.
//!
//! A proof shows, in the clear, each table's share in the lookup argument: the sum over its rows of
//! multiplicity / (challenge - tuple). That is a function of private values, and with values as
//! guessable as headers are it would let anyone test a guess of the whole trace. So every table but
//! one sends a tuple of random field elements, once, and the hub receives them all. 1 / (alpha -
//! random) is uniform over the challenge field up to one value, so all shares but the hub's are
//! uniform and independent, and the hub's is minus their sum whatever the trace was.

use alloc::vec::Vec;

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

/// Random values of a table: as many as the challenge field has coordinates.
pub(crate) const RANDOM: usize = 5;
/// Columns of a table: a flag, which an honest prover sets in the first row only, and the values.
/// Nothing rests on the flag: a table that sends more or less spoils its own proof.
pub const WIDTH: usize = 1 + RANDOM;

const BUS: &str = "blind";

/// Tables that blind their share, which is all but the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Blinded {
    /// SHA-256.
    Sha,
    /// The tree.
    Tree,
    /// The events.
    Events,
    /// The boundary.
    Boundary,
    /// The chain.
    Chain,
}

impl Blinded {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Sha,
        Self::Tree,
        Self::Events,
        Self::Boundary,
        Self::Chain,
    ];
}

fn tuple<AB: AirBuilder>(values: &[AB::Var], table: Blinded) -> Vec<AB::Expr> {
    let mut fields = alloc::vec![AB::Expr::from_u8(table as u8)];
    fields.extend(values.iter().map(|&value| -> AB::Expr { value.into() }));
    fields
}

/// Sends the blinding. `cells` begin with [`WIDTH`] columns of the table that nothing else reads.
pub fn eval<AB: InteractionBuilder>(builder: &mut AB, cells: &[AB::Var], table: Blinded) {
    builder.assert_bool(cells[0]);
    let once = Count::bounded(cells[0].into(), 1);
    builder.push_interaction(BUS, tuple::<AB>(&cells[1..WIDTH], table), once);
}

/// Receives it, in the hub's row where `flag` is 1.
pub(crate) fn receive<AB: InteractionBuilder>(
    builder: &mut AB,
    flag: AB::Var,
    values: &[AB::Var],
    table: Blinded,
) {
    let once = -Count::bounded(flag.into(), 1);
    builder.push_interaction(BUS, tuple::<AB>(values, table), once);
}
