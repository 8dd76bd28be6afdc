//! The canonical CBOR form: its numbers, and writing it.

use alloc::vec::Vec;

use avouch_cbor::Encoder;

use crate::{Claim, Filter, Ids, Matching};

/// The numbers of the claims.
pub(crate) mod number {
    pub(crate) const COUNT: u64 = 1;
    pub(crate) const WINDOW: u64 = 2;
    pub(crate) const SPEND: u64 = 3;
    pub(crate) const BUDGET: u64 = 4;
    pub(crate) const HALT: u64 = 5;
    pub(crate) const ALLOWED: u64 = 6;
    pub(crate) const GATED: u64 = 7;
    pub(crate) const OVERSIGHT: u64 = 8;
    pub(crate) const ONLY: u64 = 9;
    pub(crate) const THRESHOLD: u64 = 10;
    pub(crate) const CONSENSUS: u64 = 11;
}

/// The keys of a filter's map.
pub(crate) mod key {
    pub(crate) const KINDS: u64 = 1;
    pub(crate) const DECISIONS: u64 = 2;
    pub(crate) const FLAGS: u64 = 3;
    pub(crate) const ACTORS: u64 = 4;
    pub(crate) const SUBJECTS: u64 = 5;
}

pub(crate) fn encode_list<'a>(claims: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Encoder::new();
    out.array(claims.len());
    for claim in claims {
        out.raw(claim);
    }
    out.into_vec()
}

pub(crate) fn encode_claim(claim: &Claim) -> Vec<u8> {
    let mut out = Encoder::new();
    match claim {
        Claim::Count { filter, min, max } => {
            out.array(4).uint(number::COUNT);
            write_filter(&mut out, filter);
            out.uint(*min).uint(*max)
        }
        Claim::Window {
            not_before,
            not_after,
        } => out
            .array(3)
            .uint(number::WINDOW)
            .uint(*not_before)
            .uint(*not_after),
        Claim::Spend { max } => out.array(2).uint(number::SPEND).uint(*max),
        Claim::Budget {
            max_start,
            max_raise,
        } => out
            .array(3)
            .uint(number::BUDGET)
            .uint(*max_start)
            .uint(*max_raise),
        Claim::Halt => out.array(1).uint(number::HALT),
        Claim::Allowed { matching } => universal(&mut out, 3, number::ALLOWED, matching),
        Claim::Gated { matching } => universal(&mut out, 3, number::GATED, matching),
        Claim::Oversight { matching, score } => {
            universal(&mut out, 4, number::OVERSIGHT, matching).uint((*score).into())
        }
        Claim::Only { matching, set } => {
            let out = universal(&mut out, 4, number::ONLY, matching);
            write_ids(out, set)
        }
        Claim::Threshold { matching, min, max } => {
            universal(&mut out, 5, number::THRESHOLD, matching)
                .uint((*min).into())
                .uint((*max).into())
        }
        Claim::Consensus {
            round,
            electorate,
            quorum,
            rule,
        } => {
            out.array(5).uint(number::CONSENSUS).uint((*round).into());
            write_ids(&mut out, electorate)
                .uint(*quorum)
                .uint(*rule as u64)
        }
    };
    out.into_vec()
}

fn universal<'e>(
    out: &'e mut Encoder,
    len: usize,
    number: u64,
    matching: &Matching,
) -> &'e mut Encoder {
    out.array(len).uint(number);
    write_filter(out, &matching.filter);
    out.uint(matching.min_matches)
}

fn write_filter(out: &mut Encoder, filter: &Filter) {
    let Filter {
        kinds,
        decisions,
        flags,
        actors,
        subjects,
    } = filter;
    let masks = [
        (key::KINDS, kinds.map(|set| u64::from(set.bits()))),
        (key::DECISIONS, decisions.map(|set| u64::from(set.bits()))),
        (key::FLAGS, flags.map(|set| u64::from(set.bits()))),
    ];
    let lists = [(key::ACTORS, actors), (key::SUBJECTS, subjects)];
    let present = masks.iter().filter(|(_, mask)| mask.is_some()).count()
        + lists.iter().filter(|(_, ids)| ids.is_some()).count();
    out.map(present);
    for (key, mask) in masks {
        if let Some(mask) = mask {
            out.uint(key).uint(mask);
        }
    }
    for (key, ids) in lists {
        if let Some(ids) = ids {
            write_ids(out.uint(key), ids);
        }
    }
}

fn write_ids<'e>(out: &'e mut Encoder, ids: &Ids) -> &'e mut Encoder {
    let ids = ids.as_slice();
    out.array(ids.len());
    for id in ids {
        out.bytes(&id.0);
    }
    out
}
