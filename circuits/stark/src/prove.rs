//! Proving.

use std::collections::BTreeMap;
use std::string::ToString;
use std::vec::Vec;

use avouch_claims::{Claims, State};
use avouch_trace::{Event, Header};
use p3_batch_stark::{ProverData, StarkInstance, prove_batch};
use p3_field::PrimeCharacteristicRing;
use p3_matrix::dense::RowMajorMatrix;
use rand_core::CryptoRng;

use crate::blind::{self, Blinded};
use crate::boundary::{BoundaryAir, Opening};
use crate::bus;
use crate::chain::Chain;
use crate::config::config;
use crate::error::Error;
use crate::events::{EventsAir, EventsWitness, Memory, Segment};
use crate::preset::Preset;
use crate::proof::{Proof, SegmentProof};
use crate::segment::{Layout, hashed, segments};
use crate::statement::{Part, Public, transcript};
use crate::table::Table;
use crate::tree::{Tree, exported, join};
use crate::{MAX_EVENTS, MAX_SEGMENT, MIN_SEGMENT, Val, hub, sha, wire};

/// How to prove.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The parameters.
    pub preset: Preset,
    /// How many events each segment has: more is smaller and faster, and needs more memory. `None`
    /// is one segment for up to 1,024 events (585 with the chain), and as many events as about 1.5 GB
    /// allow for more.
    pub segment: Option<u64>,
    /// Whether to prove the chain too: that the root's events lead from its start to its head. Takes
    /// nearly twice the time.
    pub chain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            preset: Preset::Proven100,
            segment: None,
            chain: false,
        }
    }
}

/// The most blocks that a run of one segment hashes, unless told.
const WHOLE: usize = 4096;
/// The most blocks that a segment of a longer run hashes, unless told.
const BLOCKS: usize = 2048;

