//! One segment's tables: which there are and how high, fixed by the public inputs alone.

use alloc::vec::Vec;

use p3_util::log2_strict_usize;

use crate::boundary::BoundaryAir;
use crate::bus::{DIGEST_LIMBS, rows_for};
use crate::chain::{self, ChainAir};
use crate::events::{EventsAir, Segment, SegmentError};
use crate::hub::{self, HubAir};
use crate::sha::{ROWS_OF_A_BLOCK, ShaAir};
use crate::statement::{Part, Public};
use crate::table::Table;
use crate::tree::{self, TreeAir, exported};

/// The tables of a segment and their heights, in the order of the batch.
pub(crate) struct Layout {
    pub(crate) airs: Vec<Table>,
    pub(crate) heights: Vec<usize>,
}

impl Layout {
    /// The layout for this part of what is public.
    pub(crate) fn new(public: &Public, part: &Part<'_>) -> Result<Self, SegmentError> {
        let (segment, chain) = (part.segment, part.chain);
        let spans = exported(&segment);
        let nodes = tree::rows(&spans);
        let events = EventsAir::new(&public.claims, segment)?;
        let boundary = boundary(&events, chain);
        let linked = ChainAir {
            slot: events.boundary_len(),
            sides: boundary.sides,
        };
        let ends = [
            (segment.is_first(), 0, public.chain_start),
            (segment.is_last(), segment.size, public.chain_head),
        ];
        let hub = HubAir {
            exports: spans
                .into_iter()
                .zip(part.exports.iter().copied())
                .collect(),
            commitments: part.boundaries,
            chain,
            ends: ends.map(|(here, index, value)| (chain && here).then_some((index, value))),
        };
        let mut tables = Vec::from([
            (Table::Sha(ShaAir), ROWS_OF_A_BLOCK * hashed(&events, chain)),
            (Table::Tree(TreeAir { chain }), nodes),
            (Table::Events(events), segment.count as usize),
            (Table::Hub(hub), hub::ROWS),
        ]);
        if boundary.messages() > 0 {
            let rows = boundary.messages() * boundary.blocks();
            tables.push((Table::Boundary(boundary), rows));
        }
        if chain {
            tables.push((Table::Chain(linked), segment.count as usize));
        }
        let (airs, used): (_, Vec<usize>) = tables.into_iter().unzip();
        let heights = used.into_iter().map(rows_for).collect();
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

/// The commitments' table, which a run of one segment has no need of.
fn boundary(events: &EventsAir, chain: bool) -> BoundaryAir {
    let segment = events.segment();
    let slots = events.boundary_len() + if chain { DIGEST_LIMBS } else { 0 };
    BoundaryAir::new(slots, [!segment.is_first(), !segment.is_last()])
}

/// How many blocks a segment hashes, which decides about time and memory.
pub(crate) fn hashed(events: &EventsAir, chain: bool) -> usize {
    let segment = events.segment();
    let boundary = boundary(events, chain);
    let chained = if chain { segment.count as usize } else { 0 };
    2 * tree::rows(&exported(segment))
        + chain::BLOCKS * chained
        + boundary.messages() * boundary.blocks()
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
