//! Following a published log: every step is checked, from what was seen last to what is published now.
//!
//! The state is the last checkpoint that was followed, as the log signed it, with the hashes from which
//! its tree goes on. So a step reads only what is new, and a log that shows another history is caught
//! with two notes that it signed itself.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use avouch_cose::{Checkpoint, Note, NoteKey, SignedStatement};
use avouch_merkle::{Digest, Frontier, LeafIndex, Tile, TreeSize, sha256};
use serde::{Deserialize, Serialize};

use super::{Comparison, Evidence, Hints, LogSource, TileLog, compare};
use crate::{Error, durable};

/// The only version of the state file so far.
const VERSION: u32 = 1;
/// The longest state file: a note and some 64 hashes.
const MAX_STATE: u64 = 4 << 20;

/// A monitor of one log.
pub struct Monitor<S> {
    log: TileLog<S>,
    key: NoteKey,
    path: PathBuf,
    seen: Option<Seen>,
}

/// How far a log was followed.
struct Seen {
    note: Note,
    checkpoint: Checkpoint,
    leaves: Frontier,
}

/// The state file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    key: String,
    note: String,
    /// The roots of the complete subtrees, largest first, in hexadecimal.
    subtrees: Vec<String>,
}

/// What one look at the log showed.
#[derive(Debug)]
pub enum Look {
    /// The log is as it was, or grew from what was seen before.
    Followed {
        /// Its size when it was looked at last.
        before: TreeSize,
        /// Its checkpoint now.
        checkpoint: Checkpoint,
        /// New entries whose statements are not published, or not those that the entries are of: who issued
        /// them cannot be seen.
        unseen: u64,
    },
    /// The log signed two histories: the notes prove it.
    Forked(Box<Caught>),
    /// The log publishes a smaller tree than it did.
    WentBack(Box<Caught>),
}

/// Two notes that a log signed and should not have.
#[derive(Debug)]
pub struct Caught {
    /// What was seen before.
    pub seen: Note,
    /// What is published now.
    pub published: Note,
    /// Why they cannot both be true, where the log's own tiles show it.
    pub evidence: Option<Evidence>,
}

/// An entry that is new since the last look.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// Its place in the log.
    pub index: LeafIndex,
    /// The entry: the SHA-256 of a statement.
    pub entry: &'a [u8],
    /// The statement, if the log publishes the one that the entry is of.
    pub statement: Option<&'a SignedStatement>,
}

