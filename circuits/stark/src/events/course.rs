//! `window` and `halt`: what compares an event with the one before it.

use avouch_claims::KindSet;
use avouch_trace::{Flags, Kind};
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::carried::{Carried, Start};
use super::columns::{Checks, Column, Columns, Linear, Row, limbs_of};
use super::header::HeaderColumns;
use super::order::Order;
use crate::Val;

/// `window(not_before, not_after)`: times never run backwards, so that the first one decides about
/// not_before, and the last one about not_after.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    time: [Linear; 4],
    start: Start<4>,
    goes_on: Order,
    in_time: Option<(Order, u64)>,
}

/// The four limbs, the other way round.
fn reversed<T: Clone>(limbs: &[T; 4]) -> [T; 4] {
    core::array::from_fn(|limb| limbs[3 - limb].clone())
}

impl Window {
    pub(crate) fn new(
        columns: &mut Columns,
        carried: &mut Carried,
        header: &HeaderColumns,
        (not_before, not_after): (u64, u64),
    ) -> Self {
        let time = header.time();
        let ends = carried.segment.is_last() && not_after < u64::MAX;
        Self {
            start: carried.limbs(columns, reversed(&time), not_before),
            time,
            goes_on: Order::new(columns, 4, false, &header.real()),
            in_time: ends.then(|| (Order::new(columns, 4, false, &header.last()), not_after)),
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        self.goes_on.row(checks, row);
        if let Some((order, not_after)) = &self.in_time {
            order.row(checks, row);
            let not_after = reversed(&limbs_of(*not_after)).map(AB::Expr::from_u32);
            order.compare(checks, row, &row.values(&self.time), &not_after);
        }
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        let before = reversed(&self.start.before(previous, row));
        let time = row.values(&self.time);
        self.goes_on.compare(checks, row, &before, &time);
    }

    /// `numbers` is the last time.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], numbers: &mut [u64], time: u64) {
        let [before, now] = [numbers[0], time].map(|time| reversed(&limbs_of(time)));
        self.goes_on.fill(row, &before, &now);
        if let Some((order, not_after)) = &self.in_time {
            order.fill(row, &now, &reversed(&limbs_of(*not_after)));
        }
        numbers[0] = time;
    }
}

/// `halt`: whether there was a halt, this event included.
#[derive(Clone, Debug)]
pub(crate) struct Halt {
    halted: Column,
    start: Start<1>,
    halts: [Linear; 2],
    /// What may follow a halt, and what may if a human did it.
    may_follow: Linear,
    may_follow_by_human: Linear,
    human: Linear,
    real: Linear,
}

impl Halt {
    pub(crate) fn new(
        columns: &mut Columns,
        carried: &mut Carried,
        header: &HeaderColumns,
    ) -> Self {
        let halted = columns.one();
        let either = |kinds: &[Kind]| match KindSet::new(kinds) {
            Ok(set) => header.kind_in(set),
            Err(_) => Linear::zero(),
        };
        Self {
            halted,
            start: carried.number(columns, Linear::of(halted), 0),
            halts: [header.kind(Kind::Halt), header.flag(Flags::HALTED)],
            may_follow: either(&[Kind::Halt, Kind::Error, Kind::RunEnd]),
            may_follow_by_human: either(&[Kind::ApprovalGiven, Kind::Note]),
            human: header.flag(Flags::HUMAN),
            real: header.real(),
        }
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        let [before] = self.start.before(previous, row);
        let clear = |bit: AB::Expr| AB::Expr::ONE - bit;
        let [kind, flag] = self.halts.each_ref().map(|halts| clear(row.value(halts)));
        let halted = row.cell(self.halted);
        checks.zero(clear(halted) - clear(before.clone()) * kind * flag);
        let by_human = row.value(&self.may_follow_by_human) * row.value(&self.human);
        let may_follow = row.value(&self.may_follow) + by_human;
        checks.zero(before * (row.value(&self.real) - may_follow));
    }

    /// `numbers` is whether there was a halt.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], numbers: &mut [u64]) {
        if self.halts.iter().any(|halts| halts.at(row) == Val::ONE) {
            numbers[0] = 1;
        }
        row[self.halted] = Val::from_bool(numbers[0] == 1);
    }
}
