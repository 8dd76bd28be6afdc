//! Registers: numbers that one event leaves to the next, and a segment to the one that follows it.

use alloc::vec;
use alloc::vec::Vec;

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::Segment;
use super::columns::{Column, Columns, Linear, Row};
use crate::Val;

/// Where a register's parts are: after the row's event, and before the first row's.
#[derive(Clone, Debug)]
pub(crate) struct Start<const N: usize> {
    current: [Linear; N],
    first: [Linear; N],
}

impl<const N: usize> Start<N> {
    /// The parts before this row's event: those after the previous one's, or at the start.
    pub(crate) fn before<AB: AirBuilder<F = Val>>(
        &self,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) -> [AB::Expr; N] {
        match previous {
            Some(previous) => self.current.each_ref().map(|part| previous.value(part)),
            None => self.first.each_ref().map(|part| row.value(part)),
        }
    }
}

/// One 16-bit slot of a boundary: the columns that hold its value, or its bits.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    columns: Vec<Column>,
}

impl Incoming {
    pub(crate) fn value(&self) -> Linear {
        Linear::digits(&self.columns, 2)
    }

    /// The columns that must be bits, if the slot is one of bits.
    pub(crate) fn bits(&self) -> &[Column] {
        match self.columns.len() {
            1 => &[],
            _ => &self.columns,
        }
    }

    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], value: u16) {
        match self.columns.as_slice() {
            [column] => row[*column] = Val::from_u16(value),
            bits => bits.iter().enumerate().for_each(|(bit, column)| {
                row[*column] = Val::from_bool(value >> bit & 1 == 1);
            }),
        }
    }
}

/// All registers, in the order of the claims, and what crosses the segment's two sides.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) segment: Segment,
    /// How many slots each register takes.
    pub(crate) widths: Vec<usize>,
    /// What each register is before a run's first event.
    pub(crate) initial: Vec<u64>,
    /// The slots of the incoming side; empty where the run begins.
    pub(crate) incoming: Vec<Incoming>,
    /// The slots of the outgoing side; empty where the run ends.
    pub(crate) outgoing: Vec<Linear>,
    /// The upper halves of the outgoing numbers: filled on the last event's row.
    pub(crate) halves: Vec<(Linear, Column)>,
}

impl Carried {
    pub(crate) fn new(segment: Segment) -> Self {
        Self {
            segment,
            widths: Vec::new(),
            initial: Vec::new(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            halves: Vec::new(),
        }
    }

    /// How many slots all registers take.
    pub(crate) fn slots(&self) -> usize {
        self.widths.iter().sum()
    }

    fn come_in(&mut self, columns: Vec<Column>) {
        self.incoming.push(Incoming { columns });
    }

    /// A register that is one element of the field, below 2^31.
    pub(crate) fn number(
        &mut self,
        columns: &mut Columns,
        current: Linear,
        initial: u32,
    ) -> Start<1> {
        self.widths.push(2);
        self.initial.push(u64::from(initial));
        let mut first = Linear::constant(initial);
        if !self.segment.is_first() {
            let parts = columns.array::<2>();
            parts.iter().for_each(|part| self.come_in(vec![*part]));
            first = Linear::digits(&parts, 1 << 16);
        }
        if !self.segment.is_last() {
            let high = columns.one();
            let low = current
                .clone()
                .minus(&Linear::of(high).times(Val::from_u32(1 << 16)));
            self.outgoing.extend([low, Linear::of(high)]);
            self.halves.push((current.clone(), high));
        }
        Start {
            current: [current],
            first: [first],
        }
    }

    /// A register of 64 bits in four limbs, the lowest first.
    pub(crate) fn limbs(
        &mut self,
        columns: &mut Columns,
        current: [Linear; 4],
        initial: u64,
    ) -> Start<4> {
        self.widths.push(4);
        self.initial.push(initial);
        let mut first = super::columns::limbs_of(initial).map(Linear::constant);
        if !self.segment.is_first() {
            let parts = columns.array::<4>();
            parts.iter().for_each(|part| self.come_in(vec![*part]));
            first = parts.map(Linear::of);
        }
        if !self.segment.is_last() {
            self.outgoing.extend(current.clone());
        }
        Start { current, first }
    }

    /// A register of bits, all 0 at the start.
    pub(crate) fn bits(&mut self, columns: &mut Columns, current: &[Column]) -> Vec<Start<1>> {
        self.widths.push(current.len().div_ceil(16));
        self.initial.push(0);
        let mut before = Vec::new();
        for chunk in current.chunks(16) {
            if !self.segment.is_first() {
                let bits = columns.many(chunk.len());
                before.extend(&bits);
                self.come_in(bits);
            }
            if !self.segment.is_last() {
                self.outgoing.push(Linear::digits(chunk, 2));
            }
        }
        let first = |bit: usize| before.get(bit).copied().map_or(Linear::zero(), Linear::of);
        let starts = current.iter().enumerate().map(|(bit, column)| Start {
            current: [Linear::of(*column)],
            first: [first(bit)],
        });
        starts.collect()
    }
}
