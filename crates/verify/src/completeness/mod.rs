//! Whether a set of bundles holds all runs of an agent, up to the newest statement among them.
//!
//! Each statement names the one before it, and the agent's chain leads from one run to the next. So a
//! run left out from between others leaves a hole; what came after the newest statement leaves none.

mod chain;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use avouch_merkle::Digest;
use avouch_trace::{Manifest, RunId};
use serde::Serialize;

use crate::answers::Answer;
use crate::report::{CheckName, Outcome, Report, Verdict, as_text};

/// The answer about one agent.
#[derive(Clone, Debug, Serialize)]
pub struct Completeness {
    /// The agent.
    pub agent: String,
    /// Verified: all runs up to the newest statement of each chain are here, and their bundles verify.
    /// Failed: an issuer contradicts itself, or a bundle fails. Incomplete: a statement is missing.
    pub verdict: Verdict,
    /// One chain for each issuer that speaks for the agent.
    pub chains: Vec<AgentChain>,
    /// What is wrong with the set as a whole.
    pub findings: Vec<Finding>,
    /// Bundles that were looked at and are about other agents.
    pub other_agents: u64,
}

/// An agent's runs, as one issuer states them.
#[derive(Clone, Debug, Serialize)]
pub struct AgentChain {
    /// The issuer.
    pub issuer: String,
    /// The runs that are here, once each.
    pub runs: u64,
    /// The statements that are here, once each.
    pub statements: u64,
    /// Whether nothing is missing or wrong from the agent's first run to `segments[0].last`.
    pub complete: bool,
    /// The unbroken stretches; the one whose last statement was issued last comes first.
    pub segments: Vec<Segment>,
    /// What is wrong, missing or worth knowing.
    pub findings: Vec<Finding>,
}

/// A stretch of a chain without holes.
#[derive(Clone, Debug, Serialize)]
pub struct Segment {
    /// Whether it begins with the agent's first run.
    pub from_the_start: bool,
    /// How many runs it has.
    pub runs: u64,
    /// The oldest statement in it.
    pub first: Link,
    /// The newest.
    pub last: Link,
}

/// A statement in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The bundle that holds it.
    pub bundle: String,
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub statement_id: Digest,
    /// The run that it is about.
    #[serde(serialize_with = "as_text")]
    pub run: RunId,
    /// When it is said to have been issued, seconds since the Unix epoch.
    #[serde(rename = "issued_at_s")]
    pub issued_at: u64,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FindingName {
    /// No statement about the agent is proven.
    NoStatement,
    /// A bundle about the agent does not verify.
    Bundle,
    /// A statement that another names is not here.
    MissingStatement,
    /// Two runs stand at one place of the chain.
    Fork,
    /// A run's chain does not go on from the statement that it names as the previous one.
    BrokenLink,
    /// One run was sealed twice, with different content.
    Conflict,
    /// One run was sealed twice with the same content, and neither says that it replaces the other.
    SealedTwice,
    /// One run was sealed again, as it must be: the same content, and the later statement says so.
    Reseal,
}

impl FindingName {
    /// The stable name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoStatement => "no-statement",
            Self::Bundle => "bundle",
            Self::MissingStatement => "missing-statement",
            Self::Fork => "fork",
            Self::BrokenLink => "broken-link",
            Self::Conflict => "conflict",
            Self::SealedTwice => "sealed-twice",
            Self::Reseal => "reseal",
        }
    }
}

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub name: FindingName,
    /// Fail: it is wrong. Not checked: something is absent. Pass: it is in order.
    pub outcome: Outcome,
    /// What it is about, in a sentence for people; its wording may change.
    pub text: String,
    /// The statements that show it. Two signed statements that contradict each other are evidence
    /// against their issuer that anyone can check.
    pub statements: Vec<Link>,
}

impl Finding {
    fn new(name: FindingName, outcome: Outcome, text: String, statements: Vec<Link>) -> Self {
        Self {
            name,
            outcome,
            text,
            statements,
        }
    }
}

/// A proven statement about the agent.
struct Member<'a> {
    link: Link,
    manifest: &'a Manifest,
}

/// Judges the bundles about `agent` among `answers`.
pub(crate) fn judge(agent: &str, answers: &[Answer]) -> Completeness {
    let mut issuers: BTreeMap<&str, Vec<Member<'_>>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    let mut other_agents = 0;
    for answer in answers {
        // An unreadable bundle has no agent; its own answer, and the exit code, say so.
        let Some(report) = &answer.report else {
            continue;
        };
        let about = report.about.as_ref();
        let Some((about, manifest)) =
            about.and_then(|about| Some((about, about.manifest.as_ref()?)))
        else {
            continue;
        };
        if manifest.agent != agent {
            other_agents += 1;
            continue;
        }
        let link = Link {
            bundle: answer.bundle.clone(),
            statement_id: about.statement_id,
            run: manifest.run,
            issued_at: about.issued_at,
        };
        if report.verdict != Verdict::Verified {
            let outcome = match report.verdict {
                Verdict::Failed => Outcome::Fail,
                _ => Outcome::NotChecked,
            };
            let text = format!("bundle {:?} is not verified", answer.bundle);
            findings.push(Finding::new(
                FindingName::Bundle,
                outcome,
                text,
                vec![link.clone()],
            ));
        }
        // One statement may come in several bundles that show different parts of the run.
        if is_proven(report) && seen.insert(about.statement_id) {
            let member = Member { link, manifest };
            issuers.entry(&about.issuer).or_default().push(member);
        }
    }
    if issuers.is_empty() {
        let text = "no proven statement about this agent is among the bundles".into();
        findings.push(Finding::new(
            FindingName::NoStatement,
            Outcome::NotChecked,
            text,
            Vec::new(),
        ));
    }
    let chains: Vec<AgentChain> = issuers
        .into_iter()
        .map(|(issuer, members)| chain::judge(issuer, &members))
        .collect();
    Completeness {
        agent: agent.into(),
        verdict: verdict(&chains, &findings),
        chains,
        findings,
        other_agents,
    }
}

/// Whether a pinned issuer that may speak for the agent signed a well-formed manifest.
fn is_proven(report: &Report) -> bool {
    let needed = [
        CheckName::Statement,
        CheckName::Issuer,
        CheckName::Signature,
        CheckName::Manifest,
        CheckName::Agent,
    ];
    let passed = |name| {
        let check = report.check(name);
        check.is_some_and(|check| check.outcome == Outcome::Pass)
    };
    needed.into_iter().all(passed)
}

fn verdict(chains: &[AgentChain], findings: &[Finding]) -> Verdict {
    let of_chains = chains.iter().flat_map(|chain| &chain.findings);
    let outcomes: Vec<Outcome> = findings
        .iter()
        .chain(of_chains)
        .map(|finding| finding.outcome)
        .collect();
    if outcomes.contains(&Outcome::Fail) {
        Verdict::Failed
    } else if outcomes.contains(&Outcome::NotChecked) {
        Verdict::Incomplete
    } else {
        Verdict::Verified
    }
}
