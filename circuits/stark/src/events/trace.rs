//! Makes the events table's rows, and what the next segment has to remember.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use avouch_claims::Claim;
use avouch_trace::{Header, NameId};
use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;

use super::columns::limbs_of;
use super::gates::REACH;
use super::names::id_limbs;
use super::{EventsAir, SegmentError};
use crate::bus::{ByteCounts, rows_for};
use crate::{Val, blind};

/// What one segment leaves to the next: every claim's registers, and the gates of the last 255
/// events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub(crate) registers: Vec<u64>,
    /// The oldest first: who it is for, and for which gated claims it is open and not taken.
    pub(crate) gates: Vec<(NameId, u64)>,
}

/// The events table, filled.
#[derive(Clone, Debug)]
pub struct EventsWitness {
    /// The rows.
    pub trace: RowMajorMatrix<Val>,
    /// How often each byte was sent.
    pub bytes: ByteCounts,
    /// What the next segment starts from.
    pub after: Memory,
}

impl EventsAir {
    /// What a run's first segment starts from.
    pub fn start(&self) -> Memory {
        Memory {
            registers: self.carried.initial.clone(),
            gates: vec![(NameId::NONE, 0); REACH],
        }
    }

    /// A memory as the 16-bit slots of a boundary, `boundary_len` of them.
    pub fn slots(&self, memory: &Memory) -> Vec<u16> {
        let registers = memory.registers.iter().zip(&self.carried.widths);
        let mut slots: Vec<u16> = registers
            .flat_map(|(number, width)| limbs_of(*number).into_iter().take(*width))
            .map(|limb| limb as u16)
            .collect();
        if let Some(gates) = &self.gates {
            let words = gates.uses.len().div_ceil(16);
            for (subject, free) in &memory.gates {
                slots.extend(id_limbs(subject).map(|limb| limb as u16));
                slots.extend(limbs_of(*free).map(|limb| limb as u16).iter().take(words));
            }
        }
        slots
    }

    /// Each claim's registers as the evaluator has them ([`avouch_claims::Register`], in the order of
    /// their members, but for the gates used); `None` for counts on which nothing depends.
    pub fn remembered(&self, memory: &Memory) -> Vec<Option<Vec<u64>>> {
        let claims = self.claims.as_slice().iter().zip(&self.terms);
        let numbers = claims.map(|(claim, columns)| {
            let numbers = memory.registers.get(columns.registers.clone())?;
            let left_of = |max: u64, remaining: u64| max.wrapping_sub(remaining);
            match (claim, numbers) {
                (_, []) => None,
                (Claim::Spend { max }, [remaining]) => Some(vec![left_of(*max, *remaining)]),
                (Claim::Budget { .. }, [left]) => Some(vec![*left, 0]),
                (Claim::Budget { max_raise, .. }, [remaining, left]) => {
                    Some(vec![*left, left_of(*max_raise, *remaining)])
                }
                (Claim::Consensus { .. }, [voted, allow]) => Some(vec![*voted, *allow, 0, 0]),
                (_, numbers) => Some(numbers.to_vec()),
            }
        });
        numbers.collect()
    }

    /// The rows for this segment's headers. They are made for false claims too, as far as they go:
    /// whoever proves asks the evaluator first.
    ///
    /// # Errors
    /// [`SegmentError::Outside`] when there are not as many headers as the segment has.
    pub fn witness(
        &self,
        headers: &[Header],
        before: &Memory,
        blinding: &[Val; blind::WIDTH],
    ) -> Result<EventsWitness, SegmentError> {
        if headers.len() as u64 != self.segment.count {
            return Err(SegmentError::Outside);
        }
        let width = self.columns.width;
        let mut values = Val::zero_vec(rows_for(headers.len()) * width);
        let mut registers = before.registers.clone();
        let mut rows = values.chunks_exact_mut(width);
        let last = headers.len() - 1;
        for (index, header) in headers.iter().enumerate() {
            let Some(row) = rows.next() else { break };
            self.header.fill(row, header, index == last);
            self.fill_derived(row);
            for claim in &self.terms {
                let numbers = &mut registers[claim.registers.clone()];
                claim.terms.fill(row, numbers, header, index == last);
            }
            self.gates.iter().for_each(|gates| gates.fill(row));
        }
        let mut padding = registers.clone();
        for row in rows {
            self.fill_derived(row);
            for claim in &self.terms {
                claim.terms.pad(row, &mut padding[claim.registers.clone()]);
            }
        }
        let gates = self.fill_gates(&mut values, headers, before);
        self.fill_boundary(&mut values, before, last);
        values[self.blinding..][..blind::WIDTH].copy_from_slice(blinding);
        let bytes = self.count_bytes(&values);
        Ok(EventsWitness {
            trace: RowMajorMatrix::new(values, width),
            bytes,
            after: Memory { registers, gates },
        })
    }

