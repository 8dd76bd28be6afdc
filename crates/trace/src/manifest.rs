//! The run manifest: what an issuer signs about one run.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use avouch_cbor::{Encoder, Item};
use avouch_merkle::Digest;

use crate::{Error, MAX_EVENTS};

/// The content type of a statement whose payload is a run manifest.
pub const MANIFEST_CONTENT_TYPE: &str = "application/vnd.avouch.manifest+cbor";

/// The only version so far.
const VERSION: u64 = 1;
/// A manifest is small; a name that is not belongs elsewhere.
const MAX_TEXT: usize = 1024;
/// How many parents a run may name.
const MAX_PARENTS: usize = 4096;

/// The manifest's integer keys.
mod key {
    pub(super) const VERSION: i64 = 1;
    pub(super) const RUN: i64 = 2;
    pub(super) const AGENT: i64 = 3;
    pub(super) const MODE: i64 = 4;
    pub(super) const SIZE: i64 = 5;
    pub(super) const ROOT: i64 = 6;
    pub(super) const CHAIN_START: i64 = 7;
    pub(super) const CHAIN_HEAD: i64 = 8;
    pub(super) const FIRST_TIME: i64 = 9;
    pub(super) const LAST_TIME: i64 = 10;
    pub(super) const CURRENCY: i64 = 11;
    pub(super) const SOURCE: i64 = 12;
    pub(super) const PARENTS: i64 = 13;
    pub(super) const PREVIOUS: i64 = 14;
    pub(super) const SUPERSEDES: i64 = 15;
}

/// A run's id: 16 random bytes, 32 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub [u8; 16]);

impl RunId {
    /// The CWT subject of statements about this run.
    pub fn subject(&self) -> String {
        let mut subject = String::from("urn:avouch:run:");
        subject.push_str(&self.to_string());
        subject
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(Error::RunId),
        };
        let text: &[u8; 32] = text.as_bytes().try_into().map_err(|_| Error::RunId)?;
        let mut id = [0; 16];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(id))
    }
}

/// What kind of run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// One agent at work.
    Execution = 1,
    /// Several agents debating.
    Debate = 2,
}

impl Mode {
    /// The name used in text formats and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execution => "execution",
            Self::Debate => "debate",
        }
    }
}

/// How a run relates to one it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Relation {
    /// A subagent of that run.
    Subagent = 1,
    /// Called by that run's agent as a peer.
    A2a = 2,
    /// Spends from that run's budget.
    SharedBudget = 3,
}

impl Relation {
    /// The name used in text formats and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subagent => "subagent",
            Self::A2a => "a2a",
            Self::SharedBudget => "shared-budget",
        }
    }
}

/// A run that this one came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// That run.
    pub run: RunId,
    /// The event in it.
    pub seq: u32,
    /// How they relate.
    pub relation: Relation,
}

/// Where the records came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The format's name (`claude-code`, `avouch`).
    pub format: String,
    /// Whether the source's own integrity held; `None` when the format has none.
    pub integrity: Option<bool>,
}

/// What an issuer says about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The run.
    pub run: RunId,
    /// The agent's name.
    pub agent: String,
    /// Execution or debate.
    pub mode: Mode,
    /// How many events.
    pub size: u64,
    /// The RFC 9162 root over the events.
    pub root: Digest,
    /// The agent's chain before this run.
    pub chain_start: Digest,
    /// The agent's chain after it.
    pub chain_head: Digest,
    /// The first event's time, milliseconds since the Unix epoch.
    pub first_time: u64,
    /// The last event's time.
    pub last_time: u64,
    /// The currency that costs and budgets are in, exactly; `tokens` is one.
    pub currency: String,
    /// Where the records came from.
    pub source: Source,
    /// Runs that this one came from.
    pub parents: Vec<Parent>,
    /// The agent's previous statement.
    pub previous: Option<Digest>,
    /// The statement that this one replaces.
    pub supersedes: Option<Digest>,
}

impl Manifest {
    /// The canonical CBOR map.
    pub fn encode(&self) -> Vec<u8> {
        let optional = [
            !self.parents.is_empty(),
            self.previous.is_some(),
            self.supersedes.is_some(),
        ];
        let mut out = Encoder::new();
        out.map(12 + optional.iter().filter(|present| **present).count());
        out.int(key::VERSION).uint(VERSION);
        out.int(key::RUN).bytes(&self.run.0);
        out.int(key::AGENT).text(&self.agent);
        out.int(key::MODE).uint(self.mode as u64);
        out.int(key::SIZE).uint(self.size);
        out.int(key::ROOT).bytes(&self.root.0);
        out.int(key::CHAIN_START).bytes(&self.chain_start.0);
        out.int(key::CHAIN_HEAD).bytes(&self.chain_head.0);
        out.int(key::FIRST_TIME).uint(self.first_time);
        out.int(key::LAST_TIME).uint(self.last_time);
        out.int(key::CURRENCY).text(&self.currency);
        out.int(key::SOURCE).array(2).text(&self.source.format);
        match self.source.integrity {
            Some(held) => out.bool(held),
            None => out.null(),
        };
        if !self.parents.is_empty() {
            out.int(key::PARENTS).array(self.parents.len());
            for parent in &self.parents {
                out.array(3)
                    .bytes(&parent.run.0)
                    .uint(parent.seq.into())
                    .uint(parent.relation as u64);
            }
        }
        if let Some(previous) = &self.previous {
            out.int(key::PREVIOUS).bytes(&previous.0);
        }
        if let Some(supersedes) = &self.supersedes {
            out.int(key::SUPERSEDES).bytes(&supersedes.0);
        }
        out.into_vec()
    }

