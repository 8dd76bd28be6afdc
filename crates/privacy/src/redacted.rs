//! The evidence, for a disclosure, that its erased fields were erased.

use std::collections::BTreeMap;

use avouch_bundle::{Disclosures, Redacted};
use avouch_cose::{Receipt, SigningKey};
use avouch_ledger::{Ledger, Run, SignedCheckpoint};
use avouch_merkle::{LeafIndex, multi_proof};
use avouch_trace::Tombstone;

use crate::Error;

/// The last place in the log of a redaction of this run; `None` where nothing was erased.
pub fn last_redaction(ledger: &Ledger, run: &Run) -> Result<Option<LeafIndex>, Error> {
    let redactions = ledger.redactions(run)?;
    Ok(redactions.last().map(|(entry, _)| entry.log_index))
}

/// Adds the redactions that the erased fields of a disclosure are under, each with a receipt under
/// `checkpoint`.
pub fn add_redactions(
    ledger: &Ledger,
    run: &Run,
    shown: &mut Disclosures,
    checkpoint: &SignedCheckpoint,
    log_key: &SigningKey,
) -> Result<(), Error> {
    let mut erased = BTreeMap::new();
    for event in &shown.events {
        let openings = event.openings.iter();
        for (index, leaf) in openings.flat_map(|openings| &openings.erased) {
            erased.insert((event.seq, *index), *leaf);
        }
    }
    if erased.is_empty() {
        return Ok(());
    }
    for (entry, tombstones) in ledger.redactions(run)? {
        let places: Vec<(u64, u64, u64)> = (0..)
            .zip(&tombstones)
            .filter(|(_, one)| erased.contains_key(&(one.seq, one.index)))
            .map(|(place, one)| (place, one.seq, one.index))
            .collect();
        if places.is_empty() {
            continue;
        }
        let leaves: Vec<_> = tombstones.iter().map(Tombstone::hash).collect();
        let indices: Vec<_> = places.iter().map(|(place, ..)| LeafIndex(*place)).collect();
        let receipt: Option<Receipt> =
            ledger.receipt_under(checkpoint, entry.log_index, log_key)?;
        shown.redactions.push(Redacted {
            statement: entry.statement.as_bytes().to_vec(),
            receipts: receipt.iter().map(|one| one.as_bytes().to_vec()).collect(),
            tombstones: places,
            proof: multi_proof(&leaves, &indices).map_err(avouch_ledger::Error::from)?,
        });
    }
    Ok(())
}
