//! Selections as TOML: the same as the expression, with room for names that have spaces in them.

use std::ops::RangeInclusive;

use avouch_trace::{Kind, NameId};
use serde::Deserialize;

use crate::select::{Clause, Fields, parse_range};
use crate::{Error, Selection};

/// The longest file, in bytes.
const MAX_LEN: usize = 1 << 20;

/// Every key is known by name: a misspelt one must not pass as a wider selection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    show: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    kind: Option<Vec<String>>,
    seq: Option<Vec<Seq>>,
    actor: Option<Vec<String>>,
    subject: Option<Vec<String>>,
    field: Option<Vec<String>>,
    without: Option<Vec<String>>,
    headers: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seq {
    One(u64),
    Range(String),
}

impl Selection {
    /// Reads a selection in TOML: each `[[show]]` is a clause, with the lists `kind`, `seq` (numbers, or
    /// ranges like `"3..9"`), `actor`, `subject`, and one of `field`, `without` and `headers = true`.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_LEN {
            return Err(Error::SelectionFile("it is longer than 1 MiB".into()));
        }
        let file: File = toml::from_str(text)
            .map_err(|error| Error::SelectionFile(error.to_string().trim_end().into()))?;
        let clauses = (1..).zip(file.show).map(|(number, entry)| {
            entry
                .clause()
                .map_err(|why| Error::SelectionFile(format!("[[show]] {number}: {why}")))
        });
        Ok(Self::of(clauses.collect::<Result<_, _>>()?))
    }
}

impl Entry {
    fn clause(self) -> Result<Clause, String> {
        let fields = match (self.field, self.without, self.headers) {
            (None, None, None | Some(false)) => Fields::All,
            (Some(names), None, None | Some(false)) => Fields::Named(some("field", names)?),
            (None, Some(names), None | Some(false)) => Fields::Without(some("without", names)?),
            (None, None, Some(true)) => Fields::None,
            _ => {
                return Err(
                    "only one of `field`, `without` and `headers` can say what to show".into(),
                );
            }
        };
        let kinds = list("kind", self.kind)?.into_iter().map(|name| {
            name.parse::<Kind>()
                .map_err(|_| format!("`{name}` is not a kind"))
        });
        let seqs = list("seq", self.seq)?.into_iter().map(Seq::range);
        let ids = |names: Vec<String>| names.iter().map(|name| NameId::of(name)).collect();
        Ok(Clause {
            kinds: kinds.collect::<Result<_, _>>()?,
            seqs: seqs.collect::<Result<_, _>>()?,
            actors: ids(list("actor", self.actor)?),
            subjects: ids(list("subject", self.subject)?),
            fields,
        })
    }
}

impl Seq {
    fn range(self) -> Result<RangeInclusive<u64>, String> {
        match self {
            Self::One(seq) => Ok(seq..=seq),
            Self::Range(text) => {
                parse_range(&text).ok_or_else(|| format!("`{text}` is not a seq like 7 or 3..9"))
            }
        }
    }
}

/// An absent list matches everything; an empty one would too, which nobody means who writes it.
fn list<T>(key: &str, found: Option<Vec<T>>) -> Result<Vec<T>, String> {
    found.map_or(Ok(Vec::new()), |found| some(key, found))
}

fn some<T>(key: &str, found: Vec<T>) -> Result<Vec<T>, String> {
    match found.is_empty() {
        true => Err(format!("`{key}` is empty: name something, or leave it out")),
        false => Ok(found),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_the_expression_says() {
        for (toml, expression) in [
            (
                "[[show]]\nkind = ['tool-call', 'note']\nseq = [3, '5..9']\nfield = ['input']\n\
                 [[show]]\nactor = ['agent:a']\nheaders = true",
                "kind=tool-call|note seq=3|5..9 field=input; actor=agent:a headers",
            ),
            ("[[show]]", "all"),
            ("show = []", "none"),
            (
                "[[show]]\nsubject = ['tool:x']\nwithout = ['raw']",
                "subject=tool:x without=raw",
            ),
        ] {
            let from_file = Selection::from_toml(toml).unwrap();
            assert_eq!(from_file, expression.parse().unwrap(), "{toml}");
        }
    }

    #[test]
    fn mistakes_in_a_file_are_named() {
        for (toml, expected) in [
            ("", "missing field"),
            ("[[show]]\nfields = ['a']", "unknown field"),
            ("[[show]]\nfield = []", "`field` is empty"),
            ("[[show]]\nkind = []", "`kind` is empty"),
            (
                "[[show]]\nkind = ['tool_call']",
                "[[show]] 1: `tool_call` is not a kind",
            ),
            ("[[show]]\nseq = ['9..3']", "is not a seq"),
            ("[[show]]\nfield = ['a']\nheaders = true", "only one"),
        ] {
            let message = Selection::from_toml(toml).unwrap_err().to_string();
            assert!(message.contains(expected), "{toml}: {message}");
        }
    }
}
