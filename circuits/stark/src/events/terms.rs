//! The columns and constraints of each claim: one claim, one [`Terms`].

use core::ops::Range;

use avouch_claims::Claim;
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::amounts::{Budget, Spend};
use super::carried::Carried;
use super::columns::{Checks, Columns, Linear, Row};
use super::course::{Halt, Window};
use super::gates::GateColumns;
use super::header::HeaderColumns;
use super::matching::Matching;
use super::names::is_id;
use super::scores::{Bar, Threshold};
use super::tally::Tally;
use super::votes::Votes;
use crate::Val;

/// What is being laid out: everything that claims share.
pub(crate) struct Layout<'a> {
    pub(crate) columns: &'a mut Columns,
    pub(crate) carried: &'a mut Carried,
    pub(crate) matching: &'a mut Matching,
    pub(crate) header: &'a HeaderColumns,
    pub(crate) gates: &'a mut Option<GateColumns>,
}

/// One claim's columns.
#[derive(Clone, Debug)]
pub(crate) struct ClaimColumns {
    pub(crate) terms: Terms,
    /// The claim's registers among all.
    #[cfg_attr(not(feature = "prove"), allow(dead_code))]
    pub(crate) registers: Range<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Terms {
    Count {
        never: bool,
        tally: Tally,
    },
    Window(Window),
    Spend(Spend),
    Budget(Budget),
    Halt(Halt),
    Allowed {
        allows: Linear,
        tally: Tally,
    },
    Gated {
        #[cfg_attr(not(feature = "prove"), allow(dead_code))]
        place: usize,
        tally: Tally,
    },
    Oversight {
        #[cfg_attr(not(feature = "prove"), allow(dead_code))]
        place: usize,
        bar: Bar,
        tally: Tally,
    },
    Only {
        set: Only,
        tally: Tally,
    },
    Threshold {
        scores: Threshold,
        tally: Tally,
    },
    Consensus(Votes),
}

/// `only`'s set: one column for each name.
#[derive(Clone, Debug)]
pub(crate) struct Only {
    subject: [Linear; 8],
    names: avouch_claims::Ids,
    is: alloc::vec::Vec<super::columns::Column>,
}

impl ClaimColumns {
    pub(crate) fn new(layout: &mut Layout<'_>, place: usize, claim: &Claim) -> Self {
        let first = layout.carried.widths.len();
        let terms = Terms::new(layout, place, claim);
        Self {
            terms,
            registers: first..layout.carried.widths.len(),
        }
    }
}

impl Terms {
    fn new(layout: &mut Layout<'_>, place: usize, claim: &Claim) -> Self {
        let filter = claim.filter().map(|filter| {
            let header = layout.header;
            layout.matching.filter(layout.columns, header, filter)
        });
        let matching = filter.unwrap_or_else(Linear::zero);
        let Layout {
            columns,
            carried,
            header,
            ..
        } = layout;
        let (columns, carried, header) = (&mut **columns, &mut **carried, *header);
        let tally = |columns: &mut Columns, carried: &mut Carried, bounds: (u64, u64)| {
            Tally::new(columns, carried, header, matching.clone(), bounds)
        };
        match claim {
            Claim::Count { min, max, .. } => match max {
                // Then nothing has to be counted.
                0 => Self::Count {
                    never: true,
                    tally: tally(columns, carried, (0, u64::MAX)),
                },
                max => Self::Count {
                    never: false,
                    tally: tally(columns, carried, (*min, *max)),
                },
            },
            Claim::Window {
                not_before,
                not_after,
            } => Self::Window(Window::new(
                columns,
                carried,
                header,
                (*not_before, *not_after),
            )),
            Claim::Spend { max } => Self::Spend(Spend::new(columns, carried, header, *max)),
            Claim::Budget {
                max_start,
                max_raise,
            } => Self::Budget(Budget::new(
                columns,
                carried,
                header,
                (*max_start, *max_raise),
            )),
            Claim::Halt => Self::Halt(Halt::new(columns, carried, header)),
            Claim::Allowed { matching } => Self::Allowed {
                allows: header.allows(),
                tally: tally(columns, carried, at_least(matching)),
            },
            Claim::Threshold {
                matching: about,
                min,
                max,
            } => Self::Threshold {
                scores: Threshold::new(columns, header, &matching, (*min, *max)),
                tally: tally(columns, carried, at_least(about)),
            },
            Claim::Only {
                matching: about,
                set,
            } => Self::Only {
                set: Only {
                    subject: header.subject(),
                    is: columns.many(set.as_slice().len()),
                    names: set.clone(),
                },
                tally: tally(columns, carried, at_least(about)),
            },
            Claim::Gated { matching: about } => {
                let tally = tally(columns, carried, at_least(about));
                let place = layout.gate(place, tally.matching.clone(), false);
                Self::Gated { place, tally }
            }
            Claim::Oversight {
                matching: about,
                score,
            } => {
                let tally = tally(columns, carried, at_least(about));
                let bar = Bar::new(columns, header, &tally.matching, *score);
                let place = layout.gate(place, bar.above(), true);
                Self::Oversight { place, bar, tally }
            }
            Claim::Consensus {
                round,
                electorate,
                quorum,
                rule,
            } => Self::Consensus(Votes::new(
                columns,
                carried,
                layout.matching,
                header,
                (*round, electorate),
                (*quorum, *rule),
            )),
        }
    }

