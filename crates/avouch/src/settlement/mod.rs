//! The contribution and revenue ledger of runs: who spent, who was paid, who contributed what, each line
//! with the signed event that it comes from.

mod csv;
mod decimal;

use std::collections::BTreeMap;
use std::path::Path;

use avouch_verify::Policy;
use serde::Serialize;
use serde_json::Value;

use crate::signed::{SignedRun, verified_bundle};
use crate::{Error, EventView, Home};

pub use decimal::Decimal;

/// One line: an event that cost something, paid somebody, or contributed something.
#[derive(Clone, Debug, Serialize)]
pub struct SettlementEntry {
    /// The run's id.
    pub run: String,
    /// The id of the statement that commits to it.
    pub statement: String,
    /// The event.
    pub seq: u64,
    /// Its time in milliseconds since the Unix epoch, the operator's word.
    pub time: u64,
    /// What happened.
    pub kind: &'static str,
    /// Who spent or contributed; `null` = nobody is named.
    pub party: Option<String>,
    /// Who was paid.
    pub payee: Option<String>,
    /// What for: the kind of contribution, else the event's subject.
    pub item: Option<String>,
    /// How much was contributed.
    pub quantity: Option<Decimal>,
    /// What the quantity counts.
    pub unit: Option<String>,
    /// What it cost; `null` = unknown.
    pub amount: Option<Decimal>,
}

/// A sum over entries.
#[derive(Clone, Debug, Serialize)]
pub struct SettlementTotal {
    /// Who; `null` = nobody is named.
    pub party: Option<String>,
    /// Of what: a kind of contribution, for quantities.
    pub item: Option<String>,
    /// What the sum counts: the currency, or a quantity's unit.
    pub unit: Option<String>,
    /// The sum.
    pub sum: Decimal,
    /// How many entries it sums up.
    pub entries: u64,
}

/// The settlement of some runs.
#[derive(Clone, Debug, Serialize)]
pub struct Settlement {
    /// What amounts are in.
    pub currency: String,
    /// The lines, by run and seq.
    pub entries: Vec<SettlementEntry>,
    /// The sum of all amounts.
    pub total: Decimal,
    /// What each party spent.
    pub spent: Vec<SettlementTotal>,
    /// What each payee was paid.
    pub received: Vec<SettlementTotal>,
    /// What each party contributed.
    pub contributed: Vec<SettlementTotal>,
    /// How many events do not say what they cost: the sums are what is known.
    pub unknown_costs: u64,
    /// How many events have fields that a bundle withholds: what these say of contributions and
    /// payees is not here.
    pub withheld: u64,
}

/// Sums up what is added to it, by party, item and unit.
#[derive(Default)]
struct Sums(BTreeMap<Key, (Decimal, u64)>);

type Key = (Option<String>, Option<String>, Option<String>);

impl Sums {
    fn add(
        &mut self,
        key: (&Option<String>, &Option<String>, Option<&str>),
        value: Decimal,
    ) -> Option<()> {
        let key = (key.0.clone(), key.1.clone(), key.2.map(str::to_owned));
        let (sum, entries) = self.0.entry(key).or_default();
        *sum = sum.checked_add(value)?;
        *entries += 1;
        Some(())
    }

    fn into_totals(self) -> Vec<SettlementTotal> {
        let totals = self.0.into_iter();
        totals
            .map(|((party, item, unit), (sum, entries))| SettlementTotal {
                party,
                item,
                unit,
                sum,
                entries,
            })
            .collect()
    }
}

/// Collects runs, one after another.
#[derive(Default)]
pub struct Settling {
    currency: Option<String>,
    runs: Vec<String>,
    entries: Vec<SettlementEntry>,
    unknown_costs: u64,
    withheld: u64,
}

impl Settling {
    /// Adds a sealed run of the store.
    ///
    /// # Errors
    /// When it is not sealed, is not as it was signed, is there already, or is in another currency.
    pub fn add_run(&mut self, home: &Home, run: &str) -> Result<(), Error> {
        let run = home.ledger.resolve(run)?;
        self.add(&home.signed_run(&run)?)
    }

