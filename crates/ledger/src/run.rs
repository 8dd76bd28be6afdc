//! Runs as the ledger knows them, and their rows.

use std::fmt;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::{Digest, LeafIndex, sha256};
use avouch_trace::{Manifest, Mode, Parent, Relation, RunId, Source};
use rusqlite::Row;

use crate::{Error, Place};

/// A run's position in the ledger, from 1. It means nothing outside this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunIndex(pub(crate) i64);

impl RunIndex {
    /// The key of the run's event `seq`: one tree holds all runs, each at its right edge.
    pub(crate) fn event_id(self, seq: u64) -> i64 {
        self.0 << 32 | seq as i64
    }

    /// The keys of all events that the run may ever have.
    pub(crate) fn event_ids(self) -> (i64, i64) {
        (self.event_id(0), self.event_id(u64::from(u32::MAX)))
    }
}

impl fmt::Display for RunIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which bytes a run was imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputId {
    /// SHA-256 of the whole raw input.
    pub digest: Digest,
    /// Which run of that input, from 0.
    pub ordinal: u32,
}

/// What is known of a run when it begins. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// 16 fresh random bytes.
    pub id: RunId,
    /// The name in this ledger. A new run whose name is taken gets `-2`, `-3` and so on.
    pub name: String,
    /// The agent.
    pub agent: String,
    /// Execution or debate.
    pub mode: Mode,
    /// What costs and budgets are in.
    pub currency: String,
    /// Where the records come from.
    pub source: Source,
    /// Runs that this one came from.
    pub parents: Vec<Parent>,
    /// The bytes that it was imported from, so that the same ones are not imported twice.
    pub input: Option<InputId>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No run-end yet: recording goes on, or was cut off.
    Open,
    /// Ended, not sealed.
    Closed,
    /// In the log.
    Sealed {
        /// Its statement's position.
        log_index: LeafIndex,
    },
}

impl State {
    /// The name used in text formats and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Sealed { .. } => "sealed",
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its position.
    pub index: RunIndex,
    /// What was known at its beginning.
    pub info: RunInfo,
    /// How many events it has.
    pub size: u64,
    /// How far it has come.
    pub state: State,
}

/// How long a name may be.
const MAX_NAME: usize = 255;

impl RunInfo {
    /// Refuses now what a manifest would refuse at sealing.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |why: String| Error::BadRun {
            name: self.name.clone(),
            why,
        };
        let name = &self.name;
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            let rule = format!("a name has 1 to {MAX_NAME} bytes and no control characters");
            return Err(bad(rule));
        }
        let none = Digest([0; 32]);
        let manifest = Manifest {
            run: self.id,
            agent: self.agent.clone(),
            mode: self.mode,
            size: 1,
            root: none,
            chain_start: none,
            chain_head: none,
            first_time: 0,
            last_time: 0,
            currency: self.currency.clone(),
            source: self.source.clone(),
            parents: self.parents.clone(),
            previous: None,
            supersedes: None,
        };
        match Manifest::decode(&manifest.encode()) {
            Ok(_) => Ok(()),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// The `parents` column.
    pub(crate) fn parents_cbor(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.array(self.parents.len());
        for parent in &self.parents {
            out.array(3).bytes(&parent.run.0).uint(parent.seq.into());
            out.uint(parent.relation as u64);
        }
        out.into_vec()
    }

    /// The `digest` column: runs over the rows, and so binds their contents and order.
    pub(crate) fn digest(&self, previous: &Digest) -> Digest {
        let mut row = Encoder::new();
        row.array(9).bytes(&self.id.0).text(&self.name);
        row.text(&self.agent).uint(self.mode as u64);
        row.text(&self.currency).text(&self.source.format);
        match self.source.integrity {
            Some(held) => row.bool(held),
            None => row.null(),
        };
        row.raw(&self.parents_cbor());
        match &self.input {
            Some(input) => {
                let parts = row.array(2).bytes(&input.digest.0);
                parts.uint(input.ordinal.into())
            }
            None => row.null(),
        };
        sha256(&[b"avouch/v1/runs", &previous.0, row.as_slice()])
    }
}

/// The columns that [`read`] takes, in its order.
pub(crate) const COLUMNS: &str =
    "idx, run_id, name, agent, mode, currency, format, integrity, parents, input, ordinal, digest";

/// A row of `runs`: its position, what it says, and the running digest that it holds.
pub(crate) type StoredRun = (RunIndex, RunInfo, Digest);

/// Reads a row of [`COLUMNS`].
pub(crate) fn read(row: &Row<'_>) -> Result<StoredRun, Error> {
    let index: i64 = row.get(0)?;
    let wrong = |column: &str| {
        let rule = format!("column {column} does not hold what the format says");
        Error::corrupt(Place::Run { index }, rule)
    };
    let input: Option<[u8; 32]> = row.get(9)?;
    let ordinal: Option<u32> = row.get(10)?;
    let info = RunInfo {
        id: RunId(row.get(1)?),
        name: row.get(2)?,
        agent: row.get(3)?,
        mode: match row.get(4)? {
            1 => Mode::Execution,
            2 => Mode::Debate,
            _ => return Err(wrong("mode")),
        },
        currency: row.get(5)?,
        source: Source {
            format: row.get(6)?,
            integrity: row.get(7)?,
        },
        parents: read_parents(row.get_ref(8)?.as_blob().unwrap_or_default())
            .ok_or_else(|| wrong("parents"))?,
        input: match (input, ordinal) {
            (Some(digest), Some(ordinal)) => Some(InputId {
                digest: Digest(digest),
                ordinal,
            }),
            (None, None) => None,
            _ => return Err(wrong("ordinal")),
        },
    };
    Ok((RunIndex(index), info, Digest(row.get(11)?)))
}

fn read_parents(bytes: &[u8]) -> Option<Vec<Parent>> {
    let array = Item::parse(bytes).ok()?.as_array()?;
    array.into_iter().map(read_parent).collect()
}

fn read_parent(item: Item<'_>) -> Option<Parent> {
    let mut parts = item
        .as_array()
        .filter(|parts| parts.len() == 3)?
        .into_iter();
    Some(Parent {
        run: RunId(parts.next()?.as_bytes()?.try_into().ok()?),
        seq: parts.next()?.as_u64()?.try_into().ok()?,
        relation: match parts.next()?.as_u64()? {
            1 => Relation::Subagent,
            2 => Relation::A2a,
            3 => Relation::SharedBudget,
            _ => return None,
        },
    })
}