    fn fill_derived(&self, row: &mut [Val]) {
        for claim in &self.terms {
            claim.terms.fill_early(row);
        }
        self.matching.fill(row);
    }

    /// Fills which gates are taken, here and in the window before, and gives the window after.
    fn fill_gates(
        &self,
        values: &mut [Val],
        headers: &[Header],
        before: &Memory,
    ) -> Vec<(NameId, u64)> {
        let Some(gates) = &self.gates else {
            return before.gates.clone();
        };
        let width = self.columns.width;
        let first = self.segment.first;
        let taken = self.taken(headers);
        for (row, number) in values.chunks_exact_mut(width).zip(0_u64..) {
            for (place, uses) in gates.uses.iter().enumerate() {
                row[uses.taken] = Val::from_bool(taken.contains(&(place, first + number)));
            }
            if (number as usize) < headers.len() {
                gates.fill_after(row, first + number);
            }
        }
        if let Some(window) = &gates.before {
            let rows = values.chunks_exact_mut(width).enumerate();
            for (number, row) in rows {
                row[window.row] = Val::from_usize(number);
                let Some((subject, free)) = before.gates.get(number) else {
                    continue;
                };
                row[window.inside] = Val::ONE;
                for (column, limb) in window.subject.iter().zip(id_limbs(subject)) {
                    row[*column] = Val::from_u32(limb);
                }
                let seq = first - REACH as u64 + number as u64;
                for (place, uses) in gates.uses.iter().enumerate() {
                    if let (Some(was_free), Some(is_taken)) = (uses.free_before, uses.taken_before)
                    {
                        row[was_free] = Val::from_bool(free >> place & 1 == 1);
                        row[is_taken] = Val::from_bool(taken.contains(&(place, seq)));
                    }
                }
            }
        }
        let mut after = before.gates.clone();
        for (row, header) in values.chunks_exact(width).zip(headers) {
            // What the row's own columns say, as the constraints compare the boundary with those.
            let free = gates.uses.iter().enumerate().map(|(place, uses)| {
                let free = uses.open.at(row) - row[uses.taken] == Val::ONE;
                u64::from(free) << place
            });
            after.push((header.subject, free.sum()));
        }
        after.split_off(after.len() - REACH)
    }

    /// Which gates events take: the claim's place among the gated ones, and the gate's seq.
    fn taken(&self, headers: &[Header]) -> BTreeSet<(usize, u64)> {
        let mut taken = BTreeSet::new();
        let claims = self.claims.as_slice().iter().zip(&self.terms);
        for (claim, columns) in claims {
            let Some(place) = columns.terms.gate_place() else {
                continue;
            };
            let needs = |header: &&Header| {
                let matches = claim.filter().is_some_and(|filter| filter.matches(header));
                matches
                    && match claim {
                        Claim::Oversight { score, .. } => header.score >= Some(*score),
                        _ => true,
                    }
            };
            let parents = headers
                .iter()
                .filter(needs)
                .filter_map(|header| header.parent);
            taken.extend(parents.map(|parent| (place, u64::from(parent))));
        }
        taken
    }

    fn fill_boundary(&self, values: &mut [Val], before: &Memory, last: usize) {
        let width = self.columns.width;
        if let (Some(first), Some(row)) = (self.first, values.get_mut(..width)) {
            row[first] = Val::ONE;
            let slots = self.slots(before);
            for (slot, value) in self.carried.incoming.iter().zip(slots) {
                slot.fill(row, value);
            }
        }
        if let Some(row) = values.chunks_exact_mut(width).nth(last) {
            for (number, high) in &self.carried.halves {
                let number = number.at(row).as_canonical_u32();
                row[*high] = Val::from_u32(number >> 16);
            }
        }
    }

    fn count_bytes(&self, values: &[Val]) -> ByteCounts {
        let mut bytes = ByteCounts::default();
        for row in values.chunks_exact(self.columns.width) {
            for range in &self.columns.ranges {
                if range.count.at(row) != Val::ZERO {
                    // Anything larger is a lie, which no table of bytes answers.
                    let value = range.value.at(row).as_canonical_u32();
                    if let Ok(byte) = u8::try_from(value) {
                        bytes.send(byte);
                    }
                }
            }
        }
        bytes
    }
}