    /// Adds the run of a bundle that shows every event and verifies under the policy.
    ///
    /// # Errors
    /// As [`Self::add_run`], and when the bundle does not verify.
    pub fn add_bundle(&mut self, path: &Path, policy: &Policy) -> Result<(), Error> {
        self.add(&verified_bundle(path, policy)?)
    }

    fn add(&mut self, signed: &SignedRun<'_>) -> Result<(), Error> {
        let (manifest, run) = (&signed.manifest, signed.manifest.run.to_string());
        if self.runs.contains(&run) {
            return Err(Error::RunTwice { run });
        }
        match &self.currency {
            Some(currency) if *currency != manifest.currency => {
                return Err(Error::MixedCurrencies {
                    first: currency.clone(),
                    run,
                    other: manifest.currency.clone(),
                });
            }
            _ => self.currency = Some(manifest.currency.clone()),
        }
        let statement = signed.statement.statement_id().to_string();
        let (mut unknown, mut withheld) = (0, 0);
        let mut entries = Vec::new();
        signed.each(|event| {
            let view = event.view()?;
            unknown += u64::from(view.cost.is_none());
            withheld += u64::from(view.withheld != Some(0));
            entries.extend(entry(&run, &statement, &view)?);
            Ok(())
        })?;
        self.entries.append(&mut entries);
        self.unknown_costs += unknown;
        self.withheld += withheld;
        self.runs.push(run);
        Ok(())
    }

    /// The settlement of what was added.
    ///
    /// # Errors
    /// When a sum does not fit 20 digits, and when no run was added.
    pub fn finish(self) -> Result<Settlement, Error> {
        let currency = self.currency.ok_or(Error::NothingToSettle)?;
        let (mut spent, mut received, mut contributed) =
            (Sums::default(), Sums::default(), Sums::default());
        let mut total = Decimal::default();
        for entry in &self.entries {
            let too_large = || Error::SumTooLarge {
                run: entry.run.clone(),
                seq: entry.seq,
            };
            let money = Some(currency.as_str());
            if let Some(amount) = entry.amount.filter(|amount| *amount != Decimal::default()) {
                total = total.checked_add(amount).ok_or_else(too_large)?;
                spent
                    .add((&entry.party, &None, money), amount)
                    .ok_or_else(too_large)?;
                if entry.payee.is_some() {
                    received
                        .add((&entry.payee, &None, money), amount)
                        .ok_or_else(too_large)?;
                }
            }
            if let Some(quantity) = entry.quantity {
                let key = (&entry.party, &entry.item, entry.unit.as_deref());
                contributed.add(key, quantity).ok_or_else(too_large)?;
            }
        }
        Ok(Settlement {
            currency,
            entries: self.entries,
            total,
            spent: spent.into_totals(),
            received: received.into_totals(),
            contributed: contributed.into_totals(),
            unknown_costs: self.unknown_costs,
            withheld: self.withheld,
        })
    }
}

/// The line of an event, where it has one.
fn entry(run: &str, statement: &str, view: &EventView) -> Result<Option<SettlementEntry>, Error> {
    let text = |name: &str| match view.fields.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let contribution = text("contribution");
    let payee = text("payee");
    // Unknown costs are counted, and a line only where the event says more than that.
    if matches!(view.cost, None | Some(0)) && contribution.is_none() && payee.is_none() {
        return Ok(None);
    }
    let quantity = match (&contribution, text("qty")) {
        (Some(_), Some(quantity)) => match Decimal::parse(&quantity) {
            Some(quantity) => Some(quantity),
            None => {
                return Err(Error::Quantity {
                    run: run.to_owned(),
                    seq: view.seq,
                    text: quantity,
                });
            }
        },
        _ => None,
    };
    Ok(Some(SettlementEntry {
        run: run.to_owned(),
        statement: statement.to_owned(),
        seq: view.seq,
        time: view.time,
        kind: view.kind,
        party: view.actor.clone(),
        payee,
        item: contribution.or_else(|| view.subject.clone()),
        unit: quantity.and_then(|_| text("unit")),
        quantity,
        amount: view.cost.map(Decimal::from_micro),
    }))
}
