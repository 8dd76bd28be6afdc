//! Finding secrets in what is about to be recorded, by rules.
//!
//! A rule is a shape with a check behind it. What no rule knows is not found: a scanner lowers the odds that
//! a secret is recorded, it proves nothing.

mod builtin;
mod check;
mod file;
mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexSet};

use check::Check;

/// What to do with a hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanMode {
    /// Do not look.
    #[default]
    Off,
    /// Count it, and record what was hit as it is.
    Warn,
    /// Put the rule's name in its place before anything is recorded.
    Redact,
}

/// A shape of secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) pattern: Regex,
    pub(crate) check: Check,
}

/// Rules, compiled.
#[derive(Clone, Debug)]
pub struct Scanner {
    rules: Vec<Rule>,
    /// Which rules can hit at all, in one pass.
    any: RegexSet,
    /// What is never a hit.
    allowed: Vec<Regex>,
}

/// Where a rule hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<'s> {
    /// The rule's name.
    pub rule: &'s str,
    /// The bytes of the text that are secret.
    pub range: Range<usize>,
}

/// How often each rule hit.
pub type Hits = BTreeMap<String, u64>;

impl Scanner {
    /// The rules' names.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// All hits in a text, ascending, without overlaps: of two that overlap, the earlier, then the longer.
    pub fn scan(&self, text: &str) -> Vec<Hit<'_>> {
        let mut hits = Vec::new();
        for number in &self.any.matches(text) {
            let rule = &self.rules[number];
            for captures in rule.pattern.captures_iter(text) {
                // A group is the secret within its surroundings.
                let Some(found) = captures.get(1).or_else(|| captures.get(0)) else {
                    continue;
                };
                let allowed = self
                    .allowed
                    .iter()
                    .any(|allow| allow.is_match(found.as_str()));
                if !allowed && rule.check.holds(text, found.range()) {
                    hits.push(Hit {
                        rule: &rule.name,
                        range: found.range(),
                    });
                }
            }
        }
        hits.sort_by_key(|hit| (hit.range.start, usize::MAX - hit.range.end));
        let mut end = 0;
        hits.retain(|hit| {
            let apart = hit.range.start >= end;
            if apart {
                end = hit.range.end;
            }
            apart
        });
        hits
    }

    /// The text with every hit replaced by its rule's name, and the hits counted; `None` where there is none.
    pub fn redact(&self, text: &str) -> Option<(String, Hits)> {
        let hits = self.scan(text);
        if hits.is_empty() {
            return None;
        }
        let (mut out, mut counts, mut at) = (String::with_capacity(text.len()), Hits::new(), 0);
        for hit in hits {
            out.push_str(&text[at..hit.range.start]);
            out.push_str(&format!("[redacted:{}]", hit.rule));
            at = hit.range.end;
            *counts.entry(hit.rule.to_owned()).or_default() += 1;
        }
        out.push_str(&text[at..]);
        Some((out, counts))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
