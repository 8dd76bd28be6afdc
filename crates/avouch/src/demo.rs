//! The whole chain on the project's fixtures, with a word on what each step shows.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use avouch_bundle::Bundle;
use avouch_ingest::{Options as IngestOptions, Outcome};
use avouch_ledger::Run;
use avouch_verify::{Options, Policy, Report, Verdict, verify};

use crate::{Error, Home, InitOptions, Selection};

/// What the demo imports.
const FIXTURES: [&str; 3] = [
    "agent-session.jsonl",
    "debate.jsonl",
    "claude-code-session.jsonl",
];

/// Runs the demo on the files in `fixtures` and writes to `out`. Everything is made in a temporary folder,
/// or in the new folder `keep`. Returns whether every step showed what it should.
pub fn demo(fixtures: &Path, keep: Option<&Path>, out: &mut dyn Write) -> Result<bool, Error> {
    let temporary =
        tempfile::tempdir().map_err(|source| Error::io(&std::env::temp_dir(), source))?;
    let dir = keep.unwrap_or(temporary.path());
    let mut demo = Demo {
        dir: dir.to_owned(),
        out,
        step: 0,
        held: true,
    };
    demo.run(fixtures)?;
    Ok(demo.held)
}

struct Demo<'o> {
    dir: PathBuf,
    out: &'o mut dyn Write,
    step: usize,
    held: bool,
}

