//! A row of a database, as [`crate::database`] writes it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Fault;

/// A row and the table that it is from.
#[derive(Deserialize)]
pub(crate) struct Row<'a> {
    #[serde(borrow)]
    pub(crate) table: Cow<'a, str>,
    /// Which group of rows it is in; `None` for the one without a name.
    #[serde(borrow)]
    pub(crate) group: Option<&'a RawValue>,
    /// An object with a member for each column.
    #[serde(borrow)]
    pub(crate) row: &'a RawValue,
}

impl<'a> Row<'a> {
    /// Reads a record.
    pub(crate) fn parse(record: &'a str) -> Result<Self, Fault> {
        Ok(serde_json::from_str(record)?)
    }

    /// The group's name: text as it is, anything else as JSON.
    pub(crate) fn group(&self) -> Option<String> {
        let json = self.group?.get();
        Some(serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()))
    }

    /// Reads the columns. Those that are not asked for are passed over.
    pub(crate) fn columns<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        serde_json::from_str(self.row.get())
            .map_err(|error| Fault::malformed(format!("a row of {}: {error}", self.table)))
    }
}
