//! The events table: one row for each event, with its header, the rules of a well-formed trace and
//! the registers of every claim.
//!
//! The claims are constants of the constraints, and only the columns that they need exist. What each
//! column is, and why each constraint is there, stands in `docs/stark.md`; what a claim means in
//! `docs/claims.md`. Every constraint is of degree four at most, with its selector.

mod amounts;
mod carried;
mod columns;
mod course;
mod gates;
mod header;
mod matching;
mod names;
mod order;
mod scores;
mod tally;
mod terms;
#[cfg(feature = "prove")]
mod trace;
mod votes;

use alloc::vec;
use alloc::vec::Vec;

use avouch_claims::{Claims, GATE_REACH};
use p3_air::{Air, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use crate::blind::{self, Blinded};
use crate::bus::{BOUNDARY, INCOMING, LEAF, OUTGOING, RANGE8};
use crate::{MAX_EVENTS, Val};
use carried::Carried;
use columns::{Checks, Column, Columns, Row};
use gates::{GateColumns, REACH, gate_slots};
use header::HeaderColumns;
use matching::Matching;
use terms::{ClaimColumns, Layout};
#[cfg(feature = "prove")]
pub use trace::{EventsWitness, Memory};

/// Which events of a run a proof (or one segment of it) is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The index in the run of the first event here.
    pub first: u64,
    /// How many events are here, at least 1.
    pub count: u64,
    /// How many events the run has.
    pub size: u64,
}

impl Segment {
    /// Whether the run begins here, so that the incoming state is the fixed first one.
    pub const fn is_first(&self) -> bool {
        self.first == 0
    }

    /// Whether the run ends here, so that the outgoing state is final and decides.
    pub const fn is_last(&self) -> bool {
        self.first + self.count == self.size
    }

    fn check(&self) -> Result<(), SegmentError> {
        if self.size > MAX_EVENTS {
            return Err(SegmentError::TooManyEvents(self.size));
        }
        let end = self.first.checked_add(self.count);
        if self.count == 0 || end.is_none_or(|end| end > self.size) {
            return Err(SegmentError::Outside);
        }
        // Then the gates that cross a boundary are all from the one segment before it.
        if !self.is_last() && self.count < GATE_REACH || !self.is_first() && self.first < GATE_REACH
        {
            return Err(SegmentError::TooShort);
        }
        Ok(())
    }
}

/// Segments that nothing can be proven about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Sums of so many events could wrap.
    #[error("a run of {0} events is too long to prove: at most {MAX_EVENTS}")]
    TooManyEvents(u64),
    /// It is empty, or not inside the run.
    #[error("the segment is empty or reaches beyond the run")]
    Outside,
    /// An approval could come from two segments before.
    #[error("every segment but the last must have at least {GATE_REACH} events")]
    TooShort,
}

/// The constraints of the events table for these claims and this segment.
#[derive(Clone, Debug)]
pub struct EventsAir {
    claims: Claims,
    segment: Segment,
    columns: Columns,
    header: HeaderColumns,
    matching: Matching,
    carried: Carried,
    gates: Option<GateColumns>,
    terms: Vec<ClaimColumns>,
    /// 1 on the first row; there when something comes in.
    first: Option<Column>,
    /// Where the blinding begins.
    blinding: Column,
}

impl EventsAir {
    /// The table for these claims over this segment.
    pub fn new(claims: &Claims, segment: Segment) -> Result<Self, SegmentError> {
        segment.check()?;
        let mut columns = Columns::default();
        let header = HeaderColumns::new(&mut columns);
        let mut matching = Matching::default();
        let mut carried = Carried::new(segment);
        let mut gates = None;
        let mut layout = Layout {
            columns: &mut columns,
            carried: &mut carried,
            matching: &mut matching,
            header: &header,
            gates: &mut gates,
        };
        let list = claims.as_slice().iter().enumerate();
        let terms = list
            .map(|(place, claim)| ClaimColumns::new(&mut layout, place, claim))
            .collect();
        if let Some(gates) = &mut gates {
            gates.first_slot = carried.slots();
        }
        let first = (!segment.is_first()).then(|| columns.one());
        let [blinding, ..] = columns.array::<{ blind::WIDTH }>();
        Ok(Self {
            claims: claims.clone(),
            segment,
            columns,
            header,
            matching,
            carried,
            gates,
            terms,
            first,
            blinding,
        })
    }

