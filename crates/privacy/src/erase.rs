//! Destroying what was found.

use avouch_ledger::{Erased, FieldPlace, Ledger, Run, Sealer, Words};

use crate::{Error, Target};

/// Erases these fields of a run in one step: values, salts and blobs that no other field holds. The log then
/// says that it was done; see [`Ledger::erase`].
pub fn erase(
    ledger: &Ledger,
    run: &Run,
    targets: &[Target],
    words: &Words<'_>,
    sealer: &Sealer<'_>,
) -> Result<Erased, Error> {
    let fields: Vec<FieldPlace> = targets
        .iter()
        .map(|Target { seq, index, .. }| FieldPlace {
            seq: *seq,
            index: *index,
        })
        .collect();
    Ok(ledger.erase(run, &fields, words, sealer)?)
}
