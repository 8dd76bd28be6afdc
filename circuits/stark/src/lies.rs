//! A dishonest prover: it fills the tables with lies, one column group after another, proves them with
//! the same prover, and the verifier refuses every time.
//!
//! The events table has its own suite, in `tests/events`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::eprintln;
use std::panic::{AssertUnwindSafe, catch_unwind};

use avouch_claims::{Claim, Claims};
use avouch_merkle::{Digest, hash_leaf, root};
use avouch_trace::{Decision, Event, Flags, Header, Kind, NameId};
use p3_field::{Field, PrimeCharacteristicRing};
use p3_matrix::dense::RowMajorMatrix;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Val;
use crate::blind::Blinded;
use crate::boundary::Opening;
use crate::chain::{self, Chain};
use crate::events::{EventsAir, Segment};
use crate::preset::Preset;
use crate::prove::{blindings, prove_segment, slots, traces};
use crate::segment::Layout;
use crate::sha::columns as sha;
use crate::statement::{Part, Public};
use crate::tree::air as tree;
use crate::tree::{Tree, exported};
use crate::verify::verify_segment;

pub(crate) fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([9; 32])
}

/// A run of so many events that only notes things.
pub(crate) fn run(size: u64) -> Vec<Event> {
    let event = |seq: u64| {
        let kind = match seq {
            0 => Kind::RunStart,
            _ if seq + 1 == size => Kind::RunEnd,
            _ => Kind::Note,
        };
        let header = Header {
            kind,
            decision: Decision::None,
            flags: Flags::NONE,
            round: 0,
            seq,
            time: 1_700_000_000_000 + seq,
            cost: Some(1),
            budget: None,
            score: None,
            parent: None,
            actor: NameId::NONE,
            subject: NameId::NONE,
        };
        Event::new(&header, hash_leaf(&seq.to_be_bytes()))
    };
    (0..size).map(event).collect()
}

pub(crate) fn claims() -> Claims {
    Claims::new([Claim::Spend { max: 1_000_000 }, Claim::Halt]).unwrap()
}

/// What everybody knows about such a run.
pub(crate) fn public(events: &[Event]) -> Public {
    let chain_start = Digest([3; 32]);
    Public {
        statement_id: [7; 32],
        root: root(events.iter().map(Event::leaf)),
        size: events.len() as u64,
        chain_start,
        chain_head: events
            .iter()
            .fold(chain_start, |value, event| event.chain(&value)),
        claims: claims(),
    }
}

/// What an honest prover would prove, to be spoiled.
struct Case {
    layout: Layout,
    traces: Vec<RowMajorMatrix<Val>>,
}

impl Case {
    /// The segment's events, of a run of `size`, with the tree that `tree` makes of them, and the
    /// chain if that is to be proven too.
    fn with(segment: Segment, chain: bool, tree: impl Fn(&[Event]) -> Tree) -> Self {
        let mut rng = rng();
        let events = &run(segment.size)[..];
        let public = public(events);
        let before = Chain::new(public.chain_start, 0, &events[..segment.first as usize]);
        let events = &events[segment.range()];
        let linked = chain.then(|| Chain::new(before.head(), segment.first, events));
        let before = chain.then_some(&before);
        let headers: Vec<Header> = events.iter().map(|event| event.header().unwrap()).collect();
        let tree = tree(events);
        let air = EventsAir::new(&public.claims, segment).unwrap();
        let blinding = blindings(&mut rng);
        let start = air.start();
        let witness = air
            .witness(&headers, &start, &blinding[Blinded::Events as usize])
            .unwrap();
        let before = (!segment.is_first()).then(|| slots(&air, &start, before));
        let after = (!segment.is_last()).then(|| slots(&air, &witness.after, linked.as_ref()));
        let openings =
            [before, after].map(|slots| slots.map(|slots| Opening::new(&slots, &mut rng)));
        let boundaries = openings
            .each_ref()
            .map(|opening| opening.as_ref().map(|o| o.digest));
        let part = Part {
            index: 0,
            segments: 1,
            segment,
            exports: &tree.exports,
            boundaries,
            chain,
        };
        let layout = Layout::new(&public, &part).unwrap();
        let linked = linked.as_ref();
        let traces = traces(&layout, &tree, linked, witness, &openings, &blinding);
        Self { layout, traces }
    }

