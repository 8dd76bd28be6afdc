//! The report for people.

use core::fmt;

use avouch_trace::Manifest;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::checks::statement::short;
use crate::printable::printable;
use crate::report::{About, Check, CheckName, Outcome, Report, Verdict};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(&self.headline()))?;
        if let Some(about) = &self.about {
            let proven = [CheckName::Signature, CheckName::Manifest]
                .into_iter()
                .all(|name| {
                    self.check(name)
                        .is_some_and(|check| check.outcome == Outcome::Pass)
                });
            let title = if proven {
                "What it is about"
            } else {
                "What it CLAIMS to be about"
            };
            writeln!(f, "\n{title}")?;
            for (label, value) in about.lines() {
                writeln!(f, "  {label:<12} {}", printable(&value))?;
            }
        }
        writeln!(f, "\nChecks")?;
        for Check {
            name,
            outcome,
            required,
            reason,
        } in &self.checks
        {
            let outcome = match outcome {
                Outcome::Pass => "pass",
                Outcome::Fail => "FAIL",
                Outcome::NotChecked if *required => "MISSING",
                Outcome::NotChecked => "-",
            };
            writeln!(f, "  {outcome:<8} {name:<15} {}", printable(reason))?;
        }
        if let Some(evidence) = &self.evidence {
            writeln!(f, "\nEvidence against the log: it signed both of these")?;
            for (what, note) in [
                ("seen before", &evidence.seen),
                ("shown now", &evidence.shown),
            ] {
                writeln!(f, "  {what}:")?;
                for line in note.lines() {
                    writeln!(f, "    {}", printable(line))?;
                }
            }
        }
        writeln!(f, "\nWhat it does not show")?;
        for point in &self.not_shown {
            writeln!(f, "  - {}", printable(&point.text))?;
        }
        Ok(())
    }
}

impl Report {
    /// The answer in one line.
    pub fn headline(&self) -> String {
        let first = |wanted: fn(&Check) -> bool| {
            let check = self.checks.iter().find(|check| wanted(check));
            check.map_or(String::new(), |check| {
                format!("{}: {}", check.name, check.reason)
            })
        };
        match self.verdict {
            Verdict::Verified => "VERIFIED: all that the policy requires holds".into(),
            Verdict::Failed => format!("FAILED: {}", first(|check| check.outcome == Outcome::Fail)),
            Verdict::Incomplete => format!(
                "INCOMPLETE: nothing is wrong, but something required is missing: {}",
                first(|check| check.required && check.outcome != Outcome::Pass)
            ),
        }
    }
}

impl About {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![(
            "issuer",
            format!("{} (key {})", self.issuer, short(&self.key_id)),
        )];
        if let Some(manifest) = &self.manifest {
            lines.extend(run_lines(manifest));
        }
        lines.push(("signed", time_text(self.issued_at.saturating_mul(1000))));
        lines.push(("statement", self.statement_id.to_string()));
        if let Some(log) = &self.log {
            lines.push((
                "log",
                format!("{}, entry {} of {}", log.origin, log.index, log.size),
            ));
            for witnessed in &log.witnesses {
                let time = time_text(witnessed.time.saturating_mul(1000));
                lines.push(("witnessed", format!("{}, {time}", witnessed.name)));
            }
        }
        for seal in &self.anchors {
            let (kind, outcome, reason) = (&seal.kind, seal.outcome, &seal.reason);
            let by = seal.by.map_or(String::new(), |by| {
                format!(" by {}", time_text(by.saturating_mul(1000)))
            });
            lines.push(("anchored", format!("{kind} {outcome}{by}: {reason}")));
        }
        for one in &self.proven {
            for claim in one.claims.as_slice() {
                lines.push(("proven", format!("{claim} ({})", one.how())));
            }
        }
        let shown = &self.shown;
        let of = self
            .manifest
            .as_ref()
            .map_or(String::new(), |run| format!(" of {}", run.size));
        lines.push((
            "shown",
            match shown.events {
                0 => "nothing of the run itself".into(),
                events => format!(
                    "{events}{of} events, {}, {}",
                    count(shown.fields, "field"),
                    count(shown.blobs, "blob")
                ),
            },
        ));
        lines
    }
}

fn run_lines(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let integrity = match manifest.source.integrity {
        None => "which has no integrity of its own",
        Some(true) => "whose own integrity held, the issuer says",
        Some(false) => "whose own integrity did NOT hold",
    };
    let mut lines = vec![
        ("agent", manifest.agent.clone()),
        (
            "run",
            format!("{} ({})", manifest.run, manifest.mode.name()),
        ),
        ("events", manifest.size.to_string()),
        ("from", time_text(manifest.first_time)),
        ("to", time_text(manifest.last_time)),
        ("currency", manifest.currency.clone()),
        ("source", format!("{}, {integrity}", manifest.source.format)),
        ("root", manifest.root.to_string()),
    ];
    for parent in &manifest.parents {
        let relation = parent.relation.name();
        lines.push((
            "comes from",
            format!("run {} event {} ({relation})", parent.run, parent.seq),
        ));
    }
    if let Some(previous) = &manifest.previous {
        lines.push(("follows", format!("statement {previous}")));
    }
    if let Some(supersedes) = &manifest.supersedes {
        lines.push(("supersedes", format!("statement {supersedes}")));
    }
    lines
}

/// Milliseconds since the Unix epoch as people write it; as the number where no year would fit.
pub(crate) fn time_text(millis: u64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{millis} ms since 1970"))
}

/// A number of things: `1 event`, `2 events`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
