//! The boundary table: the claim state at a segment's two sides, hashed into commitments.
//!
//! Between two segments only a commitment is public: SHA-256 of a fixed string, 32 random bytes and
//! the state's 16-bit slots. The segment before it proves that its last state is in it, the segment
//! after it that its first state is.
//!
//! One row is one block of one side's message. A message has 24 limbs of head (8 fixed, 16 random),
//! the slots, and then random limbs up to the block's end; its last block is SHA-256's padding and
//! nothing else, so that a row is one of four kinds, all constants of the number of slots.
//!
//! Why a prover cannot leave anything out: the hub receives each side's commitment, so each side has
//! a row of padding with that digest; the events send each slot of each side once, only the row of the
//! right block can receive it (its slot's number comes from the block's), and that row receives the
//! block from the message of that side's id, of which the SHA-256 table has exactly one.

use alloc::vec::Vec;

use avouch_merkle::Digest;
use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use crate::Val;
use crate::blind::{self, Blinded};
use crate::bus;
use crate::sha::{receive, tag};

/// What every message begins with.
const DOMAIN: &[u8; 16] = b"avouch/boundary1";
/// Limbs before the first slot: the domain's and 16 random ones.
const HEAD: usize = 24;
/// Limbs of a block.
const BLOCK_LIMBS: usize = 32;

const MESSAGE: usize = 0;
const DIGEST: usize = MESSAGE + BLOCK_LIMBS;
/// Which side the message is for.
const SIDE: usize = DIGEST + 16;
/// The block's number in the message.
const BLOCK: usize = SIDE + 1;
/// The message's first block.
const IS_HEAD: usize = BLOCK + 1;
/// A block full of slots.
const IS_FULL: usize = IS_HEAD + 1;
/// The last block with slots, if that is not the first.
const IS_REST: usize = IS_FULL + 1;
/// The block of padding.
const IS_END: usize = IS_REST + 1;
const BLIND: usize = IS_END + 1;
const WIDTH: usize = BLIND + blind::WIDTH;

/// Commitments: the boundary table sends `(side, 16 limbs)`, the hub receives.
pub(crate) const COMMITMENT: &str = "commitment";

/// The boundary table, for so many slots and these sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundaryAir {
    slots: usize,
    pub(crate) sides: [bool; 2],
}

impl BoundaryAir {
    pub(crate) const fn new(slots: usize, sides: [bool; 2]) -> Self {
        Self { slots, sides }
    }

    /// Blocks with slots.
    const fn data_blocks(&self) -> usize {
        let limbs = HEAD + self.slots;
        if limbs <= BLOCK_LIMBS {
            1
        } else {
            limbs.div_ceil(BLOCK_LIMBS)
        }
    }

    /// Blocks of a message.
    pub(crate) const fn blocks(&self) -> usize {
        self.data_blocks() + 1
    }

    /// How many messages there are: they are the SHA-256 table's first.
    pub(crate) const fn messages(&self) -> usize {
        self.sides[0] as usize + self.sides[1] as usize
    }

    /// The lanes of this block that are slots.
    fn lanes(&self, block: usize) -> core::ops::Range<usize> {
        let start = if block == 0 { HEAD } else { 0 };
        start..(HEAD + self.slots - block * BLOCK_LIMBS).min(BLOCK_LIMBS)
    }

    /// The padding's limbs: a one, zeros, and the message's length in bits.
    fn padding(&self) -> [u32; BLOCK_LIMBS] {
        let mut limbs = [0; BLOCK_LIMBS];
        let bits = 16 * BLOCK_LIMBS as u32 * self.data_blocks() as u32;
        limbs[0] = 0x8000;
        limbs[30] = bits >> 16;
        limbs[31] = bits & 0xffff;
        limbs
    }
}