    fn of(segment: Segment, chain: bool) -> Self {
        Self::with(segment, chain, |events| {
            Tree::new(&exported(&segment), segment.first, events)
        })
    }

    fn small() -> Self {
        Self::of(SMALL, false)
    }

    /// With the chain.
    fn chained() -> Self {
        Self::of(SMALL, true)
    }

    /// Proves the tables as they are, and verifies.
    fn judged(&self) -> Result<(), String> {
        let about = b"a test".to_vec();
        let proof = catch_unwind(AssertUnwindSafe(|| {
            prove_segment(
                Preset::Quick,
                about.clone(),
                &self.layout,
                &self.traces,
                &mut rng(),
            )
        }));
        let proof = proof
            .map_err(|_| String::from(UNPROVEN))?
            .map_err(|error| format!("{error}"))?;
        verify_segment(Preset::Quick, about, &self.layout, &proof)
    }

    fn cell(&mut self, table: usize, row: usize, column: usize) -> &mut Val {
        let width = self.traces[table].width;
        &mut self.traces[table].values[row * width + column]
    }
}

const SMALL: Segment = Segment {
    first: 0,
    count: 5,
    size: 5,
};

const UNPROVEN: &str = "the prover itself panics";

const SHA: usize = 0;
const TREE: usize = 1;
const EVENTS: usize = 2;
const HUB: usize = 3;

/// Lies told so far, each of which was refused.
struct Suite {
    honest: fn() -> Case,
    told: usize,
    /// Those of them that even the library's prover refuses to prove.
    unproven: usize,
}

impl Suite {
    fn new(honest: fn() -> Case) -> Self {
        assert_eq!(honest().judged(), Ok(()), "the honest tables are accepted");
        Self {
            honest,
            told: 0,
            unproven: 0,
        }
    }

    fn lie(&mut self, name: &str, spoil: impl FnOnce(&mut Case)) {
        let mut case = (self.honest)();
        spoil(&mut case);
        let judged = case.judged();
        assert!(judged.is_err(), "accepted: {name}");
        self.told += 1;
        self.unproven += usize::from(judged == Err(UNPROVEN.into()));
    }

    /// Adds one to a cell.
    fn bump(&mut self, name: &str, table: usize, row: usize, column: usize) {
        self.lie(name, |case| *case.cell(table, row, column) += Val::ONE);
    }

    fn report(&self, what: &str) {
        let Self { told, unproven, .. } = self;
        assert!(unproven * 10 < *told, "the verifier is what has to refuse");
        eprintln!("{what}: {told} lies, all refused ({unproven} by the prover)");
    }
}

/// Rows of the SHA-256 table: the second block of the third message, a leaf or node like any other.
const BLOCK: usize = 5 * 8;

