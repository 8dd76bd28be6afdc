//! `consensus`: the votes of one round.

use alloc::vec::Vec;

use avouch_claims::{Ids, VotingRule};
use avouch_trace::{Decision, Kind};
use p3_air::AirBuilder;
use p3_field::PrimeCharacteristicRing;

use super::carried::{Carried, Start};
use super::columns::{Bytes, Checks, Column, Columns, Linear, Row};
use super::header::{HeaderColumns, high_low};
use super::matching::Matching;
use super::names::is_id;
use crate::Val;

/// What only a weighted vote needs.
#[derive(Clone, Debug)]
struct Weights {
    score: Linear,
    known: Linear,
    /// The scores of those who allowed, and of all.
    allow: (Column, Start<1>),
    all: (Column, Start<1>),
}

/// What decides, at the run's end.
#[derive(Clone, Debug)]
struct Outcome {
    quorum: u32,
    /// How many voted beyond the quorum.
    beyond_quorum: Bytes,
    rule: VotingRule,
    /// By how much the rule is kept, where it is an inequality.
    margin: Option<Bytes>,
    /// Weighted: the highest byte of the margin, below 64, and that some weight was cast.
    weighted: Option<(Column, Column)>,
}

/// The columns of one consensus claim.
#[derive(Clone, Debug)]
pub(crate) struct Votes {
    electorate: Ids,
    actor: [Linear; 8],
    round: [Linear; 2],
    expected_round: [u32; 2],
    /// Whether the event's round is this one, shown both ways.
    in_round: Column,
    round_inverses: [Column; 2],
    /// Whether the event is a vote in this round, and whether it allowed.
    cast: Linear,
    cast_allow: Linear,
    may_vote: Linear,
    /// Who votes here, and who has voted so far.
    voter: Vec<Column>,
    voted: Vec<(Column, Start<1>)>,
    allow: (Column, Start<1>),
    weights: Option<Weights>,
    outcome: Option<Outcome>,
}

impl Votes {
    pub(crate) fn new(
        columns: &mut Columns,
        carried: &mut Carried,
        matching: &mut Matching,
        header: &HeaderColumns,
        (round, electorate): (u32, &Ids),
        (quorum, rule): (u64, VotingRule),
    ) -> Self {
        let in_round = columns.one();
        let round_inverses = columns.array();
        let vote = alloc::vec![header.kind(Kind::Vote), Linear::of(in_round)];
        let cast = matching.all(columns, vote);
        let allowing = alloc::vec![cast.clone(), header.decision(Decision::Allow)];
        let cast_allow = matching.all(columns, allowing);
        let members = electorate.as_slice().len();
        let voter = columns.many(members);
        let voted = columns.many(members);
        let starts = carried.bits(columns, &voted);
        let mut register = |columns: &mut Columns| {
            let column = columns.one();
            (column, carried.number(columns, Linear::of(column), 0))
        };
        let allow = register(columns);
        let weights = (rule == VotingRule::Weighted).then(|| Weights {
            score: header.score(),
            known: Linear::of(header.score_known),
            allow: register(columns),
            all: register(columns),
        });
        let may_vote = [Decision::None, Decision::Allow, Decision::Deny]
            .map(|decision| header.decision(decision));
        let ends = carried.segment.is_last();
        Self {
            electorate: electorate.clone(),
            actor: header.actor(),
            round: header.round(),
            expected_round: high_low(round),
            in_round,
            round_inverses,
            cast,
            cast_allow,
            may_vote: may_vote.iter().fold(Linear::zero(), Linear::plus),
            voter,
            voted: voted.into_iter().zip(starts).collect(),
            allow,
            weights,
            outcome: ends.then(|| Outcome::new(columns, &header.last(), quorum as u32, rule)),
        }
    }

