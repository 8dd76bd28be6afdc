//! Fills the SHA-256 table.

use alloc::vec::Vec;

use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;

use super::columns::*;
use crate::{Val, blind};

/// A message to hash, padded: its blocks, and how each goes onto the bus.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Blocks of 16 words.
    pub(crate) blocks: Vec<[u32; 16]>,
    /// Whether the first block's words 0..8 and 8..16 stand one byte later.
    pub(crate) format: [bool; 2],
}

/// The table of these messages, `rows` high, and each message's digest.
pub(crate) fn trace(
    messages: &[Message],
    rows: usize,
    blinding: &[Val; blind::WIDTH],
) -> (RowMajorMatrix<Val>, Vec<[u32; 8]>) {
    let mut values = Val::zero_vec(rows * WIDTH);
    let mut digests = Vec::with_capacity(messages.len());
    let mut compressions = values.chunks_exact_mut(ROWS * WIDTH);
    for (id, message) in messages.iter().enumerate() {
        let mut state = IV;
        for (number, block) in message.blocks.iter().enumerate() {
            let Some(cells) = compressions.next() else {
                break;
            };
            let first = number == 0;
            let flags = Flags {
                id: id as u32,
                block: number as u32,
                first,
                real: true,
                last: number + 1 == message.blocks.len(),
                format: if first { message.format } else { [false; 2] },
            };
            state = fill(cells, state, block, &flags);
        }
        digests.push(state);
    }
    // What is left are messages that nobody reads: hashed like any other, on no bus.
    for (more, cells) in compressions.enumerate() {
        let id = (messages.len() + more) as u32;
        let flags = Flags {
            id,
            block: 0,
            first: true,
            real: false,
            last: false,
            format: [false; 2],
        };
        fill(cells, IV, &[0; 16], &flags);
    }
    values[BLIND..WIDTH].copy_from_slice(blinding);
    (RowMajorMatrix::new(values, WIDTH), digests)
}

struct Flags {
    id: u32,
    block: u32,
    first: bool,
    real: bool,
    last: bool,
    format: [bool; 2],
}

/// Fills the eight rows of one compression; the chaining value that comes out.
fn fill(cells: &mut [Val], h_in: [u32; 8], block: &[u32; 16], flags: &Flags) -> [u32; 8] {
    let mut w = [0_u32; 64];
    w[..16].copy_from_slice(block);
    for t in 16..64 {
        w[t] = small1(w[t - 2])
            .wrapping_add(w[t - 7])
            .wrapping_add(small0(w[t - 15]))
            .wrapping_add(w[t - 16]);
    }
    let mut a = [0_u32; ALL_STEPS];
    let mut e = [0_u32; ALL_STEPS];
    for place in 0..4 {
        a[place] = h_in[3 - place];
        e[place] = h_in[7 - place];
    }
    for t in 0..64 {
        let s = t + FIRST_ROUND;
        let ch = (e[s - 1] & e[s - 2]) ^ (!e[s - 1] & e[s - 3]);
        let maj = (a[s - 1] & a[s - 2]) ^ (a[s - 1] & a[s - 3]) ^ (a[s - 2] & a[s - 3]);
        let (big1, big0) = (big1(e[s - 1]), big0(a[s - 1]));
        let t1 = e[s - 4]
            .wrapping_add(big1)
            .wrapping_add(ch)
            .wrapping_add(K[t])
            .wrapping_add(w[t]);
        e[s] = a[s - 4].wrapping_add(t1);
        a[s] = t1.wrapping_add(big0).wrapping_add(maj);
        let (row, slot) = (s / STEPS, s % STEPS);
        let cells = &mut cells[row * WIDTH..][..WIDTH];
        let (mut carry_e, mut carry_a) = (0_i64, 0_i64);
        for limb in 0..2 {
            let part = |v: u32| i64::from((v >> (16 * limb)) & 0xffff);
            carry_e = (part(a[s - 4])
                + part(e[s - 4])
                + part(big1)
                + part(ch)
                + part(K[t])
                + part(w[t])
                + carry_e
                - part(e[s]))
                >> 16;
            let large = carry_e > 3;
            cells[CARRY_E + 4 * slot + 2 * limb] =
                Val::from_i64(carry_e - if large { 2 } else { 0 });
            cells[CARRY_E + 4 * slot + 2 * limb + 1] = Val::from_bool(large);
            carry_a =
                (part(e[s]) + part(big0) + part(maj) + carry_a - part(a[s - 4]) - part(a[s])) >> 16;
            cells[CARRY_A + 2 * slot + limb] = Val::from_i64(carry_a + 1);
        }
    }
    let mut out = [0_u32; 8];
    for place in 0..4 {
        for (chain, base, first_word) in [(&mut a, CARRY_A, 0), (&mut e, CARRY_E, 4)] {
            let word = first_word + 3 - place;
            let (last, s) = (chain[64 + place], 68 + place);
            chain[s] = last.wrapping_add(h_in[word]);
            out[word] = chain[s];
            let slot = s % STEPS;
            let low = ((last & 0xffff) + (h_in[word] & 0xffff)) >> 16;
            let high = ((last >> 16) + (h_in[word] >> 16) + low) >> 16;
            let stride = if base == CARRY_A { 2 } else { 4 };
            let step = if base == CARRY_A { 1 } else { 2 };
            cells[7 * WIDTH + base + stride * slot] = Val::from_u32(low);
            cells[7 * WIDTH + base + stride * slot + step] = Val::from_u32(high);
        }
    }
    for row in 0..ROWS {
        let cells = &mut cells[row * WIDTH..][..WIDTH];
        for slot in 0..STEPS {
            let s = row * STEPS + slot;
            let word = round_of(s).map_or(0, |t| w[t]);
            for bit in 0..32 {
                cells[A + 32 * slot + bit] = Val::from_u32((a[s] >> bit) & 1);
                cells[E + 32 * slot + bit] = Val::from_u32((e[s] >> bit) & 1);
                cells[W + 32 * slot + bit] = Val::from_u32((word >> bit) & 1);
            }
            schedule(cells, &w, s, slot, row);
            packed(cells, &w, s, slot, flags.format);
            if row == 7 && slot >= 5 {
                put_limbs(cells, PACKED + 2 * slot, a[s]);
                put_limbs(cells, PARTIAL + 2 * slot, e[s]);
            }
        }
        for (word, &h) in h_in.iter().enumerate() {
            cells[H_IN + 2 * word] = Val::from_u32(h & 0xffff);
            cells[H_IN + 2 * word + 1] = Val::from_u32(h >> 16);
        }
        for (i, bus_row) in [0, 1, 2, 7].into_iter().enumerate() {
            cells[ON_BUS + i] = Val::from_bool(row == bus_row);
        }
        cells[ID] = Val::from_u32(flags.id);
        cells[BLOCK] = Val::from_u32(flags.block);
        cells[FIRST] = Val::from_bool(flags.first);
        cells[REAL] = Val::from_bool(flags.real);
        cells[LAST] = Val::from_bool(flags.last);
        cells[FMT_LO] = Val::from_bool(flags.format[0]);
        cells[FMT_HI] = Val::from_bool(flags.format[1]);
    }
    out
}

