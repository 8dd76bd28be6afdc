//! Scores of matching events: `threshold`'s range and `oversight`'s bar.

use avouch_trace::MAX_SCORE;
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::columns::{Bytes, Checks, Column, Columns, Linear, Row};
use super::header::HeaderColumns;
use crate::Val;

/// `threshold(min, max)`: how far the score lies above min and below max, each three bytes. A known
/// score is below 2^20, so a negative distance is never three bytes.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    matching: Linear,
    score: Linear,
    known: Linear,
    above: Option<(u32, Bytes)>,
    below: Option<(u32, Bytes)>,
}

impl Threshold {
    pub(crate) fn new(
        columns: &mut Columns,
        header: &HeaderColumns,
        matching: &Linear,
        (min, max): (u32, u32),
    ) -> Self {
        Self {
            matching: matching.clone(),
            score: header.score(),
            known: Linear::of(header.score_known),
            above: (min > 0).then(|| (min, columns.bytes(3, matching))),
            below: (max < MAX_SCORE).then(|| (max, columns.bytes(3, matching))),
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let matching = row.value(&self.matching);
        checks.zero(matching.clone() * (AB::Expr::ONE - row.value(&self.known)));
        for (bound, sign) in [(&self.above, Val::ONE), (&self.below, -Val::ONE)] {
            if let Some((bound, bytes)) = bound {
                let distance = (row.value(&self.score) - Val::from_u32(*bound)) * sign;
                checks.zero(matching.clone() * distance - row.value(&bytes.number()));
            }
        }
    }

    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], score: Option<u32>) {
        if self.matching.at(row) == Val::ZERO {
            return;
        }
        let score = score.unwrap_or(u32::MAX);
        if let Some((min, bytes)) = &self.above {
            bytes.fill(row, u64::from(score.wrapping_sub(*min)));
        }
        if let Some((max, bytes)) = &self.below {
            bytes.fill(row, u64::from(max.wrapping_sub(score)));
        }
    }
}

/// `oversight`'s bar: which matching events are at or above it.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    matching: Linear,
    score: Linear,
    known: Linear,
    bar: u32,
    /// Absent when every score reaches the bar.
    above: Option<(Column, Bytes)>,
}

impl Bar {
    pub(crate) fn new(
        columns: &mut Columns,
        header: &HeaderColumns,
        matching: &Linear,
        bar: u32,
    ) -> Self {
        Self {
            matching: matching.clone(),
            score: header.score(),
            known: Linear::of(header.score_known),
            bar,
            above: (bar > 0).then(|| (columns.one(), columns.bytes(3, matching))),
        }
    }

    /// 1 on the matching events at or above the bar.
    pub(crate) fn above(&self) -> Linear {
        match &self.above {
            Some((above, _)) => Linear::of(*above),
            None => self.matching.clone(),
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let matching = row.value(&self.matching);
        checks.zero(matching.clone() * (AB::Expr::ONE - row.value(&self.known)));
        let Some((above, bytes)) = &self.above else {
            return;
        };
        let above = row.cell(*above);
        checks.bit(above.clone());
        checks.zero(above.clone() * (AB::Expr::ONE - matching.clone()));
        let over = row.value(&self.score) - Val::from_u32(self.bar);
        let under = -over.clone() - AB::Expr::ONE;
        let distance = above.clone() * over + (matching - above) * under;
        checks.zero(distance - row.value(&bytes.number()));
    }

    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], score: Option<u32>) {
        let Some((above, bytes)) = &self.above else {
            return;
        };
        if self.matching.at(row) == Val::ZERO {
            return;
        }
        let score = score.unwrap_or(u32::MAX);
        let is_above = score >= self.bar;
        row[*above] = Val::from_bool(is_above);
        let distance = match is_above {
            true => score - self.bar,
            false => self.bar - 1 - score,
        };
        bytes.fill(row, u64::from(distance));
    }
}
