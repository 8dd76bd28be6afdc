//! Counting matches: `count`, and every `min_matches`.

use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::carried::Start;
use super::columns::{Bytes, Checks, Column, Columns, Linear, Row};
use super::header::HeaderColumns;
use crate::Val;

/// How many matches there must be by the end.
#[derive(Clone, Debug)]
enum Bound {
    /// Exactly so many.
    Exactly(u32),
    /// At least one: the number has an inverse.
    Some(Column),
    /// The number above the least, and below the most, each three bytes.
    Between(Option<(u32, Bytes)>, Option<(u32, Bytes)>),
    /// No number of events in this run is enough.
    Never,
}

/// The number of matching events so far, there only when something depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) matching: Linear,
    counted: Option<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    matches: Column,
    start: Start<1>,
    /// Only where the run ends.
    bound: Option<Bound>,
}

impl Tally {
    pub(crate) fn new(
        columns: &mut Columns,
        start: &mut super::carried::Carried,
        header: &HeaderColumns,
        matching: Linear,
        (min, max): (u64, u64),
    ) -> Self {
        let size = start.segment.size;
        if min == 0 && max >= size {
            return Self {
                matching,
                counted: None,
            };
        }
        let matches = columns.one();
        let bound = start.segment.is_last().then(|| {
            if min > size {
                return Bound::Never;
            }
            let last = header.last();
            match (min as u32, max) {
                (min, max) if u64::from(min) == max => Bound::Exactly(min),
                (1, max) if max >= size => Bound::Some(columns.one()),
                (min, max) => Bound::Between(
                    (min > 0).then(|| (min, columns.bytes(3, &last))),
                    (max < size).then(|| (max as u32, columns.bytes(3, &last))),
                ),
            }
        });
        let start = start.number(columns, Linear::of(matches), 0);
        Self {
            matching,
            counted: Some(Counted {
                matches,
                start,
                bound,
            }),
        }
    }

    /// `previous` is there on transitions; on the first row, the start is.
    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        if let Some(counted) = &self.counted {
            let [before] = counted.start.before(previous, row);
            checks.zero(row.cell(counted.matches) - before - row.value(&self.matching));
        }
    }

    pub(crate) fn finish<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        last: &AB::Expr,
    ) {
        let Some(counted) = &self.counted else { return };
        let matches = row.cell(counted.matches);
        match &counted.bound {
            None => {}
            Some(Bound::Never) => checks.zero(last.clone()),
            Some(Bound::Exactly(number)) => {
                checks.zero(last.clone() * (matches - Val::from_u32(*number)));
            }
            Some(Bound::Some(inverse)) => {
                checks.zero(last.clone() - matches * row.cell(*inverse));
            }
            Some(Bound::Between(least, most)) => {
                for (bound, sign) in [(least, Val::ONE), (most, -Val::ONE)] {
                    if let Some((bound, bytes)) = bound {
                        let beyond = (matches.clone() - Val::from_u32(*bound)) * sign;
                        checks.zero(last.clone() * beyond - row.value(&bytes.number()));
                    }
                }
            }
        }
    }

    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], matches: u64, last: bool) {
        let Some(counted) = &self.counted else { return };
        let matches = matches as u32;
        row[counted.matches] = Val::from_u32(matches);
        if !last {
            return;
        }
        match &counted.bound {
            Some(Bound::Some(inverse)) => {
                row[*inverse] = super::columns::inverse_or_zero(Val::from_u32(matches));
            }
            Some(Bound::Between(least, most)) => {
                if let Some((bound, bytes)) = least {
                    bytes.fill(row, u64::from(matches.wrapping_sub(*bound)));
                }
                if let Some((bound, bytes)) = most {
                    bytes.fill(row, u64::from(bound.wrapping_sub(matches)));
                }
            }
            _ => {}
        }
    }
}
