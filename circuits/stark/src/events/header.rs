//! A header's columns, and the rules of a well-formed trace.

use avouch_claims::{DecisionSet, KindSet};
use avouch_trace::{Decision, Flags, Kind, MAX_SCORE};
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::Segment;
use super::columns::{Checks, Column, Columns, Linear, Row, carry_out};
use super::order::Order;
use crate::Val;
use crate::bus::HEADER_LIMBS;

/// Where each member lies among the header's 16-bit limbs.
mod limb {
    pub(super) const VERSION_KIND: usize = 0;
    pub(super) const DECISION_FLAGS: usize = 1;
    pub(super) const ROUND: usize = 2;
    pub(super) const SEQ: usize = 4;
    pub(super) const TIME: usize = 8;
    pub(super) const COST: usize = 12;
    pub(super) const BUDGET: usize = 16;
    pub(super) const SCORE: usize = 20;
    pub(super) const PARENT: usize = 22;
    pub(super) const ACTOR: usize = 24;
    pub(super) const SUBJECT: usize = 32;
}

/// The columns that every events table has.
#[derive(Clone, Debug)]
pub(crate) struct HeaderColumns {
    /// 1 for an event, 0 for padding; all events come first.
    pub(crate) real: Column,
    /// 1 for the last event here.
    pub(crate) last: Column,
    limbs: [Column; HEADER_LIMBS],
    kinds: [Column; Kind::ALL.len()],
    decisions: [Column; Decision::ALL.len()],
    flags: [Column; 4],
    pub(crate) has_parent: Column,
    parent_is_earlier: Order,
    pub(crate) score_known: Column,
    score_fits: Order,
}

impl HeaderColumns {
    pub(crate) fn new(columns: &mut Columns) -> Self {
        let real = columns.one();
        let last = columns.one();
        let limbs = columns.array();
        let (kinds, decisions, flags) = (columns.array(), columns.array(), columns.array());
        let has_parent = columns.one();
        let parent_is_earlier = Order::new(columns, 2, true, &Linear::of(has_parent));
        let score_known = columns.one();
        let score_fits = Order::new(columns, 2, false, &Linear::of(score_known));
        Self {
            real,
            last,
            limbs,
            kinds,
            decisions,
            flags,
            has_parent,
            parent_is_earlier,
            score_known,
            score_fits,
        }
    }

    /// Limbs as they stand in the header, the highest first.
    fn limbs<const N: usize>(&self, at: usize) -> [Linear; N] {
        core::array::from_fn(|limb| Linear::of(self.limbs[at + limb]))
    }

    /// A 64-bit number's limbs, the lowest first, as sums need them.
    fn long(&self, at: usize) -> [Linear; 4] {
        core::array::from_fn(|limb| Linear::of(self.limbs[at + 3 - limb]))
    }

    /// A number of two limbs. It wraps unless something else bounds it.
    fn short(&self, at: usize) -> Linear {
        Linear::digits(&[self.limbs[at + 1], self.limbs[at]], 1 << 16)
    }

    pub(crate) fn all_limbs(&self) -> [Linear; HEADER_LIMBS] {
        self.limbs(0)
    }

    pub(crate) fn round(&self) -> [Linear; 2] {
        self.limbs(limb::ROUND)
    }

    /// Below 2^24, as the constraints have it.
    pub(crate) fn seq(&self) -> Linear {
        self.short(limb::SEQ + 2)
    }

    /// Exact where there is a parent, because it is below seq.
    pub(crate) fn parent(&self) -> Linear {
        self.short(limb::PARENT)
    }

    /// Exact where the score is known, because it is at most 10^6.
    pub(crate) fn score(&self) -> Linear {
        self.short(limb::SCORE)
    }

    pub(crate) fn time(&self) -> [Linear; 4] {
        self.limbs(limb::TIME)
    }

    pub(crate) fn cost(&self) -> [Linear; 4] {
        self.long(limb::COST)
    }

    pub(crate) fn budget(&self) -> [Linear; 4] {
        self.long(limb::BUDGET)
    }

    pub(crate) fn actor(&self) -> [Linear; 8] {
        self.limbs(limb::ACTOR)
    }

    pub(crate) fn subject(&self) -> [Linear; 8] {
        self.limbs(limb::SUBJECT)
    }

    pub(crate) fn kind(&self, kind: Kind) -> Linear {
        Linear::of(self.kinds[kind as usize - 1])
    }

    pub(crate) fn kind_in(&self, set: KindSet) -> Linear {
        let members = Kind::ALL.iter().filter(|kind| set.contains(**kind));
        Linear::sum(members.map(|kind| self.kinds[*kind as usize - 1]))
    }

    pub(crate) fn decision(&self, decision: Decision) -> Linear {
        Linear::of(self.decisions[decision as usize])
    }

    pub(crate) fn decision_in(&self, set: DecisionSet) -> Linear {
        let members = Decision::ALL.iter().filter(|one| set.contains(**one));
        Linear::sum(members.map(|one| self.decisions[*one as usize]))
    }

    /// Whether the event's own decision is "allowed".
    pub(crate) fn allows(&self) -> Linear {
        self.decision(Decision::Allow)
            .plus(&self.decision(Decision::HumanAllowed))
    }

    /// Whether a single flag is set.
    pub(crate) fn flag(&self, flag: Flags) -> Linear {
        Linear::of(self.flags[flag.bits().trailing_zeros() as usize % 4])
    }

    pub(crate) fn real(&self) -> Linear {
        Linear::of(self.real)
    }

    pub(crate) fn last(&self) -> Linear {
        Linear::of(self.last)
    }

