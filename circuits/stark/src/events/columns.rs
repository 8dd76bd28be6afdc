//! Columns, sums of columns, and the two ways to look at a row: as constraints and as values.

use alloc::vec;
use alloc::vec::Vec;

use p3_air::AirBuilder;
use p3_field::{Field, PrimeCharacteristicRing};

use crate::Val;

/// Where a column lies.
pub(crate) type Column = usize;

/// A constant and multiples of columns: what can be used anywhere without raising a degree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Linear {
    terms: Vec<(Column, Val)>,
    constant: Val,
}

impl Linear {
    pub(crate) fn constant(value: u32) -> Self {
        Self {
            terms: Vec::new(),
            constant: Val::from_u32(value),
        }
    }

    pub(crate) fn zero() -> Self {
        Self::constant(0)
    }

    pub(crate) fn of(column: Column) -> Self {
        Self {
            terms: vec![(column, Val::ONE)],
            constant: Val::ZERO,
        }
    }

    /// The sum of these columns.
    pub(crate) fn sum(columns: impl IntoIterator<Item = Column>) -> Self {
        let terms = columns.into_iter().map(|column| (column, Val::ONE));
        Self {
            terms: terms.collect(),
            constant: Val::ZERO,
        }
    }

    /// The number whose digits to this base are in these columns, the lowest first.
    pub(crate) fn digits(columns: &[Column], base: u32) -> Self {
        let mut weight = Val::ONE;
        let terms = columns.iter().map(|column| {
            let term = (*column, weight);
            weight *= Val::from_u32(base);
            term
        });
        Self {
            terms: terms.collect(),
            constant: Val::ZERO,
        }
    }

    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.terms.extend_from_slice(&other.terms);
        self.constant += other.constant;
        self
    }

    pub(crate) fn minus(self, other: &Self) -> Self {
        self.plus(&other.clone().times(-Val::ONE))
    }

    pub(crate) fn times(mut self, factor: Val) -> Self {
        self.terms.iter_mut().for_each(|term| term.1 *= factor);
        self.constant *= factor;
        self
    }

    /// One where this is zero, and the other way round.
    pub(crate) fn negated(self) -> Self {
        Self::constant(1).minus(&self)
    }

    /// The value in a row.
    #[cfg(feature = "prove")]
    pub(crate) fn at(&self, row: &[Val]) -> Val {
        let terms = self.terms.iter();
        terms.fold(self.constant, |sum, (column, factor)| {
            sum + row[*column] * *factor
        })
    }
}

/// A row that constraints speak of.
pub(crate) struct Row<'a, AB: AirBuilder>(pub(crate) &'a [AB::Var]);

impl<AB: AirBuilder<F = Val>> Row<'_, AB> {
    pub(crate) fn cell(&self, column: Column) -> AB::Expr {
        self.0[column].into()
    }

    pub(crate) fn value(&self, linear: &Linear) -> AB::Expr {
        let mut sum = AB::Expr::from(linear.constant);
        for (column, factor) in &linear.terms {
            match *factor {
                Val::ONE => sum += self.cell(*column),
                factor => sum += self.cell(*column) * factor,
            }
        }
        sum
    }

    pub(crate) fn values(&self, linears: &[Linear]) -> Vec<AB::Expr> {
        linears.iter().map(|linear| self.value(linear)).collect()
    }
}

/// Where constraints go, each times the condition under which it has to hold.
pub(crate) struct Checks<'a, AB: AirBuilder> {
    builder: &'a mut AB,
    when: Option<AB::Expr>,
}

impl<'a, AB: AirBuilder<F = Val>> Checks<'a, AB> {
    /// Constraints on every row.
    pub(crate) fn always(builder: &'a mut AB) -> Self {
        Self {
            builder,
            when: None,
        }
    }

    /// Constraints on the first row.
    pub(crate) fn on_first_row(builder: &'a mut AB) -> Self {
        let when = Some(builder.is_first_row());
        Self { builder, when }
    }

