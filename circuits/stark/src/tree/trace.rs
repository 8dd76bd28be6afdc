//! Fills the tree table, and says what is to be hashed for it.

use alloc::vec::Vec;

use avouch_merkle::{Digest, hash_leaf, hash_node};
use avouch_trace::Event;
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;

use super::air::*;
use super::spans::Span;
use crate::sha::Message;
use crate::{Val, blind, bus};

/// A node, in the order of rows and messages.
struct Node {
    span: Span,
    /// The message, padded.
    blocks: [[u32; 16]; 2],
    digest: Digest,
}

/// The nodes below the exported ones.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// The digests of the exported spans, in their order.
    pub(crate) exports: Vec<Digest>,
}

impl Tree {
    /// The trees of these spans over `events`, the first of which has index `first` in the run.
    pub(crate) fn new(spans: &[Span], first: u64, events: &[Event]) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            exports: Vec::new(),
        };
        for span in spans {
            let digest = tree.build(*span, first, events);
            tree.exports.push(digest);
        }
        tree
    }

    /// A tree of another shape over three events: 1 + 2 leaves instead of 2 + 1.
    #[cfg(test)]
    pub(crate) fn lopsided(events: &[Event]) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            exports: Vec::new(),
        };
        let span = |first, count| Span { first, count };
        let left = tree.build(span(0, 1), 0, events);
        let right = tree.build(span(1, 2), 0, events);
        tree.join(span(0, 3), &left, &right);
        tree.exports = Vec::from([hash_node(&left, &right)]);
        tree
    }

    /// Adds an inner node's row.
    #[cfg(test)]
    fn join(&mut self, span: Span, left: &Digest, right: &Digest) {
        let message = [&[1][..], left.as_bytes(), right.as_bytes()].concat();
        self.push(span, &message, hash_node(left, right));
    }

    fn build(&mut self, span: Span, first: u64, events: &[Event]) -> Digest {
        let Some((left, right)) = span.split() else {
            let event = events[(span.first - first) as usize].to_cbor();
            return self.push(span, &[&[0][..], &event].concat(), hash_leaf(&event));
        };
        let (left, right) = (
            self.build(left, first, events),
            self.build(right, first, events),
        );
        let message = [&[1][..], left.as_bytes(), right.as_bytes()].concat();
        self.push(span, &message, hash_node(&left, &right))
    }

    fn push(&mut self, span: Span, message: &[u8], digest: Digest) -> Digest {
        let mut padded = [0_u8; 128];
        padded[..message.len()].copy_from_slice(message);
        padded[message.len()] = 0x80;
        padded[126..].copy_from_slice(&(8 * message.len() as u16).to_be_bytes());
        let blocks = core::array::from_fn(|block| {
            core::array::from_fn(|word| {
                let at = 64 * block + 4 * word;
                u32::from_be_bytes([padded[at], padded[at + 1], padded[at + 2], padded[at + 3]])
            })
        });
        self.nodes.push(Node {
            span,
            blocks,
            digest,
        });
        digest
    }

    /// What the SHA-256 table has to hash, in the order of its rows.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message> {
        self.nodes.iter().map(|node| Message {
            blocks: node.blocks.to_vec(),
            format: [node.span.count > 1; 2],
        })
    }

    /// The table, its first message being number `first_id` in the SHA-256 table.
    pub(crate) fn trace(
        &self,
        first_id: usize,
        rows: usize,
        blinding: &[Val; blind::WIDTH],
    ) -> RowMajorMatrix<Val> {
        let mut values = Val::zero_vec(rows * WIDTH);
        let mut cells = values.chunks_exact_mut(WIDTH);
        for (id, node) in self.nodes.iter().enumerate() {
            if let Some(row) = cells.next() {
                fill(row, first_id + id, node);
            }
        }
        for row in cells {
            row[SMALL_POWER] = Val::ONE;
            row[LEFT] = Val::ONE;
        }
        values[BLIND..WIDTH].copy_from_slice(blinding);
        RowMajorMatrix::new(values, WIDTH)
    }
}

fn fill(row: &mut [Val], id: usize, node: &Node) {
    let inner = node.span.split();
    for (block, words) in node.blocks.iter().enumerate() {
        for (i, &word) in words.iter().enumerate() {
            // An inner node's first block stands a byte later: see `sha`.
            let shifted = block == 0 && inner.is_some();
            let follows = words.get(i + 1).map_or(0, |next| next >> 24);
            let word = if shifted { (word << 8) | follows } else { word };
            row[MESSAGE + 32 * block + 2 * i] = Val::from_u32(word >> 16);
            row[MESSAGE + 32 * block + 2 * i + 1] = Val::from_u32(word & 0xffff);
        }
    }
    for (i, limb) in bus::limbs(node.digest.as_bytes()).enumerate() {
        row[DIGEST + i] = Val::from_u16(limb);
    }
    row[ID] = Val::from_usize(id);
    row[IS_LEAF] = Val::from_bool(inner.is_none());
    row[IS_INNER] = Val::from_bool(inner.is_some());
    row[FIRST] = Val::from_u64(node.span.first);
    row[COUNT] = Val::from_u64(node.span.count);
    let (left, right) = inner.map_or((1, 1), |(left, right)| (left.count, right.count));
    row[RIGHT] = Val::from_u64(right);
    let exponent = left.ilog2();
    for bit in 0..5 {
        row[EXPONENT + bit] = Val::from_u32((exponent >> bit) & 1);
    }
    row[SMALL_POWER] = Val::from_u32(1 << (exponent & 7));
    row[LEFT] = Val::from_u64(left);
    row[LAST_BYTE] = Val::from_u32(if inner.is_some() {
        node.blocks[1][0] >> 24
    } else {
        0
    });
    for bit in 0..FEWER_BITS {
        row[FEWER + bit] = Val::from_u64(((left - right) >> bit) & 1);
    }
}
