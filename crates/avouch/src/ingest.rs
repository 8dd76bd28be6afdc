//! Importing records into the ledger.

use std::io::{Read, Seek};
use std::path::Path;

use avouch_ingest::{Draft, InputId, Options, Outcome, RunInfo, Sink};
use avouch_ledger::{Batch, RunIndex};
use avouch_trace::Source;

use crate::draft::prepare;
use crate::random::{Randomness, RunRandom};
use crate::scan::Scan;
use crate::{Error, Home};

impl Home {
    /// Imports every run of one input, in one step: either all of them are recorded or none.
    ///
    /// `name` is the input's file name, for messages and for naming its runs. An input that was
    /// imported before changes nothing; its outcome names the run that there is.
    pub fn ingest(
        &mut self,
        name: &str,
        input: impl Read + Seek,
        options: &Options<'_>,
    ) -> Result<Vec<Outcome>, Error> {
        self.import(|sink| avouch_ingest::ingest(name, input, options, sink))
    }

    /// Imports every run of the file at `path`, like [`Self::ingest`]. A database is read as it is at
    /// one moment, also while its owner writes to it, and is not changed.
    pub fn ingest_file(
        &mut self,
        path: &Path,
        options: &Options<'_>,
    ) -> Result<Vec<Outcome>, Error> {
        self.import(|sink| avouch_ingest::ingest_file(path, options, sink))
    }

    fn import(
        &mut self,
        import: impl FnOnce(&mut LedgerSink<'_>) -> Result<Vec<Outcome>, avouch_ingest::Error>,
    ) -> Result<Vec<Outcome>, Error> {
        let batch = self.ledger.batch()?;
        let mut sink = LedgerSink {
            batch,
            randomness: &self.randomness,
            scan: self.scan.as_ref(),
            open: None,
        };
        let outcomes = import(&mut sink)?;
        sink.batch.commit()?;
        Ok(outcomes)
    }
}

/// Writes imported runs into one batch.
struct LedgerSink<'l> {
    batch: Batch<'l>,
    randomness: &'l Randomness,
    scan: Option<&'l Scan>,
    open: Option<OpenRun>,
}

struct OpenRun {
    index: RunIndex,
    next_seq: u64,
    random: RunRandom,
}

impl Sink for LedgerSink<'_> {
    type Error = Error;

    fn existing(&mut self, input: &InputId) -> Result<Option<String>, Error> {
        Ok(self.batch.input(&ledger_input(input))?)
    }

    fn begin(&mut self, run: &RunInfo) -> Result<(), Error> {
        // An input's runs differ in their ordinal, so no two seeded runs share a salt.
        let mut context = run.input.digest.0.to_vec();
        context.extend(run.input.ordinal.to_be_bytes());
        let mut random = self.randomness.for_run(&context)?;
        let index = self.batch.new_run(&avouch_ledger::RunInfo {
            id: random.run_id(),
            name: run.name.clone(),
            agent: run.agent.clone(),
            mode: run.mode,
            currency: run.currency.clone(),
            source: Source {
                format: run.format.clone(),
                integrity: run.integrity,
            },
            parents: run.parents.clone(),
            input: Some(ledger_input(&run.input)),
        })?;
        self.open = Some(OpenRun {
            index,
            next_seq: 0,
            random,
        });
        Ok(())
    }

    fn event(&mut self, draft: Draft) -> Result<(), Error> {
        let run = self.open.as_mut().ok_or(Error::NoOpenRun)?;
        append(
            &mut self.batch,
            run.index,
            run.next_seq,
            draft,
            &mut run.random,
            self.scan,
        )?;
        run.next_seq += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<String, Error> {
        let run = self.open.take().ok_or(Error::NoOpenRun)?;
        Ok(self.batch.name(run.index)?)
    }

    fn abort(&mut self) -> Result<(), Error> {
        // The importer stops after this, and the batch is dropped uncommitted.
        self.open = None;
        Ok(())
    }
}

fn ledger_input(input: &InputId) -> avouch_ledger::InputId {
    avouch_ledger::InputId {
        digest: input.digest,
        ordinal: input.ordinal,
    }
}

/// Appends a draft as the run's event `seq`, its large values first.
pub(crate) fn append(
    batch: &mut Batch<'_>,
    run: RunIndex,
    seq: u64,
    draft: Draft,
    random: &mut RunRandom,
    scan: Option<&Scan>,
) -> Result<(), Error> {
    let draft = match scan {
        Some(scan) => scan.apply(draft),
        None => draft,
    };
    let prepared = prepare(draft, seq, random)?;
    for blob in &prepared.blobs {
        batch.put_run_blob(run, blob)?;
    }
    batch.append(run, &prepared.header, &prepared.body)?;
    Ok(())
}
