//! Tiles: which there are, where they are published, and roots and proofs from them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use avouch_merkle::{
    Digest, Error, Frontier, LeafIndex, NodeReader, Tile, TileReader, Tiles, TreeSize,
    consistency_from_nodes, consistency_proof, hash_node, inclusion_from_nodes, inclusion_proof,
    root, root_from_nodes, roots_from_consistency, verify_consistency,
};
use std::collections::{BTreeMap, BTreeSet};

/// Tiles as bytes, by path, as a client sees them.
#[derive(Default)]
struct Published(BTreeMap<String, Vec<u8>>);

impl TileReader for Published {
    type Error = Error;

    fn tile(&self, tile: Tile) -> Result<Vec<Digest>, Error> {
        tile.decode(self.0.get(&tile.path()).expect("a tile that is not there"))
    }
}

impl Published {
    /// By the specification's formula: hash i of tile n at level l is
    /// MTH(D[(n * 256 + i) * 256^l : (n * 256 + i + 1) * 256^l]).
    fn of(leaves: &[Digest]) -> Self {
        let mut tiles = Self::default();
        for tile in Tile::all(TreeSize(leaves.len() as u64)) {
            let span = 256usize.pow(u32::from(tile.level()));
            let bytes = (0..usize::from(tile.width()))
                .flat_map(|i| {
                    let start = (tile.index() as usize * 256 + i) * span;
                    root(leaves[start..start + span].iter().copied()).0
                })
                .collect();
            assert_eq!(tiles.0.insert(tile.path(), bytes), None);
        }
        tiles
    }
}

fn leaves(size: u64) -> Vec<Digest> {
    (0..size)
        .map(|n| avouch_merkle::sha256(&[&n.to_be_bytes()]))
        .collect()
}

