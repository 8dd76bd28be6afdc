//! Reading a published log (c2sp.org/tlog-tiles), ours or another's.

use std::cell::RefCell;
use std::collections::BTreeMap;

use avouch_cose::note::MAX_NOTE;
use avouch_cose::statement::MAX_STATEMENT;
use avouch_cose::{Checkpoint, Note, NoteKey};
use avouch_merkle::{
    Digest, Frontier, LeafIndex, Tile, TileReader, Tiles, TreeSize, consistency_from_nodes,
    frontier_from_nodes, hash_leaf, inclusion_from_nodes, root_from_nodes, sha256,
    verify_consistency, verify_inclusion,
};

use super::LogSource;
use super::bundle::{self, Prefix};
use crate::Error;

/// The longest entry that an entry bundle can hold.
const MAX_ENTRY: usize = u16::MAX as usize;
/// Full tiles kept in memory: 32 MiB, the working set of a walk over millions of leaves.
const CACHED: usize = 4096;

/// What is shown the entries of a log, each with its index.
pub type EachEntry<'a> = dyn FnMut(LeafIndex, &[u8]) -> Result<(), Error> + 'a;

/// A published log. What it gives out has been checked against the checkpoint that the caller names,
/// except where it says so; the checkpoint's signature is checked by [`TileLog::checkpoint`].
pub struct TileLog<S> {
    source: S,
    cache: RefCell<BTreeMap<Tile, Vec<Digest>>>,
}

impl<S: LogSource> TileLog<S> {
    /// The log at this prefix.
    pub fn new(source: S) -> Self {
        Self {
            source,
            cache: RefCell::default(),
        }
    }

    /// Where it is.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The checkpoint that is published now, unchecked; `None` if there is none.
    pub fn note(&self) -> Result<Option<Note>, Error> {
        let path = "checkpoint";
        let Some(bytes) = self.source.fetch(path, MAX_NOTE)? else {
            return Ok(None);
        };
        let text = String::from_utf8(bytes).map_err(|_| self.wrong(path, "not UTF-8"))?;
        match Note::parse(&text) {
            Ok(note) => Ok(Some(note)),
            Err(error) => Err(self.wrong(path, error)),
        }
    }

    /// The checkpoint that is published now, signed by `key`.
    pub fn checkpoint(&self, key: &NoteKey) -> Result<(Note, Checkpoint), Error> {
        let path = "checkpoint";
        let note = self
            .note()?
            .ok_or_else(|| self.wrong(path, "there is none"))?;
        let checkpoint =
            Checkpoint::open_note(&note, key).map_err(|error| self.wrong(path, error))?;
        Ok((note, checkpoint))
    }

    /// The root of the first `size` leaves, as the tiles of the tree of `of` leaves have it. Unchecked:
    /// it is for comparing with a signed one.
    pub fn root(&self, size: TreeSize, of: TreeSize) -> Result<Digest, Error> {
        root_from_nodes(&Tiles::new(self, of), size)
    }

    /// The path from the tree of `before` leaves to that of `after`, unchecked.
    pub(super) fn path(&self, before: TreeSize, after: TreeSize) -> Result<Vec<Digest>, Error> {
        consistency_from_nodes(&Tiles::new(self, after), before, after)
    }

    /// The frontier of the checkpoint's tree, from which its next leaves go on.
    ///
    /// # Errors
    /// [`Error::Published`] if the tiles have another root than the checkpoint.
    pub fn frontier(&self, checkpoint: &Checkpoint) -> Result<Frontier, Error> {
        let frontier = frontier_from_nodes(&Tiles::new(self, checkpoint.size), checkpoint.size)?;
        match frontier.root() == checkpoint.root {
            true => Ok(frontier),
            false => Err(self.wrong("tile", "the tiles have another root than the checkpoint")),
        }
    }