#[test]
fn lies_about_hashing_are_refused() {
    let mut suite = Suite::new(Case::small);
    for (name, row, column) in [
        ("a bit of chain a in a round", 3, sha::A + 32 * 4 + 7),
        ("a bit of chain a in a row's first step", 3, sha::A),
        ("a bit of chain a going in", 0, sha::A + 32 * 2 + 31),
        ("a bit of chain a coming out", 7, sha::A + 32 * 6 + 3),
        ("a bit of chain e in a round", 5, sha::E + 32 * 8 + 1),
        ("a bit of chain e going in", 0, sha::E + 32 + 5),
        ("a bit of chain e coming out", 7, sha::E + 32 * 8 + 30),
        ("a bit of the last round", 7, sha::E + 32 * 4 + 30),
        ("a bit of a block's word", 1, sha::W + 32 * 4 + 9),
        ("a bit of the block's last word", 2, sha::W + 32 + 3),
        ("a bit of the first scheduled word", 2, sha::W + 32 * 2 + 3),
        ("a bit of the last scheduled word", 7, sha::W + 32 * 4 + 3),
        ("a carry of e", 4, sha::CARRY_E + 4 * 3),
        ("a large carry of e", 4, sha::CARRY_E + 4 * 3 + 1),
        ("a carry of e's high limb", 4, sha::CARRY_E + 4 * 3 + 2),
        ("a carry of the digest's sum", 7, sha::CARRY_E + 4 * 6),
        ("a carry of a", 4, sha::CARRY_A + 2 * 3),
        (
            "a carry of the digest's other sum",
            7,
            sha::CARRY_A + 2 * 7 + 1,
        ),
        ("a carry of the schedule", 4, sha::CARRY_W + 2 * 3 + 1),
        ("a partial sum", 4, sha::PARTIAL + 2 * 5),
        ("a digest's limb of chain e", 7, sha::PARTIAL + 2 * 5),
        ("a packed word", 1, sha::PACKED + 2 * 5),
        ("a digest's limb of chain a", 7, sha::PACKED + 2 * 7 + 1),
        ("the chaining value in the first row", 0, sha::H_IN + 4),
        ("the chaining value in a later row", 6, sha::H_IN + 4),
        ("the message's id in one row", 3, sha::ID),
        ("the block's number in one row", 3, sha::BLOCK),
        ("which row goes onto the bus", 3, sha::ON_BUS + 1),
        ("a row off the bus", 1, sha::ON_BUS + 1),
    ] {
        suite.bump(name, SHA, BLOCK + row, column);
    }
    for (name, column) in [
        ("whether it is a first block", sha::FIRST),
        ("whether it is real", sha::REAL),
        ("whether it is the last block", sha::LAST),
        ("how its first half is packed", sha::FMT_LO),
        ("how its second half is packed", sha::FMT_HI),
    ] {
        // In every row of the compression, so that no constraint on constancy helps.
        suite.lie(name, |case| {
            for row in BLOCK..BLOCK + 8 {
                let cell = case.cell(SHA, row, column);
                *cell = Val::ONE - *cell;
            }
        });
    }
    for (name, column) in [("the id", sha::ID), ("the block", sha::BLOCK)] {
        suite.lie(name, |case| {
            for row in BLOCK..BLOCK + 8 {
                *case.cell(SHA, row, column) += Val::ONE;
            }
        });
    }
    for (name, column) in [
        ("an unread message goes onto the bus", sha::REAL),
        ("an unread digest goes onto the bus", sha::LAST),
    ] {
        suite.lie(name, |case| {
            let rows = case.layout.heights[SHA];
            for row in rows - 8..rows {
                *case.cell(SHA, row, column) = Val::ONE;
            }
        });
    }
    suite.lie("a bit that is two", |case| {
        *case.cell(SHA, BLOCK + 3, sha::A + 64) = Val::TWO
    });
    suite.lie("a flag that is two", |case| {
        for row in BLOCK..BLOCK + 8 {
            *case.cell(SHA, row, sha::REAL) = Val::TWO;
        }
    });
    suite.lie("two messages with one id", |case| {
        let rows = case.layout.heights[SHA];
        for row in 32..rows {
            *case.cell(SHA, row, sha::ID) -= Val::ONE;
        }
    });
    suite.lie("the first message is not number 0", |case| {
        for row in 0..case.layout.heights[SHA] {
            *case.cell(SHA, row, sha::ID) += Val::ONE;
        }
        for row in 0..9 {
            *case.cell(TREE, row, tree::ID) += Val::ONE;
        }
    });
    suite.lie("the last row", |case| {
        let row = case.layout.heights[SHA] - 1;
        *case.cell(SHA, row, sha::A + 32 * 5) += Val::ONE;
    });
    suite.report("the SHA-256 table");
}

/// Rows of the tree over five events, children first: 0 and 1 are leaves, 2 their parent.
const LEAF: usize = 1;
const INNER: usize = 2;