#[test]
fn the_specifications_examples_hold() {
    let paths = |size| -> Vec<String> { Tile::all(TreeSize(size)).map(Tile::path).collect() };
    assert_eq!(paths(0), [""; 0]);
    assert_eq!(paths(1), ["tile/0/000.p/1"]);
    assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
    let tiles: Vec<Tile> = Tile::all(TreeSize(70_000)).collect();
    let count = |level, full| {
        let of = |tile: &&Tile| tile.level() == level && tile.is_full() == full;
        tiles.iter().filter(of).count()
    };
    assert_eq!((count(0, true), count(0, false)), (273, 1));
    assert_eq!((count(1, true), count(1, false)), (1, 1));
    assert_eq!((count(2, true), count(2, false)), (0, 1));
    assert_eq!(tiles.len(), 277);
    let partial: Vec<String> = tiles
        .iter()
        .filter(|tile| !tile.is_full())
        .map(|tile| tile.path())
        .collect();
    assert_eq!(
        partial,
        ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
}

#[test]
fn an_index_is_written_in_groups_of_three_digits() {
    let huge = TreeSize(u64::MAX);
    let path = |index| Tile::of(huge, 0, index).unwrap().path();
    assert_eq!(path(0), "tile/0/000");
    assert_eq!(path(999), "tile/0/999");
    assert_eq!(path(1000), "tile/0/x001/000");
    assert_eq!(path(1_234_067), "tile/0/x001/x234/067");
    assert_eq!(
        path((1 << 56) - 1),
        "tile/0/x072/x057/x594/x037/x927/935.p/255"
    );
    let last = Tile::of(huge, 7, 0).unwrap();
    assert_eq!(last.path(), "tile/7/000.p/255");
    assert_eq!(last.entries_path(), "tile/entries/000.p/255");
    assert_eq!(Tile::of(huge, 8, 0), None);
    assert_eq!(Tile::of(huge, 0, 1 << 56), None);
    assert_eq!(Tile::of(huge, 0, u64::MAX), None);
    assert_eq!(Tile::of(huge, 255, 0), None);
}

#[test]
fn what_growing_adds_is_the_difference() {
    let sizes = [
        0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000,
    ];
    for before in sizes {
        for after in sizes.into_iter().filter(|after| *after >= before) {
            let all = |size| Tile::all(TreeSize(size)).collect::<BTreeSet<_>>();
            let added: Vec<_> = Tile::added(TreeSize(before), TreeSize(after)).collect();
            let expected: BTreeSet<_> = all(after).difference(&all(before)).copied().collect();
            assert_eq!(added.len(), expected.len(), "{before} to {after}");
            assert_eq!(added.into_iter().collect::<BTreeSet<_>>(), expected);
            let partial: Vec<Tile> = Tile::partial(TreeSize(after)).collect();
            let of_all = Tile::all(TreeSize(after)).filter(|tile| !tile.is_full());
            assert_eq!(partial, of_all.collect::<Vec<_>>());
        }
    }
    // Whatever is there already costs nothing.
    let (before, after) = (TreeSize(1 << 62), TreeSize((1 << 62) + 300));
    assert_eq!(Tile::added(before, after).count(), 3);
}

#[test]
fn roots_and_proofs_from_tiles_are_those_from_leaves() {
    let all = leaves(66_000);
    for size in [
        1, 2, 3, 7, 255, 256, 257, 511, 513, 1000, 65_535, 65_536, 65_537, 66_000,
    ] {
        let leaves = &all[..size];
        let tiles = Published::of(leaves);
        let tree = TreeSize(size as u64);
        let nodes = Tiles::new(&tiles, tree);
        assert_eq!(
            root_from_nodes(&nodes, tree).unwrap(),
            root(leaves.iter().copied())
        );
        for index in [0, 1, size / 3, size / 2, size.saturating_sub(2), size - 1] {
            let index = LeafIndex(index.min(size - 1) as u64);
            assert_eq!(
                inclusion_from_nodes(&nodes, index, tree).unwrap(),
                inclusion_proof(leaves, index).unwrap()
            );
        }
        for first in [1, 2, 255, 256, size / 2, size - 1, size] {
            let first = TreeSize(first.clamp(1, size) as u64);
            assert_eq!(
                consistency_from_nodes(&nodes, first, tree).unwrap(),
                consistency_proof(leaves, first).unwrap()
            );
        }
    }
}

#[test]
fn every_complete_node_can_be_read_and_no_other() {
    let leaves = leaves(1000);
    let tiles = Published::of(&leaves);
    let nodes = Tiles::new(&tiles, TreeSize(1000));
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.push_with(*leaf, |node| {
            assert_eq!(nodes.node(node.level, node.index), Ok(node.digest));
        });
    }
    for (level, index) in [
        (0, 1000),
        (1, 500),
        (8, 3),
        (9, 1),
        (10, 0),
        (63, 0),
        (64, 0),
    ] {
        assert!(nodes.node(level, index).is_err(), "{level} {index}");
    }
    assert!(nodes.node(3, u64::MAX).is_err());
    assert!(nodes.node(255, u64::MAX).is_err());
}

#[test]
fn a_tile_of_another_length_is_refused() {
    let tile = Tile::of(TreeSize(3), 0, 0).unwrap();
    assert_eq!(tile.decode(&[0; 96]).unwrap().len(), 3);
    for length in [0, 31, 64, 95, 97, 128, 8192] {
        let expected = Error::TileLength {
            level: 0,
            index: 0,
            width: 3,
            found: length,
        };
        assert_eq!(tile.decode(&vec![0; length]), Err(expected));
    }
}

/// A log signed one tree of 3 leaves and, for 7, one with another beginning: the honest proof within the
/// second shows which first tree it has, without the first one's leaves.
#[test]
fn a_consistency_proof_shows_which_beginning_the_second_tree_has() {
    let mut second = leaves(7);
    let shown = root(second[..3].iter().copied());
    let proof = consistency_proof(&second, TreeSize(3)).unwrap();
    second[1] = hash_node(&second[0], &second[0]);
    let other = root(second[..3].iter().copied());
    let whole = root(leaves(7));
    let roots = roots_from_consistency(TreeSize(3), &other, TreeSize(7), &proof);
    assert_eq!(roots, Ok((shown, whole)));
    assert_eq!(
        verify_consistency(TreeSize(3), &other, TreeSize(7), &whole, &proof),
        Err(Error::FirstRootMismatch)
    );
    // At a power of two the first root is where the climb starts.
    let proof = consistency_proof(&leaves(7), TreeSize(4)).unwrap();
    let (first, wrong) = roots_from_consistency(TreeSize(4), &other, TreeSize(7), &proof).unwrap();
    assert_eq!(first, other);
    assert_ne!(wrong, whole);
}
