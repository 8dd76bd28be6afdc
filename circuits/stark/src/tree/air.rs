//! The tree table's columns and constraints.

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use crate::Val;
use crate::blind::{self, Blinded};
use crate::bus;
use crate::sha::{receive, tag};

/// The message's two blocks as limbs: 32 for each, in the bus's order.
pub(crate) const MESSAGE: usize = 0;
/// Where a leaf's message has the event's header ...
pub(crate) const HEADER: usize = MESSAGE + 2;
/// ... and its body.
pub(crate) const BODY: usize = MESSAGE + 43;
/// Its digest.
pub(crate) const DIGEST: usize = MESSAGE + 64;
/// Its id in the SHA-256 table.
pub(crate) const ID: usize = DIGEST + 16;
/// Whether this row is a leaf.
pub(crate) const IS_LEAF: usize = ID + 1;
/// Whether this row is an inner node. A row that is neither is padding.
pub(crate) const IS_INNER: usize = IS_LEAF + 1;
/// The node's first leaf.
pub(crate) const FIRST: usize = IS_INNER + 1;
/// How many leaves the node has.
pub(crate) const COUNT: usize = FIRST + 1;
/// An inner node's right child's number of leaves.
pub(crate) const RIGHT: usize = COUNT + 1;
/// Five bits of the exponent k: the left child has 2^k leaves.
pub(crate) const EXPONENT: usize = RIGHT + 1;
/// 2 to the exponent's low three bits.
pub(crate) const SMALL_POWER: usize = EXPONENT + 5;
/// 2^k.
pub(crate) const LEFT: usize = SMALL_POWER + 1;
/// The right digest's last byte, which is in the second block.
pub(crate) const LAST_BYTE: usize = LEFT + 1;
/// Bits of how many leaves the right child has fewer than the left one.
pub(crate) const FEWER: usize = LAST_BYTE + 1;
/// How many: left children have at most 2^23 leaves.
pub(crate) const FEWER_BITS: usize = 24;
/// Blinding; see `blind`.
pub(crate) const BLIND: usize = FEWER + FEWER_BITS;
/// Columns of a row.
pub(crate) const WIDTH: usize = BLIND + blind::WIDTH;

/// The tree table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeAir {
    /// Whether the leaves' events go to the chain table too.
    pub(crate) chain: bool,
}

impl BaseAir<Val> for TreeAir {
    fn width(&self) -> usize {
        WIDTH
    }

