//! The chain table: one row for each event, with the message that the agent's chain hashes for it.
//!
//! A message is 0x02 || chain value || event, 150 bytes, padded to three blocks. Its first block's words
//! 0..8 are packed a byte later, so that the chain value's 32 bytes are 16 limbs; the header and the
//! body's digest are limbs as they stand. The SHA-256 table has the prefix.
//!
//! Why root and chain are over the same events: the tree sends each of its leaves (index, header, body)
//! once, and only a row here can receive it. So there is exactly one row for each index, with that
//! leaf's event in its message.
//!
//! Why the rows are in order: each but the first receives its chain value under its index, and each but
//! the last sends what comes out under the next index. What the first receives and what the last sends
//! is public where the run begins and ends (the hub's), and a part of the commitment elsewhere: there one
//! row sends the commitment's slots instead, and since indices have to come out even, it is the right one.

use alloc::vec::Vec;
use core::ops::Range;

use avouch_merkle::Digest;
use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use crate::Val;
use crate::blind::{self, Blinded};
use crate::bus::{self, DIGEST_LIMBS, HEADER_LIMBS, INCOMING, OUTGOING};
use crate::sha::{receive, tag};

/// Blocks of a message.
pub(crate) const BLOCKS: usize = 3;
/// The message's length in bits.
const BITS: u32 = 150 * 8;

/// The chain value before the event.
pub(crate) const BEFORE: usize = 0;
/// Its last byte, which the limb that follows it begins with.
pub(crate) const LAST_BYTE: usize = BEFORE + DIGEST_LIMBS;
/// That byte's bits, lowest first.
pub(crate) const LAST_BITS: usize = LAST_BYTE + 1;
/// The event's header.
pub(crate) const HEADER: usize = LAST_BITS + 8;
/// The digest of its body.
pub(crate) const BODY: usize = HEADER + HEADER_LIMBS;
/// The chain value after the event.
pub(crate) const AFTER: usize = BODY + DIGEST_LIMBS;
/// The event's index in the run.
pub(crate) const INDEX: usize = AFTER + DIGEST_LIMBS;
/// The message's id in the SHA-256 table.
pub(crate) const ID: usize = INDEX + 1;
/// Whether there is an event; a row without is padding.
pub(crate) const REAL: usize = ID + 1;
/// Whether the chain value before it is in the incoming, and the one after it in the outgoing
/// commitment.
pub(crate) const AT_SIDE: [usize; 2] = [REAL + 1, REAL + 2];
const BLIND: usize = REAL + 3;
const WIDTH: usize = BLIND + blind::WIDTH;

/// The chain table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainAir {
    /// The slot of a commitment that the chain value begins with.
    pub(crate) slot: usize,
    /// Which sides of the segment have a commitment.
    pub(crate) sides: [bool; 2],
}