    /// The path from the leaf at `index` with this hash to the checkpoint's root.
    pub fn inclusion(
        &self,
        leaf: Digest,
        index: LeafIndex,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<Digest>, Error> {
        let Checkpoint { size, root, .. } = checkpoint;
        let path = inclusion_from_nodes(&Tiles::new(self, *size), index, *size)?;
        verify_inclusion(leaf, index, *size, &path, root)
            .map_err(|error| self.wrong("tile", format!("leaf {index}: {error}")))?;
        Ok(path)
    }

    /// The proof that the checkpoint `after` extends the checkpoint `before`.
    ///
    /// # Errors
    /// [`Error::Published`] if the tiles do not show that: then [`super::compare`] says what they show.
    pub fn consistency(
        &self,
        before: &Checkpoint,
        after: &Checkpoint,
    ) -> Result<Vec<Digest>, Error> {
        let proof = self.path(before.size, after.size)?;
        verify_consistency(before.size, &before.root, after.size, &after.root, &proof)
            .map_err(|error| self.wrong("tile", error))?;
        Ok(proof)
    }

    /// Shows `each` every entry from where the frontier stands to the checkpoint, in order, and leaves
    /// the frontier there. Nothing that was shown counts unless this returns `Ok`: only at the end is
    /// it known that the checkpoint's root covers it.
    ///
    /// # Errors
    /// [`Error::Published`] if the entries lead to another root; what `each` returns.
    pub fn follow(
        &self,
        frontier: &mut Frontier,
        to: &Checkpoint,
        each: &mut EachEntry<'_>,
    ) -> Result<(), Error> {
        let mut grown = frontier.clone();
        for tile in Tile::added(grown.size(), to.size).filter(|tile| tile.level() == 0) {
            let (_, first) = tile.first_node();
            for (index, entry) in (first..).zip(self.entries(tile)?) {
                if index == grown.size().0 {
                    grown.push(hash_leaf(&entry));
                    each(LeafIndex(index), &entry)?;
                }
            }
        }
        if grown.size() != to.size || grown.root() != to.root {
            let why = format!(
                "the entries up to {} lead to another root than the checkpoint",
                to.size
            );
            return Err(self.wrong("tile/entries", why));
        }
        *frontier = grown;
        Ok(())
    }

    /// The entries of a tile of level 0. Each is checked against its leaf hash there, which no root is
    /// checked against: see [`TileLog::follow`].
    pub fn entries(&self, tile: Tile) -> Result<Vec<Vec<u8>>, Error> {
        let entries = self.items(tile, "tile/entries", Prefix::Two, MAX_ENTRY)?;
        let leaves = self.tile(tile)?;
        let fits = |(entry, leaf): (&Vec<u8>, &Digest)| hash_leaf(entry) == *leaf;
        match entries.iter().zip(&leaves).position(|pair| !fits(pair)) {
            None => Ok(entries),
            Some(at) => Err(self.wrong(
                &tile.entries_path(),
                format!("entry {at} is not the one that its leaf hash is of"),
            )),
        }
    }

    /// The statements whose digests are the entries of this tile, checked against these. Only avouch
    /// publishes them.
    pub fn statements(&self, tile: Tile) -> Result<Vec<Vec<u8>>, Error> {
        let statements = self.items(tile, STATEMENTS, Prefix::Four, MAX_STATEMENT)?;
        let entries = self.entries(tile)?;
        let fits = |(statement, entry): (&Vec<u8>, &Vec<u8>)| sha256(&[statement]).0 == **entry;
        match statements.iter().zip(&entries).position(|pair| !fits(pair)) {
            None => Ok(statements),
            Some(at) => Err(self.wrong(
                &statements_path(tile),
                format!("statement {at} is not the one that its entry is the digest of"),
            )),
        }
    }

    /// Reads a bundle at `folder`, in the tile's place.
    fn items(
        &self,
        tile: Tile,
        folder: &str,
        prefix: Prefix,
        longest: usize,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let path = |tile: Tile| format!("{folder}/{}", tile.place());
        let (found, bytes) = self.fetch_tile(tile, path, longest + 4)?;
        let items = bundle::split(&bytes, prefix, found.width(), tile.width())
            .map_err(|why| self.wrong(&path(found), why))?;
        Ok(items.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// Fetches what lies in the tile's place: itself, or the full one that it has become.
    fn fetch_tile(
        &self,
        tile: Tile,
        path: impl Fn(Tile) -> String,
        longest: usize,
    ) -> Result<(Tile, Vec<u8>), Error> {
        for tile in [tile, tile.full()] {
            let limit = usize::from(tile.width()) * longest;
            match self.source.fetch(&path(tile), limit)? {
                Some(bytes) if bytes.len() > limit => {
                    return Err(self.wrong(&path(tile), "longer than any of its kind can be"));
                }
                Some(bytes) => return Ok((tile, bytes)),
                None => {}
            }
        }
        Err(self.wrong(&path(tile), "there is none"))
    }

    fn wrong(&self, path: &str, why: impl ToString) -> Error {
        Error::Published {
            place: format!("{}/{path}", self.source.prefix()),
            why: why.to_string(),
        }
    }
}

impl<S: LogSource> TileReader for TileLog<S> {
    type Error = Error;

    fn tile(&self, tile: Tile) -> Result<Vec<Digest>, Error> {
        let mut cache = self.cache.borrow_mut();
        if let Some(hashes) = cache.get(&tile) {
            return Ok(hashes.clone());
        }
        let (found, bytes) = self.fetch_tile(tile, Tile::path, Digest::LEN)?;
        let mut hashes = found
            .decode(&bytes)
            .map_err(|error| self.wrong(&found.path(), error))?;
        hashes.truncate(usize::from(tile.width()));
        if cache.len() == CACHED {
            cache.clear();
        }
        cache.insert(tile, hashes.clone());
        Ok(hashes)
    }
}

/// Where statements are published, beside the specification's own resources.
const STATEMENTS: &str = "statements";

/// Where the statements of a tile of level 0 are published.
pub(super) fn statements_path(tile: Tile) -> String {
    format!("{STATEMENTS}/{}", tile.place())
}
