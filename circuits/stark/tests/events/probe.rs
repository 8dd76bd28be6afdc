//! Evaluates the events table's constraints over concrete rows, and keeps its messages.

use std::collections::BTreeMap;

use avouch_stark::Val;
use avouch_stark::bus::{BOUNDARY, GATE, LEAF, RANGE8};
use avouch_stark::events::EventsAir;
use p3_air::{Air, AirBuilder, BaseAir, RowWindow};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_lookup::{Count, InteractionBuilder};
use p3_matrix::Matrix;
use p3_matrix::dense::RowMajorMatrix;

type Messages = BTreeMap<Vec<u32>, Val>;

/// One pair of rows.
struct Probe<'a> {
    main: RowWindow<'a, Val>,
    none: RowWindow<'a, Val>,
    row: usize,
    height: usize,
    broken: usize,
    messages: &'a mut BTreeMap<String, Messages>,
}

impl<'a> AirBuilder for Probe<'a> {
    type F = Val;
    type Expr = Val;
    type Var = Val;
    type PreprocessedWindow = RowWindow<'a, Val>;
    type MainWindow = RowWindow<'a, Val>;
    type PublicVar = Val;
    type PeriodicVar = Val;

    fn main(&self) -> Self::MainWindow {
        self.main
    }
    fn preprocessed(&self) -> &Self::PreprocessedWindow {
        &self.none
    }
    fn is_first_row(&self) -> Val {
        Val::from_bool(self.row == 0)
    }
    fn is_last_row(&self) -> Val {
        Val::from_bool(self.row + 1 == self.height)
    }
    fn is_transition(&self) -> Val {
        Val::from_bool(self.row + 1 != self.height)
    }
    fn assert_zero<I: Into<Val>>(&mut self, x: I) {
        self.broken += usize::from(x.into() != Val::ZERO);
    }
}

impl InteractionBuilder for Probe<'_> {
    fn push_interaction<E: Into<Val>>(
        &mut self,
        bus: &str,
        fields: impl IntoIterator<Item = E>,
        count: impl Into<Count<Val>>,
    ) {
        let (count, weight) = count.into().into_parts();
        // The lookup argument takes the table's word for this.
        let weight = Val::from_u32(weight);
        self.broken += usize::from(count != Val::ZERO && count != weight && count != -weight);
        let fields = fields.into_iter().map(|field| field.into());
        let key = fields.map(|field: Val| field.as_canonical_u32()).collect();
        let bus = self.messages.entry(bus.to_owned()).or_default();
        *bus.entry(key).or_insert(Val::ZERO) += count;
    }

    fn push_local_interaction(&mut self, _: impl IntoIterator<Item = (Vec<Val>, Count<Val>)>) {
        self.broken += 1;
    }
}

/// What the other tables would answer.
pub struct Others<'a> {
    /// The events' bytes, which the leaves receive.
    pub headers: &'a [[u8; 80]],
    /// The slots of the incoming side, if the run does not begin here.
    pub incoming: Option<Vec<u16>>,
    /// The slots of the outgoing side, if the run does not end here.
    pub outgoing: Option<Vec<u16>>,
}

/// Evaluates one row with the one that follows it; gives how many constraints are broken.
fn judge_row(
    air: &EventsAir,
    trace: &RowMajorMatrix<Val>,
    row: usize,
    messages: &mut BTreeMap<String, Messages>,
) -> usize {
    let (width, height) = (trace.width(), trace.height());
    assert_eq!(width, BaseAir::<Val>::width(air));
    let at = |row: usize| &trace.values[row * width..][..width];
    let mut probe = Probe {
        main: RowWindow::from_two_rows(at(row), at((row + 1) % height)),
        none: RowWindow::from_two_rows(&[], &[]),
        row,
        height,
        broken: 0,
        messages,
    };
    air.eval(&mut probe);
    probe.broken
}

/// Forgets what any table of bytes answers, and what counts nothing.
fn only_open(messages: &mut BTreeMap<String, Messages>) {
    messages.remove("blind");
    for (bus, sent) in messages {
        sent.retain(|key, count| *count != Val::ZERO && (bus != RANGE8 || key[0] > 255));
    }
}

/// All that a change of one row can change: what is broken, and what other tables would see.
pub fn around(
    air: &EventsAir,
    trace: &RowMajorMatrix<Val>,
    row: usize,
) -> (usize, BTreeMap<String, BTreeMap<Vec<u32>, u32>>) {
    let mut messages = BTreeMap::new();
    let before = (row + trace.height() - 1) % trace.height();
    let broken = [before, row].map(|row| judge_row(air, trace, row, &mut messages));
    only_open(&mut messages);
    let plain = messages.into_iter().map(|(bus, sent)| {
        let sent = sent.into_iter();
        (
            bus,
            sent.map(|(key, count)| (key, count.as_canonical_u32()))
                .collect(),
        )
    });
    (broken.iter().sum(), plain.collect())
}

/// How many constraints are broken and messages unanswered; 0 when a proof could be made.
pub fn faults(air: &EventsAir, trace: &RowMajorMatrix<Val>, others: &Others<'_>) -> usize {
    let mut messages = BTreeMap::new();
    let rows = 0..trace.height();
    let mut faults = rows
        .map(|row| judge_row(air, trace, row, &mut messages))
        .sum();
    only_open(&mut messages);
    for (bus, sent) in &mut messages {
        match bus.as_str() {
            LEAF => {
                let first = air.segment().first as u32;
                for (index, header) in (first..).zip(others.headers) {
                    let limbs = header.as_chunks::<2>().0.iter();
                    let limbs = limbs.map(|limb| u32::from(u16::from_be_bytes(*limb)));
                    let key = [index].into_iter().chain(limbs).collect();
                    *sent.entry(key).or_insert(Val::ZERO) -= Val::ONE;
                }
            }
            BOUNDARY => {
                for (side, slots) in [(0, &others.incoming), (1, &others.outgoing)] {
                    for (slot, value) in (0..).zip(slots.iter().flatten()) {
                        let key = vec![side, slot, u32::from(*value)];
                        *sent.entry(key).or_insert(Val::ZERO) -= Val::ONE;
                    }
                }
            }
            bus => assert!([GATE, RANGE8].contains(&bus)),
        }
        faults += sent.values().filter(|count| **count != Val::ZERO).count();
    }
    faults
}
