//! `spend` and `budget`: 64-bit sums that cannot wrap, because what is left is never negative.

use avouch_trace::Kind;
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::carried::{Carried, Start};
use super::columns::{Bytes, Checks, Column, Columns, Linear, Row, bytes_for, carry_out};
use super::header::HeaderColumns;
use super::order::Order;
use crate::Val;

/// Shows that a number is not the mark of the unknown, all ones, where `when` is 1.
#[derive(Clone, Debug)]
struct Known {
    missing: Linear,
    when: Linear,
    inverse: Column,
}

impl Known {
    fn new(columns: &mut Columns, limbs: &[Linear; 4], when: Linear) -> Self {
        // Four differences of at most 2^16 - 1 each: the sum is 0 only if all of them are.
        let all = Linear::constant(4 * 0xffff);
        let missing = limbs.iter().fold(all, Linear::minus);
        Self {
            missing,
            when,
            inverse: columns.one(),
        }
    }

    fn row<AB: AirBuilder<F = Val>>(&self, checks: &mut Checks<'_, AB>, row: &Row<'_, AB>) {
        let product = row.value(&self.missing) * row.cell(self.inverse);
        checks.zero(row.value(&self.when) * (product - AB::Expr::ONE));
    }

    #[cfg(feature = "prove")]
    fn fill(&self, row: &mut [Val]) {
        row[self.inverse] = super::columns::inverse_or_zero(self.missing.at(row));
    }
}

/// `before = after + taken` over 64 bits, without a borrow at the top.
fn take<AB: AirBuilder<F = Val>>(
    checks: &mut Checks<'_, AB>,
    before: &[AB::Expr; 4],
    after: &[AB::Expr; 4],
    taken: &[AB::Expr; 4],
) {
    let mut carry = AB::Expr::ZERO;
    for limb in 0..4 {
        let sum = after[limb].clone() + taken[limb].clone() + carry - before[limb].clone();
        if limb == 3 {
            checks.zero(sum);
            return;
        }
        carry = carry_out(sum);
        checks.bit(carry.clone());
    }
}

/// `spend(max)`: what remains of max.
#[derive(Clone, Debug)]
pub(crate) struct Spend {
    remaining: Bytes,
    cost: [Linear; 4],
    start: Start<4>,
    /// Below 2^64 - 1, what remains is less than the mark, so that it cannot be paid.
    known: Option<Known>,
}

impl Spend {
    pub(crate) fn new(
        columns: &mut Columns,
        carried: &mut Carried,
        header: &HeaderColumns,
        max: u64,
    ) -> Self {
        let remaining = columns.bytes(bytes_for(max), &Linear::constant(1));
        let start = carried.limbs(columns, remaining.limbs(), max);
        let cost = header.cost();
        let known = (max == u64::MAX).then(|| Known::new(columns, &cost, header.real()));
        Self {
            remaining,
            cost,
            start,
            known,
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        self.known.iter().for_each(|known| known.row(checks, row));
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        let before = self.start.before(previous, row);
        let after = self.remaining.limbs().map(|limb| row.value(&limb));
        let cost = self.cost.each_ref().map(|limb| row.value(limb));
        take(checks, &before, &after, &cost);
    }

    /// `numbers` is what remains.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], numbers: &mut [u64], cost: Option<u64>) {
        numbers[0] = numbers[0].wrapping_sub(cost.unwrap_or(u64::MAX));
        self.remaining.fill(row, numbers[0]);
        self.known.iter().for_each(|known| known.fill(row));
    }

    #[cfg(feature = "prove")]
    pub(crate) fn pad(&self, row: &mut [Val], numbers: &[u64]) {
        self.remaining.fill(row, numbers[0]);
    }
}

/// What only a budget that may be raised needs.
#[derive(Clone, Debug)]
struct Raises {
    /// Whether this event raised the budget.
    up: Column,
    change: Linear,
    /// By how much: `difference` if `up`.
    raise: [Column; 4],
    /// What remains of max_raise.
    remaining: Bytes,
    start: Start<4>,
    /// An event that raises the budget is paid from what was left before.
    paid: Order,
}

/// `budget(max_start, max_raise)`: the header's own budget is the register.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: [Linear; 4],
    cost: [Linear; 4],
    start: Start<4>,
    known: Known,
    /// How far the budget lies from what the cost leaves.
    difference: Bytes,
    raises: Option<Raises>,
    /// Whether the first row is a run's first event, whose own cost does not count.
    begins: bool,
}

