//! Reading a run as what was signed: its statement first, then every event, and at the end the root.

use std::path::Path;

use avouch_bundle::Bundle;
use avouch_cose::Statement;
use avouch_ledger::Run;
use avouch_merkle::{Digest, Frontier};
use avouch_trace::{Event, Field, Manifest};
use avouch_verify::{Answer, Options, Policy};

use crate::check::read_bundle;
use crate::{BundleView, Error, EventView, Home};

/// A run's statement, and where its events are.
pub(crate) struct SignedRun<'a> {
    pub(crate) statement: Statement,
    pub(crate) manifest: Manifest,
    from: From<'a>,
}

enum From<'a> {
    Store(&'a Home, Box<Run>),
    Bundle(Box<Bundle>),
}

/// One event, with what is shown of its body.
pub(crate) struct SignedEvent<'a> {
    pub(crate) seq: u64,
    pub(crate) event: &'a Event,
    /// Leaf 0 included.
    pub(crate) fields: Vec<&'a Field>,
    /// How many fields there are; `None` when not even that is shown.
    total: Option<u64>,
    run: &'a SignedRun<'a>,
}

impl SignedEvent<'_> {
    /// The event as people and programs read it.
    pub(crate) fn view(&self) -> Result<EventView, Error> {
        EventView::new(
            self.seq,
            self.event,
            self.fields.iter().copied(),
            self.total,
        )
    }

    /// A value that is stored apart, where it is there.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        match &self.run.from {
            From::Store(home, run) => Ok(home.ledger.run_blob(run.index, digest)?),
            From::Bundle(bundle) => {
                let shown = bundle.disclosures.as_ref();
                let bytes = shown.and_then(|shown| shown.blobs.get(digest));
                Ok(bytes.map(<[u8]>::to_vec))
            }
        }
    }
}

impl Home {
    /// A sealed run of the store: its statement is checked under the issuer's key that signed it.
    pub(crate) fn signed_run(&self, run: &Run) -> Result<SignedRun<'_>, Error> {
        let logged = self.logged(run)?;
        self.ledger.issuer_keys()?.verify(&logged.statement)?;
        Ok(SignedRun {
            statement: logged.statement,
            manifest: logged.manifest,
            from: From::Store(self, Box::new(run.clone())),
        })
    }
}

/// A bundle's run, once the bundle verifies under `policy`.
pub(crate) fn verified_bundle(path: &Path, policy: &Policy) -> Result<SignedRun<'static>, Error> {
    let bytes = read_bundle(path).map_err(|source| Error::io(path, source))?;
    let name = path.to_string_lossy();
    let answer = Answer::about(&name, &bytes, policy, &Options::default());
    if answer.exit_code() != 0 {
        let verdict = answer.report.map(|report| report.verdict.name());
        return Err(Error::Unverified {
            path: path.to_owned(),
            verdict: verdict.unwrap_or("unreadable"),
        });
    }
    // Of the bytes that were verified: the file may be another by now.
    let view = BundleView::decode(path, &bytes)?;
    Ok(SignedRun {
        statement: view.statement,
        manifest: view.manifest,
        from: From::Bundle(Box::new(view.bundle)),
    })
}

impl SignedRun<'_> {
    /// Hands over every event in order. What was done with them counts only once this has returned: the
    /// root over them is compared with the signed one at the end.
    ///
    /// # Errors
    /// [`Error::NotWhole`] where a bundle does not show every event, and [`Error::NotAsSigned`] where the
    /// events are not those that the statement commits to.
    pub(crate) fn each(
        &self,
        mut take: impl FnMut(&SignedEvent<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut leaves = Frontier::new();
        let mut next = |seq: u64, event: &Event, fields: Vec<&Field>, total: Option<u64>| {
            if seq != leaves.size().get() {
                return Err(self.not_whole(leaves.size().get()));
            }
            leaves.push(event.leaf());
            take(&SignedEvent {
                seq,
                event,
                fields,
                total,
                run: self,
            })
        };
        match &self.from {
            From::Store(home, run) => {
                for (seq, entry) in (0..).zip(home.ledger.entries(run)) {
                    let entry = entry?;
                    if entry.body.root() != entry.event.body {
                        return Err(self.not_as_signed());
                    }
                    let fields = entry.body.fields();
                    // Values that were erased are still counted.
                    next(
                        seq,
                        &entry.event,
                        fields.iter().collect(),
                        count(fields.first()),
                    )?;
                }
            }
            From::Bundle(bundle) => {
                let shown = bundle.disclosures.iter();
                for shown in shown.flat_map(|disclosed| &disclosed.events) {
                    let fields: Vec<&Field> = shown.fields().collect();
                    let total = count(fields.first().copied());
                    next(shown.seq, &shown.event, fields, total)?;
                }
            }
        }
        let size = leaves.size().get();
        if size < self.manifest.size {
            return Err(self.not_whole(size));
        }
        if size != self.manifest.size || leaves.root() != self.manifest.root {
            return Err(self.not_as_signed());
        }
        Ok(())
    }

    fn not_whole(&self, first: u64) -> Error {
        Error::NotWhole {
            run: self.manifest.run.to_string(),
            first,
        }
    }

    fn not_as_signed(&self) -> Error {
        Error::NotAsSigned {
            run: self.manifest.run.to_string(),
        }
    }
}

/// How many fields a body has, as its leaf 0 says.
fn count(leaf_0: Option<&Field>) -> Option<u64> {
    leaf_0.and_then(|leaf_0| leaf_0.value()?.as_u64())
}
