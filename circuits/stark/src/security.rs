//! How secure a preset is, by p3-security's own calculator.
//!
//! The bounds are for the largest tables that the verifier admits, so that one figure holds for every
//! run and all claims. [`within_limits`] is what keeps the calculator's inputs true.

use alloc::string::String;
use alloc::vec::Vec;

use p3_air::BaseAir;
use p3_lookup::Lookups;
use p3_security::fri::FriRegime;
use p3_security::grinding::GrindingSites;
use p3_security::logup::{self, LogUpAir};
use p3_security::shape::{InstanceShape, StarkAirParams};
use p3_security::stark::{conjectured_security_report, proven_security_report};

use crate::Val;
use crate::preset::Preset;
use crate::table::Table;

/// Bits of security: an attacker's work is 2 to that power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Security {
    /// By a proven bound, in the random oracle model.
    pub proven: u32,
    /// Under the conjecture about random words. Recent results broke stronger ones; no policy should
    /// rest on it.
    pub conjectured: u32,
}

/// The longest polynomial, as a power of two: with hiding, twice the highest table.
const LOG_LENGTH: usize = 20;
/// The most polynomials that are opened together, counted once for each point.
const OPENINGS: usize = 1 << 16;
/// The most constraints of all tables. A claim adds hundreds at most, and there are at most 64.
const CONSTRAINTS: usize = 1 << 20;
/// The most messages that all tables' rows send or receive, and the longest of them.
const MESSAGES: usize = 1 << 13;
const MESSAGE_LEN: usize = 64;
/// Coordinates of the challenge field, and its size in whole bits.
const DIMENSION: usize = 5;
const FIELD_BITS: usize = 154;
/// Quotient chunks of a table, at most: four for degree 4, twice that for hiding.
const CHUNKS: usize = 8;
/// Random columns beside each matrix.
const RANDOM: usize = crate::config::RANDOM_COLUMNS;

impl Preset {
    /// The security level, for any run and any claims.
    pub fn security(self) -> Security {
        let parameters = self.parameters();
        let fri = FriRegime {
            log_blowup: parameters.log_blowup,
            num_queries: parameters.queries,
            log_final_poly_len: parameters.log_final,
            max_log_arity: parameters.log_arity,
            commit_pow_bits: parameters.fold_work,
            query_pow_bits: parameters.query_work,
        };
        let air = StarkAirParams {
            num_constraints: CONSTRAINTS,
            max_constraint_degree: 4,
            num_quotient_chunks: CHUNKS,
            max_combo: 2,
        };
        let shape = InstanceShape {
            log_trace_length: LOG_LENGTH,
            modulus_bits: FIELD_BITS,
            collision_resistance: 128,
            num_batched_functions: OPENINGS,
        };
        let grinding = GrindingSites {
            batch_combination: parameters.batch_work,
            ..GrindingSites::NONE
        };
        let lookups = LogUpAir {
            num_interactions: MESSAGES,
            max_message_width: MESSAGE_LEN,
        };
        let extras: Vec<_> = logup::security_term(&lookups, &shape, &grinding)
            .into_iter()
            .collect();
        let proven = proven_security_report(&fri, &air, &shape, &extras, &grinding);
        let conjectured = conjectured_security_report(&fri, &air, &shape, &extras, &grinding);
        Security {
            proven: proven.security_bits() as u32,
            conjectured: conjectured.security_bits() as u32,
        }
    }
}

/// Whether these tables are within what the calculator was told.
pub(crate) fn within_limits(
    airs: &[Table],
    heights: &[usize],
    lookups: &[Lookups<Val>],
) -> Result<(), String> {
    let mut openings = 0;
    let mut messages = 0;
    for (air, lookups) in airs.iter().zip(lookups) {
        // Two points for the main and the lookups' columns, one for the others.
        let auxiliary = (lookups.len() + 1) * DIMENSION + RANDOM;
        openings += 2 * (BaseAir::<Val>::width(air) + RANDOM + auxiliary)
            + (CHUNKS + 1) * (DIMENSION + RANDOM);
        messages += lookups
            .iter()
            .map(|lookup| lookup.elements.len())
            .sum::<usize>();
        let longest = lookups
            .iter()
            .flat_map(|lookup| &lookup.elements)
            .map(Vec::len)
            .max();
        if longest.is_some_and(|len| len > MESSAGE_LEN) {
            return Err("its tables' messages are too long".into());
        }
    }
    if openings > OPENINGS
        || messages > MESSAGES
        || heights.iter().any(|&rows| rows > 1 << (LOG_LENGTH - 1))
    {
        return Err("its tables are too large for the preset's security level".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reaches_a_hundred_bits_by_a_proven_bound() {
        for preset in Preset::ALL {
            let security = preset.security();
            assert!(security.proven >= 100, "{}: {security:?}", preset.name());
            assert!(security.conjectured >= security.proven);
        }
    }
}
