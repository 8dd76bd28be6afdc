//! `claims.toml`: the form that people write.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use avouch_trace::{Decision, Flags, Kind, NameId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Claim, Claims, DecisionSet, Error, Filter, Ids, KindSet, Matching, VotingRule};

/// The longest claims file, in bytes.
pub const MAX_FILE_LEN: usize = 1 << 20;
/// The only version so far.
const VERSION: i64 = 1;
/// What a name starts with that is written as its id.
const ID: &str = "id:";

/// A claims file, read.
#[derive(Clone, Debug)]
pub struct ClaimsFile {
    /// The claims.
    pub claims: Claims,
    /// The file's claims in its own order.
    pub entries: Vec<Entry>,
}

/// One claim of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the file calls it, for reports. It is no part of the claim.
    pub name: Option<String>,
    /// The claim's place in [`Claims::as_slice`].
    pub claim: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: i64,
    #[serde(default)]
    claim: Vec<toml::Table>,
}

/// What even a file of another version has.
#[derive(Deserialize)]
struct VersionOnly {
    version: i64,
}

impl ClaimsFile {
    /// Reads a claims file, strictly: see `docs/claims.md`. Names become ids here.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_FILE_LEN {
            return Err(Error::Toml(format!(
                "{} bytes are more than the 1 MiB allowed",
                text.len()
            )));
        }
        let file: File = toml::from_str(text).map_err(|error| {
            // A later version may have keys of its own: then its number is what matters.
            match toml::from_str::<VersionOnly>(text) {
                Ok(VersionOnly { version }) if version != VERSION => Error::Version(version),
                _ => Error::Toml(error.to_string().trim_end().into()),
            }
        })?;
        if file.version != VERSION {
            return Err(Error::Version(file.version));
        }
        Self::from_entries(file.claim)
    }

    /// Reads `[[claim]]` entries that stand in another file.
    pub fn from_entries(entries: Vec<toml::Table>) -> Result<Self, Error> {
        let named: Vec<(Option<String>, Claim)> = (1..)
            .zip(entries)
            .map(|(number, table)| read(table).map_err(|what| Error::Entry { number, what }))
            .collect::<Result<_, _>>()?;
        let claims = Claims::new(named.iter().map(|(_, claim)| claim.clone()))?;
        let entries = named.into_iter().filter_map(|(name, claim)| {
            let claim = claims.as_slice().iter().position(|held| *held == claim)?;
            Some(Entry { name, claim })
        });
        Ok(Self {
            entries: entries.collect(),
            claims,
        })
    }
}

/// Reads one claim; an error says its type and what is wrong.
fn read(mut table: toml::Table) -> Result<(Option<String>, Claim), String> {
    let name = match table.remove("name") {
        None => None,
        Some(toml::Value::String(name)) if !name.is_empty() => Some(name),
        Some(_) => return Err("`name` must be a text, and not empty".into()),
    };
    let Some(toml::Value::String(kind)) = table.remove("type") else {
        return Err("needs a `type`, such as \"gated\"".into());
    };
    let in_claim = |what: String| match &name {
        Some(name) => format!("(type {kind:?}, {name:?}): {what}"),
        None => format!("(type {kind:?}): {what}"),
    };
    let claim = match kind.as_str() {
        "count" => entry::<Count>(table),
        "window" => entry::<Window>(table),
        "spend" => entry::<Spend>(table),
        "budget" => entry::<Budget>(table),
        "halt" => entry::<Halt>(table),
        "allowed" => entry::<Allowed>(table),
        "gated" => entry::<Gated>(table),
        "oversight" => entry::<Oversight>(table),
        "only" => entry::<Only>(table),
        "threshold" => entry::<Threshold>(table),
        "consensus" => entry::<Consensus>(table),
        _ => Err("the types are count, window, spend, budget, halt, allowed, gated, oversight, only, threshold and consensus".into()),
    };
    let claim = claim.map_err(in_claim)?;
    let checked = claim.check().map_err(|error| match error {
        Error::Parameter { rule, .. } => in_claim(rule.into()),
        error => in_claim(error.to_string()),
    });
    checked.map(|()| (name.clone(), claim))
}

/// What a claim's members come to.
trait Read: DeserializeOwned {
    fn claim(self) -> Result<Claim, String>;
}

fn entry<T: Read>(table: toml::Table) -> Result<Claim, String> {
    let members: T = table
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_string())?;
    members.claim()
}

/// Declares the members that one type of claim has in the file.
macro_rules! members {
    ($type:ident { $($member:ident: $of:ty),* $(,)? } $this:ident => $claim:expr) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $type { $($member: $of),* }

        impl Read for $type {
            fn claim(self) -> Result<Claim, String> {
                let $this = self;
                Ok($claim)
            }
        }
    };
}

