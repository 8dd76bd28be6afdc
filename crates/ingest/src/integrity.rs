//! What a source's own integrity protection is worth: what it covers, and whether it held.

use std::fmt;
use std::str::FromStr;

use avouch_cbor::Value;
use avouch_merkle::Digest;

use crate::error::{Error, Fault, Place};
use crate::sink::FieldValue;

/// How many findings are kept; the others are only counted.
const MAX_FINDINGS: usize = 1000;
/// How many findings are repeated in a run's event 0.
const SHOWN: usize = 16;
/// The field of event 0 that says what was found.
pub(crate) const FIELD: &str = "source_integrity";

/// An Ed25519 public key of the source system. Sources seldom hold the keys that their signatures
/// are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceKey(pub [u8; 32]);

impl FromStr for SourceKey {
    type Err = Error;
    /// Reads 64 hexadecimal digits; blanks around them do not count.
    fn from_str(text: &str) -> Result<Self, Error> {
        let digest: Result<Digest, _> = text.trim().parse();
        digest
            .map(|digest| Self(digest.0))
            .map_err(|_| Error::SourceKey)
    }
}

/// One thing that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where in the input; `None` where it is about the input as a whole.
    pub place: Option<Place>,
    /// Which record, by the source's own id of it.
    pub record: String,
    /// Which rule of the source system it breaks, and how.
    pub rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.record, self.rule)
    }
}

/// Whether a source's own integrity protection held, and what that means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Integrity {
    /// Whether everything that the source system protects is as its protection says; `None` where
    /// it protects nothing, or nothing here could be checked.
    pub held: Option<bool>,
    /// How many hashes, links and signatures were recomputed.
    pub checked: u64,
    /// What the system's protection covers.
    pub covers: Vec<String>,
    /// What anybody who can write the source can change without breaking that protection.
    pub does_not_cover: Vec<String>,
    /// What the protection covers but could not be checked here, and why.
    pub not_checked: Vec<String>,
    /// What broke: the first thousand.
    pub findings: Vec<Finding>,
    /// How many things broke.
    pub broken: u64,
}

impl Integrity {
    /// The value of event 0's field.
    pub(crate) fn to_field(&self) -> FieldValue {
        let text = |text: &str| Value::Text(text.to_owned());
        let findings = self.findings.iter().take(SHOWN);
        let findings = findings
            .map(|finding| Value::Array(vec![text(&finding.record), text(&finding.rule)]))
            .collect();
        let not_checked = self.not_checked.iter().map(|reason| text(reason)).collect();
        Value::Map(vec![
            (text("held"), self.held.map_or(Value::Null, Value::Bool)),
            (text("broken"), Value::Uint(self.broken)),
            (text("checked"), Value::Uint(self.checked)),
            (text("findings"), Value::Array(findings)),
            (text("not_checked"), Value::Array(not_checked)),
        ])
        .into()
    }
}

/// Makes an auditor that knows these keys.
pub(crate) type MakeAuditor = fn(&[SourceKey]) -> Box<dyn Auditor>;

/// A system's protection of its records.
pub(crate) struct Rules {
    pub(crate) covers: &'static [&'static str],
    pub(crate) does_not_cover: &'static [&'static str],
    /// What recomputes it; `None` where there is nothing to recompute.
    pub(crate) auditor: Option<MakeAuditor>,
}

/// Recomputes what a source protects its records with. Is given the same records, in the same
/// order, as the format's importer afterwards.
pub(crate) trait Auditor {
    /// Sees the members around the record list of a [`crate::format::Shape::Document`].
    fn outer(
        &mut self,
        _members: &[(String, Vec<u8>)],
        _found: &mut Findings,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Checks one record, which is strict JSON.
    fn record(&mut self, record: &str, found: &mut Findings) -> Result<(), Fault>;

    /// Checks the input of a [`crate::format::Shape::Binary`].
    fn binary(&mut self, _input: &[u8], _found: &mut Findings) -> Result<(), Fault> {
        Err(Fault::malformed("not a binary format"))
    }

    /// After the last record.
    fn finish(&mut self, _found: &mut Findings) -> Result<(), Fault> {
        Ok(())
    }
}

/// Takes down what an auditor finds.
pub(crate) struct Findings {
    integrity: Integrity,
    /// Where the current record is.
    pub(crate) place: Option<Place>,
}

impl Findings {
    pub(crate) fn new(rules: &Rules) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            integrity: Integrity {
                covers: owned(rules.covers),
                does_not_cover: owned(rules.does_not_cover),
                ..Integrity::default()
            },
            place: None,
        }
    }

    /// One hash, link or signature was recomputed: `record` breaks `rule` unless it held.
    pub(crate) fn check(
        &mut self,
        held: bool,
        record: impl FnOnce() -> String,
        rule: impl FnOnce() -> String,
    ) {
        self.integrity.checked += 1;
        if !held {
            self.broke(record(), rule());
        }
    }

    /// A record breaks a rule.
    pub(crate) fn broke(&mut self, record: String, rule: String) {
        self.integrity.broken += 1;
        if self.integrity.findings.len() < MAX_FINDINGS {
            self.integrity.findings.push(Finding {
                place: self.place,
                record,
                rule,
            });
        }
    }

    /// Something covered cannot be checked, for this reason. Said once.
    pub(crate) fn not_checked(&mut self, reason: String) {
        let known = &mut self.integrity.not_checked;
        if known.len() < MAX_FINDINGS && !known.contains(&reason) {
            known.push(reason);
        }
    }

    /// All that was found.
    pub(crate) fn into_integrity(mut self) -> Integrity {
        self.integrity.held = match (self.integrity.checked, self.integrity.broken) {
            (0, 0) => None,
            (_, broken) => Some(broken == 0),
        };
        self.integrity
    }
}
