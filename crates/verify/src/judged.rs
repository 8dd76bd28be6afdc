//! How a single check ends, and the list that all of them make.

use crate::report::{Check, CheckName, Outcome, Verdict};

/// A check's outcome with its reason.
#[derive(Clone, Debug)]
pub(crate) enum Judged {
    Pass(String),
    Fail(String),
    NotChecked(String),
}

impl Judged {
    pub(crate) fn passed(&self) -> bool {
        matches!(self, Self::Pass(_))
    }

    pub(crate) fn failed(&self) -> bool {
        matches!(self, Self::Fail(_))
    }

    /// What rests on something unproven cannot pass, but it can still be wrong.
    pub(crate) fn resting_on(self, proven: bool, what: &str) -> Self {
        match self {
            Self::Pass(reason) if !proven => Self::NotChecked(format!("{reason}, but {what}")),
            judged => judged,
        }
    }
}

impl From<Result<String, String>> for Judged {
    fn from(result: Result<String, String>) -> Self {
        match result {
            Ok(reason) => Self::Pass(reason),
            Err(reason) => Self::Fail(reason),
        }
    }
}

/// The checks so far.
#[derive(Default)]
pub(crate) struct Findings(Vec<Check>);

impl Findings {
    pub(crate) fn add(&mut self, name: CheckName, required: bool, judged: Judged) {
        let (outcome, reason) = match judged {
            Judged::Pass(reason) => (Outcome::Pass, reason),
            Judged::Fail(reason) => (Outcome::Fail, reason),
            Judged::NotChecked(reason) => (Outcome::NotChecked, reason),
        };
        self.0.push(Check {
            name,
            outcome,
            required,
            reason,
        });
    }

    /// Adds other checks behind these.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn verdict(&self) -> Verdict {
        if self.0.iter().any(|check| check.outcome == Outcome::Fail) {
            Verdict::Failed
        } else if self
            .0
            .iter()
            .any(|check| check.required && check.outcome != Outcome::Pass)
        {
            Verdict::Incomplete
        } else {
            Verdict::Verified
        }
    }

    pub(crate) fn into_checks(self) -> Vec<Check> {
        self.0
    }
}