    fn main_next_row_columns(&self) -> alloc::vec::Vec<usize> {
        alloc::vec::Vec::new()
    }
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for TreeAir {
    fn eval(&self, builder: &mut AB) {
        let window = builder.main();
        let row = window.current_slice();
        eval_flags(builder, row);
        eval_leaf(builder, row);
        eval_inner(builder, row);
        eval_span(builder, row);
        eval_buses(builder, row);
        if self.chain {
            let mut event = alloc::vec![row[FIRST].into()];
            event.extend((HEADER..HEADER + bus::HEADER_LIMBS).map(|at| row[at].into()));
            event.extend((BODY..BODY + bus::DIGEST_LIMBS).map(|at| row[at].into()));
            let once = Count::bounded(row[IS_LEAF].into(), 1);
            builder.push_interaction(bus::EVENT, event, once);
        }
        blind::eval(builder, &row[BLIND..], Blinded::Tree);
    }
}

fn real<AB: AirBuilder>(row: &[AB::Var]) -> AB::Expr {
    row[IS_LEAF] + row[IS_INNER]
}

fn eval_flags<AB: AirBuilder>(builder: &mut AB, row: &[AB::Var]) {
    builder.assert_bool(row[IS_LEAF]);
    builder.assert_bool(row[IS_INNER]);
    builder.assert_bool(real::<AB>(row));
    for column in (EXPONENT..EXPONENT + 5).chain(FEWER..FEWER + FEWER_BITS) {
        builder.assert_bool(row[column]);
    }
}

/// A leaf's message is 0x00 || event, padded: 118 bytes. The header's 20 words (limbs 2..42) and the
/// body (43..59) are whatever was hashed; everything else is fixed.
fn eval_leaf<AB: AirBuilder>(builder: &mut AB, row: &[AB::Var]) {
    let fixed: [(usize, u32); 8] = [
        (0, 0x0082),  // the prefix, and the array's head
        (1, 0x5850),  // the header's head: a string of 80 bytes
        (42, 0x5820), // the body's head: a string of 32 bytes
        (59, 0x8000), // SHA-256's padding
        (60, 0),
        (61, 0),
        (62, 0),
        (63, 118 * 8), // the length in bits
    ];
    for (limb, value) in fixed {
        builder.assert_zero(row[IS_LEAF] * (row[MESSAGE + limb] - AB::Expr::from_u32(value)));
    }
}

/// An inner node's message is 0x01 || left || right, padded: 65 bytes. Its first block is packed a
/// byte later, so that limbs 0..16 are the left digest and 16..32 the right one, but for its last
/// byte. The SHA-256 table has the prefix.
fn eval_inner<AB: AirBuilder>(builder: &mut AB, row: &[AB::Var]) {
    let is_inner = row[IS_INNER];
    // The last byte and the padding's first. The limb has 16 bits, and so has the right child's
    // last limb, from which limb 31 (a multiple of 256) is this byte's difference: so it is a byte.
    let limb = AB::Expr::from_u32(256) * row[LAST_BYTE] + AB::Expr::from_u32(0x80);
    builder.assert_zero(is_inner * (limb - row[MESSAGE + 32]));
    for limb in 33..63 {
        builder.assert_zero(is_inner * row[MESSAGE + limb]);
    }
    builder.assert_zero(is_inner * (row[MESSAGE + 63] - AB::Expr::from_u32(65 * 8)));
}

/// Spans: see the module.
fn eval_span<AB: AirBuilder>(builder: &mut AB, row: &[AB::Var]) {
    let power = |bit: usize, factor: u32| {
        AB::Expr::ONE + AB::Expr::from_u32(factor - 1) * row[EXPONENT + bit]
    };
    builder.assert_zero(power(0, 2) * power(1, 4) * power(2, 16) - row[SMALL_POWER]);
    builder.assert_zero(power(3, 1 << 8) * power(4, 1 << 16) * row[SMALL_POWER] - row[LEFT]);
    builder.assert_zero(row[EXPONENT + 3] * row[EXPONENT + 4]);
    let fewer = (FEWER..FEWER + FEWER_BITS)
        .rev()
        .fold(AB::Expr::ZERO, |sum, bit| sum.double() + row[bit]);
    builder.assert_zero(row[IS_INNER] * (fewer + row[RIGHT] - row[LEFT]));
    builder.assert_zero(row[IS_INNER] * (row[LEFT] + row[RIGHT] - row[COUNT]));
    builder.assert_zero(row[IS_LEAF] * (AB::Expr::ONE - row[COUNT]));
}

fn eval_buses<AB: InteractionBuilder>(builder: &mut AB, row: &[AB::Var]) {
    let once = |flag: AB::Expr| Count::bounded(flag, 1);
    let expr = |column: usize| -> AB::Expr { row[column].into() };
    let formats = AB::Expr::from_u32(tag::FMT_LO + tag::FMT_HI) * row[IS_INNER];
    let mut sha = |tag: AB::Expr, limbs: core::ops::Range<usize>| {
        receive(builder, expr(ID), tag, limbs.map(expr), real::<AB>(row));
    };
    for block in 0..2 {
        for (part, limbs) in tag::PARTS.into_iter().enumerate() {
            let tag = AB::Expr::from_u32(part as u32 + tag::BLOCK * block);
            let tag = if block == 0 {
                tag + formats.clone()
            } else {
                tag
            };
            let start = MESSAGE + 32 * block as usize;
            sha(tag, start + limbs.start..start + limbs.end);
        }
    }
    sha(
        AB::Expr::from_u32(tag::DIGEST + tag::BLOCK),
        DIGEST..DIGEST + 16,
    );

    let node = |first: AB::Expr, count: AB::Expr, limbs: alloc::vec::Vec<AB::Expr>| {
        let mut fields = alloc::vec![first, count];
        fields.extend(limbs);
        fields
    };
    let mut left: alloc::vec::Vec<AB::Expr> = (MESSAGE..MESSAGE + 32).map(expr).collect();
    left[31] += expr(LAST_BYTE);
    let right = left.split_off(16);
    let own = (DIGEST..DIGEST + 16).map(expr).collect();
    builder.push_interaction(
        bus::NODE,
        node(expr(FIRST), expr(COUNT), own),
        once(real::<AB>(row)),
    );
    builder.push_interaction(
        bus::NODE,
        node(expr(FIRST), expr(LEFT), left),
        -once(expr(IS_INNER)),
    );
    let second = expr(FIRST) + expr(LEFT);
    builder.push_interaction(
        bus::NODE,
        node(second, expr(RIGHT), right),
        -once(expr(IS_INNER)),
    );

    let mut leaf = alloc::vec![expr(FIRST)];
    leaf.extend((HEADER..HEADER + bus::HEADER_LIMBS).map(expr));
    builder.push_interaction(bus::LEAF, leaf, -once(expr(IS_LEAF)));
}
