//! Comparing numbers of several 16-bit limbs without ever adding the limbs up: the highest limb in
//! which they differ decides, and there the difference less one is 16 bits.

use alloc::vec::Vec;

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::columns::{Bytes, Checks, Column, Columns, Linear, Row};
use crate::Val;

/// Shows `a <= b`, or `a < b` if strict, where `when` is 1; where it is 0 its columns are 0.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    strict: bool,
    when: Linear,
    /// One for each limb, the highest first: whether this is the highest one that differs.
    differs: Vec<Column>,
    /// By how much less one: 16 bits.
    more: Bytes,
}

impl Order {
    pub(crate) fn new(columns: &mut Columns, limbs: usize, strict: bool, when: &Linear) -> Self {
        Self {
            strict,
            when: when.clone(),
            differs: columns.many(limbs),
            more: columns.bytes(2, when),
        }
    }

    /// What holds on every row, whatever is compared.
    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let mut equal = row.value(&self.when);
        for column in &self.differs {
            checks.bit(row.cell(*column));
            equal -= row.cell(*column);
        }
        match self.strict {
            true => checks.zero(equal),
            // At most one of them, and none where nothing is compared.
            false => checks.bit(equal),
        }
    }

    /// Compares; the limbs come highest first, and `row` is where this order's columns are.
    pub(crate) fn compare<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        a: &[AB::Expr],
        b: &[AB::Expr],
    ) {
        let mut equal_so_far = row.value(&self.when);
        let mut more = -row.value(&self.more.number());
        for ((column, a), b) in self.differs.iter().zip(a).zip(b) {
            let differs = row.cell(*column);
            let difference = b.clone() - a.clone();
            equal_so_far -= differs.clone();
            checks.zero(equal_so_far.clone() * difference.clone());
            more += differs * (difference - AB::Expr::ONE);
        }
        checks.zero(more);
    }

    /// Fills the columns for numbers that are in this order; others get something that is not.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], a: &[u32], b: &[u32]) {
        if self.when.at(row) == Val::ZERO {
            return;
        }
        if let Some(limb) = (0..a.len()).find(|limb| a[*limb] != b[*limb]) {
            row[self.differs[limb]] = Val::ONE;
            let more = b[limb].wrapping_sub(a[limb]).wrapping_sub(1);
            self.more.fill(row, u64::from(more));
        }
    }
}