impl Options {
    /// The length of segments, for a run of this size.
    pub(crate) fn length(&self, claims: &Claims, size: u64) -> Result<u64, Error> {
        if let Some(length) = self.segment {
            let fits = (MIN_SEGMENT..=MAX_SEGMENT).contains(&length);
            return if fits {
                Ok(length.min(size))
            } else {
                Err(Error::SegmentSize(length))
            };
        }
        let blocks = |segment: Segment| -> Result<usize, Error> {
            Ok(hashed(&EventsAir::new(claims, segment)?, self.chain))
        };
        let whole = Segment {
            first: 0,
            count: size,
            size,
        };
        if size <= MAX_SEGMENT && blocks(whole)? <= WHOLE {
            return Ok(size);
        }
        // As long as all segments stay within the blocks; where they begin decides a little.
        let fits = |length: u64| {
            segments(size, length)
                .take(64)
                .all(|segment| blocks(segment).is_ok_and(|blocks| blocks <= BLOCKS))
        };
        Ok((MIN_SEGMENT..=512)
            .rev()
            .step_by(16)
            .find(|&length| fits(length))
            .unwrap_or(MIN_SEGMENT))
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
    let headers = judge(public, events)?;
    let length = options.length(&public.claims, size)?;
    let mut nodes = BTreeMap::new();
    for segment in segments(size, length) {
        let spans = exported(&segment);
        let tree = Tree::new(&spans, segment.first, &events[segment.range()]);
        nodes.extend(spans.into_iter().zip(tree.exports));
    }
    if size != public.size || join(size, &nodes) != Some(public.root) {
        return Err(Error::NotTheRoot);
    }
    let mut chain = public.chain_start;
    if options.chain {
        let head = events
            .iter()
            .fold(chain, |value, event| event.chain(&value));
        if head != public.chain_head {
            return Err(Error::NotTheChain);
        }
    }
    let mut bytes = Proof::begin(options.preset, options.chain, length);
    let number = segments(size, length).len() as u32;
    let mut memory = None;
    let mut incoming = None;
    for (index, segment) in segments(size, length).enumerate() {
        progress(index as u32, number);
        let here = &events[segment.range()];
        let tree = Tree::new(&exported(&segment), segment.first, here);
        let linked = options
            .chain
            .then(|| Chain::new(chain, segment.first, here));
        chain = linked.as_ref().map_or(chain, Chain::head);
        let air = EventsAir::new(&public.claims, segment)?;
        let start = memory.unwrap_or_else(|| air.start());
        let blinding = blindings(rng);
        let witness = air.witness(
            &headers[segment.range()],
            &start,
            &blinding[Blinded::Events as usize],
        )?;
        let outgoing = (!segment.is_last())
            .then(|| Opening::new(&slots(&air, &witness.after, linked.as_ref()), rng));
        memory = Some(witness.after.clone());
        let openings = [incoming, outgoing];
        let boundaries = openings
            .each_ref()
            .map(|opening| opening.as_ref().map(|opening| opening.digest));
        let part = Part {
            index: index as u32,
            segments: number,
            segment,
            exports: &tree.exports,
            boundaries,
            chain: options.chain,
        };
        let transcript = transcript(public, options.preset, &part);
        let layout = Layout::new(public, &part)?;
        let traces = traces(
            &layout,
            &tree,
            linked.as_ref(),
            witness,
            &openings,
            &blinding,
        );
        let batch = prove_segment(options.preset, transcript, &layout, &traces, rng)?;
        let exports = tree.exports;
        SegmentProof {
            exports,
            outgoing: boundaries[1],
            batch,
        }
        .encode(&mut bytes);
        let [_, outgoing] = openings;
        incoming = outgoing;
    }
    progress(number, number);
    Ok(bytes)
}

/// What the commitment after a segment is over.
pub(crate) fn slots(air: &EventsAir, memory: &Memory, chain: Option<&Chain<'_>>) -> Vec<u16> {
    let mut slots = air.slots(memory);
    let head = chain.map(Chain::head);
    slots.extend(head.iter().flat_map(|head| bus::limbs(head.as_bytes())));
    slots
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

/// Every table's blinding.
pub(crate) type Blindings = [[Val; blind::WIDTH]; Blinded::ALL.len()];

pub(crate) fn blindings(rng: &mut impl CryptoRng) -> Blindings {
    core::array::from_fn(|_| core::array::from_fn(|i| if i == 0 { Val::ONE } else { random(rng) }))
}

/// The tables' contents, in the layout's order.
pub(crate) fn traces(
    layout: &Layout,
    tree: &Tree,
    chain: Option<&Chain<'_>>,
    events: EventsWitness,
    openings: &[Option<Opening>; 2],
    blinding: &Blindings,
) -> Vec<RowMajorMatrix<Val>> {
    let of = |table: Blinded| &blinding[table as usize];
    let boundary = layout.airs.iter().find_map(|air| match air {
        Table::Boundary(air) => Some(air),
        _ => None,
    });
    // The boundary's messages come first: their ids are constants.
    let sides = openings
        .iter()
        .flatten()
        .filter_map(|opening| boundary.map(|air| air.message(opening)));
    let first = boundary.map_or(0, BoundaryAir::messages);
    let mut messages: Vec<_> = sides.chain(tree.messages()).collect();
    let linked = messages.len();
    messages.extend(chain.into_iter().flat_map(Chain::messages));
    let mut events_trace = Some(events.trace);
    let tables = layout.airs.iter().zip(&layout.heights);
    let filled = tables.map(|(air, &rows)| match air {
        Table::Sha(_) => sha::trace(&messages, rows, of(Blinded::Sha)).0,
        Table::Tree(_) => tree.trace(first, rows, of(Blinded::Tree)),
        Table::Events(_) => events_trace
            .take()
            .unwrap_or_else(|| RowMajorMatrix::new(Vec::new(), 1)),
        Table::Hub(_) => hub::trace(&events.bytes, blinding),
        Table::Boundary(air) => air.trace(openings, rows, of(Blinded::Boundary)),
        Table::Chain(air) => chain.map_or_else(
            || RowMajorMatrix::new(Vec::new(), 1),
            |chain| chain.trace(air, linked, rows, of(Blinded::Chain)),
        ),
    });
    filled.collect()
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
    pub(crate) fn range(&self) -> core::ops::Range<usize> {
        self.first as usize..(self.first + self.count) as usize
    }
}
