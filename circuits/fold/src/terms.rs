//! Claims in the form that the circuit reads: the same number of elements whatever they are.

use avouch_claims::{Claim, Claims, Filter, Ids, Matching};
use ff::Field;

use crate::Error;
use crate::engine::{self, Scalar};

/// How many count, allowed, only and threshold claims there may be.
pub const MAX_MATCHING: usize = 6;
/// How many actors one filter may list.
pub const MAX_ACTORS: usize = 2;
/// How many subjects one filter may list.
pub const MAX_SUBJECTS: usize = 4;
/// How many subjects one only claim may allow.
pub const MAX_SET: usize = 16;

/// A slot's bits: kinds 0 to 27, decisions 0 to 5, flags, then whether flags, actor and subject
/// are free, and what a match must be.
pub(crate) const KINDS: usize = 28;
pub(crate) const DECISIONS: usize = 6;
pub(crate) const FLAGS: usize = 4;
pub(crate) const SLOT_BITS: usize = KINDS + DECISIONS + FLAGS + 6;
/// Which of window, spend, budget and halt are claimed.
pub(crate) const SWITCHES: usize = 4;

/// Claims as numbers. Several windows, spends or budgets are one: the narrowest bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) window: Option<[u64; 2]>,
    pub(crate) spend: Option<u64>,
    /// The most at the start, and the most by raises.
    pub(crate) budget: Option<[u64; 2]>,
    pub(crate) halt: bool,
    pub(crate) slots: Vec<Slot>,
}

/// A claim about matching events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) bits: [bool; SLOT_BITS],
    pub(crate) actors: [Scalar; MAX_ACTORS],
    pub(crate) subjects: [Scalar; MAX_SUBJECTS],
    pub(crate) set: [Scalar; MAX_SET],
    pub(crate) scores: [u32; 2],
    pub(crate) matches: [u64; 2],
}

impl Slot {
    /// Matches nothing and asks for nothing.
    const EMPTY: Self = Self {
        bits: [false; SLOT_BITS],
        actors: [Scalar::ZERO; MAX_ACTORS],
        subjects: [Scalar::ZERO; MAX_SUBJECTS],
        set: [Scalar::ZERO; MAX_SET],
        scores: [0; 2],
        matches: [0, u64::MAX],
    };

    fn new(filter: &Filter, [min, max]: [u64; 2]) -> Result<Self, Error> {
        let mut slot = Self {
            matches: [min, max],
            ..Self::EMPTY
        };
        let all = u32::MAX;
        let kinds = filter.kinds.map_or(all, |set| set.bits());
        let decisions = filter.decisions.map_or(all, |set| set.bits().into());
        let flags = filter.flags.map_or(0, |flags| flags.bits().into());
        let (kind_bits, rest) = slot.bits.split_at_mut(KINDS);
        let (decision_bits, rest) = rest.split_at_mut(DECISIONS);
        let (flag_bits, rest) = rest.split_at_mut(FLAGS);
        for (bits, from) in [
            (kind_bits, kinds),
            (decision_bits, decisions),
            (flag_bits, flags),
        ] {
            for (at, bit) in bits.iter_mut().enumerate() {
                *bit = from >> at & 1 == 1;
            }
        }
        rest[0] = filter.flags.is_none();
        rest[1] = filter.actors.is_none();
        rest[2] = filter.subjects.is_none();
        if let Some(ids) = &filter.actors {
            slot.actors = members(ids, "the actors of a filter")?;
        }
        if let Some(ids) = &filter.subjects {
            slot.subjects = members(ids, "the subjects of a filter")?;
        }
        Ok(slot)
    }

    fn universal(matching: &Matching) -> Result<Self, Error> {
        Self::new(&matching.filter, [matching.min_matches, u64::MAX])
    }

    fn require(&mut self, what: usize) {
        self.bits[SLOT_BITS - 3 + what] = true;
    }

    fn elements(&self, out: &mut Vec<Scalar>) {
        out.push(packed(&self.bits));
        out.extend(self.actors.iter().chain(&self.subjects).chain(&self.set));
        out.extend(self.scores.map(|score| Scalar::from(u64::from(score))));
        out.extend(self.matches.map(Scalar::from));
    }
}

