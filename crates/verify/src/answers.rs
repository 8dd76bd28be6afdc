//! What both command lines print: the answers about several bundles, as text or as JSON.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use crate::completeness::{self, Completeness};
use crate::printable::{printable, printable_json};
use crate::report::{REPORT_VERSION, Report, Verdict};
use crate::{Options, Policy, Seen, Unreadable, verify, verify_seen};

/// Exit code of unreadable input.
const UNREADABLE: u8 = 2;

/// The answer about one bundle, or why there is none.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The bundle, as the user named it.
    pub bundle: String,
    /// Why it could not be read.
    pub error: Option<String>,
    /// The report about it.
    pub report: Option<Report>,
}

impl Answer {
    /// Verifies one bundle. Should a library below panic, that is an error about this bundle alone.
    pub fn about(bundle: &str, bytes: &[u8], policy: &Policy, options: &Options) -> Self {
        Self::from_verifying(bundle, || verify(bytes, policy, options))
    }

    /// The same, against what was seen of logs before: see [`verify_seen`].
    pub fn about_seen(
        bundle: &str,
        bytes: &[u8],
        policy: &Policy,
        options: &Options,
        seen: &mut Seen,
        now: u64,
    ) -> Self {
        Self::from_verifying(bundle, || verify_seen(bytes, policy, options, seen, now))
    }

    fn from_verifying(bundle: &str, verify: impl FnOnce() -> Result<Report, Unreadable>) -> Self {
        match catch_unwind(AssertUnwindSafe(verify)) {
            Ok(Ok(report)) => Self {
                bundle: bundle.into(),
                error: None,
                report: Some(report),
            },
            Ok(Err(error)) => Self::unreadable(bundle, &error.to_string()),
            Err(_) => Self::unreadable(bundle, "the verifier broke on this file: please report it"),
        }
    }

    /// There is no report about this bundle.
    pub fn unreadable(bundle: &str, error: &str) -> Self {
        Self {
            bundle: bundle.into(),
            error: Some(error.into()),
            report: None,
        }
    }

    /// 0 verified, 1 failed, 2 unreadable, 3 incomplete.
    pub fn exit_code(&self) -> u8 {
        self.report
            .as_ref()
            .map_or(UNREADABLE, |report| report.verdict.exit_code())
    }
}

/// The answers about several bundles, in the order in which they were named.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// One for each bundle.
    pub answers: Vec<Answer>,
    /// Whether the bundles hold all runs of an agent, where that was asked.
    pub completeness: Option<Completeness>,
}

/// The JSON form of [`Answers`].
#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    exit_code: u8,
    answers: &'a [Answer],
    #[serde(skip_serializing_if = "Option::is_none")]
    completeness: Option<&'a Completeness>,
}

impl From<Vec<Answer>> for Answers {
    fn from(answers: Vec<Answer>) -> Self {
        Self {
            answers,
            completeness: None,
        }
    }
}

impl Answers {
    /// Judges also whether the bundles hold all runs of `agent`.
    pub fn with_completeness(mut self, agent: &str) -> Self {
        self.completeness = Some(completeness::judge(agent, &self.answers));
        self
    }

    /// The worst answer's code: a failed one (1) before an unreadable bundle (2) before an
    /// incomplete one (3) before verified ones (0). Completeness is one of the answers.
    pub fn exit_code(&self) -> u8 {
        let mut codes: Vec<u8> = self.answers.iter().map(Answer::exit_code).collect();
        let verdict = self.completeness.as_ref().map(|found| found.verdict);
        codes.extend(verdict.map(Verdict::exit_code));
        [1, 2, 3]
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(0)
    }

    /// Prints the answers: reports, or one JSON document, to `out`; errors to `errors`.
    pub fn write(
        &self,
        json: bool,
        out: &mut impl Write,
        errors: &mut impl Write,
    ) -> io::Result<()> {
        if json {
            let json = Json {
                version: REPORT_VERSION,
                exit_code: self.exit_code(),
                answers: &self.answers,
                completeness: self.completeness.as_ref(),
            };
            let text = serde_json::to_string_pretty(&json).map_err(io::Error::other)?;
            return writeln!(out, "{}", printable_json(&text));
        }
        for (n, answer) in self.answers.iter().enumerate() {
            let name = printable(&answer.bundle);
            if let Some(report) = &answer.report {
                if n > 0 {
                    writeln!(out)?;
                }
                write!(out, "{name}: {report}")?;
            }
            if let Some(error) = &answer.error {
                writeln!(errors, "error: {name}: {}", printable(error))?;
            }
        }
        if let Some(completeness) = &self.completeness {
            write!(out, "\n{completeness}")?;
        }
        Ok(())
    }
}
