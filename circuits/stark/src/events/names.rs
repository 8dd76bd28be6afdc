//! Comparing the name ids of a header with those that claims name.

use avouch_trace::NameId;
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::columns::{Checks, Column, Columns, Linear, Row};
use crate::Val;

/// A name id's limbs, as they stand in a header.
pub(crate) fn id_limbs(id: &NameId) -> [u32; 8] {
    core::array::from_fn(|limb| u32::from(u16::from_be_bytes([id.0[2 * limb], id.0[2 * limb + 1]])))
}

/// Shows that a name is this id where `is` is 1.
pub(crate) fn is_id<AB: AirBuilder<F = Val>>(
    checks: &mut Checks<'_, AB>,
    row: &Row<'_, AB>,
    is: AB::Expr,
    name: &[Linear; 8],
    id: &NameId,
) {
    for (limb, expected) in name.iter().zip(id_limbs(id)) {
        checks.zero(is.clone() * (row.value(limb) - Val::from_u32(expected)));
    }
}

/// Whether a name is an id, shown both ways: 1 where it is, 0 where it is not.
///
/// That it is not is shown by one of two sums of the limbs' differences not being 0. Both are 0 for
/// the id itself, whatever a prover does; that both are 0 for another name happens to one in 2^62,
/// and then there is no proof.
#[derive(Clone, Debug)]
pub(crate) struct IsId {
    name: [Linear; 8],
    id: NameId,
    pub(crate) is: Column,
    inverses: [Column; 2],
}

/// The bases of the two sums: anything unrelated.
const BASES: [u32; 2] = [0x2545_f491, 0x1b87_3593];

impl IsId {
    pub(crate) fn new(columns: &mut Columns, name: [Linear; 8], id: NameId) -> Self {
        Self {
            name,
            id,
            is: columns.one(),
            inverses: columns.array(),
        }
    }

    pub(crate) fn is_about(&self, name: &[Linear; 8], id: &NameId) -> bool {
        self.id == *id && self.name == *name
    }

    fn sums(&self) -> [Linear; 2] {
        BASES.map(|base| {
            let (base, mut weight) = (Val::from_u32(base), Val::ONE);
            let mut sum = Linear::zero();
            for (limb, expected) in self.name.iter().zip(id_limbs(&self.id)) {
                let difference = limb.clone().minus(&Linear::constant(expected));
                sum = sum.plus(&difference.times(weight));
                weight *= base;
            }
            sum
        })
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let is = row.cell(self.is);
        checks.bit(is.clone());
        is_id(checks, row, is.clone(), &self.name, &self.id);
        let mut differs = is - AB::Expr::ONE;
        for (sum, inverse) in self.sums().iter().zip(self.inverses) {
            differs += row.value(sum) * row.cell(inverse);
        }
        checks.zero(differs);
    }

    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val]) {
        let expected = id_limbs(&self.id).map(Val::from_u32);
        let same = self.name.iter().zip(expected).all(|(a, b)| a.at(row) == b);
        row[self.is] = Val::from_bool(same);
        let sums = self.sums().map(|sum| sum.at(row));
        if let Some(which) = sums.iter().position(|sum| *sum != Val::ZERO) {
            row[self.inverses[which]] = super::columns::inverse_or_zero(sums[which]);
        }
    }
}
