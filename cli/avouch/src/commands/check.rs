//! `avouch check`

use std::path::Path;

use avouch::claim::{ClaimsFile, Failure, Verdict};
use avouch::ledger::Run;
use avouch::{BundleView, EventView, Home, Judged, printable};
use serde_json::{Value, json};

use super::{ABSENT, FAILS, Global, HOLDS};
use crate::args::Check;
use crate::output;

pub(crate) fn run(global: &Global, args: &Check) -> anyhow::Result<u8> {
    let file = avouch::read_claims(&args.claims)?;
    let answer = match Path::new(&args.what) {
        path if path.is_file() => about_bundle(path, file)?,
        _ => about_run(global, &args.what, file)?,
    };
    answer.report(args.output.json)
}

/// What is said about one run.
pub(crate) struct Answer {
    file: ClaimsFile,
    /// What the claims were judged about.
    about: String,
    run: String,
    events: u64,
    from: &'static str,
    judged: Judged,
    /// The events that made claims false.
    culprits: Vec<EventView>,
}

fn about_run(global: &Global, what: &str, file: ClaimsFile) -> anyhow::Result<Answer> {
    // Headers are what is judged; what an event at fault says beside them is shown where it can be read.
    let home = global.checking_home()?;
    let run = home.ledger().resolve(what)?;
    let judged = home.check_claims(&run, &file.claims)?;
    about_judged(&home, &run, file, judged)
}

/// What is said about a run of the ledger that was judged already.
pub(crate) fn about_judged(
    home: &Home,
    run: &Run,
    file: ClaimsFile,
    judged: Judged,
) -> anyhow::Result<Answer> {
    let culprits = culprits(&judged).map(|seq| home.event_or_header(run, seq));
    Ok(Answer {
        culprits: culprits.collect::<Result<_, _>>()?,
        about: format!("run {} ({})", printable(&run.info.name), run.info.id),
        run: run.info.id.to_string(),
        events: run.size,
        from: "ledger",
        judged,
        file,
    })
}

fn about_bundle(path: &Path, file: ClaimsFile) -> anyhow::Result<Answer> {
    eprintln!(
        "Judged by the headers that the file shows, not verified; `avouch verify` checks it."
    );
    let bundle = BundleView::read(path)?;
    let judged = bundle.check_claims(&file.claims)?;
    let wanted: Vec<u64> = culprits(&judged).collect();
    let events = bundle.events().filter(|event| match event {
        Ok(event) => wanted.contains(&event.seq),
        Err(_) => true,
    });
    let manifest = &bundle.manifest;
    Ok(Answer {
        culprits: events.collect::<Result<_, _>>()?,
        about: format!("run {} of {}", manifest.run, printable(&manifest.agent)),
        run: manifest.run.to_string(),
        events: manifest.size,
        from: "bundle",
        judged,
        file,
    })
}

fn culprits(judged: &Judged) -> impl Iterator<Item = u64> {
    let verdict = match judged {
        Judged::Verdict(verdict) => Some(verdict),
        _ => None,
    };
    let failures = verdict.into_iter().flat_map(Verdict::failures);
    failures.filter_map(|failure| failure.event)
}

impl Answer {
    /// Prints it, and gives the exit code.
    pub(crate) fn report(&self, as_json: bool) -> anyhow::Result<u8> {
        if as_json {
            output::json(&self.json())?;
        } else {
            self.print()?;
        }
        Ok(self.exit_code())
    }

    fn exit_code(&self) -> u8 {
        match &self.judged {
            Judged::Verdict(verdict) if verdict.holds() => HOLDS,
            Judged::Verdict(_) => FAILS,
            _ => ABSENT,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.exit_code() {
            HOLDS => "holds",
            FAILS => "does not hold",
            _ => "incomplete",
        }
    }

    /// Why there is no verdict.
    fn incomplete(&self) -> Option<String> {
        match self.judged {
            Judged::Verdict(_) => None,
            Judged::Open => Some("the run is still open, and claims are about whole runs".into()),
            Judged::NotShown { first, shown } => Some(format!(
                "the bundle shows {shown} of {} headers, and not that of event {first}; claims are about all of them",
                self.events
            )),
        }
    }

    /// The file's claims: name, place among the claims, and why it fails.
    fn claims(&self) -> impl Iterator<Item = (String, usize, Option<&Failure>)> {
        self.file.entries.iter().map(|entry| {
            let name = entry.name.clone();
            let name = name.unwrap_or_else(|| self.file.claims.as_slice()[entry.claim].to_string());
            let failure = match &self.judged {
                Judged::Verdict(verdict) => verdict.failure(entry.claim),
                _ => None,
            };
            (name, entry.claim, failure)
        })
    }

    fn print(&self) -> anyhow::Result<()> {
        let verdict = self.verdict().to_uppercase();
        output::line(format!("{}, {} events: {verdict}", self.about, self.events))?;
        if let Some(why) = self.incomplete() {
            return output::line(format!("  {why}"));
        }
        for (name, _, failure) in self.claims() {
            let name = printable(&name);
            let Some(failure) = failure else {
                output::line(format!("  holds  {name}"))?;
                continue;
            };
            output::line(format!("  FALSE  {name}: {failure}"))?;
            let culprit = |event: &&EventView| Some(event.seq) == failure.event;
            if let Some(event) = self.culprits.iter().find(culprit) {
                let answers = event
                    .parent
                    .map(|parent| format!(", answers event {parent}"));
                let (summary, answers) = (event.summary(), answers.unwrap_or_default());
                output::line(format!("         {}{answers}", summary.trim_start()))?;
            }
        }
        output::line(format!("  claims {}", self.file.claims.digest()))
    }

    fn json(&self) -> Value {
        let judged = matches!(self.judged, Judged::Verdict(_));
        let claims: Vec<Value> = self
            .claims()
            .map(|(name, index, failure)| {
                let claim = &self.file.claims.as_slice()[index];
                json!({
                    "name": name, "type": claim.name(), "digest": claim.digest().to_string(),
                    "holds": judged.then_some(failure.is_none()),
                    "event": failure.and_then(|failure| failure.event),
                    "reason": failure.map(|failure| failure.reason.to_string()),
                })
            })
            .collect();
        json!({
            "run": self.run, "events": self.events, "from": self.from, "verified": Value::Null,
            "verdict": self.verdict(), "incomplete": self.incomplete(),
            "claims_digest": self.file.claims.digest().to_string(), "claims": claims,
        })
    }
}