    pub(crate) fn row<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
    ) {
        let in_round = row.cell(self.in_round);
        checks.bit(in_round.clone());
        let mut differs = in_round.clone() - AB::Expr::ONE;
        let limbs = self.round.iter().zip(self.expected_round);
        for ((limb, expected), inverse) in limbs.zip(self.round_inverses) {
            let difference = row.value(limb) - Val::from_u32(expected);
            checks.zero(in_round.clone() * difference.clone());
            differs += difference * row.cell(inverse);
        }
        checks.zero(differs);
        let cast = row.value(&self.cast);
        checks.zero(cast.clone() * (AB::Expr::ONE - row.value(&self.may_vote)));
        for (voter, id) in self.voter.iter().zip(self.electorate.as_slice()) {
            checks.bit(row.cell(*voter));
            is_id(checks, row, row.cell(*voter), &self.actor, id);
        }
        let voters = Linear::sum(self.voter.iter().copied());
        checks.zero(row.value(&voters) - cast.clone());
        for (voted, _) in &self.voted {
            checks.bit(row.cell(*voted));
        }
        if let Some(weights) = &self.weights {
            checks.zero(cast * (AB::Expr::ONE - row.value(&weights.known)));
        }
    }

    pub(crate) fn step<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        previous: Option<&Row<'_, AB>>,
        row: &Row<'_, AB>,
    ) {
        let mut adds = |(column, start): &(Column, Start<1>), value: AB::Expr| {
            let [before] = start.before(previous, row);
            checks.zero(row.cell(*column) - before - value);
        };
        // Nobody can vote twice: who has voted is a bit.
        for (voted, voter) in self.voted.iter().zip(&self.voter) {
            adds(voted, row.cell(*voter));
        }
        adds(&self.allow, row.value(&self.cast_allow));
        if let Some(weights) = &self.weights {
            let score = row.value(&weights.score);
            adds(&weights.allow, row.value(&self.cast_allow) * score.clone());
            adds(&weights.all, row.value(&self.cast) * score);
        }
    }

    pub(crate) fn finish<AB: AirBuilder<F = Val>>(
        &self,
        checks: &mut Checks<'_, AB>,
        row: &Row<'_, AB>,
        last: &AB::Expr,
    ) {
        let Some(outcome) = &self.outcome else { return };
        let voted = Linear::sum(self.voted.iter().map(|(column, _)| *column));
        let beyond = row.value(&voted) - Val::from_u32(outcome.quorum);
        checks.zero(last.clone() * beyond - row.value(&outcome.beyond_quorum.number()));
        let kept = row.value(&self.kept_by(outcome.rule));
        match (&outcome.margin, &outcome.weighted, &self.weights) {
            (Some(margin), Some((highest, inverse)), Some(weights)) => {
                let highest = row.cell(*highest) * Val::from_u32(1 << 24);
                checks.zero(last.clone() * kept - row.value(&margin.number()) - highest);
                checks.zero(last.clone() - row.cell(weights.all.0) * row.cell(*inverse));
            }
            (Some(margin), ..) => {
                checks.zero(last.clone() * kept - row.value(&margin.number()));
            }
            (None, ..) => checks.zero(last.clone() * kept),
        }
    }

    /// What must not be negative, or for a unanimous vote must be 0.
    fn kept_by(&self, rule: VotingRule) -> Linear {
        let n = self.electorate.as_slice().len() as u32;
        let times = |column: Column, factor: u32| Linear::of(column).times(Val::from_u32(factor));
        let allow = self.allow.0;
        match (rule, &self.weights) {
            (VotingRule::Majority, _) => times(allow, 2).minus(&Linear::constant(n + 1)),
            (VotingRule::Supermajority, _) => times(allow, 3).minus(&Linear::constant(2 * n)),
            (VotingRule::Weighted, Some(weights)) => {
                times(weights.allow.0, 10).minus(&times(weights.all.0, 7))
            }
            _ => times(allow, 1).minus(&Linear::constant(n)),
        }
    }

    /// `numbers` are who voted, how many allowed and, if weighted, the two sums.
    #[cfg(feature = "prove")]
    pub(crate) fn fill(&self, row: &mut [Val], numbers: &mut [u64], actor: &avouch_trace::NameId) {
        self.fill_round(row);
        let one = |cell: Val| cell == Val::ONE;
        let (cast, allows) = (one(self.cast.at(row)), one(self.cast_allow.at(row)));
        if cast {
            if let Some(member) = self.electorate.position(actor) {
                row[self.voter[member]] = Val::ONE;
                numbers[0] |= 1 << member;
            }
            numbers[1] += u64::from(allows);
            if let Some(weights) = &self.weights {
                let score = match one(weights.known.at(row)) {
                    true => p3_field::PrimeField32::as_canonical_u32(&weights.score.at(row)),
                    false => 0,
                };
                numbers[2] += if allows { u64::from(score) } else { 0 };
                numbers[3] += u64::from(score);
            }
        }
        self.write(row, numbers);
    }

    /// Fills whether the row's event is of this round, before the products that use it.
    #[cfg(feature = "prove")]
    pub(crate) fn fill_round(&self, row: &mut [Val]) {
        let limbs = self.round.iter().zip(self.expected_round);
        let differences: Vec<_> = limbs
            .map(|(limb, expected)| limb.at(row) - Val::from_u32(expected))
            .collect();
        let differs = differences.iter().position(|limb| *limb != Val::ZERO);
        row[self.in_round] = Val::from_bool(differs.is_none());
        if let Some(limb) = differs {
            row[self.round_inverses[limb]] = super::columns::inverse_or_zero(differences[limb]);
        }
    }

    /// Writes the registers.
    #[cfg(feature = "prove")]
    pub(crate) fn write(&self, row: &mut [Val], numbers: &[u64]) {
        for (bit, (voted, _)) in self.voted.iter().enumerate() {
            row[*voted] = Val::from_bool(numbers[0] >> bit & 1 == 1);
        }
        row[self.allow.0] = Val::from_u64(numbers[1]);
        if let Some(weights) = &self.weights {
            row[weights.allow.0] = Val::from_u64(numbers[2]);
            row[weights.all.0] = Val::from_u64(numbers[3]);
        }
    }

    /// Fills what decides, on the last event's row.
    #[cfg(feature = "prove")]
    pub(crate) fn fill_outcome(&self, row: &mut [Val], numbers: &[u64]) {
        use p3_field::PrimeField32;
        let Some(outcome) = &self.outcome else { return };
        let cast = numbers[0].count_ones();
        let beyond = cast.wrapping_sub(outcome.quorum);
        outcome.beyond_quorum.fill(row, u64::from(beyond));
        let kept = self.kept_by(outcome.rule).at(row).as_canonical_u32();
        if let Some(margin) = &outcome.margin {
            margin.fill(row, u64::from(kept));
        }
        if let (Some((highest, inverse)), Some(weights)) = (&outcome.weighted, &self.weights) {
            row[*highest] = Val::from_u32(kept >> 24);
            row[*inverse] = super::columns::inverse_or_zero(row[weights.all.0]);
        }
    }
}

impl Outcome {
    fn new(columns: &mut Columns, last: &Linear, quorum: u32, rule: VotingRule) -> Self {
        // With at most 64 voters everything but a weight is a byte.
        let margin = match rule {
            VotingRule::Unanimous => None,
            VotingRule::Majority | VotingRule::Supermajority => Some(columns.bytes(1, last)),
            VotingRule::Weighted => Some(columns.bytes(3, last)),
        };
        let weighted = (rule == VotingRule::Weighted).then(|| {
            let highest = columns.one();
            // A margin is at most 640 * 10^6, below 2^30: both are bytes only below 64, so that no
            // negative margin is one.
            columns.range(last, Linear::of(highest));
            columns.range(last, Linear::of(highest).plus(&Linear::constant(192)));
            (highest, columns.one())
        });
        Self {
            quorum,
            beyond_quorum: columns.bytes(1, last),
            rule,
            margin,
            weighted,
        }
    }
}
