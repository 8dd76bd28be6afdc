//! A settlement as one CSV table (RFC 4180): the lines first, then the sums over them.

use super::{Decimal, Settlement, SettlementTotal};
use crate::Error;
use crate::view::time_text;

/// The columns. `row` is `entry`, or the name of a sum.
const COLUMNS: [&str; 13] = [
    "row",
    "run",
    "statement",
    "seq",
    "time",
    "kind",
    "party",
    "payee",
    "item",
    "quantity",
    "unit",
    "amount",
    "currency",
];

impl Settlement {
    /// The table.
    pub fn to_csv(&self) -> Result<Vec<u8>, Error> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut row = |cells: [&str; 13]| {
            let written = table.write_record(cells.map(plain));
            written.map_err(|source| Error::Csv(source.to_string()))
        };
        row(COLUMNS)?;
        for entry in &self.entries {
            let number = |number: Option<Decimal>| number.map_or(String::new(), |n| n.to_string());
            let time = match entry.time {
                0 => String::new(),
                time => time_text(time),
            };
            row([
                "entry",
                &entry.run,
                &entry.statement,
                &entry.seq.to_string(),
                &time,
                entry.kind,
                text(&entry.party),
                text(&entry.payee),
                text(&entry.item),
                &number(entry.quantity),
                text(&entry.unit),
                &number(entry.amount),
                &self.currency,
            ])?;
        }
        let mut sum = |name: &str, total: &SettlementTotal| {
            let sum = total.sum.to_string();
            let (party, item) = (text(&total.party), text(&total.item));
            let money = &*self.currency;
            match name {
                "contributed" => row([
                    name,
                    "",
                    "",
                    "",
                    "",
                    "",
                    party,
                    "",
                    item,
                    &sum,
                    text(&total.unit),
                    "",
                    "",
                ]),
                "received" => row([name, "", "", "", "", "", "", party, "", "", "", &sum, money]),
                _ => row([name, "", "", "", "", "", party, "", "", "", "", &sum, money]),
            }
        };
        for (name, totals) in [
            ("contributed", &self.contributed),
            ("received", &self.received),
            ("spent", &self.spent),
        ] {
            totals.iter().try_for_each(|total| sum(name, total))?;
        }
        let total = self.total.to_string();
        row([
            "total",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            &total,
            &self.currency,
        ])?;
        table
            .into_inner()
            .map_err(|source| Error::Csv(source.to_string()))
    }
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula: names come from whoever wrote the records. A number
/// may start with a minus.
fn plain(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
        || (cell.starts_with('-') && Decimal::parse(cell).is_none());
    match is_formula {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}
