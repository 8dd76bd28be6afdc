//! Comparing two checkpoints of one log: did it keep to one history?

use std::fmt;

use avouch_cose::{Checkpoint, ConsistencyProof, Note, NoteKey};
use avouch_merkle::{TreeSize, roots_from_consistency, verify_consistency};

use super::{LogSource, TileLog};
use crate::Error;

/// What two checkpoints of one log show, both signed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The same size and root.
    Same,
    /// The later one extends the earlier.
    Grown,
    /// The log signed two histories: the two notes prove it, with what is named here.
    Forked(Evidence),
    /// Their sizes differ, and nothing at hand says whether one extends the other.
    Undecided,
}

/// Why two notes are incompatible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// They have one size and two roots. Nothing else is needed.
    TwoRoots(TreeSize),
    /// The later tree does not begin with the earlier one: its own first `TreeSize` leaves have another
    /// root, as the consistency proof or the tiles at hand show.
    OtherBeginning(TreeSize),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoRoots(size) => write!(f, "the log signed two roots for size {size}"),
            Self::OtherBeginning(size) => write!(
                f,
                "the later tree's first {size} entries are not those that the log signed at {size}"
            ),
        }
    }
}

/// Where to look, beyond the notes themselves, whether one extends the other.
#[derive(Default)]
pub struct Hints<'a> {
    /// A consistency proof between the two.
    pub proof: Option<&'a ConsistencyProof>,
    /// Tiles of the later tree.
    pub log: Option<&'a dyn LogSource>,
}

/// Compares two checkpoints, in either order. Both must be signed by `key`.
///
/// # Errors
/// [`Error::Cose`] if a note is no checkpoint of this log. A hint that belongs to other checkpoints, or
/// does not hold, decides nothing: anyone could have made it.
pub fn compare(
    one: &Note,
    other: &Note,
    key: &NoteKey,
    hints: &Hints<'_>,
) -> Result<Comparison, Error> {
    let one = Checkpoint::open_note(one, key)?;
    let other = Checkpoint::open_note(other, key)?;
    let (before, after) = match one.size <= other.size {
        true => (one, other),
        false => (other, one),
    };
    if before.size == after.size {
        return Ok(match before.root == after.root {
            true => Comparison::Same,
            false => Comparison::Forked(Evidence::TwoRoots(before.size)),
        });
    }
    // Every tree begins with the empty one, which has one root only.
    if before.size == TreeSize(0) {
        return Ok(match before.root == avouch_merkle::empty_root() {
            true => Comparison::Grown,
            false => Comparison::Forked(Evidence::TwoRoots(before.size)),
        });
    }
    if let Some(proof) = hints.proof
        && let Some(decided) = by_proof(&before, &after, proof)
    {
        return Ok(decided);
    }
    if let Some(log) = hints.log {
        return by_tiles(&before, &after, log);
    }
    Ok(Comparison::Undecided)
}

fn by_proof(
    before: &Checkpoint,
    after: &Checkpoint,
    proof: &ConsistencyProof,
) -> Option<Comparison> {
    if proof.before != before.size {
        return None;
    }
    let path = &proof.path;
    if verify_consistency(before.size, &before.root, after.size, &after.root, path).is_ok() {
        return Some(Comparison::Grown);
    }
    // A proof that leads to the later root, which the log signed, shows that tree's own beginning.
    let (first, second) =
        roots_from_consistency(before.size, &before.root, after.size, path).ok()?;
    (second == after.root && first != before.root)
        .then_some(Comparison::Forked(Evidence::OtherBeginning(before.size)))
}

fn by_tiles(
    before: &Checkpoint,
    after: &Checkpoint,
    log: &dyn LogSource,
) -> Result<Comparison, Error> {
    let log = TileLog::new(log);
    let whole = match log.root(after.size, after.size) {
        Ok(whole) => whole,
        // Tiles that are not there, or not tiles, decide nothing.
        Err(Error::Published { .. }) => return Ok(Comparison::Undecided),
        Err(error) => return Err(error),
    };
    if whole != after.root {
        return Ok(Comparison::Undecided);
    }
    // The tiles that made the root above may be fewer than those below: the proof binds them to it.
    let proof = ConsistencyProof {
        before: before.size,
        path: log.path(before.size, after.size)?,
        checkpoint: Note::new(after.to_string())?,
    };
    if let Some(decided) = by_proof(before, after, &proof) {
        return Ok(decided);
    }
    // At a power of two the proof leaves out the first root itself: ask with the tiles' own.
    let first = log.root(before.size, after.size)?;
    let holds =
        verify_consistency(before.size, &first, after.size, &after.root, &proof.path).is_ok();
    Ok(match holds && first != before.root {
        true => Comparison::Forked(Evidence::OtherBeginning(before.size)),
        false => Comparison::Undecided,
    })
}
