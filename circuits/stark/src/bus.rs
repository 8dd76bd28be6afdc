//! The buses between tables: who sends what, who receives it, and what that guarantees.
//!
//! A bus is a multiset of tuples. The lookup argument shows that over all tables together, every
//! tuple is sent as often as it is received, so a tuple that one table receives is one that another
//! table sent *under that table's constraints*. Multiplicities are 0 or 1 wherever a table is not
//! said to be a lookup table, each table constrains its own, and the verifier bounds the sum of all
//! below the field's size, so that none can wrap.
//!
//! Only packed values go onto buses (whole columns or short sums of them): a sum of bits inside a
//! tuple is evaluated for every row of the extended domain and costs more than the rest of a table.
//! All tuples of one bus have the same length.
//!
//! | bus | tuple | sent by | received by |
//! |---|---|---|---|
//! | [`LEAF`] | index of the event in the run, then the header's 20 words as 40 16-bit limbs, each word's high limb first | events, once for each real event | tree, once for each leaf |
//! | [`RANGE8`] | value | events, boundary: as often as they like | range (a lookup table of 0..=255) |
//! | [`NODE`] | first leaf, number of leaves, the 16 limbs of the digest | tree, once for each node | tree (a parent, for each child), the public inputs (each exported node) |
//! | [`SHA`] | message id, tag, 18 limbs: see `sha` | sha | tree, boundary |
//! | [`BOUNDARY`] | side (0 incoming, 1 outgoing), slot, 16-bit value | events and chain, once for each slot of a side that is not fixed | boundary |
//! | [`EVENT`] | index, then the header's 40 limbs and the body's 16 | tree, once for each leaf, where the chain is proven too | chain |
//! | [`LINK`] | index, the 16 limbs of the chain value before that event | chain, the public inputs | chain, the public inputs |
//! | [`GATE`] | claim's index, gate's seq, subject's 8 limbs | events | events |
//!
//! # What a table may take for granted
//! - The limbs of a tuple that the tree received over [`LEAF`] are 16-bit numbers: they are packed
//!   from the message's bits. So the events table needs no range checks for a header's limbs.
//! - The tree receives exactly the leaves of the segment, each index once. So if every real row sends
//!   `first + row`, the events table has exactly the segment's events, whatever it says about them.
//! - Values on [`RANGE8`] are 0..=255. There is no 16-bit table on purpose: 65,536 rows cost more
//!   than a small trace's hashing. A 16-bit number is two bytes; several messages of one row on
//!   one bus share an auxiliary column while the degree allows it.
//! - Values on [`BOUNDARY`] are *made* 16-bit by the boundary table's message, which hashes them. The
//!   slots of a side are 0..`events::EventsAir::boundary_len()`, fixed by the claims alone, and hold
//!   whatever the next segment's events table must know: registers, gates, the last header's time. The
//!   chain value follows them where the chain is proven too.
//!
//! # For the events table
//! Tuples and multiplicities may read main columns of this and the next row, and constants,
//! but neither periodic columns (the library cannot evaluate those there) nor the selectors of first,
//! last and transition rows (those are *not* 0 and 1 but multiples): commit a flag instead.
//! Every table also sends its blinding once: `blind::eval` with [`blind::WIDTH`](crate::blind::WIDTH)
//! columns of its own, which its trace generator fills from what it is given, in the first row.
//!
//! Constants that the public inputs determine (claims, segment's first index, number of events,
//! whether a side is a boundary) belong in the AIR's own constants: prover and verifier build the
//! AIR from the same public inputs. Its height is [`rows_for`], never the
//! prover's choice. Keep constraints (with their selector) at degree 4 or below.

/// Event headers: the events table sends, the tree's leaves receive.
pub const LEAF: &str = "leaf";
/// Bytes: anything may send, the range table receives.
pub const RANGE8: &str = "range8";
/// Tree nodes: `(first, count, digest)`.
pub const NODE: &str = "node";
/// Parts of hashed messages and their digests.
pub const SHA: &str = "sha";
/// The claim state at a segment's two sides.
pub const BOUNDARY: &str = "boundary";
/// Whole events: the tree's leaves send, the chain receives.
pub const EVENT: &str = "event";
/// Chain values, by the index of the event that they stand before.
pub const LINK: &str = "link";
/// Approvals that matching events use: within the events table.
pub const GATE: &str = "gate";

/// How many 16-bit limbs a header has.
pub const HEADER_LIMBS: usize = 40;
/// How many 16-bit limbs a digest has.
pub const DIGEST_LIMBS: usize = 16;
/// The side of a segment before its first event, on [`BOUNDARY`].
pub const INCOMING: u32 = 0;
/// The side of a segment after its last event.
pub const OUTGOING: u32 = 1;

/// The fewest rows of a table. Hiding needs rows >= 2 * (queries + 5 * opening points).
pub const MIN_ROWS: usize = 256;

/// The height of a table with `used` rows in use: the next power of two, at least [`MIN_ROWS`].
pub const fn rows_for(used: usize) -> usize {
    let rows = used.next_power_of_two();
    if rows < MIN_ROWS { MIN_ROWS } else { rows }
}

/// Bytes as 16-bit limbs, big-endian.
pub(crate) fn limbs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
}

/// How often each byte is sent on [`RANGE8`]: trace generators count, the range table answers.
#[derive(Clone, Debug)]
pub struct ByteCounts(pub [u32; 256]);

impl Default for ByteCounts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl ByteCounts {
    /// Counts one message.
    pub const fn send(&mut self, byte: u8) {
        self.0[byte as usize] += 1;
    }
}
