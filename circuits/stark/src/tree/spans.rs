//! Which nodes of the whole tree a segment's proof shows, and the root that they make together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use avouch_merkle::Digest;

use crate::events::Segment;

/// A node of the whole run's tree, by the leaves below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The first leaf.
    pub(crate) first: u64,
    /// How many there are, at least 1.
    pub(crate) count: u64,
}

impl Span {
    /// The two spans that RFC 9162 splits this one into, if it is no leaf.
    pub(crate) fn split(self) -> Option<(Self, Self)> {
        let left = self.count.checked_sub(1).filter(|&n| n > 0)?;
        let left = 1 << left.ilog2();
        let first = Self {
            first: self.first,
            count: left,
        };
        Some((
            first,
            Self {
                first: self.first + left,
                count: self.count - left,
            },
        ))
    }

    fn within(self, segment: &Segment) -> bool {
        segment.first <= self.first && self.first + self.count <= segment.first + segment.count
    }

    fn outside(self, segment: &Segment) -> bool {
        self.first + self.count <= segment.first || segment.first + segment.count <= self.first
    }
}

/// The largest nodes of the run's tree that lie inside the segment, from left to right. They are
/// public: events' bodies are salted, so a node says nothing about what is below it.
pub(crate) fn exported(segment: &Segment) -> Vec<Span> {
    let mut found = Vec::new();
    let mut open = alloc::vec![Span {
        first: 0,
        count: segment.size
    }];
    while let Some(span) = open.pop() {
        if span.within(segment) {
            found.push(span);
        } else if !span.outside(segment)
            && let Some((left, right)) = span.split()
        {
            open.push(right);
            open.push(left);
        }
    }
    found
}

/// The root of the run's tree, from the nodes that its segments show. `None` if some are missing.
pub(crate) fn join(size: u64, nodes: &BTreeMap<Span, Digest>) -> Option<Digest> {
    fn node(span: Span, nodes: &BTreeMap<Span, Digest>) -> Option<Digest> {
        if let Some(digest) = nodes.get(&span) {
            return Some(*digest);
        }
        let (left, right) = span.split()?;
        Some(avouch_merkle::hash_node(
            &node(left, nodes)?,
            &node(right, nodes)?,
        ))
    }
    node(
        Span {
            first: 0,
            count: size,
        },
        nodes,
    )
}
