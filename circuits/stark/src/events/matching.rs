//! Which events a claim is about: its filter, as a column or a sum of columns.

use alloc::vec;
use alloc::vec::Vec;

use avouch_claims::{Filter, Ids};
use avouch_trace::Flags;
use p3_air::AirBuilder;
#[cfg(feature = "prove")]
use p3_field::PrimeCharacteristicRing;

use super::columns::{Checks, Column, Columns, Linear, Row};
use super::header::HeaderColumns;
use super::names::IsId;
use crate::Val;

/// A column that is a product.
#[derive(Clone, Debug)]
struct Product {
    factors: Vec<Linear>,
    product: Column,
}

/// The columns of all filters and of what else is a product of bits; equal ones are shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    ids: Vec<IsId>,
    products: Vec<Product>,
}

impl Matching {
    /// 1 on the events that the filter matches, 0 elsewhere.
    pub(crate) fn filter(
        &mut self,
        columns: &mut Columns,
        header: &HeaderColumns,
        filter: &Filter,
    ) -> Linear {
        let mut parts = Vec::new();
        parts.extend(filter.kinds.map(|set| header.kind_in(set)));
        parts.extend(filter.decisions.map(|set| header.decision_in(set)));
        parts.extend(filter.flags.map(|any| self.any_flag(columns, header, any)));
        if parts.is_empty() {
            // Padding has no kind, no decision and no flags, but it has the zero id.
            parts.push(header.real());
        }
        if let Some(ids) = &filter.actors {
            parts.push(self.one_of(columns, header.actor(), ids));
        }
        if let Some(ids) = &filter.subjects {
            parts.push(self.one_of(columns, header.subject(), ids));
        }
        self.all(columns, parts)
    }

    /// The product of bits.
    pub(crate) fn all(&mut self, columns: &mut Columns, mut parts: Vec<Linear>) -> Linear {
        // Three at a time keep the degree at three.
        while parts.len() > 1 {
            let rest = parts.split_off(parts.len().min(3));
            let product = self.product(columns, parts);
            parts = rest;
            parts.insert(0, product);
        }
        parts.pop().unwrap_or_else(|| Linear::constant(1))
    }

    fn product(&mut self, columns: &mut Columns, factors: Vec<Linear>) -> Linear {
        if let Some(known) = self.products.iter().find(|known| known.factors == factors) {
            return Linear::of(known.product);
        }
        let product = columns.one();
        self.products.push(Product { factors, product });
        Linear::of(product)
    }

    fn any_flag(&mut self, columns: &mut Columns, header: &HeaderColumns, any: Flags) -> Linear {
        let flags = Flags::NAMES.into_iter().map(|(flag, _)| flag);
        let clear: Vec<_> = flags
            .filter(|flag| any.contains(*flag))
            .map(|flag| header.flag(flag).negated())
            .collect();
        self.all(columns, clear).negated()
    }

    fn one_of(&mut self, columns: &mut Columns, name: [Linear; 8], ids: &Ids) -> Linear {
        let mut is = vec![];
        for id in ids.as_slice() {
            let known = self.ids.iter().find(|known| known.is_about(&name, id));
            is.push(match known {
                Some(known) => known.is,
                None => {
                    let new = IsId::new(columns, name.clone(), *id);
                    let column = new.is;
                    self.ids.push(new);
                    column
                }
            });
        }
        Linear::sum(is)
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        self.ids.iter().for_each(|id| id.row(checks, row));
        for Product { factors, product } in &self.products {
            let mut value = -row.cell(*product);
            if let Some((first, others)) = factors.split_first() {
                let first = row.value(first);
                value += others.iter().fold(first, |a, b| a * row.value(b));
            }
            checks.zero(value);
        }
    }

    /// Fills the columns of a row, padding too, whose header is there.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val]) {
        self.ids.iter().for_each(|id| id.fill(row));
        // Products come after what they are made of.
        for Product { factors, product } in &self.products {
            let factors = factors.iter().map(|factor| factor.at(row));
            row[*product] = factors.fold(Val::ONE, |a, b| a * b);
        }
    }
}
