//! Finding a document's record list, and what lies around it.

use std::collections::HashSet;

use crate::error::Fault;
use crate::read::Slice;
use crate::scan::{Visitor, Want};

/// The path of a document's record list.
pub(crate) type ListPath = &'static [&'static str];

/// Learns which of several arrays a document has.
pub(crate) struct Index {
    pub(crate) paths: &'static [ListPath],
    pub(crate) found: HashSet<ListPath>,
}

impl Visitor for Index {
    fn want(&mut self, path: &[String], first: u8) -> Want {
        let mut want = Want::Skip;
        for list in self.paths {
            if first == b'[' && path == *list {
                self.found.insert(list);
            } else if first == b'{' && list.len() > path.len() && path == &list[..path.len()] {
                want = Want::Members;
            }
        }
        want
    }
    fn member(&mut self, _: &[String], _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn element(&mut self, _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Takes the members around the record list.
pub(crate) struct Outer {
    pub(crate) list: ListPath,
    pub(crate) members: Vec<(String, Vec<u8>)>,
    /// How many bytes the members have.
    pub(crate) held: usize,
    pub(crate) limit: usize,
}

impl Visitor for Outer {
    fn want(&mut self, path: &[String], first: u8) -> Want {
        if path == self.list {
            Want::Skip
        } else if first == b'{' && path.len() < self.list.len() && path == &self.list[..path.len()]
        {
            Want::Members
        } else {
            Want::Keep
        }
    }
    fn member(&mut self, path: &[String], value: Slice<'_>) -> Result<(), Fault> {
        self.held += value.bytes.len();
        if self.held > self.limit {
            let reason = format!("more than {} bytes around the records", self.limit);
            return Err(Fault::Broken {
                byte: value.at,
                reason,
            });
        }
        self.members.push((path.join("/"), value.bytes.to_vec()));
        Ok(())
    }
    fn element(&mut self, _: Slice<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
