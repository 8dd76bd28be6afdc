//! Ethereum's hash: Keccak-256, with the padding from before SHA-3 was standardised.

use sha3::{Digest as _, Keccak256};

/// Keccak-256 of the bytes.
pub(crate) fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}