    /// The claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The events here.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// How many 16-bit slots cross a boundary; the same for every segment of a run.
    pub fn boundary_len(&self) -> usize {
        let window = self
            .gates
            .as_ref()
            .map_or(0, |gates| REACH * gate_slots(gates.uses.len()));
        self.carried.slots() + window
    }

    fn constrain<AB: InteractionBuilder<F = Val>>(
        &self,
        builder: &mut AB,
        row: &Row<'_, AB>,
        next: &Row<'_, AB>,
    ) {
        let checks = &mut Checks::always(builder);
        self.header.row(checks, row, &self.segment);
        self.matching.row(checks, row);
        let last = row.cell(self.header.last);
        for claim in &self.terms {
            claim.terms.row(checks, row);
            claim.terms.finish(checks, row, &last);
        }
        self.gates.iter().for_each(|gates| gates.row(checks, row));
        let checks = &mut Checks::on_first_row(builder);
        self.header.first_row(checks, row, &self.segment);
        self.step(checks, None, row);
        if let Some(first) = self.first {
            checks.zero(row.cell(first) - AB::Expr::ONE);
            for bit in self.carried.incoming.iter().flat_map(|slot| slot.bits()) {
                checks.bit(row.cell(*bit));
            }
        }
        let checks = &mut Checks::on_transition(builder);
        self.header.transition(checks, row, next);
        self.step(checks, Some(row), next);
        if let Some(first) = self.first {
            checks.zero(next.cell(first));
        }
        self.header.last_row(&mut Checks::on_last_row(builder), row);
    }

    fn step<AB: InteractionBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        for claim in &self.terms {
            claim.terms.step(checks, previous, row);
        }
        if let Some(gates) = &self.gates {
            gates.step(checks, previous, row);
        }
    }

    fn send<AB: InteractionBuilder<F = Val>>(&self, builder: &mut AB, row: &Row<'_, AB>) {
        let mut leaf = vec![row.value(&self.header.seq())];
        leaf.extend(row.values(&self.header.all_limbs()));
        let real = row.cell(self.header.real);
        builder.push_interaction(LEAF, leaf, Count::bounded(real, 1));
        for range in &self.columns.ranges {
            let count = Count::bounded(row.value(&range.count), 1);
            builder.push_interaction(RANGE8, [row.value(&range.value)], count);
        }
        let incoming = self.carried.incoming.iter().map(|slot| slot.value());
        let sides = [
            (INCOMING, self.first, incoming.collect::<Vec<_>>()),
            (
                OUTGOING,
                Some(self.header.last),
                self.carried.outgoing.clone(),
            ),
        ];
        for (side, when, values) in sides {
            let Some(when) = when else { continue };
            for (slot, value) in values.iter().enumerate() {
                let (side, slot) = (AB::Expr::from_u32(side), AB::Expr::from_usize(slot));
                let count = Count::bounded(row.cell(when), 1);
                builder.push_interaction(BOUNDARY, [side, slot, row.value(value)], count);
            }
        }
        self.gates.iter().for_each(|gates| gates.send(builder, row));
    }
}

impl BaseAir<Val> for EventsAir {
    fn width(&self) -> usize {
        self.columns.width
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for EventsAir {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let row = Row::<AB>(main.current_slice());
        let next = Row::<AB>(main.next_slice());
        self.constrain(builder, &row, &next);
        self.send(builder, &row);
        blind::eval(builder, &row.0[self.blinding..], Blinded::Events);
    }
}
