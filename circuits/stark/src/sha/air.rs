//! The SHA-256 table's constraints. `columns` says what the rows are.
//!
//! Every constraint has degree at most 4 with its selector, which costs no more than degree 3 does:
//! with hiding, both take four quotient chunks.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_lookup::{Count, InteractionBuilder};

use super::columns::*;
use super::tag;
use crate::Val;
use crate::blind::{self, Blinded};
use crate::bus;

/// The SHA-256 table: one compression in every 8 rows, messages one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaAir;

impl BaseAir<Val> for ShaAir {
    fn width(&self) -> usize {
        WIDTH
    }

    fn num_periodic_columns(&self) -> usize {
        PERIODIC
    }

    fn periodic_columns(&self) -> Cow<'_, [Vec<Val>]> {
        let mut columns: Vec<Vec<Val>> = IS_ROW
            .iter()
            .map(|&row| (0..ROWS).map(|r| Val::from_bool(r == row)).collect())
            .collect();
        for step in 0..STEPS {
            // A periodic column has no next row, and a row's first four steps are constrained from
            // the row before: their constants stand one row early.
            let early = usize::from(step < FIRST_ROUND);
            let constant =
                |row: usize| round_of((row + early) % ROWS * STEPS + step).map_or(0, |t| K[t]);
            columns.push(
                (0..ROWS)
                    .map(|r| Val::from_u32(constant(r) & 0xffff))
                    .collect(),
            );
            columns.push(
                (0..ROWS)
                    .map(|r| Val::from_u32(constant(r) >> 16))
                    .collect(),
            );
        }
        Cow::Owned(columns)
    }
}

/// One row as words: 32 bits each, lowest first.
struct Row<'a, V> {
    cells: &'a [V],
}

impl<V: Copy> Row<'_, V> {
    fn bits(&self, base: usize, step: usize) -> &[V] {
        &self.cells[base + 32 * step..][..32]
    }

    fn at(&self, column: usize) -> V {
        self.cells[column]
    }
}

/// The bits of chain `base` at a step counted from the local row's first: 9.. is the next row.
fn bits_at<'a, V: Copy>(rows: [&'a Row<'a, V>; 2], base: usize, step: usize) -> &'a [V] {
    rows[step / STEPS].bits(base, step % STEPS)
}

/// Sum of `bit * 2^i`.
fn pack<AB: AirBuilder>(bits: &[AB::Var]) -> AB::Expr {
    bits.iter()
        .rev()
        .fold(AB::Expr::ZERO, |sum, &bit| sum.double() + bit)
}

/// The two limbs of a word, low one first.
fn limbs<AB: AirBuilder>(bits: &[AB::Var]) -> [AB::Expr; 2] {
    [pack::<AB>(&bits[..16]), pack::<AB>(&bits[16..])]
}

fn pack_with<AB: AirBuilder>(bit: impl Fn(usize) -> AB::Expr) -> [AB::Expr; 2] {
    [0, 16].map(|low| {
        (low..low + 16)
            .rev()
            .fold(AB::Expr::ZERO, |sum, i| sum.double() + bit(i))
    })
}

/// The limbs of the exclusive or of a word's rotations by `x` and `y` and its rotation or shift by `z`.
fn sigma<AB: AirBuilder>(
    bits: &[AB::Var],
    x: usize,
    y: usize,
    z: usize,
    shift: bool,
) -> [AB::Expr; 2] {
    pack_with::<AB>(|i| {
        let (first, second): (AB::Expr, AB::Expr) =
            (bits[(i + x) % 32].into(), bits[(i + y) % 32].into());
        if shift && i + z >= 32 {
            first.xor(&second)
        } else {
            first.xor3(&second, &bits[(i + z) % 32].into())
        }
    })
}

fn choose<AB: AirBuilder>(e: &[AB::Var], f: &[AB::Var], g: &[AB::Var]) -> [AB::Expr; 2] {
    pack_with::<AB>(|i| {
        let g_bit: AB::Expr = g[i].into();
        e[i] * (f[i] - g[i]) + g_bit
    })
}

fn majority<AB: AirBuilder>(a: &[AB::Var], b: &[AB::Var], c: &[AB::Var]) -> [AB::Expr; 2] {
    pack_with::<AB>(|i| {
        let both: AB::Expr = a[i] * b[i];
        c[i] * (a[i] + b[i] - both.double()) + both
    })
}

