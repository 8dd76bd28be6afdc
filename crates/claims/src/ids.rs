//! Sets of name ids.

use alloc::vec::Vec;
use core::fmt;

use avouch_trace::NameId;

use crate::{Error, MAX_IDS};

/// A set of name ids: at least one, at most [`MAX_IDS`], ascending.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ids(Vec<NameId>);

impl Ids {
    /// The set of these ids, in any order. Refuses none, too many, and one twice.
    pub fn new(ids: impl IntoIterator<Item = NameId>) -> Result<Self, Error> {
        let mut ids: Vec<NameId> = ids.into_iter().take(MAX_IDS + 1).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            _ if ids.is_empty() => Err(Error::EmptyList),
            _ if ids.len() > MAX_IDS => Err(Error::TooManyIds),
            Some(pair) => Err(Error::SameId(pair[0])),
            None => Ok(Self(ids)),
        }
    }

    /// The set of these names' ids.
    pub fn of_names(names: &[&str]) -> Result<Self, Error> {
        Self::new(names.iter().map(|name| NameId::of(name)))
    }

    /// The ids, ascending.
    pub fn as_slice(&self) -> &[NameId] {
        &self.0
    }

    /// Where the id lies in [`Ids::as_slice`]; `None` when it is not in the set.
    pub fn position(&self, id: &NameId) -> Option<usize> {
        self.0.binary_search(id).ok()
    }

    /// Whether the id is in the set.
    pub fn contains(&self, id: &NameId) -> bool {
        self.position(id).is_some()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, id) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "|" };
            write!(f, "{separator}id:{id}")?;
        }
        Ok(())
    }
}
