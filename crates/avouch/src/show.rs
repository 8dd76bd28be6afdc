//! What a run or a bundle shows.

use std::path::Path;

use avouch_bundle::Bundle;
use avouch_cose::Statement;
use avouch_ledger::{Entry, Run};
use avouch_privacy::{Identities, open_fields};
use avouch_trace::{Header, Manifest};

use crate::check::read_bundle;
use crate::{Error, EventView, Home};

impl Home {
    /// The events of a run, in order and in bounded memory.
    pub fn events<'h>(&'h self, run: &Run) -> impl Iterator<Item = Result<EventView, Error>> + 'h {
        (0..)
            .zip(self.ledger.entries(run))
            .map(|(seq, entry)| whole(seq, &entry?))
    }

    /// One event of a run.
    pub fn event(&self, run: &Run, seq: u64) -> Result<EventView, Error> {
        whole(seq, &self.ledger.event(run, seq)?)
    }

    /// One event; of a run that is locked, its header alone.
    pub fn event_or_header(&self, run: &Run, seq: u64) -> Result<EventView, Error> {
        match self.ledger.event(run, seq) {
            Err(avouch_ledger::Error::Locked { .. }) => {
                let event = self.ledger.events_in(run, seq..=seq).next().transpose()?;
                let event = event.ok_or_else(|| Error::NoSuchEvent {
                    seq,
                    of: run.info.name.clone(),
                })?;
                EventView::new(seq, &event, std::iter::empty(), None)
            }
            entry => whole(seq, &entry?),
        }
    }
}

/// The view of an event with all its fields; leaf 0 only counts them.
fn whole(seq: u64, entry: &Entry) -> Result<EventView, Error> {
    let body = &entry.body;
    let view = EventView::new(seq, &entry.event, body.fields(), Some(body.count()))?;
    Ok(view.with_erased(body.erased().count() as u64))
}

/// A bundle's contents, read but not verified.
#[derive(Clone, Debug)]
pub struct BundleView {
    /// The statement as it stands; its signature was not checked.
    pub statement: Statement,
    /// What the statement says of the run.
    pub manifest: Manifest,
    pub(crate) bundle: Bundle,
}

impl BundleView {
    /// Reads a bundle's file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_bundle(path).map_err(|source| Error::io(path, source))?;
        Self::decode(path, &bytes)
    }

    /// Reads a bundle's bytes, which came from `path`.
    pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let bundle = Bundle::decode(bytes).map_err(|source| Error::Bundle {
            path: path.to_owned(),
            source,
        })?;
        let statement = Statement::parse(&bundle.statement)?;
        let manifest = Manifest::decode(statement.payload())?;
        Ok(Self {
            statement,
            manifest,
            bundle,
        })
    }

    /// Whether fields are encrypted in it.
    pub fn is_sealed(&self) -> bool {
        let shown = self.bundle.disclosures.as_ref();
        shown.is_some_and(|shown| shown.sealed.is_some())
    }

    /// Opens what is sealed to one of these identities, and compares it with the hashes that stand for it and
    /// these with the body roots in the headers' events.
    ///
    /// # Errors
    /// [`Error::Privacy`] where nothing is sealed, where they do not open it, or where it is something else.
    pub fn open(&mut self, identities: &Identities) -> Result<(), Error> {
        let nothing = || avouch_privacy::Error::NothingSealed;
        let shown = self.bundle.disclosures.as_mut().ok_or_else(nothing)?;
        Ok(open_fields(shown, identities)?)
    }

    /// The file's bytes, with whatever was opened.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.bundle.encode().map_err(Error::MakeBundle)
    }

    /// The seqs and headers that the bundle shows.
    pub(crate) fn headers(&self) -> impl Iterator<Item = Result<(u64, Header), Error>> {
        let shown = self.bundle.disclosures.iter();
        shown
            .flat_map(|disclosed| &disclosed.events)
            .map(|shown| Ok((shown.seq, shown.event.header_at(shown.seq)?)))
    }

    /// The events that the bundle shows.
    pub fn events(&self) -> impl Iterator<Item = Result<EventView, Error>> {
        let shown = self
            .bundle
            .disclosures
            .iter()
            .flat_map(|disclosed| &disclosed.events);
        shown.map(|shown| {
            let opened = shown
                .openings
                .as_ref()
                .map_or(&[][..], |openings| &openings.fields);
            let count = opened
                .first()
                .and_then(|(_, leaf_0)| leaf_0.value()?.as_u64());
            let fields = opened.iter().map(|(_, field)| field);
            let view = EventView::new(shown.seq, &shown.event, fields, count)?;
            let erased = shown.openings.as_ref().map_or(0, |open| open.erased.len());
            let sealed = shown.openings.as_ref().map_or(0, |open| open.sealed.len());
            Ok(view.with_erased(erased as u64).with_sealed(sealed as u64))
        })
    }
}
