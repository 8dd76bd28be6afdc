//! Where everything is in a row of the SHA-256 table, and what its rows stand for.
//!
//! A compression takes 8 rows of 9 steps. SHA-256's working variables form two chains (FIPS 180-4,
//! section 6.2.2): every round appends one word to the chain of `a` and one to that of `e`, and reads
//! the last four of each. With the four initial words before them and the digest's four after them,
//! a chain has 4 + 64 + 4 = 72 words, which is 8 x 9 exactly: no step is wasted.
//!
//! | step | chain a | chain e | w |
//! |---|---|---|---|
//! | 0..4 | H3, H2, H1, H0 going in | H7, H6, H5, H4 going in | nothing |
//! | 4..68 | round t = step - 4 | round t | W[t] |
//! | 68..72 | H3, H2, H1, H0 coming out | H7, H6, H5, H4 coming out | nothing |

/// Rows of one compression.
pub(crate) const ROWS: usize = 8;
/// Steps of one row.
pub(crate) const STEPS: usize = 9;
/// Steps of one compression.
#[cfg(feature = "prove")]
pub(crate) const ALL_STEPS: usize = ROWS * STEPS;
/// The step of round 0.
pub(crate) const FIRST_ROUND: usize = 4;

/// Bits of the chain of `a`: 32 for each step, lowest first.
pub(crate) const A: usize = 0;
/// Bits of the chain of `e`.
pub(crate) const E: usize = A + 32 * STEPS;
/// Bits of the message schedule.
pub(crate) const W: usize = E + 32 * STEPS;
/// Carries of the sum for `e`, per step: low limb 0..=3 and 0..=1 (twice that), high limb alike.
pub(crate) const CARRY_E: usize = W + 32 * STEPS;
/// Carries of the sum for `a`, per step and limb, plus one, so that they are 0..=3.
pub(crate) const CARRY_A: usize = CARRY_E + 4 * STEPS;
/// Carries of the sum for `w`, per step and limb, 0..=3.
pub(crate) const CARRY_W: usize = CARRY_A + 2 * STEPS;
/// W[t-16] + sigma0(W[t-15]) for the *next* row's steps, limb by limb, not reduced.
pub(crate) const PARTIAL: usize = CARRY_W + 2 * STEPS;
/// The schedule's words as limbs, high one first, as the bus carries them; see `FMT_LO`.
pub(crate) const PACKED: usize = PARTIAL + 2 * STEPS;
/// The chaining value going in: H0's low limb, H0's high limb, H1's low limb, ...
pub(crate) const H_IN: usize = PACKED + 2 * STEPS;
/// Which message this block belongs to.
pub(crate) const ID: usize = H_IN + 16;
/// Which block of its message this is.
pub(crate) const BLOCK: usize = ID + 1;
/// Whether this is a message's first block.
pub(crate) const FIRST: usize = BLOCK + 1;
/// Whether this block's words go onto the bus.
pub(crate) const REAL: usize = FIRST + 1;
/// Whether the chaining value coming out goes onto the bus, as a digest.
pub(crate) const LAST: usize = REAL + 1;
/// Whether words 0..8 are packed one byte later: each limb pair holds the word's last three bytes
/// and the next word's first. That aligns a digest behind a one-byte prefix.
pub(crate) const FMT_LO: usize = LAST + 1;
/// The same for words 8..16.
pub(crate) const FMT_HI: usize = FMT_LO + 1;
/// Whether this is row 0, 1, 2, 7 of a compression, for the bus: messages on a bus cannot read the
/// periodic columns that these repeat.
pub(crate) const ON_BUS: usize = FMT_HI + 1;
/// Blinding of the table's share in the lookup argument; see `blind`.
pub(crate) const BLIND: usize = ON_BUS + 4;
/// Columns of a row.
pub(crate) const WIDTH: usize = BLIND + crate::blind::WIDTH;

/// Periodic columns: whether this is row 0, 1, 2, 6, 7 of a compression ...
pub(crate) const IS_ROW: [usize; 5] = [0, 1, 2, 6, 7];
/// ... and each step's round constant, low limb then high limb.
pub(crate) const PERIODIC: usize = IS_ROW.len() + 2 * STEPS;

/// The round constants (FIPS 180-4, section 4.2.2).
#[rustfmt::skip]
pub(crate) const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The initial chaining value (FIPS 180-4, section 5.3.3).
#[rustfmt::skip]
pub(crate) const IV: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// The round of a step, for the steps that are rounds.
pub(crate) const fn round_of(step: usize) -> Option<usize> {
    if step >= FIRST_ROUND && step < FIRST_ROUND + 64 {
        Some(step - FIRST_ROUND)
    } else {
        None
    }
}
