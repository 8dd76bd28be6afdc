//! Publishing the log as a folder of static files (c2sp.org/tlog-tiles) that any web server can serve.
//!
//! ```text
//! checkpoint                     the signed size and root, written last
//! tile/<L>/<N>[.p/<W>]           hashes
//! tile/entries/<N>[.p/<W>]       entries: SHA-256 of the statements
//! statements/<N>[.p/<W>]         the statements themselves, in the same order (ours)
//! ```
//! Files are written once, in one step each, and the checkpoint only after all that it covers is
//! durable, so a reader sees a whole log at any time and a publisher that is killed leaves one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use avouch_cose::{Checkpoint, Note};
use avouch_ledger::Ledger;
use avouch_merkle::{
    Digest, LeafIndex, Tile, TileReader as _, Tiles, TreeSize, hash_leaf, root, root_from_nodes,
    sha256,
};

use super::bundle::{self, Prefix};
use super::tiles::statements_path;
use super::write::{replace_durably, write_all};
use super::{Folder, TileLog};
use crate::{Error, Home};

/// What publishing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The size that was published before; 0 if nothing was.
    pub before: TreeSize,
    /// The size that is published now.
    pub size: TreeSize,
    /// Files written, the checkpoint not counted.
    pub files: u64,
    /// Partial tiles removed because the full ones are there.
    pub removed: u64,
}