impl Terms {
    /// The terms of these claims; `None` claims nothing but the chain and its counts.
    pub(crate) fn new(claims: Option<&Claims>) -> Result<Self, Error> {
        let mut terms = Self {
            window: None,
            spend: None,
            budget: None,
            halt: false,
            slots: Vec::new(),
        };
        for claim in claims.map_or(&[][..], Claims::as_slice) {
            terms.add(claim)?;
        }
        if terms.slots.len() > MAX_MATCHING {
            return Err(Error::TooMany {
                what: "count, allowed, only and threshold claims",
                most: MAX_MATCHING,
            });
        }
        terms.slots.resize(MAX_MATCHING, Slot::EMPTY);
        Ok(terms)
    }

    fn add(&mut self, claim: &Claim) -> Result<(), Error> {
        match claim {
            Claim::Count { filter, min, max } => {
                self.slots.push(Slot::new(filter, [*min, *max])?);
            }
            Claim::Window {
                not_before,
                not_after,
            } => {
                let [from, to] = self.window.unwrap_or([0, u64::MAX]);
                self.window = Some([from.max(*not_before), to.min(*not_after)]);
            }
            Claim::Spend { max } => self.spend = Some(self.spend.unwrap_or(u64::MAX).min(*max)),
            Claim::Budget {
                max_start,
                max_raise,
            } => {
                let [start, raise] = self.budget.unwrap_or([u64::MAX; 2]);
                self.budget = Some([start.min(*max_start), raise.min(*max_raise)]);
            }
            Claim::Halt => self.halt = true,
            Claim::Allowed { matching } => {
                let mut slot = Slot::universal(matching)?;
                slot.require(0);
                self.slots.push(slot);
            }
            Claim::Only { matching, set } => {
                let mut slot = Slot::universal(matching)?;
                slot.require(1);
                slot.set = members(set, "the set of an only claim")?;
                self.slots.push(slot);
            }
            Claim::Threshold { matching, min, max } => {
                let mut slot = Slot::universal(matching)?;
                slot.require(2);
                slot.scores = [*min, *max];
                self.slots.push(slot);
            }
            Claim::Gated { .. } | Claim::Oversight { .. } | Claim::Consensus { .. } => {
                return Err(Error::Claims(avouch_claims::Error::NotOverLifetime {
                    claim: claim.name(),
                }));
            }
        }
        Ok(())
    }

    pub(crate) fn switches(&self) -> [bool; SWITCHES] {
        [
            self.window.is_some(),
            self.spend.is_some(),
            self.budget.is_some(),
            self.halt,
        ]
    }

    /// What the circuit opens in every step, in its order.
    pub(crate) fn elements(&self) -> Vec<Scalar> {
        let mut out = vec![packed(&self.switches())];
        let [from, to] = self.window.unwrap_or_default();
        let [start, raise] = self.budget.unwrap_or_default();
        out.extend([from, to, self.spend.unwrap_or_default(), start, raise].map(Scalar::from));
        self.slots.iter().for_each(|slot| slot.elements(&mut out));
        out
    }

    /// What stands for the claims in the proof's state.
    pub(crate) fn digest(&self) -> Scalar {
        engine::hash(&self.elements())
    }
}

/// Bits as a number, the first the least.
fn packed(bits: &[bool]) -> Scalar {
    let number = bits
        .iter()
        .rev()
        .fold(0_u64, |sum, bit| sum << 1 | u64::from(*bit));
    Scalar::from(number)
}

/// A list that is shorter repeats its first member: it has the same roots.
fn members<const N: usize>(ids: &Ids, what: &'static str) -> Result<[Scalar; N], Error> {
    let ids = ids.as_slice();
    if ids.len() > N {
        return Err(Error::TooMany { what, most: N });
    }
    Ok(core::array::from_fn(|at| {
        engine::number(ids.get(at).unwrap_or(&ids[0]).0)
    }))
}
