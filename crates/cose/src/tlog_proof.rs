//! Inclusion proofs as text files (c2sp.org/tlog-proof, version 1).
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64>            (optional; nobody's word)
//! index <decimal>
//! <base64 of a hash>        (from the leaf's sibling up)
//!
//! <the log's checkpoint, a signed note, verbatim>
//! ```

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use avouch_merkle::{Digest, LeafIndex, verify_inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Error;
use crate::checkpoint::{Checkpoint, parse_decimal};
use crate::note::{Note, NoteKey};
use crate::receipt::MAX_PATH;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Most bytes of extra data: room for an entry of tlog-tiles' largest size.
pub const MAX_EXTRA: usize = 65_535;

/// A leaf's place in a log, and the checkpoint under which it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// What the application put beside it; not covered by any signature.
    pub extra: Option<Vec<u8>>,
    /// The leaf's position.
    pub index: LeafIndex,
    /// The hashes from the leaf's sibling up to the root's child.
    pub path: Vec<Digest>,
    /// The log's checkpoint, with whatever cosignatures it has.
    pub checkpoint: Note,
}

impl TlogProof {
    /// Reads a proof file. Nothing in it is checked until [`TlogProof::verify`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rest = text;
        let mut number = 0;
        let mut line = || {
            let (line, after) = rest.split_once('\n')?;
            rest = after;
            number += 1;
            Some((number, line))
        };
        let cut = |line| bad(line, "the file ends before the checkpoint");
        if line() != Some((1, HEADER)) {
            return Err(bad(1, "expected \"c2sp.org/tlog-proof@v1\""));
        }
        let (mut at, mut current) = line().ok_or_else(|| cut(2))?;
        let mut extra = None;
        if let Some(encoded) = current.strip_prefix("extra ") {
            extra = Some(
                STANDARD
                    .decode(encoded)
                    .ok()
                    .filter(|extra| extra.len() <= MAX_EXTRA)
                    .ok_or_else(|| {
                        bad(at, "the extra data is not base64 of at most 65,535 bytes")
                    })?,
            );
            (at, current) = line().ok_or_else(|| cut(at + 1))?;
        }
        let index = current
            .strip_prefix("index ")
            .and_then(parse_decimal)
            .ok_or_else(|| bad(at, "expected \"index\" and a decimal without leading zeros"))?;
        let mut path = Vec::new();
        loop {
            (at, current) = line().ok_or_else(|| cut(at + 1))?;
            if current.is_empty() {
                break;
            }
            if path.len() == MAX_PATH {
                return Err(bad(at, "more than 64 hashes"));
            }
            path.push(
                STANDARD
                    .decode(current)
                    .ok()
                    .and_then(|hash| Digest::try_from(hash.as_slice()).ok())
                    .ok_or_else(|| bad(at, "not the base64 of a 32-byte hash"))?,
            );
        }
        Ok(Self {
            extra,
            index: LeafIndex(index),
            path,
            checkpoint: Note::parse(rest)?,
        })
    }

    /// Checks that the log signed the checkpoint and that the leaf (`hash_leaf(entry)`) is under it, at
    /// the proof's index. Cosignatures are the caller's to check: see [`Note::quorum`].
    pub fn verify(&self, leaf: Digest, log: &NoteKey) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::open_note(&self.checkpoint, log)?;
        verify_inclusion(
            leaf,
            self.index,
            checkpoint.size,
            &self.path,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    /// Writes the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for TlogProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

fn bad(line: usize, reason: &'static str) -> Error {
    Error::TlogProof { line, reason }
}