impl Home {
    /// Publishes the log in `dir`, from where it was published before up to the last checkpoint, or to
    /// the one in `cosigned`, with its cosignatures. Cosignatures that are published already are kept.
    ///
    /// # Errors
    /// [`Error::EmptyLog`]; [`Error::Published`] if `dir` holds another log, a later one or one with
    /// another history: nothing is written then.
    pub fn publish(
        &self,
        dir: &Path,
        cosigned: Option<&Note>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Publication, Error> {
        self.publish_from(dir, None, cosigned, progress)
    }

    /// As [`Home::publish`], but every file is written again, for a folder that was damaged.
    pub fn republish(
        &self,
        dir: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Publication, Error> {
        self.publish_from(dir, Some(TreeSize(0)), None, progress)
    }

    fn publish_from(
        &self,
        dir: &Path,
        from: Option<TreeSize>,
        cosigned: Option<&Note>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Publication, Error> {
        fs::create_dir_all(dir).map_err(|source| Error::io(dir, source))?;
        // Two publishers go one after the other; the second finds the first one's checkpoint.
        let _lock = lock(dir)?;
        let (mut note, checkpoint) = self.to_publish(cosigned)?;
        let before = self.published(dir, &mut note, &checkpoint)?;
        let size = checkpoint.size;
        let files = write_all(dir, |put| {
            let mut done = 0;
            write_tiles(
                &self.ledger,
                from.unwrap_or(before),
                size,
                &mut |path, bytes| {
                    done += 1;
                    progress(done);
                    put(path, bytes)
                },
            )
        })?;
        // From the files themselves: what is published next is their root.
        let log = TileLog::new(Folder::new(dir));
        if log.root(size, size)? != checkpoint.root {
            return Err(wrong(
                dir,
                "the tiles have another root than the checkpoint",
            ));
        }
        replace_durably(&dir.join("checkpoint"), note.to_string().as_bytes())?;
        Ok(Publication {
            before,
            size,
            files,
            removed: remove_partial(dir, before, size)?,
        })
    }

    /// The checkpoint to publish, which the ledger's own nodes confirm.
    fn to_publish(&self, cosigned: Option<&Note>) -> Result<(Note, Checkpoint), Error> {
        let signed = match cosigned {
            None => self.ledger.checkpoint()?,
            Some(note) => {
                let key = self.ledger.identity().note_key()?;
                let checkpoint = Checkpoint::open_note(note, &key)?;
                let signed = self.ledger.checkpoint_at(checkpoint.size)?;
                if signed.as_ref().map(|signed| &signed.checkpoint) != Some(&checkpoint) {
                    return Err(Error::NotOurCheckpoint {
                        size: checkpoint.size.0,
                    });
                }
                signed
            }
        };
        let signed = signed.ok_or(Error::EmptyLog)?;
        let mut note = Note::parse(&signed.note)?;
        for line in cosigned.iter().flat_map(|note| note.signatures()) {
            note.add(line.clone())?;
        }
        if root_from_nodes(&self.ledger, signed.checkpoint.size)? != signed.checkpoint.root {
            return Err(Error::DamagedLog {
                size: signed.checkpoint.size.0,
            });
        }
        Ok((note, signed.checkpoint))
    }

    /// The size that is published in `dir`, once it is clear that this log may go on from it.
    fn published(
        &self,
        dir: &Path,
        note: &mut Note,
        checkpoint: &Checkpoint,
    ) -> Result<TreeSize, Error> {
        let log = TileLog::new(Folder::new(dir));
        let Some(old_note) = log.note()? else {
            return Ok(TreeSize(0));
        };
        let key = self.ledger.identity().note_key()?;
        let old = Checkpoint::open_note(&old_note, &key)
            .map_err(|error| wrong(dir, format!("another log is published here: {error}")))?;
        if old.size > checkpoint.size {
            let why = format!(
                "size {} is published here already, and this is {}: is the ledger an old copy?",
                old.size, checkpoint.size
            );
            return Err(wrong(dir, why));
        }
        let ours = root_from_nodes(&self.ledger, old.size)?;
        if ours != old.root {
            let why = format!(
                "the log has signed another history of its first {} entries here; keep both \
                 checkpoints: together they prove a fork",
                old.size
            );
            return Err(wrong(dir, why));
        }
        if old_note.text() == note.text() {
            for line in old_note.signatures() {
                note.add(line.clone())?;
            }
        }
        Ok(old.size)
    }
}

/// Produces every file that a log of `size` leaves has and one of `before` has not.
fn write_tiles(
    ledger: &Ledger,
    before: TreeSize,
    size: TreeSize,
    put: &mut dyn FnMut(String, Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let signed = ledger.signed_sizes(before)?;
    for tile in Tile::added(before, size) {
        let hashes = ledger.tile(tile)?;
        let (level, index) = tile.first_node();
        if tile.is_full() {
            // The hash that stands for it in the tile above.
            let above =
                avouch_merkle::NodeReader::node(&Tiles::new(ledger, size), level + 8, index >> 8)?;
            if root(hashes.iter().copied()) != above {
                return Err(Error::DamagedLog { size: size.0 });
            }
        }
        // A partial tile is there for each size that the log has signed.
        let narrower: BTreeSet<Tile> = match tile.is_full() {
            true => BTreeSet::new(),
            false => signed
                .iter()
                .filter(|signed| **signed < size)
                .filter_map(|signed| Tile::of(*signed, tile.level(), tile.index()))
                .filter(|narrower| *narrower != tile)
                .collect(),
        };
        let items = (tile.level() == 0)
            .then(|| items(ledger, tile, &hashes))
            .transpose()?;
        for tile in narrower.into_iter().chain([tile]) {
            let width = usize::from(tile.width());
            let bytes = hashes[..width].iter().flat_map(|hash| hash.0).collect();
            put(tile.path(), bytes)?;
            if let Some(items) = &items {
                let (mut entries, mut statements) = (Vec::new(), Vec::new());
                for (entry, statement) in &items[..width] {
                    bundle::push(&mut entries, Prefix::Two, &entry.0);
                    bundle::push(&mut statements, Prefix::Four, statement);
                }
                put(tile.entries_path(), entries)?;
                put(statements_path(tile), statements)?;
            }
        }
    }
    Ok(())
}

/// The statements of a tile of level 0, and their entries.
fn items(ledger: &Ledger, tile: Tile, leaves: &[Digest]) -> Result<Vec<(Digest, Vec<u8>)>, Error> {
    let (_, first) = tile.first_node();
    let statements = ledger.stored_statements(LeafIndex(first), u64::from(tile.width()))?;
    let mut items = Vec::with_capacity(statements.len());
    for ((index, statement), leaf) in (first..).zip(statements).zip(leaves) {
        let entry = sha256(&[&statement]);
        if hash_leaf(&entry.0) != *leaf {
            return Err(Error::DamagedLog { size: index + 1 });
        }
        items.push((entry, statement));
    }
    Ok(items)
}

/// Removes the partial tiles whose full ones are published now. Readers of an earlier checkpoint take the
/// full ones' beginnings instead.
fn remove_partial(dir: &Path, before: TreeSize, size: TreeSize) -> Result<u64, Error> {
    let mut removed = 0;
    let is_full =
        |tile: &Tile| Tile::of(size, tile.level(), tile.index()).is_some_and(Tile::is_full);
    for tile in Tile::partial(before).filter(is_full) {
        let mut paths = vec![tile.full().path()];
        if tile.level() == 0 {
            paths.extend([tile.full().entries_path(), statements_path(tile.full())]);
        }
        for path in paths {
            let folder = dir.join(format!("{path}.p"));
            let widths = match fs::read_dir(&folder) {
                Ok(widths) => widths.count() as u64,
                Err(source) if source.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(Error::io(&folder, source)),
            };
            fs::remove_dir_all(&folder).map_err(|source| Error::io(&folder, source))?;
            removed += widths;
        }
    }
    Ok(removed)
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(".lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| Error::io(&path, source))
}

fn wrong(dir: &Path, why: impl Into<String>) -> Error {
    Error::Published {
        place: dir.display().to_string(),
        why: why.into(),
    }
}
