//! Whether claims hold for a run, by the native evaluator.

use std::fs;
use std::path::Path;

use avouch_claims::{Claims, ClaimsFile, State, Verdict};
use avouch_ledger::Run;
use avouch_trace::Header;

use crate::{BundleView, Error, Home};

/// What came of judging claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Every header was there.
    Verdict(Verdict),
    /// The run has no run-end yet: claims are about whole runs.
    Open,
    /// The bundle does not show every header.
    NotShown {
        /// The first event that it does not show.
        first: u64,
        /// How many it shows.
        shown: u64,
    },
}

/// Reads a claims file.
pub fn read_claims(path: &Path) -> Result<ClaimsFile, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    ClaimsFile::from_toml(&text).map_err(|source| Error::Claims {
        about: path.display().to_string(),
        source,
    })
}

impl Home {
    /// Judges claims about a run, in bounded memory.
    pub fn check_claims(&self, run: &Run, claims: &Claims) -> Result<Judged, Error> {
        let mut state = State::new(claims);
        for (index, event) in (0..).zip(self.ledger.events(run)) {
            let header = event?
                .header()
                .map_err(|source| avouch_trace::Error::Header { index, source })?;
            step(&mut state, &header, &run.info.name)?;
        }
        match state.ended() {
            true => verdict(&state, &run.info.name),
            false => Ok(Judged::Open),
        }
    }
}

impl BundleView {
    /// Judges claims about the headers that the bundle shows. Whether they are the run's is for
    /// verifying the bundle to say.
    pub fn check_claims(&self, claims: &Claims) -> Result<Judged, Error> {
        let name = self.manifest.run.to_string();
        let (size, shown) = (self.manifest.size, self.headers().count() as u64);
        let mut state = State::new(claims);
        for (index, shown_event) in (0..).zip(self.headers()) {
            let (seq, header) = shown_event?;
            if seq >= size {
                return Err(Error::NoSuchEvent { seq, of: name });
            }
            if seq != index {
                return Ok(Judged::NotShown {
                    first: index,
                    shown,
                });
            }
            step(&mut state, &header, &name)?;
        }
        match shown < size {
            true => Ok(Judged::NotShown {
                first: shown,
                shown,
            }),
            false => verdict(&state, &name),
        }
    }
}

fn step(state: &mut State<'_>, header: &Header, about: &str) -> Result<(), Error> {
    state.step(header).map_err(|source| refused(about, source))
}

fn verdict(state: &State<'_>, about: &str) -> Result<Judged, Error> {
    let verdict = state.finish().map_err(|source| refused(about, source));
    Ok(Judged::Verdict(verdict?))
}

fn refused(about: &str, source: avouch_claims::Error) -> Error {
    Error::Claims {
        about: about.to_owned(),
        source,
    }
}
