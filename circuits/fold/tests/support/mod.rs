//! Runs to fold.
#![allow(unreachable_pub, missing_docs)]

use avouch_merkle::hash_leaf;
use avouch_trace::{Decision, Event, Flags, Header, Kind, NameId};

/// A run of `size` events (at least 2), all but its ends tool calls that were allowed.
pub fn run(size: u64) -> Vec<Event> {
    let event = |seq: u64| {
        let kind = match seq {
            0 => Kind::RunStart,
            _ if seq + 1 == size => Kind::RunEnd,
            _ => Kind::ToolCall,
        };
        let header = Header {
            kind,
            decision: Decision::Allow,
            flags: Flags::NONE,
            round: 0,
            seq,
            time: 1_700_000_000_000 + seq,
            cost: Some(10),
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