impl<AB: InteractionBuilder<F = Val>> Air<AB> for ShaAir {
    fn eval(&self, builder: &mut AB) {
        let window = builder.main();
        let (local, next) = (
            Row {
                cells: window.current_slice(),
            },
            Row {
                cells: window.next_slice(),
            },
        );
        let periodic: Vec<AB::Expr> = builder
            .periodic_values()
            .iter()
            .map(|&v| v.into())
            .collect();
        let rows = [&local, &next];
        let selectors = Selectors::<AB::Expr>::new(&periodic);
        eval_ranges(builder, &local);
        eval_rounds(builder, rows, &selectors, &periodic[IS_ROW.len()..]);
        eval_schedule(builder, rows, &selectors);
        eval_ends(builder, &local, &selectors);
        eval_packing(builder, rows, &selectors);
        eval_messages(builder, rows, &selectors);
        eval_buses(builder, &local, &selectors);
        blind::eval(builder, &local.cells[BLIND..], Blinded::Sha);
    }
}

/// Which row of a compression the local one is, as products of nothing: every value has degree 1.
struct Selectors<E> {
    row0: E,
    row1: E,
    row2: E,
    row6: E,
    row7: E,
}

impl<E: PrimeCharacteristicRing + Clone> Selectors<E> {
    fn new(periodic: &[E]) -> Self {
        let at = |i: usize| periodic[i].clone();
        Self {
            row0: at(0),
            row1: at(1),
            row2: at(2),
            row6: at(3),
            row7: at(4),
        }
    }

    fn not_row7(&self) -> E {
        E::ONE - self.row7.clone()
    }
}

/// Bits are bits, flags are flags, carries are small.
fn eval_ranges<AB: AirBuilder>(builder: &mut AB, local: &Row<'_, AB::Var>) {
    for column in A..CARRY_E {
        builder.assert_bool(local.at(column));
    }
    for step in 0..STEPS {
        for limb in 0..2 {
            assert_two_bits(builder, local.at(CARRY_E + 4 * step + 2 * limb));
            builder.assert_bool(local.at(CARRY_E + 4 * step + 2 * limb + 1));
            assert_two_bits(builder, local.at(CARRY_A + 2 * step + limb));
            assert_two_bits(builder, local.at(CARRY_W + 2 * step + limb));
        }
    }
    for column in [FIRST, REAL, LAST, FMT_LO, FMT_HI] {
        builder.assert_bool(local.at(column));
    }
}

/// The value is 0, 1, 2 or 3.
fn assert_two_bits<AB: AirBuilder>(builder: &mut AB, value: AB::Var) {
    let value: AB::Expr = value.into();
    let low = value.clone() * (value.clone() - AB::Expr::ONE);
    let high = (value.clone() - AB::Expr::TWO) * (value - AB::Expr::from_u8(3));
    builder.assert_zero(low * high);
}