    /// What holds on each row by itself.
    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        segment: &Segment,
    ) {
        let real = row.cell(self.real);
        let padding = AB::Expr::ONE - real.clone();
        checks.bit(real.clone());
        for column in self.limbs {
            checks.zero(padding.clone() * row.cell(column));
        }
        // Version 1, a known kind and decision, no unused flag: there are no other ways to make
        // these limbs.
        for column in self.kinds.into_iter().chain(self.decisions) {
            checks.bit(row.cell(column));
        }
        for column in self.flags {
            checks.bit(row.cell(column));
        }
        checks.zero(row.value(&Linear::sum(self.kinds)) - real.clone());
        checks.zero(row.value(&Linear::sum(self.decisions)) - real.clone());
        let mut version_kind = real.clone() * Val::from_u32(1 << 8);
        for kind in Kind::ALL {
            version_kind += row.value(&self.kind(*kind)) * Val::from_u8(*kind as u8);
        }
        checks.zero(version_kind - row.cell(self.limbs[limb::VERSION_KIND]));
        let mut decision_flags = row.value(&Linear::digits(&self.flags, 2));
        for decision in Decision::ALL {
            let number = Val::from_u32((*decision as u32) << 8);
            decision_flags += row.value(&self.decision(*decision)) * number;
        }
        checks.zero(decision_flags - row.cell(self.limbs[limb::DECISION_FLAGS]));
        // seq's upper half.
        checks.zero(row.cell(self.limbs[limb::SEQ]));
        checks.zero(row.cell(self.limbs[limb::SEQ + 1]));
        // Marked as unknown, or known and in range.
        for (known, at) in [
            (self.has_parent, limb::PARENT),
            (self.score_known, limb::SCORE),
        ] {
            let known = row.cell(known);
            checks.bit(known.clone());
            checks.zero(known.clone() * padding.clone());
            for limb in self.limbs::<2>(at) {
                let all_ones = row.value(&limb) - Val::from_u32(0xffff);
                checks.zero((real.clone() - known.clone()) * all_ones);
            }
        }
        self.parent_is_earlier.row(checks, row);
        let parent = row.values(&self.limbs::<2>(limb::PARENT));
        let seq = row.values(&self.limbs::<2>(limb::SEQ + 2));
        self.parent_is_earlier.compare(checks, row, &parent, &seq);
        self.score_fits.row(checks, row);
        let score = row.values(&self.limbs::<2>(limb::SCORE));
        let max = high_low(MAX_SCORE).map(AB::Expr::from_u32);
        self.score_fits.compare(checks, row, &score, &max);
        // A run ends where its last segment does, and only there.
        let end = row.value(&self.kind(Kind::RunEnd));
        let last = row.cell(self.last);
        match segment.is_last() {
            true => checks.zero(last * (AB::Expr::ONE - end)),
            false => checks.zero(last * end),
        }
    }

    pub(crate) fn first_row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        segment: &Segment,
    ) {
        checks.zero(row.cell(self.real) - AB::Expr::ONE);
        let [high, low] = high_low(segment.first as u32);
        let at = limb::SEQ + 2;
        checks.zero(row.cell(self.limbs[at]) - Val::from_u32(high));
        checks.zero(row.cell(self.limbs[at + 1]) - Val::from_u32(low));
        let start = row.value(&self.kind(Kind::RunStart));
        match segment.is_first() {
            true => checks.zero(start - AB::Expr::ONE),
            false => checks.zero(start),
        }
    }

    pub(crate) fn transition<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        next: &Row<'_, AB>,
    ) {
        let (real, next_real) = (row.cell(self.real), next.cell(self.real));
        // As both are bits, this says too that no event follows padding.
        checks.zero(row.cell(self.last) - real + next_real.clone());
        checks.bit(row.cell(self.last));
        // seq counts: its low limb is 16 bits, so there is one way to carry.
        let [high, low] = [limb::SEQ + 2, limb::SEQ + 3].map(|at| self.limbs[at]);
        let carry = carry_out(row.cell(low) + AB::Expr::ONE - next.cell(low));
        checks.zero(next_real.clone() * carry.clone() * (carry.clone() - AB::Expr::ONE));
        checks.zero(next_real.clone() * (row.cell(high) + carry - next.cell(high)));
        checks.zero(next.value(&self.kind(Kind::RunStart)));
        checks.zero(row.value(&self.kind(Kind::RunEnd)) * next_real);
    }

    pub(crate) fn last_row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        checks.zero(row.cell(self.last) - row.cell(self.real));
    }

    /// Fills the columns of an event.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], header: &avouch_trace::Header, last: bool) {
        row[self.real] = Val::ONE;
        row[self.last] = Val::from_bool(last);
        for (column, limb) in self.limbs.iter().zip(header.encode().as_chunks::<2>().0) {
            row[*column] = Val::from_u16(u16::from_be_bytes(*limb));
        }
        row[self.kinds[header.kind as usize - 1]] = Val::ONE;
        row[self.decisions[header.decision as usize]] = Val::ONE;
        for (bit, column) in self.flags.iter().enumerate() {
            row[*column] = Val::from_bool(header.flags.bits() >> bit & 1 == 1);
        }
        if let Some(parent) = header.parent {
            row[self.has_parent] = Val::ONE;
            let seq = high_low(header.seq as u32);
            self.parent_is_earlier.fill(row, &high_low(parent), &seq);
        }
        if let Some(score) = header.score {
            row[self.score_known] = Val::ONE;
            self.score_fits
                .fill(row, &high_low(score), &high_low(MAX_SCORE));
        }
    }
}

pub(crate) const fn high_low(number: u32) -> [u32; 2] {
    [number >> 16, number & 0xffff]
}
