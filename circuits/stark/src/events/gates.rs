//! `gated` and `oversight`: each event that must have been allowed takes a gate of its own off the
//! bus [`crate::bus::GATE`], where each gate puts itself at most once for each claim.

use alloc::vec;
use alloc::vec::Vec;

use avouch_claims::GATE_REACH;
use avouch_trace::{Flags, Kind};
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use super::Segment;
use super::columns::{Checks, Column, Columns, Linear, Row};
use super::header::HeaderColumns;
use super::matching::Matching;
use crate::Val;
use crate::bus::{BOUNDARY, GATE, INCOMING, OUTGOING};

/// How many gates cross a boundary.
pub(crate) const REACH: usize = GATE_REACH as usize;
/// How many 16-bit slots a subject takes.
const SUBJECT_SLOTS: usize = 8;

/// One claim's side of it.
#[derive(Clone, Debug)]
pub(crate) struct Uses {
    /// Which claim, by its place among all.
    claim: u32,
    /// 1 on the events that must have been allowed.
    needs: Linear,
    /// 1 on the events that can allow them.
    pub(crate) open: Linear,
    /// Whether this event is a gate that a later event here takes.
    pub(crate) taken: Column,
    /// The same of a gate of the segment before, on the first rows.
    pub(crate) taken_before: Option<Column>,
    /// Whether that gate was open and not taken yet.
    pub(crate) free_before: Option<Column>,
    /// Whether this gate is open and not taken, for the segment that follows.
    free_after: Option<Column>,
}

/// The window's columns at a segment's start.
#[derive(Clone, Debug)]
pub(crate) struct WindowBefore {
    /// The row's number.
    pub(crate) row: Column,
    /// 1 on as many rows as the window has gates.
    pub(crate) inside: Column,
    pub(crate) subject: [Column; SUBJECT_SLOTS],
}

/// What all gated and oversight claims of a conjunction share.
#[derive(Clone, Debug)]
pub(crate) struct GateColumns {
    real: Linear,
    seq: Linear,
    parent: Linear,
    has_parent: Linear,
    subject: [Linear; 8],
    /// Shows that a subject is not the zero id.
    subject_inverse: Column,
    open: [Linear; 2],
    pub(crate) uses: Vec<Uses>,
    pub(crate) before: Option<WindowBefore>,
    /// 1 on the rows whose gates the next segment gets.
    inside_after: Option<Column>,
    segment: Segment,
    /// Where the window's slots begin, once all registers have theirs.
    pub(crate) first_slot: usize,
}

/// How many slots one gate of the window takes.
pub(crate) const fn gate_slots(claims: usize) -> usize {
    SUBJECT_SLOTS + claims.div_ceil(16)
}

impl GateColumns {
    pub(crate) fn new(
        columns: &mut Columns,
        matching: &mut Matching,
        header: &HeaderColumns,
        segment: Segment,
    ) -> Self {
        let approval = header.kind(Kind::ApprovalGiven);
        let any = header.kind(Kind::PolicyDecision).plus(&approval);
        let human = vec![approval, header.flag(Flags::HUMAN), header.allows()];
        Self {
            real: header.real(),
            seq: header.seq(),
            parent: header.parent(),
            has_parent: Linear::of(header.has_parent),
            subject: header.subject(),
            subject_inverse: columns.one(),
            open: [
                matching.all(columns, vec![any, header.allows()]),
                matching.all(columns, human),
            ],
            uses: Vec::new(),
            before: (!segment.is_first()).then(|| WindowBefore {
                row: columns.one(),
                inside: columns.one(),
                subject: columns.array(),
            }),
            inside_after: (!segment.is_last()).then(|| columns.one()),
            segment,
            first_slot: 0,
        }
    }