impl Demo<'_> {
    fn run(&mut self, fixtures: &Path) -> Result<(), Error> {
        self.heading("Make a home: an empty ledger, an issuer's key, a log's key, and trust.toml")?;
        let mut home = Home::init(
            self.dir.join("home"),
            &InitOptions {
                issuer: Some("https://demo.invalid/agents".into()),
                ..InitOptions::default()
            },
        )?;

        self.heading("Ingest: two sessions and a debate become canonical traces")?;
        for file in FIXTURES {
            let path = fixtures.join(file);
            let input = File::open(&path).map_err(|source| Error::io(&path, source))?;
            for outcome in home.ingest(file, input, &IngestOptions::default())? {
                if let Outcome::Ingested {
                    name,
                    events,
                    records,
                    ..
                } = outcome
                {
                    self.say(format!(
                        "{file}: run {name}, {events} events from {records} records"
                    ))?;
                }
            }
        }

        self.heading("Seal: commit to each run, sign it, enter it in the log")?;
        let signer = home.signer(None)?;
        let runs = home.ledger().runs()?;
        home.seal(&runs, &signer, &mut |_| {})?;
        let runs = home.ledger().runs()?;
        for run in &runs {
            if let Some(logged) = home.ledger().statement(run.index)? {
                let (root, index) = (logged.manifest.root, logged.log_index);
                self.say(format!("{}: log #{index}, root {root}", run.info.name))?;
            }
        }

        self.heading(
            "Pack: one evidence file each; of the last, only what tools were called with",
        )?;
        let mut bundles = Vec::new();
        for run in &runs {
            let last = run.index == runs[runs.len() - 1].index;
            let (selection, shown) = match last {
                true => ("kind=tool-call; seq=0 headers".parse()?, "a part shown"),
                false => (Selection::all(), "everything shown"),
            };
            let path = home.write_bundle(run, &selection, &signer, &self.dir)?;
            let bytes = fs::read(&path).map_err(|source| Error::io(&path, source))?;
            self.say(format!(
                "{}: {} bytes, {shown}",
                path.display(),
                bytes.len()
            ))?;
            bundles.push(bytes);
        }

        self.heading("Verify: as an auditor would, with the files, the policy and nothing else")?;
        let trust = home.trust_path();
        let text = fs::read_to_string(&trust).map_err(|source| Error::io(&trust, source))?;
        let policy = Policy::from_toml(&text).map_err(|source| Error::Policy {
            path: trust,
            source,
        })?;
        for (run, bytes) in runs.iter().zip(&bundles) {
            self.expect(
                &run.info.name,
                Verdict::Verified,
                verify(bytes, &policy, &Options::default()),
            )?;
        }

        self.attacks(&runs, &bundles, &policy)?;
        self.tampering(home)
    }

    /// What an auditor would be given by someone dishonest.
    fn attacks(&mut self, runs: &[Run], bundles: &[Vec<u8>], policy: &Policy) -> Result<(), Error> {
        self.heading("Attack the files: each forgery is refused, with its reason")?;
        let good = &bundles[0];
        let plain = Options::default();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        self.refused("one bit flipped", verify(&flipped, policy, &plain))?;
        self.refused("cut short", verify(&good[..good.len() / 2], policy, &plain))?;

        let forged = |change: &dyn Fn(&mut Bundle)| -> Result<Vec<u8>, Error> {
            let mut bundle = Bundle::decode(good).map_err(Error::MakeBundle)?;
            change(&mut bundle);
            // The forger repairs the digest at the end, as anyone can.
            bundle.encode().map_err(Error::MakeBundle)
        };
        let removed = forged(&|bundle| {
            bundle
                .disclosures
                .iter_mut()
                .for_each(|shown| drop(shown.events.remove(7)));
        })?;
        self.refused("event 7 removed", verify(&removed, policy, &plain))?;
        let changed = forged(&|bundle| {
            for shown in bundle.disclosures.iter_mut() {
                // Byte 2 of a header is the decision: deny (2) becomes allow (1).
                let denied = shown
                    .events
                    .iter_mut()
                    .find(|shown| shown.event.header[2] == 2);
                denied
                    .into_iter()
                    .for_each(|shown| shown.event.header[2] = 1);
            }
        })?;
        self.refused(
            "a denial turned into a permission",
            verify(&changed, policy, &plain),
        )?;
        let other = Bundle::decode(&bundles[1]).map_err(Error::MakeBundle)?;
        let swapped = forged(&|bundle| bundle.statement.clone_from(&other.statement))?;
        self.refused("another run's statement", verify(&swapped, policy, &plain))?;
        let expected = Options {
            expect_run: Some(runs[1].info.id),
            ..Options::default()
        };
        self.refused(
            "another run than was asked for",
            verify(good, policy, &expected),
        )
    }

    /// What an operator might do to the ledger.
    fn tampering(&mut self, home: Home) -> Result<(), Error> {
        self.heading("Check the ledger, then change a letter in its rows behind its back")?;
        let report = home.ledger().fsck(&mut |_| {})?;
        let counts = report.counts;
        let holds = report.finding.is_none();
        self.outcome(
            holds,
            format!(
                "fsck: {} events, {} statements",
                counts.events, counts.statements
            ),
        )?;
        let path = home.ledger().path().to_owned();
        drop(home);
        let mut bytes = fs::read(&path).map_err(|source| Error::io(&path, source))?;
        // Wherever it stands: the file's free space may hold old copies of a row.
        let (name, other) = (b"agent:", b"agenT:");
        for at in 0..bytes.len() - name.len() {
            if bytes[at..].starts_with(name) {
                bytes[at..at + name.len()].copy_from_slice(other);
            }
        }
        fs::write(&path, &bytes).map_err(|source| Error::io(&path, source))?;
        let finding = match Home::open(path.parent().unwrap_or(&path)) {
            Ok(home) => home
                .ledger()
                .fsck(&mut |_| {})?
                .finding
                .map(|finding| finding.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let found = finding.is_some();
        self.outcome(
            found,
            format!("fsck: {}", finding.unwrap_or("found nothing".into())),
        )
    }

    fn expect(
        &mut self,
        what: &str,
        verdict: Verdict,
        report: Result<Report, avouch_verify::Unreadable>,
    ) -> Result<(), Error> {
        let found = report.as_ref().map(|report| report.verdict);
        let text = match &report {
            Ok(report) => report.headline(),
            Err(error) => error.to_string(),
        };
        self.outcome(found == Ok(verdict), format!("{what}: {text}"))
    }

    fn refused(
        &mut self,
        what: &str,
        report: Result<Report, avouch_verify::Unreadable>,
    ) -> Result<(), Error> {
        let (refused, reason) = match &report {
            Ok(report) => (report.verdict == Verdict::Failed, report.headline()),
            Err(error) => (true, error.to_string()),
        };
        self.outcome(refused, format!("{what}: {reason}"))
    }

    fn heading(&mut self, text: &str) -> Result<(), Error> {
        self.step += 1;
        let step = self.step;
        self.line(format!("\n{step}. {text}"))
    }

    fn say(&mut self, text: String) -> Result<(), Error> {
        self.line(format!("   {text}"))
    }

    fn outcome(&mut self, held: bool, text: String) -> Result<(), Error> {
        self.held &= held;
        self.line(format!(
            "   [{}] {text}",
            if held { "as it should be" } else { "WRONG" }
        ))
    }

    fn line(&mut self, text: String) -> Result<(), Error> {
        let text: Vec<String> = text.lines().map(crate::printable).collect();
        writeln!(self.out, "{}", text.join("\n"))
            .map_err(|source| Error::io(Path::new("output"), source))
    }
}
