//! The checkpoint that is anchored.

use avouch_cose::{Checkpoint, Note, NoteKey};
use avouch_merkle::{Digest, sha256};

use crate::Error;

/// A log's checkpoint, as the signed note that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    note: Note,
    checkpoint: Checkpoint,
    text: String,
}

impl Anchored {
    /// Reads a signed checkpoint. No signature is checked: see [`Anchored::is_signed_by`].
    pub fn parse(note: &str) -> Result<Self, Error> {
        let text = note.into();
        let note = Note::parse(note).map_err(Error::Checkpoint)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(Error::Checkpoint)?;
        Ok(Self {
            note,
            checkpoint,
            text,
        })
    }

    /// The same with the signature of its log alone: what witnesses sign beneath it dates it another way.
    pub fn by_log_alone(&self, key: &NoteKey) -> Result<Self, Error> {
        let mut alone = Note::new(self.note.text()).map_err(Error::Checkpoint)?;
        let by_log = |line: &&avouch_cose::note::NoteSignature| {
            (line.name(), line.key_hash()) == (key.name(), key.key_hash())
        };
        for line in self.note.signatures().iter().filter(by_log) {
            alone.add(line.clone()).map_err(Error::Checkpoint)?;
        }
        Self::parse(&alone.to_string())
    }

    /// Checks that the log of this key signed the checkpoint.
    pub fn is_signed_by(&self, key: &NoteKey) -> Result<(), avouch_cose::Error> {
        Checkpoint::open_note(&self.note, key).map(drop)
    }

    /// The log's size and root.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The whole note, with signatures.
    pub fn note(&self) -> &str {
        &self.text
    }

    /// The note itself.
    pub fn signed_note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint's text: what is anchored.
    pub fn text(&self) -> &str {
        self.note.text()
    }

    /// SHA-256 of the text: what outside services are shown, and all that they are shown.
    pub fn digest(&self) -> Digest {
        sha256(&[self.text().as_bytes()])
    }
}
