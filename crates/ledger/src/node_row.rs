//! Where the log's nodes are kept.
//!
//! The rows of a tile (C2SP tlog-tiles: 8 levels of the tree over 256 of its nodes) lie together, in post-order:
//! appending adds rows at the end of each tier of tiles, and a proof, which takes one node of each level, reads
//! pages by the tile and not by the node.

/// Levels in a tile.
const HEIGHT: u8 = 8;
/// Room for a tile's 510 nodes.
const TILE_BITS: u32 = 9;
/// Where the tier stands: above the tile's number and the node's place in its tile.
const TIER_BIT: u32 = 59;

/// The row id of the complete node at this level and index: negative, as no row is, where a log of less than
/// 2^58 entries has none.
pub fn node_row(level: u8, index: u64) -> i64 {
    let (tier, height) = (level / HEIGHT, level % HEIGHT);
    let per_tile = HEIGHT - height;
    let tile = index >> per_tile;
    if tier > 7 || tile >= 1 << (TIER_BIT - TILE_BITS) {
        return -1;
    }
    // The last of the tile's leaves beneath the node: the node comes `height` after it.
    let in_tile = index & ((1 << per_tile) - 1);
    let last_leaf = ((in_tile + 1) << height) - 1;
    let place = leaf_place(last_leaf) + u64::from(height);
    (u64::from(tier) << TIER_BIT | tile << TILE_BITS | place) as i64
}

/// The level and index of the node that a row holds, for messages: any row has some.
pub(crate) fn node_of_row(row: i64) -> (u8, u64) {
    let row = row as u64;
    let tier = (row >> TIER_BIT) as u8;
    let tile = row >> TILE_BITS & ((1 << (TIER_BIT - TILE_BITS)) - 1);
    let place = row & ((1 << TILE_BITS) - 1);
    // No leaf of the tile has more than 8 ones.
    let last_leaf = (0..=(place / 2 + 4).min(255))
        .rev()
        .find(|leaf| leaf_place(*leaf) <= place)
        .unwrap_or(0);
    let height = place - leaf_place(last_leaf);
    let level = u64::from(tier * HEIGHT) + height;
    (level as u8, (tile << HEIGHT | last_leaf) >> height)
}

/// A leaf's place in post-order: before it come all leaves to its left, and the nodes that they complete.
fn leaf_place(leaf: u64) -> u64 {
    2 * leaf - u64::from(leaf.count_ones())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_log_fills_its_tiers_from_the_left() {
        let mut tiers = BTreeMap::<i64, Vec<i64>>::new();
        for leaf in 0..70_000u64 {
            for level in 0..=leaf.trailing_ones() as u8 {
                let row = node_row(level, leaf >> level);
                assert_eq!(node_of_row(row), (level, leaf >> level));
                tiers.entry(row >> TIER_BIT).or_default().push(row);
            }
        }
        assert_eq!(tiers.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
        for (tier, rows) in tiers {
            assert_eq!(rows[0], tier << TIER_BIT);
            for pair in rows.windows(2) {
                let next = pair[0] + if pair[0] & 511 == 509 { 3 } else { 1 };
                assert_eq!(pair[1], next);
            }
        }
    }

    #[test]
    fn what_no_log_has_has_no_row() {
        assert_eq!(node_row(0, 1 << 58), -1);
        assert_eq!(node_row(63, 0), (7 << TIER_BIT) + 254);
        assert_eq!(node_row(64, 0), -1);
        assert_eq!(node_row(255, u64::MAX), -1);
        assert!(node_row(0, (1 << 58) - 1) > 0);
        // Places that no node takes, and rows below 0, are not their own.
        for row in [510, 511, -1, i64::MIN, i64::MAX] {
            let (level, index) = node_of_row(row);
            assert_ne!(node_row(level, index), row);
        }
    }
}
