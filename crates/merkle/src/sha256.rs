//! SHA-256 (FIPS 180-4): the one place in avouch that calls the hash.

use crate::Digest;
use sha2::block_api::compress256;
use sha2::digest::Digest as _;

/// FIPS 180-4, section 5.3.3.
pub(crate) const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Messages whose padded form fits here are laid out on the stack and compressed in one call: leaves
/// of events (118 bytes), nodes (65) and chain links (150) are most of what avouch hashes.
const SHORT_BLOCKS: usize = 3;
const SHORT: usize = SHORT_BLOCKS * 64 - 9;

/// The SHA-256 of the parts, joined.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    sha256_joined(parts.iter().copied())
}

/// The SHA-256 of the parts, joined.
#[inline]
pub(crate) fn sha256_joined<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone) -> Digest {
    let mut message = [0; SHORT_BLOCKS * 64];
    let mut len = 0;
    for part in parts.clone() {
        match message[len..SHORT].get_mut(..part.len()) {
            Some(place) => place.copy_from_slice(part),
            None => {
                let mut hasher = Sha256::new();
                parts.for_each(|part| hasher.update(part));
                return hasher.finish();
            }
        }
        len += part.len();
    }
    let end = pad(&mut message, len);
    sha256_padded(&message[..end])
}

/// Pads the message in the first `len` bytes of a buffer of zeros (FIPS 180-4, section 5.1.1), and
/// returns the padded length; the buffer has at least nine bytes more than the message.
#[inline(always)]
pub(crate) fn pad<const N: usize>(message: &mut [u8; N], len: usize) -> usize {
    let end = (len + 9).next_multiple_of(64);
    message[len] = 0x80;
    message[end - 8..end].copy_from_slice(&(len as u64 * 8).to_be_bytes());
    end
}

/// The SHA-256 of a message that is already padded to whole blocks.
#[inline(always)]
pub(crate) fn sha256_padded(message: &[u8]) -> Digest {
    let mut state = INITIAL;
    compress256(&mut state, message.as_chunks().0);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Digest(digest)
}

/// SHA-256 of a message that arrives in pieces, for input too long to hold.
#[derive(Clone, Debug, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes to the message.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all that was added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