    /// Adds a claim, and gives its place among the gated and oversight claims.
    pub(crate) fn claim(
        &mut self,
        columns: &mut Columns,
        claim: usize,
        needs: Linear,
        by_human: bool,
    ) -> usize {
        // A parent is earlier; this is a byte only when it is at most 255 events earlier.
        columns.range(&needs, self.seq.clone().minus(&self.parent));
        let before = self.before.is_some();
        self.uses.push(Uses {
            claim: claim as u32,
            needs,
            open: self.open[usize::from(by_human)].clone(),
            taken: columns.one(),
            taken_before: before.then(|| columns.one()),
            free_before: before.then(|| columns.one()),
            free_after: self.inside_after.map(|_| columns.one()),
        });
        self.uses.len() - 1
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let subject = self.subject.iter().fold(Linear::zero(), Linear::plus);
        let someone = row.value(&subject) * row.cell(self.subject_inverse);
        for uses in &self.uses {
            let needs = row.value(&uses.needs);
            checks.zero(needs.clone() * (AB::Expr::ONE - row.value(&self.has_parent)));
            checks.zero(needs * (someone.clone() - AB::Expr::ONE));
            let taken = row.cell(uses.taken);
            checks.bit(taken.clone());
            checks.zero(taken.clone() * (AB::Expr::ONE - row.value(&uses.open)));
            if let Some(free) = uses.free_after {
                checks.zero(row.cell(free) - row.value(&uses.open) + taken);
            }
            if let (Some(taken), Some(free)) = (uses.taken_before, uses.free_before) {
                let (taken, free) = (row.cell(taken), row.cell(free));
                checks.bit(taken.clone());
                checks.bit(free.clone());
                checks.zero(taken * (AB::Expr::ONE - free));
            }
        }
        if let Some(before) = &self.before {
            let outside = AB::Expr::ONE - row.cell(before.inside);
            checks.bit(row.cell(before.inside));
            // Only what came over the boundary can be taken.
            for free in self.uses.iter().filter_map(|uses| uses.free_before) {
                checks.zero(outside.clone() * row.cell(free));
            }
        }
        if let Some(inside) = self.inside_after {
            checks.bit(row.cell(inside));
            // Padding has a seq too, 0.
            checks.zero(row.cell(inside) * (AB::Expr::ONE - row.value(&self.real)));
        }
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        if let Some(before) = &self.before {
            let number = row.cell(before.row);
            checks.zero(match previous {
                None => number,
                Some(previous) => number - previous.cell(before.row) - AB::Expr::ONE,
            });
        }
    }

    /// The messages: gates and their uses, and the window over both sides.
    pub(crate) fn send<AB: InteractionBuilder<F = Val>>(
        &self,
        builder: &mut AB,
        row: &Row<'_, AB>,
    ) {
        let subject = row.values(&self.subject);
        let gate = |claim: u32, seq: AB::Expr, subject: &[AB::Expr]| {
            let mut fields = vec![AB::Expr::from_u32(claim), seq];
            fields.extend_from_slice(subject);
            fields
        };
        for uses in &self.uses {
            let sent = gate(uses.claim, row.value(&self.seq), &subject);
            builder.push_interaction(GATE, sent, Count::bounded(row.cell(uses.taken), 1));
            let received = gate(uses.claim, row.value(&self.parent), &subject);
            let count = Count::bounded(-row.value(&uses.needs), 1);
            builder.push_interaction(GATE, received, count);
        }
        let free = |columns: fn(&Uses) -> Option<Column>| -> Vec<Column> {
            self.uses.iter().filter_map(columns).collect()
        };
        if let Some(before) = &self.before {
            let number = row.cell(before.row);
            // The oldest gate first.
            let oldest = Val::from_u32((self.segment.first - GATE_REACH) as u32);
            let subject = before.subject.map(|limb| row.cell(limb));
            for uses in &self.uses {
                if let Some(taken) = uses.taken_before {
                    let sent = gate(uses.claim, number.clone() + oldest, &subject);
                    builder.push_interaction(GATE, sent, Count::bounded(row.cell(taken), 1));
                }
            }
            let free = free(|uses| uses.free_before);
            self.cross(
                builder,
                row,
                (INCOMING, before.inside),
                number,
                &subject,
                &free,
            );
        }
        if let Some(inside) = self.inside_after {
            let oldest = self.segment.first + self.segment.count - GATE_REACH;
            let number = row.value(&self.seq) - Val::from_u32(oldest as u32);
            let free = free(|uses| uses.free_after);
            self.cross(builder, row, (OUTGOING, inside), number, &subject, &free);
        }
    }

    fn cross<AB: InteractionBuilder<F = Val>>(
        &self,
        builder: &mut AB,
        row: &Row<'_, AB>,
        (side, inside): (u32, Column),
        number: AB::Expr,
        subject: &[AB::Expr],
        free: &[Column],
    ) {
        let words = free
            .chunks(16)
            .map(|bits| row.value(&Linear::digits(bits, 2)));
        let values: Vec<_> = subject.iter().cloned().chain(words).collect();
        let first = number * Val::from_usize(values.len()) + Val::from_usize(self.first_slot);
        for (at, value) in values.into_iter().enumerate() {
            let slot = first.clone() + Val::from_usize(at);
            let fields = [AB::Expr::from_u32(side), slot, value];
            builder.push_interaction(BOUNDARY, fields, Count::bounded(row.cell(inside), 1));
        }
    }

    /// Fills what this event's row says of gates, but for whether its own is taken.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val]) {
        let subject = self.subject.iter().fold(Linear::zero(), Linear::plus);
        row[self.subject_inverse] = super::columns::inverse_or_zero(subject.at(row));
    }

    /// Fills what the next segment gets, once it is known which gates are taken.
    #[cfg(feature = "prove")]
    pub(crate) fn fill_after(&self, row: &mut [Val], seq: u64) {
        let Some(inside) = self.inside_after else {
            return;
        };
        let end = self.segment.first + self.segment.count;
        row[inside] = Val::from_bool(seq + GATE_REACH >= end);
        for uses in &self.uses {
            if let Some(free) = uses.free_after {
                row[free] = uses.open.at(row) - row[uses.taken];
            }
        }
    }
}