    /// Constraints on the last row of the table, which may be padding.
    pub(crate) fn on_last_row(builder: &'a mut AB) -> Self {
        let when = Some(builder.is_last_row());
        Self { builder, when }
    }

    /// Constraints on each row with the one that follows it.
    pub(crate) fn on_transition(builder: &'a mut AB) -> Self {
        let when = Some(builder.is_transition());
        Self { builder, when }
    }

    pub(crate) fn zero(&mut self, value: AB::Expr) {
        match &self.when {
            Some(when) => self.builder.assert_zero(when.clone() * value),
            None => self.builder.assert_zero(value),
        }
    }

    pub(crate) fn bit(&mut self, value: AB::Expr) {
        self.zero(value.clone() * (value - AB::Expr::ONE));
    }

    /// 0, 1 or 2.
    pub(crate) fn trit(&mut self, value: AB::Expr) {
        let two = AB::Expr::TWO;
        self.zero(value.clone() * (value.clone() - AB::Expr::ONE) * (value - two));
    }
}

/// A message to the table of bytes: `value` is one of 0..=255 wherever `count` is 1.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) count: Linear,
    pub(crate) value: Linear,
}

/// Hands out columns, and remembers what has to be a byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) width: usize,
    pub(crate) ranges: Vec<Range>,
}

impl Columns {
    pub(crate) fn one(&mut self) -> Column {
        self.width += 1;
        self.width - 1
    }

    pub(crate) fn many(&mut self, count: usize) -> Vec<Column> {
        (0..count).map(|_| self.one()).collect()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [Column; N] {
        core::array::from_fn(|_| self.one())
    }

    pub(crate) fn range(&mut self, count: &Linear, value: Linear) {
        let count = count.clone();
        self.ranges.push(Range { count, value });
    }

    /// A number of so many bytes, which are bytes wherever `count` is 1.
    pub(crate) fn bytes(&mut self, bytes: usize, count: &Linear) -> Bytes {
        let columns = self.many(bytes);
        for column in &columns {
            self.range(count, Linear::of(*column));
        }
        Bytes { columns }
    }
}

/// A number in bytes, the lowest first.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    columns: Vec<Column>,
}

impl Bytes {
    /// The number itself; only for at most three bytes, or it would wrap.
    pub(crate) fn number(&self) -> Linear {
        Linear::digits(&self.columns, 256)
    }

    /// Its four 16-bit limbs, the lowest first.
    pub(crate) fn limbs(&self) -> [Linear; 4] {
        core::array::from_fn(|limb| {
            let end = self.columns.len().min(2 * limb + 2);
            let start = end.min(2 * limb);
            Linear::digits(&self.columns[start..end], 256)
        })
    }

    /// Writes the number, as far as it fits.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], number: u64) {
        for (byte, column) in number.to_le_bytes().iter().zip(&self.columns) {
            row[*column] = Val::from_u8(*byte);
        }
    }
}

/// The four 16-bit limbs of a number, the lowest first.
pub(crate) fn limbs_of(number: u64) -> [u32; 4] {
    core::array::from_fn(|limb| (number >> (16 * limb)) as u32 & 0xffff)
}

/// How many bytes a number takes.
pub(crate) const fn bytes_for(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as usize
}

/// The carry out of a limb: a 65,536th. Any value that is a small integer times this was an exact
/// multiple, because limbs and carries are far below the field's size.
pub(crate) fn carry_out<E: PrimeCharacteristicRing + core::ops::Mul<Val, Output = E>>(
    value: E,
) -> E {
    value * Val::from_u32(1 << 16).inverse()
}

/// The inverse, or zero of zero: what a prover writes to show that something is not zero.
#[cfg(feature = "prove")]
pub(crate) fn inverse_or_zero(value: Val) -> Val {
    value.try_inverse().unwrap_or(Val::ZERO)
}
