//! More rules, or fewer, from TOML.

use regex::{Regex, RegexBuilder, RegexSetBuilder};
use serde::Deserialize;

use super::builtin::builtin;
use super::check::Check;
use super::{Rule, Scanner};
use crate::Error;

/// The only version so far.
const VERSION: u32 = 1;
/// The longest file, in bytes.
const MAX_LEN: usize = 1 << 20;
/// What one compiled pattern, or the set of all, may take in memory.
const MAX_COMPILED: usize = 64 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    rule: Vec<RuleEntry>,
    /// Rules that come with the scanner and are not wanted.
    #[serde(default)]
    disable: Vec<String>,
    /// Patterns of what is never a hit.
    #[serde(default)]
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    name: String,
    pattern: String,
    min_entropy: Option<f64>,
}

impl Scanner {
    /// The rules that come with it, and those of a TOML file: `[[rule]]` with `name`, `pattern` (the secret is
    /// its group 1 where it has one) and `min_entropy`; `disable` names rules to leave out, `allow` lists
    /// patterns of what is never a hit.
    pub fn with_toml(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_LEN {
            return Err(Error::ScanFile("it is longer than 1 MiB".into()));
        }
        let file: File = toml::from_str(text)
            .map_err(|error| Error::ScanFile(error.to_string().trim_end().into()))?;
        if file.version != VERSION {
            let why = format!("version {} is not known; this reads 1", file.version);
            return Err(Error::ScanFile(why));
        }
        let mut rules = builtin()?;
        for name in &file.disable {
            let before = rules.len();
            rules.retain(|rule| rule.name != *name);
            if rules.len() == before {
                return Err(Error::ScanFile(format!(
                    "disable: there is no rule {name:?}"
                )));
            }
        }
        for entry in file.rule {
            let name = entry.name.clone();
            let wrong = |why: String| Error::ScanRule {
                rule: name.clone(),
                why,
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if entry.name.is_empty() || entry.name.len() > 64 || !entry.name.chars().all(plain) {
                return Err(wrong(
                    "a name has 1 to 64 letters, digits, '-' and '_'".into(),
                ));
            }
            if rules.iter().any(|rule| rule.name == entry.name) {
                return Err(wrong("the name is taken".into()));
            }
            let pattern = compile(&entry.pattern).map_err(|error| wrong(error.to_string()))?;
            if pattern.is_match("") {
                return Err(wrong("the pattern matches the empty text".into()));
            }
            rules.push(Rule {
                name: entry.name,
                pattern,
                check: entry.min_entropy.map_or(Check::None, Check::Random),
            });
        }
        let allowed = file.allow.iter().map(|pattern| {
            compile(pattern).map_err(|error| Error::ScanFile(format!("allow: {error}")))
        });
        Self::of(rules, allowed.collect::<Result<_, _>>()?)
    }

    pub(super) fn of(rules: Vec<Rule>, allowed: Vec<Regex>) -> Result<Self, Error> {
        let patterns = rules.iter().map(|rule| rule.pattern.as_str());
        let any = RegexSetBuilder::new(patterns)
            .size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| Error::ScanFile(error.to_string()))?;
        Ok(Self {
            rules,
            any,
            allowed,
        })
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build()
}
