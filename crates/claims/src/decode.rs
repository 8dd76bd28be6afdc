//! Reading the canonical CBOR form.

use alloc::vec::Vec;

use avouch_cbor::{ArrayIter, Item, Limits};
use avouch_trace::{Flags, NameId};

use crate::cbor::{key, number};
use crate::{Claim, DecisionSet, Error, Filter, Ids, KindSet, MAX_CLAIMS, Matching, VotingRule};

/// The claims in these bytes, in the order in which they stand there. Their order and their
/// parameters' rules are [`crate::Claims::decode`]'s to judge.
pub(crate) fn claims(bytes: &[u8]) -> Result<Vec<Claim>, Error> {
    let item = Item::parse_with(bytes, Limits::default())?;
    let list = item
        .as_array()
        .ok_or_else(|| shape(&item, "an array of claims"))?;
    if list.len() > MAX_CLAIMS {
        return Err(Error::TooManyClaims { found: list.len() });
    }
    list.into_iter().map(claim).collect()
}

fn claim(item: Item<'_>) -> Result<Claim, Error> {
    let mut parts = Parts::of(item, "a claim: an array that starts with its number")?;
    let claim = match parts.uint("a claim's number")? {
        number::COUNT => Claim::Count {
            filter: parts.filter()?,
            min: parts.uint("min")?,
            max: parts.uint("max")?,
        },
        number::WINDOW => Claim::Window {
            not_before: parts.uint("not_before")?,
            not_after: parts.uint("not_after")?,
        },
        number::SPEND => Claim::Spend {
            max: parts.uint("max")?,
        },
        number::BUDGET => Claim::Budget {
            max_start: parts.uint("max_start")?,
            max_raise: parts.uint("max_raise")?,
        },
        number::HALT => Claim::Halt,
        number::ALLOWED => Claim::Allowed {
            matching: parts.matching()?,
        },
        number::GATED => Claim::Gated {
            matching: parts.matching()?,
        },
        number::OVERSIGHT => Claim::Oversight {
            matching: parts.matching()?,
            score: parts.uint32("a score")?,
        },
        number::ONLY => Claim::Only {
            matching: parts.matching()?,
            set: parts.ids()?,
        },
        number::THRESHOLD => Claim::Threshold {
            matching: parts.matching()?,
            min: parts.uint32("min")?,
            max: parts.uint32("max")?,
        },
        number::CONSENSUS => Claim::Consensus {
            round: parts.uint32("a round")?,
            electorate: parts.ids()?,
            quorum: parts.uint("a quorum")?,
            rule: parts.rule()?,
        },
        _ => return Err(shape(&item, "the number of a claim of version 1, 1 to 11")),
    };
    parts.end()?;
    Ok(claim)
}

/// A claim's members, taken one after the other.
struct Parts<'a> {
    whole: Item<'a>,
    items: ArrayIter<'a>,
}

impl<'a> Parts<'a> {
    fn of(item: Item<'a>, expected: &'static str) -> Result<Self, Error> {
        let array = item.as_array().ok_or_else(|| shape(&item, expected))?;
        Ok(Self {
            whole: item,
            items: array.into_iter(),
        })
    }

    fn next(&mut self, expected: &'static str) -> Result<Item<'a>, Error> {
        self.items
            .next()
            .ok_or_else(|| shape(&self.whole, expected))
    }

    fn uint(&mut self, expected: &'static str) -> Result<u64, Error> {
        let item = self.next(expected)?;
        item.as_u64().ok_or_else(|| shape(&item, expected))
    }

    fn uint32(&mut self, expected: &'static str) -> Result<u32, Error> {
        let item = self.next(expected)?;
        let value = item.as_u64().and_then(|value| u32::try_from(value).ok());
        value.ok_or_else(|| shape(&item, expected))
    }

    fn filter(&mut self) -> Result<Filter, Error> {
        filter(self.next("a filter")?)
    }

    fn matching(&mut self) -> Result<Matching, Error> {
        Ok(Matching {
            filter: self.filter()?,
            min_matches: self.uint("min_matches")?,
        })
    }

    fn ids(&mut self) -> Result<Ids, Error> {
        ids(self.next("a list of name ids")?)
    }

    fn rule(&mut self) -> Result<VotingRule, Error> {
        let item = self.next("a voting rule")?;
        let number = item.as_u64();
        let rule = VotingRule::ALL
            .into_iter()
            .find(|rule| number == Some(*rule as u64));
        rule.ok_or_else(|| shape(&item, "a voting rule, 1 to 4"))
    }

    fn end(mut self) -> Result<(), Error> {
        match self.items.next() {
            Some(item) => Err(shape(&item, "the end of the claim")),
            None => Ok(()),
        }
    }
}

fn filter(item: Item<'_>) -> Result<Filter, Error> {
    let map = item
        .as_map()
        .ok_or_else(|| shape(&item, "a filter's map"))?;
    let mut filter = Filter::default();
    for (key, value) in map {
        match key.as_u64() {
            Some(key::KINDS) => {
                let set = value.as_u64().and_then(|bits| u32::try_from(bits).ok());
                filter.kinds = Some(mask(&value, set.and_then(KindSet::from_bits))?);
            }
            Some(key::DECISIONS) => {
                filter.decisions =
                    Some(mask(&value, byte(&value).and_then(DecisionSet::from_bits))?);
            }
            Some(key::FLAGS) => {
                let bits = byte(&value).filter(|bits| *bits != 0);
                filter.flags = Some(mask(&value, bits.and_then(Flags::from_u8))?);
            }
            Some(key::ACTORS) => filter.actors = Some(ids(value)?),
            Some(key::SUBJECTS) => filter.subjects = Some(ids(value)?),
            _ => return Err(shape(&key, "a filter's key, 1 to 5")),
        }
    }
    Ok(filter)
}

fn byte(item: &Item<'_>) -> Option<u8> {
    item.as_u64().and_then(|value| u8::try_from(value).ok())
}

fn mask<T>(item: &Item<'_>, set: Option<T>) -> Result<T, Error> {
    set.ok_or_else(|| shape(item, "a mask of values of version 1, not zero"))
}

fn ids(item: Item<'_>) -> Result<Ids, Error> {
    let array = item
        .as_array()
        .ok_or_else(|| shape(&item, "a list of name ids"))?;
    if array.len() > crate::MAX_IDS {
        return Err(Error::TooManyIds);
    }
    let ids: Vec<NameId> = array.into_iter().map(id).collect::<Result<_, _>>()?;
    Ids::new(ids)
}

fn id(item: Item<'_>) -> Result<NameId, Error> {
    let bytes = item.as_bytes().and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(NameId)
        .ok_or_else(|| shape(&item, "a name id of 16 bytes"))
}

fn shape(item: &Item<'_>, expected: &'static str) -> Error {
    Error::Shape {
        at: item.offset(),
        expected,
    }
}