#[test]
fn lies_about_the_tree_are_refused() {
    let mut suite = Suite::new(Case::small);
    for (name, row, column) in [
        ("a leaf's prefix", LEAF, tree::MESSAGE),
        ("a header's head", LEAF, tree::MESSAGE + 1),
        ("a header's limb", LEAF, tree::MESSAGE + 9),
        ("a body's head", LEAF, tree::MESSAGE + 42),
        ("a body's limb", LEAF, tree::MESSAGE + 50),
        ("a leaf's padding", LEAF, tree::MESSAGE + 59),
        ("a leaf's length", LEAF, tree::MESSAGE + 63),
        ("a leaf's digest", LEAF, tree::DIGEST + 3),
        ("a leaf's message", LEAF, tree::ID),
        ("a leaf's place", LEAF, tree::FIRST),
        ("a leaf's size", LEAF, tree::COUNT),
        ("a leaf that is none", LEAF, tree::IS_LEAF),
        ("a leaf that is a node too", LEAF, tree::IS_INNER),
        ("a left digest's limb", INNER, tree::MESSAGE + 5),
        ("a right digest's limb", INNER, tree::MESSAGE + 20),
        ("a right digest's last byte", INNER, tree::LAST_BYTE),
        ("a node's padding", INNER, tree::MESSAGE + 40),
        ("a node's length", INNER, tree::MESSAGE + 63),
        ("a node's digest", INNER, tree::DIGEST + 15),
        ("a node's message", INNER, tree::ID),
        ("a node's place", INNER, tree::FIRST),
        ("a node's size", INNER, tree::COUNT),
        ("a node's left size", INNER, tree::LEFT),
        ("a node's right size", INNER, tree::RIGHT),
        ("a node's exponent", INNER, tree::EXPONENT),
        ("a node's small power", INNER, tree::SMALL_POWER),
        ("how many fewer", INNER, tree::FEWER),
        ("a node that is a leaf too", INNER, tree::IS_LEAF),
        ("a node that is none", INNER, tree::IS_INNER),
        ("padding that is a leaf", 200, tree::IS_LEAF),
        ("padding that is a node", 200, tree::IS_INNER),
        ("the last row is a leaf", 255, tree::IS_LEAF),
    ] {
        suite.bump(name, TREE, row, column);
    }
    suite.lie("two leaves have changed places", |case| {
        let (one, two) = (
            *case.cell(TREE, 0, tree::FIRST),
            *case.cell(TREE, 1, tree::FIRST),
        );
        *case.cell(TREE, 0, tree::FIRST) = two;
        *case.cell(TREE, 1, tree::FIRST) = one;
    });
    suite.lie("a row is there twice", |case| {
        let width = case.traces[TREE].width;
        let row = case.traces[TREE].values[..width].to_vec();
        case.traces[TREE].values[200 * width..201 * width].copy_from_slice(&row);
    });
    suite.lie("a row is missing", |case| {
        for column in [tree::IS_LEAF, tree::IS_INNER] {
            *case.cell(TREE, 0, column) = Val::ZERO;
        }
    });
    suite.lie("the flag is a half", |case| {
        *case.cell(TREE, LEAF, tree::IS_LEAF) = Val::ONE.halve()
    });
    suite.report("the tree table");
}

#[test]
fn a_tree_of_another_shape_is_refused() {
    let segment = Segment {
        first: 0,
        count: 3,
        size: 3,
    };
    assert_eq!(Case::of(segment, false).judged(), Ok(()));
    let lopsided = Case::with(segment, false, Tree::lopsided);
    assert!(lopsided.judged().is_err());
}

#[test]
fn lies_in_the_hub_and_about_events_are_refused() {
    let mut suite = Suite::new(Case::small);
    suite.bump("a byte's count", HUB, 0, 1);
    suite.bump("another byte's count", HUB, 255, 1);
    suite.bump("a byte", HUB, 7, 0);
    suite.bump("the last byte", HUB, 255, 0);
    suite.bump("not the first row", HUB, 0, 2);
    suite.bump("two first rows", HUB, 1, 2);
    suite.bump("the blinding", HUB, 0, 4);
    suite.lie("an event's columns, one row up", |case| {
        let width = case.traces[EVENTS].width;
        case.traces[EVENTS].values.rotate_left(width);
    });
    suite.lie("an event is left out", |case| {
        let width = case.traces[EVENTS].width;
        let padding = case.traces[EVENTS].values[100 * width..101 * width].to_vec();
        case.traces[EVENTS].values[4 * width..5 * width].copy_from_slice(&padding);
    });
    suite.lie("an event more", |case| {
        let width = case.traces[EVENTS].width;
        let event = case.traces[EVENTS].values[4 * width..5 * width].to_vec();
        case.traces[EVENTS].values[5 * width..6 * width].copy_from_slice(&event);
    });
    suite.report("the hub and the events");
}

/// A run's last segment: it has one boundary, and few rows.
fn last() -> Case {
    Case::of(LAST, false)
}

const LAST: Segment = Segment {
    first: 256,
    count: 5,
    size: 261,
};

/// A segment in the middle, with two.
fn middle() -> Case {
    Case::of(MIDDLE, false)
}

const MIDDLE: Segment = Segment {
    first: 256,
    count: 255,
    size: 1000,
};

