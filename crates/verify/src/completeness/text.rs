//! The answer about an agent, for people.

use core::fmt;

use super::{AgentChain, Completeness, Finding, Link};
use crate::printable::printable;
use crate::report::{Outcome, Verdict};
use crate::text::{count, time_text};

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Verified => "COMPLETE up to the newest statement named here".into(),
            Verdict::Failed => format!("FAILED: {}", self.first(Outcome::Fail)),
            Verdict::Incomplete => format!("INCOMPLETE: {}", self.first(Outcome::NotChecked)),
        };
        writeln!(
            f,
            "agent {}: {}",
            printable(&self.agent),
            printable(&verdict)
        )?;
        for chain in &self.chains {
            write!(f, "{chain}")?;
        }
        for finding in &self.findings {
            write!(f, "{finding}")?;
        }
        if self.other_agents > 0 {
            let bundles = count(self.other_agents, "bundle");
            writeln!(f, "\n  {bundles} about other agents, not counted here")?;
        }
        writeln!(
            f,
            "\nWhat it does not show\n  - Runs after the newest statement named here, and runs that were never sealed.\n  \
             - Runs of this agent by issuers that the policy does not name."
        )
    }
}

impl Completeness {
    /// The first finding that ended so.
    fn first(&self, outcome: Outcome) -> String {
        let of_chains = self.chains.iter().flat_map(|chain| &chain.findings);
        let mut all = of_chains.chain(&self.findings);
        let first = all.find(|finding| finding.outcome == outcome);
        first.map_or(String::new(), |finding| finding.text.clone())
    }
}

impl fmt::Display for AgentChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nRuns that {} states", printable(&self.issuer))?;
        let statements = count(self.statements, "statement");
        writeln!(
            f,
            "  here         {}, {statements}",
            count(self.runs, "run")
        )?;
        for segment in &self.segments {
            let from = if segment.from_the_start {
                "from the agent's first"
            } else {
                "after a hole"
            };
            let runs = count(segment.runs, "run");
            writeln!(f, "  unbroken     {runs}, {from}, up to {}", segment.last)?;
        }
        self.findings
            .iter()
            .try_for_each(|finding| write!(f, "{finding}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Pass => "note",
            Outcome::Fail => "FAIL",
            Outcome::NotChecked => "MISSING",
        };
        let name = self.name.name();
        writeln!(f, "  {outcome:<8} {name:<18} {}", printable(&self.text))?;
        self.statements
            .iter()
            .try_for_each(|link| writeln!(f, "             {link}"))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "statement {} (run {}, signed {}, in {})",
            self.statement_id,
            self.run,
            time_text(self.issued_at.saturating_mul(1000)),
            printable(&self.bundle)
        )
    }
}