members! { Count { filter: FilterEntry, min: Option<u64>, max: Option<u64> } this => {
    if (this.min, this.max) == (None, None) {
        return Err("needs `min`, `max` or both".into());
    }
    Claim::Count {
        filter: this.filter.filter()?,
        min: this.min.unwrap_or(0),
        max: this.max.unwrap_or(u64::MAX),
    }
}}
members! { Window { not_before: When, not_after: When } this => Claim::Window {
    not_before: this.not_before.millis("not_before")?,
    not_after: this.not_after.millis("not_after")?,
}}
members! { Spend { max: u64 } this => Claim::Spend { max: this.max } }
members! { Budget { max_start: u64, max_raise: u64 } this => Claim::Budget {
    max_start: this.max_start,
    max_raise: this.max_raise,
}}
members! { Halt {} _this => Claim::Halt }
members! { Allowed { filter: FilterEntry, min_matches: Option<u64> } this => Claim::Allowed {
    matching: matching(this.filter, this.min_matches)?,
}}
members! { Gated { filter: FilterEntry, min_matches: Option<u64> } this => Claim::Gated {
    matching: matching(this.filter, this.min_matches)?,
}}
members! { Oversight { filter: FilterEntry, min_matches: Option<u64>, score: u32 } this => Claim::Oversight {
    matching: matching(this.filter, this.min_matches)?,
    score: this.score,
}}
members! { Only { filter: FilterEntry, min_matches: Option<u64>, set: Vec<String> } this => Claim::Only {
    matching: matching(this.filter, this.min_matches)?,
    set: ids("set", &this.set)?,
}}
members! { Threshold { filter: FilterEntry, min_matches: Option<u64>, min: u32, max: u32 } this => Claim::Threshold {
    matching: matching(this.filter, this.min_matches)?,
    min: this.min,
    max: this.max,
}}
members! { Consensus { round: u32, electorate: Vec<String>, quorum: u64, rule: String } this => Claim::Consensus {
    round: this.round,
    electorate: ids("electorate", &this.electorate)?,
    quorum: this.quorum,
    rule: VotingRule::ALL
        .into_iter()
        .find(|rule| rule.name() == this.rule)
        .ok_or("`rule` is majority, supermajority, unanimous or weighted")?,
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterEntry {
    kind: Option<Vec<String>>,
    decision: Option<Vec<String>>,
    flags: Option<Vec<String>>,
    actor: Option<Vec<String>>,
    subject: Option<Vec<String>>,
}

impl FilterEntry {
    fn filter(self) -> Result<Filter, String> {
        let kinds = words::<Kind>("kind", self.kind)?;
        let decisions = words::<Decision>("decision", self.decision)?;
        let flags = words::<FlagWord>("flags", self.flags)?;
        let list =
            |key, names: Option<Vec<String>>| names.map(|names| ids(key, &names)).transpose();
        Ok(Filter {
            // An empty list of words was refused by now.
            kinds: kinds.and_then(|words| KindSet::new(&words).ok()),
            decisions: decisions.and_then(|words| DecisionSet::new(&words).ok()),
            flags: flags.map(|words| {
                words
                    .iter()
                    .fold(Flags::NONE, |flags, word| flags.with(word.0))
            }),
            actors: list("actor", self.actor)?,
            subjects: list("subject", self.subject)?,
        })
    }
}

fn matching(filter: FilterEntry, min_matches: Option<u64>) -> Result<Matching, String> {
    Ok(Matching {
        filter: filter.filter()?,
        min_matches: min_matches.unwrap_or(1),
    })
}

/// A flag by its name.
struct FlagWord(Flags);

impl FromStr for FlagWord {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut names = Flags::NAMES.into_iter();
        let found = names.find(|(_, name)| *name == text);
        found.map(|(flag, _)| Self(flag)).ok_or(())
    }
}

/// The values that a list's words stand for; `None` where the key is absent.
fn words<T: FromStr>(key: &str, words: Option<Vec<String>>) -> Result<Option<Vec<T>>, String> {
    let Some(words) = words else { return Ok(None) };
    refuse_empty_and_twice(key, &words)?;
    let values = words.iter().map(|word| {
        T::from_str(word).map_err(|_| format!("`{key}` has no value {word:?} in version 1"))
    });
    values.collect::<Result<_, _>>().map(Some)
}

/// The ids of a list's names.
fn ids(key: &str, names: &[String]) -> Result<Ids, String> {
    refuse_empty_and_twice(key, names)?;
    let ids: Vec<NameId> = names
        .iter()
        .map(|name| id(name))
        .collect::<Result<_, _>>()
        .map_err(|why| format!("`{key}`: {why}"))?;
    Ids::new(ids).map_err(|error| format!("`{key}`: {error}"))
}

/// A name's id: of the name, or the one that it spells out. The empty name is nobody's.
fn id(name: &str) -> Result<NameId, String> {
    let Some(digits) = name.strip_prefix(ID) else {
        return Ok(NameId::of(name));
    };
    let lower = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    match u128::from_str_radix(digits, 16) {
        Ok(number) if digits.len() == 32 && digits.bytes().all(lower) => {
            Ok(NameId(number.to_be_bytes()))
        }
        _ => Err(format!(
            "{name:?} is not `{ID}` and 32 lower-case hexadecimal digits"
        )),
    }
}

fn refuse_empty_and_twice(key: &str, list: &[String]) -> Result<(), String> {
    if list.is_empty() {
        return Err(format!(
            "`{key}` is an empty list: name something, or leave the key out to match everything"
        ));
    }
    let mut seen = BTreeSet::new();
    match list.iter().find(|member| !seen.insert(member.as_str())) {
        Some(member) => Err(format!("`{key}` lists {member:?} twice")),
        None => Ok(()),
    }
}

/// A time: a TOML date-time with an offset, the same in quotes, or milliseconds since the epoch.
#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Native(toml::value::Datetime),
    Text(String),
    Millis(u64),
}

impl When {
    fn millis(&self, key: &str) -> Result<u64, String> {
        let text = match self {
            Self::Millis(millis) => return Ok(*millis),
            Self::Native(time) => time.to_string(),
            Self::Text(text) => text.clone(),
        };
        let time = OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| format!("`{key}`: {text:?} is not a time like 2026-11-01T00:00:00Z"))?;
        let nanos = time.unix_timestamp_nanos();
        if nanos % 1_000_000 != 0 {
            return Err(format!("`{key}`: events have times in whole milliseconds"));
        }
        u64::try_from(nanos / 1_000_000).map_err(|_| format!("`{key}`: {text} is before 1970"))
    }
}
