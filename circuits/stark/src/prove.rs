//! Proving.

use std::string::ToString;
use std::vec::Vec;

use avouch_claims::State;
use avouch_trace::{Event, Header};
use p3_batch_stark::{ProverData, StarkInstance, prove_batch};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use rand_core::CryptoRng;

use crate::blind::{self, Blinded};
use crate::bus::ByteCounts;
use crate::config::config;
use crate::error::Error;
use crate::events::{self, Segment};
use crate::preset::Preset;
use crate::proof::{Proof, SegmentProof};
use crate::segment::{Layout, segments};
use crate::statement::{Part, Public, transcript};
use crate::table::Table;
use crate::tree::{Tree, exported, join};
use crate::{MAX_EVENTS, MAX_SEGMENT, MIN_SEGMENT, Val, hub, sha, wire};

/// How to prove.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The parameters.
    pub preset: Preset,
    /// How many events each segment has: more is smaller and faster, and needs more memory.
    pub segment: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: Preset::Proven100,
            segment: 1024,
        }
    }
}

/// Proves that these events have the public inputs' root and size, are well-formed, and that the
/// claims hold for them. `progress` hears how many segments of how many are done.
///
/// Judges natively first: what is false is not proven, and the error says why.
pub fn prove(
    public: &Public,
    events: &[Event],
    options: Options,
    rng: &mut impl CryptoRng,
    mut progress: impl FnMut(u32, u32),
) -> Result<Vec<u8>, Error> {
    let size = events.len() as u64;
    if size == 0 || size > MAX_EVENTS {
        return Err(Error::Size(size));
    }
    if !(MIN_SEGMENT..=MAX_SEGMENT).contains(&options.segment) {
        return Err(Error::SegmentSize(options.segment));
    }
    let headers = judge(public, events)?;
    let length = options.segment.min(size);
    let mut bytes = Proof::begin(options.preset, length);
    let number = segments(size, length).len() as u32;
    let mut nodes = std::collections::BTreeMap::new();
    let trees: Vec<Tree> = segments(size, length)
        .map(|segment| Tree::new(&exported(&segment), segment.first, &events[segment.range()]))
        .collect();
    for (segment, tree) in segments(size, length).zip(&trees) {
        nodes.extend(
            exported(&segment)
                .into_iter()
                .zip(tree.exports.iter().copied()),
        );
    }
    if size != public.size || join(size, &nodes) != Some(public.root) {
        return Err(Error::NotTheRoot);
    }
    drop(trees);
    let mut state = State::new(&public.claims);
    for (index, segment) in segments(size, length).enumerate() {
        progress(index as u32, number);
        let events = &events[segment.range()];
        let tree = Tree::new(&exported(&segment), segment.first, events);
        let part = Part {
            index: index as u32,
            segments: number,
            segment,
            exports: &tree.exports,
            boundaries: [None, None],
        };
        let transcript = transcript(public, options.preset, &part);
        let layout = Layout::new(&public.claims, segment, &tree.exports);
        let headers = &headers[segment.range()];
        let traces = traces(&layout, &tree, headers, &state, rng);
        let batch = prove_segment(options.preset, transcript, &layout, &traces, rng)?;
        SegmentProof {
            exports: tree.exports,
            batch,
        }
        .encode(&mut bytes);
        for header in headers {
            state
                .step(header)
                .map_err(|error| Error::Trace(error.to_string()))?;
        }
    }
    progress(number, number);
    Ok(bytes)
}

/// The headers, if they are a well-formed trace for which the claims hold.
fn judge(public: &Public, events: &[Event]) -> Result<Vec<Header>, Error> {
    let mut state = State::new(&public.claims);
    let mut headers = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        let header = event
            .header_at(index as u64)
            .map_err(|error| Error::Trace(error.to_string()))?;
        state
            .step(&header)
            .map_err(|error| Error::Trace(error.to_string()))?;
        headers.push(header);
    }
    let verdict = state
        .finish()
        .map_err(|error| Error::Trace(error.to_string()))?;
    match verdict.failures().next() {
        Some(failure) => Err(Error::False(failure.to_string())),
        None => Ok(headers),
    }
}

/// The tables' contents, in the layout's order.
pub(crate) fn traces(
    layout: &Layout,
    tree: &Tree,
    headers: &[Header],
    state: &State<'_>,
    rng: &mut impl CryptoRng,
) -> Vec<RowMajorMatrix<Val>> {
    let mut bytes = ByteCounts::default();
    let blinding: [[Val; blind::WIDTH]; Blinded::ALL.len()] = core::array::from_fn(|_| {
        core::array::from_fn(|i| if i == 0 { Val::ONE } else { random(rng) })
    });
    let of = |table: Blinded| &blinding[table as usize];
    let messages: Vec<_> = tree.messages().collect();
    let mut traces = Vec::new();
    // The hub counts what all others send, so it is filled last.
    for (air, &rows) in layout.airs.iter().zip(&layout.heights) {
        traces.push(match air {
            Table::Sha(_) => sha::trace(&messages, rows, of(Blinded::Sha)).0,
            Table::Tree(_) => tree.trace(rows, of(Blinded::Tree)),
            Table::Events(air) => {
                events::trace(air, headers, state, of(Blinded::Events), &mut bytes)
            }
            Table::Hub(_) => hub::trace(&bytes, &blinding),
        });
    }
    traces
}

/// A uniform field element: a 31-bit number below the modulus.
fn random(rng: &mut impl CryptoRng) -> Val {
    use p3_field::PrimeField32;
    loop {
        let mut bytes = [0; 4];
        rng.fill_bytes(&mut bytes);
        let number = u32::from_le_bytes(bytes) >> 1;
        if number < Val::ORDER_U32 {
            return Val::from_u32(number);
        }
    }
}

/// One batch proof, as bytes.
pub(crate) fn prove_segment(
    preset: Preset,
    transcript: Vec<u8>,
    layout: &Layout,
    traces: &[RowMajorMatrix<Val>],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Error> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let config = config(preset, transcript, seed);
    let failed = |what: std::string::String| Error::Prover(what);
    let data = ProverData::from_airs_and_degrees(&config, &layout.airs, &layout.degree_bits())
        .map_err(|error| failed(format!("{error:?}")))?;
    let instances: Vec<_> = layout
        .airs
        .iter()
        .zip(traces)
        .map(|(air, trace)| StarkInstance {
            air,
            trace,
            public_values: Vec::new(),
        })
        .collect();
    let proof =
        prove_batch(&config, &instances, &data).map_err(|error| failed(format!("{error:?}")))?;
    wire::to_bytes(&proof).map_err(|error| failed(error.to_string()))
}

impl Segment {
    fn range(&self) -> core::ops::Range<usize> {
        self.first as usize..(self.first + self.count) as usize
    }
}
