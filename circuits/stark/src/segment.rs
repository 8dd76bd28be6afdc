//! One segment's tables: which there are and how high, fixed by the public inputs alone.

use alloc::vec::Vec;

use avouch_claims::Claims;
use avouch_merkle::Digest;
use p3_util::log2_strict_usize;

use crate::boundary::BoundaryAir;
use crate::bus::rows_for;
use crate::events::{EventsAir, Segment, SegmentError};
use crate::hub::{self, HubAir};
use crate::sha::{ROWS_OF_A_BLOCK, ShaAir};
use crate::table::Table;
use crate::tree::{self, TreeAir, exported};

/// The tables of a segment and their heights, in the order of the batch.
pub(crate) struct Layout {
    pub(crate) airs: Vec<Table>,
    pub(crate) heights: Vec<usize>,
}

impl Layout {
    /// The layout for a segment whose exported nodes have these digests, and whose sides have these
    /// commitments where they are no end of the run.
    pub(crate) fn new(
        claims: &Claims,
        segment: Segment,
        exports: &[Digest],
        boundaries: [Option<Digest>; 2],
    ) -> Result<Self, SegmentError> {
        let spans = exported(&segment);
        let nodes = tree::rows(&spans);
        let events = EventsAir::new(claims, segment)?;
        let sides = boundaries.map(|digest| digest.is_some());
        let boundary = sides
            .contains(&true)
            .then(|| BoundaryAir::new(events.boundary_len(), sides));
        let hub = HubAir {
            exports: spans.iter().copied().zip(exports.iter().copied()).collect(),
            commitments: boundaries,
        };
        let mut airs = Vec::from([
            Table::Sha(ShaAir),
            Table::Tree(TreeAir),
            Table::Events(events),
            Table::Hub(hub),
        ]);
        let hashed = boundary.map_or(0, |air| air.messages() * air.blocks());
        let mut heights = Vec::from([
            rows_for((2 * nodes + hashed) * ROWS_OF_A_BLOCK),
            rows_for(nodes),
            rows_for(segment.count as usize),
            hub::ROWS,
        ]);
        if let Some(air) = boundary {
            airs.push(Table::Boundary(air));
            heights.push(rows_for(hashed));
        }
        Ok(Self { airs, heights })
    }

    /// What the proof says about heights: with hiding, each table is committed at twice its height.
    pub(crate) fn degree_bits(&self) -> Vec<usize> {
        self.heights
            .iter()
            .map(|&rows| log2_strict_usize(rows) + 1)
            .collect()
    }
}

/// How many blocks a segment hashes, which decides about time and memory.
#[cfg(feature = "prove")]
pub(crate) fn blocks(claims: &Claims, segment: Segment) -> Result<usize, SegmentError> {
    let slots = EventsAir::new(claims, segment)?.boundary_len();
    let boundary = BoundaryAir::new(slots, [!segment.is_first(), !segment.is_last()]);
    let nodes = tree::rows(&exported(&segment));
    Ok(2 * nodes + boundary.messages() * boundary.blocks())
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
