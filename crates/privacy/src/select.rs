//! Which events and fields a bundle shows.

use std::ops::RangeInclusive;
use std::str::FromStr;

use avouch_trace::{Header, Kind, NameId};

use crate::Error;

/// What to disclose. As text: `all`, `headers`, `none`, or clauses joined by `;`.
///
/// A clause is a list of `key=value` separated by spaces, all of which an event must match; `|`
/// separates alternatives inside a value. Keys: `kind`, `seq` (`7` or `3..9`, ends included),
/// `actor`, `subject`, and one of `field`, which names the fields to show, and `without`, which names
/// those not to show (all are shown when both are absent; the bare word `headers` shows none). An event
/// that several clauses match shows what any of them shows:
/// `kind=tool-call|tool-result field=input; seq=0 headers`.
///
/// [`Selection::from_toml`] reads the same from a file, for names with spaces in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    clauses: Vec<Clause>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) seqs: Vec<RangeInclusive<u64>>,
    pub(crate) actors: Vec<NameId>,
    pub(crate) subjects: Vec<NameId>,
    pub(crate) fields: Fields,
}

/// Which fields of a matching event a clause shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fields {
    #[default]
    All,
    None,
    Named(Vec<String>),
    Without(Vec<String>),
}

impl Selection {
    /// Every event and every field.
    pub fn all() -> Self {
        Self {
            clauses: vec![Clause::default()],
        }
    }

    /// Nothing but the statement.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every event's header, no field.
    pub fn headers() -> Self {
        Self {
            clauses: vec![Clause {
                fields: Fields::None,
                ..Clause::default()
            }],
        }
    }

    /// Whether no event can match.
    pub fn is_none(&self) -> bool {
        self.clauses.is_empty()
    }

    /// Whether any field can be shown: of an encrypted run that takes its key.
    pub fn shows_fields(&self) -> bool {
        self.clauses
            .iter()
            .any(|clause| clause.fields != Fields::None)
    }

    /// Whether the event is shown at all.
    pub(crate) fn shows(&self, header: &Header) -> bool {
        self.clauses.iter().any(|clause| clause.matches(header))
    }

    /// Whether the event's field of this name is shown.
    pub(crate) fn shows_field(&self, header: &Header, name: &str) -> bool {
        self.clauses
            .iter()
            .filter(|clause| clause.matches(header))
            .any(|clause| match &clause.fields {
                Fields::All => true,
                Fields::None => false,
                Fields::Named(names) => names.iter().any(|wanted| wanted == name),
                Fields::Without(names) => !names.iter().any(|unwanted| unwanted == name),
            })
    }

    /// Whether any field of the event is asked for, whatever its name.
    pub(crate) fn asks_for_fields(&self, header: &Header) -> bool {
        self.clauses
            .iter()
            .filter(|clause| clause.matches(header))
            .any(|clause| clause.fields != Fields::None)
    }

    pub(crate) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    pub(crate) fn of(clauses: Vec<Clause>) -> Self {
        Self { clauses }
    }

    /// The seqs that may match in a run of `size` events, as ascending ranges that do not overlap.
    pub(crate) fn seqs(&self, size: u64) -> Vec<RangeInclusive<u64>> {
        let Some(last) = size.checked_sub(1) else {
            return Vec::new();
        };
        let mut ranges = Vec::new();
        for clause in &self.clauses {
            match clause.seqs.is_empty() {
                true => ranges.push((0, last)),
                false => {
                    ranges.extend(clause.seqs.iter().map(|r| (*r.start(), last.min(*r.end()))))
                }
            }
        }
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        merged
            .into_iter()
            .map(|(first, last)| first..=last)
            .collect()
    }
}

impl Clause {
    fn matches(&self, header: &Header) -> bool {
        fn any<T: PartialEq>(wanted: &[T], found: &T) -> bool {
            wanted.is_empty() || wanted.contains(found)
        }
        any(&self.kinds, &header.kind)
            && any(&self.actors, &header.actor)
            && any(&self.subjects, &header.subject)
            && (self.seqs.is_empty() || self.seqs.iter().any(|range| range.contains(&header.seq)))
    }
}

impl FromStr for Selection {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "all" => return Ok(Self::all()),
            "none" => return Ok(Self::none()),
            "headers" => return Ok(Self::headers()),
            _ => {}
        }
        let clauses = text
            .split(';')
            .map(parse_clause)
            .collect::<Result<_, _>>()?;
        Ok(Self { clauses })
    }
}

