//! Tiles (c2sp.org/tlog-tiles): a log's nodes, eight levels at a time, in pieces that are written once.
//!
//! Tile `index` of tile level `level` holds the roots of 256 neighbouring subtrees of 256^level leaves
//! each, side by side; the seven levels of nodes between them and the next tile level are hashed again
//! when needed. The last tile of each level is *partial* until all of its 256 subtrees are complete.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{Digest, Error, NodeReader, TreeSize, root};

/// The hashes in a full tile, as a power of two.
const HEIGHT: u8 = 8;

/// A tile's coordinates. A tree of a given size has each tile in one width: see [`Tile::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// How many hashes a full tile has.
    pub const FULL: u16 = 1 << HEIGHT;
    /// The levels that a tree of up to 2^64 leaves can have tiles in.
    pub const LEVELS: u8 = 8;

    /// The tile at this place in a tree of `size` leaves: full, or as wide as the tree reaches; `None` if
    /// the tree does not reach it.
    pub fn of(size: TreeSize, level: u8, index: u64) -> Option<Self> {
        let before = index.checked_mul(u64::from(Self::FULL))?;
        let width = subtrees(size, level).checked_sub(before)?;
        (width > 0).then(|| Self {
            level,
            index,
            width: width.min(u64::from(Self::FULL)) as u16,
        })
    }

    /// Every tile of a tree of `size` leaves, from the leaves up, left to right.
    pub fn all(size: TreeSize) -> impl Iterator<Item = Self> {
        Self::added(TreeSize(0), size)
    }

    /// The partial tiles of a tree of `size` leaves: at most one a level.
    pub fn partial(size: TreeSize) -> impl Iterator<Item = Self> {
        (0..Self::LEVELS).filter_map(move |level| {
            Self::of(size, level, subtrees(size, level) / u64::from(Self::FULL))
        })
    }

    /// The tiles that a tree of `after` leaves has and one of `before` has not, or has less wide: what
    /// growing from one to the other adds.
    pub fn added(before: TreeSize, after: TreeSize) -> impl Iterator<Item = Self> {
        (0..Self::LEVELS).flat_map(move |level| {
            let (from, to) = (subtrees(before, level), subtrees(after, level));
            let full = u64::from(Self::FULL);
            let end = if from < to { to.div_ceil(full) } else { 0 };
            (from / full..end).filter_map(move |index| Self::of(after, level, index))
        })
    }

    /// The level among tiles, from 0.
    pub fn level(self) -> u8 {
        self.level
    }

    /// The position in its level, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes, or entries, it has: 1 to 256.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all that it will ever have.
    pub fn is_full(self) -> bool {
        self.width == Self::FULL
    }

    /// The tile that this one becomes, or is.
    pub fn full(self) -> Self {
        Self {
            width: Self::FULL,
            ..self
        }
    }

    /// Level among nodes of the hashes in it, and index of the first: what [`NodeReader`] calls them.
    pub fn first_node(self) -> (u8, u64) {
        (self.level * HEIGHT, self.index << HEIGHT)
    }

    /// Where it is published, below the log's prefix: `tile/0/x001/234`, or `tile/0/x001/234.p/7` while
    /// it is partial.
    pub fn path(self) -> String {
        format!("tile/{}/{}", self.level, Place(self))
    }

    /// Where the entries whose leaf hashes are in this tile of level 0 are published.
    pub fn entries_path(self) -> String {
        format!("tile/entries/{}", Place(self))
    }

    /// [`Tile::path`]'s last part: index and width, without the level.
    pub fn place(self) -> String {
        format!("{}", Place(self))
    }

    /// Reads the tile's bytes.
    ///
    /// # Errors
    /// [`Error::TileLength`] unless there are 32 for each hash.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Digest>, Error> {
        let (hashes, rest) = bytes.as_chunks::<{ Digest::LEN }>();
        if hashes.len() != usize::from(self.width) || !rest.is_empty() {
            return Err(Error::TileLength {
                level: self.level,
                index: self.index,
                width: self.width,
                found: bytes.len(),
            });
        }
        Ok(hashes.iter().copied().map(Digest).collect())
    }
}

/// How many complete subtrees of 256^level leaves a tree has: the hashes in the tiles of that level.
fn subtrees(size: TreeSize, level: u8) -> u64 {
    size.0
        .checked_shr(u32::from(level) * u32::from(HEIGHT))
        .unwrap_or(0)
}

struct Place(Tile);

impl fmt::Display for Place {
    /// Writes the index in groups of three digits, all but the last behind an `x`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(tile) = self;
        // An index is below 2^56: at most 17 digits.
        let mut groups = [0; 6];
        let mut rest = tile.index;
        let mut used = 0;
        for group in &mut groups {
            *group = rest % 1000;
            rest /= 1000;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        for group in groups[1..used].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        match tile.is_full() {
            true => Ok(()),
            false => write!(f, ".p/{}", tile.width),
        }
    }
}

/// Where a log's tiles are kept.
pub trait TileReader {
    /// Why a tile could not be read, or a proof not be made.
    type Error: From<Error>;

    /// The hashes of this tile.
    ///
    /// # Errors
    /// Whatever the store says when it cannot give the tile.
    fn tile(&self, tile: Tile) -> Result<Vec<Digest>, Self::Error>;
}

/// A tree of a given size, read from tiles: its roots and proofs are those of [`NodeReader`]. Tiles are
/// not trusted for being there: check what is made from them against a signed root.
#[derive(Clone, Copy, Debug)]
pub struct Tiles<'a, R> {
    reader: &'a R,
    size: TreeSize,
}

impl<'a, R: TileReader> Tiles<'a, R> {
    /// The tree of `size` leaves in these tiles.
    pub fn new(reader: &'a R, size: TreeSize) -> Self {
        Self { reader, size }
    }
}

impl<R: TileReader> NodeReader for Tiles<'_, R> {
    type Error = R::Error;

    fn node(&self, level: u8, index: u64) -> Result<Digest, R::Error> {
        let Self { reader, size } = *self;
        let outside = Error::IndexOutOfRange {
            index,
            size: size.0.checked_shr(u32::from(level)).unwrap_or(0),
        };
        // The node is the root over 2^within hashes of its tile.
        let within = level % HEIGHT;
        let first = index
            .checked_mul(1 << within)
            .filter(|first| first >> within == index)
            .ok_or(outside)?;
        let tile = Tile::of(size, level / HEIGHT, first >> HEIGHT).ok_or(outside)?;
        let start = (first & u64::from(Tile::FULL - 1)) as usize;
        let hashes = reader.tile(tile)?;
        match hashes.get(start..start + (1 << within)) {
            Some(below) => Ok(root(below.iter().copied())),
            None => Err(outside.into()),
        }
    }
}