impl BaseAir<Val> for ChainAir {
    fn width(&self) -> usize {
        WIDTH
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for ChainAir {
    fn eval(&self, builder: &mut AB) {
        let window = builder.main();
        let row = window.current_slice();
        self.eval_flags(builder, row);
        eval_messages(builder, row);
        self.eval_links(builder, row);
        blind::eval(builder, &row[BLIND..], Blinded::Chain);
    }
}

impl ChainAir {
    fn eval_flags<AB: AirBuilder>(&self, builder: &mut AB, row: &[AB::Var]) {
        builder.assert_bool(row[REAL]);
        for (flag, there) in AT_SIDE.into_iter().zip(self.sides) {
            if there {
                builder.assert_bool(row[flag]);
                builder.assert_zero(row[flag] * (AB::Expr::ONE - row[REAL]));
            } else {
                builder.assert_zero(row[flag]);
            }
        }
        // So it is a byte, and what stands beside it in its limb is the event's first.
        let bits = &row[LAST_BITS..LAST_BITS + 8];
        bits.iter().for_each(|&bit| builder.assert_bool(bit));
        let high_first = bits.iter().rev();
        let byte = high_first.fold(AB::Expr::ZERO, |sum, &bit| sum.double() + bit);
        builder.assert_zero(byte - row[LAST_BYTE]);
    }

    fn eval_links<AB: InteractionBuilder>(&self, builder: &mut AB, row: &[AB::Var]) {
        let expr = |column: usize| -> AB::Expr { row[column].into() };
        let once = |flag: AB::Expr| Count::bounded(flag, 1);
        let tuple = |index: AB::Expr, columns: Range<usize>| {
            let mut fields = alloc::vec![index];
            fields.extend(columns.map(expr));
            fields
        };
        let event = tuple(expr(INDEX), HEADER..BODY + DIGEST_LIMBS);
        builder.push_interaction(bus::EVENT, event, -once(expr(REAL)));

        let [begins, ends] = AT_SIDE.map(expr);
        let before = tuple(expr(INDEX), BEFORE..BEFORE + DIGEST_LIMBS);
        builder.push_interaction(bus::LINK, before, -once(expr(REAL) - begins));
        let after = tuple(expr(INDEX) + AB::Expr::ONE, AFTER..AFTER + DIGEST_LIMBS);
        builder.push_interaction(bus::LINK, after, once(expr(REAL) - ends));

        let ends = [(INCOMING, BEFORE), (OUTGOING, AFTER)];
        for ((side, value), flag) in ends.into_iter().zip(AT_SIDE) {
            if !self.sides[side as usize] {
                continue;
            }
            for limb in 0..DIGEST_LIMBS {
                let slot = AB::Expr::from_usize(self.slot + limb);
                let fields = [AB::Expr::from_u32(side), slot, expr(value + limb)];
                builder.push_interaction(bus::BOUNDARY, fields, once(expr(flag)));
            }
        }
    }
}

/// The message's limbs, block after block, as the bus carries them.
fn message<AB: AirBuilder>(row: &[AB::Var]) -> Vec<AB::Expr> {
    let fixed = AB::Expr::from_u32;
    let columns = |range: Range<usize>| range.map(|column| -> AB::Expr { row[column].into() });
    let mut limbs: Vec<AB::Expr> = columns(BEFORE..BEFORE + DIGEST_LIMBS).collect();
    // The chain value's last byte once more, now in its own place, and the array's head.
    limbs.push(fixed(256) * row[LAST_BYTE] + fixed(0x82));
    // A string of 80 bytes, a string of 32, and SHA-256's padding.
    limbs.push(fixed(0x5850));
    limbs.extend(columns(HEADER..HEADER + HEADER_LIMBS));
    limbs.push(fixed(0x5820));
    limbs.extend(columns(BODY..BODY + DIGEST_LIMBS));
    limbs.push(fixed(0x8000));
    limbs.resize(32 * BLOCKS - 1, AB::Expr::ZERO);
    limbs.push(fixed(BITS));
    limbs
}

fn eval_messages<AB: InteractionBuilder>(builder: &mut AB, row: &[AB::Var]) {
    let limbs = message::<AB>(row);
    let mut sha = |tag: u32, limbs: &[AB::Expr]| {
        let (id, tag) = (row[ID].into(), AB::Expr::from_u32(tag));
        receive(builder, id, tag, limbs.iter().cloned(), row[REAL].into());
    };
    for (block, limbs) in limbs.chunks_exact(32).enumerate() {
        let format = if block == 0 { tag::FMT_LO } else { 0 };
        let tag = tag::BLOCK * block as u32 + format;
        for (part, range) in tag::PARTS.into_iter().enumerate() {
            sha(tag + part as u32, &limbs[range]);
        }
    }
    let digest: Vec<AB::Expr> = (AFTER..AFTER + DIGEST_LIMBS)
        .map(|column| row[column].into())
        .collect();
    sha(tag::DIGEST + tag::BLOCK * (BLOCKS as u32 - 1), &digest);
}

/// A chain value with its index, as the hub sends and receives it.
pub(crate) fn link_fields<E: PrimeCharacteristicRing>(index: u64, value: &Digest) -> Vec<E> {
    let mut fields = alloc::vec![E::from_u64(index)];
    fields.extend(bus::limbs(value.as_bytes()).map(E::from_u16));
    fields
}

#[cfg(feature = "prove")]
mod filling {
    use super::*;
    use crate::sha::Message;
    use avouch_trace::Event;
    use p3_matrix::dense::RowMajorMatrix;

    /// A segment's part of the chain.
    pub(crate) struct Chain<'a> {
        events: &'a [Event],
        /// The index in the run of the first of them.
        first: u64,
        /// The chain value before each, and after the last.
        values: Vec<Digest>,
    }

    impl<'a> Chain<'a> {
        /// The chain over these events, from this value.
        pub(crate) fn new(start: Digest, first: u64, events: &'a [Event]) -> Self {
            let mut values = Vec::from([start]);
            for event in events {
                let last = values.last().copied().unwrap_or(start);
                values.push(event.chain(&last));
            }
            Self {
                events,
                first,
                values,
            }
        }

        /// The chain value after the last event.
        pub(crate) fn head(&self) -> Digest {
            self.values[self.events.len()]
        }

        /// What the SHA-256 table has to hash, in the order of the rows.
        pub(crate) fn messages(&self) -> impl Iterator<Item = Message> {
            let rows = self.values.iter().zip(self.events);
            rows.map(|(value, event)| {
                let message = [&[2][..], value.as_bytes(), &event.to_cbor()].concat();
                let mut padded = [0; 64 * BLOCKS];
                padded[..message.len()].copy_from_slice(&message);
                padded[message.len()] = 0x80;
                padded[64 * BLOCKS - 4..].copy_from_slice(&BITS.to_be_bytes());
                let word =
                    |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                let block = |block: &[u8]| core::array::from_fn(|i| word(&block[4 * i..]));
                Message {
                    blocks: padded.chunks_exact(64).map(block).collect(),
                    format: [true, false],
                }
            })
        }

        /// The table, its first message being number `first_id` in the SHA-256 table.
        pub(crate) fn trace(
            &self,
            air: &ChainAir,
            first_id: usize,
            rows: usize,
            blinding: &[Val; blind::WIDTH],
        ) -> RowMajorMatrix<Val> {
            let mut values = Val::zero_vec(rows * WIDTH);
            for (at, (event, row)) in self
                .events
                .iter()
                .zip(values.chunks_exact_mut(WIDTH))
                .enumerate()
            {
                let before = &self.values[at];
                for (column, bytes) in [
                    (BEFORE, &before.0[..]),
                    (HEADER, &event.header),
                    (BODY, &event.body.0),
                    (AFTER, &self.values[at + 1].0),
                ] {
                    for (cell, limb) in row[column..].iter_mut().zip(bus::limbs(bytes)) {
                        *cell = Val::from_u16(limb);
                    }
                }
                let last = before.0[31];
                row[LAST_BYTE] = Val::from_u8(last);
                for bit in 0..8 {
                    row[LAST_BITS + bit] = Val::from_u8(last >> bit & 1);
                }
                row[INDEX] = Val::from_u64(self.first + at as u64);
                row[ID] = Val::from_usize(first_id + at);
                row[REAL] = Val::ONE;
                let ends = [at == 0, at + 1 == self.events.len()];
                for (side, flag) in AT_SIDE.into_iter().enumerate() {
                    row[flag] = Val::from_bool(air.sides[side] && ends[side]);
                }
            }
            values[BLIND..WIDTH].copy_from_slice(blinding);
            RowMajorMatrix::new(values, WIDTH)
        }
    }
}
#[cfg(feature = "prove")]
pub(crate) use filling::Chain;