impl<S: LogSource> Monitor<S> {
    /// A monitor whose state is in this file, which need not be there yet.
    ///
    /// # Errors
    /// [`Error::MonitorState`] if the file is another log's, or not what a monitor wrote.
    pub fn open(source: S, key: NoteKey, state: &Path) -> Result<Self, Error> {
        let seen = match fs::metadata(state) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(Error::io(state, source)),
            Ok(file) if file.len() > MAX_STATE => return Err(wrong(state, "too long")),
            Ok(_) => Some(Seen::read(state, &key)?),
        };
        Ok(Self {
            log: TileLog::new(source),
            key,
            path: state.into(),
            seen,
        })
    }

    /// Looks once: checks what is published against what was seen, shows `each` every new entry once it is
    /// known to be in the tree that the log signed, and keeps the new state.
    ///
    /// # Errors
    /// [`Error::Published`] if the log publishes something other than it signed; [`Error::Io`]; what
    /// `each` returns. The state stays as it was.
    pub fn look(
        &mut self,
        each: &mut dyn FnMut(NewEntry<'_>) -> Result<(), Error>,
    ) -> Result<Look, Error> {
        let (note, checkpoint) = self.log.checkpoint(&self.key)?;
        let (before, mut leaves) = match &self.seen {
            None => (TreeSize(0), Frontier::new()),
            Some(seen) => {
                if let Some(caught) = self.catch(seen, &note, &checkpoint)? {
                    return Ok(caught);
                }
                (seen.checkpoint.size, seen.leaves.clone())
            }
        };
        let mut unseen = 0;
        if self.seen.is_none() || before != checkpoint.size {
            // Nothing is shown before the whole step is known to lead to the signed root.
            let mut entries = Vec::new();
            self.log.follow(&mut leaves, &checkpoint, &mut |_, entry| {
                entries.push(entry.to_vec());
                Ok(())
            })?;
            unseen = self.show(before, checkpoint.size, &entries, each)?;
            let seen = Seen {
                note,
                checkpoint: checkpoint.clone(),
                leaves,
            };
            seen.write(&self.path, &self.key)?;
            self.seen = Some(seen);
        }
        Ok(Look::Followed {
            before,
            checkpoint,
            unseen,
        })
    }

    /// Whether what is published now contradicts what was seen.
    fn catch(
        &self,
        seen: &Seen,
        note: &Note,
        checkpoint: &Checkpoint,
    ) -> Result<Option<Look>, Error> {
        let hints = Hints {
            proof: None,
            log: Some(self.log.source()),
        };
        let caught = |evidence| {
            Box::new(Caught {
                seen: seen.note.clone(),
                published: note.clone(),
                evidence,
            })
        };
        let same = checkpoint.size == seen.checkpoint.size;
        if same && checkpoint.root == seen.checkpoint.root {
            return Ok(None);
        }
        if checkpoint.size < seen.checkpoint.size {
            // The tiles of the larger tree may be gone; the two notes say enough.
            return Ok(Some(Look::WentBack(caught(None))));
        }
        match compare(&seen.note, note, &self.key, &hints)? {
            Comparison::Same | Comparison::Grown => Ok(None),
            Comparison::Forked(evidence) => Ok(Some(Look::Forked(caught(Some(evidence))))),
            // The tiles do not lead to the signed root: following them will say where.
            Comparison::Undecided => Ok(None),
        }
    }

    /// Shows the entries from `before` to `size`; says of how many the statement cannot be seen.
    fn show(
        &self,
        before: TreeSize,
        size: TreeSize,
        entries: &[Vec<u8>],
        each: &mut dyn FnMut(NewEntry<'_>) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let mut unseen = 0;
        let mut indices = (before.0..).zip(entries).peekable();
        for tile in Tile::added(before, size).filter(|tile| tile.level() == 0) {
            let (_, first) = tile.first_node();
            // Only avouch publishes statements: without them, entries are hashes.
            let statements = match self.log.statements(tile) {
                Ok(statements) => statements,
                Err(Error::Published { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            let end = first + u64::from(tile.width());
            while let Some((index, entry)) = indices.next_if(|(index, _)| *index < end) {
                let bytes = statements.get((index - first) as usize);
                // The entry is known to be the signed one; what was fetched now need not be.
                let bytes = bytes.filter(|bytes| sha256(&[bytes]).0 == **entry);
                let statement = bytes.and_then(|bytes| SignedStatement::parse(bytes).ok());
                unseen += u64::from(statement.is_none());
                each(NewEntry {
                    index: LeafIndex(index),
                    entry,
                    statement: statement.as_ref(),
                })?;
            }
        }
        Ok(unseen)
    }
}

impl Seen {
    fn read(path: &Path, key: &NoteKey) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
        let file: File = serde_json::from_str(&text).map_err(|error| wrong(path, error))?;
        if file.version != VERSION {
            return Err(wrong(path, format!("version {}", file.version)));
        }
        if file.key != key.to_string() {
            return Err(wrong(path, format!("it follows another log: {}", file.key)));
        }
        let note = Note::parse(&file.note).map_err(|error| wrong(path, error))?;
        let checkpoint = Checkpoint::open_note(&note, key).map_err(|error| wrong(path, error))?;
        let subtrees: Result<Vec<Digest>, _> =
            file.subtrees.iter().map(|digest| digest.parse()).collect();
        let subtrees = subtrees.map_err(|_| wrong(path, "a subtree is no hash"))?;
        let leaves =
            Frontier::from_parts(checkpoint.size, &subtrees).map_err(|error| wrong(path, error))?;
        if leaves.root() != checkpoint.root {
            return Err(wrong(path, "its hashes do not lead to its checkpoint"));
        }
        Ok(Self {
            note,
            checkpoint,
            leaves,
        })
    }

    fn write(&self, path: &Path, key: &NoteKey) -> Result<(), Error> {
        let file = File {
            version: VERSION,
            key: key.to_string(),
            note: self.note.to_string(),
            subtrees: self.leaves.parts().iter().map(Digest::to_string).collect(),
        };
        let mut text = serde_json::to_string_pretty(&file).map_err(|error| wrong(path, error))?;
        text.push('\n');
        durable::replace(path, text.as_bytes())
    }
}

fn wrong(path: &Path, why: impl ToString) -> Error {
    Error::MonitorState {
        path: path.into(),
        why: why.to_string(),
    }
}