    /// Reads a manifest, strictly: canonical CBOR, every required key, no unknown one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let item = Item::parse(bytes).map_err(|source| Error::Cbor {
            what: "a manifest",
            source,
        })?;
        let reader = Reader { item };
        let map = item.as_map().ok_or_else(|| reader.shape(item, "a map"))?;
        for (name, _) in map {
            if !name
                .as_i64()
                .is_some_and(|key| (key::VERSION..=key::SUPERSEDES).contains(&key))
            {
                return Err(reader.shape(name, "only the keys 1 to 15"));
            }
        }
        if reader.uint(key::VERSION, "version 1 under key 1")? != VERSION {
            return Err(reader.shape(item, "version 1 under key 1"));
        }
        let size = reader.uint(key::SIZE, "a size under key 5")?;
        if size == 0 || size > MAX_EVENTS {
            return Err(reader.shape(item, "a size from 1 to 2^32 - 2 under key 5"));
        }
        Ok(Self {
            run: RunId(reader.bytes(key::RUN, "16 bytes of run id under key 2")?),
            agent: reader.text(key::AGENT, "the agent's name under key 3")?,
            mode: match reader.uint(key::MODE, "a mode under key 4")? {
                1 => Mode::Execution,
                2 => Mode::Debate,
                _ => return Err(reader.shape(item, "mode 1 (execution) or 2 (debate) under key 4")),
            },
            size,
            root: Digest(reader.bytes(key::ROOT, "32 bytes of root under key 6")?),
            chain_start: Digest(reader.bytes(key::CHAIN_START, "32 bytes of chain under key 7")?),
            chain_head: Digest(reader.bytes(key::CHAIN_HEAD, "32 bytes of chain under key 8")?),
            first_time: reader.uint(key::FIRST_TIME, "a time under key 9")?,
            last_time: reader.uint(key::LAST_TIME, "a time under key 10")?,
            currency: reader.text(key::CURRENCY, "a currency under key 11")?,
            source: reader.source()?,
            parents: reader.parents()?,
            previous: reader
                .optional_digest(key::PREVIOUS, "32 bytes of statement id under key 14")?,
            supersedes: reader
                .optional_digest(key::SUPERSEDES, "32 bytes of statement id under key 15")?,
        })
    }

    /// The CWT subject of a statement about this run.
    pub fn subject(&self) -> String {
        self.run.subject()
    }
}

/// Reads members of the manifest's map.
struct Reader<'a> {
    item: Item<'a>,
}

impl<'a> Reader<'a> {
    fn shape(&self, at: Item<'_>, expected: &'static str) -> Error {
        Error::Shape {
            what: "a manifest",
            at: at.offset(),
            expected,
        }
    }

    fn get(&self, key: i64) -> Option<Item<'a>> {
        self.item.as_map()?.get_int(key)
    }

    /// The member under `key` as `read` takes it.
    fn member<T>(
        &self,
        key: i64,
        expected: &'static str,
        read: impl Fn(Item<'a>) -> Option<T>,
    ) -> Result<T, Error> {
        let found = self
            .get(key)
            .ok_or_else(|| self.shape(self.item, expected))?;
        read(found).ok_or_else(|| self.shape(found, expected))
    }

    fn uint(&self, key: i64, expected: &'static str) -> Result<u64, Error> {
        self.member(key, expected, |item| item.as_u64())
    }

    fn bytes<const N: usize>(&self, key: i64, expected: &'static str) -> Result<[u8; N], Error> {
        self.member(key, expected, |item| item.as_bytes()?.try_into().ok())
    }

    fn text(&self, key: i64, expected: &'static str) -> Result<String, Error> {
        self.member(key, expected, |item| bounded_text(item).map(String::from))
    }

    fn optional_digest(&self, key: i64, expected: &'static str) -> Result<Option<Digest>, Error> {
        match self.get(key) {
            None => Ok(None),
            Some(_) => Ok(Some(Digest(self.bytes(key, expected)?))),
        }
    }

    fn source(&self) -> Result<Source, Error> {
        self.member(key::SOURCE, "[format, integrity] under key 12", |item| {
            let mut parts = item.as_array()?.into_iter();
            let (format, integrity) = (parts.next()?, parts.next()?);
            let integrity = if integrity.is_null() {
                None
            } else {
                Some(integrity.as_bool()?)
            };
            let source = Source {
                format: bounded_text(format)?.into(),
                integrity,
            };
            parts.next().is_none().then_some(source)
        })
    }

    fn parents(&self) -> Result<Vec<Parent>, Error> {
        if self.get(key::PARENTS).is_none() {
            return Ok(Vec::new());
        }
        self.member(
            key::PARENTS,
            "at least one [run id, seq, relation] under key 13",
            |item| {
                let array = item.as_array()?;
                if array.is_empty() || array.len() > MAX_PARENTS {
                    return None;
                }
                array.into_iter().map(read_parent).collect()
            },
        )
    }
}

fn bounded_text(item: Item<'_>) -> Option<&str> {
    item.as_text().filter(|text| text.len() <= MAX_TEXT)
}

fn read_parent(item: Item<'_>) -> Option<Parent> {
    let mut parts = item.as_array()?.into_iter();
    let parent = Parent {
        run: RunId(parts.next()?.as_bytes()?.try_into().ok()?),
        seq: u32::try_from(parts.next()?.as_u64()?)
            .ok()
            .filter(|seq| u64::from(*seq) < MAX_EVENTS)?,
        relation: match parts.next()?.as_u64()? {
            1 => Relation::Subagent,
            2 => Relation::A2a,
            3 => Relation::SharedBudget,
            _ => return None,
        },
    };
    parts.next().is_none().then_some(parent)
}
