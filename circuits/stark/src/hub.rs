//! The hub: the table of bytes, what everybody may know, and the blinding of all other tables.
//!
//! Its 256 rows hold the bytes 0..=255 and how often each was sent. Its first row also receives the
//! nodes that the proof shows and the commitments at its sides, and sends and receives the chain's ends:
//! constants, which the verifier puts into the constraints.

use alloc::vec::Vec;

use avouch_merkle::Digest;
use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};
#[cfg(feature = "prove")]
use p3_matrix::dense::RowMajorMatrix;

use crate::Val;
use crate::blind::{self, Blinded};
use crate::boundary::{COMMITMENT, commitment_fields};
use crate::bus;
use crate::chain::link_fields;
use crate::tree::Span;

/// The byte.
const VALUE: usize = 0;
/// How often it was sent.
const COUNT: usize = 1;
/// 1 in the first row and 0 in the others. (The library's selector of the first row is not 1 there
/// but some multiple of it, so it is no multiplicity.)
const IS_FIRST: usize = 2;
/// The other tables' blinding, which counts in the first row only.
const BLIND: usize = 3;
const WIDTH: usize = BLIND + blind::RANDOM * Blinded::ALL.len();

/// Rows: one for each byte.
pub(crate) const ROWS: usize = 256;

/// The hub's constraints for these public nodes.
#[derive(Clone, Debug)]
pub(crate) struct HubAir {
    pub(crate) exports: Vec<(Span, Digest)>,
    /// The commitments at the segment's two sides.
    pub(crate) commitments: [Option<Digest>; 2],
    /// Whether the chain is proven too.
    pub(crate) chain: bool,
    /// The public ends of the chain that are in this segment: the index that each stands before.
    pub(crate) ends: [Option<(u64, Digest)>; 2],
}

impl HubAir {
    /// The tables that there are beside the hub.
    fn tables(&self) -> impl Iterator<Item = Blinded> {
        let boundary = self.commitments.iter().any(Option::is_some);
        let chain = self.chain;
        Blinded::ALL.into_iter().filter(move |table| match table {
            Blinded::Boundary => boundary,
            Blinded::Chain => chain,
            _ => true,
        })
    }
}

impl BaseAir<Val> for HubAir {
    fn width(&self) -> usize {
        WIDTH
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for HubAir {
    fn eval(&self, builder: &mut AB) {
        let window = builder.main();
        let (row, next) = (window.current_slice(), window.next_slice());
        builder.when_first_row().assert_zero(row[VALUE]);
        builder
            .when_transition()
            .assert_zero(row[VALUE] + AB::Expr::ONE - next[VALUE]);
        builder.when_first_row().assert_one(row[IS_FIRST]);
        builder.when_transition().assert_zero(next[IS_FIRST]);
        let count: AB::Expr = row[COUNT].into();
        // The table side of a lookup: its count is what the senders' make it, and the verifier
        // bounds how often all of them together can send.
        builder.push_interaction(bus::RANGE8, [row[VALUE]], Count::provided(-count));
        for (span, digest) in &self.exports {
            let mut fields = alloc::vec![
                AB::Expr::from_u64(span.first),
                AB::Expr::from_u64(span.count)
            ];
            fields.extend(bus::limbs(digest.as_bytes()).map(AB::Expr::from_u16));
            let once = -Count::bounded(row[IS_FIRST].into(), 1);
            builder.push_interaction(bus::NODE, fields, once);
        }
        for (side, digest) in self.commitments.iter().enumerate() {
            if let Some(digest) = digest {
                let once = -Count::bounded(row[IS_FIRST].into(), 1);
                builder.push_interaction(
                    COMMITMENT,
                    commitment_fields::<AB::Expr>(side, digest),
                    once,
                );
            }
        }
        let once = || Count::bounded(row[IS_FIRST].into(), 1);
        for (end, count) in self.ends.iter().zip([once(), -once()]) {
            if let Some((index, value)) = end {
                builder.push_interaction(bus::LINK, link_fields::<AB::Expr>(*index, value), count);
            }
        }
        for table in self.tables() {
            let at = BLIND + blind::RANDOM * table as usize;
            blind::receive(builder, row[IS_FIRST], &row[at..at + blind::RANDOM], table);
        }
    }
}

/// The hub's table.
#[cfg(feature = "prove")]
pub(crate) fn trace(
    bytes: &bus::ByteCounts,
    blinding: &[[Val; blind::WIDTH]; Blinded::ALL.len()],
) -> RowMajorMatrix<Val> {
    let mut values = Val::zero_vec(ROWS * WIDTH);
    for (value, row) in values.chunks_exact_mut(WIDTH).enumerate() {
        row[VALUE] = Val::from_usize(value);
        row[COUNT] = Val::from_u32(bytes.0[value]);
    }
    values[IS_FIRST] = Val::ONE;
    for (table, cells) in blinding.iter().enumerate() {
        values[BLIND + blind::RANDOM * table..][..blind::RANDOM].copy_from_slice(&cells[1..]);
    }
    RowMajorMatrix::new(values, WIDTH)
}
