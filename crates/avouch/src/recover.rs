//! Putting a new ledger in the place of a damaged one.

use std::cell::RefCell;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use avouch_cose::Checkpoint;
use avouch_ledger::{Ledger, Progress, Published, Recovered};
use avouch_merkle::{LeafIndex, Tile, TreeSize};

use crate::home::{LEDGER, now};
use crate::log::{LogSource, TileLog};
use crate::{Error, Home, durable};

/// What SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// What recovering a home did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// What is in the new ledger, and where it came from.
    pub recovered: Recovered,
    /// Where the damaged ledger was kept.
    pub kept: PathBuf,
}

impl Home {
    /// Makes a new ledger from what is left of the one in `dir`, and from where its log was published;
    /// checks all of it, and only then puts it in the old one's place, which is kept under another name.
    ///
    /// No other process may be using the home meanwhile.
    ///
    /// # Errors
    /// [`Error::Ledger`] naming what can neither be read nor derived nor found; [`Error::NotRecovered`]
    /// if the new ledger does not hold. The old one is then as it was.
    pub fn recover(
        dir: &Path,
        published: Option<&dyn LogSource>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Recovery, Error> {
        let path = dir.join(LEDGER);
        if !path.is_file() {
            return Err(Error::NoHome { dir: dir.into() });
        }
        let new = dir.join("ledger.recovered.db");
        // What an interrupted try left.
        remove(&new)?;
        let old = Ledger::open(&path)?;
        let published = published.map(FromTiles::open).transpose()?;
        let published = published.as_ref().map(|tiles| tiles as &dyn Published);
        let recovered = old.recover(&new, published, progress)?;
        drop(old);
        let report = Ledger::open(&new)?.fsck(progress)?;
        if let Some(finding) = report.finding {
            remove(&new)?;
            return Err(Error::NotRecovered {
                finding: finding.to_string(),
            });
        }
        let kept = dir.join(format!("ledger.damaged-{}.db", now()?));
        fs::hard_link(&path, &kept).map_err(|source| Error::io(&kept, source))?;
        // The old one's journal would be taken for the new one's.
        for suffix in BESIDE {
            match fs::rename(beside(&path, suffix), beside(&kept, suffix)) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(Error::io(&path, source));
                }
                _ => {}
            }
        }
        fs::rename(&new, &path).map_err(|source| Error::io(&path, source))?;
        durable::sync_parent(&path)?;
        Ok(Recovery { recovered, kept })
    }
}

fn remove(database: &Path) -> Result<(), Error> {
    for suffix in ["", BESIDE[0], BESIDE[1]] {
        let path = beside(database, suffix);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(Error::io(&path, source));
            }
            _ => {}
        }
    }
    Ok(())
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Statements from a published log. Nothing of it is trusted here: the ledger checks what it takes.
struct FromTiles<'a> {
    log: TileLog<&'a dyn LogSource>,
    note: String,
    size: TreeSize,
    /// The statements of the tile that was asked for last: they are asked for in order.
    last: RefCell<(Option<Tile>, Vec<Vec<u8>>)>,
}

impl<'a> FromTiles<'a> {
    fn open(source: &'a dyn LogSource) -> Result<Self, Error> {
        let log = TileLog::new(source);
        let note = log.note()?.ok_or_else(|| Error::Published {
            place: source.prefix(),
            why: "no log is published here".into(),
        })?;
        Ok(Self {
            size: Checkpoint::parse(note.text())?.size,
            note: note.to_string(),
            log,
            last: RefCell::default(),
        })
    }
}

impl Published for FromTiles<'_> {
    fn checkpoint(&self) -> Option<String> {
        Some(self.note.clone())
    }

    fn statement(&self, index: LeafIndex) -> Option<Vec<u8>> {
        let tile = Tile::of(self.size, 0, index.0 / u64::from(Tile::FULL))?;
        let mut last = self.last.borrow_mut();
        if last.0 != Some(tile) {
            // A tile that cannot be read has no statements to give.
            *last = (Some(tile), self.log.statements(tile).unwrap_or_default());
        }
        let at = (index.0 - tile.first_node().1) as usize;
        last.1.get(at).cloned()
    }
}