impl Budget {
    pub(crate) fn new(
        columns: &mut Columns,
        carried: &mut Carried,
        header: &HeaderColumns,
        (max_start, max_raise): (u64, u64),
    ) -> Self {
        let left = header.budget();
        let always = Linear::constant(1);
        let difference = columns.bytes(bytes_for(max_start.saturating_add(max_raise)), &always);
        let raises = (max_raise > 0).then(|| {
            let up = columns.one();
            let remaining = columns.bytes(bytes_for(max_raise), &always);
            Raises {
                up,
                change: header.kind(Kind::BudgetChange),
                raise: columns.array(),
                paid: Order::new(columns, 4, false, &Linear::of(up)),
                start: carried.limbs(columns, remaining.limbs(), max_raise),
                remaining,
            }
        });
        Self {
            start: carried.limbs(columns, left.clone(), max_start),
            known: Known::new(columns, &left, header.real()),
            left,
            cost: header.cost(),
            difference,
            raises,
            begins: carried.segment.is_first(),
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        self.known.row(checks, row);
        let Some(raises) = &self.raises else { return };
        let up = row.cell(raises.up);
        checks.bit(up.clone());
        checks.zero(up.clone() * (AB::Expr::ONE - row.value(&raises.change)));
        for (raise, difference) in raises.raise.iter().zip(self.difference.limbs()) {
            checks.zero(row.cell(*raise) - up.clone() * row.value(&difference));
        }
        raises.paid.row(checks, row);
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        let before = self.start.before(previous, row);
        let free = previous.is_none() && self.begins;
        let cost = self.cost.each_ref().map(|limb| match free {
            true => AB::Expr::ZERO,
            false => row.value(limb),
        });
        let up = self.raises.as_ref().map(|raises| row.cell(raises.up));
        // now + cost + difference = before, or now + cost = before + difference: as the second has
        // a difference on the other side, its carries are one lower.
        let mut carry = AB::Expr::ZERO;
        for limb in 0..4 {
            let mut sum = row.value(&self.left[limb]) + cost[limb].clone() + carry
                - before[limb].clone()
                + row.value(&self.difference.limbs()[limb]);
            if let Some(raises) = &self.raises {
                sum -= row.cell(raises.raise[limb]).double();
            }
            if limb == 3 {
                checks.zero(sum);
                break;
            }
            carry = carry_out(sum);
            checks.trit(match &up {
                Some(up) => carry.clone() + up.clone(),
                None => carry.clone(),
            });
        }
        if let Some(raises) = &self.raises {
            let highest_first = |limbs: [AB::Expr; 4]| {
                let [a, b, c, d] = limbs;
                [d, c, b, a]
            };
            raises
                .paid
                .compare(checks, row, &highest_first(cost), &highest_first(before));
            let before = raises.start.before(previous, row);
            let after = raises.remaining.limbs().map(|limb| row.value(&limb));
            take(
                checks,
                &before,
                &after,
                &raises.raise.map(|limb| row.cell(limb)),
            );
        }
    }

    /// `numbers` are what remains of max_raise, if it is kept, and what the last event left.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], numbers: &mut [u64], header: &avouch_trace::Header) {
        use super::columns::limbs_of;
        let begins = self.begins && header.seq == 0;
        let cost = if begins {
            0
        } else {
            header.cost.unwrap_or(u64::MAX)
        };
        let now = header.budget.unwrap_or(u64::MAX);
        let (remaining, left) = match numbers {
            [remaining, left] => (Some(remaining), left),
            [left] => (None, left),
            _ => return,
        };
        let after = left.wrapping_sub(cost);
        self.known.fill(row);
        match (&self.raises, remaining) {
            (Some(raises), Some(remaining)) => {
                let up = now > after && header.kind == Kind::BudgetChange;
                let difference = if up {
                    now - after
                } else {
                    after.wrapping_sub(now)
                };
                let raise = if up { difference } else { 0 };
                self.difference.fill(row, difference);
                row[raises.up] = Val::from_bool(up);
                let limbs = raises.raise.iter().zip(limbs_of(raise));
                limbs.for_each(|(column, limb)| row[*column] = Val::from_u32(limb));
                let [mut a, mut b] = [limbs_of(cost), limbs_of(*left)];
                a.reverse();
                b.reverse();
                raises.paid.fill(row, &a, &b);
                *remaining = remaining.wrapping_sub(raise);
                raises.remaining.fill(row, *remaining);
            }
            _ => self.difference.fill(row, after.wrapping_sub(now)),
        }
        *left = now;
    }

    #[cfg(feature = "prove")]
    pub(crate) fn pad(&self, row: &mut [Val], numbers: &mut [u64]) {
        let left = match numbers {
            [remaining, left] => {
                if let Some(raises) = &self.raises {
                    raises.remaining.fill(row, *remaining);
                }
                left
            }
            [left] => left,
            _ => return,
        };
        // Padding leaves nothing, and so the first row of it lowers the budget to 0.
        self.difference.fill(row, *left);
        *left = 0;
    }
}
