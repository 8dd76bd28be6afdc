//! SHA-256 of sixteen messages side by side, for processors without SHA instructions.
//!
//! Every step is a loop over the sixteen, which the compiler turns into vector instructions: plain safe
//! code, with SSE2 alone 2.5 times as fast as one message at a time in ordinary registers, and half as
//! fast as SHA instructions. Four and eight side by side were slower: such short loops are unrolled
//! and stay scalar. [`pay`] tells whether to use it.

use crate::Digest;
use crate::sha256::INITIAL;
use core::array::from_fn;

/// How many messages are hashed side by side.
pub(crate) const LANES: usize = 16;

/// Whether messages side by side are faster than one after the other on this processor. Only
/// `std` can ask the processor; without it the answer is no.
pub(crate) fn pay() -> bool {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    return !std::arch::is_x86_feature_detected!("sha");
    #[cfg(all(feature = "std", target_arch = "aarch64"))]
    return !std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    return false;
}

/// FIPS 180-4, section 4.2.2.
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// One 32-bit word of each message.
type Words = [u32; LANES];

/// The SHA-256 of these messages, each already padded to two blocks.
pub(crate) fn sha256_padded(messages: &[[u8; 128]; LANES]) -> [Digest; LANES] {
    let mut state = INITIAL.map(|word| [word; LANES]);
    compress(&mut state, messages, 0);
    compress(&mut state, messages, 64);
    from_fn(|lane| {
        let mut digest = [0; 32];
        for (bytes, words) in digest.as_chunks_mut::<4>().0.iter_mut().zip(&state) {
            *bytes = words[lane].to_be_bytes();
        }
        Digest(digest)
    })
}

/// FIPS 180-4, section 6.2.2, on the block that starts at byte `at` of each message.
// Indexed loops over whole arrays are what the compiler vectorises; iterators over eight zipped
// slices are not.
#[allow(clippy::needless_range_loop)]
fn compress(state: &mut [Words; 8], messages: &[[u8; 128]; LANES], at: usize) {
    let mut w: [Words; 64] = [[0; LANES]; 64];
    for t in 0..16 {
        let at = at + 4 * t;
        for l in 0..LANES {
            let message = &messages[l];
            w[t][l] = u32::from_be_bytes([
                message[at],
                message[at + 1],
                message[at + 2],
                message[at + 3],
            ]);
        }
    }
    for t in 16..64 {
        let (w2, w7, w15, w16) = (w[t - 2], w[t - 7], w[t - 15], w[t - 16]);
        for l in 0..LANES {
            let s0 = w15[l].rotate_right(7) ^ w15[l].rotate_right(18) ^ (w15[l] >> 3);
            let s1 = w2[l].rotate_right(17) ^ w2[l].rotate_right(19) ^ (w2[l] >> 10);
            w[t][l] = w16[l].wrapping_add(s0).wrapping_add(w7[l]).wrapping_add(s1);
        }
    }
    let mut working = *state;
    for t in 0..64 {
        let [a, b, c, d, e, f, g, h] = working;
        let (mut next_a, mut next_e) = ([0; LANES], [0; LANES]);
        for l in 0..LANES {
            let s1 = e[l].rotate_right(6) ^ e[l].rotate_right(11) ^ e[l].rotate_right(25);
            let choice = (e[l] & f[l]) ^ (!e[l] & g[l]);
            let t1 = h[l]
                .wrapping_add(s1)
                .wrapping_add(choice)
                .wrapping_add(K[t])
                .wrapping_add(w[t][l]);
            let s0 = a[l].rotate_right(2) ^ a[l].rotate_right(13) ^ a[l].rotate_right(22);
            let majority = (a[l] & b[l]) ^ (a[l] & c[l]) ^ (b[l] & c[l]);
            next_a[l] = t1.wrapping_add(s0).wrapping_add(majority);
            next_e[l] = d[l].wrapping_add(t1);
        }
        working = [next_a, a, b, c, next_e, e, f, g];
    }
    for (words, add) in state.iter_mut().zip(working) {
        for l in 0..LANES {
            words[l] = words[l].wrapping_add(add[l]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256;
    use crate::sha256::pad;

    #[test]
    fn side_by_side_equals_one_at_a_time() {
        let mut byte = 0u8;
        for round in 0..200 {
            let mut messages = [[0; 128]; LANES];
            let mut expected = [Digest([0; 32]); LANES];
            for (lane, message) in messages.iter_mut().enumerate() {
                let len = 56 + (round + 13 * lane) % 64;
                message[..len].fill_with(|| {
                    byte = byte.wrapping_mul(5).wrapping_add(round as u8 | 1);
                    byte
                });
                expected[lane] = sha256(&[&message[..len]]);
                assert_eq!(pad(message, len), 128);
            }
            assert_eq!(sha256_padded(&messages), expected, "round {round}");
        }
    }
}