/// The 64 rounds. Steps 4..9 of the local row read nothing outside it; steps 0..4 of the next row
/// read both. Row 0's steps 0..4 and row 7's 5..9 are no rounds (`eval_ends` has those).
fn eval_rounds<AB: AirBuilder>(
    builder: &mut AB,
    rows: [&Row<'_, AB::Var>; 2],
    selectors: &Selectors<AB::Expr>,
    constants: &[AB::Expr],
) {
    for step in FIRST_ROUND..STEPS + FIRST_ROUND {
        let row = rows[step / STEPS];
        let slot = step % STEPS;
        let [a, b, c, d] = [1, 2, 3, 4].map(|back| bits_at(rows, A, step - back));
        let [e, f, g, h] = [1, 2, 3, 4].map(|back| bits_at(rows, E, step - back));
        let [new_a, new_e] = [A, E].map(|base| limbs::<AB>(bits_at(rows, base, step)));
        let (d, h, w) = (
            limbs::<AB>(d),
            limbs::<AB>(h),
            limbs::<AB>(bits_at(rows, W, step)),
        );
        let (big1, ch) = (sigma::<AB>(e, 6, 11, 25, false), choose::<AB>(e, f, g));
        let (big0, maj) = (sigma::<AB>(a, 2, 13, 22, false), majority::<AB>(a, b, c));
        // Step 4 is a round in every row; the others are not where a compression ends or begins.
        let selector = if step == FIRST_ROUND {
            None
        } else {
            Some(selectors.not_row7())
        };
        let mut carry_e = AB::Expr::ZERO;
        let mut carry_a = AB::Expr::ZERO;
        for limb in 0..2 {
            let small: AB::Expr = row.at(CARRY_E + 4 * slot + 2 * limb).into();
            let large: AB::Expr = row.at(CARRY_E + 4 * slot + 2 * limb + 1).into();
            let carried = small + large.double();
            let sum_e = d[limb].clone()
                + h[limb].clone()
                + big1[limb].clone()
                + ch[limb].clone()
                + constants[2 * slot + limb].clone()
                + w[limb].clone()
                + carry_e;
            let equation =
                sum_e - new_e[limb].clone() - carried.clone() * AB::Expr::from_u32(1 << 16);
            assert_when(builder, selector.as_ref(), equation);
            carry_e = carried;

            let carried: AB::Expr = row.at(CARRY_A + 2 * slot + limb) - AB::Expr::ONE;
            let sum_a = new_e[limb].clone() + big0[limb].clone() + maj[limb].clone() + carry_a;
            let equation = sum_a
                - d[limb].clone()
                - new_a[limb].clone()
                - carried.clone() * AB::Expr::from_u32(1 << 16);
            assert_when(builder, selector.as_ref(), equation);
            carry_a = carried;
        }
    }
}

fn assert_when<AB: AirBuilder>(builder: &mut AB, selector: Option<&AB::Expr>, equation: AB::Expr) {
    match selector {
        Some(selector) => builder.assert_zero(selector.clone() * equation),
        None => builder.assert_zero(equation),
    }
}

/// W[t] = sigma1(W[t-2]) + W[t-7] + sigma0(W[t-15]) + W[t-16] for t = 16..64. Sixteen steps are more
/// than two rows hold, so the last two terms are summed a row earlier, into `PARTIAL`.
fn eval_schedule<AB: AirBuilder>(
    builder: &mut AB,
    rows: [&Row<'_, AB::Var>; 2],
    selectors: &Selectors<AB::Expr>,
) {
    let [local, next] = rows;
    let not0 = AB::Expr::ONE - selectors.row0.clone();
    for slot in 0..STEPS {
        // The next row's partial sums are for the row after it: steps slot + 18 - 16 and - 15.
        let (old, older) = (bits_at(rows, W, slot + 3), bits_at(rows, W, slot + 2));
        let (small0, word) = (sigma::<AB>(old, 7, 18, 3, true), limbs::<AB>(older));
        let selector = AB::Expr::ONE - selectors.row6.clone() - selectors.row7.clone();
        for limb in 0..2 {
            let sum = small0[limb].clone() + word[limb].clone();
            builder.assert_zero(selector.clone() * (sum - next.at(PARTIAL + 2 * slot + limb)));
        }

        // The next row's words: t >= 16 begins at row 2, step 2; t = 63 is row 7, step 4.
        let selector = match slot {
            0..2 => not0.clone() - selectors.row1.clone() - selectors.row7.clone(),
            2..5 => not0.clone() - selectors.row7.clone(),
            _ => not0.clone() - selectors.row6.clone() - selectors.row7.clone(),
        };
        let small1 = sigma::<AB>(bits_at(rows, W, slot + STEPS - 2), 17, 19, 10, true);
        let seventh = limbs::<AB>(bits_at(rows, W, slot + STEPS - 7));
        let word = limbs::<AB>(next.bits(W, slot));
        let mut carry = AB::Expr::ZERO;
        for limb in 0..2 {
            let carried: AB::Expr = next.at(CARRY_W + 2 * slot + limb).into();
            let sum = small1[limb].clone()
                + seventh[limb].clone()
                + carry
                + local.at(PARTIAL + 2 * slot + limb);
            let equation = sum - word[limb].clone() - carried.clone() * AB::Expr::from_u32(1 << 16);
            builder.assert_zero(selector.clone() * equation);
            carry = carried;
        }
    }
}

/// The chains begin with the chaining value going in, and end with it added to the last four words.
fn eval_ends<AB: AirBuilder>(
    builder: &mut AB,
    local: &Row<'_, AB::Var>,
    selectors: &Selectors<AB::Expr>,
) {
    for (base, carries, first_word) in [(A, CARRY_A, 0), (E, CARRY_E, 4)] {
        for place in 0..4 {
            let word = first_word + 3 - place;
            let value = limbs::<AB>(local.bits(base, place));
            let (last, out) = (
                limbs::<AB>(local.bits(base, 1 + place)),
                limbs::<AB>(local.bits(base, 5 + place)),
            );
            let mut carry = AB::Expr::ZERO;
            for limb in 0..2 {
                let h_in: AB::Expr = local.at(H_IN + 2 * word + limb).into();
                builder.assert_zero(selectors.row0.clone() * (value[limb].clone() - h_in.clone()));
                // Two addends: the carry is 0 or 1. The larger values that the column may hold
                // would need a sum of 2^17, which two 16-bit limbs and a carry never reach.
                let stride = if base == A {
                    2 * (5 + place) + limb
                } else {
                    4 * (5 + place) + 2 * limb
                };
                let carried: AB::Expr = local.at(carries + stride).into();
                let equation = last[limb].clone() + h_in + carry
                    - out[limb].clone()
                    - carried.clone() * AB::Expr::from_u32(1 << 16);
                builder.assert_zero(selectors.row7.clone() * equation);
                carry = carried;
            }
        }
    }
}

/// What goes onto the bus: the block's words in rows 0..3, the digest in row 7.
fn eval_packing<AB: AirBuilder>(
    builder: &mut AB,
    rows: [&Row<'_, AB::Var>; 2],
    selectors: &Selectors<AB::Expr>,
) {
    let local = rows[0];
    let is_row = [&selectors.row0, &selectors.row1, &selectors.row2];
    for (row, selector) in is_row.into_iter().enumerate() {
        for slot in 0..STEPS {
            let t = match round_of(row * STEPS + slot) {
                Some(t) if t < 16 => t,
                _ => continue,
            };
            let bits = local.bits(W, slot);
            let byte = |i: usize| pack::<AB>(&bits[24 - 8 * i..][..8]);
            let (b0, b1, b2, b3) = (byte(0), byte(1), byte(2), byte(3));
            // The byte after this word; nothing follows the block's last.
            let b4 = match t {
                15 => AB::Expr::ZERO,
                _ => pack::<AB>(&bits_at(rows, W, slot + 1)[24..]),
            };
            let shifted: AB::Expr = local.at(if t < 8 { FMT_LO } else { FMT_HI }).into();
            let b256 = AB::Expr::from_u32(256);
            let aligned = [
                b0.clone() * b256.clone() + b1.clone(),
                b2.clone() * b256.clone() + b3.clone(),
            ];
            let later = [b1 * b256.clone() + b2, b3 * b256 + b4];
            for limb in 0..2 {
                let value = aligned[limb].clone()
                    + shifted.clone() * (later[limb].clone() - aligned[limb].clone());
                let packed = local.at(PACKED + 2 * slot + limb);
                builder.assert_zero(selector.clone() * (value - packed));
            }
        }
    }
    // The digest's words stand where row 7 has no words of the schedule: those of chain a in
    // `PACKED`, those of chain e in `PARTIAL`, both high limb first.
    for place in 0..4 {
        for (base, packed) in [(A, PACKED), (E, PARTIAL)] {
            let [low, high] = limbs::<AB>(local.bits(base, 5 + place));
            for (limb, value) in [high, low].into_iter().enumerate() {
                let equation = value - local.at(packed + 2 * (5 + place) + limb);
                builder.assert_zero(selectors.row7.clone() * equation);
            }
        }
    }
    // What a packing that drops the first byte drops is fixed: 1 before two digests (RFC 9162's
    // nodes), 2 before one (the chain).
    let prefix = pack::<AB>(&local.bits(W, FIRST_ROUND)[24..]);
    let expected = AB::Expr::TWO - local.at(FMT_HI);
    builder.assert_zero(selectors.row0.clone() * (prefix - expected) * local.at(FMT_LO));
}

/// Where the digest's 16 limbs are in row 7, in the bus's order: H0's high limb first.
fn digest_columns() -> [usize; 16] {
    core::array::from_fn(|i| {
        let word = i / 2;
        let base = if word < 4 { PACKED } else { PARTIAL };
        base + 2 * (5 + 3 - word % 4) + i % 2
    })
}

/// Messages follow one another, and a block continues from the block before it or from nothing.
fn eval_messages<AB: AirBuilder>(
    builder: &mut AB,
    rows: [&Row<'_, AB::Var>; 2],
    selectors: &Selectors<AB::Expr>,
) {
    let [local, next] = rows;
    for column in (H_IN..H_IN + 16).chain([ID, BLOCK, FIRST, REAL, LAST, FMT_LO, FMT_HI]) {
        builder.assert_zero(selectors.not_row7() * (next.at(column) - local.at(column)));
    }
    let row7 = &selectors.row7;
    let first: AB::Expr = next.at(FIRST).into();
    let continues = AB::Expr::ONE - first.clone();
    for (i, &column) in digest_columns().iter().enumerate() {
        // The bus has a word's high limb first, `H_IN` its low limb.
        let h_in = H_IN + (i ^ 1);
        let start = AB::Expr::from_u32(limb_of(i));
        let value = start.clone() * first.clone() + continues.clone() * local.at(column);
        builder.assert_zero(row7.clone() * (value - next.at(h_in)));
        builder.when_first_row().assert_zero(start - local.at(h_in));
    }
    let block: AB::Expr = local.at(BLOCK).into();
    builder.assert_zero(row7.clone() * (continues * (block + AB::Expr::ONE) - next.at(BLOCK)));
    // Ids count up, so that no two messages share one.
    builder
        .when_transition()
        .assert_zero(row7.clone() * (first + local.at(ID) - next.at(ID)));
    builder.when_first_row().assert_one(local.at(FIRST));
    builder.when_first_row().assert_zero(local.at(ID));
    builder.when_first_row().assert_zero(local.at(BLOCK));
}

/// The limb of the initial chaining value that is `i`th on the bus.
fn limb_of(i: usize) -> u32 {
    let word = IV[i / 2];
    if i.is_multiple_of(2) {
        word >> 16
    } else {
        word & 0xffff
    }
}

/// The block's words and the digest, one message a row at most.
fn eval_buses<AB: InteractionBuilder>(
    builder: &mut AB,
    local: &Row<'_, AB::Var>,
    selectors: &Selectors<AB::Expr>,
) {
    let block: AB::Expr = AB::Expr::from_u32(tag::BLOCK) * local.at(BLOCK);
    let format = AB::Expr::from_u32(tag::FMT_LO) * local.at(FMT_LO)
        + AB::Expr::from_u32(tag::FMT_HI) * local.at(FMT_HI);
    let tuple = |tag: AB::Expr, columns: &mut dyn Iterator<Item = usize>| {
        let mut fields: Vec<AB::Expr> = Vec::with_capacity(tag::FIELDS);
        fields.push(local.at(ID).into());
        fields.push(tag);
        fields.extend(columns.map(|column| -> AB::Expr { local.at(column).into() }));
        fields.resize(tag::FIELDS, AB::Expr::ZERO);
        fields
    };
    let part = |part: u32, steps: core::ops::Range<usize>| {
        let tag = AB::Expr::from_u32(part) + block.clone() + format.clone();
        tuple(tag, &mut (PACKED + 2 * steps.start..PACKED + 2 * steps.end))
    };
    // Constants of which at most one is 1, so one auxiliary column carries all four messages.
    let rows = [
        &selectors.row0,
        &selectors.row1,
        &selectors.row2,
        &selectors.row7,
    ];
    for (i, selector) in rows.into_iter().enumerate() {
        builder.assert_zero(selector.clone() - local.at(ON_BUS + i));
    }
    let is_row = |i: usize| -> AB::Expr { local.at(ON_BUS + i).into() };
    let real = || Count::bounded(local.at(REAL).into(), 1);
    let digest_tag = AB::Expr::from_u32(tag::DIGEST) + block.clone();
    let branches = [
        (is_row(0), real(), part(0, FIRST_ROUND..STEPS)),
        (is_row(1), real(), part(1, 0..STEPS)),
        (is_row(2), real(), part(2, 0..2)),
        (
            is_row(3),
            Count::bounded(local.at(LAST).into(), 1),
            tuple(digest_tag, &mut digest_columns().into_iter()),
        ),
    ];
    builder.push_exclusive_interaction(bus::SHA, branches);
}