#[test]
fn lies_at_a_boundary_are_refused() {
    // Rows: the head of the incoming side, and its padding.
    const BOUNDARY: usize = 4;
    let mut suite = Suite::new(last);
    for (name, row, column) in [
        ("the fixed string", 0, 2),
        ("the randomness", 0, 12),
        ("a slot coming in", 0, 24),
        ("the padding", 1, 0),
        ("the length", 1, 31),
        ("the digest", 1, 32),
        ("the side", 0, 48),
        ("the block", 0, 49),
        ("a head that is none", 0, 50),
        ("a head that is full of slots", 0, 51),
        ("an end that is none", 1, 53),
        ("padding that is an end", 100, 53),
        ("the last row is a head", 255, 50),
    ] {
        suite.bump(name, BOUNDARY, row, column);
    }
    suite.report("the boundary table");
}

#[test]
fn a_commitment_to_another_state_is_refused() {
    for (honest, sides) in [(last as fn() -> Case, 0..1), (middle, 1..2)] {
        let mut case = honest();
        assert_eq!(case.judged(), Ok(()));
        for side in sides {
            if let crate::table::Table::Hub(hub) = &mut case.layout.airs[HUB] {
                hub.commitments[side] = Some(Digest([5; 32]));
            }
            assert!(case.judged().is_err());
        }
    }
}

#[test]
fn lies_about_the_chain_are_refused() {
    /// The table of a run without boundaries, and an event in it.
    const CHAIN: usize = 4;
    const ROW: usize = 2;
    let mut suite = Suite::new(Case::chained);
    for (name, row, column) in [
        ("the value before", ROW, chain::BEFORE + 3),
        ("the value before the first", 0, chain::BEFORE + 3),
        ("the last byte", ROW, chain::LAST_BYTE),
        ("a bit of it", ROW, chain::LAST_BITS + 3),
        ("the header's first limb", ROW, chain::HEADER),
        ("a limb in the second block", ROW, chain::HEADER + 20),
        ("the body's first limb", ROW, chain::BODY),
        ("the body's last limb", ROW, chain::BODY + 15),
        ("the value after", ROW, chain::AFTER + 9),
        ("the value after the last", 4, chain::AFTER + 9),
        ("the index", ROW, chain::INDEX),
        ("the message", ROW, chain::ID),
        ("an event that is none", ROW, chain::REAL),
        ("padding that is an event", 200, chain::REAL),
        ("the last row is an event", 255, chain::REAL),
        ("a side that there is not", 0, chain::AT_SIDE[0]),
        ("the other side", 4, chain::AT_SIDE[1]),
    ] {
        suite.bump(name, CHAIN, row, column);
    }
    suite.lie("two events have changed places", |case| {
        let (one, two) = (1, 2);
        for column in (chain::HEADER..chain::AFTER).chain([chain::INDEX]) {
            let (a, b) = (
                *case.cell(CHAIN, one, column),
                *case.cell(CHAIN, two, column),
            );
            *case.cell(CHAIN, one, column) = b;
            *case.cell(CHAIN, two, column) = a;
        }
    });
    suite.lie("an event is left out", |case| {
        *case.cell(CHAIN, ROW, chain::REAL) = Val::ZERO;
    });
    suite.lie("an event is there twice", |case| {
        let width = case.traces[CHAIN].width;
        let row = case.traces[CHAIN].values[width..2 * width].to_vec();
        case.traces[CHAIN].values[200 * width..201 * width].copy_from_slice(&row);
    });
    suite.lie("its flag is two", |case| {
        *case.cell(CHAIN, ROW, chain::REAL) = Val::TWO;
    });
    // 0x82 less one and the byte more by 1/256: the limb is the same, and the byte is none.
    suite.lie("a last byte that is no byte", |case| {
        *case.cell(CHAIN, ROW, chain::LAST_BYTE) += Val::from_u32(256).inverse();
    });
    suite.lie("the message is packed like two digests", |case| {
        // The chain's messages come after the tree's nine.
        let first = (9 * 2 + 3 * ROW) * 8;
        for row in first..first + 8 {
            *case.cell(SHA, row, sha::FMT_HI) = Val::ONE;
        }
    });
    suite.report("the chain table");
}

