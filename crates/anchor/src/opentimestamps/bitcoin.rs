//! Bitcoin block headers, as whoever writes the trust policy gives them.

use avouch_merkle::sha256;

/// A header's length, in bytes.
pub const HEADER_LEN: usize = 80;

/// One block's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header([u8; HEADER_LEN]);

impl Header {
    /// Takes 80 bytes whose double SHA-256 meets the target that they name. That shows a slip of the pen, and
    /// nothing more: whether the block is in the chain is the word of whoever gives the header.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let header: [u8; HEADER_LEN] = bytes
            .try_into()
            .map_err(|_| format!("a block header has 80 bytes, and not {}", bytes.len()))?;
        let header = Self(header);
        match header.meets_its_target() {
            true => Ok(header),
            false => Err("its hash does not meet the target that it names: it is mistyped".into()),
        }
    }

    /// The root over the block's transactions.
    pub(super) fn merkle_root(&self) -> &[u8] {
        &self.0[36..68]
    }

    /// When the block says that it was made, in seconds since the Unix epoch.
    pub(super) fn time(&self) -> u64 {
        let [a, b, c, d] = [self.0[68], self.0[69], self.0[70], self.0[71]];
        u32::from_le_bytes([a, b, c, d]).into()
    }

    fn meets_its_target(&self) -> bool {
        let mut hash = sha256(&[&sha256(&[&self.0]).0]).0;
        // Numbers are little-endian.
        hash.reverse();
        target([self.0[72], self.0[73], self.0[74], self.0[75]]).is_some_and(|most| hash <= most)
    }
}

/// The compact form's number, big-endian: a 3-byte mantissa and how many bytes the number has.
fn target(compact: [u8; 4]) -> Option<[u8; 32]> {
    let [low, middle, high, length] = compact;
    // The mantissa's top bit is a sign.
    if high & 0x80 != 0 {
        return None;
    }
    let mut target = [0; 32];
    for (place, byte) in [(1, high), (2, middle), (3, low)] {
        // The mantissa's first byte is the `length`-th from the right.
        match (32 + place - 1_usize).checked_sub(length.into()) {
            Some(at) if at < 32 => target[at] = byte,
            // Left of the number: only zeros fit there. Right of it: cut off.
            None if byte != 0 => return None,
            _ => {}
        }
    }
    Some(target)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Block 0, as everybody has it.
    const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

    #[test]
    fn a_header_is_read_and_a_mistyped_one_refused() {
        let bytes = hex::decode(GENESIS).unwrap();
        let header = Header::new(&bytes).unwrap();
        assert_eq!(header.time(), 1_231_006_505);
        for at in 0..HEADER_LEN * 8 {
            let mut other = bytes.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert!(Header::new(&other).is_err(), "bit {at}");
        }
        assert!(Header::new(&bytes[1..]).is_err());
    }

    #[test]
    fn a_target_is_its_mantissa_in_its_place() {
        let mut easiest = [0; 32];
        easiest[..3].copy_from_slice(&[0x7f, 0xff, 0xff]);
        assert_eq!(target([0xff, 0xff, 0x7f, 0x20]), Some(easiest));
        let mut first = [0; 32];
        first[4..6].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(target([0xff, 0xff, 0x00, 0x1d]), Some(first));
        assert_eq!(target([0xff, 0xff, 0xff, 0x1d]), None);
        assert_eq!(target([0xff, 0xff, 0x7f, 0xff]), None);
        assert_eq!(target([0, 0, 0x01, 0x01]).map(|t| t[31]), Some(1));
    }
}