    fn tally(&self) -> Option<&Tally> {
        match self {
            Self::Count { tally, .. }
            | Self::Allowed { tally, .. }
            | Self::Gated { tally, .. }
            | Self::Oversight { tally, .. }
            | Self::Only { tally, .. }
            | Self::Threshold { tally, .. } => Some(tally),
            _ => None,
        }
    }

    /// What holds on each row by itself.
    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        match self {
            Self::Count { never, tally } if *never => checks.zero(row.value(&tally.matching)),
            Self::Allowed { allows, tally } => {
                let denied = AB::Expr::ONE - row.value(allows);
                checks.zero(row.value(&tally.matching) * denied);
            }
            Self::Only { set, tally } => set.row(checks, row, &tally.matching),
            Self::Threshold { scores, .. } => scores.row(checks, row),
            Self::Oversight { bar, .. } => bar.row(checks, row),
            Self::Window(window) => window.row(checks, row),
            Self::Spend(spend) => spend.row(checks, row),
            Self::Budget(budget) => budget.row(checks, row),
            Self::Consensus(votes) => votes.row(checks, row),
            // Gates are shared: they are constrained together.
            Self::Count { .. } | Self::Halt(_) | Self::Gated { .. } => {}
        }
    }

    /// What holds between an event and what came before it: the previous row, or on the first row
    /// the start.
    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        if let Some(tally) = self.tally() {
            tally.step(checks, previous, row);
        }
        match self {
            Self::Window(window) => window.step(checks, previous, row),
            Self::Spend(spend) => spend.step(checks, previous, row),
            Self::Budget(budget) => budget.step(checks, previous, row),
            Self::Halt(halt) => halt.step(checks, previous, row),
            Self::Consensus(votes) => votes.step(checks, previous, row),
            _ => {}
        }
    }

    /// What holds on the last event's row, where `last` is 1.
    pub(crate) fn finish<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        last: &AB::Expr,
    ) {
        if let Some(tally) = self.tally() {
            tally.finish(checks, row, last);
        }
        if let Self::Consensus(votes) = self {
            votes.finish(checks, row, last);
        }
    }

    /// Fills what is made from the header alone and what products need.
    #[cfg(feature = "prove")]
    pub(crate) fn fill_early(&self, row: &mut [Val]) {
        if let Self::Consensus(votes) = self {
            votes.fill_round(row);
        }
    }

    /// Judges an event as the claim does, and fills the row. Where the claim is false it fills what
    /// cannot be proven.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(
        &self,
        row: &mut [Val],
        numbers: &mut [u64],
        header: &avouch_trace::Header,
        last: bool,
    ) {
        if let Some(tally) = self.tally() {
            let matches = tally.matching.at(row) == Val::ONE;
            let count = match numbers {
                [number] => {
                    *number += u64::from(matches);
                    *number
                }
                _ => 0,
            };
            tally.fill(row, count, last);
        }
        match self {
            Self::Window(window) => window.fill(row, numbers, header.time),
            Self::Spend(spend) => spend.fill(row, numbers, header.cost),
            Self::Budget(budget) => budget.fill(row, numbers, header),
            Self::Halt(halt) => halt.fill(row, numbers),
            Self::Consensus(votes) => {
                votes.fill(row, numbers, &header.actor);
                if last {
                    votes.fill_outcome(row, numbers);
                }
            }
            Self::Only { set, tally } => {
                if let Some(at) = set.names.position(&header.subject) {
                    row[set.is[at]] = tally.matching.at(row);
                }
            }
            Self::Threshold { scores, .. } => scores.fill(row, header.score),
            Self::Oversight { bar, .. } => bar.fill(row, header.score),
            Self::Count { .. } | Self::Allowed { .. } | Self::Gated { .. } => {}
        }
    }

    /// Fills a row of padding, through which registers stay what they are.
    #[cfg(feature = "prove")]
    pub(crate) fn pad(&self, row: &mut [Val], numbers: &mut [u64]) {
        if let (Some(tally), [number]) = (self.tally(), &*numbers) {
            tally.fill(row, *number, false);
        }
        match self {
            Self::Spend(spend) => spend.pad(row, numbers),
            Self::Budget(budget) => budget.pad(row, numbers),
            Self::Halt(halt) => halt.fill(row, numbers),
            Self::Consensus(votes) => votes.write(row, numbers),
            _ => {}
        }
    }

    /// Whether the event must have been allowed by another, and its claim's place among those.
    #[cfg(feature = "prove")]
    pub(crate) fn gate_place(&self) -> Option<usize> {
        match self {
            Self::Gated { place, .. } | Self::Oversight { place, .. } => Some(*place),
            _ => None,
        }
    }
}

fn at_least(matching: &avouch_claims::Matching) -> (u64, u64) {
    (matching.min_matches, u64::MAX)
}

impl Layout<'_> {
    fn gate(&mut self, claim: usize, needs: Linear, by_human: bool) -> usize {
        let segment = self.carried.segment;
        let gates = self.gates.get_or_insert_with(|| {
            GateColumns::new(self.columns, self.matching, self.header, segment)
        });
        gates.claim(self.columns, claim, needs, by_human)
    }
}

impl Only {
    fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        matching: &Linear,
    ) {
        for (is, name) in self.is.iter().zip(self.names.as_slice()) {
            is_id(checks, row, row.cell(*is), &self.subject, name);
        }
        // Names differ, so at most one of these is not 0: on a matching event one is 1.
        let inside = row.value(&Linear::sum(self.is.iter().copied()));
        checks.zero(inside - row.value(matching));
    }
}