/// The chain of other events, or from another value, each right in itself.
#[test]
fn a_chain_that_is_not_the_roots_is_refused() {
    let other = |spoil: fn(&mut Vec<Event>, &mut Digest)| {
        let (mut events, mut start) = (run(5), public(&run(5)).chain_start);
        let honest = Case::chained();
        spoil(&mut events, &mut start);
        let linked = Chain::new(start, 0, &events);
        let mut case = Case::chained();
        let crate::table::Table::Hub(hub) = &mut case.layout.airs[HUB] else {
            panic!("the hub");
        };
        // Even if its ends were what the statement says.
        hub.ends = [Some((0, start)), Some((5, linked.head()))];
        let crate::table::Table::Chain(air) = case.layout.airs[4] else {
            panic!("the chain");
        };
        let blinding = blindings(&mut rng());
        let segment = SMALL;
        let tree = Tree::new(&exported(&segment), 0, &run(5));
        let messages: Vec<_> = tree.messages().chain(linked.messages()).collect();
        let rows = case.layout.heights.clone();
        case.traces[SHA] =
            crate::sha::trace(&messages, rows[SHA], &blinding[Blinded::Sha as usize]).0;
        case.traces[4] = linked.trace(&air, 9, rows[4], &blinding[Blinded::Chain as usize]);
        (honest, case)
    };
    let (_, same) = other(|_, _| {});
    assert_eq!(same.judged(), Ok(()), "what this test builds is accepted");
    for spoil in [
        (|events, _| events[3].body.0[7] ^= 1) as fn(&mut Vec<Event>, &mut Digest),
        |events, _| events[2].header[30] ^= 1,
        |events, _| events.swap(1, 2),
    ] {
        assert!(other(spoil).1.judged().is_err());
    }
    // From another start it is another chain, and right about it: the hub's constants decide.
    let (honest, case) = other(|_, start| start.0[0] ^= 1);
    assert_eq!(case.judged(), Ok(()));
    let mut forged = case;
    forged.layout = honest.layout;
    assert!(forged.judged().is_err());
}

#[test]
fn lies_about_the_chain_at_a_boundary_are_refused() {
    const BOUNDARY: usize = 4;
    const CHAIN: usize = 5;
    let mut suite = Suite::new(|| Case::of(LAST, true));
    suite.bump("the value coming in", CHAIN, 0, chain::BEFORE);
    suite.lie("another event begins", |case| {
        *case.cell(CHAIN, 0, chain::AT_SIDE[0]) = Val::ZERO;
        *case.cell(CHAIN, 1, chain::AT_SIDE[0]) = Val::ONE;
    });
    suite.lie("two events begin", |case| {
        *case.cell(CHAIN, 1, chain::AT_SIDE[0]) = Val::ONE;
    });
    suite.lie("padding begins", |case| {
        *case.cell(CHAIN, 0, chain::AT_SIDE[0]) = Val::ZERO;
        *case.cell(CHAIN, 200, chain::AT_SIDE[0]) = Val::ONE;
    });
    suite.lie("a commitment to another value", |case| {
        let crate::table::Table::Chain(air) = case.layout.airs[CHAIN] else {
            panic!("the chain");
        };
        // Slots follow the first block's 24 limbs of head.
        let limb = 24 + air.slot;
        *case.cell(BOUNDARY, limb / 32, limb % 32) += Val::ONE;
    });
    suite.report("the chain coming in");

    let mut suite = Suite::new(|| Case::of(MIDDLE, true));
    suite.bump("the value going out", CHAIN, 254, chain::AFTER);
    suite.lie("no event ends", |case| {
        *case.cell(CHAIN, 254, chain::AT_SIDE[1]) = Val::ZERO;
    });
    suite.report("the chain going out");
}

#[test]
fn tables_of_other_heights_are_refused() {
    for table in 0..5 {
        let case = Case::chained();
        let mut higher = Case::chained();
        let width = higher.traces[table].width;
        let more = higher.traces[table].values.len();
        higher.layout.heights[table] *= 2;
        higher.traces[table].values.resize(2 * more, Val::ZERO);
        assert_eq!(higher.traces[table].width, width);
        let about = b"a test".to_vec();
        let proof = prove_segment(
            Preset::Quick,
            about.clone(),
            &higher.layout,
            &higher.traces,
            &mut rng(),
        )
        .unwrap();
        let refused = verify_segment(Preset::Quick, about, &case.layout, &proof);
        assert_eq!(refused, Err("its tables have other heights".into()));
    }
}
