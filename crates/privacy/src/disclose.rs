//! Taking what a selection shows out of the ledger, with its proofs.

use avouch_bundle::{Blobs, Disclosures, Openings, Shown};
use avouch_ledger::{Ledger, Run};
use avouch_merkle::{Digest, LeafIndex};
use avouch_trace::Event;

use crate::{Error, Selection};

/// What `selection` shows of a sealed run; `None` where it shows nothing on purpose.
///
/// Only the events that may match are read, and the proof comes from the run's stored nodes: showing one of
/// many events costs about as much as showing one of few.
///
/// # Errors
/// [`Error::NothingSelected`] when a selection other than `none` matches nothing.
pub fn disclose(
    ledger: &Ledger,
    run: &Run,
    selection: &Selection,
) -> Result<Option<Disclosures>, Error> {
    if selection.is_none() {
        return Ok(None);
    }
    let mut events = Vec::new();
    let mut blobs = Blobs::new();
    for (seq, event) in matching(ledger, run, selection)? {
        // Only who asks for fields needs the key of an encrypted run.
        let openings = match selection.asks_for_fields(&event.header_at(seq)?) {
            true => openings(ledger, run, seq, selection, &mut blobs)?,
            false => None,
        };
        events.push(Shown {
            seq,
            event,
            openings,
        });
    }
    if events.is_empty() {
        return Err(Error::NothingSelected {
            name: run.info.name.clone(),
        });
    }
    let seqs: Vec<LeafIndex> = events.iter().map(|shown| LeafIndex(shown.seq)).collect();
    Ok(Some(Disclosures {
        proof: ledger.prove_events(run, &seqs)?,
        events,
        blobs,
        ..Disclosures::default()
    }))
}

/// The events that the selection shows, ascending.
fn matching(ledger: &Ledger, run: &Run, selection: &Selection) -> Result<Vec<(u64, Event)>, Error> {
    let mut events = Vec::new();
    for range in selection.seqs(run.size) {
        for (seq, event) in (*range.start()..).zip(ledger.events_in(run, range.clone())) {
            let event = event?;
            if selection.shows(&event.header_at(seq)?) {
                events.push((seq, event));
            }
        }
    }
    Ok(events)
}

/// The fields that the selection shows of one event.
fn openings(
    ledger: &Ledger,
    run: &Run,
    seq: u64,
    selection: &Selection,
    blobs: &mut Blobs,
) -> Result<Option<Openings>, Error> {
    let entry = ledger.event(run, seq)?;
    let header = entry.event.header_at(seq)?;
    let mut fields = Vec::new();
    for (index, field) in entry.body.indexed_fields() {
        // Leaf 0, which counts the fields, is opened with any of them.
        if index > 0 && !selection.shows_field(&header, field.name()) {
            continue;
        }
        if let Some(reference) = (index > 0).then(|| field.blob()).flatten()
            && let Some(bytes) = ledger.run_blob(run.index, &reference.digest)?
        {
            blobs.insert(bytes);
        }
        fields.push((index, field.clone()));
    }
    // Alone, leaf 0 is shown where all fields are: that there are none is then part of the answer.
    // What was erased has no name any more: it is shown as erased wherever fields are asked for, so that it
    // does not look like something withheld.
    let erased: Vec<(u64, Digest)> = entry.body.erased().collect();
    if fields.len() <= 1 && erased.is_empty() && !selection.shows_field(&header, "") {
        return Ok(None);
    }
    let opened = fields.iter().map(|(index, _)| *index);
    let mut indices: Vec<u64> = opened.chain(erased.iter().map(|(at, _)| *at)).collect();
    indices.sort_unstable();
    let indices: Vec<LeafIndex> = indices.into_iter().map(LeafIndex).collect();
    Ok(Some(Openings {
        proof: entry.body.proof(&indices)?,
        fields,
        erased,
        sealed: Vec::new(),
    }))
}