impl BaseAir<Val> for BoundaryAir {
    fn width(&self) -> usize {
        WIDTH
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for BoundaryAir {
    fn eval(&self, builder: &mut AB) {
        let window = builder.main();
        let row = window.current_slice();
        self.eval_rows(builder, row);
        self.eval_buses(builder, row);
        blind::eval(builder, &row[BLIND..], Blinded::Boundary);
    }
}

fn real<AB: AirBuilder>(row: &[AB::Var]) -> AB::Expr {
    row[IS_HEAD] + row[IS_FULL] + row[IS_REST] + row[IS_END]
}

impl BoundaryAir {
    fn eval_rows<AB: AirBuilder>(&self, builder: &mut AB, row: &[AB::Var]) {
        for flag in [IS_HEAD, IS_FULL, IS_REST, IS_END, SIDE] {
            builder.assert_bool(row[flag]);
        }
        builder.assert_bool(real::<AB>(row));
        let data = self.data_blocks() as u32;
        for (flag, block) in [(IS_HEAD, 0), (IS_REST, data - 1), (IS_END, data)] {
            builder.assert_zero(row[flag] * (row[BLOCK] - AB::Expr::from_u32(block)));
        }
        if data == 1 {
            builder.assert_zero(row[IS_REST]);
        }
        for (lane, limb) in bus::limbs(DOMAIN).enumerate() {
            builder.assert_zero(row[IS_HEAD] * (row[MESSAGE + lane] - AB::Expr::from_u16(limb)));
        }
        for (lane, limb) in self.padding().into_iter().enumerate() {
            builder.assert_zero(row[IS_END] * (row[MESSAGE + lane] - AB::Expr::from_u32(limb)));
        }
    }

    fn eval_buses<AB: InteractionBuilder>(&self, builder: &mut AB, row: &[AB::Var]) {
        let expr = |column: usize| -> AB::Expr { row[column].into() };
        // The sides' messages are the first in the SHA-256 table.
        let id = if self.sides[0] {
            expr(SIDE)
        } else {
            expr(SIDE) - AB::Expr::ONE
        };
        let number = AB::Expr::from_u32(tag::BLOCK) * row[BLOCK];
        let mut sha = |part: u32, columns: core::ops::Range<usize>, count: AB::Expr| {
            let tag = number.clone() + AB::Expr::from_u32(part);
            receive(builder, id.clone(), tag, columns.map(expr), count);
        };
        for (part, limbs) in tag::PARTS.into_iter().enumerate() {
            sha(
                part as u32,
                MESSAGE + limbs.start..MESSAGE + limbs.end,
                real::<AB>(row),
            );
        }
        sha(tag::DIGEST, DIGEST..DIGEST + 16, expr(IS_END));

        let (head, rest) = (self.lanes(0), self.lanes(self.data_blocks() - 1));
        for lane in 0..BLOCK_LIMBS {
            let mut count = expr(IS_FULL);
            if head.contains(&lane) {
                count += expr(IS_HEAD);
            }
            if rest.contains(&lane) {
                count += expr(IS_REST);
            }
            let slot = AB::Expr::from_usize(BLOCK_LIMBS) * row[BLOCK]
                + AB::Expr::from_i64(lane as i64 - HEAD as i64);
            let fields = [expr(SIDE), slot, expr(MESSAGE + lane)];
            builder.push_interaction(bus::BOUNDARY, fields, -Count::bounded(count, 1));
        }

        let mut commitment = alloc::vec![expr(SIDE)];
        commitment.extend((DIGEST..DIGEST + 16).map(expr));
        builder.push_interaction(COMMITMENT, commitment, Count::bounded(expr(IS_END), 1));
    }
}

/// A commitment's constants, as the hub receives it.
pub(crate) fn commitment_fields<E: PrimeCharacteristicRing>(
    side: usize,
    digest: &Digest,
) -> Vec<E> {
    let mut fields = alloc::vec![E::from_usize(side)];
    fields.extend(bus::limbs(digest.as_bytes()).map(E::from_u16));
    fields
}

#[cfg(feature = "prove")]
mod filling {
    use super::*;
    use crate::sha::Message;
    use avouch_merkle::sha256;
    use p3_matrix::dense::RowMajorMatrix;
    use rand_core::CryptoRng;

    /// One side's message, with the randomness that hides it: secret, like the state.
    #[derive(Clone)]
    pub(crate) struct Opening {
        /// The blocks with slots.
        bytes: Vec<u8>,
        /// The commitment.
        pub(crate) digest: Digest,
    }

    impl Opening {
        /// A fresh commitment to this state.
        pub(crate) fn new(slots: &[u16], rng: &mut impl CryptoRng) -> Self {
            let blocks = BoundaryAir::new(slots.len(), [true; 2]).data_blocks();
            let mut bytes = alloc::vec![0; 2 * BLOCK_LIMBS * blocks];
            rng.fill_bytes(&mut bytes);
            bytes[..DOMAIN.len()].copy_from_slice(DOMAIN);
            for (place, slot) in bytes[2 * HEAD..].chunks_exact_mut(2).zip(slots) {
                place.copy_from_slice(&slot.to_be_bytes());
            }
            let digest = sha256(&[&bytes]);
            Self { bytes, digest }
        }
    }

    impl BoundaryAir {
        /// A side's whole message as limbs, block by block.
        fn blocks_of(&self, opening: &Opening) -> Vec<[u32; BLOCK_LIMBS]> {
            let limbs: Vec<u32> = bus::limbs(&opening.bytes).map(u32::from).collect();
            let mut blocks: Vec<[u32; BLOCK_LIMBS]> = Vec::new();
            for block in limbs.chunks_exact(BLOCK_LIMBS) {
                blocks.push(core::array::from_fn(|lane| block[lane]));
            }
            blocks.push(self.padding());
            blocks
        }

        /// What the SHA-256 table has to hash first.
        pub(crate) fn message(&self, opening: &Opening) -> Message {
            let blocks = self.blocks_of(opening);
            let words = |limbs: &[u32; BLOCK_LIMBS]| {
                core::array::from_fn(|i| limbs[2 * i] << 16 | limbs[2 * i + 1])
            };
            Message {
                blocks: blocks.iter().map(words).collect(),
                format: [false; 2],
            }
        }

        /// The table.
        pub(crate) fn trace(
            &self,
            openings: &[Option<Opening>; 2],
            rows: usize,
            blinding: &[Val; blind::WIDTH],
        ) -> RowMajorMatrix<Val> {
            let mut values = Val::zero_vec(rows * WIDTH);
            let mut cells = values.chunks_exact_mut(WIDTH);
            for (side, opening) in openings.iter().enumerate() {
                let Some(opening) = opening else { continue };
                for (block, limbs) in self.blocks_of(opening).iter().enumerate() {
                    let Some(row) = cells.next() else { break };
                    for (lane, &limb) in limbs.iter().enumerate() {
                        row[MESSAGE + lane] = Val::from_u32(limb);
                    }
                    let data = self.data_blocks();
                    let kind = match block {
                        0 => IS_HEAD,
                        _ if block == data => IS_END,
                        _ if block + 1 == data => IS_REST,
                        _ => IS_FULL,
                    };
                    row[kind] = Val::ONE;
                    row[SIDE] = Val::from_usize(side);
                    row[BLOCK] = Val::from_usize(block);
                    if kind == IS_END {
                        for (i, limb) in bus::limbs(opening.digest.as_bytes()).enumerate() {
                            row[DIGEST + i] = Val::from_u16(limb);
                        }
                    }
                }
            }
            values[BLIND..WIDTH].copy_from_slice(blinding);
            RowMajorMatrix::new(values, WIDTH)
        }
    }
}
#[cfg(feature = "prove")]
pub(crate) use filling::Opening;