fn parse_clause(text: &str) -> Result<Clause, Error> {
    let bad = |why: String| Error::Selection {
        clause: text.trim().to_owned(),
        why,
    };
    let mut clause = Clause::default();
    let mut about_fields = 0;
    let mut terms = text.split_whitespace().peekable();
    if terms.peek().is_none() {
        return Err(bad(
            "it is empty; write `all`, `headers`, `none`, or key=value".into(),
        ));
    }
    for term in terms {
        if term == "headers" {
            clause.fields = Fields::None;
            about_fields += 1;
            continue;
        }
        let (key, value) = term
            .split_once('=')
            .filter(|(_, value)| !value.is_empty())
            .ok_or_else(|| bad(format!("`{term}` is not key=value")))?;
        let alternatives = || value.split('|');
        match key {
            "kind" => {
                for name in alternatives() {
                    let kind = name
                        .parse()
                        .map_err(|_| bad(format!("`{name}` is not a kind")))?;
                    clause.kinds.push(kind);
                }
            }
            "seq" => {
                for range in alternatives() {
                    let range = parse_range(range)
                        .ok_or_else(|| bad(format!("`{range}` is not a seq like 7 or 3..9")))?;
                    clause.seqs.push(range);
                }
            }
            "actor" => clause.actors.extend(alternatives().map(NameId::of)),
            "subject" => clause.subjects.extend(alternatives().map(NameId::of)),
            "field" | "without" => {
                let names = alternatives().map(str::to_owned).collect();
                clause.fields = match key {
                    "field" => Fields::Named(names),
                    _ => Fields::Without(names),
                };
                about_fields += 1;
            }
            _ => {
                let known = "kind, seq, actor, subject, field, without";
                return Err(bad(format!("`{key}` is not a key; the keys are {known}")));
            }
        }
    }
    if about_fields > 1 {
        let why = "only one of `field`, `without` and `headers` can say what to show";
        return Err(bad(why.into()));
    }
    Ok(clause)
}

pub(crate) fn parse_range(text: &str) -> Option<RangeInclusive<u64>> {
    match text.split_once("..") {
        None => text.parse().ok().map(|seq| seq..=seq),
        Some((first, last)) => {
            let range = first.parse().ok()?..=last.parse().ok()?;
            (!range.is_empty()).then_some(range)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use avouch_trace::{Decision, Flags};

    fn header(kind: Kind, seq: u64, actor: &str) -> Header {
        Header {
            kind,
            decision: Decision::None,
            flags: Flags::NONE,
            round: 0,
            seq,
            time: 0,
            cost: None,
            budget: None,
            score: None,
            parent: None,
            actor: NameId::of(actor),
            subject: NameId::NONE,
        }
    }

    #[test]
    fn clauses_are_alternatives_of_conditions() {
        let selection: Selection =
            "kind=tool-call|note actor=agent:a field=input; seq=0..2 headers"
                .parse()
                .unwrap();
        let call = header(Kind::ToolCall, 9, "agent:a");
        assert!(selection.shows(&call) && selection.shows_field(&call, "input"));
        assert!(!selection.shows_field(&call, "output"));
        assert!(!selection.shows(&header(Kind::ToolCall, 9, "agent:b")));
        let first = header(Kind::RunStart, 2, "agent:b");
        assert!(selection.shows(&first) && !selection.shows_field(&first, "input"));
        let both = header(Kind::Note, 1, "agent:a");
        assert!(
            selection.shows_field(&both, "input"),
            "the union of both clauses"
        );
    }

    #[test]
    fn the_three_words_mean_what_they_say() {
        let any = header(Kind::Note, 5, "x");
        assert!(Selection::all().shows_field(&any, "whatever"));
        assert!("headers".parse::<Selection>().unwrap().shows(&any));
        assert!(!Selection::headers().shows_field(&any, "whatever"));
        assert!("none".parse::<Selection>().unwrap().is_none());
    }

    #[test]
    fn what_is_named_by_without_is_not_shown() {
        let selection: Selection = "kind=note without=raw|usage".parse().unwrap();
        let note = header(Kind::Note, 1, "a");
        assert!(selection.shows_field(&note, "text") && selection.shows_field(&note, ""));
        assert!(!selection.shows_field(&note, "raw") && !selection.shows_field(&note, "usage"));
    }

    #[test]
    fn only_seqs_that_may_match_are_looked_at() {
        for (text, expected) in [
            ("seq=5..9|7..12|13; seq=20", vec![5..=13, 20..=20]),
            ("seq=90..200", vec![90..=99]),
            ("seq=100", vec![]),
            ("seq=3; kind=note", vec![0..=99]),
        ] {
            let selection: Selection = text.parse().unwrap();
            assert_eq!(selection.seqs(100), expected, "{text}");
        }
        assert!(Selection::all().seqs(0).is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("", "empty"),
            ("kind=tool_call", "not a kind"),
            ("seq=9..3", "not a seq"),
            ("color=red", "not a key"),
            ("kind=", "not key=value"),
            ("all; ", "not key=value"),
            ("field=a without=b", "only one"),
            ("field=a headers", "only one"),
        ] {
            let message = text.parse::<Selection>().unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
