//! Sealing runs and making their bundles.

use std::fs;
use std::path::{Path, PathBuf};

use avouch_bundle::{Anchor, Bundle, Disclosures};
use avouch_cose::Statement;
use avouch_ledger::{Progress, Run, Sealed, Sealer, State};
use avouch_merkle::LeafIndex;

use crate::home::{Signer, now};
use crate::{Error, Home, Selection, durable};

/// The file name extension of bundles.
pub(crate) const EXTENSION: &str = "avouch";

impl Home {
    /// Seals closed runs in this order, in one step: commits to each, signs a statement, enters it in
    /// the log and signs a checkpoint. A run that is sealed already stays as it is.
    pub fn seal(
        &mut self,
        runs: &[Run],
        signer: &Signer,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Sealed>, Error> {
        if let Some(open) = runs.iter().find(|run| run.state == State::Open) {
            return Err(Error::StillOpen {
                name: open.info.name.clone(),
            });
        }
        let indices: Vec<_> = runs.iter().map(|run| run.index).collect();
        let sealer = Sealer {
            issuer_key: signer.issuer.as_ref(),
            log_key: &signer.log,
            iat: now()?,
        };
        Ok(self.ledger.seal(&indices, &sealer, progress)?)
    }

    /// Seals the run of this name or id and returns it as it then is.
    pub fn seal_one(&mut self, run: &str, signer: &Signer) -> Result<Run, Error> {
        let run = self.ledger.resolve(run)?;
        let index = run.index;
        self.seal(&[run], signer, &mut |_| {})?;
        Ok(self.ledger.run(index)?)
    }

    /// The bundle of a sealed run: its statement, the checkpoint that most witnesses cosigned (the log's last
    /// one where none did), a receipt under it, what dates it from outside, and what `selection` shows.
    ///
    /// # Errors
    /// [`Error::StillOpen`] or [`Error::NotSealed`] when there is no statement, and
    /// [`Error::Privacy`] when a selection other than `none` matches nothing, and [`Error::NotReleased`] when
    /// officers have to agree and have not.
    pub fn bundle(
        &self,
        run: &Run,
        selection: &Selection,
        signer: &Signer,
    ) -> Result<Bundle, Error> {
        self.check_release(run, selection)?;
        let name = || run.info.name.clone();
        let not_sealed = || Error::NotSealed { name: name() };
        let logged = self.logged(run)?;
        let mut disclosures = avouch_privacy::disclose(&self.ledger, run, selection)?;
        let erased = disclosures.as_ref().is_some_and(shows_erased);
        // The checkpoint has to cover what says that something was erased, too.
        let covered = match erased {
            true => avouch_privacy::last_redaction(&self.ledger, run)?,
            false => None,
        };
        let covered = covered.map_or(logged.log_index, |last| last.max(logged.log_index));
        let checkpoint = self
            .ledger
            .checkpoint_for(covered)?
            .ok_or_else(not_sealed)?;
        let receipt = self
            .ledger
            .receipt_under(&checkpoint, logged.log_index, &signer.log)?
            .ok_or_else(not_sealed)?;
        if let Some(shown) = disclosures.as_mut().filter(|_| erased) {
            let log = &signer.log;
            avouch_privacy::add_redactions(&self.ledger, run, shown, &checkpoint, log)?;
        }
        let redactions = disclosures.iter().flat_map(|shown| &shown.redactions);
        let mut signed_by = vec![logged.statement.key_id()];
        for redacted in redactions {
            signed_by.push(Statement::parse(&redacted.statement)?.key_id());
        }
        Ok(Bundle {
            statement: logged.statement.as_bytes().to_vec(),
            receipts: vec![receipt.as_bytes().to_vec()],
            checkpoint: Some(checkpoint.note),
            anchors: self.anchors_of(logged.log_index)?,
            disclosures,
            proofs: Vec::new(),
            keys: self.key_evidence(&signed_by, signer)?,
        })
    }

    /// What outside services gave for checkpoints that cover a statement, each with the statement's path to
    /// that checkpoint's root.
    fn anchors_of(&self, log_index: LeafIndex) -> Result<Vec<Anchor>, Error> {
        let receipts = self.ledger.anchors_for(log_index)?;
        let anchors = receipts.into_iter().map(|(size, receipt)| {
            Ok(Anchor {
                receipt,
                index: log_index.0,
                path: self.ledger.inclusion(log_index, size)?,
            })
        });
        anchors.collect()
    }

    /// Writes a sealed run's bundle as `DIR/NAME.avouch`, replacing an earlier one of the same run.
    pub fn write_bundle(
        &self,
        run: &Run,
        selection: &Selection,
        signer: &Signer,
        dir: &Path,
    ) -> Result<PathBuf, Error> {
        self.save_bundle(run, &self.bundle(run, selection, signer)?, dir)
    }

    /// Writes a run's bundle as `DIR/NAME.avouch`, replacing an earlier one of the same run.
    pub fn save_bundle(&self, run: &Run, bundle: &Bundle, dir: &Path) -> Result<PathBuf, Error> {
        let bytes = bundle.encode().map_err(Error::MakeBundle)?;
        fs::create_dir_all(dir).map_err(|source| Error::io(dir, source))?;
        let path = dir.join(format!("{}.{EXTENSION}", file_stem(&run.info.name)));
        durable::replace(&path, &bytes)?;
        Ok(path)
    }
}

fn shows_erased(shown: &Disclosures) -> bool {
    let openings = shown.events.iter().flat_map(|event| &event.openings);
    openings
        .into_iter()
        .any(|openings| !openings.erased.is_empty())
}

/// A run's name as a file's name: what a file system or a shell might take amiss becomes `_`.
fn file_stem(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '@');
    let stem: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    // Neither hidden nor a way out of the folder.
    if stem.starts_with('.') {
        format!("_{stem}")
    } else {
        stem
    }
}
