//! One segment's tables: which there are and how high, fixed by the public inputs alone.

use alloc::vec::Vec;

use avouch_claims::Claims;
use avouch_merkle::Digest;
use p3_util::log2_strict_usize;

use crate::blind::Blinded;
use crate::bus::rows_for;
use crate::events::{EventsAir, Segment};
use crate::hub::{self, HubAir};
use crate::sha::{ROWS_OF_A_BLOCK, ShaAir};
use crate::table::Table;
use crate::tree::{self, Span, TreeAir, exported};

/// The tables of a segment and their heights, in the order of the batch.
pub(crate) struct Layout {
    pub(crate) spans: Vec<Span>,
    pub(crate) airs: Vec<Table>,
    pub(crate) heights: Vec<usize>,
}

impl Layout {
    /// The layout for a segment whose exported nodes have these digests.
    pub(crate) fn new(claims: &Claims, segment: Segment, exports: &[Digest]) -> Self {
        let spans = exported(&segment);
        let nodes = tree::rows(&spans);
        let hub = HubAir {
            exports: spans.iter().copied().zip(exports.iter().copied()).collect(),
            tables: Vec::from([Blinded::Sha, Blinded::Tree, Blinded::Events]),
        };
        let airs = Vec::from([
            Table::Sha(ShaAir),
            Table::Tree(TreeAir),
            Table::Events(EventsAir::new(claims, segment)),
            Table::Hub(hub),
        ]);
        let heights = Vec::from([
            rows_for(2 * nodes * ROWS_OF_A_BLOCK),
            rows_for(nodes),
            rows_for(segment.count as usize),
            hub::ROWS,
        ]);
        Self {
            spans,
            airs,
            heights,
        }
    }

    /// What the proof says about heights: with hiding, each table is committed at twice its height.
    pub(crate) fn degree_bits(&self) -> Vec<usize> {
        self.heights
            .iter()
            .map(|&rows| log2_strict_usize(rows) + 1)
            .collect()
    }
}

/// The segments of a run: all of `length` events but the last, which may be shorter.
pub(crate) fn segments(size: u64, length: u64) -> impl ExactSizeIterator<Item = Segment> {
    let number = size.div_ceil(length) as u32;
    (0..number).map(move |index| {
        let first = u64::from(index) * length;
        Segment {
            first,
            count: length.min(size - first),
            size,
        }
    })
}
