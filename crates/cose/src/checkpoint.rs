//! Checkpoints (c2sp.org/tlog-checkpoint): a log's size and root, as a signed note.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use avouch_merkle::{Digest, TreeSize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::key::SigningKey;
use crate::note::{Note, NoteKey};

/// A log's size and root at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: its name, and the name of the key that signs for it.
    pub origin: String,
    /// How many leaves it has.
    pub size: TreeSize,
    /// The RFC 9162 root over them.
    pub root: Digest,
    /// Further lines, opaque and rarely used; never empty ones.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Reads a checkpoint's text: a note's text, without signatures.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |line, reason| Error::Checkpoint { line, reason };
        let body = text
            .strip_suffix('\n')
            .ok_or(bad(1, "the text must end in a newline"))?;
        let mut lines = body.split('\n');
        let origin = lines
            .next()
            .filter(|origin| !origin.is_empty())
            .ok_or(bad(1, "the origin is empty"))?;
        let size = lines
            .next()
            .and_then(parse_size)
            .ok_or(bad(2, "not a tree size: decimal, no leading zeros"))?;
        let root = lines
            .next()
            .and_then(|root| STANDARD.decode(root).ok())
            .and_then(|root| Digest::try_from(root.as_slice()).ok())
            .ok_or(bad(3, "not the base64 of a 32-byte root"))?;
        let mut extensions = Vec::new();
        for (number, line) in lines.enumerate() {
            if line.is_empty() {
                return Err(bad(4 + number, "an extension line is empty"));
            }
            extensions.push(line.into());
        }
        Ok(Self {
            origin: origin.into(),
            size,
            root,
            extensions,
        })
    }

    /// Signs the checkpoint as its log, whose key bears the origin's name.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, Error> {
        let text = alloc::string::ToString::to_string(self);
        // What cannot be read back (a newline inside the origin, say) is not signed.
        if Self::parse(&text)? != *self {
            return Err(Error::Checkpoint {
                line: 1,
                reason: "a newline inside a line",
            });
        }
        let mut note = Note::new(text)?;
        note.sign(&self.origin, key)?;
        Ok(note)
    }

    /// Reads a signed checkpoint and checks that it is its log's: signed by `key`, under the key's own name.
    pub fn open(note: &str, key: &NoteKey) -> Result<Self, Error> {
        Self::open_note(&Note::parse(note)?, key)
    }

    /// [`Checkpoint::open`], of a note that has been read already.
    pub fn open_note(note: &Note, key: &NoteKey) -> Result<Self, Error> {
        note.verify(key)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(Error::OriginMismatch {
                origin: checkpoint.origin,
                key: key.name().into(),
            });
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    /// Writes the note's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}\n{}\n{}",
            self.origin,
            self.size,
            STANDARD.encode(self.root.as_bytes())
        )?;
        self.extensions
            .iter()
            .try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn parse_size(text: &str) -> Option<TreeSize> {
    parse_decimal(text).map(TreeSize)
}

/// ASCII digits without leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    canonical.then(|| text.parse().ok()).flatten()
}