/// The partial sums that the next row needs, and the carries of this row's words.
fn schedule(cells: &mut [Val], w: &[u32; 64], s: usize, slot: usize, row: usize) {
    // Rows 1..=6 hold sums, of words that may not exist: those count as 0.
    let at = |step: usize| round_of(step).map_or(0, |t| w[t]);
    if (1..7).contains(&row) {
        let later = s + STEPS;
        let (old, older) = (small0(at(later - 15)), at(later - 16));
        for limb in 0..2 {
            let sum = ((old >> (16 * limb)) & 0xffff) + ((older >> (16 * limb)) & 0xffff);
            cells[PARTIAL + 2 * slot + limb] = Val::from_u32(sum);
        }
    }
    let Some(t) = round_of(s).filter(|&t| t >= 16) else {
        return;
    };
    let mut carry = 0;
    for limb in 0..2 {
        let part = |v: u32| (v >> (16 * limb)) & 0xffff;
        carry = (part(small1(w[t - 2]))
            + part(w[t - 7])
            + part(small0(w[t - 15]))
            + part(w[t - 16])
            + carry)
            >> 16;
        cells[CARRY_W + 2 * slot + limb] = Val::from_u32(carry);
    }
}

/// The block's words as they go onto the bus.
fn packed(cells: &mut [Val], w: &[u32; 64], s: usize, slot: usize, format: [bool; 2]) {
    let Some(t) = round_of(s).filter(|&t| t < 16) else {
        return;
    };
    let shifted = if t < 8 { format[0] } else { format[1] };
    let follows = if t == 15 { 0 } else { w[t + 1] >> 24 };
    put_limbs(
        cells,
        PACKED + 2 * slot,
        if shifted { (w[t] << 8) | follows } else { w[t] },
    );
}

fn put_limbs(cells: &mut [Val], at: usize, word: u32) {
    cells[at] = Val::from_u32(word >> 16);
    cells[at + 1] = Val::from_u32(word & 0xffff);
}

const fn small0(v: u32) -> u32 {
    v.rotate_right(7) ^ v.rotate_right(18) ^ (v >> 3)
}

const fn small1(v: u32) -> u32 {
    v.rotate_right(17) ^ v.rotate_right(19) ^ (v >> 10)
}

const fn big0(v: u32) -> u32 {
    v.rotate_right(2) ^ v.rotate_right(13) ^ v.rotate_right(22)
}

const fn big1(v: u32) -> u32 {
    v.rotate_right(6) ^ v.rotate_right(11) ^ v.rotate_right(25)
}
