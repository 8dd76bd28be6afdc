//! Runs to prove things about.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use avouch_claims::{Claim, Claims};
use avouch_merkle::{Digest, hash_leaf, root};
use avouch_stark::Public;
use avouch_trace::{Decision, Event, Flags, Header, Kind, NameId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A run of `size` events (at least 2) that keeps every rule there is.
pub fn run(size: u64) -> Vec<Event> {
    (0..size)
        .map(|seq| {
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
                cost: Some(0),
                budget: None,
                score: None,
                parent: None,
                actor: NameId::NONE,
                subject: NameId::NONE,
            };
            Event::new(&header, hash_leaf(&seq.to_be_bytes()))
        })
        .collect()
}

pub fn public(events: &[Event]) -> Public {
    let leaves: Vec<Digest> = events.iter().map(Event::leaf).collect();
    Public {
        statement_id: [7; 32],
        root: root(leaves),
        size: events.len() as u64,
        chain_start: Digest([3; 32]),
        chain_head: events
            .iter()
            .fold(Digest([3; 32]), |value, event| event.chain(&value)),
        claims: Claims::new([Claim::Spend { max: 0 }]).unwrap(),
    }
}
